from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from numpy.typing import NDArray

from algopioneer_core.domain.errors import ConfigError, NotEnoughData, RefusedError
from algopioneer_core.domain.fills import Side
from algopioneer_core.history.joined import JointColumns
from algopioneer_core.simulation.config import FillTiming
from algopioneer_strategies.hedge import Hedge
from algopioneer_strategies.pair_models import spread_model
from algopioneer_strategies.pairs_config import HedgeMethod, PairsConfig
from algopioneer_strategies.research import grid, grid_moving
from algopioneer_strategies.research.event_run import run_events
from algopioneer_strategies.research.grid import cell_trades, run_cells, run_grid
from algopioneer_strategies.research.grid_spec import (
    DEFAULT_GRID,
    GridMarket,
    GridSpec,
    bars_needed,
)
from algopioneer_strategies.research.grid_trades import GridTrades

COSTS = GridMarket(fee=Decimal("0.0005"), slippage=Decimal("0.0002"))
HEDGES = {
    "fixed": PairsConfig(),
    "fixed at 0.7": PairsConfig(beta=Decimal("0.7")),
    "fitted": PairsConfig(hedge=HedgeMethod.FITTED, hedge_window=80),
    "fitted on the window": PairsConfig(hedge=HedgeMethod.FITTED),
    "ols": PairsConfig(hedge=HedgeMethod.OLS),
    "ols on a longer window": PairsConfig(hedge=HedgeMethod.OLS, hedge_window=70),
    "kalman": PairsConfig(hedge=HedgeMethod.KALMAN, kalman_r=Decimal("0.0001")),
}


def decimals(*texts: str) -> tuple[Decimal, ...]:
    """Return exact numbers."""
    return tuple(map(Decimal, texts))


def small(*hedges: PairsConfig) -> GridSpec:
    """Return a grid of two windows, two entries and three exits."""
    return GridSpec(
        windows=(15, 40),
        entries=decimals("1", "1.8"),
        exits=decimals("-0.3", "0", "0.6"),
        hedges=hedges,
    )


@pytest.mark.parametrize(
    ("name", "fill"),
    [
        *((name, FillTiming.NEXT_OPEN) for name in HEDGES),
        ("fixed", FillTiming.NEXT_CLOSE),
        ("ols", FillTiming.NEXT_CLOSE),
    ],
)
def test_trades_are_those_of_the_strategy_in_the_event_engine(
    made: Any, name: str, fill: FillTiming
) -> None:
    """The same entries, exits and sides, and the same equity but for lot sizes."""
    joint = made.pair(330, seed=3)
    market = evolve(COSTS, fill=fill)
    spec = small(HEDGES[name])
    found = run_grid(spec, joint, market, keep_returns=True)
    trades = cell_trades(spec.cells, joint)
    assert found.returns is not None
    for number in (0, 4, 8, 11):  # each level and window; the event engine takes its time
        run = run_events(spec.cells[number], joint, market, capital=Decimal(10_000))
        lag = made.HOUR if fill is FillTiming.NEXT_OPEN else 0
        assert told(trades.of(number), joint.ts_ns.tolist(), lag) == [
            (trip.entry_ns, trip.exit_ns, trip.side) for trip in run.first_leg
        ]
        assert found.trades[number] == len(run.first_leg) > 2
        growth = float(run.result.final_capital) / 10_000
        assert found.growth[number] == pytest.approx(growth, rel=1e-8)
        equity = np.cumprod(1 + found.returns[number])
        assert equity == pytest.approx(run.equity[1:] / 10_000, rel=1e-8)
        figures = run.result.performance.equity
        assert figures.bars_per_year is not None
        yearly = found.sharpe[number] * figures.bars_per_year**0.5
        assert yearly == pytest.approx(figures.sharpe_ratio, rel=1e-6)


def told(trades: GridTrades, times: list[int], lag: int) -> list[tuple[int, int, Side]]:
    """Return entry, exit and side of trades; fills are *lag* before the close of their bar."""
    return [
        (
            times[signal + 1] - lag,
            times[out] - lag if out < len(times) else times[-1],
            Side.BUY if side > 0 else Side.SELL,
        )
        for signal, out, side in zip(trades.signal, trades.out, trades.side, strict=True)
    ]


def on_levels(made: Any, bars: int = 300) -> JointColumns:
    """Return a pair whose spread takes few values, so that z often lies exactly on a level."""
    steps = np.random.Generator(np.random.PCG64(5)).integers(0, 3, bars)
    return JointColumns(
        (made.leg("AAA", np.array([100, 200, 400])[steps]), made.leg("BBB", np.full(bars, 100)))
    )


@pytest.mark.slow
def test_levels_that_are_hit_exactly_are_decided_exactly(made: Any) -> None:
    """A z on a level neither enters nor leaves, as in the strategy."""
    joint = on_levels(made)
    spec = GridSpec(windows=(2, 3, 4), entries=decimals("1", "1.2"), exits=decimals("0", "0.5"))
    trades = cell_trades(spec.cells, joint)
    for number, cell in enumerate(spec.cells):
        run = run_events(cell, joint, COSTS, capital=Decimal(10_000))
        assert len(trades.of(number)) == len(run.first_leg)


@pytest.mark.slow
def test_a_moving_hedge_near_its_levels_is_decided_exactly(made: Any) -> None:
    """Where floats are in doubt the integers decide; where nothing varies there is no signal."""
    draws = np.random.Generator(np.random.PCG64(5)).integers(0, 3, (2, 300))
    values = np.array([1000, 1010, 1030])
    legs = [made.leg(name, values[row]) for name, row in zip(("AAA", "BBB"), draws, strict=True)]
    flat = np.where(np.arange(300) < 40, 1000, legs[1].close)
    for joint in (JointColumns(tuple(legs)), JointColumns((legs[0], made.leg("BBB", flat)))):
        for hedge in (HedgeMethod.OLS, HedgeMethod.KALMAN):
            plain = PairsConfig(hedge=hedge, z_exit=Decimal(0), kalman_r=Decimal("0.00001"))
            cells = [
                evolve(plain, window=window, z_entry=entry)
                for window, entry in ((3, Decimal("0.5")), (5, Decimal(1)))
            ]
            trades = cell_trades(cells, joint)
            for number, cell in enumerate(cells):
                run = run_events(cell, joint, COSTS, capital=Decimal(10_000))
                assert len(trades.of(number)) == len(run.first_leg) > 0


@pytest.mark.parametrize("name", ["ols", "ols on a longer window", "kalman"])
def test_how_far_one_looks_at_once_changes_no_trade(
    made: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Exits behind a moving hedge are found in stretches, for some entries at a time."""
    joint, cells = made.pair(330, seed=3), small(HEDGES[name]).cells
    whole = cell_trades(cells, joint)
    monkeypatch.setattr(grid_moving, "_STRETCH", 2)
    monkeypatch.setattr(grid_moving, "_BLOCK_VALUES", 14)
    parts = cell_trades(cells, joint)
    assert len(whole) > 20
    for column in ("cell", "signal", "side", "out"):
        assert np.array_equal(getattr(whole, column), getattr(parts, column))


@pytest.mark.parametrize("name", ["ols", "kalman"])
def test_a_moving_hedge_that_never_calls_is_no_trade(made: Any, name: str) -> None:
    """No bar is beyond the level; beside a level that is, it has nothing of its own."""
    far, near = (
        evolve(HEDGES[name], window=20, z_entry=Decimal(entry), z_exit=Decimal(0))
        for entry in (50, 1)
    )
    assert not len(cell_trades([far], made.pair(100)))
    assert set(cell_trades([far, near], made.pair(100)).cell.tolist()) == {1}


def naive(
    prices: NDArray[np.float64], window: int, entry: float, leave: float
) -> list[tuple[int, int, int]]:
    """Return signal, exit and side of each trade by a loop over bars that anybody can check."""
    spread = np.log(prices[0]) - np.log(prices[1])
    trades, side, signal, free = [], 0, 0, 0
    for bar in range(window - 1, len(spread)):
        part = spread[bar + 1 - window : bar + 1]
        z = (spread[bar] - part.mean()) / part.std()
        if side:
            if bar > signal and ((side > 0 and z > -leave) or (side < 0 and z < leave)):
                trades.append((signal, min(bar + 1, len(spread)), side))
                side, free = 0, bar + 1
        elif bar >= free and abs(z) > entry and bar < len(spread) - 1:
            side, signal = (-1 if z > 0 else 1), bar
    return [*trades, (signal, len(spread), side)] if side else trades


@pytest.mark.parametrize("seed", range(4))
def test_trades_are_those_of_a_plain_loop(made: Any, seed: int) -> None:
    """The rule once more, without the strategy's code."""
    joint = made.pair(500, seed=seed)
    spec = small(PairsConfig())
    trades = cell_trades(spec.cells, joint)
    prices = np.array([each.close_float() for each in joint.legs])
    for number, cell in enumerate(spec.cells):
        mine = trades.of(number)
        rows = list(
            zip(
                mine.signal.tolist(), mine.out.tolist(), mine.side.astype(int).tolist(), strict=True
            )
        )
        wanted = naive(prices, cell.window, float(cell.z_entry), float(cell.z_exit))
        assert rows == wanted


def test_tiles_do_not_change_anything(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A grid larger than a tile has the same figures, in the same order, to the last bit."""
    joint, spec = made.pair(300), small(PairsConfig(), HEDGES["ols"])
    whole = run_grid(spec, joint, COSTS, keep_returns=True)
    monkeypatch.setattr(grid, "_TILE_VALUES", 5 * 300)
    parts = run_grid(spec, joint, COSTS, keep_returns=True)
    assert whole.cells == parts.cells == spec.cells
    assert np.array_equal(whole.trades, parts.trades)
    for one, other in (
        (whole.sharpe, parts.sharpe),
        (whole.growth, parts.growth),
        (whole.returns, parts.returns),
    ):
        assert one is not None
        assert other is not None
        assert one.tobytes() == other.tobytes()


def test_a_cell_that_never_trades_has_no_sharpe_ratio(made: Any) -> None:
    """It is no candidate, however few the trades asked for."""
    joint = made.pair(200)
    cells = [PairsConfig(window=20, z_entry=Decimal(entry)) for entry in (9, 1)]
    found = run_cells(cells, joint, COSTS)
    assert found.trades[0] == 0
    assert found.growth[0] == 1.0
    assert np.isnan(found.sharpe[0])
    assert found.best() == 1
    assert found.best(min_trades=1000) is None
    assert run_cells(cells[:1], joint, COSTS).best() is None
    assert np.isnan(run_cells(cells, joint, COSTS, first=199).sharpe).all()


def test_ruin_is_no_bargain(made: Any) -> None:
    """A leg that is short and grows tenfold takes everything; the cell has no figures then."""
    a = np.full(60, 10_000.0)
    a[44:] = 10_100
    a[46:] = 1_000_000
    joint = JointColumns((made.leg("AAA", a), made.leg("BBB", np.full(60, 5_000))))
    cell = PairsConfig(window=5, z_entry=Decimal(1), z_exit=Decimal("-0.9"))
    found = run_cells([cell], joint, COSTS, keep_returns=True)
    assert found.trades[0] >= 1
    assert np.isnan(found.sharpe[0])
    assert np.isnan(found.growth[0])
    assert found.best() is None


def test_first_holds_entries_back_and_purge_drops_what_is_open(made: Any) -> None:
    """Nothing before `first` counts; a trade whose outcome lies beyond the end is left out."""
    joint, cells = made.pair(300, seed=11), small(PairsConfig()).cells
    late = cell_trades(cells, joint, first=100)
    assert late.signal.min() >= 100
    result = run_cells(cells, joint, COSTS, first=100, keep_returns=True)
    assert result.returns is not None
    assert result.returns.shape == (len(cells), 199)
    still_open = cell_trades(cells, joint)
    is_open = np.bincount(still_open.cell[still_open.out == 300], minlength=len(cells))
    assert is_open.sum() > 0
    kept = run_cells(cells, joint, COSTS).trades - run_cells(cells, joint, COSTS, purge=True).trades
    assert np.array_equal(kept, is_open)


def test_a_hedge_can_be_given_to_fitted_cells(made: Any) -> None:
    """They then decide from a full window on, as cells that are fixed at it."""
    joint = made.pair(300)
    fitted = small(PairsConfig(hedge=HedgeMethod.FITTED)).cells
    fixed = small(PairsConfig(beta=Decimal("0.9"))).cells
    one = run_cells(fitted, joint, COSTS, fitted=Hedge(900_000_000))
    assert one.sharpe.tobytes() == run_cells(fixed, joint, COSTS).sharpe.tobytes()


def test_cells_that_make_no_sense_are_left_out() -> None:
    """An exit beyond an entry is none; a grid of nothing else is refused."""
    spec = GridSpec(windows=(10,), entries=decimals("1", "2"), exits=decimals("0", "1.5"))
    levels = [(float(cell.z_entry), float(cell.z_exit)) for cell in spec.cells]
    assert levels == [(1.0, 0.0), (2.0, 0.0), (2.0, 1.5)]
    with pytest.raises(ConfigError, match="no exit is between"):
        GridSpec(windows=(10,), entries=decimals("1"), exits=decimals("2"))
    with pytest.raises(ConfigError, match="at least one value"):
        GridSpec(windows=(), entries=decimals("1"), exits=decimals("0"))
    with pytest.raises(ConfigError, match="window"):
        GridSpec(windows=(1,), entries=decimals("1"), exits=decimals("0"))


@pytest.mark.parametrize(
    "hedge",
    [
        PairsConfig(z_stop=Decimal(4)),
        PairsConfig(time_stop=Decimal(2)),
        PairsConfig(volatility_span=20),
        PairsConfig(notional=Decimal(100)),
    ],
)
def test_what_a_grid_cannot_try_is_refused(hedge: PairsConfig) -> None:
    """Rather than tried without it."""
    with pytest.raises(ConfigError, match="a grid cannot try"):
        small(hedge)


def test_impossible_costs_are_refused() -> None:
    """A fee is a share below 1, a size a share of the equity."""
    with pytest.raises(ConfigError, match="fee"):
        GridMarket(fee=Decimal(1))
    with pytest.raises(ConfigError, match="slippage"):
        GridMarket(slippage=Decimal("-0.1"))
    with pytest.raises(ConfigError, match="share"):
        GridMarket(position_size=Decimal(0))


def test_too_few_bars_and_too_large_spreads_are_refused(made: Any) -> None:
    """Both with the remedy, neither with a traceback of numpy's."""
    with pytest.raises(NotEnoughData, match="needs 120 bars"):
        run_grid(DEFAULT_GRID, made.pair(119), COSTS)
    wide = PairsConfig(beta=Decimal(100_000), window=60)
    with pytest.raises(RefusedError, match="too large"):
        run_cells([wide], made.pair(200), COSTS)
    with pytest.raises(RefusedError, match="too large"):
        run_cells([evolve(wide, beta=Decimal(10**9))], made.pair(200), COSTS)


@pytest.mark.parametrize("name", HEDGES)
def test_cells_need_the_bars_that_the_strategy_needs(name: str) -> None:
    """One rule, written where no model has to be made for each of ten thousand cells."""
    for cell in small(HEDGES[name]).cells:
        assert bars_needed(cell) == spread_model(cell).bars_needed


def test_the_spec_can_be_written_down() -> None:
    """As JSON values, with what makes a hedge."""
    assert small(HEDGES["kalman"], HEDGES["ols"]).as_dict() == {
        "windows": [15, 40],
        "entries": ["1", "1.8"],
        "exits": ["-0.3", "0", "0.6"],
        "hedges": [
            {
                "hedge": "kalman",
                "beta": "1",
                "kalman_q": "0.0000001",
                "kalman_r": "0.0001",
                "kalman_variance": "1",
            },
            {"hedge": "ols", "hedge_window": None},
        ],
    }
    assert small(PairsConfig()).as_dict()["hedges"] == [{"hedge": "fixed", "beta": "1"}]
