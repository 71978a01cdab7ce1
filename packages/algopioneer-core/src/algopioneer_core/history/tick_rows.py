"""Rows of a tick file as exact integers, the checks that make them ticks, and where they wait."""

import json
from collections.abc import Iterator
from itertools import compress
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from attrs import field, frozen
from numpy.typing import NDArray

from algopioneer_core.history.csv_rows import TextBlock
from algopioneer_core.history.file_rows import (
    LINE,
    STAMP,
    BlockReader,
    FaultLog,
    read_column,
    refuse_backward,
)
from algopioneer_core.history.spool import Spool
from algopioneer_core.history.tick_headers import RowKind, TickLayout

__all__ = ["TickOrder", "TickReader", "TickRows", "TickStore", "read_ids"]

_PRICES: Final = {RowKind.TRADES: ("price",), RowKind.QUOTES: ("bid", "ask")}
_SIZES: Final = {RowKind.TRADES: ("size",), RowKind.QUOTES: ("bid_size", "ask_size")}


@frozen(eq=False)
class TickRows:
    """Ticks of one instrument in the file's order."""

    table: NDArray[np.int64]
    """One line each for the line in the file, the time, the prices and the sizes."""
    depth: int
    """How many lines are prices."""
    price_decimals: int
    size_decimals: int
    ids: tuple[str, ...] = field(default=(), repr=False)
    """Of trades; empty where the file has none."""

    def __len__(self) -> int:
        return len(self.table[0])

    @property
    def prices(self) -> NDArray[np.int64]:
        """The price, or bid and ask."""
        return self.table[2 : 2 + self.depth]

    @property
    def sizes(self) -> NDArray[np.int64]:
        """The size or sizes; no lines where the file has none."""
        return self.table[2 + self.depth :]

    def keep(self, mask: NDArray[np.bool_]) -> "TickRows":
        """Return the rows where *mask* is true."""
        ids = tuple(compress(self.ids, mask.tolist()))
        decimals = self.price_decimals, self.size_decimals
        return TickRows(self.table[:, mask], self.depth, *decimals, ids)


class TickReader(BlockReader[TickRows]):
    """Makes checked trades or quotes of a file's text columns."""

    def __init__(self, layout: TickLayout, symbol: str, faults: FaultLog) -> None:
        super().__init__(layout, symbol, faults)
        self._kind = layout.kind

    def _convert(self, block: TextBlock) -> TickRows:
        prices = _PRICES[self._kind]
        sizes = [role for role in _SIZES[self._kind] if role in block.columns]
        table = np.zeros((2 + len(prices) + len(sizes), len(block.lines)), np.int64)
        table[LINE] = block.lines
        table[STAMP] = read_column(self._times, block, "time")
        for _ in range(2):  # the second time on the grid that the last column needed
            for at, role in enumerate(prices, 2):
                table[at] = read_column(self._prices, block, role)
            for at, role in enumerate(sizes, 2 + len(prices)):
                table[at] = read_column(self._volumes, block, role)
            if len(prices) == 1:
                break
        ids = read_ids(block) if "id" in block.columns else ()
        decimals = self._prices.decimals, self._volumes.decimals
        return TickRows(table, len(prices), *decimals, ids)

    def _in_range(self, rows: TickRows) -> TickRows:
        is_trades = self._kind is RowKind.TRADES
        wrong = np.vstack((rows.prices <= 0, rows.sizes < int(is_trades)))
        bad = np.logical_or.reduce(wrong)
        what = "a price or a size is not positive"
        if not is_trades:
            what = "a price is not positive or a size negative"
        rows = self._faults.drop(rows, bad, "non-positive", lambda _: what)
        crossed = rows.prices[0] > rows.prices[-1]
        return self._faults.drop(rows, crossed, "crossed", lambda _: "the bid is above the ask")


def read_ids(block: TextBlock) -> tuple[str, ...]:
    """Return the trades' ids as text."""
    return tuple(each or "" for each in pc.cast(block.columns["id"], pa.string()).to_pylist())


class TickOrder:
    """
    Sees to it that times do not go back, over all blocks of a file.

    Args:
        faults: Where faults go.
    """

    def __init__(self, faults: FaultLog) -> None:
        self._faults = faults
        self._last: int | None = None

    def check(self, rows: TickRows) -> TickRows:
        """
        Return *rows*.

        Raises:
            DataError: A time goes back.
        """
        if len(rows):
            stamps = rows.table[STAMP]
            before = stamps[0] if self._last is None else self._last
            refuse_backward(self._faults, rows, np.diff(stamps, prepend=before), None)
            self._last = int(stamps[-1])
        return rows


@frozen
class _Segment:
    place: int
    shape: tuple[int, int]
    ids_size: int
    depth: int
    price_decimals: int
    size_decimals: int


class TickStore:
    """Takes rows block by block; gives them back in the same order, each block on its own grid."""

    def __init__(self) -> None:
        self._spool = Spool()
        self._segments: list[_Segment] = []

    def __len__(self) -> int:
        return sum(segment.shape[1] for segment in self._segments)

    def append(self, rows: TickRows) -> None:
        """
        Keep *rows*.

        Raises:
            DataError: The temporary folder is full or cannot be written.
        """
        if not len(rows):
            return
        ids = json.dumps(rows.ids).encode()
        place = self._spool.append(rows.table.tobytes() + ids)
        shape = rows.table.shape[0], rows.table.shape[1]
        decimals = rows.price_decimals, rows.size_decimals
        self._segments.append(_Segment(place, shape, len(ids), rows.depth, *decimals))

    def rows(self) -> Iterator[TickRows]:
        """Stream the rows."""
        for part in self._segments:
            size = 8 * part.shape[0] * part.shape[1]
            table = np.frombuffer(self._spool.read(part.place, size), dtype=np.int64)
            ids = json.loads(self._spool.read(part.place + size, part.ids_size))
            yield TickRows(
                table.reshape(part.shape),
                part.depth,
                part.price_decimals,
                part.size_decimals,
                tuple(ids),
            )
