"""
Bars of several instruments, joined on their close time.

A strategy of two legs decides where both have a bar. The join is inner: a time that one leg lacks
is left out, and the report says of each leg how many of its bars found no partner. The sources are
streamed side by side, so memory stays flat however long they are.
"""

from collections.abc import Iterator, Sequence
from functools import partial, reduce
from itertools import chain
from typing import Final

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from algopioneer_core.domain.errors import DataError, RefusedError
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import JointBar
from algopioneer_core.history.columns import CHUNK_BARS, BarColumns, BarSource, concat
from algopioneer_core.history.intervals import format_interval

__all__ = ["EXAMPLES", "JoinedSource", "JointColumns", "Unmatched", "check_alike", "join_bars"]

EXAMPLES: Final = 3
"""Times of bars without a partner that are named, of each leg."""


def _same_length(_joint: "JointColumns", _: object, legs: tuple[BarColumns, ...]) -> None:
    if not legs:
        raise DataError("there are no legs to join")
    if any(len(leg) != len(legs[0]) for leg in legs[1:]):
        raise DataError("joint columns differ in length")


@frozen(eq=False)
class JointColumns:
    """
    Bars of several instruments that close at the same times.

    Raises:
        DataError: There is no leg, or they differ in length.
    """

    legs: tuple[BarColumns, ...] = field(validator=_same_length)
    """One for each instrument, in the configured order."""

    def __len__(self) -> int:
        return len(self.legs[0])

    @property
    def ts_ns(self) -> NDArray[np.int64]:
        """The common close times, UTC nanoseconds, strictly increasing."""
        return self.legs[0].ts_ns

    def slice(self, start: int, stop: int) -> "JointColumns":
        """Return the joint bars [start, stop) as views; nothing is copied."""
        return JointColumns(tuple(leg.slice(start, stop) for leg in self.legs))

    def steady(self) -> tuple[BarColumns, ...]:
        """Return the legs that a purchase at the first bar could have held to the last one."""
        return self.legs

    def joints(self) -> Iterator[JointBar]:
        """Return the joint bars one by one, made as they are asked for."""
        bars = zip(*(leg.bars() for leg in self.legs), strict=True)
        # Straight to the tuple's own constructor, as for bars: this is done at every bar.
        return map(partial(tuple.__new__, JointBar), zip(self.ts_ns.tolist(), bars, strict=True))


@frozen
class Unmatched:
    """Bars of one leg that were left out, because another leg has none at their time."""

    instrument_id: InstrumentId
    count: int
    first_ns: tuple[int, ...]
    """Close times of the first of them, UTC nanoseconds."""


@frozen(eq=False, kw_only=True)
class JoinedSource:
    """Several sources of bars as one of joint bars; made by `join_bars`."""

    sources: tuple[BarSource, ...]
    interval_ns: int
    """Length of a bar in nanoseconds."""
    count: int
    """Number of joint bars; at least one."""
    first_ns: int
    """Close time of the first joint bar, UTC nanoseconds."""
    last_ns: int
    """Close time of the last joint bar, UTC nanoseconds."""
    unmatched: tuple[Unmatched, ...]
    """What was left out of each leg, in the configured order; none are named where none were."""

    @property
    def instrument_ids(self) -> tuple[InstrumentId, ...]:
        """What the bars are of, in the configured order."""
        return tuple(source.instrument_id for source in self.sources)

    def chunks(self) -> Iterator[JointColumns]:
        """Stream the joint bars from the start, CHUNK_BARS at a time; memory stays flat."""
        return _rechunk(joint for joint, _ in _merge(self.sources))

    def load(self) -> JointColumns:
        """Return all joint bars at once."""
        return _matched([source.load() for source in self.sources])[0]


def join_bars(sources: Sequence[BarSource]) -> JoinedSource:
    """
    Join *sources* on the close times of their bars, having looked over all of them.

    Raises:
        RefusedError: There are fewer than two, an instrument is there twice, or they differ in
            interval or in which end of it their origin stamps: that would be a bar of look-ahead.
        DataError: They have no time in common.
    """
    check_alike(sources)
    survey = _Survey(sources)
    for joint, left_out in _merge(sources):
        survey.add(joint, left_out)
    return survey.source()


def check_alike(sources: Sequence[BarSource]) -> None:
    """
    Check that *sources* can be joined.

    Raises:
        RefusedError: There are fewer than two, an instrument is there twice, or they differ in
            interval or stamp.
    """
    ids = [source.instrument_id for source in sources]
    where = " / ".join(ids)
    if len(sources) < 2:
        raise RefusedError("a join needs the bars of two instruments", where=where)
    if len(set(ids)) < len(ids):
        raise RefusedError(
            "the same instrument is there twice", where=where, remedy="name two different ones"
        )
    lengths = {source.interval_ns for source in sources}
    if len(lengths) > 1:
        texts = " and ".join(format_interval(each) for each in sorted(lengths))
        raise RefusedError(
            f"the legs have bars of {texts}",
            where=where,
            remedy="give both legs bars of one interval",
        )
    if len({source.stamp for source in sources}) > 1:
        raise RefusedError(
            "one leg stamps the open of its bars and another the close",
            where=where,
            remedy="say for each what it stamps; a mixture would be a bar of look-ahead",
        )


class _Survey:
    """Counts what matches and what does not."""

    def __init__(self, sources: Sequence[BarSource]) -> None:
        self._sources = tuple(sources)
        self._examples: list[list[int]] = [[] for _ in sources]
        self._count = 0
        self._first: int | None = None
        self._last = 0

    def add(self, joint: JointColumns, left_out: Sequence[NDArray[np.int64]]) -> None:
        for examples, times in zip(self._examples, left_out, strict=True):
            examples += times[: EXAMPLES - len(examples)].tolist()
        if not len(joint):
            return
        self._count += len(joint)
        self._last = int(joint.ts_ns[-1])
        if self._first is None:
            self._first = int(joint.ts_ns[0])

    def source(self) -> JoinedSource:
        if self._first is None:
            raise DataError(
                "the legs have no time in common",
                where=" / ".join(source.instrument_id for source in self._sources),
                remedy="give bars of the same period, with the same stamp and interval",
            )
        return JoinedSource(
            sources=self._sources,
            interval_ns=self._sources[0].interval_ns,
            count=self._count,
            first_ns=self._first,
            last_ns=self._last,
            unmatched=tuple(
                Unmatched(source.instrument_id, source.count - self._count, tuple(examples))
                for source, examples in zip(self._sources, self._examples, strict=True)
            ),
        )


# --- merging ---------------------------------------------------------------------------------

_Step = tuple[JointColumns, list[NDArray[np.int64]]]
"""Joint bars (perhaps none), and for each leg the times that were left out meanwhile."""


def _merge(sources: Sequence[BarSource]) -> Iterator[_Step]:
    """
    Stream what the sources have in common, and what was left out of each.

    The streams advance together: what is looked at ends where the shortest one in hand ends.
    """
    streams = [source.chunks() for source in sources]
    hands: list[BarColumns | None] = [next(stream, None) for stream in streams]
    while True:
        legs = [hand for hand in hands if hand is not None]
        if len(legs) < len(hands):
            break
        until = min(int(leg.ts_ns[-1]) for leg in legs)
        cuts = [int(np.searchsorted(leg.ts_ns, until, side="right")) for leg in legs]
        yield _matched([leg.slice(0, cut) for leg, cut in zip(legs, cuts, strict=True)])
        hands = [
            leg.slice(cut, len(leg)) if cut < len(leg) else next(stream, None)
            for leg, cut, stream in zip(legs, cuts, streams, strict=True)
        ]
    yield from _rest(hands, streams)


def _rest(
    hands: Sequence[BarColumns | None], streams: Sequence[Iterator[BarColumns]]
) -> Iterator[_Step]:
    """
    Stream what is left of the other legs when one has ended: all of it is left out.

    It ends when there is enough of it for examples; how much there is follows from the counts.
    """
    for place, (hand, stream) in enumerate(zip(hands, streams, strict=True)):
        found = 0
        for part in chain([] if hand is None else [hand], stream):
            left_out: list[NDArray[np.int64]] = [part.ts_ns[:0]] * len(hands)
            left_out[place] = part.ts_ns
            yield JointColumns((part.slice(0, 0),) * len(hands)), left_out
            found += len(part)
            if found >= EXAMPLES:
                break


def _matched(legs: Sequence[BarColumns]) -> _Step:
    first = legs[0].ts_ns
    if all(np.array_equal(first, leg.ts_ns) for leg in legs[1:]):
        return JointColumns(tuple(legs)), [first[:0]] * len(legs)
    common = reduce(_common, (leg.ts_ns for leg in legs))
    places = [np.searchsorted(leg.ts_ns, common) for leg in legs]
    left_out = [np.delete(leg.ts_ns, at) for leg, at in zip(legs, places, strict=True)]
    return JointColumns(tuple(map(BarColumns.take, legs, places))), left_out


def _common(one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.intersect1d(one, other, assume_unique=True)


# --- chunks ----------------------------------------------------------------------------------


def _concat(parts: Sequence[JointColumns]) -> JointColumns:
    return JointColumns(
        tuple(concat(legs) for legs in zip(*(part.legs for part in parts), strict=True))
    )


def _rechunk(parts: Iterator[JointColumns]) -> Iterator[JointColumns]:
    """Cut a stream anew, into chunks of exactly CHUNK_BARS joint bars except the last."""
    waiting: list[JointColumns] = []
    count = 0
    for part in parts:
        if len(part):
            waiting.append(part)
            count += len(part)
        while count >= CHUNK_BARS:
            whole = _concat(waiting)
            yield whole.slice(0, CHUNK_BARS)
            count -= CHUNK_BARS
            waiting = [whole.slice(CHUNK_BARS, len(whole))] if count else []
    if waiting:
        yield _concat(waiting)
