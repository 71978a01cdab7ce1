"""Bars as a venue hands them over, turned into columns and looked over on the way."""

from collections.abc import Sequence
from functools import partial
from typing import Final

import numpy as np
from attrs import evolve
from numpy.typing import NDArray

from algopioneer_core.domain.errors import DataError
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import Bar
from algopioneer_core.history.columns import BarColumns, concat, rescaled
from algopioneer_core.history.file_rows import iso_time

__all__ = ["columns_of", "joined", "on_one_grid"]

_REMEDY: Final = "this is a fault of the venue's plugin: report it to its author"


def columns_of(
    bars: Sequence[Bar],
    instrument_id: InstrumentId,
    interval_ns: int,
    *,
    start_ns: int,
    end_ns: int,
) -> BarColumns:
    """
    Return *bars* as columns, on the finest grid any of them needs.

    Args:
        bars: What the venue answered; may be empty.
        instrument_id: What was asked for.
        interval_ns: Length of a bar in nanoseconds.
        start_ns: First close time that was asked for, UTC nanoseconds.
        end_ns: Close time the answer had to stop before, UTC nanoseconds.

    Raises:
        DataError: A bar is of something else, out of order, out of the range, twice there, or has
            prices that contradict each other; names its close time. Or the numbers do not fit.
    """
    price_decimals = max((bar.price_decimals for bar in bars), default=0)
    volume_decimals = max((bar.volume_decimals for bar in bars), default=0)
    prices = [10 ** (price_decimals - bar.price_decimals) for bar in bars]
    volumes = [10 ** (volume_decimals - bar.volume_decimals) for bar in bars]
    column = partial(_column, instrument_id)
    columns = BarColumns(
        instrument_id=instrument_id,
        interval_ns=interval_ns,
        ts_ns=np.array([bar.ts_event for bar in bars], np.int64),
        open=column([bar.open_ticks for bar in bars], prices),
        high=column([bar.high_ticks for bar in bars], prices),
        low=column([bar.low_ticks for bar in bars], prices),
        close=column([bar.close_ticks for bar in bars], prices),
        volume=column([bar.volume_lots for bar in bars], volumes),
        price_decimals=price_decimals,
        volume_decimals=volume_decimals,
    )
    _check_origin(columns, bars, start_ns, end_ns)
    _check_prices(columns)
    return columns


def _column(
    instrument_id: InstrumentId, numbers: Sequence[int], factors: Sequence[int]
) -> NDArray[np.int64]:
    try:
        return np.array([n * f for n, f in zip(numbers, factors, strict=True)], np.int64)
    except OverflowError:
        raise DataError(
            "its bars do not fit 64 bits on one grid",
            where=str(instrument_id),
            remedy="ask for a shorter range",
        ) from None


def _check_origin(columns: BarColumns, bars: Sequence[Bar], start_ns: int, end_ns: int) -> None:
    times = columns.ts_ns
    strange = np.array([bar.instrument_id != columns.instrument_id for bar in bars], np.bool_)
    _refuse(columns, strange, "is of another instrument")
    outside = (times < start_ns) | (times >= end_ns)
    _refuse(columns, outside, "closes outside the range that was asked for")
    backward = np.diff(times, prepend=start_ns - 1) <= 0
    _refuse(columns, backward, "comes together with or after a later one")


def _check_prices(columns: BarColumns) -> None:
    low, high = columns.low, columns.high
    _refuse(columns, low <= 0, "has a price that is not positive")
    below = np.minimum(columns.open, columns.close) < low
    above = np.maximum(columns.open, columns.close) > high
    _refuse(columns, below | above, "opens or closes outside its low and high")
    _refuse(columns, columns.volume < 0, "has a negative volume")


def _refuse(columns: BarColumns, rows: NDArray[np.bool_], fault: str) -> None:
    if rows.any():
        closes = iso_time(int(columns.ts_ns[int(rows.argmax())]))
        where = str(columns.instrument_id)
        raise DataError(f"the bar that closes at {closes} {fault}", where=where, remedy=_REMEDY)


def joined(parts: Sequence[BarColumns]) -> BarColumns:
    """
    Return consecutive *parts* as one, on the finest grid any of them has.

    Raises:
        DataError: There are none, they overlap, or their numbers do not fit 64 bits on one grid.
    """
    return concat(on_one_grid(parts))


def on_one_grid(parts: Sequence[BarColumns]) -> list[BarColumns]:
    """
    Return *parts* with the decimals of the finest of them.

    Raises:
        DataError: Their numbers do not fit 64 bits then.
    """
    price = max((part.price_decimals for part in parts), default=0)
    volume = max((part.volume_decimals for part in parts), default=0)
    return [_on_grid(part, price, volume) for part in parts]


def _on_grid(part: BarColumns, price: int, volume: int) -> BarColumns:
    return evolve(
        part,
        open=rescaled(part.open, part.price_decimals, price),
        high=rescaled(part.high, part.price_decimals, price),
        low=rescaled(part.low, part.price_decimals, price),
        close=rescaled(part.close, part.price_decimals, price),
        volume=rescaled(part.volume, part.volume_decimals, volume),
        price_decimals=price,
        volume_decimals=volume,
    )
