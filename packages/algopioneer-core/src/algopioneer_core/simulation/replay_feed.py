"""
Bars and ticks of several sources as one stream: by time, at equal times in the configured order.

Sources are streamed side by side in columns and an event becomes an object when it is asked for, so
memory stays flat however long the files are, and what is passed over costs next to nothing.
"""

from collections.abc import Iterator, Sequence
from functools import reduce
from itertools import islice
from typing import TypeAlias

import numpy as np

from algopioneer_core.domain.market_data import Bar, Quote, Trade
from algopioneer_core.history.columns import BarColumns, BarSource
from algopioneer_core.history.ticks import TickColumns, TickSource

__all__ = ["FeedEvent", "FeedSource", "merged"]

FeedEvent: TypeAlias = Bar | Trade | Quote
FeedSource: TypeAlias = BarSource | TickSource
_Columns: TypeAlias = BarColumns | TickColumns


def merged(
    sources: Sequence[FeedSource],
    *,
    skip: int = 0,
    begin_ns: int | None = None,
    aligned: bool = False,
) -> Iterator[FeedEvent]:
    """
    Yield the events of all *sources*, merged.

    Args:
        sources: In the order in which events of one time are given.
        skip: Leave out so many of the first.
        begin_ns: Leave out what is from before this time, UTC nanoseconds; not counted in *skip*.
        aligned: Leave out times at which not every source has a bar, as an inner join does; of
            bars only.
    """
    for block in _blocks(sources):
        legs = [_since(leg, begin_ns) for leg in block]
        if aligned:
            legs = _common(legs)
        count = sum(len(leg) for leg in legs)
        if skip < count:
            yield from islice(_interleaved(legs), skip, None)
        skip = max(skip - count, 0)


def _blocks(sources: Sequence[FeedSource]) -> Iterator[list[_Columns]]:
    """Yield what each stream has up to a time that is common to all, until all have ended."""
    streams: list[Iterator[_Columns]] = [source.chunks() for source in sources]
    hands = [next(stream) for stream in streams]  # a source has at least one event
    while any(len(hand) for hand in hands):
        until = min(int(hand.ts_ns[-1]) for hand in hands if len(hand))
        cuts = [int(np.searchsorted(hand.ts_ns, until, side="right")) for hand in hands]
        yield [hand.slice(0, cut) for hand, cut in zip(hands, cuts, strict=True)]
        rests = [hand.slice(cut, len(hand)) for hand, cut in zip(hands, cuts, strict=True)]
        hands = [
            rest if len(rest) else next(stream, rest)
            for rest, stream in zip(rests, streams, strict=True)
        ]


def _since(leg: _Columns, begin_ns: int | None) -> _Columns:
    if begin_ns is None or not len(leg) or leg.ts_ns[0] >= begin_ns:
        return leg
    return leg.slice(int(np.searchsorted(leg.ts_ns, begin_ns)), len(leg))


def _common(legs: Sequence[_Columns]) -> list[_Columns]:
    common = reduce(np.intersect1d, (leg.ts_ns for leg in legs))
    bars = [leg for leg in legs if isinstance(leg, BarColumns)]
    return [leg.take(np.searchsorted(leg.ts_ns, common)) for leg in bars]


def _interleaved(legs: Sequence[_Columns]) -> Iterator[FeedEvent]:
    owners = np.repeat(np.arange(len(legs)), [len(leg) for leg in legs])
    order = np.lexsort((owners, np.concatenate([leg.ts_ns for leg in legs])))
    events = [_events(leg) for leg in legs]
    return (next(events[owner]) for owner in owners[order].tolist())


def _events(leg: _Columns) -> Iterator[FeedEvent]:
    return leg.bars() if isinstance(leg, BarColumns) else leg.events()
