"""
Bars of several sources as one stream: by close time, at equal times in the configured order.

Sources are streamed side by side in columns and a bar becomes an object when it is asked for, so
memory stays flat however long the files are, and what is passed over costs next to nothing.
"""

from collections.abc import Iterator, Sequence
from functools import reduce
from itertools import islice

import numpy as np

from algopioneer_core.domain.market_data import Bar
from algopioneer_core.history.columns import BarColumns, BarSource

__all__ = ["merged"]


def merged(
    sources: Sequence[BarSource],
    *,
    skip: int = 0,
    begin_ns: int | None = None,
    aligned: bool = False,
) -> Iterator[Bar]:
    """
    Yield the bars of all *sources*, merged.

    Args:
        sources: In the order in which bars of one time are given.
        skip: Leave out so many of the first.
        begin_ns: Leave out what closes before this time, UTC nanoseconds; not counted in *skip*.
        aligned: Leave out times at which not every source has a bar, as an inner join does.
    """
    for block in _blocks(sources):
        legs = [_since(leg, begin_ns) for leg in block]
        if aligned:
            legs = _common(legs)
        count = sum(len(leg) for leg in legs)
        if skip < count:
            yield from islice(_interleaved(legs), skip, None)
        skip = max(skip - count, 0)


def _blocks(sources: Sequence[BarSource]) -> Iterator[list[BarColumns]]:
    """Yield what each stream has up to a time that is common to all, until all have ended."""
    streams = [source.chunks() for source in sources]
    hands = [next(stream) for stream in streams]  # a source has at least one bar
    while any(len(hand) for hand in hands):
        until = min(int(hand.ts_ns[-1]) for hand in hands if len(hand))
        cuts = [int(np.searchsorted(hand.ts_ns, until, side="right")) for hand in hands]
        yield [hand.slice(0, cut) for hand, cut in zip(hands, cuts, strict=True)]
        rests = [hand.slice(cut, len(hand)) for hand, cut in zip(hands, cuts, strict=True)]
        hands = [
            rest if len(rest) else next(stream, rest)
            for rest, stream in zip(rests, streams, strict=True)
        ]


def _since(leg: BarColumns, begin_ns: int | None) -> BarColumns:
    if begin_ns is None or not len(leg) or leg.ts_ns[0] >= begin_ns:
        return leg
    return leg.slice(int(np.searchsorted(leg.ts_ns, begin_ns)), len(leg))


def _common(legs: Sequence[BarColumns]) -> list[BarColumns]:
    common = reduce(np.intersect1d, (leg.ts_ns for leg in legs))
    return [leg.take(np.searchsorted(leg.ts_ns, common)) for leg in legs]


def _interleaved(legs: Sequence[BarColumns]) -> Iterator[Bar]:
    owners = np.repeat(np.arange(len(legs)), [len(leg) for leg in legs])
    order = np.lexsort((owners, np.concatenate([leg.ts_ns for leg in legs])))
    bars = [leg.bars() for leg in legs]
    return (next(bars[owner]) for owner in owners[order].tolist())
