"""
How fast a backtest of two legs is, beside the shortest programs that do the same job, in one run.

    python -m benchmarks.pairs --bars 100000 1000000 --repeat 3

How it is measured: `contest`. All run the pairs rule (beta 1, window 60, entry 2, exit 0.5) with
0.1 % fees, a hundredth of the equity in each trade.
"""

from functools import partial

import numpy as np
from attrs import evolve
from numpy.random import PCG64, Generator

from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.history.columns import ColumnsSource
from algopioneer_core.history.joined import join_bars
from algopioneer_core.simulation.config import BacktestConfig, EngineChoice, FeeModel
from algopioneer_core.simulation.spread_backtest import SpreadBacktestRequest, run_spread_backtest
from algopioneer_strategies.pairs import Pairs
from algopioneer_strategies.pairs_config import PairsConfig
from benchmarks.bare import CAPITAL, FEE, SHARE, Outcome
from benchmarks.bare_pairs import Legs, event_loop, numpy_signals
from benchmarks.contest import Contest, Program
from benchmarks.market import random_walk

REVERSION = 64
"""Bars over which the gap between the legs is averaged away."""


def legs(bars: int) -> Legs:
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


def ours(engine: EngineChoice) -> Program:
    """Return a program that runs the project's backtest on *engine*."""

    def run(legs: Legs) -> Outcome:
        config = PairsConfig(position_size=SHARE)
        source = join_bars([ColumnsSource(leg) for leg in legs])
        request = SpreadBacktestRequest(
            name="pairs",
            make_strategy=partial(Pairs, config, *source.instrument_ids),
            instruments=tuple(map(Instrument.undescribed, source.instrument_ids)),
            source=source,
            config=BacktestConfig(
                initial_capital=CAPITAL, fees=FeeModel(maker=FEE, taker=FEE), engine=engine
            ),
        )
        result = run_spread_backtest(request)
        return Outcome(result.final_capital, result.performance.trades.totals.total)

    return run


CONTEST = Contest(
    "benchmarks.pairs",
    legs,
    {
        "bare numpy": numpy_signals,
        "vector": ours(EngineChoice.VECTOR),
        "bare loop": event_loop,
        "event": ours(EngineChoice.EVENT),
    },
    {},
)

if __name__ == "__main__":
    CONTEST.run(__doc__ or "")
