"""A notifier that writes alerts to the log, where whatever watches the log finds them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from algopioneer_core.domain.times import iso_utc
from algopioneer_core.ports import Alert, Notifier
from algopioneer_core.telemetry.events import LogEvent
from algopioneer_core.telemetry.logging import get_logger

__all__ = ["LogNotifier", "open_log_notifier"]


class LogNotifier:
    """Logs each alert as `alert`: urgent ones at level critical, others as a warning."""

    def __init__(self) -> None:
        self._log = get_logger()

    async def notify(self, alert: Alert) -> None:
        """Write *alert*."""
        log = self._log.critical if alert.urgent else self._log.warning
        log(LogEvent.ALERT, subject=alert.subject, text=alert.text, at=iso_utc(alert.ts_ns))


@asynccontextmanager
async def open_log_notifier(_: None) -> AsyncIterator[Notifier]:
    """Open the notifier; it has nothing to configure."""
    yield LogNotifier()
