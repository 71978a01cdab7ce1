from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from attrs import evolve

from algopioneer_core.domain.errors import ConfigError, NotEnoughData
from algopioneer_core.history.joined import JointColumns
from algopioneer_strategies.pairs_config import HedgeMethod, PairsConfig
from algopioneer_strategies.research.event_run import run_events
from algopioneer_strategies.research.grid import run_cells
from algopioneer_strategies.research.grid_spec import GridMarket, GridSpec
from algopioneer_strategies.research.walk_forward import (
    WalkForwardRule,
    bars_of_test,
    decide,
    folds,
    walk_forward,
)

COSTS = GridMarket(fee=Decimal("0.0005"), slippage=Decimal("0.0002"))
RULE = WalkForwardRule(formation=200, test=100, embargo=5)


def spec(*methods: HedgeMethod) -> GridSpec:
    """Return a small grid over these hedges."""
    return GridSpec(
        windows=(15, 30),
        entries=(Decimal(1), Decimal("1.7")),
        exits=(Decimal(0), Decimal("0.5")),
        hedges=tuple(PairsConfig(hedge=method, kalman_r=Decimal("0.0001")) for method in methods),
    )


ALL = spec(HedgeMethod.FITTED, HedgeMethod.OLS, HedgeMethod.KALMAN)


def test_test_windows_cover_everything_behind_the_first_formation() -> None:
    """Without a gap or an overlap; formation ends an embargo before each of them."""
    found = list(folds(1000, RULE))
    assert found[0].formation == (0, 200)
    assert found[0].test == (205, 305)
    covered = [bar for fold in found for bar in range(*fold.test)]
    assert covered == list(range(205, 1000))
    for fold in found:
        assert fold.test[0] - fold.formation[1] == 5
        assert fold.formation[1] - fold.formation[0] == 200


@pytest.mark.parametrize("bars", [207, 305, 306, 307, 405])
def test_no_test_window_is_a_single_bar(bars: int) -> None:
    """One bar has no return; it belongs to the window before."""
    found = list(folds(bars, RULE))
    assert found[-1].test[1] == bars
    assert all(stop - start >= 2 for start, stop in (fold.test for fold in found))


def test_too_few_bars_are_refused(made: Any) -> None:
    """For a fold, and for the slowest cell of a formation window."""
    with pytest.raises(NotEnoughData, match="needs 207 bars"):
        list(folds(206, RULE))
    short = WalkForwardRule(formation=29, test=10)
    with pytest.raises(NotEnoughData, match="needs 30 bars"):
        walk_forward(ALL, made.pair(100), COSTS, short)


@pytest.mark.parametrize(
    "change", [{"formation": 0}, {"test": 0}, {"embargo": -1}, {"min_trades": 0}]
)
def test_impossible_rules_are_refused(change: dict[str, int]) -> None:
    """With the name of what is wrong."""
    (name,) = change
    with pytest.raises(ConfigError, match=name):
        evolve(RULE, **change)


def test_the_best_cell_of_the_formation_window_is_chosen(made: Any) -> None:
    """By Sharpe ratio, among the cells that traded enough; a fitted hedge is then fixed."""
    formation = made.pair(300, beta=0.8)
    only = spec(HedgeMethod.FITTED)
    choice = decide(only, formation, COSTS, min_trades=3)
    assert choice is not None
    assert choice.cell.hedge is HedgeMethod.FIXED
    assert float(choice.cell.beta) == pytest.approx(0.8, abs=0.1)
    fixed = [evolve(cell, hedge=HedgeMethod.FIXED, beta=choice.cell.beta) for cell in only.cells]
    found = run_cells(fixed, formation, COSTS, first=29, purge=True)
    assert choice.sharpe == np.nanmax(found.sharpe)
    assert choice.place == int(np.nanargmax(found.sharpe))
    assert decide(only, formation, COSTS, min_trades=1000) is None


def test_legs_that_move_against_each_other_are_not_traded(made: Any) -> None:
    """A fitted hedge that is not positive makes no pair; cells that need none are still there."""
    formation = made.pair(300, beta=-1.0)
    assert decide(spec(HedgeMethod.FITTED), formation, COSTS, min_trades=1) is None
    both = decide(spec(HedgeMethod.FITTED, HedgeMethod.FIXED), formation, COSTS, min_trades=1)
    assert both is not None
    assert both.cell.beta == 1
    cells = spec(HedgeMethod.FITTED, HedgeMethod.FIXED).cells
    assert both.cell == cells[both.place]
    found = walk_forward(spec(HedgeMethod.FITTED), made.pair(400, beta=-1.0), COSTS, RULE)
    assert found.trades == 0
    assert set(found.equity) == {1.0}
    assert found.sharpe is None
    assert found.in_sample_sharpe is None
    assert found.efficiency is None


def test_nothing_is_chosen_where_every_cell_loses(made: Any) -> None:
    """Costs that no trade earns: the best of the losers is not traded either."""
    dear = evolve(COSTS, fee=Decimal("0.05"))
    formation = made.pair(300)
    found = run_cells(spec(HedgeMethod.FIXED).cells, formation, dear, first=29, purge=True)
    assert np.nanmax(found.sharpe) < 0
    assert decide(spec(HedgeMethod.FIXED), formation, dear, min_trades=1) is None


def test_each_test_window_is_what_the_event_engine_makes_of_the_choice(made: Any) -> None:
    """From the first bar of the window on, flat at both ends, for every kind of hedge."""
    joint = made.pair(620, seed=2)
    for method in (HedgeMethod.FITTED, HedgeMethod.OLS, HedgeMethod.KALMAN):
        found = walk_forward(spec(method), joint, COSTS, RULE)
        assert len(found.folds) == 5
        for each in found.folds[::2]:
            assert each.choice is not None
            start, stop = bars_of_test(each.choice.cell, each.fold)
            run = run_events(
                each.choice.cell, joint.slice(start, stop), COSTS, capital=Decimal(1000)
            )
            equity = run.equity[each.fold.test[0] - start :]
            assert equity / 1000 == pytest.approx(each.equity, rel=1e-7)
            assert len(run.first_leg) == each.trades
            decided = joint.ts_ns[each.fold.test[0]]
            assert all(trip.entry_ns >= decided for trip in run.first_leg)


def test_out_of_sample_equity_is_one_curve(made: Any) -> None:
    """Each window goes on from the end of the one before; the figures follow from it."""
    joint = made.pair(620, seed=2)
    found = walk_forward(ALL, joint, COSTS, RULE)
    assert found.first_bar == 205
    assert len(found.equity) == 620 - 205
    ends = np.cumprod([each.equity[-1] for each in found.folds])
    places = np.cumsum([len(each.equity) for each in found.folds]) - 1
    assert found.equity[places] == pytest.approx(ends)
    returns = found.equity[1:] / found.equity[:-1] - 1
    assert found.sharpe is not None
    assert found.sharpe == pytest.approx(returns.mean() / returns.std(ddof=1))
    inside = [each.choice.sharpe for each in found.folds if each.choice]
    assert found.in_sample_sharpe == pytest.approx(np.mean(inside))
    assert found.efficiency == pytest.approx(found.sharpe / np.mean(inside))
    assert found.trades == sum(each.trades for each in found.folds) > 20


def test_bars_behind_the_formation_window_do_not_change_a_choice(made: Any) -> None:
    """A cheap look at what `test_future_poisoning` has in full."""
    joint = made.pair(620, seed=2)
    shorter = walk_forward(ALL, joint.slice(0, 410), COSTS, RULE)
    longer = walk_forward(ALL, joint, COSTS, RULE)
    for one, other in zip(shorter.folds, longer.folds, strict=False):
        assert one.choice is not None
        assert other.choice is not None
        assert one.choice.cell == other.choice.cell
        assert one.choice.sharpe == other.choice.sharpe


def test_a_trade_that_is_open_at_the_end_of_formation_is_purged(made: Any) -> None:
    """Whatever it stands at, it does not count for its cell."""
    a, b = np.full(80, 10_000), np.full(80, 5_000)
    a[40:48] += 100  # one round trip
    a[70:] += 200  # and one that is still open
    formation = JointColumns((made.leg("AAA", a), made.leg("BBB", b)))
    cell = GridSpec(windows=(30,), entries=(Decimal(2),), exits=(Decimal(0),))
    assert decide(cell, formation, COSTS, min_trades=1) is not None
    assert decide(cell, formation, COSTS, min_trades=2) is None
    assert int(run_cells(cell.cells, formation, COSTS).trades[0]) == 2


def test_the_rule_can_be_written_down() -> None:
    """As JSON values."""
    assert RULE.as_dict() == {"formation": 200, "test": 100, "embargo": 5, "min_trades": 3}
