"""`algopioneer demo`: a whole backtest without any file, network or key."""

from pathlib import Path
from typing import Any, Final

import click

from algopioneer_core.bootstrap.host import Surroundings, load_host
from algopioneer_core.cli.kit import json_option
from algopioneer_core.config.runs import Settings

__all__ = ["demo"]

_STRATEGY: Final = "moving-average"
_MARKET: Final[dict[str, Any]] = {
    "synthetic": True,
    "market": "trending",
    "symbols": ["DEMO-USD"],
    "interval": "5m",
    "duration": "60d",
    "seed": 7,
    "fee_bps": 1,
    "slippage_bps": 1,
}
_PARAMETERS: Final[dict[str, Any]] = {"short_window": 48, "long_window": 288}
"""Four hours against a day: slow enough for the costs of the demo not to eat the trend."""


@click.command()
@click.option(
    "--output-dir",
    metavar="DIR",
    default="demo-results",
    show_default=True,
    help="Where results.json, trades.csv, equity.csv and report.html are written.",
)
@json_option
def demo(output_dir: str, as_json: bool) -> None:
    """
    See a backtest, offline, in one command.

    Trades a moving average crossover, found through its entry point like any plugin, over a
    synthetic market with a trend.
    """
    from algopioneer_core.bootstrap.backtest import plan_backtest
    from algopioneer_core.cli.backtest_run import run_and_show

    host = load_host()
    plan = plan_backtest(
        Surroundings(host),
        host.strategies.get(_STRATEGY),
        options=Settings("backtest", flags={**_MARKET, "output_dir": output_dir}),
        strategy=Settings("strategy", flags=_PARAMETERS),
    )
    run_and_show(plan, as_json=as_json)
    if not as_json:
        click.echo(_next_steps(Path(output_dir)))


def _next_steps(directory: Path) -> str:
    command = "algopioneer backtest --strategy moving-average"
    market = "--synthetic --market trending --interval 5m --duration 60d"
    return f"""
The market above is made up: its figures say nothing about a real one.
In {directory}: report.html (open it in a browser), results.json, trades.csv and equity.csv.

What to try next
  the same market, quicker averages    {command} {market}
  a market without a trend             {command} --synthetic --market random-walk
  bars of your own                     {command} --data FILE.csv --symbols BTC-USD
  with a stop                          ... --exit stop-loss:loss_fraction=0.02
  the flags of the strategy            {command} --help
  what else is installed               algopioneer plugins list"""
