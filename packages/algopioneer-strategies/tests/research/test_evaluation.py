from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from algopioneer_core.domain.errors import ConfigError, NotEnoughData
from algopioneer_core.simulation.config import FillTiming
from algopioneer_strategies.pairs_config import HedgeMethod, PairsConfig
from algopioneer_strategies.research.evaluation import (
    PairEvaluation,
    PairTask,
    split_rule,
    try_pair,
    weigh,
)
from algopioneer_strategies.research.grid_spec import GridMarket, GridSpec
from algopioneer_strategies.research.report_charts import heat_map, thinned

MARKET = GridMarket(fee=Decimal("0.001"), fill=FillTiming.NEXT_CLOSE)
SPLIT = 200


def spec(*methods: HedgeMethod) -> GridSpec:
    """Return a small grid over these hedges."""
    return GridSpec(
        windows=(15, 30),
        entries=(Decimal(1), Decimal("1.7")),
        exits=(Decimal(0),),
        hedges=tuple(PairsConfig(hedge=method) for method in methods),
    )


def evaluated(made: Any, grid: GridSpec, *, beta: float) -> PairEvaluation:
    """Return what a made-up pair is worth."""
    joint = made.pair(320, beta=beta)
    task = PairTask(
        spec=grid,
        joint=joint,
        market=MARKET,
        rule=split_rule(len(joint), SPLIT, half_life=6.2),
        split=SPLIT,
        capital=Decimal(5000),
    )
    return weigh(try_pair(task), task, trials=100)


def test_a_pair_is_walked_forward_from_the_split(made: Any) -> None:
    """What the event engine says begins at the split, with the capital, and counts the trials."""
    found = evaluated(made, spec(HedgeMethod.FITTED, HedgeMethod.FIXED), beta=0.9)
    assert (found.rule.formation, found.rule.embargo, found.rule.test) == (193, 7, 30)
    assert found.offset == 0
    assert found.confirmed.ts_ns[0] == found.joint.ts_ns[SPLIT]
    assert found.confirmed.equity[0] == 5000
    assert found.walk.equity * 5000 == pytest.approx(found.confirmed.equity, rel=1e-6)
    assert found.sharpe == found.confirmed.figures.sharpe_ratio
    assert found.parameters is not None
    odds = found.honesty
    assert odds.bars == 120
    assert odds.by_recorded is not None
    assert odds.by_recorded.trials == 100
    assert odds.by_effective is not None
    assert odds.by_effective.trials == odds.effective <= 8
    assert odds.overfitting is not None
    assert found.search.grid is not None
    assert found.search.grid.returns is None  # too many to keep for every pair
    assert found.search.winner is not None
    assert found.search.best == found.search.grid.best()


def test_a_pair_that_cannot_be_traded_says_so(made: Any) -> None:
    """Legs that move against each other, and nothing but fitted hedges: flat, and undefined."""
    found = evaluated(made, spec(HedgeMethod.FITTED), beta=-1.0)
    assert found.search.grid is None
    assert heat_map(found) is None
    assert found.parameters is None
    assert found.sharpe is None
    assert set(found.confirmed.equity) == {5000.0}
    assert found.confirmed.final_capital == 5000
    odds = found.honesty
    assert (odds.by_recorded, odds.by_effective, odds.overfitting) == (None, None, None)
    assert (odds.above_zero, odds.track_record, odds.effective) == (None, None, 0)


def test_lengths_that_are_not_stated_follow_from_the_bars() -> None:
    """A quarter of the holdout for each test, a half-life of embargo, the rest for formation."""
    rule = split_rule(1000, 700, half_life=12.3)
    assert (rule.formation, rule.embargo, rule.test) == (687, 13, 75)
    assert split_rule(1000, 700, half_life=500).embargo == 70
    assert split_rule(1000, 700, half_life=None).embargo == 0
    stated = split_rule(1000, 700, half_life=12.3, formation=300, test=50, embargo=20)
    assert (stated.formation, stated.embargo, stated.test) == (300, 20, 50)
    assert split_rule(701, 700, half_life=None).test == 2
    with pytest.raises(ConfigError, match="do not fit into the 700 bars"):
        split_rule(1000, 700, half_life=12.3, formation=690)


def test_a_holdout_of_one_bar_is_refused(made: Any) -> None:
    """Nothing can be tested on it."""
    task = PairTask(
        spec=spec(HedgeMethod.FIXED),
        joint=made.pair(201),
        market=MARKET,
        rule=split_rule(201, SPLIT, half_life=None),
        split=SPLIT,
        capital=Decimal(1),
    )
    with pytest.raises(NotEnoughData, match="needs 202 bars"):
        try_pair(task)


def test_the_heat_map_has_the_best_of_each_window_and_entry(made: Any) -> None:
    """Annualised, over exits and hedges; blank where no cell traded."""
    found = evaluated(made, spec(HedgeMethod.FITTED, HedgeMethod.FIXED), beta=0.9)
    drawn = heat_map(found)
    assert drawn is not None
    (trace,) = drawn["data"]
    assert (trace["x"], trace["y"]) == (["1", "1.7"], ["15", "30"])
    grid = found.search.grid
    assert grid is not None
    best = max(
        sharpe
        for cell, sharpe in zip(grid.cells, grid.sharpe, strict=True)
        if cell.window == 30 and cell.z_entry == 1
    )
    yearly = (SPLIT - 1) / ((SPLIT - 1) / (365.25 * 24))
    assert trace["z"][1][0] == pytest.approx(best * yearly**0.5, abs=1e-3)


def test_thinned_lines_keep_their_extremes_and_their_gaps() -> None:
    """Whatever is longest or shortest stays, so that a spike is seen on any screen."""
    values = np.random.Generator(np.random.PCG64(1)).normal(size=40_000)
    values[12_345], values[23_456] = 50.0, -50.0
    values[30_000:35_000] = np.nan
    places = thinned(values)
    assert len(places) <= 1500
    assert {12_345, 23_456} <= set(places.tolist())
    assert np.isnan(values[places]).any()
    assert (np.diff(places) > 0).all()
    assert thinned(values[:1000]).tolist() == list(range(1000))
