"""
Trades and quotes from CSV and Parquet files: looked over once, then streamed as often as wanted.

The whole file is read before `open_ticks` returns, so that a fault in the last line is reported
before the first tick is traded; memory stays flat. Numbers are taken exactly as written, times are
read as in bar files (see `bar_times`), and what is wrong is refused with file and line.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import numpy as np
from attrs import field, frozen

from algopioneer_core.domain.errors import DataError
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.history.bar_files import open_rows
from algopioneer_core.history.csv_rows import CsvText
from algopioneer_core.history.file_rows import LINE, STAMP, FaultLog, iso_time
from algopioneer_core.history.parquet_rows import ParquetRows
from algopioneer_core.history.read_options import ReadOptions
from algopioneer_core.history.tick_headers import (
    RowKind,
    TickLayout,
    recognise_ticks,
    what_rows_are,
)
from algopioneer_core.history.tick_rows import TickOrder, TickReader, TickRows, TickStore
from algopioneer_core.history.ticks import TickColumns, whole_times

__all__ = ["TickFile", "open_ticks", "rows_of"]

_EVERYTHING: Final = (-(2**63), 2**63 - 1)


@frozen(eq=False, kw_only=True)
class TickFile:
    """The trades or quotes of one instrument in one file; a `TickSource`."""

    path: Path
    instrument_id: InstrumentId
    kind: RowKind
    count: int
    first_ns: int
    """Time of the first tick, UTC nanoseconds."""
    last_ns: int
    """Time of the last tick, UTC nanoseconds."""
    accepted: Mapping[str, int]
    """Name of a fault to how many rows it was accepted in (prices, for `long-prices`)."""
    _store: TickStore = field(repr=False, alias="store")

    def chunks(self) -> Iterator[TickColumns]:
        """Stream the ticks; may be called again, memory stays flat."""
        return whole_times(self._columns(rows) for rows in self._store.rows())

    def _columns(self, rows: TickRows) -> TickColumns:
        stamps = rows.table[STAMP]
        start, stop = np.searchsorted(stamps, [self.first_ns, self.last_ns + 1]).tolist()
        ids = rows.ids
        if self.kind is RowKind.TRADES and not ids:
            ids = tuple(map(str, rows.table[LINE].tolist()))
        whole = TickColumns(
            instrument_id=self.instrument_id,
            kind=self.kind,
            ts_ns=stamps,
            prices=rows.prices,
            sizes=rows.sizes,
            price_decimals=rows.price_decimals,
            size_decimals=rows.size_decimals,
            ids=ids,
        )
        return whole.slice(start, stop)


def rows_of(path: Path, symbol: str, told: RowKind | None = None) -> RowKind:
    """
    Return what the rows of a file are, from its columns.

    Args:
        path: The file.
        symbol: Whose prices are wanted.
        told: What they are where the columns allow several.

    Raises:
        DataError: The file is missing or not readable, or its columns allow several.
    """
    return _kind(open_rows(path), symbol, told)


def _kind(rows: CsvText | ParquetRows, symbol: str, told: RowKind | None) -> RowKind:
    if isinstance(rows, ParquetRows) and rows.facts:
        return RowKind.BARS  # written here
    return what_rows_are(rows.first_row, symbol, where=_header_of(rows), told=told)


def open_ticks(
    path: Path,
    instrument_id: InstrumentId,
    options: ReadOptions | None = None,
    told: RowKind | None = None,
) -> TickFile:
    """
    Look *path* over and return its trades or quotes of *instrument_id*.

    A trade without an id has its line as id. Sizes are cut (toward zero) at eight decimals, as
    volumes of bars are; of quotes they may be missing, and are then 0. A range in *options* is
    half-open; the rest of the file is checked all the same.

    Args:
        path: A `.csv` (also `.tsv`, `.txt`, each also `.gz`) or `.parquet` file.
        instrument_id: What is wanted of it.
        options: Range and faults to accept; what concerns bars only does nothing.
        told: What its rows are, where the columns allow several.

    Raises:
        DataError: The file is missing or not readable, has no trades or quotes, a row has a fault
            that *options* does not accept, a time goes back, or no tick is left.
    """
    options = options or ReadOptions()
    rows = open_rows(path)
    kind = _kind(rows, instrument_id.symbol, told)
    if kind is RowKind.BARS:
        raise DataError(
            "the file holds bars, not trades or quotes",
            where=str(path),
            remedy="give a file with time,price,size or time,bid,ask",
        )
    layout = recognise_ticks(rows.first_row, kind, where=_header_of(rows))
    faults = FaultLog(rows.path, rows.place, options.accept)
    reader = TickReader(layout, instrument_id.symbol, faults)
    store = _parsed(rows, layout, reader, faults)
    count, first_ns, last_ns = _in_range(store, options, rows.path)
    return TickFile(
        path=rows.path,
        instrument_id=instrument_id,
        kind=kind,
        count=count,
        first_ns=first_ns,
        last_ns=last_ns,
        accepted=+Counter(dict(sorted(faults.accepted.items()))),
        store=store,
    )


def _header_of(rows: CsvText | ParquetRows) -> str:
    return f"{rows.path}" if isinstance(rows, ParquetRows) else f"{rows.path}:{rows.header_line}"


def _parsed(
    rows: CsvText | ParquetRows, layout: TickLayout, reader: TickReader, faults: FaultLog
) -> TickStore:
    order, store = TickOrder(faults), TickStore()
    for block in rows.blocks(layout):
        store.append(order.check(reader.read(block)))
    if not len(store):
        raise reader.nothing_left(layout.kind.value)
    return store


def _in_range(store: TickStore, options: ReadOptions, path: Path) -> tuple[int, int, int]:
    """Return number of ticks in the range asked for, and the first and the last time of them."""
    asked = options.start_ns, options.end_ns
    start_ns, end_ns = (
        default if each is None else each for each, default in zip(asked, _EVERYTHING, strict=True)
    )
    count, edges, all_edges = 0, list[int](), list[int]()
    for rows in store.rows():
        stamps = rows.table[STAMP]
        start, stop = np.searchsorted(stamps, [start_ns, end_ns]).tolist()
        all_edges += (int(stamps[0]), int(stamps[-1]))
        if start < stop:
            count += stop - start
            edges += (int(stamps[start]), int(stamps[stop - 1]))
    if not count:
        raise DataError(
            "no tick lies in the range asked for; they go "
            f"from {iso_time(all_edges[0])} to {iso_time(all_edges[-1])}",
            where=str(path),
            remedy="widen --from and --to",
        )
    return count, edges[0], edges[-1]
