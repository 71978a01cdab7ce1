"""
Checked rows of a file, kept beside memory.

Text is parsed once. Its integers go to an unnamed temporary file, 56 bytes a row, from which bars
are streamed as often as wanted: memory stays flat, later passes cost a hundredth of the first, and
what is traded is what was checked, even if the file changes meanwhile. Small files stay in memory.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from algopioneer_core.history.bar_rows import ROW_FIELDS, Field, Rows
from algopioneer_core.history.columns import rescaled
from algopioneer_core.history.spool import Spool

__all__ = ["RowStore"]

_INT64_MAX: Final = 2**63 - 1
_PRICES: Final = slice(Field.OPEN, Field.VOLUME)


@frozen
class _Segment:
    offset: int
    rows: int
    price_decimals: int
    volume_decimals: int
    largest_price: int
    largest_volume: int


class RowStore:
    """Takes rows block by block; gives them back in the same order, on one grid."""

    def __init__(self) -> None:
        self._spool = Spool()
        self._segments: list[_Segment] = []

    def __len__(self) -> int:
        return sum(segment.rows for segment in self._segments)

    def append(self, rows: Rows) -> None:
        """
        Keep *rows*.

        Raises:
            DataError: The temporary folder is full or cannot be written.
        """
        if not len(rows):
            return
        place = self._spool.append(rows.table.tobytes())
        prices, volume = rows.table[_PRICES], rows.table[Field.VOLUME]
        self._segments.append(
            _Segment(
                place,
                len(rows),
                rows.price_decimals,
                rows.volume_decimals,
                int(prices.max()),
                int(volume.max()),
            )
        )

    @property
    def price_decimals(self) -> int:
        """Fewest decimals that hold all prices."""
        return max((segment.price_decimals for segment in self._segments), default=0)

    @property
    def volume_decimals(self) -> int:
        """Fewest decimals that hold all volumes, or as many as fit 64 bits."""
        most = max((segment.volume_decimals for segment in self._segments), default=0)
        while most and not self._volumes_fit(most):
            most -= 1
        return most

    @property
    def cuts_volumes(self) -> bool:
        """Whether some block has more decimals in its volumes than are kept."""
        kept = self.volume_decimals
        return any(segment.volume_decimals > kept for segment in self._segments)

    def _volumes_fit(self, decimals: int) -> bool:
        return all(
            part.largest_volume * 10 ** max(decimals - part.volume_decimals, 0) <= _INT64_MAX
            for part in self._segments
        )

    def prices_fit(self, decimals: int) -> bool:
        """Return whether every price fits 64 bits with so many decimals."""
        return all(
            part.largest_price * 10 ** (decimals - part.price_decimals) <= _INT64_MAX
            for part in self._segments
        )

    def times(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Stream (lines, stamps), block by block."""
        for part in self._segments:
            both = self._read(part.offset, 2 * part.rows)
            yield both[: part.rows], both[part.rows :]

    def rows(self, price_decimals: int, volume_decimals: int) -> Iterator[Rows]:
        """Stream the rows on the given grids; the price grid must hold them, volumes are cut."""
        for part in self._segments:
            table = self._read(part.offset, ROW_FIELDS * part.rows).reshape(ROW_FIELDS, part.rows)
            if (part.price_decimals, part.volume_decimals) != (price_decimals, volume_decimals):
                table = table.copy()
                table[_PRICES] = rescaled(table[_PRICES], part.price_decimals, price_decimals)
                volume = table[Field.VOLUME] // 10 ** max(part.volume_decimals - volume_decimals, 0)
                coarsest = min(part.volume_decimals, volume_decimals)
                table[Field.VOLUME] = rescaled(volume, coarsest, volume_decimals)
            yield Rows(table, price_decimals, volume_decimals)

    def _read(self, offset: int, numbers: int) -> NDArray[np.int64]:
        return np.frombuffer(self._spool.read(offset, numbers * 8), dtype=np.int64)
