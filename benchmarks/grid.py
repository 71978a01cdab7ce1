"""
How fast a grid search over one pair is, beside a bare Python loop over the same cells.

    python -m benchmarks.grid --repeat 5

4 windows x 6 entries x 4 exits over 2 160 hourly bars, hedge ratio 1, fees and slippage on four
fills. The loop is what anybody would write: rolling sums, one float equity, no checks. Both must
have the same Sharpe ratios. Times are of the processor, so that a busy machine counts less.
`--large` adds 10 000 cells x 20 pairs with walk-forward, four folds each.
"""

import argparse
import math
import time
from collections.abc import Callable
from decimal import Decimal

import numpy as np
from numpy.random import PCG64, Generator

from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.history.columns import BarColumns
from algopioneer_core.history.joined import JointColumns
from algopioneer_strategies.pairs_config import HedgeMethod, PairsConfig
from algopioneer_strategies.research.grid import run_grid
from algopioneer_strategies.research.grid_spec import GridMarket, GridSpec
from algopioneer_strategies.research.walk_forward import WalkForwardRule, walk_forward

BARS = 2_160
HOUR_NS = 3_600_000_000_000
MARKET = GridMarket(fee=Decimal("0.0005"), slippage=Decimal("0.0002"))
RULE = WalkForwardRule(formation=1_080, test=270)
HEDGES = {
    "fixed": PairsConfig(),
    "ols": PairsConfig(hedge=HedgeMethod.OLS),
    "kalman": PairsConfig(hedge=HedgeMethod.KALMAN, kalman_r=Decimal("0.0001")),
}


def decimals(*texts: str) -> tuple[Decimal, ...]:
    """Return exact numbers."""
    return tuple(map(Decimal, texts))


def spec(hedge: PairsConfig) -> GridSpec:
    """Return 4 x 6 x 4 cells."""
    return GridSpec(
        windows=(20, 40, 60, 120),
        entries=decimals("1", "1.25", "1.5", "2", "2.5", "3"),
        exits=decimals("-0.5", "0", "0.5", "0.75"),
        hedges=(hedge,),
    )


def large_spec() -> GridSpec:
    """Return 10 x 40 x 25 cells whose hedge is fitted on each formation window."""
    twentieth = Decimal("0.05")
    return GridSpec(
        windows=tuple(range(10, 60, 5)),
        entries=tuple(twentieth * number for number in range(16, 56)),
        exits=tuple(twentieth * number for number in range(-10, 15)),
        hedges=(PairsConfig(hedge=HedgeMethod.FITTED),),
    )


def leg(name: str, price: "np.typing.NDArray[np.float64]") -> BarColumns:
    """Return hourly bars that open where the one before closed."""
    close = np.rint(price).astype(np.int64)
    start = np.concatenate((close[:1], close[:-1]))
    return BarColumns(
        instrument_id=InstrumentId("sim", name),
        interval_ns=HOUR_NS,
        ts_ns=np.arange(1, len(close) + 1, dtype=np.int64) * HOUR_NS,
        open=start,
        high=np.maximum(start, close),
        low=np.minimum(start, close),
        close=close,
        volume=np.zeros(len(close), np.int64),
        price_decimals=2,
        volume_decimals=0,
    )


def pair(bars: int = BARS, seed: int = 7) -> JointColumns:
    """Return two legs whose spread has a half-life of ten bars."""
    draws = Generator(PCG64(seed)).normal(0, 0.01, (2, bars))
    base, spread = np.cumsum(draws[0]), np.zeros(bars)
    for bar in range(1, bars):
        spread[bar] = 0.93 * spread[bar - 1] + draws[1, bar]
    return JointColumns((leg("A", 1e5 * np.exp(base + spread)), leg("B", 5e4 * np.exp(base))))


def bare_cell(  # noqa: C901 - a loop that does everything is what it is
    legs: tuple[list[float], ...], spread: list[float], window: int, entry: float, leave: float
) -> float:
    """Return the Sharpe ratio of one cell by a loop over its bars."""
    open_a, open_b, close_a, close_b = legs
    fee, slip = float(MARKET.fee), float(MARKET.slippage)
    cash, quantity_a, quantity_b, wanted = 1.0, 0.0, 0.0, 0
    side = total = squares = 0.0
    before, gains, gain_squares, last = 1.0, 0.0, 0.0, len(spread) - 1
    for bar, value in enumerate(spread):
        if wanted:
            if side:
                trade_a, trade_b, side = -quantity_a, -quantity_b, 0.0
            else:
                side = float(wanted)
                trade_a = side * 0.5 * cash / close_a[bar - 1]
                trade_b = -side * 0.5 * cash / close_b[bar - 1]
            for trade, price in ((trade_a, open_a[bar]), (trade_b, open_b[bar])):
                paid = trade * price * (1 + slip if trade > 0 else 1 - slip)
                cash -= paid + abs(paid) * fee
            quantity_a, quantity_b, wanted = quantity_a + trade_a, quantity_b + trade_b, 0
        total += value
        squares += value * value
        if bar >= window:
            old = spread[bar - window]
            total -= old
            squares -= old * old
        equity = cash + quantity_a * close_a[bar] + quantity_b * close_b[bar]
        if bar == last and side:
            for trade, price in ((-quantity_a, close_a[bar]), (-quantity_b, close_b[bar])):
                paid = trade * price * (1 + slip if trade > 0 else 1 - slip)
                cash -= paid + abs(paid) * fee
            equity = cash
        if bar:
            gain = equity / before - 1
            gains += gain
            gain_squares += gain * gain
        before = equity
        if bar < window - 1 or bar == last:
            continue
        variance = squares / window - (total / window) ** 2
        if variance <= 0:
            continue
        z = (value - total / window) / math.sqrt(variance)
        if side > 0:
            wanted = int(z > -leave)
        elif side < 0:
            wanted = int(z < leave)
        elif abs(z) > entry:
            wanted = -1 if z > 0 else 1
    mean = gains / last
    deviation = math.sqrt(max(gain_squares - last * mean * mean, 0) / (last - 1))
    return mean / deviation if deviation > 0 else math.nan


def bare_loop(joint: JointColumns, grid: GridSpec) -> list[float]:
    """Return the Sharpe ratio of every cell, one after the other."""
    first, second = joint.legs
    legs = tuple(
        (column / 100).tolist() for column in (first.open, second.open, first.close, second.close)
    )
    spread = [math.log(a) - math.log(b) for a, b in zip(legs[2], legs[3], strict=True)]
    return [
        bare_cell(legs, spread, cell.window, float(cell.z_entry), float(cell.z_exit))
        for cell in grid.cells
    ]


def seconds(run: Callable[[], object], repeat: int) -> float:
    """Return the least processor time of a few runs."""
    times = []
    for _ in range(repeat):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return min(times)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--large", action="store_true")
    asked = parser.parse_args()
    repeat = asked.repeat
    joint, fixed = pair(), spec(HEDGES["fixed"])
    cold = seconds(lambda: run_grid(fixed, joint, MARKET), 1)
    found = run_grid(fixed, joint, MARKET).sharpe
    loop = bare_loop(joint, fixed)
    assert int(np.nanargmax(loop)) == int(np.nanargmax(found))
    assert np.allclose(loop, found, rtol=1e-6, equal_nan=True)
    bare = seconds(lambda: bare_loop(joint, fixed), 2)
    print(f"{len(fixed.cells)} cells over {len(joint)} bars")
    print(f"bare Python loop   {bare * 1e3:8.1f} ms")
    print(f"grid, first call   {cold * 1e3:8.1f} ms")
    for name, hedge in HEDGES.items():
        grid = spec(hedge)
        warm = seconds(lambda grid=grid: run_grid(grid, joint, MARKET), 4 * repeat)  # type: ignore[misc]
        print(f"grid, {name:<12} {warm * 1e3:8.1f} ms, {bare / warm:6.1f} x the bare loop")
    if asked.large:
        cells = large_spec()
        pairs = [pair(seed=seed) for seed in range(20)]
        whole = seconds(lambda: [walk_forward(cells, each, MARKET, RULE) for each in pairs], 1)
        print(f"{len(cells.cells)} cells x {len(pairs)} pairs, walked forward: {whole:.1f} s")


if __name__ == "__main__":
    main()
