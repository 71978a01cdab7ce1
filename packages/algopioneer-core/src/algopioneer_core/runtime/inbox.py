"""What waits for one strategy: quotes conflated to the latest, everything else kept in order."""

from algopioneer_core.domain.events import Event
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import Bar, Quote

__all__ = ["Inbox", "Slot"]


class Slot:
    """
    One unread quote that stands in several inboxes at once.

    While it is `fresh` nobody has read it and nothing came after it, in any of them: a newer quote
    of the instrument may take its place for all of them in one step.
    """

    __slots__ = ("fresh", "quote", "replaced")

    def __init__(self, quote: Quote) -> None:
        self.quote = quote
        self.fresh = True
        self.replaced = 0
        """Quotes that stood here before this one."""


class Inbox:
    """
    A queue in which a quote takes the place of the one of its instrument that was not read yet.

    The older quote goes, and the newer one stands where it came: never before a bar that came
    earlier. No other event is ever dropped; memory grows only with what nobody reads, and whoever
    fills the inbox watches `waiting`.
    """

    __slots__ = ("_conflated", "_events", "_last", "_number")

    def __init__(self) -> None:
        self._events: dict[object, Event | Slot] = {}  # quotes by instrument, others by number
        self._number = 0
        self._conflated = 0
        self._last: Slot | None = None  # what was put in last, if it is a slot

    @property
    def waiting(self) -> int:
        """Events that were not taken yet."""
        return len(self._events)

    @property
    def conflated(self) -> int:
        """Quotes that were replaced before they were read."""
        unread = (each for each in self._events.values() if type(each) is Slot)
        return self._conflated + sum(each.replaced for each in unread)

    @property
    def first_bar_ns(self) -> int | None:
        """Close time of the oldest bar that waits, UTC nanoseconds; None when there is none."""
        for event in self._events.values():
            if type(event) is Bar:
                return event.ts_event
        return None

    def put(self, event: Event) -> None:
        """Add *event*; an older quote of the same instrument goes."""
        if type(event) is Quote:
            self.put_slot(event.instrument_id, Slot(event))
            return
        if self._last is not None:
            self._last.fresh = False
            self._last = None
        self._number += 1
        self._events[self._number] = event

    def put_slot(self, instrument_id: InstrumentId, slot: Slot) -> None:
        """Add the slot of a quote, which other inboxes may have too; an older one goes."""
        events, last = self._events, self._last
        if last is not None:
            last.fresh = False
        self._last = slot
        if instrument_id in events:
            older = events.pop(instrument_id)
            assert type(older) is Slot
            self._conflated += older.replaced + 1
        events[instrument_id] = slot

    def take(self) -> list[Event]:
        """Return everything that waits, oldest first, and be empty."""
        events: list[Event] = []
        for event in self._events.values():
            if type(event) is Slot:
                event.fresh = False
                self._conflated += event.replaced
                events.append(event.quote)
            else:
                events.append(event)  # type: ignore[arg-type]  # no Slot: mypy does not narrow here
        self._events.clear()
        self._last = None
        return events
