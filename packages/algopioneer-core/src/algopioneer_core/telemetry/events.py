"""
The names of what is logged: one list, which alerts and searches can depend on.

`docs/reference/log-events.md` says what each means and which fields it has; a test holds the two
together. A name is never used for something else later.
"""

import enum
from collections.abc import Mapping
from typing import Final

__all__ = ["IDENTITY", "LEVELS", "REPEATING", "LogEvent"]


class LogEvent(enum.StrEnum):
    """What a line is about: `subject.happened`."""

    SESSION_STARTED = "session.started"
    SESSION_STOPPING = "session.stopping"
    SESSION_STOPPED = "session.stopped"
    CONFIG_RELOADED = "config.reloaded"
    CONFIG_REFUSED = "config.refused"
    SNAPSHOT_SAVED = "snapshot.saved"

    STRATEGY_STARTED = "strategy.started"
    STRATEGY_CRASHED = "strategy.crashed"
    STRATEGY_RESTARTED = "strategy.restarted"
    STRATEGY_EXHAUSTED = "strategy.exhausted"

    FEED_UP = "feed.up"
    FEED_DOWN = "feed.down"
    FEED_GAP = "feed.gap"
    STREAM_UP = "stream.up"
    STREAM_DOWN = "stream.down"
    RECONCILED = "reconcile.done"

    SPREAD_REFUSED = "spread.refused"
    ORDER_DENIED = "order.denied"
    ORDER_SUBMITTED = "order.submitted"
    ORDER_WAITING = "order.waiting"
    ORDER_YIELDED = "order.yielded"
    ORDER_ACCEPTED = "order.accepted"
    ORDER_REJECTED = "order.rejected"
    ORDER_FILLED = "order.filled"
    ORDER_CANCELED = "order.canceled"
    ORDER_EXPIRED = "order.expired"
    ORDER_UNKNOWN = "order.unknown"
    ORDER_ABSENT = "order.absent"
    TRADE_CLOSED = "trade.closed"

    TRADING_HALTED = "trading.halted"
    TRADING_RESUMED = "trading.resumed"

    WEB_LISTENING = "web.listening"
    WEB_FAILED = "web.failed"

    RECORDER_REPAIRED = "recorder.repaired"
    NOTIFIER_FAILED = "notifier.failed"
    ALERT = "alert"

    LIBRARY = "library.message"


LEVELS: Final[Mapping[LogEvent, str]] = {
    LogEvent.SNAPSHOT_SAVED: "debug",
    LogEvent.ORDER_ACCEPTED: "debug",
    LogEvent.STRATEGY_CRASHED: "error",
    LogEvent.STRATEGY_RESTARTED: "warning",
    LogEvent.STRATEGY_EXHAUSTED: "error",
    LogEvent.FEED_DOWN: "warning",
    LogEvent.FEED_GAP: "warning",
    LogEvent.STREAM_DOWN: "warning",
    LogEvent.SPREAD_REFUSED: "warning",
    LogEvent.ORDER_DENIED: "warning",
    LogEvent.ORDER_REJECTED: "warning",
    LogEvent.ORDER_UNKNOWN: "error",
    LogEvent.TRADING_HALTED: "error",
    LogEvent.TRADING_RESUMED: "warning",
    LogEvent.WEB_FAILED: "error",
    LogEvent.NOTIFIER_FAILED: "warning",
}
"""How important a line of a running session is; info where nothing is said here."""

REPEATING: Final = frozenset(
    {
        LogEvent.FEED_DOWN,
        LogEvent.STREAM_DOWN,
        LogEvent.SPREAD_REFUSED,
        LogEvent.ORDER_DENIED,
        LogEvent.NOTIFIER_FAILED,
        LogEvent.LIBRARY,
    }
)
"""What can come many times a second: repeats are counted, and one line tells how many there were.
Everything else is written each time."""

IDENTITY: Final = (
    "strategy",
    "venue",
    "instrument",
    "recorder",
    "notifier",
    "reason",
    "limit",
    "logger",
    "message",
)
"""The fields that tell one repeating line from another; lines that differ elsewhere are repeats."""
