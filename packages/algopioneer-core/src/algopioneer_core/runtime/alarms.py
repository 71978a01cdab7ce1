"""What a person should know: journalled at once, delivered by whoever can."""

from collections import deque
from collections.abc import Mapping
from typing import Final

import anyio

from algopioneer_core.journal.entries import Entry, EntryKind
from algopioneer_core.ports import Alert, Notifier
from algopioneer_core.runtime.announcements import Say, silent
from algopioneer_core.runtime.gate import Log
from algopioneer_core.telemetry.events import LogEvent
from algopioneer_core.wire.wake import Wake

__all__ = ["AlarmBell"]

_TRIES: Final = 3
_BETWEEN_S: Final = 2
_DELIVERY_S: Final = 10
_KEPT: Final = 1000
_SHOWN: Final = 5


class AlarmBell:
    """
    Takes alerts from anywhere without waiting, and gives each to all notifiers.

    Args:
        log: The journal; it has every alert, delivered or not.
        notifiers: By name. One that fails or is slow does not keep the others from delivering.
        say: Told when a delivery is given up.
    """

    def __init__(self, log: Log, notifiers: Mapping[str, Notifier], *, say: Say = silent) -> None:
        self._log = log
        self._posts = [_Post(name, each, say) for name, each in notifiers.items()]
        self.latest: deque[Alert] = deque(maxlen=_SHOWN)
        """The last few, for whoever looks at the session."""

    @property
    def undelivered(self) -> int:
        """Deliveries that were given up."""
        return sum(each.undelivered for each in self._posts)

    def __call__(
        self, ts_ns: int, subject: str, text: str = "", *, strategy: str = "", urgent: bool = False
    ) -> None:
        """
        Write the alert down and queue it for the notifiers.

        Raises:
            JournalFailed: The journal takes no more; the notifiers get it all the same.
        """
        alert = Alert(ts_ns, subject, text, urgent)
        self.latest.append(alert)
        for each in self._posts:
            each.put(alert)
        body = {"subject": subject, "text": text, "urgent": urgent}
        self._log.append(Entry(EntryKind.ALERT, ts_ns, strategy, body=body))

    async def run(self) -> None:
        """Deliver what is queued, and what comes, until cancelled."""
        async with anyio.create_task_group() as tasks:
            for each in self._posts:
                tasks.start_soon(each.run)

    async def finish(self) -> None:
        """Deliver what is queued now; each notifier is tried a few times."""
        async with anyio.create_task_group() as tasks:
            for each in self._posts:
                tasks.start_soon(each.deliver)


class _Post:
    """The way to one notifier, at its own pace."""

    def __init__(self, name: str, notifier: Notifier, say: Say) -> None:
        self.undelivered = 0
        self._name = name
        self._say = say
        self._notifier = notifier
        self._waiting: deque[Alert] = deque()
        self._bell = Wake()

    def put(self, alert: Alert) -> None:
        """Queue *alert*; the oldest goes where far too many wait."""
        if len(self._waiting) == _KEPT:
            self._waiting.popleft()
            self.undelivered += 1
        self._waiting.append(alert)
        self._bell.ring()

    async def run(self) -> None:
        """Deliver whatever comes, until cancelled."""
        while True:
            await self._bell.wait()
            await self.deliver()

    async def deliver(self) -> None:
        """Deliver what waits; a cancellation leaves what was under way for the next time."""
        while self._waiting:
            alert = self._waiting[0]
            error = await self._try(alert)
            if error is not None:
                self.undelivered += 1
                self._say(LogEvent.NOTIFIER_FAILED, notifier=self._name, error=error)
            if self._waiting and self._waiting[0] is alert:
                self._waiting.popleft()

    async def _try(self, alert: Alert) -> str | None:
        """Deliver *alert*; return what went wrong the last time, or None."""
        last = ""
        for attempt in range(_TRIES):
            if attempt:
                await anyio.sleep(_BETWEEN_S**attempt)
            try:
                with anyio.fail_after(_DELIVERY_S):
                    await self._notifier.notify(alert)
            except Exception as error:  # whatever a notifier raises, there is a next try
                last = str(error) or type(error).__name__
            else:
                return None
        return last
