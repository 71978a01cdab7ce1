import tracemalloc
from collections.abc import Iterator, Sequence
from typing import Any

import anyio
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.domain.capabilities import Capability, Support
from algopioneer_core.domain.errors import ConfigError, DataError, UnsupportedOperation
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import Bar
from algopioneer_core.history.columns import CHUNK_BARS, BarColumns, ColumnsSource
from algopioneer_core.history.intervals import MINUTE_NS
from algopioneer_core.ports import MarketDataEvent, SupportsSnapshot, Venue
from algopioneer_core.simulation.replay import ReplayVenue
from algopioneer_core.simulation.replay_feed import merged
from algopioneer_core.testing.bars import columns_from_closes

FIRST, SECOND = InstrumentId("replay", "AA-USD"), InstrumentId("replay", "BB-USD")


def bars(instrument_id: InstrumentId, minutes: Sequence[int]) -> BarColumns:
    """Return bars that close after so many minutes, at a price that says which."""
    columns = columns_from_closes([100 + minute for minute in minutes], instrument_id=instrument_id)
    start = int(columns.ts_ns[0]) - MINUTE_NS
    columns.ts_ns[:] = [start + minute * MINUTE_NS for minute in minutes]
    return columns


def replay(first: Sequence[int], second: Sequence[int] = (), **settings: Any) -> ReplayVenue:
    """Return a replay of one instrument or two."""
    parts = [bars(FIRST, first), *([bars(SECOND, second)] if second else [])]
    return ReplayVenue(
        "replay",
        [Instrument.undescribed(part.instrument_id) for part in parts],
        [ColumnsSource(part) for part in parts],
        **settings,
    )


def named(event: MarketDataEvent) -> tuple[str, int]:
    """Return the first letter of a bar's symbol, and its minute."""
    assert isinstance(event, Bar)
    return event.instrument_id.symbol[0], event.close_ticks - 100


async def watch(
    venue: ReplayVenue, most: int = 1_000, ids: Sequence[InstrumentId] = (FIRST, SECOND)
) -> list[tuple[str, int]]:
    """Return what comes of the feed, or so much of it."""
    wanted = [each for each in ids if each in {x.id for x in await venue.market_data.instruments()}]
    seen: list[tuple[str, int]] = []
    async with venue.market_data.subscribe(wanted) as events:
        while len(seen) < most:
            try:
                seen.append(named(await events.receive()))
            except anyio.EndOfStream:
                break
    return seen


async def test_bars_come_by_close_time_and_at_equal_times_in_the_configured_order() -> None:
    """A leg that lacks a time is simply not there."""
    seen = await watch(replay([1, 2, 4], [1, 3, 4, 5]))
    assert [("A", 1), ("B", 1), ("A", 2), ("B", 3), ("A", 4), ("B", 4), ("B", 5)] == seen


async def test_aligned_feed_shows_only_common_times() -> None:
    """As the inner join of a backtest does."""
    seen = await watch(replay([1, 2, 4], [1, 3, 4, 5], aligned=True))
    assert [("A", 1), ("B", 1), ("A", 4), ("B", 4)] == seen


async def test_feed_ends_when_the_data_ends() -> None:
    """An iteration simply stops."""
    venue = replay([1, 2])
    async with venue.market_data.subscribe([FIRST]) as events:
        assert [1, 2] == [named(event)[1] async for event in events]


async def test_next_subscription_goes_on_where_the_last_one_ended() -> None:
    """Time does not go back; what was not subscribed to has gone by as well."""
    venue = replay([1, 2, 3], [1, 2, 3])
    assert [("A", 1), ("A", 2)] == await watch(venue, 2, [FIRST])
    assert [("B", 2), ("A", 3), ("B", 3)] == await watch(venue)


async def test_only_one_subscription_moves_the_feed() -> None:
    """Two readers would take each other's bars."""
    venue = replay([1, 2])
    async with venue.market_data.subscribe([FIRST]):
        with pytest.raises(UnsupportedOperation, match="one subscription"):
            async with venue.market_data.subscribe([FIRST]):
                pass


async def test_speed_divides_the_time_between_bars() -> None:
    """Sixty times as fast: a minute each second, on anyio's clock."""
    venue = replay([1, 2, 5], speed=60)
    start = anyio.current_time()
    async with venue.market_data.subscribe([FIRST]) as events:
        times = [anyio.current_time() - start async for _ in events]
    assert [0, 1, 4] == pytest.approx(times)


async def test_bar_that_is_not_due_is_not_lost_by_a_cancellation() -> None:
    """It is delivered next time, at its time."""
    venue = replay([1, 2], speed=1)
    start = anyio.current_time()
    async with venue.market_data.subscribe([FIRST]) as events:
        await events.receive()
        with anyio.move_on_after(10):
            await events.receive()
        assert ("A", 2) == named(await events.receive())
    assert 60 == pytest.approx(anyio.current_time() - start)


async def test_history_is_what_has_gone_by() -> None:
    """Also within one time: what is first in order has gone by first."""
    venue = replay([1, 2, 3], [1, 2, 3])
    begin, end = 0, 2**62

    async def history(instrument_id: InstrumentId) -> list[int]:
        found = await venue.market_data.bars(instrument_id, MINUTE_NS, begin, end)
        return [named(bar)[1] for bar in found]

    assert [] == await history(FIRST)
    await watch(venue, 3)
    assert ([1, 2], [1]) == (await history(FIRST), await history(SECOND))
    begin = end = int(bars(FIRST, [2]).ts_ns[0])
    assert [] == await history(FIRST)  # the range is half-open
    end += 1
    assert [2] == await history(FIRST)


async def test_bars_before_the_beginning_are_history_only() -> None:
    """So that a strategy can warm up from them."""
    begin_ns = int(bars(FIRST, [3]).ts_ns[0])
    venue = replay([1, 2, 3, 4], begin_ns=begin_ns)
    past = await venue.market_data.bars(FIRST, MINUTE_NS, 0, 2**62)
    assert [1, 2] == [named(bar)[1] for bar in past]
    assert [("A", 3), ("A", 4)] == await watch(venue)


async def test_its_time_is_that_of_what_was_shown() -> None:
    """Before anything was, of what comes; looking at it does not move the feed."""
    venue, times = replay([2, 5, 9]), bars(FIRST, [2, 5, 9]).ts_ns
    assert int(times[0]) == venue.market_time_ns()
    await watch(venue, 2)
    assert int(times[1]) == venue.market_time_ns()
    again = replay([2, 5, 9])
    assert int(times[0]) == again.market_time_ns()
    again.restore(venue.snapshot())
    assert int(times[1]) == again.market_time_ns()
    assert [("A", 9)] == await watch(again)


async def test_what_is_not_replayed_is_unsupported() -> None:
    """Other instruments, other intervals, and everything of an account."""
    venue = replay([1, 2])
    with pytest.raises(UnsupportedOperation, match="nothing of it"):
        venue.market_data.subscribe([SECOND])
    with pytest.raises(UnsupportedOperation, match="bars of 1m, not of 5m"):
        await venue.market_data.bars(FIRST, 5 * MINUTE_NS, 0, 1)
    with pytest.raises(UnsupportedOperation, match="open a paper account over it"):
        await venue.execution.balances()


async def test_market_never_closes() -> None:
    """One session, as long as was asked."""
    (session,) = await replay([1]).market_data.market_hours(3, 9)
    assert (3, 9) == (session.opens_ns, session.closes_ns)
    assert [] == await replay([1]).market_data.market_hours(9, 9)


def test_declares_the_intervals_of_its_files() -> None:
    """And that it stands still between two events."""
    venue: Venue = replay([1, 2])
    assert venue.capabilities.lockstep
    assert (MINUTE_NS,) == venue.capabilities.stream_bar_intervals_ns
    assert Support.UNSUPPORTED is venue.capabilities.supports(Capability.MARKET_ORDERS)
    assert isinstance(venue, SupportsSnapshot)


@pytest.mark.parametrize("cursor", range(8))
async def test_restored_feed_goes_on_after_what_was_delivered(cursor: int) -> None:
    """At every place."""
    whole = await watch(replay([1, 2, 4], [1, 3, 4, 5]))
    venue, other = replay([1, 2, 4], [1, 3, 4, 5]), replay([1, 2, 4], [1, 3, 4, 5])
    before = await watch(venue, cursor)
    other.restore(venue.snapshot())
    assert whole == before + await watch(other)
    past = await other.market_data.bars(FIRST, MINUTE_NS, 0, 2**62)
    assert [1, 2, 4] == [named(bar)[1] for bar in past]


@pytest.mark.parametrize("state", [{}, {"cursor": -1}, {"cursor": "3"}, {"cursor": 3}])
def test_state_of_something_else_is_refused(state: dict[str, object]) -> None:
    """A cursor beyond the end means that the files are others now."""
    with pytest.raises(DataError):
        replay([1, 2]).restore(state)


def test_parts_must_go_together() -> None:
    """One source for each instrument, of this venue, and a speed that moves."""
    one = replay([1])
    instrument = Instrument.undescribed(FIRST)
    source = ColumnsSource(bars(FIRST, [1]))
    with pytest.raises(ConfigError, match="bars or ticks of each instrument"):
        ReplayVenue("replay", [instrument], [])
    with pytest.raises(ConfigError, match="not an instrument of venue 'other'"):
        ReplayVenue("other", [instrument], [source])
    with pytest.raises(ConfigError, match="speed must be positive"):
        ReplayVenue(one.name, [instrument], [source], speed=0)


# --- the merged feed -------------------------------------------------------------------------

minutes = st.lists(st.integers(1, 30), min_size=1, max_size=20, unique=True).map(sorted)


class Chopped:
    """A source that streams chunks of a few bars."""

    def __init__(self, columns: BarColumns, size: int) -> None:
        self._source = ColumnsSource(columns)
        self._size = size

    def chunks(self) -> Iterator[BarColumns]:
        columns = self._source.columns
        for at in range(0, len(columns), self._size):
            yield columns.slice(at, at + self._size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)


@given(st.lists(minutes, min_size=1, max_size=4), st.integers(1, 7), st.integers(0, 90))
def test_merged_feed_is_the_sorted_whole(legs: list[list[int]], size: int, skip: int) -> None:
    """However the sources are cut into chunks, and wherever it is taken up again."""
    ids = [InstrumentId("replay", f"{letter}-USD") for letter in "ABCD"]
    sources = [Chopped(bars(id_, leg), size) for id_, leg in zip(ids, legs, strict=False)]
    wanted = sorted((minute, place) for place, leg in enumerate(legs) for minute in leg)
    feed = [named(bar) for bar in merged(sources, skip=skip)]
    assert [("ABCD"[place], minute) for minute, place in wanted[skip:]] == feed


@pytest.mark.slow
async def test_memory_stays_flat() -> None:
    """A feed of many chunks holds a few of them at a time."""

    class Endless(Chopped):
        def chunks(self) -> Iterator[BarColumns]:
            columns = self._source.columns
            for number in range(8):
                step = number * CHUNK_BARS * MINUTE_NS
                yield evolve(columns, ts_ns=columns.ts_ns + step)

    source = Endless(bars(FIRST, range(1, CHUNK_BARS + 1)), 1)
    feed = merged([source])
    for _ in range(2 * CHUNK_BARS):
        next(feed)
    tracemalloc.start()
    seen = sum(1 for _ in feed)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 6 * CHUNK_BARS == seen
    assert peak < 4 * CHUNK_BARS * 8 * 6  # four chunks of six columns of integers
