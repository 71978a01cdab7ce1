"""A recorder that writes trades to the log, for whatever collects the log."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.domain.trade_fields import trade_fields
from algopioneer_core.ports import Recorder, RunBlocking
from algopioneer_core.recorders.seen_keys import SeenKeys
from algopioneer_core.telemetry.events import LogEvent
from algopioneer_core.telemetry.logging import get_logger

__all__ = ["LogRecorder", "open_log_recorder"]


class LogRecorder:
    """
    Logs each trade as `trade.closed`, once for each key while it is open.

    A log cannot be asked what it has: after a restart, trades that are offered again are logged
    again. Whoever counts them goes by the field `key`.
    """

    def __init__(self) -> None:
        self._log = get_logger()
        self._keys = SeenKeys()

    async def record(self, key: str, trade: RoundTrip) -> None:
        """
        Log *trade*, unless its key was seen before.

        Raises:
            OutputError: The key is not one line of text.
        """
        fields = trade_fields(key, trade)
        if key not in self._keys:
            self._keys.add(key)
            self._log.info(LogEvent.TRADE_CLOSED, **fields)

    async def flush(self) -> None:
        """Return at once: each line is handed to the system when it is logged."""


@asynccontextmanager
async def open_log_recorder(
    _: None,
    run_blocking: RunBlocking,  # noqa: ARG001  # every recorder is given it
) -> AsyncIterator[Recorder]:
    """Open the recorder; it has nothing to configure."""
    yield LogRecorder()
