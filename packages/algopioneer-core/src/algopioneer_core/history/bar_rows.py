"""
Rows of a bar file as exact integers, and the checks that make them bars.

A fault is refused with file and line, unless the user accepts faults of that name; what accepting
did is counted. Nothing is repaired silently.
"""

from enum import IntEnum
from typing import Final

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from algopioneer_core.history.bar_headers import BarLayout
from algopioneer_core.history.csv_rows import TextBlock
from algopioneer_core.history.file_rows import (
    LINE,
    STAMP,
    BlockReader,
    FaultLog,
    iso_time,
    read_column,
    refuse_backward,
)
from algopioneer_core.history.scaled_text import fewest_decimals

__all__ = ["ROW_FIELDS", "Field", "OrderCheck", "RowReader", "Rows"]


class Field(IntEnum):
    """What each line of a `Rows.table` holds."""

    LINE = LINE
    STAMP = STAMP
    OPEN = 2
    HIGH = 3
    LOW = 4
    CLOSE = 5
    VOLUME = 6


ROW_FIELDS: Final = len(Field)
_PRICES: Final = slice(Field.OPEN, Field.VOLUME)
_ROLES: Final = ("open", "high", "low", "close")


@frozen(eq=False)
class Rows:
    """Rows of one instrument in the file's order, with the file's stamps."""

    table: NDArray[np.int64]
    """Shape (ROW_FIELDS, rows)."""
    price_decimals: int
    volume_decimals: int

    def __len__(self) -> int:
        return len(self.table[0])

    def keep(self, mask: NDArray[np.bool_]) -> "Rows":
        """Return the rows where *mask* is true."""
        return Rows(self.table[:, mask], self.price_decimals, self.volume_decimals)


class RowReader(BlockReader[Rows]):
    """Makes checked bars of a file's text columns."""

    def __init__(
        self,
        layout: BarLayout,
        symbol: str,
        faults: FaultLog,
        *,
        price_decimals: int = 0,
        volume_decimals: int = 0,
    ) -> None:
        super().__init__(
            layout, symbol, faults, price_decimals=price_decimals, volume_decimals=volume_decimals
        )
        self._closes_only = layout.closes_only

    def _convert(self, block: TextBlock) -> Rows:
        table = np.zeros((ROW_FIELDS, len(block.lines)), np.int64)
        table[Field.LINE] = block.lines
        table[Field.STAMP] = read_column(self._times, block, "time")
        if self._closes_only:
            table[_PRICES] = read_column(self._prices, block, "close")
        else:
            self._read_prices(block, table[_PRICES])
        if "volume" in block.columns:
            table[Field.VOLUME] = read_column(self._volumes, block, "volume")
        return self._on_coarsest_grid(table)

    def _read_prices(self, block: TextBlock, into: NDArray[np.int64]) -> None:
        grids = []
        for at, role in enumerate(_ROLES):
            into[at] = read_column(self._prices, block, role)
            grids.append(self._prices.decimals)
        for at, role in enumerate(_ROLES):
            if grids[at] != grids[-1]:  # a later column needed a finer grid
                into[at] = read_column(self._prices, block, role)

    def _on_coarsest_grid(self, table: NDArray[np.int64]) -> Rows:
        price, volume = self._prices.decimals, self._volumes.decimals
        price_decimals = fewest_decimals(table[_PRICES], price)
        volume_decimals = fewest_decimals(table[Field.VOLUME], volume)
        if price_decimals < price:
            table[_PRICES] //= 10 ** (price - price_decimals)
        if volume_decimals < volume:
            table[Field.VOLUME] //= 10 ** (volume - volume_decimals)
        return Rows(table, price_decimals, volume_decimals)

    def _in_range(self, rows: Rows) -> Rows:
        prices, volume = rows.table[_PRICES], rows.table[Field.VOLUME]
        if (prices <= 0).any() or (volume < 0).any():
            bad = (prices <= 0).any(axis=0) | (volume < 0)
            rows = self._faults.drop(
                rows, bad, "non-positive", lambda _: "a price is not positive or a volume negative"
            )
        first, high, low, close = rows.table[_PRICES]
        bad = (high < np.maximum(first, close)) | (low > np.minimum(first, close))
        return self._faults.drop(
            rows,
            bad,
            "bad-ranges",
            lambda at: (
                "high < low" if high[at] < low[at] else "open or close lies outside low and high"
            ),
        )


class OrderCheck:
    """
    Sees to it that times strictly increase, over all blocks of a file.

    Args:
        faults: Where faults go.
    """

    def __init__(self, faults: FaultLog) -> None:
        self._faults = faults
        self._last: Rows | None = None

    def check(self, rows: Rows) -> Rows:
        """
        Return *rows* without those that repeat the row before, where duplicates are accepted.

        Raises:
            DataError: A time goes back, or is there twice.
        """
        if not len(rows):
            return rows
        stamps = rows.table[Field.STAMP]
        before = stamps[0] - 1 if self._last is None else self._last.table[Field.STAMP, 0]
        steps = np.diff(stamps, prepend=before)
        refuse_backward(self._faults, rows, steps, "unsorted")
        same = steps == 0
        if same.any():
            self._check_same(rows, same)
        self._last = Rows(rows.table[:, -1:].copy(), rows.price_decimals, rows.volume_decimals)
        return self._faults.drop(
            rows, same, "duplicates", lambda at: f"{iso_time(int(stamps[at]))} is there twice"
        )

    def _check_same(self, rows: Rows, same: NDArray[np.bool_]) -> None:
        if "duplicates" not in self._faults.accept:
            return  # refused by the caller, whatever the values are
        values = rows.table[Field.STAMP :]
        equal = np.concatenate(([self._repeats_last(rows)], ~np.diff(values).any(axis=0)))
        if (same & ~equal).any():
            at = int((same & ~equal).argmax())
            time = iso_time(int(rows.table[Field.STAMP, at]))
            line = int(rows.table[Field.LINE, at])
            self._faults.refuse(line, f"two different rows have the time {time}")

    def _repeats_last(self, rows: Rows) -> bool:
        return self._last is not None and _first_row(rows) == _first_row(self._last)


def _first_row(rows: Rows) -> tuple[object, ...]:
    """Return the first row's values, comparable between grids."""
    numbers = rows.table[:, 0].tolist()
    prices = [_value(number, rows.price_decimals) for number in numbers[_PRICES]]
    return (numbers[Field.STAMP], *prices, _value(numbers[Field.VOLUME], rows.volume_decimals))


def _value(number: int, decimals: int) -> tuple[int, int]:
    while decimals and number % 10 == 0:
        number, decimals = number // 10, decimals - 1
    return number, decimals
