"""How a session stands, on the terminal it was started from, once a second."""

import functools
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import anyio
import anyio.to_thread
from attrs import evolve
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from algopioneer_core.config.session import SessionConfig
from algopioneer_core.domain.money import Money, plain
from algopioneer_core.domain.times import iso_utc
from algopioneer_core.runtime.session import Session
from algopioneer_core.runtime.status import (
    SessionStatus,
    StrategyState,
    StrategyStatus,
    VenueStatus,
    session_status,
)
from algopioneer_core.telemetry.config import LogLevel

__all__ = ["picture", "status_view"]

_EVERY_S: Final = 1
_CENTS: Final = 2
_COLOURS: Final = {
    StrategyState.RUNNING: "green",
    StrategyState.WAITING: "dim",
    StrategyState.HALTED: "yellow",
    StrategyState.LEAVING: "yellow",
    StrategyState.CRASHED: "red",
    StrategyState.GIVEN_UP: "bold red",
}
_Watch = Callable[[Session], Coroutine[Any, Any, None]]


@contextmanager
def status_view(
    config: SessionConfig, *, wanted: bool, console: Console | None = None
) -> Iterator[tuple[SessionConfig, _Watch]]:
    """
    Show a session inside the block, where there is a terminal to show it on.

    It gives the configuration to run, and what is to run beside the session. Under a view the log
    is kept to warnings, which are written above it: the rest is what the view shows. It never
    slows trading: a frozen status is taken between two events and drawn in another thread.

    Args:
        config: The session.
        wanted: Whether to show anything; False where only a result is to be printed.
        console: Where to; standard output when not given.
    """
    screen = console or Console()
    if not (wanted and screen.is_terminal):
        yield config, _nothing
        return
    with Live(console=screen, auto_refresh=False) as live:

        async def watch(session: Session) -> None:
            while True:
                drawing = functools.partial(_draw, live, session_status(session))
                await anyio.to_thread.run_sync(drawing)
                await anyio.sleep(_EVERY_S)

        yield _quieter(config), watch


def _draw(live: Live, status: SessionStatus) -> None:
    live.update(picture(status), refresh=True)


async def _nothing(_: Session) -> None:
    """Show nothing."""


def _quieter(config: SessionConfig) -> SessionConfig:
    if config.log.level is not LogLevel.INFO:
        return config
    return evolve(config, log=evolve(config.log, level=LogLevel.WARNING))


# --- drawing ---------------------------------------------------------------------------------


def picture(status: SessionStatus) -> RenderableType:
    """Return *status* as it is drawn."""
    parts: list[RenderableType] = [_heading(status), _strategies(status), _venues(status)]
    parts += [
        Text(
            f"{iso_utc(each.ts_ns)} {each.subject}",
            style="bold red" if each.urgent else "yellow",
        )
        for each in status.alerts
    ]
    return Group(*parts)


def _heading(status: SessionStatus) -> Text:
    time = iso_utc(status.now_ns) if status.now_ns else "before its first event"
    heading = Text.assemble(
        (status.name, "bold"),
        f"  {time}  trades {status.trades}  day {_money(status.day_pnl)}",
        f"  events {status.handled}",
    )
    if status.shed:
        heading.append(f"  shed {_counts(status.shed)}", "yellow")
    if status.halted:
        heading.append(f"\nhalted: {status.halted} (algopioneer resume)", "yellow")
    if status.stopping:
        heading.append(f"\nstopping: {status.stopping}", "yellow")
    return heading


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def _strategies(status: SessionStatus) -> Table:
    table = Table("strategy", "state", "holds", expand=True)
    for name in ("equity", "day", "orders", "conflated"):
        table.add_column(name, justify="right")
    for each in status.strategies:
        table.add_row(
            each.name,
            _state(each),
            _holdings(each),
            _money(each.equity),
            _money(each.day_pnl),
            str(each.orders),
            str(each.conflated),
        )
    return table


def _state(strategy: StrategyStatus) -> Text:
    note = f": {strategy.note}" if strategy.note else ""
    return Text(f"{strategy.state.value}{note}", style=_COLOURS[strategy.state])


def _holdings(strategy: StrategyStatus) -> str:
    held = ", ".join(f"{plain(quantity)} {key.symbol}" for key, quantity in strategy.held.items())
    legs = strategy.legs.replace("_", " ")
    return f"{held} ({legs})" if held and legs else held or legs or "flat"


def _money(amount: Money | None) -> str:
    return "-" if amount is None else f"{amount:,.{_CENTS}f}"


def _venues(status: SessionStatus) -> Table:
    table = Table("venue", "health", expand=True)
    table.add_column("orders sent", justify="right")
    for each in status.venues:
        table.add_row(each.name, _health(each), str(each.sent))
    return table


def _health(venue: VenueStatus) -> Text:
    problems = [venue.problem] if venue.problem else []
    if venue.breaker != "closed":
        problems.append(f"circuit breaker {venue.breaker.replace('_', ' ')}")
    return Text("; ".join(problems) or "ok", style="red" if problems else "green")
