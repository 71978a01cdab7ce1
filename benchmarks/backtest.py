"""
How fast a backtest is, beside the shortest programs that do the same job, in one run.

    python -m benchmarks.backtest --bars 100000 1000000 --repeat 3

How it is measured: `contest`. The libraries in `peers` are measured too where they are installed.
"""

from algopioneer_core.domain.instruments import Instrument
from algopioneer_core.history.columns import BarColumns, ColumnsSource
from algopioneer_core.simulation.backtest import BacktestRequest, run_backtest
from algopioneer_core.simulation.config import BacktestConfig, EngineChoice, FeeModel
from algopioneer_strategies.config import MovingAverageConfig
from algopioneer_strategies.moving_average import MovingAverage
from benchmarks.bare import CAPITAL, FEE, LONG, SHARE, SHORT, Outcome, event_loop, numpy_signals
from benchmarks.contest import Contest, Program
from benchmarks.market import random_walk


def ours(engine: EngineChoice) -> Program:
    """Return a program that runs the project's backtest on *engine*."""

    def run(bars: BarColumns) -> Outcome:
        instrument = Instrument.undescribed(bars.instrument_id)
        strategy = MovingAverageConfig(short_window=SHORT, long_window=LONG, position_size=SHARE)
        request = BacktestRequest(
            name="moving-average",
            make_strategy=lambda: MovingAverage(strategy, instrument.id),
            instrument=instrument,
            source=ColumnsSource(bars),
            config=BacktestConfig(
                initial_capital=CAPITAL, fees=FeeModel(maker=FEE, taker=FEE), engine=engine
            ),
        )
        result = run_backtest(request)
        return Outcome(result.final_capital, result.performance.trades.totals.total)

    return run


def backtesting_py(bars: BarColumns) -> Outcome:
    """Run the library of that name, if it is installed; its money is float."""
    from benchmarks.peers import backtesting_py as run

    return run(bars)


def vectorbt(engine: str) -> Program:
    """Return a program that runs the library of that name on *engine*; its money is float."""

    def run(bars: BarColumns) -> Outcome:
        from benchmarks.peers import vectorbt

        return vectorbt(bars, engine)

    return run


CONTEST = Contest(
    "benchmarks.backtest",
    random_walk,
    {
        "bare numpy": numpy_signals,
        "vector": ours(EngineChoice.VECTOR),
        "bare loop": event_loop,
        "event": ours(EngineChoice.EVENT),
    },
    {
        "vectorbt": vectorbt("numba"),
        "vectorbt_rust": vectorbt("rust"),
        "backtesting": backtesting_py,
    },
)

if __name__ == "__main__":
    CONTEST.run(__doc__ or "")
