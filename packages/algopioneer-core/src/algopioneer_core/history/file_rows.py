"""
Rows of a file on their way from text to integers: what is the same for bars and for ticks.

A fault is refused with file and line, unless the user accepts faults of that name; what accepting
did is counted. Nothing is repaired silently.
"""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final, Generic, NoReturn, Protocol, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from algopioneer_core.domain.errors import DataError
from algopioneer_core.history.arrow_arrays import arrow_mask, booleans, integers
from algopioneer_core.history.bar_headers import same_symbol
from algopioneer_core.history.bar_times import TimeReader
from algopioneer_core.history.csv_rows import Layout, TextBlock
from algopioneer_core.history.read_options import ACCEPTABLE, LONG_DECIMALS
from algopioneer_core.history.scaled_text import (
    BLANK,
    BadValue,
    NumberReader,
    Rounding,
    blanks,
)

__all__ = ["LINE", "STAMP", "BlockReader", "FaultLog", "iso_time", "read_column", "refuse_backward"]

LINE: Final = 0
"""Which line of a table of rows holds their lines in the file."""
STAMP: Final = 1
"""Which one holds their times, UTC nanoseconds."""


class _Rows(Protocol):
    """Rows in the file's order."""

    @property
    def table(self) -> NDArray[np.int64]:
        """One line for each field, `LINE` and `STAMP` first."""
        ...

    def keep(self: "_RowsT", mask: NDArray[np.bool_]) -> "_RowsT":
        """Return the rows where *mask* is true."""
        ...


_RowsT = TypeVar("_RowsT", bound=_Rows)


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
        self, rows: _RowsT, bad: NDArray[np.bool_], name: str, why: Callable[[int], str]
    ) -> _RowsT:
        """
        Return *rows* without the *bad* ones where *name* is accepted.

        Raises:
            DataError: It is not; the message is what *why* says about the first bad row.
        """
        if not bad.any():
            return rows
        if name not in self.accept:
            at = int(bad.argmax())
            self.refuse(int(rows.table[LINE, at]), why(at), name=name)
        self.accepted[name] += int(bad.sum())
        return rows.keep(~bad)


class BlockReader(Generic[_RowsT]):
    """
    Makes rows of a file's text columns; what rows hold is said by `_convert`.

    Args:
        layout: Where the columns are.
        symbol: Whose rows are wanted, in a file that has a symbol column.
        faults: Where faults go.
        price_decimals: A guess of the decimals; a right one saves time.
        volume_decimals: The same for volumes and sizes.
    """

    def __init__(
        self,
        layout: Layout,
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

    def read(self, block: TextBlock) -> _RowsT:
        """
        Return the rows of *block* that are wanted.

        Raises:
            DataError: A row has a fault that is not accepted.
        """
        block = self._own(block)
        rows = self._complete(block)
        self._faults.accepted["long-prices"] = self._prices.rounded
        return self._in_range(rows)

    def nothing_left(self, what: str) -> DataError:
        """Return the error for a file that has no row to give; *what* it was to have."""
        path = str(self._faults.path)
        if self.symbols:
            names = ", ".join(sorted(self.symbols)[:10])
            return DataError(
                f"there is no row of {self.symbol}; the file has {names}",
                where=path,
                remedy="name a symbol as the file does",
            )
        dropped = sum(self._faults.accepted.values())
        none = "there are no rows below the header"
        return DataError(
            f"nothing is left of {dropped} rows" if dropped else none,
            where=path,
            remedy=f"give a file with {what}",
        )

    def _convert(self, block: TextBlock) -> _RowsT:
        """Return *block* as integers."""
        raise NotImplementedError

    def _in_range(self, rows: _RowsT) -> _RowsT:
        """Return *rows* without those whose numbers cannot be, where that is accepted."""
        raise NotImplementedError

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

    def _complete(self, block: TextBlock) -> _RowsT:
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


class _BadColumn(Exception):
    def __init__(self, role: str, bad: BadValue) -> None:
        super().__init__(role)
        self.role = role
        self.bad = bad


def read_column(
    reader: TimeReader | NumberReader, block: TextBlock, role: str
) -> NDArray[np.int64]:
    """Return a column of *block* as integers; what cannot be read is refused by `BlockReader`."""
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


def refuse_backward(
    faults: FaultLog, rows: _Rows, steps: NDArray[np.int64], name: str | None
) -> None:
    """
    Do nothing where no time goes back.

    Args:
        faults: Where faults go.
        rows: The rows.
        steps: How much later each is than the one before.
        name: The fault it may be accepted by.

    Raises:
        DataError: A time goes back.
    """
    if not (steps < 0).any():
        return
    at = int((steps < 0).argmax())
    stamp = int(rows.table[STAMP, at])
    faults.refuse(
        int(rows.table[LINE, at]),
        f"times are not sorted: {iso_time(stamp)} comes after {iso_time(stamp - int(steps[at]))}",
        name=name,
        remedy="sort the file by time",
    )
