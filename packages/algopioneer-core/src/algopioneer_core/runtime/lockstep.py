"""
The lockstep driver: a replayed market stands still until everything an event caused is done.

One event at a time: reports of what it filled, then the bars built from ticks that are over by its
time, then the event itself, each strategy in the configured order, then the orders they made, one
after the other, then the timers that are due. So
a replay is the backtest's order of things, whatever the event loop does, and it is the same again
after a restart: the latest snapshot, the feed from its cursor, and the same rows derived again,
which the journal compares with those it has and does not write twice.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Final

import anyio
import anyio.lowlevel

from algopioneer_core.domain.errors import RefusedError
from algopioneer_core.journal.entries import EntryKind
from algopioneer_core.journal.journal import Journal
from algopioneer_core.ports import MarketDataEvent, ReceiveStream, SupportsSnapshot, Venue
from algopioneer_core.runtime.announcements import Say, silent
from algopioneer_core.runtime.execution import ExecutionPump
from algopioneer_core.runtime.floor import Floor
from algopioneer_core.runtime.plan import SessionPlan
from algopioneer_core.runtime.reports import read_reports
from algopioneer_core.runtime.stopping import StopRequest
from algopioneer_core.telemetry.events import LogEvent

__all__ = ["SNAPSHOT", "FeedClock", "LockstepDriver"]

SNAPSHOT: Final = "session"
"""The name under which the whole state of a replayed session is kept."""


class FeedClock:
    """The `Clock` of a replay: the time of the latest event."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor

    def now_ns(self) -> int:
        """Return the time of the latest event, UTC nanoseconds; 0 before the first."""
        return self._floor.now_ns


class LockstepDriver:
    """
    Runs a session over one replayed venue.

    Args:
        plan: The session.
        floor: Its strategies' place; empty.
        venue: Replayed: it stands still between two events.
        journal: Open.
        draw: Numbers in [0, 1).
        on_commit: Called after each snapshot was made durable.
        poll: Awaited before each event, with the number of events so far and with what waits until
            nothing is under way: obeys what people have
            asked for meanwhile.
        quarantined: Strategies to leave out, once everything the journal has was derived again.
        say: Takes the lines of the log.
    """

    def __init__(
        self,
        plan: SessionPlan,
        floor: Floor,
        venue: Venue,
        journal: Journal,
        *,
        draw: Callable[[], float],
        on_commit: Callable[[], None] = lambda: None,
        poll: Callable[[int, Callable[[], Awaitable[object]]], Awaitable[None]],
        quarantined: Collection[str] = (),
        say: Say = silent,
    ) -> None:
        self._plan = plan
        self._floor = floor
        self._venue = venue
        self._journal = journal
        self._draw = draw
        self._on_commit = on_commit
        self._poll = poll
        self._quarantined = set(quarantined)
        self._say = say
        self._began_ns = 0
        self.events = 0
        """Market events handled since the replay began, over all sessions."""
        self._pump = ExecutionPump(
            venue.name,
            venue.execution,
            journal,
            FeedClock(floor),
            report=floor.report,
            current=floor.current,
            working=lambda: floor.working(venue.name),
            draw=draw,
            rules=plan.execution,
            acknowledge=False,
            is_shared=floor.is_shared,
        )
        self._pump.health.problem = ""
        floor.pumps[venue.name] = self._pump

    # --- memory ------------------------------------------------------------------------------

    def restore(self) -> None:
        """
        Take up the latest snapshot, if there is one, and expect the rows behind it again.

        Raises:
            RefusedError: The configuration is not the one that the journal was written with.
            JournalCorrupt: The snapshot is not what was written.
        """
        saved = self._journal.latest_snapshot(SNAPSHOT)
        sequence, state = saved or (0, None)
        self._check_plan(self._first_plan() if state is None else state["fingerprints"])
        if state is not None:
            self._restore_venue(state["venue"])
            self._floor.risk.restore(state["risk"])
            self._floor.now_ns = state["now_ns"]
            self.events, self._began_ns = state["events"], state["began_ns"]
        for plan in self._plan.strategies:
            runner = self._floor.add(plan, None if state is None else state["runners"][plan.name])
            if state is not None:
                self._floor.supervision.take_up(runner)
        if self._journal.last_sequence > sequence:
            self._journal.expect_tail(sequence)

    def _first_plan(self) -> Mapping[str, str]:
        """Return what the journal was begun with; the present plan where it is new."""
        for stored in self._journal.read(kinds=(EntryKind.SESSION,)):
            known: Mapping[str, str] = stored.entry.body.get("strategies", self._plan.fingerprints)
            return known
        return self._plan.fingerprints

    def _check_plan(self, known: Mapping[str, str]) -> None:
        if dict(known) != self._plan.fingerprints:
            raise RefusedError(
                "the strategies are not those that the journal was written with",
                where=self._plan.name,
                remedy="go on with the same configuration, or begin a new journal",
            )

    def _restore_venue(self, state: Mapping[str, Any]) -> None:
        assert isinstance(self._venue, SupportsSnapshot)
        self._venue.restore(state)

    async def save(self) -> None:
        """Make the whole state durable, together with every row that led to it."""
        venue = await self._settled()
        state = {
            "fingerprints": self._plan.fingerprints,
            "events": self.events,
            "began_ns": self._began_ns,
            "now_ns": self._floor.now_ns,
            "risk": self._floor.risk.snapshot(),
            "runners": {name: each.snapshot() for name, each in self._floor.runners.items()},
            "venue": venue,
        }
        self._journal.put_snapshot(SNAPSHOT, self._journal.last_sequence, state)
        await self._journal.flush()
        self._say(LogEvent.SNAPSHOT_SAVED, events=self.events)
        self._on_commit()

    async def _settled(self) -> Mapping[str, object]:
        """
        Return the venue's state, once all its reports have been handled and nothing is left to do.

        What a report made an engine order is sent first: an order that is neither in the venue's
        state nor waiting here would be lost in a restart.
        """
        assert isinstance(self._venue, SupportsSnapshot)
        while True:
            await self._pump.settle()
            try:
                state = self._venue.snapshot()
            except RefusedError:
                await anyio.lowlevel.checkpoint()
                continue
            if self._pump.is_idle:
                return state

    # --- running -----------------------------------------------------------------------------

    async def run(self, stop: StopRequest) -> str:
        """
        Trade until the feed ends or *stop* is asked; return why it ended.

        What is open stays open, in the snapshot that is made at the end.
        """
        ids = [each for plan in self._plan.strategies for each in plan.instrument_ids]
        async with anyio.create_task_group() as tasks:
            await tasks.start(self._read_reports)
            async with self._venue.market_data.subscribe(list(dict.fromkeys(ids))) as stream:
                await self._obey()
                if not stop.is_asked:
                    await self._follow(stream, stop)
            await self.save()
            tasks.cancel_scope.cancel()
        return stop.reason or "the feed has ended"

    async def _follow(self, stream: ReceiveStream[MarketDataEvent], stop: StopRequest) -> None:
        async for event in stream:
            await self._step(event)
            if self._is_over(event.ts_event):
                stop.ask("the time is over")
            await self._obey()
            if stop.is_asked:
                return

    async def _obey(self) -> None:
        """Do what people ask for, and send what follows from it, before time goes on."""
        await self._poll(self.events, self._settled)
        await self._pump.settle()

    async def _read_reports(self, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        await read_reports(
            self._venue.execution,
            self._floor.report,
            on_up=lambda: None,
            on_down=lambda _: None,
            draw=self._draw,
            task_status=task_status,
        )

    async def _step(self, event: MarketDataEvent) -> None:
        floor = self._floor
        floor.now_ns = max(floor.now_ns, event.ts_event)
        if not self.events:
            self._began_ns = event.ts_event
            for runner in floor.runners.values():
                floor.supervision.start(runner, event.ts_event)
        leaves_out = bool(self._quarantined) and not self._journal.matching
        if leaves_out:
            self._leave_out(event.ts_event)
        if floor.close_bars(event.ts_event):
            await self._pump.settle()
        floor.router.publish(event)
        for runner in tuple(floor.runners.values()):
            floor.process(runner)
        await self._pump.settle()
        self.events += 1
        if leaves_out or self.events % self._plan.snapshot_every == 0:
            await self.save()

    def _leave_out(self, now_ns: int) -> None:
        for name in sorted(self._quarantined & self._floor.runners.keys()):
            self._floor.supervision.quarantine(self._floor.runners[name], now_ns)
        self._quarantined.clear()

    def _is_over(self, now_ns: int) -> bool:
        length = self._plan.run_for_ns
        return length is not None and now_ns - self._began_ns >= length
