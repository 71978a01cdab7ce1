"""
Rows of a bar file as exact integers, and the checks that make them bars.

A fault is refused with file and line, unless the user accepts faults of that name; what accepting
did is counted. Nothing is repaired silently.
"""

from collections import Counter
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from typing import Final, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from attrs import frozen
from numpy.typing import NDArray

from algopioneer_core.domain.errors import DataError
from algopioneer_core.history.arrow_arrays import arrow_mask, booleans, integers
from algopioneer_core.history.bar_headers import BarLayout, same_symbol
from algopioneer_core.history.bar_times import TimeReader
from algopioneer_core.history.csv_rows import TextBlock
from algopioneer_core.history.read_options import ACCEPTABLE, LONG_DECIMALS
from algopioneer_core.history.scaled_text import (
    BLANK,
    BadValue,
    NumberReader,
    Rounding,
    blanks,
    fewest_decimals,
)

__all__ = ["ROW_FIELDS", "FaultLog", "Field", "OrderCheck", "RowReader", "Rows", "iso_time"]


class Field(IntEnum):
    """What each line of a `Rows.table` holds."""

    LINE = 0
    STAMP = 1
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


def iso_time(ts_ns: int) -> str:
    """Return a time as people read it, to the second or as fine as it is."""
    text = str(np.datetime_as_string(np.datetime64(ts_ns, "ns")))
    return f"{text.rstrip('0').ljust(len('2024-01-01T00:00:00.'), '0').rstrip('.')}Z"


class FaultLog:
    """
    Decides what becomes of a fault, and counts those that were accepted.

    Args:
        path: The file.
        place: What goes before a row's number, for instance `row `.
        accept: Names from ACCEPTABLE.
    """

    def __init__(self, path: Path, place: str, accept: frozenset[str]) -> None:
        self.path = path
        self.accept = accept
        self.accepted: Counter[str] = Counter()
        self._place = place

    def refuse(
        self, line: int, message: str, *, name: str | None = None, remedy: str | None = None
    ) -> NoReturn:
        """Raise the error for a row; *name* is the fault it may be accepted by."""
        if name:
            remedy = f"mend the row, or --accept {name}: {ACCEPTABLE[name]}"
        raise DataError(
            message,
            where=f"{self.path}:{self._place}{line}",
            remedy=remedy or "mend or remove the row",
        )

    def drop(
        self, rows: Rows, bad: NDArray[np.bool_], name: str, why: Callable[[int], str]
    ) -> Rows:
        """
        Return *rows* without the *bad* ones where *name* is accepted.

        Raises:
            DataError: It is not; the message is what *why* says about the first bad row.
        """
        if not bad.any():
            return rows
        if name not in self.accept:
            at = int(bad.argmax())
            self.refuse(int(rows.table[Field.LINE, at]), why(at), name=name)
        self.accepted[name] += int(bad.sum())
        return rows.keep(~bad)


class RowReader:
    """
    Makes checked rows of a file's text columns.

    Args:
        layout: Where the columns are.
        symbol: Whose rows are wanted, in a file that has a symbol column.
        faults: Where faults go.
        price_decimals: A guess of the decimals; a right one saves time.
        volume_decimals: The same for volumes.
    """

    def __init__(
        self,
        layout: BarLayout,
        symbol: str,
        faults: FaultLog,
        *,
        price_decimals: int = 0,
        volume_decimals: int = 0,
    ) -> None:
        self._layout = layout
        self.symbol = symbol
        self._faults = faults
        self._times = TimeReader()
        is_long = "long-prices" in faults.accept
        rounding = Rounding("half_to_even", max(LONG_DECIMALS, price_decimals)) if is_long else None
        cut = Rounding("towards_zero", max(LONG_DECIMALS, volume_decimals), coarsens=True)
        self._prices = NumberReader(rounding, price_decimals)
        self._volumes = NumberReader(cut, volume_decimals)
        self.symbols: set[str] = set()
        """Symbols of rows that were passed over; the first hundred or so."""

    @property
    def cut_volumes(self) -> int:
        """How many volumes had more decimals than are kept, and were cut (toward zero)."""
        return self._volumes.rounded

    def read(self, block: TextBlock) -> Rows:
        """
        Return the rows of *block* that are wanted.

        Raises:
            DataError: A row has a fault that is not accepted.
        """
        block = self._own(block)
        rows = self._complete(block)
        self._faults.accepted["long-prices"] = self._prices.rounded
        return self._in_range(rows)

    def _own(self, block: TextBlock) -> TextBlock:
        if "symbol" not in block.columns:
            return block
        owners = pc.dictionary_encode(pc.cast(block.columns["symbol"], pa.string()))
        names = [name or "" for name in owners.dictionary.to_pylist()]
        ours = [same_symbol(name.strip(), self.symbol) for name in names]
        if len(self.symbols) < 100:
            self.symbols.update(name for name, own in zip(names, ours, strict=True) if not own)
        codes = integers(pc.cast(owners.indices, pa.int64()))
        unnamed = booleans(pc.is_null(owners.indices))
        codes = np.where(unnamed, len(names), codes)
        return _filtered(block, np.array([*ours, False])[codes])

    def _complete(self, block: TextBlock) -> Rows:
        """Return all rows as integers, those with blanks dropped where that is accepted."""
        rounded = self._prices.rounded, self._volumes.rounded
        try:
            return self._convert(block)
        except _BadColumn as error:
            self._prices.rounded, self._volumes.rounded = rounded
            role, bad = error.role, error.bad
        holes = np.zeros(len(block.lines), np.bool_)
        for column in block.columns.values():
            holes |= blanks(column)
        if not holes.any() or (bad.fault != BLANK and not holes[: bad.row + 1].any()):
            self._refuse(block, role, bad)
        if "nan" not in self._faults.accept:
            at = int(holes.argmax())
            empty = (name for name, column in block.columns.items() if blanks(column)[at])
            self._refuse(block, next(empty), BadValue(at, "", BLANK))
        try:
            rows = self._convert(_filtered(block, ~holes))
        except _BadColumn as error:
            self._refuse(_filtered(block, ~holes), error.role, error.bad)
        self._faults.accepted["nan"] += int(holes.sum())
        return rows

    def _refuse(self, block: TextBlock, role: str, bad: BadValue) -> NoReturn:
        line = int(block.lines[bad.row])
        column = self._layout.names[self._layout.positions()[role]].strip() or role
        if bad.fault == BLANK:
            self._faults.refuse(line, f"{column} {BLANK}", name="nan")
        self._faults.refuse(line, f"{column} {bad.text!r} {bad.fault}", remedy=bad.remedy)

    def _convert(self, block: TextBlock) -> Rows:
        table = np.zeros((ROW_FIELDS, len(block.lines)), np.int64)
        table[Field.LINE] = block.lines
        table[Field.STAMP] = _read(self._times, block, "time")
        if self._layout.closes_only:
            table[_PRICES] = _read(self._prices, block, "close")
        else:
            self._read_prices(block, table[_PRICES])
        if "volume" in block.columns:
            table[Field.VOLUME] = _read(self._volumes, block, "volume")
        return self._on_coarsest_grid(table)

    def _read_prices(self, block: TextBlock, into: NDArray[np.int64]) -> None:
        grids = []
        for at, role in enumerate(_ROLES):
            into[at] = _read(self._prices, block, role)
            grids.append(self._prices.decimals)
        for at, role in enumerate(_ROLES):
            if grids[at] != grids[-1]:  # a later column needed a finer grid
                into[at] = _read(self._prices, block, role)

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


class _BadColumn(Exception):
    def __init__(self, role: str, bad: BadValue) -> None:
        super().__init__(role)
        self.role = role
        self.bad = bad


def _read(reader: TimeReader | NumberReader, block: TextBlock, role: str) -> NDArray[np.int64]:
    try:
        return reader.read(block.columns[role])
    except BadValue as bad:
        raise _BadColumn(role, bad) from None


def _filtered(block: TextBlock, mask: NDArray[np.bool_]) -> TextBlock:
    if mask.all():
        return block
    chosen = arrow_mask(mask)
    return TextBlock(
        block.lines[mask], {role: column.filter(chosen) for role, column in block.columns.items()}
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
        self._check_backward(rows, steps)
        same = steps == 0
        if same.any():
            self._check_same(rows, same)
        self._last = Rows(rows.table[:, -1:].copy(), rows.price_decimals, rows.volume_decimals)
        return self._faults.drop(
            rows, same, "duplicates", lambda at: f"{iso_time(int(stamps[at]))} is there twice"
        )

    def _check_backward(self, rows: Rows, steps: NDArray[np.int64]) -> None:
        if not (steps < 0).any():
            return
        at = int((steps < 0).argmax())
        stamp = int(rows.table[Field.STAMP, at])
        earlier = iso_time(stamp - int(steps[at]))
        self._faults.refuse(
            int(rows.table[Field.LINE, at]),
            f"times are not sorted: {iso_time(stamp)} comes after {earlier}",
            name="unsorted",
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
