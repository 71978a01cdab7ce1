"""
One life of the scripted session, which may be made to end at any crash point.

Crash points are the boundaries at which the world changes: before and after each commit of the
journal, each request to the venue, and each report of it. They are named by what happens there and
how often that has happened (`commit intent 3, before`), so that a second run reaches the same ones
though real time passes in it. A commit is named by the first row in it and known by any of them:
which rows are written together is a matter of microseconds.
"""

import os
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeVar, TypeVarTuple

import anyio

from algopioneer_core.bootstrap.surroundings import SystemClock, chance, new_uuid
from algopioneer_core.domain.events import AccountEvent, ExecutionReport
from algopioneer_core.domain.orders import Order
from algopioneer_core.journal.entries import EntryKind
from algopioneer_core.journal.journal import open_journal
from algopioneer_core.journal.rows import Row
from algopioneer_core.ports import ReceiveStream
from algopioneer_core.runtime.session import Session
from algopioneer_core.simulation.ending_stream import EndingStream
from algopioneer_core.testing.clocks import seeded_scheduling
from algopioneer_core.testing.crash_script import STARTS, VENUE, Script, crash_plan
from algopioneer_core.testing.reference_client import ReferenceClient
from algopioneer_core.testing.reference_modes import VenueModes

__all__ = ["JOURNAL", "KILLED", "CrashPoints", "live"]

JOURNAL: Final = "session.journal"
KILLED: Final = 9
"""The exit code of a life that ended at its crash point."""
_BEFORE, _AFTER = "before", "after"
_COMMIT: Final = "commit"
_PLACE: Final = "step"
_HISTORY: Final = "bars"
"""Asked for as often as real time makes it, and changes nothing anywhere: no crash point."""
_TAG: Final = re.compile(r'{"\$(\w+)"')
_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")


class CrashPoints:
    """
    Counts the crash points that a life passes, and ends the process at one of them.

    Args:
        fatal: The one; None for a life that is to end by itself.
        die: Ends the process at once.
    """

    def __init__(self, fatal: str | None, die: Callable[[int], object] = os._exit) -> None:
        self.passed: list[str] = []
        """Their names, in order."""
        self._fatal = fatal
        self._die = die
        self._seen: Counter[tuple[str, str]] = Counter()

    def reach(self, what: str, side: str) -> None:
        """Pass the next crash point, or end there."""
        self._reach_any([what], side)

    def _reach_any(self, names: Iterable[str], side: str) -> None:
        """Pass a point that has several names, of which the first is told."""
        found = []
        for what in names:
            self._seen[what, side] += 1
            found.append(f"{what} {self._seen[what, side]}, {side}")
        self.passed.append(found[0])
        if self._fatal in found:
            self._die(KILLED)

    async def run_blocking(self, function: Callable[[*_Ts], _T], /, *args: *_Ts) -> _T:
        """Call `function(*args)`, which waits for the disk; commits have a point on each side."""
        if function.__name__ != _COMMIT:
            return function(*args)
        rows: Iterable[Row] = next(iter(args))  # type: ignore[arg-type]  # as `Storage` has it
        names = [f"commit {_named(row)}" for row in rows] or ["commit snapshots"]
        self._reach_any(names, _BEFORE)
        result = function(*args)
        self._reach_any(names, _AFTER)
        return result


def _named(row: Row) -> str:
    """Return what a row is: of an event its class, of anything else its kind."""
    tag = _TAG.match(row.body)
    return tag[1] if tag and row.kind == EntryKind.EVENT.value else row.kind


class _WatchedClient(ReferenceClient):
    """A line to the venue on which each request and each report has a point on each side."""

    def __init__(self, port: int, points: CrashPoints) -> None:
        super().__init__(VENUE, port, VenueModes())
        self._points = points

    async def _ask(self, *request: object) -> Any:
        if request[0] == _HISTORY:
            return await super()._ask(*request)
        order = request[1] if request[0] == "submit" else None
        what = f"request {request[0]}"
        if isinstance(order, Order):
            what += f" {order.intent.side.value} {order.intent.instrument_id}"
        self._points.reach(what, _BEFORE)
        answer = await super()._ask(*request)
        self._points.reach(what, _AFTER)
        return answer

    @asynccontextmanager
    async def reports(self) -> AsyncIterator[ReceiveStream[ExecutionReport | AccountEvent]]:
        async with super().reports() as reports:
            yield _WatchedReports(reports, self._points)


class _WatchedReports(EndingStream[Any]):
    def __init__(self, inner: ReceiveStream[Any], points: CrashPoints) -> None:
        self._inner = inner
        self._points = points
        self._handed_on = ""

    async def receive(self) -> Any:
        if self._handed_on:
            self._points.reach(self._handed_on, _AFTER)  # what it told is with its strategy
        report = await self._inner.receive()
        self._handed_on = f"report {type(report).__name__}"
        self._points.reach(self._handed_on, _BEFORE)
        return report


def live(folder: Path, port: int, points: CrashPoints) -> None:
    """
    Live from where the life before ended, to the end of the script or to the fatal point.

    Args:
        folder: Where the journal is.
        port: Where the venue listens.
        points: What is passed on the way.
    """
    with seeded_scheduling(0):
        anyio.run(_live, folder, port, points, backend="trio")


async def _live(folder: Path, port: int, points: CrashPoints) -> None:
    clock, market = SystemClock(), ReferenceClient(VENUE, port, VenueModes())
    for start in range(STARTS):
        script = Script(start, market, clock, folder / _PLACE)
        if script.is_over:
            continue
        async with (
            open_journal(
                folder / JOURNAL, make_uuid=new_uuid, run_blocking=points.run_blocking
            ) as journal,
            anyio.create_task_group() as tasks,
        ):
            client = _WatchedClient(port, points)
            session = Session(
                crash_plan(),
                {client.name: client},
                journal,
                clock=clock,
                chance=chance(1, journal.uuid),
                run_blocking=points.run_blocking,
            )
            tasks.start_soon(script.play, session)
            await session.run()
            tasks.cancel_scope.cancel()
