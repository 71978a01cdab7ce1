"""Quotes are conflated; everything else is kept, in order."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.domain.events import Event, TimerFired
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import Quote
from algopioneer_core.runtime.inbox import Inbox

_IDS = [InstrumentId("sim", name) for name in "AB"]


def _quote(instrument_id: InstrumentId, ts_ns: int) -> Quote:
    one = Decimal(1)
    return Quote(instrument_id, ts_ns, one, one, one, one, ts_ns)


def test_a_quote_goes_when_a_newer_one_of_its_instrument_comes() -> None:
    """Only the latest is read, and the others are counted."""
    inbox = Inbox()
    for ts_ns in range(5):
        inbox.put(_quote(_IDS[0], ts_ns))
    inbox.put(_quote(_IDS[1], 5))

    assert inbox.conflated == 4
    assert inbox.waiting == 2
    assert inbox.take() == [_quote(_IDS[0], 4), _quote(_IDS[1], 5)]
    assert inbox.take() == []


def test_a_newer_quote_does_not_overtake_what_came_before_it() -> None:
    """Time never goes back for the reader: a later price is not shown before an earlier event."""
    inbox = Inbox()
    inbox.put(_quote(_IDS[0], 1))
    inbox.put(TimerFired("t", 2))
    inbox.put(_quote(_IDS[0], 3))

    assert inbox.take() == [TimerFired("t", 2), _quote(_IDS[0], 3)]


@given(st.lists(st.one_of(st.none(), st.sampled_from(_IDS)), max_size=60), st.data())
def test_nothing_but_older_quotes_is_lost(
    kinds: list[InstrumentId | None], data: st.DataObject
) -> None:
    """However reading and writing alternate, order is kept and the last quote is read."""
    inbox, read, put = Inbox(), list[Event](), list[Event]()
    for number, kind in enumerate(kinds):
        event = TimerFired("t", number) if kind is None else _quote(kind, number)
        put.append(event)
        inbox.put(event)
        if data.draw(st.booleans()):
            read += inbox.take()
    read += inbox.take()

    times = [each.ts_event for each in read]
    assert times == sorted(times)
    assert [e for e in read if isinstance(e, TimerFired)] == [
        e for e in put if isinstance(e, TimerFired)
    ]
    for each in _IDS:
        quotes = [e for e in put if isinstance(e, Quote) and e.instrument_id == each]
        assert not quotes or quotes[-1] in read
    assert len(read) + inbox.conflated == len(put)
