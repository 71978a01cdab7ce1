"""
What people ask of a running session: halt, resume, flatten, note; obeyed and answered here.

A request is answered once what it led to is durable, so that nobody is told of a halt that a crash
then forgets. In a replayed session the place in the feed is journalled with it: when that stretch
is derived again after a restart, the same requests are obeyed at the same places.
"""

from collections.abc import Sequence
from typing import Final, Protocol

import anyio.to_thread

from algopioneer_core.domain.events import RiskHalted, RiskResumed
from algopioneer_core.journal.control import DONE, ControlAction, ControlBox, ControlRequest
from algopioneer_core.journal.entries import Entry, EntryKind
from algopioneer_core.journal.errors import JournalError
from algopioneer_core.journal.journal import Journal
from algopioneer_core.ports import Clock, RunBlocking
from algopioneer_core.runtime.floor import Alarm, Floor
from algopioneer_core.runtime.gate import Log
from algopioneer_core.runtime.runner import StrategyRunner

__all__ = ["ControlDesk", "DurableLog"]

_BY_HAND: Final = "asked for by hand"


class DurableLog(Log, Protocol):
    """The journal, or what writes to it."""

    async def flush(self) -> None:
        """Return once everything that was appended is on the disk."""


class ControlDesk:
    """
    Obeys requests.

    Args:
        box: Where they lie.
        floor: The strategies.
        log: Has each request that was obeyed, before it is answered.
        journal: Says which were obeyed in the stretch that is derived again.
        clock: The session's time.
        alarm: Tells people when requests cannot be read.
        run_blocking: Runs the calls that wait for the disk.
    """

    def __init__(
        self,
        box: ControlBox,
        floor: Floor,
        log: DurableLog,
        journal: Journal,
        clock: Clock,
        *,
        alarm: Alarm,
        run_blocking: RunBlocking = anyio.to_thread.run_sync,
    ) -> None:
        self._box = box
        self._floor = floor
        self._log = log
        self._journal = journal
        self._clock = clock
        self._alarm = alarm
        self._run_blocking = run_blocking
        self._waiting: Sequence[ControlRequest] = ()
        self._last = 0
        self._is_readable = True

    @property
    def is_due(self) -> bool:
        """Whether there is something to obey, for the first time or again."""
        due = self._journal.expected
        return bool(self._waiting) or (due is not None and due.entry.kind is EntryKind.CONTROL)

    async def look(self) -> None:
        """Read what has been asked since the last time; what cannot be read is told, once."""
        try:
            found = await self._run_blocking(self._box.pending)
        except JournalError as error:
            if self._is_readable:
                self._is_readable = False
                subject = "requests to this session cannot be read"
                self._alarm(self._clock.now_ns(), subject, str(error), urgent=True)
            return
        self._is_readable = True
        ours = [each for each in found if each.action is not ControlAction.RELOAD]
        self._waiting = [each for each in ours if each.id > self._last]

    async def obey_waiting(self, place: int | None = None) -> None:
        """
        Obey and answer what `look` found.

        Args:
            place: Number of events handled so far, where the feed is replayed: requests that the
                journal has at this place are obeyed again, and new ones wait until it has no more.

        Raises:
            JournalFailed: The disk refused; the request was not answered and is there still.
        """
        while self._journal.matching:
            again = self._expected(place)
            if again is None:
                return
            self._last = again.id
            await self._answer(again, self.obey(again, place))
        waiting, self._waiting = self._waiting, ()
        for request in waiting:
            if request.id > self._last:
                self._last = request.id
                await self._answer(request, self.obey(request, place))

    def _expected(self, place: int | None) -> ControlRequest | None:
        """Return the request that the journal has next, if it was obeyed at this place."""
        stored = self._journal.expected
        if stored is None or stored.entry.kind is not EntryKind.CONTROL:
            return None
        body = stored.entry.body
        if body["place"] != place:
            return None
        action = ControlAction(body["action"])
        return ControlRequest(
            body["request"], stored.entry.ts_ns, action, body["strategy"], body["reason"]
        )

    async def _answer(self, request: ControlRequest, text: str) -> None:
        await self._log.flush()
        try:
            await self._run_blocking(self._box.answer, request.id, text)
        except JournalError as error:
            self._alarm(self._clock.now_ns(), "a request cannot be answered", str(error))

    # --- obeying -----------------------------------------------------------------------------

    def obey(self, request: ControlRequest, place: int | None = None) -> str:
        """Do what *request* asks; return what is to be said of it."""
        runners = self._meant(request)
        if not runners:
            known = ", ".join(self._floor.runners) or "none"
            return f"there is no strategy {request.strategy!r}; there are: {known}"
        now_ns = self._clock.now_ns()
        body = {
            "action": request.action.value,
            "strategy": request.strategy,
            "reason": request.reason,
            "request": request.id,
            "place": place,
        }
        self._log.append(Entry(EntryKind.CONTROL, now_ns, request.strategy or "", body=body))
        for runner in runners:
            self._act(request, runner, now_ns, request.reason or _BY_HAND)
        return f"{DONE}{request.action.value} {request.strategy or 'all strategies'}"

    def _meant(self, request: ControlRequest) -> list[StrategyRunner]:
        if request.strategy is None:
            return list(self._floor.runners.values())
        runner = self._floor.runners.get(request.strategy)
        return [] if runner is None else [runner]

    def _act(
        self, request: ControlRequest, runner: StrategyRunner, now_ns: int, reason: str
    ) -> None:
        if request.action is ControlAction.NOTE:
            return
        if request.action is ControlAction.RESUME:
            self._floor.deliver(runner, RiskResumed(now_ns, request.strategy))
            if runner.given_up:  # that halted it by itself
                self._floor.deliver(runner, RiskResumed(now_ns, runner.name))
                self._floor.supervision.revive(runner, now_ns)
            return
        self._floor.deliver(runner, RiskHalted(now_ns, reason, request.strategy))
        if request.action is ControlAction.FLATTEN:
            self._floor.flatten(runner, now_ns, "flatten")
