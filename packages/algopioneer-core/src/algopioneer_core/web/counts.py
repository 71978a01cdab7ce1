"""
What has happened in a session since its process began, counted.

A status is one moment; orders, fills and restarts are sums over time. They pass by as lines of the
log, so they are counted there. What a replay derives again is not said again, and not counted.
"""

from collections import Counter
from typing import Final

from algopioneer_core.runtime.announcements import Say
from algopioneer_core.telemetry.events import LogEvent

__all__ = ["OUTCOMES", "SessionCounts"]

OUTCOMES: Final = {
    LogEvent.ORDER_SUBMITTED: "submitted",
    LogEvent.ORDER_DENIED: "denied",
    LogEvent.ORDER_ACCEPTED: "accepted",
    LogEvent.ORDER_REJECTED: "rejected",
    LogEvent.ORDER_CANCELED: "canceled",
    LogEvent.ORDER_EXPIRED: "expired",
    LogEvent.ORDER_UNKNOWN: "unknown",
    LogEvent.ORDER_ABSENT: "absent",
}
"""What can be counted of an order, by the line that tells it; fills are counted apart."""
_STREAMS: Final = {
    LogEvent.FEED_UP: True,
    LogEvent.FEED_DOWN: False,
}


class SessionCounts:
    """
    A `Say` that counts lines and hands them on.

    Args:
        say: Takes the lines.
    """

    def __init__(self, say: Say) -> None:
        self._say = say
        self.orders: Counter[tuple[str, str]] = Counter()
        """By strategy and outcome."""
        self.fills: Counter[tuple[str, str]] = Counter()
        """By strategy and venue."""
        self.crashes: Counter[str] = Counter()
        """By strategy."""
        self.restarts: Counter[str] = Counter()
        """By strategy."""
        self.down: dict[str, str] = {}
        """Venues whose market data does not flow, and why."""
        self.feeds: dict[str, None] = {}
        """Venues whose market data was said to be up or down."""

    def __call__(self, event: LogEvent, /, **fields: object) -> None:
        """Count *event*, and hand it on."""
        strategy = str(fields.get("strategy", ""))
        if event in OUTCOMES:
            self.orders[strategy, OUTCOMES[event]] += 1
        elif event is LogEvent.ORDER_FILLED:
            venue, _, _ = str(fields["instrument"]).partition(":")
            self.fills[strategy, venue] += 1
        elif event is LogEvent.STRATEGY_CRASHED:
            self.crashes[strategy] += 1
        elif event is LogEvent.STRATEGY_RESTARTED:
            self.restarts[strategy] += 1
        elif event in _STREAMS:
            self._note_feed(str(fields["venue"]), str(fields.get("reason", "")), _STREAMS[event])
        self._say(event, **fields)

    def _note_feed(self, venue: str, reason: str, is_up: bool) -> None:
        self.feeds[venue] = None
        if is_up:
            self.down.pop(venue, None)
        else:
            self.down[venue] = reason
