"""What waits for one strategy: quotes conflated to the latest, everything else kept in order."""

from algopioneer_core.domain.events import Event
from algopioneer_core.domain.market_data import Bar, Quote

__all__ = ["Inbox"]


class Inbox:
    """
    A queue in which a quote takes the place of the one of its instrument that was not read yet.

    The older quote goes, and the newer one stands where it came: never before a bar that came
    earlier. No other event is ever dropped; memory grows only with what nobody reads, and whoever
    fills the inbox watches `waiting`.
    """

    __slots__ = ("_events", "_number", "conflated")

    def __init__(self) -> None:
        self._events: dict[object, Event] = {}  # quotes by instrument, others by their number
        self._number = 0
        self.conflated = 0
        """Quotes that were replaced before they were read."""

    @property
    def waiting(self) -> int:
        """Events that were not taken yet."""
        return len(self._events)

    @property
    def first_bar_ns(self) -> int | None:
        """Close time of the oldest bar that waits, UTC nanoseconds; None when there is none."""
        for event in self._events.values():
            if type(event) is Bar:
                return event.ts_event
        return None

    def put(self, event: Event) -> None:
        """Add *event*; an older quote of the same instrument goes."""
        events = self._events
        if type(event) is Quote:
            instrument_id = event.instrument_id
            if instrument_id in events:
                del events[instrument_id]
                self.conflated += 1
            events[instrument_id] = event
        else:
            self._number += 1
            events[self._number] = event

    def take(self) -> list[Event]:
        """Return everything that waits, oldest first, and be empty."""
        events = list(self._events.values())
        if events:
            self._events.clear()
        return events
