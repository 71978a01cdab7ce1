"""`algopioneer halt`, `resume` and `flatten`: what is asked of a session that runs elsewhere."""

import os
import time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from attrs import frozen

from algopioneer_core.cli.kit import DecimalType, json_option, print_json
from algopioneer_core.domain.errors import ExitCode, RefusedError
from algopioneer_core.journal.control import DONE, ControlAction, ControlBox
from algopioneer_core.journal.errors import JournalError
from algopioneer_core.journal.lock import Holder, holder_of
from algopioneer_core.settings import nearest

if TYPE_CHECKING:
    from algopioneer_core.config.session import SessionConfig
    from algopioneer_core.runtime.session_result import SessionResult

__all__ = ["flatten", "halt", "resume"]

_LOOK_S: Final = 0.1
_THEN: Final = {
    ControlAction.HALT: "only orders that reduce a position pass, until: algopioneer resume",
    ControlAction.RESUME: "new positions may be opened again",
    ControlAction.FLATTEN: "what is held is being closed, and nothing new is opened until: "
    "algopioneer resume",
}


@frozen
class _Outcome:
    """What became of a request."""

    number: int
    holder: Holder | None
    """Who held the journal in the end."""
    answer: str | None
    """None while nobody has answered."""


class _Seconds(DecimalType):
    """A time that is not negative."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Decimal:
        """Return *value* as a number, or fail as a usage error."""
        seconds = super().convert(value, param, ctx)
        if seconds < 0:
            self.fail(f"{value!r} is negative", param, ctx)
        return seconds


def _asking(command: Any) -> Any:
    """Add the options that all three commands have."""
    options = (
        click.option("--config", "file", metavar="FILE.toml", help="The session's file."),
        click.option(
            "--journal",
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="FILE",
            help="The session's journal, instead of its file.",
        ),
        click.option("--strategy", metavar="NAME", help="Only this strategy; by default all."),
        click.option("--reason", metavar="TEXT", default="", help="Kept in the journal."),
        click.option(
            "--wait",
            "seconds",
            type=_Seconds(),
            default=10,
            metavar="SECONDS",
            help="How long to wait for the answer. [default: 10]",
        ),
        json_option,
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@_asking
def halt(file: str | None, journal: Path | None, **asked: Any) -> int:
    """
    Let a running session open nothing new; what reduces a position passes.

    Where no session runs, the next one to start obeys.
    """
    return _ask(ControlAction.HALT, _session(file, journal), journal, **asked)


@click.command()
@_asking
def resume(file: str | None, journal: Path | None, **asked: Any) -> int:
    """
    Lift a halt.

    A stage of the daily loss limit is not lifted: it ends with the trading day.
    """
    return _ask(ControlAction.RESUME, _session(file, journal), journal, **asked)


@click.command()
@_asking
@click.option("--offline", is_flag=True, help="Do it here and now, where no session runs.")
@click.option(
    "--deadline",
    type=_Seconds(),
    default=120,
    metavar="SECONDS",
    help="How long --offline may take. [default: 120]",
)
@click.option("--live", is_flag=True, help="With --offline: close what is held with money.")
def flatten(
    file: str | None,
    journal: Path | None,
    *,
    offline: bool,
    deadline: Decimal,
    live: bool,
    **asked: Any,
) -> int:
    """
    Close what a running session holds, cancel its orders, and halt it.

    With --offline no session need run: this takes the journal's lock, opens the venues,
    reconciles, closes, and reports what is left.
    """
    session = _session(file, journal)
    if not offline:
        return _ask(ControlAction.FLATTEN, session, journal, **asked)
    if session is None or asked["strategy"] is not None:
        raise click.UsageError(
            "--offline closes everything and needs the session's file: give --config, not "
            "--journal or --strategy"
        )
    _existing(session.journal_path)
    return _flatten_here(session, deadline, live=live, as_json=asked["as_json"])


# --- asking a session ------------------------------------------------------------------------


def _session(file: str | None, journal: Path | None) -> "SessionConfig | None":
    """Return the session's configuration, or None where its journal was named instead."""
    if (file is None) is (journal is None):
        raise click.UsageError("give either --config or --journal")
    if file is None:
        return None
    from algopioneer_core.config.environment import load_environment
    from algopioneer_core.config.session import read_session

    return read_session(Path(file), load_environment(Path(".env"), os.environ))


def _existing(journal: Path) -> Path:
    if not journal.is_file():
        raise JournalError(
            "there is no such journal, so no session has run with it",
            where=str(journal),
            remedy="run this in the session's folder, or name its journal with --journal",
        )
    return journal


def _ask(
    action: ControlAction,
    session: "SessionConfig | None",
    journal: Path | None,
    *,
    strategy: str | None,
    reason: str,
    seconds: Decimal,
    as_json: bool,
) -> int:
    if session is not None:
        _check_name(session, strategy)
        journal = session.journal_path
    assert journal is not None
    with ControlBox(_existing(journal)) as box:
        number = box.request(action, ts_ns=time.time_ns(), strategy=strategy, reason=reason)  # noqa: TID251 - said once, for people
        outcome = _wait_for_answer(box, number, journal, seconds)
    if outcome.answer is not None and not outcome.answer.startswith(DONE):
        raise RefusedError(outcome.answer, where=str(journal))
    if as_json:
        print_json(_as_json(action, outcome))
    else:
        click.echo(_as_text(action, outcome, session, journal))
    return _code(action, outcome)


def _check_name(session: "SessionConfig", strategy: str | None) -> None:
    known = [each.name for each in session.strategies]
    if strategy is None or strategy in known:
        return
    near = nearest(strategy, known)
    raise RefusedError(
        f"there is no strategy {strategy!r}; there are: {', '.join(known)}",
        where=str(session.path),
        remedy=f"did you mean {near!r}?" if near else None,
    )


def _wait_for_answer(box: ControlBox, number: int, journal: Path, seconds: Decimal) -> _Outcome:
    """Look for the answer until it is there, nobody holds the journal, or the time is over."""
    for _ in range(round(float(seconds) / _LOOK_S)):
        outcome = _Outcome(number, holder_of(journal), box.answer_to(number))
        if outcome.answer is not None or outcome.holder is None:
            return outcome
        time.sleep(_LOOK_S)  # noqa: TID251 - nothing else is going on in this process
    return _Outcome(number, holder_of(journal), box.answer_to(number))


def _code(action: ControlAction, outcome: _Outcome) -> int:
    """Return 0 where what was asked for holds: a session that does not run opens nothing."""
    at_rest = outcome.holder is None and action is not ControlAction.FLATTEN
    return ExitCode.OK if outcome.answer is not None or at_rest else ExitCode.ERROR


def _as_json(action: ControlAction, outcome: _Outcome) -> dict[str, object]:
    return {
        "action": action.value,
        "request": outcome.number,
        "obeyed": outcome.answer is not None,
        "answer": outcome.answer,
        "holder": None if outcome.holder is None else str(outcome.holder),
    }


def _as_text(
    action: ControlAction, outcome: _Outcome, session: "SessionConfig | None", journal: Path
) -> str:
    if outcome.answer is not None:
        return f"{outcome.answer}; {_THEN[action]}"
    if outcome.holder is not None:
        return (
            f"{outcome.holder} holds {journal} and has not answered yet; the request stays, and is"
            " obeyed at its next event"
        )
    said = f"nobody holds {journal}: the request stays, and the next session to start obeys it"
    if action is not ControlAction.FLATTEN:
        return said
    file = "FILE.toml" if session is None else session.path
    return f"{said}\nto close what is held now: algopioneer flatten --offline --config {file}"


# --- doing it here ---------------------------------------------------------------------------


def _flatten_here(session: "SessionConfig", deadline: Decimal, *, live: bool, as_json: bool) -> int:
    from algopioneer_core.bootstrap.host import load_host
    from algopioneer_core.bootstrap.session import run_session
    from algopioneer_core.cli.live_banner import require_live

    host = load_host(session.allow)
    require_live(session, live=live)
    result = run_session(session, host, flatten_within_s=float(deadline))
    left = _left(result)
    if as_json:
        print_json({"reason": result.reason, "left": left, "open_orders": result.open_orders})
    else:
        click.echo("\n".join(_left_lines(result, left)))
    return ExitCode.ERROR if left or result.open_orders else ExitCode.OK


def _left(result: "SessionResult") -> dict[str, dict[str, str]]:
    return {
        name: {str(key): str(quantity) for key, quantity in held.items()}
        for name, held in result.held.items()
    }


def _left_lines(result: "SessionResult", left: dict[str, dict[str, str]]) -> list[str]:
    lines = [f"ended: {result.reason}; {result.trades} trades"]
    for name, held in left.items():
        lines += [f"  {name} still holds {quantity} {key}" for key, quantity in held.items()]
    if result.open_orders:
        lines.append(f"  {result.open_orders} orders may still trade")
    if len(lines) == 1:
        lines.append("nothing is left; new positions wait for: algopioneer resume")
    return lines
