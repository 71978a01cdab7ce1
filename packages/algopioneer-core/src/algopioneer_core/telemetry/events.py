"""
The names of what is logged: one list, which alerts and searches can depend on.

`docs/reference/log-events.md` says what each means and which fields it has; a test holds the two
together. A name is never used for something else later.
"""

import enum
from typing import Final

__all__ = ["IDENTITY", "REPEATING", "LogEvent"]


class LogEvent(enum.StrEnum):
    """What a line is about: `subject.happened`."""

    SESSION_STARTED = "session.started"
    SESSION_STOPPING = "session.stopping"
    SESSION_STOPPED = "session.stopped"
    CLEANUP_FAILED = "session.cleanup_failed"
    CONFIG_RELOADED = "config.reloaded"
    CONFIG_REFUSED = "config.refused"
    CLOCK_BACKWARDS = "clock.backwards"

    STRATEGY_STARTED = "strategy.started"
    STRATEGY_STOPPED = "strategy.stopped"
    STRATEGY_CRASHED = "strategy.crashed"
    STRATEGY_RESTARTING = "strategy.restarting"
    STRATEGY_EXHAUSTED = "strategy.exhausted"
    STRATEGY_BLOCKED = "strategy.blocked"

    FEED_UP = "feed.up"
    FEED_DOWN = "feed.down"
    FEED_GAP = "feed.gap"
    FEED_SHED = "feed.shed"
    BARS_MISSED = "bars.missed"

    ORDER_DENIED = "order.denied"
    ORDER_SUBMITTED = "order.submitted"
    ORDER_REJECTED = "order.rejected"
    ORDER_UNKNOWN = "order.unknown"
    ORDER_RESOLVED = "order.resolved"
    ORDER_FILLED = "order.filled"
    TRADE_CLOSED = "trade.closed"

    RISK_STAGE = "risk.stage"
    TRADING_HALTED = "trading.halted"
    TRADING_RESUMED = "trading.resumed"
    BREAKER_OPENED = "breaker.opened"
    BREAKER_CLOSED = "breaker.closed"

    RECONCILED = "reconcile.done"
    DRIFT_FOUND = "reconcile.drift"
    FOREIGN_ORDER = "reconcile.foreign_order"

    JOURNAL_FAILED = "journal.failed"
    RECORDER_REPAIRED = "recorder.repaired"
    RECORDER_FAILED = "recorder.failed"
    RECORDER_RECOVERED = "recorder.recovered"
    NOTIFIER_FAILED = "notifier.failed"
    ALERT = "alert"

    LIBRARY = "library.message"


REPEATING: Final = frozenset(
    {
        LogEvent.CLOCK_BACKWARDS,
        LogEvent.FEED_SHED,
        LogEvent.FEED_DOWN,
        LogEvent.ORDER_DENIED,
        LogEvent.FOREIGN_ORDER,
        LogEvent.RECORDER_FAILED,
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
