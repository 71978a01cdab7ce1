"""
Bars as columns of integers, and where they come from.

Columns are how history is kept and streamed: six arrays of int64, no object for a bar until
somebody asks for one. Prices are exact integers on the grid 10**-price_decimals, so a strategy can
decide on them without a float; floats are made on request for statistics.

A strategy that can say its signals for a whole array of bars offers `SupportsSignals`; the
backtester then touches Python only where something is bought or sold.
"""

import enum
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, pairwise, repeat
from typing import Final, Protocol, runtime_checkable

import numpy as np
from attrs import Attribute, evolve, field, frozen
from numpy.typing import NDArray

from algopioneer_core.domain.errors import DataError
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import Bar
from algopioneer_core.engine.sizing import Sizing
from algopioneer_core.history.gaps import GapCounter, GapReport

__all__ = [
    "CHUNK_BARS",
    "BarColumns",
    "BarSource",
    "ColumnsSource",
    "Signals",
    "Stamp",
    "SupportsSignals",
    "concat",
    "rechunk",
    "rescaled",
]

CHUNK_BARS: Final = 65_536
"""Bars in one chunk of a stream (the last one may hold fewer)."""

_OBJECT_BARS: Final = 512
"""Bars turned into Python integers at a time: enough to be quick, few enough that the integers
stay in the processor's nearer cache until they are read."""
_INT64_MAX: Final = 2**63 - 1


class Stamp(enum.StrEnum):
    """Which end of its interval a file or venue writes on a bar."""

    OPEN = "open"
    CLOSE = "close"


def _same_length(bars: "BarColumns", _: object, column: NDArray[np.int64]) -> None:
    if len(column) != len(bars.ts_ns):
        raise DataError(
            f"a column has {len(column)} bars and the times have {len(bars.ts_ns)}",
            where=str(bars.instrument_id),
        )


def _not_negative(instance: object, attribute: "Attribute[int]", value: int) -> None:
    if value < 0:
        raise DataError(f"{attribute.name} must not be negative, not {value}")


@frozen(eq=False, kw_only=True)
class BarColumns:
    """
    Bars of one instrument, as columns.

    Whoever makes them from outside data has checked them: times strictly increase, prices are
    positive, low <= open, close <= high, volume is not negative.

    Raises:
        DataError: The columns differ in length, or a number of decimals is negative.
    """

    instrument_id: InstrumentId
    interval_ns: int
    """Length of a bar in nanoseconds."""
    ts_ns: NDArray[np.int64]
    """Close times, UTC nanoseconds, strictly increasing."""
    open: NDArray[np.int64] = field(validator=_same_length)
    high: NDArray[np.int64] = field(validator=_same_length)
    low: NDArray[np.int64] = field(validator=_same_length)
    close: NDArray[np.int64] = field(validator=_same_length)
    """Prices in quote currency, as integer numbers of 10**-price_decimals."""
    volume: NDArray[np.int64] = field(validator=_same_length)
    """Base units, as integer numbers of 10**-volume_decimals; 0 where unknown."""
    price_decimals: int = field(validator=_not_negative)
    volume_decimals: int = field(validator=_not_negative)

    def __len__(self) -> int:
        return len(self.ts_ns)

    def slice(self, start: int, stop: int) -> "BarColumns":
        """Return the bars [start, stop) as views of these columns; nothing is copied."""
        part = slice(start, stop)
        return evolve(
            self,
            ts_ns=self.ts_ns[part],
            open=self.open[part],
            high=self.high[part],
            low=self.low[part],
            close=self.close[part],
            volume=self.volume[part],
        )

    def take(self, places: NDArray[np.intp]) -> "BarColumns":
        """Return the bars at *places*, which ascend, copied."""
        return evolve(
            self,
            ts_ns=self.ts_ns[places],
            open=self.open[places],
            high=self.high[places],
            low=self.low[places],
            close=self.close[places],
            volume=self.volume[places],
        )

    def bars(self) -> Iterator[Bar]:
        """Return the bars one by one, made as they are asked for; `ts_recv` equals `ts_event`."""
        starts = range(0, len(self), _OBJECT_BARS)
        return chain.from_iterable(self._objects(at, at + _OBJECT_BARS) for at in starts)

    def _objects(self, start: int, stop: int) -> Iterator[Bar]:
        part = slice(start, stop)
        times = self.ts_ns[part].tolist()
        fields = zip(
            repeat(self.instrument_id),
            times,
            self.open[part].tolist(),
            self.high[part].tolist(),
            self.low[part].tolist(),
            self.close[part].tolist(),
            self.volume[part].tolist(),
            repeat(self.price_decimals),
            repeat(self.volume_decimals),
            times,
            strict=False,  # `repeat` has no end
        )
        # Straight to the tuple's own constructor: `Bar(*row)` costs twice as much.
        return map(partial(tuple.__new__, Bar), fields)

    def close_float(self) -> NDArray[np.float64]:
        """
        Return the closes in quote currency as float64, for statistics only.

        Each is the float nearest to the exact close while its ticks stay below 2**53 and
        price_decimals below 23; beyond that the conversion rounds twice.
        """
        return self.close / np.float64(10.0**self.price_decimals)


class BarSource(Protocol):
    """A series of bars that was looked over once and can be streamed any number of times."""

    @property
    def instrument_id(self) -> InstrumentId:
        """What the bars are of."""
        ...

    @property
    def interval_ns(self) -> int:
        """Length of a bar in nanoseconds."""
        ...

    @property
    def price_decimals(self) -> int:
        """Decimals of the price grid, the same in all chunks."""
        ...

    @property
    def volume_decimals(self) -> int:
        """Decimals of the volume grid, the same in all chunks."""
        ...

    @property
    def count(self) -> int:
        """Number of bars; at least one."""
        ...

    @property
    def first_ns(self) -> int:
        """Close time of the first bar, UTC nanoseconds."""
        ...

    @property
    def last_ns(self) -> int:
        """Close time of the last bar, UTC nanoseconds."""
        ...

    @property
    def gaps(self) -> GapReport:
        """What is missing."""
        ...

    @property
    def stamp(self) -> Stamp:
        """Which end of the interval the origin wrote on its bars; here they carry the close."""
        ...

    def chunks(self) -> Iterator[BarColumns]:
        """Stream the bars from the start, CHUNK_BARS at a time; memory stays flat."""
        ...

    def load(self) -> BarColumns:
        """Return all bars at once."""
        ...


@frozen(eq=False)
class ColumnsSource:
    """
    A source over columns that are in memory already.

    Raises:
        DataError: There is no bar.
    """

    columns: BarColumns
    stamp: Stamp = Stamp.CLOSE
    gaps: GapReport = field(init=False)

    def __attrs_post_init__(self) -> None:
        if not len(self.columns):
            raise DataError("there are no bars", where=str(self.columns.instrument_id))

    @gaps.default
    def _count_gaps(self) -> GapReport:
        counter = GapCounter(self.columns.interval_ns)
        counter.add(self.columns.ts_ns)
        return counter.report()

    @property
    def instrument_id(self) -> InstrumentId:
        """What the bars are of."""
        return self.columns.instrument_id

    @property
    def interval_ns(self) -> int:
        """Length of a bar in nanoseconds."""
        return self.columns.interval_ns

    @property
    def price_decimals(self) -> int:
        """Decimals of the price grid."""
        return self.columns.price_decimals

    @property
    def volume_decimals(self) -> int:
        """Decimals of the volume grid."""
        return self.columns.volume_decimals

    @property
    def count(self) -> int:
        """Number of bars."""
        return len(self.columns)

    @property
    def first_ns(self) -> int:
        """Close time of the first bar, UTC nanoseconds."""
        return int(self.columns.ts_ns[0])

    @property
    def last_ns(self) -> int:
        """Close time of the last bar, UTC nanoseconds."""
        return int(self.columns.ts_ns[-1])

    def chunks(self) -> Iterator[BarColumns]:
        """Stream views of the columns."""
        return rechunk([self.columns])

    def load(self) -> BarColumns:
        """Return the columns themselves."""
        return self.columns


@frozen(eq=False)
class Signals:
    """
    For each bar, what a strategy wants after it has seen that bar's close.

    Raises:
        DataError: The four arrays differ in length.
    """

    enter_long: NDArray[np.bool_]
    """May a strategy that is flat buy here."""
    leave_long: NDArray[np.bool_]
    """Must a strategy that is long sell here."""
    enter_short: NDArray[np.bool_]
    """May a strategy that is flat sell short here."""
    leave_short: NDArray[np.bool_]
    """Must a strategy that is short buy back here."""
    sizing: Sizing
    """The size of every entry."""

    def __attrs_post_init__(self) -> None:
        arrays = (self.enter_long, self.leave_long, self.enter_short, self.leave_short)
        if len({len(array) for array in arrays}) > 1:
            raise DataError(f"signals differ in length: {[len(array) for array in arrays]}")

    def __len__(self) -> int:
        return len(self.enter_long)


@runtime_checkable
class SupportsSignals(Protocol):
    """What a strategy offers, besides deciding bar by bar, to be run over whole arrays."""

    def signals(self, bars: BarColumns) -> Signals:
        """Return the signals at each of *bars*, equal to those it would decide bar by bar."""
        ...


def concat(parts: Sequence[BarColumns]) -> BarColumns:
    """
    Return *parts* as one; they must agree on instrument, interval and decimals.

    Raises:
        DataError: There are no parts, they disagree, or their times do not strictly increase.
    """
    if not parts:
        raise DataError("there are no bars to join")
    first = parts[0]
    if len(parts) == 1:
        return first
    _check_joinable(parts)
    return evolve(
        first,
        ts_ns=np.concatenate([part.ts_ns for part in parts]),
        open=np.concatenate([part.open for part in parts]),
        high=np.concatenate([part.high for part in parts]),
        low=np.concatenate([part.low for part in parts]),
        close=np.concatenate([part.close for part in parts]),
        volume=np.concatenate([part.volume for part in parts]),
    )


def _check_joinable(parts: Sequence[BarColumns]) -> None:
    kinds = {
        (part.instrument_id, part.interval_ns, part.price_decimals, part.volume_decimals)
        for part in parts
    }
    if len(kinds) > 1:
        raise DataError("parts of different instruments, intervals or decimals cannot be joined")
    filled = [part for part in parts if len(part)]
    if any(a.ts_ns[-1] >= b.ts_ns[0] for a, b in pairwise(filled)):
        raise DataError("the parts overlap in time", where=str(parts[0].instrument_id))


def rechunk(parts: Iterable[BarColumns], size: int = CHUNK_BARS) -> Iterator[BarColumns]:
    """Cut a stream of columns anew, into chunks of exactly *size* bars except the last."""
    waiting: list[BarColumns] = []
    count = 0
    for part in parts:
        if len(part):
            waiting.append(part)
            count += len(part)
        if count < size:
            continue
        whole = concat(waiting)
        cut = count - count % size
        for at in range(0, cut, size):
            yield whole.slice(at, at + size)
        count -= cut
        waiting = [whole.slice(cut, cut + count)] if count else []
    if waiting:
        yield concat(waiting)


def rescaled(numbers: NDArray[np.int64], decimals: int, wanted: int) -> NDArray[np.int64]:
    """
    Return *numbers* of 10**-decimals as numbers of 10**-wanted, exactly.

    Raises:
        DataError: *wanted* is smaller than *decimals*, or a number would pass 2**63 - 1.
    """
    if wanted == decimals:
        return numbers
    factor = 10 ** (wanted - decimals) if wanted > decimals else 0
    limit = int(np.abs(numbers).max(initial=0))
    if not factor or limit * factor > _INT64_MAX:
        raise DataError(f"numbers with {decimals} decimals do not fit on a grid of {wanted}")
    return numbers * np.int64(factor) if limit else numbers
