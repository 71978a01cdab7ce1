"""
How fast a backtest of two legs is.

    python -m benchmarks.pairs --vector-bars 1000000 --event-bars 100000

Counted are processor seconds from joined columns in memory to trades, exact cash, float equity and
figures; start-up and the making of the bars are left out. Both engines run the pairs rule (beta 1,
window 60, entry 2, exit 0.5) with 0.1 % fees, a hundredth of the equity in each trade. Where both
run the same bars they must end on the same cash.
"""

import argparse
import time
from decimal import Decimal
from functools import partial

import numpy as np
from attrs import evolve
from numpy.random import PCG64, Generator

from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.history.columns import BarColumns, ColumnsSource
from algopioneer_core.history.joined import join_bars
from algopioneer_core.simulation.config import BacktestConfig, EngineChoice, FeeModel
from algopioneer_core.simulation.result import BacktestResult
from algopioneer_core.simulation.spread_backtest import SpreadBacktestRequest, run_spread_backtest
from algopioneer_strategies.pairs import Pairs
from algopioneer_strategies.pairs_config import PairsConfig
from benchmarks.market import random_walk

REVERSION = 64
"""Bars over which the gap between the legs is averaged away."""


def legs(bars: int) -> tuple[BarColumns, BarColumns]:
    """Return two prices that stray from each other by some basis points and come back."""
    first = random_walk(bars)
    noise = Generator(PCG64(11)).normal(0, 0.002, bars + REVERSION)
    sums = np.cumsum(noise)
    gap = (sums[REVERSION:] - sums[:-REVERSION]) / np.sqrt(REVERSION)
    close = (first.close * np.exp(gap)).astype(np.int64)
    start = np.concatenate((close[:1], close[:-1]))
    second = evolve(
        first,
        instrument_id=InstrumentId("sim", "ETH-USD"),
        open=start,
        high=np.maximum(start, close),
        low=np.minimum(start, close),
        close=close,
    )
    return first, second


def measure(bars: int, engine: EngineChoice) -> tuple[float, BacktestResult]:
    """Return the processor seconds of one run, and what came out."""
    sources = [ColumnsSource(leg) for leg in legs(bars)]
    config = PairsConfig(position_size=Decimal("0.01"))
    start = time.process_time()
    source = join_bars(sources)
    request = SpreadBacktestRequest(
        name="pairs",
        make_strategy=partial(Pairs, config, *source.instrument_ids),
        instruments=tuple(map(Instrument.undescribed, source.instrument_ids)),
        source=source,
        config=BacktestConfig(fees=FeeModel(taker=Decimal("0.001")), engine=engine),
    )
    result = run_spread_backtest(request)
    return time.process_time() - start, result


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--vector-bars", type=int, default=1_000_000)
    parser.add_argument("--event-bars", type=int, default=100_000)
    options = parser.parse_args()
    measure(5_000, EngineChoice.VECTOR)  # imports and caches
    show(options.vector_bars, EngineChoice.VECTOR)
    event = show(options.event_bars, EngineChoice.EVENT)
    _seconds, vector = measure(options.event_bars, EngineChoice.VECTOR)
    if event.final_capital != vector.final_capital:
        raise SystemExit("the engines disagree: then their times say nothing")


def show(bars: int, engine: EngineChoice) -> BacktestResult:
    """Measure one run, print the figures and return what came out."""
    seconds, result = measure(bars, engine)
    print(
        f"{engine.value:7} {bars:>10,} x 2 bars {seconds:8.3f} s {bars / seconds:12,.0f} pairs/s "
        f"{result.performance.trades.totals.total:>7,} trades, cash {result.final_capital:f}"
    )
    return result


if __name__ == "__main__":
    main()
