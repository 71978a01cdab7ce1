"""
Bars from CSV and Parquet files: looked over once, then streamed as often as wanted.

`open_bars` reads the whole file before it returns, so that a fault in the last line is reported
before the first bar is traded; memory stays flat (see `row_store`). The result knows its interval,
its grids and its gaps, and streams `BarColumns` stamped by their close.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import numpy as np
from attrs import field, frozen

from algopioneer_core.domain.errors import DataError
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.history.bar_headers import BarLayout, recognise, same_symbol
from algopioneer_core.history.bar_rows import Field, OrderCheck, RowReader, Rows
from algopioneer_core.history.bar_survey import survey
from algopioneer_core.history.columns import BarColumns, Stamp, concat, rechunk
from algopioneer_core.history.csv_rows import CsvText
from algopioneer_core.history.file_rows import FaultLog
from algopioneer_core.history.gaps import GapReport
from algopioneer_core.history.parquet_rows import ParquetRows, WrittenFacts, write_parquet
from algopioneer_core.history.read_options import ACCEPTABLE, ReadOptions
from algopioneer_core.history.row_store import RowStore

__all__ = ["ACCEPTABLE", "FileSource", "ReadOptions", "open_bars", "open_rows", "write_parquet"]

_CSV: Final = frozenset({".csv", ".tsv", ".txt"})
_PARQUET: Final = frozenset({".parquet", ".pq"})


@frozen(eq=False, kw_only=True)
class FileSource:
    """The bars of one instrument in one file; a `BarSource`."""

    path: Path
    instrument_id: InstrumentId
    interval_ns: int
    """Length of a bar in nanoseconds, given or inferred."""
    price_decimals: int
    volume_decimals: int
    count: int
    first_ns: int
    """Close time of the first bar, UTC nanoseconds."""
    last_ns: int
    """Close time of the last bar, UTC nanoseconds."""
    gaps: GapReport
    stamp: Stamp
    """Which end of its interval the file writes on a bar."""
    closes_only: bool
    """Whether the file has closes only: open, high and low equal them."""
    has_cut_volumes: bool
    """Whether volumes had more decimals than are kept, and were cut (toward zero)."""
    accepted: Mapping[str, int]
    """Name of a fault to how many rows it was accepted in (prices, for `long-prices`)."""
    _store: RowStore = field(repr=False, alias="store")

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of results should know about the data, one sentence each."""
        notes = [f"times in the file are read as the {self.stamp} of their bar"]
        if self.closes_only:
            notes.append("the file has closes only: open, high and low equal the close")
        if self.has_cut_volumes:
            notes.append(f"volumes are cut at {self.volume_decimals} decimals, the file has more")
        if self.gaps.count:
            notes.append(self.gaps.describe())
        notes += [
            f"accepted {name} {number} times" for name, number in self.accepted.items() if number
        ]
        return tuple(notes)

    def chunks(self) -> Iterator[BarColumns]:
        """Stream the bars, CHUNK_BARS at a time; may be called again, memory stays flat."""
        rows = self._store.rows(self.price_decimals, self.volume_decimals)
        return rechunk(self._columns(part) for part in rows)

    def load(self) -> BarColumns:
        """Return all bars at once."""
        return concat(list(self.chunks()))

    def _columns(self, rows: Rows) -> BarColumns:
        table = rows.table
        shift = self.interval_ns if self.stamp is Stamp.OPEN else 0
        closes = table[Field.STAMP] + shift
        start, stop = np.searchsorted(closes, [self.first_ns, self.last_ns + 1])
        part = slice(start, stop)
        return BarColumns(
            instrument_id=self.instrument_id,
            interval_ns=self.interval_ns,
            ts_ns=closes[part],
            open=table[Field.OPEN, part],
            high=table[Field.HIGH, part],
            low=table[Field.LOW, part],
            close=table[Field.CLOSE, part],
            volume=table[Field.VOLUME, part],
            price_decimals=self.price_decimals,
            volume_decimals=self.volume_decimals,
        )


def open_bars(
    path: Path, instrument_id: InstrumentId, options: ReadOptions | None = None
) -> FileSource:
    """
    Look *path* over and return its bars of *instrument_id*.

    Read are `.csv` (also `.tsv`, `.txt`, each also `.gz`) and `.parquet`. Columns are recognised
    by name (see `bar_headers`), times by form (see `bar_times`). Prices are taken exactly as
    written; floats in a Parquet file by their shortest text. Volumes are cut (toward zero) at
    eight decimals, or fewer where 64 bits do not hold them; the result says so. A bar closes at
    its stamp, or one interval later where the file is stamped by the open. A range in *options* is
    half-open and on close times; the rest of the file is checked all the same.

    Raises:
        DataError: The file is missing or not readable, a column is missing, a row has a fault
            that *options* does not accept, the interval cannot be inferred, or no bar is left.
    """
    options = options or ReadOptions()
    rows_of = open_rows(Path(path))
    facts = rows_of.facts if isinstance(rows_of, ParquetRows) else None
    stamp = Stamp.CLOSE if facts else options.stamp
    symbol = instrument_id.symbol
    _check_symbol(facts, symbol, rows_of.path)
    line = "" if isinstance(rows_of, ParquetRows) else f":{rows_of.header_line}"
    layout = recognise(
        rows_of.first_row,
        symbol,
        stamp=stamp,
        where=f"{rows_of.path}{line}",
        columns=options.columns,
        may_lack_header=isinstance(rows_of, CsvText),
    )
    faults = FaultLog(rows_of.path, rows_of.place, options.accept)
    reader = _reader(layout, symbol, faults, facts)
    store = _parsed(rows_of, layout, reader, faults)
    known_ns = options.interval_ns or (facts.interval_ns if facts else None)
    found = survey(store, faults, options, stamp, known_ns)
    return FileSource(
        path=rows_of.path,
        instrument_id=instrument_id,
        interval_ns=found.interval_ns,
        price_decimals=_price_decimals(store, options, facts, rows_of.path),
        volume_decimals=facts.volume_decimals if facts else store.volume_decimals,
        count=found.count,
        first_ns=found.first_ns,
        last_ns=found.last_ns,
        gaps=found.gaps,
        stamp=stamp,
        closes_only=layout.closes_only,
        has_cut_volumes=reader.cut_volumes > 0 or store.cuts_volumes,
        accepted={name: number for name, number in sorted(faults.accepted.items()) if number},
        store=store,
    )


def open_rows(path: Path) -> CsvText | ParquetRows:
    """
    Return the rows of a file of market data, by the ending of its name.

    Raises:
        DataError: The file is missing, cannot be read, or is of another kind.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    kind = suffixes[-2:-1] if suffixes[-1:] == [".gz"] else suffixes[-1:]
    try:
        if not path.is_file():
            raise DataError(
                "there is no such file", where=str(path), remedy="check the path of the file"
            )
        if kind and kind[0] in _CSV:
            return CsvText(path)
        if kind and kind[0] in _PARQUET and suffixes[-1] != ".gz":
            return ParquetRows(path)
    except OSError as error:
        raise DataError(
            f"the file cannot be read: {error.strerror or error}", where=str(path)
        ) from None
    raise DataError(
        "this kind of file is not read", where=str(path), remedy="give .csv, .csv.gz or .parquet"
    )


def _check_symbol(facts: WrittenFacts | None, symbol: str, path: Path) -> None:
    if facts and not same_symbol(facts.symbol, symbol):
        raise DataError(
            f"the file holds bars of {facts.symbol}, not of {symbol}",
            where=str(path),
            remedy=f"name the symbol {facts.symbol}",
        )


def _reader(
    layout: BarLayout, symbol: str, faults: FaultLog, facts: WrittenFacts | None
) -> RowReader:
    if facts is None:
        return RowReader(layout, symbol, faults)
    return RowReader(
        layout,
        symbol,
        faults,
        price_decimals=facts.price_decimals,
        volume_decimals=facts.volume_decimals,
    )


def _parsed(
    rows_of: CsvText | ParquetRows, layout: BarLayout, reader: RowReader, faults: FaultLog
) -> RowStore:
    order = OrderCheck(faults)
    waits = "unsorted" in faults.accept  # order is judged when all rows are there
    store = RowStore()
    for block in rows_of.blocks(layout):
        rows = reader.read(block)
        store.append(rows if waits else order.check(rows))
    if not len(store):
        raise reader.nothing_left("bars")
    return _sorted(store, order, faults) if waits else store


def _sorted(store: RowStore, order: OrderCheck, faults: FaultLog) -> RowStore:
    """Return the rows in order of time; equal times keep the file's order."""
    parts = list(store.rows(store.price_decimals, store.volume_decimals))
    table = np.concatenate([part.table for part in parts], axis=1)
    faults.accepted["unsorted"] = int((np.diff(table[Field.STAMP]) < 0).sum())
    if faults.accepted["unsorted"]:
        table = table[:, np.argsort(table[Field.STAMP], kind="stable")]
    whole = RowStore()
    whole.append(order.check(Rows(table, store.price_decimals, store.volume_decimals)))
    return whole


def _price_decimals(
    store: RowStore, options: ReadOptions, facts: WrittenFacts | None, path: Path
) -> int:
    """Return the decimals of the price grid: asked for, else known, else the fewest."""
    fewest = store.price_decimals
    wanted = options.price_decimals
    if wanted is None:
        wanted = facts.price_decimals if facts else fewest
    if wanted < fewest:
        raise DataError(
            f"prices have {fewest} decimals, more than the {wanted} asked for",
            where=str(path),
            remedy=f"ask for {fewest}, or leave the choice to the reader",
        )
    if not store.prices_fit(wanted):
        raise DataError(
            f"the prices do not all fit 64 bits with {wanted} decimals",
            where=str(path),
            remedy=f"--accept long-prices: {ACCEPTABLE['long-prices']}",
        )
    return wanted
