"""Every event to every strategy that wants it, none twice."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.domain.events import (
    FeedDown,
    FeedGap,
    FeedUp,
    InstrumentStatus,
    InstrumentStatusChanged,
    MarketClosed,
    MarketOpened,
)
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import Quote, Trade
from algopioneer_core.ports import MarketDataEvent
from algopioneer_core.runtime.inbox import Inbox
from algopioneer_core.runtime.router import Router
from algopioneer_core.testing.engine import make_bar

_A, _B, _C = InstrumentId("one", "A"), InstrumentId("one", "B"), InstrumentId("two", "C")
_ONE = Decimal(1)


class _Reader:
    def __init__(self, router: Router, *ids: InstrumentId) -> None:
        self.inbox, self.rung = Inbox(), 0
        router.subscribe(self.inbox, ids, self._ring)

    def _ring(self) -> None:
        self.rung += 1


_OF_INSTRUMENT: list[Callable[[InstrumentId], MarketDataEvent]] = [
    lambda each: Quote(each, 1, _ONE, _ONE, _ONE, _ONE, 1),
    lambda each: Trade(each, 1, _ONE, _ONE, "t", 1),
    lambda each: make_bar("1", 1, instrument_id=each),
    lambda each: FeedGap(each, 1),
    lambda each: InstrumentStatusChanged(each, 1, InstrumentStatus.HALTED),
]
_OF_VENUE: list[Callable[[str], MarketDataEvent]] = [
    lambda venue: FeedUp(venue, 1),
    lambda venue: FeedDown(venue, 1, "lost"),
    lambda venue: MarketOpened(venue, 1),
    lambda venue: MarketClosed(venue, 1),
]


@pytest.mark.parametrize("make", _OF_INSTRUMENT)
def test_an_instruments_events_go_to_whoever_trades_it(
    make: Callable[[InstrumentId], MarketDataEvent],
) -> None:
    """All its readers get it and are rung, the others hear nothing."""
    router = Router()
    first, second, other = _Reader(router, _A, _B), _Reader(router, _A), _Reader(router, _C)
    router.publish(make(_A))

    assert first.inbox.take() == second.inbox.take() == [make(_A)]
    assert other.inbox.take() == []
    assert (first.rung, second.rung, other.rung) == (1, 1, 0)


@pytest.mark.parametrize("make", _OF_VENUE)
def test_a_venues_events_go_once_to_whoever_trades_there(
    make: Callable[[str], MarketDataEvent],
) -> None:
    """A strategy with two instruments of a venue hears of it once."""
    router = Router()
    first, other = _Reader(router, _A, _B), _Reader(router, _C)
    router.publish(make("one"))

    assert first.inbox.take() == [make("one")]
    assert other.inbox.take() == []


def test_who_subscribes_later_hears_what_is_wrong_now() -> None:
    """A lost line and a closed market, each while it lasts."""
    router = Router()
    lost, closed = FeedDown("one", 1, "lost"), MarketClosed("one", 1)
    router.publish(lost)
    router.publish(closed)
    assert _Reader(router, _A, _B).inbox.take() == [lost, closed]
    router.publish(MarketOpened("one", 2))
    assert not router.is_up("one")
    assert router.is_up("two")
    assert _Reader(router, _A).inbox.take() == [lost]
    router.publish(closed)
    router.publish(FeedUp("one", 3))
    assert router.is_up("one")
    assert _Reader(router, _A).inbox.take() == [closed]


def test_what_is_shed_reaches_nobody() -> None:
    """The shedder looks before anybody does."""
    router = Router()
    reader = _Reader(router, _A)
    router.publish(Quote(_A, 1, Decimal(2), _ONE, _ONE, _ONE, 1))

    assert reader.inbox.take() == []
    assert reader.rung == 0


def test_who_has_unsubscribed_hears_nothing_more() -> None:
    """The others go on to hear it."""
    router = Router()
    first, second = _Reader(router, _A), _Reader(router, _A)
    router.unsubscribe(first.inbox)
    router.publish(FeedUp("one", 1))
    router.publish(FeedGap(_A, 1))

    assert first.inbox.take() == []
    assert second.inbox.take() == [FeedUp("one", 1), FeedGap(_A, 1)]


def test_nobody_wants_an_instrument_without_readers() -> None:
    """It is counted all the same."""
    router = Router()
    router.publish(make_bar("1", 1, instrument_id=_C))

    assert router.shedder.statistics(_C).bars == 1


@given(
    st.lists(
        st.tuples(st.sampled_from(["quote A", "quote B", "bar"]), st.sets(st.integers(0, 2))),
        max_size=40,
    )
)
def test_readers_at_their_own_pace_each_see_the_same_as_alone(
    steps: list[tuple[str, set[int]]],
) -> None:
    """What one reader has read does not change what the others find, or in which order."""
    router, alone = Router(), [Inbox() for _ in range(3)]
    readers = [_Reader(router, _A, _B) for _ in range(3)]
    for ts_ns, (what, takers) in enumerate(steps, 1):
        event: MarketDataEvent = make_bar("1", ts_ns, instrument_id=_A)
        if what != "bar":
            each = _A if what == "quote A" else _B
            event = Quote(each, ts_ns, _ONE, _ONE, _ONE, _ONE, ts_ns)
        router.publish(event)
        for inbox in alone:
            inbox.put(event)
        for number in sorted(takers):
            assert readers[number].inbox.take() == alone[number].take()
            readers[number].rung = 0
        assert all(reader.rung or not reader.inbox.waiting for reader in readers)

    for reader, inbox in zip(readers, alone, strict=True):
        assert reader.inbox.conflated == inbox.conflated
        assert reader.inbox.take() == inbox.take()
        assert reader.inbox.conflated == inbox.conflated
