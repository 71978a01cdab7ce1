"""Cases of the venue contract: instruments, streams and history."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import anyio
import pytest

from algopioneer_core.domain.capabilities import Capability, Support
from algopioneer_core.domain.errors import UnsupportedOperation
from algopioneer_core.domain.events import FeedDown, FeedGap, FeedUp
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND, Bar, Quote, Trade
from algopioneer_core.domain.money import total
from algopioneer_core.ports import MarketDataEvent, Venue
from algopioneer_core.testing.contracts.venue_desk import befalls, during
from algopioneer_core.testing.contracts.venue_stage import Stage
from algopioneer_core.testing.fault_plans import FaultKind

__all__ = ["MarketCases"]

_JUST_NOW_NS: Final = 10 * NS_PER_SECOND
"""How long ago an event may be that was just seen."""
_EVER_NS: Final = 2**62
_RULES: Final = (
    *("kind", "base", "quote", "multiplier", "expiry_ns", "price_increment"),
    *("quantity_increment", "minimum_quantity", "minimum_notional"),
)
"""What an instrument must say as its fixture does."""
_NEARLY: Final = 0.93
"""When within a silence it must have been noticed, as a share of how long it lasts."""
_SLICES: Final = 7
"""Parts in which history is asked for, to be compared with the whole."""
_MOVES: Final = 30


@pytest.mark.anyio
class MarketCases:
    """Instruments, streams and history."""

    async def test_r01_instruments_are_the_venues_own(self, stage: Stage) -> None:
        """R01: each once, under the venue's name, with the rules of the fixture's instrument."""
        async with stage.venue() as venue:
            listed = await venue.market_data.instruments()
            ids = [each.id for each in listed]
            assert len(ids) == len(set(ids))
            assert {venue.name} == {each.venue for each in ids}
            (found,) = (each for each in listed if each.id == stage.instrument.id)
            for name in _RULES:
                assert getattr(stage.instrument, name) == getattr(found, name), name

    async def test_r02_events_come_in_order_of_time_and_only_what_was_asked_for(
        self, stage: Stage
    ) -> None:
        """R02: none goes back in time among its kind, and prices are on the grid."""
        grid = stage.instrument.price_increment
        async with stage.venue() as venue:
            events = await stage.watched(venue)
            assert events
            _assert_in_order(events)
            assert {stage.instrument.id} == {
                event.instrument_id for event in events if hasattr(event, "instrument_id")
            }
            assert grid is None or all(grid.contains(p) for e in events for p in _prices(e))

    async def test_r03_unknown_instrument_is_refused(self, stage: Stage) -> None:
        """R03: it is not waited for in silence."""
        async with stage.venue() as venue:
            stranger = InstrumentId(venue.name, "NO-SUCH-THING")
            with pytest.raises(UnsupportedOperation):
                async with venue.market_data.subscribe([stranger]):
                    pass

    async def test_r04_history_is_half_open_and_in_order(self, stage: Stage) -> None:
        """R04: bars that close in [start, end), each once; unsupported intervals are refused."""
        async with stage.venue(Capability.BARS_HISTORY) as venue:
            (interval, *_), bars = await _history(stage, venue)
            ask = venue.market_data.bars
            times = [bar.ts_event for bar in bars]
            assert times == sorted(set(times))
            assert bars[1:-1] == list(
                await ask(stage.instrument.id, interval, times[0] + 1, times[-1])
            )
            with pytest.raises(UnsupportedOperation):
                await ask(stage.instrument.id, interval + 1, 0, _EVER_NS)

    async def test_r05_subscription_can_be_opened_again(self, stage: Stage) -> None:
        """R05: and shows what comes from then on."""
        async with stage.venue() as venue:
            first = await stage.watched(venue)
            second = await stage.watched(venue)
            bars = [event for event in (*first, *second) if isinstance(event, Bar)]
            assert len(bars) == len({bar.ts_event for bar in bars})
            assert second

    async def test_r06_what_is_declared_is_pushed(self, stage: Stage) -> None:
        """R06: quotes whose sides do not cross, and trades, where they are native."""
        async with stage.venue() as venue:
            events = await stage.watched(venue)
            kinds = {Capability.QUOTES: Quote, Capability.TRADES: Trade}
            for capability, kind in kinds.items():
                if venue.capabilities.supports(capability) is Support.NATIVE:
                    assert any(isinstance(each, kind) for each in events), kind.__name__
            for each in events:
                assert not isinstance(each, Quote) or each.bid <= each.ask

    async def test_r07_lost_connection_is_told_and_subscribed_again(self, stage: Stage) -> None:
        """R07: down, then up, then events again, of everything that was subscribed before."""
        async with stage.line() as (venue, backstage), stage.watching(venue) as events:
            await _more(stage, venue, events)
            before = _kinds(events)
            await befalls(backstage, FaultKind.DISCONNECT)
            await _until_up(stage, venue, events)
            seen = len(events)
            await _more(stage, venue, events)
            assert _marks(events[:seen]) == [FeedDown, FeedUp]
            assert before <= _kinds(events[seen:]) | {FeedDown, FeedUp}
            trades = [each.trade_id for each in events if isinstance(each, Trade)]
            assert len(trades) == len(set(trades)), "a trade was told again"

    async def test_r08_missing_messages_are_told(self, stage: Stage) -> None:
        """R08: as a gap of the instrument; afterwards everything is subscribed again."""
        needs = Capability.GAP_DETECTION
        async with stage.line(needs) as (venue, backstage), stage.watching(venue) as events:
            await _more(stage, venue, events)
            await befalls(backstage, FaultKind.GAP)
            await _until_up(stage, venue, events)
            gaps = [each for each in events if isinstance(each, FeedGap)]
            assert {stage.instrument.id} == {each.instrument_id for each in gaps}
            assert _marks(events)[-2:] == [FeedDown, FeedUp]
            await _more(stage, venue, events)

    async def test_r09_silence_is_not_taken_for_calm(self, stage: Stage) -> None:
        """R09: a stream that says nothing any more is opened anew; a quiet market is not one."""
        needs = Capability.SILENCE_DETECTION
        async with stage.line(needs) as (venue, backstage), stage.watching(venue) as events:
            await _more(stage, venue, events)
            await anyio.sleep(2 * stage.silent_s)
            assert FeedDown not in _marks(events)
            async with during(backstage, FaultKind.SILENCE, stage.silent_s):
                await anyio.sleep(stage.silent_s * _NEARLY)
                assert FeedDown in _marks(events)
            await _until_up(stage, venue, events)
            await _more(stage, venue, events)

    async def test_r10_slow_reader_gets_the_latest_quote_and_every_trade(
        self, stage: Stage
    ) -> None:
        """R10: quotes that wait may be replaced by newer ones; trades and bars never are."""
        ids = [stage.instrument.id]
        async with stage.line(Capability.QUOTES) as (venue, _):
            reader = venue.market_data.subscribe(ids)
            async with reader as slow, stage.watching(venue) as events:
                for _ in range(5):
                    await stage.move(venue)
                await anyio.sleep(stage.settle_s)
                seen = list(events)
                late: list[MarketDataEvent] = []
                with anyio.move_on_after(stage.settle_s):
                    async for event in slow:
                        late.append(event)
            waited, kept = _kept(late), _kept(seen)
            while waited and kept and waited[0] != kept[0]:  # the slow reader began earlier
                del waited[0]
            assert waited[: len(kept)] == kept
            assert _last_quote(late).ts_event >= _last_quote(seen).ts_event
            _assert_in_order(late)

    async def test_r11_history_has_neither_hole_nor_double(self, stage: Stage) -> None:
        """R11: over more than one page, all bars are those that small ranges show."""
        async with stage.venue(Capability.BARS_HISTORY) as venue:
            intervals, bars = await _history(stage, venue)
            page = venue.capabilities.history_page_bars
            assert page is None or len(bars) > page, "give a history of more than one page"
            ask, interval = venue.market_data.bars, intervals[0]
            found: list[Bar] = []
            start, end = bars[0].ts_event, bars[-1].ts_event + 1
            step = -(-len(bars) // _SLICES) * interval
            for begin in range(start, end, step):
                found += await ask(stage.instrument.id, interval, begin, min(begin + step, end))
            assert found == list(bars)

    async def test_r12_bars_are_finished_and_made_of_shorter_ones(self, stage: Stage) -> None:
        """R12: open, high, low, close and volume, under the time of the close."""
        async with stage.venue(Capability.BARS_HISTORY) as venue:
            intervals, bars = await _history(stage, venue)
            short = intervals[0]
            longer = [each for each in intervals if each > short and not each % short]
            if not longer:
                pytest.skip("declares no two lengths of bars of which one is made of the other")
            long = longer[0]
            last = bars[-1].ts_event
            coarse = await venue.market_data.bars(stage.instrument.id, long, 0, last + 1)
            assert len(coarse) > 1
            for bar in coarse[1:]:  # the first may be cut off by where history begins
                inside = [b for b in bars if bar.ts_event - long < b.ts_event <= bar.ts_event]
                assert _shape(inside) == _shape([bar])
            assert any(bar.volume for bar in bars)

    async def test_r13_pushed_bars_are_those_of_history(self, stage: Stage) -> None:
        """R13: each finished, once, and the same."""
        async with stage.venue(Capability.BARS_STREAM, Capability.BARS_HISTORY) as venue:
            able = venue.capabilities
            both = set(able.stream_bar_intervals_ns) & set(able.history_bar_intervals_ns)
            if not both:
                pytest.skip("declares no length of bars that is pushed and kept")
            interval = min(both)
            pushed = await self._pushed_bars(stage, venue, interval)
            first, last = pushed[0].ts_event, pushed[-1].ts_event
            kept = await venue.market_data.bars(stage.instrument.id, interval, first, last + 1)
            assert [bar.ts_event for bar in kept] == [bar.ts_event for bar in pushed]
            assert [_shape([bar]) for bar in kept] == [_shape([bar]) for bar in pushed]

    async def _pushed_bars(self, stage: Stage, venue: Venue, interval_ns: int) -> list[Bar]:
        """Return two bars, or what comes in somewhat more than two intervals."""
        if venue.capabilities.lockstep:
            events = await stage.watched(venue)
            return _bars(events)
        fifth_s = interval_ns / 5 / NS_PER_SECOND / stage.speed
        async with stage.watching(venue) as events:
            for _ in range(12):
                await stage.move(venue)
                await anyio.sleep(fifth_s)
                if len(_bars(events)) > 1:
                    break
        bars = _bars(events)
        assert bars, "no bar was pushed in two of its lengths"
        return bars

    async def test_r14_sessions_overlap_what_was_asked_for(self, stage: Stage) -> None:
        """R14: in order, and none that is over before or begins after."""
        async with stage.venue(Capability.MARKET_HOURS) as venue:
            start, end = 1_700_000_000 * NS_PER_SECOND, 1_700_086_400 * NS_PER_SECOND
            sessions = await venue.market_data.market_hours(start, end)
            times = [(each.opens_ns, each.closes_ns) for each in sessions]
            assert times == sorted(times)
            assert all(opens < end and start < closes for opens, closes in times)


async def _history(stage: Stage, venue: Venue) -> tuple[tuple[int, ...], Sequence[Bar]]:
    """Return the lengths of bars that are kept, and all bars of the shortest."""
    intervals = venue.capabilities.history_bar_intervals_ns
    if not intervals:
        pytest.skip("declares no native history of bars")
    events = await stage.watched(venue)
    bars = await venue.market_data.bars(stage.instrument.id, intervals[0], 0, _EVER_NS)
    assert len(bars) > 2
    assert bars[-1].ts_event < events[-1].ts_event + _JUST_NOW_NS, "a bar is not over"
    return intervals, bars


async def _more(stage: Stage, venue: Venue, events: list[MarketDataEvent]) -> None:
    """Let the market move until it has said something that it had not."""
    before = len(events)
    for _ in range(_MOVES):
        await stage.move(venue)
        await anyio.sleep(stage.settle_s)
        if any(isinstance(each, Quote | Trade | Bar) for each in events[before:]):
            return
    pytest.fail(f"the stream says nothing in {_MOVES} moves: {events[before:]}")


async def _until_up(stage: Stage, venue: Venue, events: list[MarketDataEvent]) -> None:
    """Let the market move until the stream was down and is up again."""
    for _ in range(_MOVES):
        if _marks(events)[-1:] == [FeedUp]:
            return
        await stage.move(venue)
        await anyio.sleep(stage.settle_s)
    pytest.fail(f"the stream is not up again in {_MOVES} moves: {_marks(events)}")


def _marks(events: Sequence[MarketDataEvent]) -> list[type]:
    return [type(each) for each in events if isinstance(each, FeedDown | FeedUp)]


def _kinds(events: Sequence[MarketDataEvent]) -> set[type]:
    return {type(each) for each in events}


def _bars(events: Sequence[MarketDataEvent]) -> list[Bar]:
    return [each for each in events if isinstance(each, Bar)]


def _assert_in_order(events: Sequence[MarketDataEvent]) -> None:
    """
    No event of a kind is older than the one before it.

    Kinds are not compared: a bar has the time of its close and is told once it is over, when a
    quote of the next bar may have been told already.
    """
    for kind in _kinds(events):
        times = [event.ts_event for event in events if type(event) is kind]
        assert times == sorted(times), kind.__name__


def _kept(events: Sequence[MarketDataEvent]) -> list[MarketDataEvent]:
    """Return what is never replaced by something newer."""
    return [_without_arrival(each) for each in events if isinstance(each, Trade | Bar)]


def _last_quote(events: Sequence[MarketDataEvent]) -> Quote:
    return [each for each in events if isinstance(each, Quote)][-1]


def _without_arrival(event: Quote | Trade | Bar) -> Quote | Trade | Bar:
    return event._replace(ts_recv=0)


def _prices(event: MarketDataEvent) -> tuple[Decimal, ...]:
    if isinstance(event, Quote):
        return event.bid, event.ask
    return (event.price,) if isinstance(event, Trade) else ()


def _shape(bars: Sequence[Bar]) -> tuple[Decimal, ...]:
    """Return open, high, low, close and volume of bars taken together."""
    return (
        bars[0].open,
        max(bar.high for bar in bars),
        min(bar.low for bar in bars),
        bars[-1].close,
        total(*(bar.volume for bar in bars)),
    )
