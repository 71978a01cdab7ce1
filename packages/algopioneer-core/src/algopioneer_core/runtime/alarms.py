"""What a person should know: journalled at once, delivered by whoever can."""

from collections import deque
from collections.abc import Mapping
from typing import Final

import anyio

from algopioneer_core.journal.entries import Entry, EntryKind
from algopioneer_core.ports import Alert, Notifier
from algopioneer_core.runtime.gate import Log
from algopioneer_core.runtime.wake import Wake

__all__ = ["AlarmBell"]

_TRIES: Final = 3
_BETWEEN_S: Final = 2
_DELIVERY_S: Final = 10
_KEPT: Final = 1000


class AlarmBell:
    """
    Takes alerts from anywhere without waiting, and gives each to all notifiers.

    Args:
        log: The journal; it has every alert, delivered or not.
        notifiers: By name. One that fails does not keep the others from delivering.
    """

    def __init__(self, log: Log, notifiers: Mapping[str, Notifier]) -> None:
        self._log = log
        self._notifiers = dict(notifiers)
        self._waiting: deque[Alert] = deque(maxlen=_KEPT)
        self._bell = Wake()
        self.undelivered = 0
        """Deliveries that were given up."""

    def __call__(
        self, ts_ns: int, subject: str, text: str = "", *, strategy: str = "", urgent: bool = False
    ) -> None:
        """Write the alert down and queue it for the notifiers."""
        body = {"subject": subject, "text": text, "urgent": urgent}
        self._log.append(Entry(EntryKind.ALERT, ts_ns, strategy, body=body))
        self._waiting.append(Alert(ts_ns, subject, text, urgent))
        self._bell.ring()

    async def run(self) -> None:
        """Deliver what is queued, and what comes, until cancelled."""
        while True:
            await self._bell.wait()
            await self.finish()

    async def finish(self) -> None:
        """Deliver what is queued now; each notifier is tried a few times."""
        while self._waiting:
            alert = self._waiting.popleft()
            async with anyio.create_task_group() as tasks:
                for notifier in self._notifiers.values():
                    tasks.start_soon(self._deliver, notifier, alert)

    async def _deliver(self, notifier: Notifier, alert: Alert) -> None:
        for attempt in range(_TRIES):
            if attempt:
                await anyio.sleep(_BETWEEN_S**attempt)
            try:
                with anyio.fail_after(_DELIVERY_S):
                    await notifier.notify(alert)
                return
            except Exception:  # noqa: S112 - the next try, or the count, is what is said of it
                continue
        self.undelivered += 1
