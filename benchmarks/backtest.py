"""
How fast a backtest is, beside the shortest programs that do the same job, in one run.

    python -m benchmarks.backtest --bars 100000 1000000 --repeat 3

Every measurement is a process of its own, and the programs take turns, so that a busy moment of the
machine hits all of them. Counted are processor seconds from columns in memory to trades, exact
cash, float equity and figures; start-up and the making of the bars are left out. Take the ratios,
not the seconds. The libraries in `peers` are measured too where they are installed.
"""

import argparse
import importlib.util
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from statistics import median

from algopioneer_core.domain.instruments import Instrument
from algopioneer_core.history.columns import BarColumns, ColumnsSource
from algopioneer_core.simulation.backtest import BacktestRequest, run_backtest
from algopioneer_core.simulation.config import BacktestConfig, EngineChoice, FeeModel
from algopioneer_strategies.config import MovingAverageConfig
from algopioneer_strategies.moving_average import MovingAverage
from benchmarks.bare import CAPITAL, FEE, LONG, SHARE, SHORT, Outcome, event_loop, numpy_signals
from benchmarks.market import random_walk

Program = Callable[[BarColumns], Outcome]


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


PROGRAMS: dict[str, Program] = {
    "bare numpy": numpy_signals,
    "vector": ours(EngineChoice.VECTOR),
    "bare loop": event_loop,
    "event": ours(EngineChoice.EVENT),
}
"""What is measured, each limit before what it limits."""
LIMITS = {"vector": "bare numpy", "event": "bare loop"}
PEERS: dict[str, Program] = {
    "vectorbt": vectorbt("numba"),
    "vectorbt_rust": vectorbt("rust"),
    "backtesting": backtesting_py,
}
"""By the name of the module that has to be installed."""


def measure(name: str, bars: int, *, warm: bool) -> dict[str, object]:
    """Return the inner time of one program in this process, its outcome and its memory."""
    columns, program = random_walk(bars), {**PROGRAMS, **PEERS}[name]
    if warm:
        program(columns.slice(0, 2_000))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    outcome = program(columns)
    seconds = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "seconds": seconds,
        "cash": str(outcome.cash),
        "trades": outcome.trades,
        "peak_mb": peak / 1024,
        "grown_mb": (peak - before) / 1024,
    }


def in_a_process(name: str, bars: int) -> dict[str, object]:
    """Return `measure` of a fresh process."""
    command = [sys.executable, "-m", "benchmarks.backtest", "--one", name, "--bars", str(bars)]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    result: dict[str, object] = json.loads(answer.stdout)
    return result


def compare(bars: int, repeat: int) -> None:
    """Measure all programs over *bars* bars, in turns, and print what came out."""
    peers = [name for name in PEERS if importlib.util.find_spec(name)]
    names = [*PROGRAMS, *peers]
    runs = [{name: in_a_process(name, bars) for name in names} for _ in range(repeat)]
    seconds = {name: median(float(str(run[name]["seconds"])) for run in runs) for name in names}
    print(f"\n{bars:,} bars, median of {repeat}, {runs[0]['bare loop']['trades']} trades")
    print(f"{'':14} {'seconds':>8} {'bars/s':>12} {'x limit':>8} {'peak MB':>8} {'grown MB':>9}")
    for name in names:
        limit = LIMITS.get(name)
        ratio = f"{seconds[name] / seconds[limit]:8.2f}" if limit else " " * 8
        memory = runs[0][name]
        print(
            f"{name:14} {seconds[name]:8.3f} {bars / seconds[name]:12,.0f} {ratio} "
            f"{memory['peak_mb']:8.0f} {memory['grown_mb']:9.0f}"
        )
    _check_agreement(runs[0], bars)


def _check_agreement(run: dict[str, dict[str, object]], bars: int) -> None:
    """Stop when the exact programs disagree: then their times say nothing."""
    outcomes = {(Decimal(str(run[name]["cash"])), run[name]["trades"]) for name in PROGRAMS}
    if len(outcomes) != 1:
        raise SystemExit(f"the programs disagree over {bars} bars: {outcomes}")
    (cash, _trades) = outcomes.pop()
    print(f"all four end with exactly {cash.normalize():f} in cash")


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--bars", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--one", choices=[*PROGRAMS, *PEERS], help="measure one and print JSON")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one, options.bars[0], warm=True)))
        return
    for bars in options.bars:
        compare(bars, options.repeat)


if __name__ == "__main__":
    main()
