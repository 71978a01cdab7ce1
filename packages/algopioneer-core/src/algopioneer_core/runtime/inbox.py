"""What waits for one strategy: quotes conflated to the latest, everything else kept in order."""

from algopioneer_core.domain.events import Event
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import Quote

__all__ = ["Inbox"]


class Inbox:
    """
    A queue in which a quote replaces the one of the same instrument that was not read yet.

    The newer quote keeps the older one's place, so bars stay where they were between quotes. No
    other event is ever dropped; memory grows only with what nobody reads, and whoever fills the
    inbox watches `waiting`.
    """

    __slots__ = ("_events", "_places", "conflated")

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._places: dict[InstrumentId, int] = {}
        self.conflated = 0
        """Quotes that were replaced before they were read."""

    @property
    def waiting(self) -> int:
        """Events that were not taken yet."""
        return len(self._events)

    def put(self, event: Event) -> None:
        """Add *event*, or put it in the place of an older quote of its instrument."""
        if type(event) is Quote:
            place = self._places.get(event.instrument_id)
            if place is not None:
                self._events[place] = event
                self.conflated += 1
                return
            self._places[event.instrument_id] = len(self._events)
        self._events.append(event)

    def take(self) -> list[Event]:
        """Return everything that waits, oldest first, and be empty."""
        events = self._events
        if events:
            self._events = []
            self._places.clear()
        return events
