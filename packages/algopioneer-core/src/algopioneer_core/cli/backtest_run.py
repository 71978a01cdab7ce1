"""Running a planned backtest: files, progress and the answer on the terminal."""

from contextlib import ExitStack
from pathlib import Path

from algopioneer_core.bootstrap.backtest import BacktestPlan
from algopioneer_core.cli.kit import print_json
from algopioneer_core.cli.progress import ProgressSink
from algopioneer_core.reports.chart_series import ChartSeries
from algopioneer_core.reports.html import write_report
from algopioneer_core.reports.output import prepare_output_dir, write_results_json
from algopioneer_core.reports.spread_series import SpreadSeries
from algopioneer_core.reports.tables import EquityCsv, TradesCsv
from algopioneer_core.reports.terminal import print_result
from algopioneer_core.simulation.result import BacktestResult
from algopioneer_core.simulation.sinks import ResultSink
from algopioneer_core.simulation.valuation import Valuation

__all__ = ["run_and_show"]


def run_and_show(plan: BacktestPlan, *, as_json: bool) -> BacktestResult:
    """
    Run *plan*, write what it asks to be written and print the result.

    Args:
        plan: What to run.
        as_json: Print the content of `results.json` and nothing else.

    Raises:
        AlgopioneerError: The run is refused or fails, or a file cannot be written.
    """
    directory = plan.options.output_dir
    result = _run(plan) if directory is None else _run_into(plan, Path(directory))
    if as_json:
        print_json(result.as_dict())
    else:
        print_result(result)
    return result


def _run(plan: BacktestPlan, *sinks: ResultSink) -> BacktestResult:
    with ProgressSink(plan.request.source.count) as progress:
        return plan.run((*sinks, progress))


def _run_into(plan: BacktestPlan, directory: Path) -> BacktestResult:
    prepare_output_dir(directory)
    one = len(plan.instruments) == 1
    series = ChartSeries() if one else SpreadSeries(Valuation.of(plan.instruments))
    with ExitStack() as files:
        trades = files.enter_context(TradesCsv(directory / "trades.csv", plan.instruments))
        equity = files.enter_context(EquityCsv(directory / "equity.csv", plan.instruments))
        result = _run(plan, trades, equity, series)
    write_results_json(directory / "results.json", result.as_dict())
    write_report(directory / "report.html", result, series)
    return result
