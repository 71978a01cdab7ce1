"""`algopioneer parity`: a recorded session against a backtest of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from algopioneer_core.cli.config import (
    config_option,
    env_file_option,
    journal_of_session_option,
    read_configured,
)
from algopioneer_core.cli.kit import json_option, print_json
from algopioneer_core.domain.errors import ExitCode

if TYPE_CHECKING:
    from rich.console import Console

    from algopioneer_core.parity.compare import Divergence, Verdict
    from algopioneer_core.parity.decisions import Decision

__all__ = ["parity", "print_verdicts"]

_SOURCES: Final = ("history", "journal")


@click.command()
@config_option
@env_file_option
@journal_of_session_option
@click.option(
    "--strategy",
    "strategies",
    multiple=True,
    metavar="NAME",
    help="Compare this strategy only. May be repeated.",
)
@click.option(
    "--bars",
    type=click.Choice(_SOURCES),
    default=_SOURCES[0],
    show_default=True,
    help="What the backtester is given: what the venues have now, or what the session saw.",
)
@json_option
def parity(
    file: str,
    env_file: str,
    path: Path | None,
    strategies: tuple[str, ...],
    bars: str,
    as_json: bool,
) -> int:
    """
    Run a recorded session in the backtester, and name the first decision that differs.

    For each strategy it compares what it asked for, its orders and their fills, one by one, and
    says of the first difference why: data gap, unfinished bar, latency, fill price, rounding, fee,
    configuration, or an intervention. The session must have been run with record_inputs = true in
    [journal]. Exits with 0 when everything is equal, and with 6 when something is not.
    """
    from algopioneer_core.bootstrap.host import load_host
    from algopioneer_core.bootstrap.parity import session_parity
    from algopioneer_core.cli.progress import StageProgress

    session = read_configured(file, env_file)
    host = load_host(session.allow)
    with StageProgress() as progress:
        verdicts = session_parity(
            session, host, journal=path, strategies=strategies, bars=bars, watch=progress.move
        )
    is_equal = all(each.divergence is None for each in verdicts)
    if as_json:
        print_json({"equal": is_equal, "strategies": [_verdict(each) for each in verdicts]})
    else:
        print_verdicts(verdicts)
    return ExitCode.OK if is_equal else ExitCode.DIVERGED


# --- JSON ------------------------------------------------------------------------------------


def _verdict(verdict: "Verdict") -> dict[str, Any]:
    found = verdict.divergence
    return {
        "strategy": verdict.strategy,
        "equal_decisions": verdict.equal,
        "equal_fills": verdict.fills,
        "divergence": None if found is None else _divergence(found),
        "notes": list(verdict.notes),
    }


def _divergence(found: "Divergence") -> dict[str, Any]:
    from algopioneer_core.domain.times import iso_utc

    return {
        "decision": found.place + 1,
        "time": iso_utc(found.ts_ns),
        "class": found.cause.value,
        "why": found.why,
        "session": _decision(found.session),
        "backtest": _decision(found.backtest),
    }


def _decision(decision: "Decision | None") -> dict[str, Any] | None:
    from algopioneer_core.domain.times import iso_utc
    from algopioneer_core.parity.decisions import words_of

    if decision is None:
        return None
    return {
        "kind": decision.kind.value,
        "time": iso_utc(decision.ts_ns),
        "order": decision.order,
        "text": words_of(decision),
    }


# --- for people ------------------------------------------------------------------------------


def print_verdicts(verdicts: "tuple[Verdict, ...]", console: "Console | None" = None) -> None:
    """Print a table on a terminal, else a line for each strategy; then what differs."""
    from rich.console import Console

    console = console or Console()
    if console.is_terminal:
        _print_table(verdicts, console)
    else:
        for verdict in verdicts:
            console.out(f"{verdict.strategy}: {_summary(verdict)}", highlight=False)
    for verdict in verdicts:
        for line in _details(verdict):
            console.out(line, highlight=False)


def _print_table(verdicts: "tuple[Verdict, ...]", console: "Console") -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table("strategy", title="Session against backtest", title_justify="left")
    table.add_column("equal decisions", justify="right")
    table.add_column("of these fills", justify="right")
    table.add_column("first difference")
    for each in verdicts:
        found = each.divergence
        told = Text("none", "green") if found is None else Text(found.cause.value, "red")
        table.add_row(each.strategy, str(each.equal), str(each.fills), told)
    console.print(table)


def _summary(verdict: "Verdict") -> str:
    equal = f"{verdict.equal} decisions equal, of these {verdict.fills} fills"
    found = verdict.divergence
    return equal if found is None else f"{equal}, then: {found.cause.value}"


def _details(verdict: "Verdict") -> list[str]:
    from algopioneer_core.parity.decisions import words_of

    found = verdict.divergence
    if found is None:
        return [
            f"  {verdict.strategy} decided the same all the same: {text}" for text in verdict.notes
        ]
    return [
        f"  {verdict.strategy}, decision {found.place + 1}: {found.cause.value}: {found.why}",
        f"    session:  {words_of(found.session)}",
        f"    backtest: {words_of(found.backtest)}",
    ]
