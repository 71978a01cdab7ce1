"""`algopioneer demo`: a backtest and a rehearsal on paper without any file, network or key."""

from pathlib import Path
from typing import Any, Final

import click

from algopioneer_core.bootstrap.host import Surroundings, load_host
from algopioneer_core.cli.kit import json_option
from algopioneer_core.config.runs import Settings
from algopioneer_core.domain.errors import OutputError

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
    help="Where results.json, trades.csv, equity.csv and report.html are written. "
    "[default: demo-results]",
)
@click.option(
    "--rehearsal/--no-rehearsal",
    default=True,
    show_default=False,
    help="Also trade on paper, kill that session, and start it again.",
)
@json_option
def demo(output_dir: str, *, rehearsal: bool, as_json: bool) -> None:
    """
    See a backtest and a rehearsal on paper, offline, in one command.

    First a moving average crossover, found through its entry point like any plugin, trades over a
    synthetic market with a trend. Then two strategies trade on paper over a replayed market; their
    session is killed in the middle, started again, and compared with one that was not.

    With --json only the backtest is run, and its result printed.
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
    if as_json:
        return
    order = _rehearse(Path(output_dir) / "rehearsal") if rehearsal else None
    click.echo(_next_steps(Path(output_dir)))
    if order is not None:
        click.echo(_next_steps_of_rehearsal(Path(output_dir), order))


def _rehearse(directory: Path) -> str:
    """Rehearse, show how it went, and return an order to look at."""
    from algopioneer_core.cli.rehearsal import print_trades, rehearse

    click.echo("\nA backtest is not a session. Now one on paper, which a crash must not change:\n")
    try:
        done = rehearse(directory, tell=lambda line: click.echo(f"  {line}"))
    except OSError as error:
        raise OutputError(
            f"cannot be written: {error.strerror}",
            where=str(error.filename or directory),
            remedy="name another folder with --output-dir",
        ) from error
    click.echo()
    print_trades(done.folder)
    return done.order_id


def _next_steps(directory: Path) -> str:
    command = "algopioneer backtest --strategy moving-average"
    market = "--synthetic --market trending --interval 5m --duration 60d"
    return f"""
The markets above are made up: their figures say nothing about a real one.
In {directory}: report.html (open it in a browser), results.json, trades.csv and equity.csv.

What to try next
  the same market, quicker averages    {command} {market}
  a market without a trend             {command} --synthetic --market random-walk
  bars of your own                     {command} --data FILE.csv --symbols BTC-USD
  with a stop                          ... --exit stop-loss:loss_fraction=0.02
  the flags of the strategy            {command} --help
  what else is installed               algopioneer plugins list"""


def _next_steps_of_rehearsal(directory: Path, order: str) -> str:
    journal = "--journal rehearsal.journal"
    return f"""
And with the session that was killed: cd {directory / "rehearsal" / "killed"}
  is its journal whole?                algopioneer journal verify {journal}
  why did it trade?                    algopioneer journal show {order} {journal}
  again from the start, and watch it   rm rehearsal.journal*; algopioneer run --config run.toml
  meanwhile, open nothing new          algopioneer halt --config run.toml"""
