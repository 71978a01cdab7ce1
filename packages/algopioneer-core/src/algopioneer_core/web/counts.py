"""
What has happened in a session since its process began, counted.

A status is one moment; orders, fills and restarts are sums over time. They pass by as lines of the
log, so they are counted there. What a replay derives again is not said again, and not counted.
"""

from collections import Counter
from collections.abc import Mapping
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


_REMEMBERED: Final = 10_000
"""Orders whose venue is remembered, for what is heard of them later."""


class SessionCounts:
    """
    A `Say` that counts lines and hands them on.

    Args:
        say: Takes the lines.
    """

    def __init__(self, say: Say) -> None:
        self._say = say
        self.orders: Counter[tuple[str, str, str]] = Counter()
        """By strategy, venue (empty where it is not known any more) and outcome."""
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
        self._venues: dict[object, str] = {}  # of the latest orders, by id

    def __call__(self, event: LogEvent, /, **fields: object) -> None:
        """Count *event*, and hand it on."""
        strategy = str(fields.get("strategy", ""))
        if event in OUTCOMES:
            self.orders[strategy, self._venue(fields), OUTCOMES[event]] += 1
        elif event is LogEvent.ORDER_FILLED:
            self.fills[strategy, self._venue(fields)] += 1
        elif event is LogEvent.STRATEGY_CRASHED:
            self.crashes[strategy] += 1
        elif event is LogEvent.STRATEGY_RESTARTED:
            self.restarts[strategy] += 1
        elif event in _STREAMS:
            self._note_feed(str(fields["venue"]), str(fields.get("reason", "")), _STREAMS[event])
        self._say(event, **fields)

    def _venue(self, fields: Mapping[str, object]) -> str:
        """Return the venue of an order; only some of the lines about it name the instrument."""
        order = fields.get("order")
        if "instrument" not in fields:
            return self._venues.get(order, "")
        venue, _, _ = str(fields["instrument"]).partition(":")
        self._venues.pop(order, None)
        self._venues[order] = venue
        if len(self._venues) > _REMEMBERED:
            del self._venues[next(iter(self._venues))]
        return venue

    def _note_feed(self, venue: str, reason: str, is_up: bool) -> None:
        self.feeds[venue] = None
        if is_up:
            self.down.pop(venue, None)
        else:
            self.down[venue] = reason
