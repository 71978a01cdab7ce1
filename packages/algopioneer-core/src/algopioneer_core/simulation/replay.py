"""
A venue that replays history: bars, trades and quotes of the past as a live feed, at any speed.

Time stands still at it between two events (`Capabilities.lockstep`), so that a session over it is
as repeatable as a backtest. It has markets and no account: open a paper account over it.
"""

import math
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import count
from typing import Final

import anyio
import anyio.lowlevel

from algopioneer_core.domain.capabilities import Capabilities, Pushed
from algopioneer_core.domain.errors import ConfigError, DataError, UnsupportedOperation
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND, Bar
from algopioneer_core.domain.simulated_capabilities import replay_capabilities
from algopioneer_core.history.intervals import format_interval
from algopioneer_core.history.tick_headers import RowKind
from algopioneer_core.history.ticks import TickSource
from algopioneer_core.ports import MarketDataEvent, MarketSession, ReceiveStream
from algopioneer_core.simulation.ending_stream import EndingStream
from algopioneer_core.simulation.no_account import NoAccount
from algopioneer_core.simulation.replay_feed import FeedEvent, FeedSource, merged
from algopioneer_core.simulation.replay_history import bars_between, built_bars

__all__ = ["AS_FAST_AS_POSSIBLE", "ReplayMarket", "ReplayStream", "ReplayVenue"]

AS_FAST_AS_POSSIBLE: Final = math.inf
"""The speed of a replay that waits for nothing but its reader."""


class ReplayVenue:
    """
    Bars, trades and quotes of several sources as the live feed of one venue.

    One subscription at a time moves the feed, and the next one goes on where it ended: time does
    not go back. The feed's end ends the stream.

    Args:
        name: The venue part of its instrument ids.
        instruments: What the sources are of.
        sources: What there is of each of them, in the same order: that of events of one time.
        speed: By how much time runs faster than the clock: 60 shows a minute each second.
        begin_ns: When the feed begins, UTC nanoseconds; what is earlier is history to warm up from.
        aligned: Show only times at which all the sources have a bar, as an inner join does.

    Raises:
        ConfigError: Instruments and sources do not go together, the speed is not positive, or
            ticks are to be aligned.
    """

    def __init__(
        self,
        name: str,
        instruments: Sequence[Instrument],
        sources: Sequence[FeedSource],
        *,
        speed: float = AS_FAST_AS_POSSIBLE,
        begin_ns: int | None = None,
        aligned: bool = False,
    ) -> None:
        _check_parts(name, instruments, sources, speed, aligned=aligned)
        self._name = name
        self._capabilities = replay_capabilities([_pushed(source) for source in sources])
        self._market = ReplayMarket(instruments, sources, speed, begin_ns, aligned=aligned)
        self._execution = NoAccount(name)

    @property
    def name(self) -> str:
        """The venue part of its instrument ids."""
        return self._name

    @property
    def capabilities(self) -> Capabilities:
        """What its sources hold, in lockstep."""
        return self._capabilities

    @property
    def market_data(self) -> "ReplayMarket":
        """The replayed markets."""
        return self._market

    @property
    def execution(self) -> NoAccount:
        """Nothing: every method raises UnsupportedOperation."""
        return self._execution

    def pushed(self, instrument_id: InstrumentId) -> Pushed:
        """
        Return what there is of an instrument.

        Raises:
            UnsupportedOperation: It is not replayed.
        """
        return _pushed(self._market.source(instrument_id))

    def market_time_ns(self) -> int:
        """Return the time of the latest event that has gone by, else of the first, in UTC."""
        return self._market.time_ns

    def snapshot(self) -> Mapping[str, object]:
        """Return how many events have been delivered."""
        return {"cursor": self._market.cursor}

    def restore(self, state: Mapping[str, object]) -> None:
        """
        Go on after as many events as *state* says.

        Raises:
            DataError: There are not so many: it is a state of other data.
        """
        cursor = state.get("cursor")
        if not isinstance(cursor, int) or cursor < 0:
            raise DataError(f"{dict(state)!r} is no state of a replay", where=self._name)
        self._market.move_to(cursor)


class ReplayMarket:
    """The market data of a replay; made by `ReplayVenue`."""

    def __init__(
        self,
        instruments: Sequence[Instrument],
        sources: Sequence[FeedSource],
        speed: float,
        begin_ns: int | None,
        *,
        aligned: bool,
    ) -> None:
        self._instruments = tuple(instruments)
        self._sources = {source.instrument_id: source for source in sources}
        self._places = {id_: place for place, id_ in enumerate(self._sources)}
        self._speed = speed
        self._begin_ns = begin_ns
        self._aligned = aligned
        self._seen = (0, 0) if begin_ns is None else (begin_ns, -1)
        self._is_open = False
        self.cursor = 0
        """How many events of the feed have gone by."""
        self._feed = self._from(0)
        self._ahead: deque[FeedEvent] = deque()

    async def instruments(self) -> Sequence[Instrument]:
        """Return what is replayed."""
        await anyio.lowlevel.checkpoint()
        return self._instruments

    def subscribe(
        self, instrument_ids: Sequence[InstrumentId]
    ) -> AbstractAsyncContextManager[ReceiveStream[MarketDataEvent]]:
        """
        Open the feed of some of the instruments; those of the others go by unseen.

        Raises:
            UnsupportedOperation: One of them is not replayed, or (on entering) the feed is open.
        """
        for instrument_id in instrument_ids:
            self.source(instrument_id)
        return self._subscribed(frozenset(instrument_ids))

    @asynccontextmanager
    async def _subscribed(
        self, wanted: frozenset[InstrumentId]
    ) -> AsyncIterator[ReceiveStream[MarketDataEvent]]:
        if self._is_open:
            raise UnsupportedOperation(
                "a replay has one subscription at a time",
                where="replay",
                remedy="subscribe once to all instruments",
            )
        self._is_open = True
        try:
            yield ReplayStream(self, wanted, self._speed)
        finally:
            self._is_open = False

    async def bars(
        self, instrument_id: InstrumentId, interval_ns: int, start_ns: int, end_ns: int
    ) -> Sequence[Bar]:
        """
        Return the bars that close in [start_ns, end_ns) and have gone by.

        Of trades and quotes, bars of any length are built.

        Raises:
            UnsupportedOperation: The instrument is not replayed, or has bars of another length.
        """
        await anyio.lowlevel.checkpoint()
        seen_ns, place = self._seen
        source = self.source(instrument_id)
        has_passed = isinstance(source, TickSource) or self._places[instrument_id] <= place
        past_ns = seen_ns + 1 if has_passed else seen_ns
        return self.whole(instrument_id, interval_ns, start_ns, min(end_ns, past_ns))

    def whole(
        self, instrument_id: InstrumentId, interval_ns: int, start_ns: int, end_ns: int
    ) -> list[Bar]:
        """
        Return the bars that close in [start_ns, end_ns), whether or not they have gone by.

        Raises:
            UnsupportedOperation: The instrument is not replayed, or has bars of another length.
        """
        source = self.source(instrument_id)
        if isinstance(source, TickSource):
            return built_bars(source, interval_ns, start_ns, end_ns)
        if interval_ns != source.interval_ns:
            raise UnsupportedOperation(
                f"there are bars of {format_interval(source.interval_ns)}, "
                f"not of {format_interval(interval_ns)}",
                where=instrument_id,
                remedy="ask for the interval of the file",
            )
        return bars_between(source, start_ns, end_ns)

    async def market_hours(self, start_ns: int, end_ns: int) -> Sequence[MarketSession]:
        """Return one session: a replay never closes."""
        await anyio.lowlevel.checkpoint()
        return [MarketSession(start_ns, end_ns)] if start_ns < end_ns else []

    # --- the feed ----------------------------------------------------------------------------

    def source(self, instrument_id: InstrumentId) -> FeedSource:
        """
        Return what there is of an instrument.

        Raises:
            UnsupportedOperation: It is not replayed.
        """
        source = self._sources.get(instrument_id)
        if source is None:
            raise UnsupportedOperation(
                "there is nothing of it in this replay",
                where=instrument_id,
                remedy=f"choose from {', '.join(self._sources)}",
            )
        return source

    def ahead(self) -> Iterator[FeedEvent]:
        """Yield the events that come next, of whatever instrument, without letting them go by."""
        for place in count():
            if place == len(self._ahead):
                event = next(self._feed, None)
                if event is None:
                    return
                self._ahead.append(event)
            yield self._ahead[place]

    @property
    def time_ns(self) -> int:
        """Time of the latest event that has gone by, UTC nanoseconds; before it, of the first."""
        first = None if self._seen[0] else next(self.ahead(), None)
        return self._seen[0] if first is None else first.ts_event

    def pass_by(self) -> None:
        """Let the next event, which was looked at before, go by."""
        event = self._ahead.popleft()
        self.cursor += 1
        self._seen = event.ts_event, self._places[event.instrument_id]

    def move_to(self, cursor: int) -> None:
        """
        Go on after *cursor* events.

        Raises:
            DataError: There are not so many.
        """
        if not cursor:
            return
        self._ahead.clear()
        self._feed = self._from(cursor - 1)
        if next(self.ahead(), None) is None:
            raise DataError(
                f"the feed was left after {cursor} events and has fewer now",
                where=" / ".join(self._sources),
                remedy="replay the same files with the same settings, or start anew",
            )
        self.cursor = cursor - 1
        self.pass_by()

    def _from(self, skip: int) -> Iterator[FeedEvent]:
        sources = tuple(self._sources.values())
        return merged(sources, skip=skip, begin_ns=self._begin_ns, aligned=self._aligned)


class ReplayStream(EndingStream[MarketDataEvent]):
    """
    One subscription to a replay; made by `ReplayMarket.subscribe`.

    Each wait is until the event is due: its distance from the first one of this subscription,
    divided by the speed, on anyio's clock.
    """

    def __init__(self, market: ReplayMarket, wanted: frozenset[InstrumentId], speed: float) -> None:
        self._market = market
        self._wanted = wanted
        self._speed = speed
        self._start: tuple[int, float] | None = None

    def has_more_at(self, ts_ns: int) -> bool:
        """Return whether the event that `receive` gives next happened at *ts_ns* too."""
        for event in self._market.ahead():
            if event.ts_event != ts_ns:
                return False
            if event.instrument_id in self._wanted:
                return True
        return False

    async def receive(self) -> MarketDataEvent:
        """
        Wait until the next event is due and return it; a cancellation leaves it for the next call.

        Raises:
            anyio.EndOfStream: There are no more.
        """
        while (event := next(self._market.ahead(), None)) is not None:
            wanted = event.instrument_id in self._wanted
            if wanted or self._speed != AS_FAST_AS_POSSIBLE:
                await anyio.sleep_until(self._due(event.ts_event))
            self._market.pass_by()
            if wanted:
                return event
        await anyio.lowlevel.checkpoint()
        raise anyio.EndOfStream

    def _due(self, ts_ns: int) -> float:
        if self._start is None:
            self._start = ts_ns, anyio.current_time()
        first_ns, began = self._start
        return began + (ts_ns - first_ns) / NS_PER_SECOND / self._speed


def _check_parts(
    name: str,
    instruments: Sequence[Instrument],
    sources: Sequence[FeedSource],
    speed: float,
    *,
    aligned: bool,
) -> None:
    ids = [instrument.id for instrument in instruments]
    if not ids or len(set(ids)) < len(ids) or ids != [each.instrument_id for each in sources]:
        raise ConfigError(
            "a replay needs the bars or ticks of each instrument, once and in the same order",
            where=" / ".join(ids) or name,
        )
    for each in ids:
        if each.venue != name:
            raise ConfigError(f"it is not an instrument of venue {name!r}", where=each)
    if not speed > 0:
        raise ConfigError(f"speed must be positive, not {speed}", where="speed")
    ticks = [each.instrument_id for each in sources if isinstance(each, TickSource)]
    if aligned and ticks:
        raise ConfigError(
            f"only bars can be aligned, and there are ticks of {ticks[0]}",
            where="aligned",
            remedy="leave it out: strategies on two legs join their bars themselves",
        )


def _pushed(source: FeedSource) -> Pushed:
    if not isinstance(source, TickSource):
        return Pushed(bar_intervals_ns=(source.interval_ns,))
    trades = source.kind is RowKind.TRADES
    return Pushed(trades=trades, quotes=not trades)
