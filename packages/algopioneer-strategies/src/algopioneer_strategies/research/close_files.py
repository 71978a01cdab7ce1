"""
Closes of many symbols out of files: wide, long, or one file for each symbol.

A *wide* file has a time and one column of closes for each symbol; a blank is a bar that is not
there. A *long* one has a symbol column. Any other file of bars holds one symbol, named by the file
where it does not say itself (`BTC-USD.csv`). A folder is all its files. One pass reads all symbols
of a file, which is why this is not the reader of a backtest's bars: that one keeps every price
exact, this one makes floats for statistics.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from attrs import frozen
from numpy.typing import NDArray

from algopioneer_core.domain.errors import ConfigError, DataError
from algopioneer_core.history.arrow_arrays import arrow_mask, integers
from algopioneer_core.history.bar_files import open_rows
from algopioneer_core.history.bar_headers import (
    SYMBOLS,
    TIMES,
    ColumnFinder,
    is_headerless,
    same_symbol,
)
from algopioneer_core.history.bar_times import TimeReader
from algopioneer_core.history.columns import Stamp
from algopioneer_core.history.csv_rows import CsvText, TextBlock
from algopioneer_core.history.intervals import format_interval
from algopioneer_core.history.parquet_rows import ParquetRows
from algopioneer_core.history.scaled_text import BadValue, blanks
from algopioneer_strategies.research.symbol_lists import Wanted
from algopioneer_strategies.research.universe import SymbolCloses

__all__ = ["FileCloses", "read_closes"]

_ENDINGS: Final = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz", ".parquet", ".pq")
_CLOSES: Final = (
    "close",
    "close price",
    "c",
    "px close",
    "price",
    "adj close",
    "adjusted close",
    "last",
)
_BESIDE: Final = frozenset({"open", "high", "low", "volume", "vol", "o", "h", "l", "v"})
_NOTHING: Final[Mapping[str, str]] = {}
_ALL: Final = Wanted()


@frozen(eq=False)
class FileCloses:
    """What files hold."""

    closes: tuple[SymbolCloses, ...]
    """By symbol, in the order of the files and their columns."""
    interval_ns: int
    """Length of a bar in nanoseconds, given or the most common distance of two closes."""


def read_closes(
    paths: Sequence[Path],
    *,
    wanted: Wanted = _ALL,
    interval_ns: int | None = None,
    stamp: Stamp = Stamp.OPEN,
) -> FileCloses:
    """
    Read the closes of what is *wanted* from files or folders.

    Args:
        paths: Files, or folders of such; read in order.
        wanted: Which to return, in this order.
        interval_ns: Length of a bar; None takes the most common distance.
        stamp: Which end of its bar a time in a file is; files written by us say it themselves.

    Raises:
        DataError: A file cannot be read, a row is wrong (file and line are named), a symbol is in
            two files, or bars are of different lengths.
        ConfigError: A symbol is in none of the files.
    """
    stamped: dict[str, _Stamped] = {}
    for path in _files(paths):
        for each in _read(path, stamp):
            if each.symbol in stamped:
                raise DataError(
                    f"{each.symbol} is in two files: {stamped[each.symbol].path} has it too",
                    where=str(path),
                    remedy="give one file for each symbol",
                )
            stamped[each.symbol] = each
    chosen = [stamped[name] for name in _chosen(wanted, list(stamped))]
    length = _interval_ns(chosen, interval_ns)
    return FileCloses(tuple(each.closed(length) for each in chosen), length)


@frozen(eq=False)
class _Stamped:
    """Closes of one symbol as a file stamps them."""

    path: Path
    symbol: str
    times_ns: NDArray[np.int64]
    closes: NDArray[np.float64]
    stamp: Stamp
    interval_ns: int | None
    """Where the file says it."""

    def closed(self, interval_ns: int) -> SymbolCloses:
        shift = interval_ns if self.stamp is Stamp.OPEN else 0
        try:
            return SymbolCloses(self.symbol, self.times_ns + shift, self.closes)
        except DataError as error:
            raise DataError(
                error.message, where=f"{self.path}: {self.symbol}", remedy=error.remedy
            ) from None


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        inside = sorted(each for each in path.iterdir() if each.name.lower().endswith(_ENDINGS))
        if not inside:
            raise DataError(
                "there is no file of bars in this folder",
                where=str(path),
                remedy="give .csv, .csv.gz or .parquet files",
            )
        yield from inside


def _chosen(wanted: Wanted, there: Sequence[str]) -> Sequence[str]:
    if not wanted.symbols:
        return there
    names = [_named(symbol, there, needed=not wanted.is_list) for symbol in wanted.symbols]
    return [name for name in names if name is not None]


def _named(symbol: str, there: Sequence[str], *, needed: bool) -> str | None:
    found = next((name for name in there if same_symbol(name, symbol)), None)
    if found is None and needed:
        shown = ", ".join(there[:10]) + (", …" if len(there) > 10 else "")
        raise ConfigError(
            f"{symbol} is in none of the files; they have {shown}",
            where="--symbols",
            remedy="name symbols as the files do",
        )
    return found


def _interval_ns(found: Sequence[_Stamped], given: int | None) -> int:
    """Return the length of a bar, the same for all."""
    lengths = {each.symbol: each.interval_ns or _most_common_step(each.times_ns) for each in found}
    known = {symbol: length for symbol, length in lengths.items() if length}
    wanted = given or next(iter(known.values()), None)
    if wanted is None:
        raise DataError(
            "the length of a bar cannot be told from fewer than two closes",
            remedy="give --interval",
        )
    for symbol, length in known.items():
        if length != wanted:
            raise DataError(
                f"bars are of {format_interval(length)}, not of {format_interval(wanted)}",
                where=symbol,
                remedy="give bars of one length",
            )
    return wanted


def _most_common_step(times_ns: NDArray[np.int64]) -> int | None:
    steps = np.diff(times_ns)
    lengths, counts = np.unique(steps[steps > 0], return_counts=True)
    return int(lengths[counts.argmax()]) if len(lengths) else None


# --- one file --------------------------------------------------------------------------------


@frozen
class _Columns:
    """A `Layout`: the time, and either closes by symbol or a close with perhaps its symbol."""

    names: tuple[str, ...]
    has_header: bool
    places: Mapping[str, int]
    is_wide: bool

    def positions(self) -> Mapping[str, int]:
        return self.places


def _read(path: Path, stamp: Stamp) -> list[_Stamped]:
    rows = open_rows(path)
    facts = rows.facts if isinstance(rows, ParquetRows) else None
    columns = _columns(rows)
    alone = facts.symbol if facts else _stem(path)
    parts = _Parts(path, rows.place, columns, alone)
    for block in rows.blocks(columns):
        parts.take(block)
    found = [
        _Stamped(
            path,
            symbol,
            times_ns,
            closes,
            Stamp.CLOSE if facts else stamp,
            facts.interval_ns if facts else None,
        )
        for symbol, (times_ns, closes) in parts.joined().items()
    ]
    if not found:
        raise DataError("there are no rows below the header", where=str(path))
    return found


def _stem(path: Path) -> str:
    return path.name.removesuffix(".gz").rpartition(".")[0]


def _columns(rows: CsvText | ParquetRows) -> _Columns:
    names = tuple(rows.first_row)
    where = str(rows.path)
    if isinstance(rows, CsvText):
        where += f":{rows.header_line}"
        if is_headerless(names):
            numbered = tuple(f"column {at}" for at in range(1, len(names) + 1))
            return _Columns(numbered, False, {"time": 0, "close": 4}, False)
    finder = ColumnFinder(names, _NOTHING, where, "a time, and a close or one column a symbol")
    time, close, owner = (finder.find(role, known) for role, known in _KNOWN)
    if time is None:
        raise finder.missing(["time"])
    plain = {name.strip().lower() for name in names}
    if close is not None and (owner is not None or plain & _BESIDE or len(names) == 2):
        places = {"time": time, "close": close}
        return _Columns(names, True, places | ({} if owner is None else {"symbol": owner}), False)
    wide = {name.strip(): at for at, name in enumerate(names) if at != time}
    if not wide or len(wide) < len(names) - 1:
        raise finder.missing(["closes under a name of its own for each symbol"])
    return _Columns(names, True, {_TIME: time, **wide}, True)


_TIME: Final = "time"
_KNOWN: Final = ((_TIME, TIMES), ("close", _CLOSES), ("symbol", SYMBOLS))


class _Parts:
    """Gathers a file's closes by symbol, block by block."""

    def __init__(self, path: Path, place: str, columns: _Columns, alone: str) -> None:
        self._path, self._place, self._columns, self._alone = path, place, columns, alone
        self._times = TimeReader()
        self._parts: defaultdict[str, list[tuple[NDArray[np.int64], NDArray[np.float64]]]] = (
            defaultdict(list)
        )

    def take(self, block: TextBlock) -> None:
        """
        Take in a block.

        Raises:
            DataError: A time or a price is wrong; names file and line.
        """
        times_ns = self._stamps(block)
        if self._columns.is_wide:
            for symbol in self._columns.places:
                if symbol != _TIME:
                    self._add(symbol, times_ns, self._prices(block, symbol))
            return
        prices = self._prices(block, "close")
        if "symbol" not in block.columns:
            self._add(self._alone, times_ns, prices)
            return
        owners = pc.dictionary_encode(pc.cast(block.columns["symbol"], pa.string()))
        names = [str(name).strip() for name in owners.dictionary.to_pylist()]
        codes = integers(pc.cast(pc.fill_null(owners.indices, len(names)), pa.int64()))
        order = np.argsort(codes, kind="stable")
        bounds = np.searchsorted(codes[order], np.arange(len(names) + 1))
        for symbol, (start, stop) in zip(names, itertools.pairwise(bounds), strict=True):
            own = order[start:stop]
            self._add(symbol, times_ns[own], prices[own])

    def joined(self) -> dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]]:
        """Return times and closes by symbol; symbols without a close are left out."""
        return {
            symbol: (
                np.concatenate([times for times, _ in parts]),
                np.concatenate([prices for _, prices in parts]),
            )
            for symbol, parts in self._parts.items()
        }

    def _add(self, symbol: str, times_ns: NDArray[np.int64], prices: NDArray[np.float64]) -> None:
        there = ~np.isnan(prices)
        if there.any():
            self._parts[symbol].append((times_ns[there], prices[there]))

    def _stamps(self, block: TextBlock) -> NDArray[np.int64]:
        try:
            return self._times.read(block.columns[_TIME])
        except BadValue as bad:
            raise self._wrong(block, bad.row, f"time {bad.text!r} {bad.fault}") from None

    def _prices(self, block: TextBlock, role: str) -> NDArray[np.float64]:
        """Return a column's prices, NaN where there is none."""
        column = block.columns[role]
        missing = blanks(column)
        prices = np.full(len(block.lines), np.nan)
        filled = column.filter(arrow_mask(~missing))
        try:
            prices[~missing] = _floats(filled)
        except pa.ArrowInvalid:
            place = next(at for at, text in enumerate(filled.to_pylist()) if not _is_number(text))
            at = int(np.flatnonzero(~missing)[place])
            message = f"{role} {column[at].as_py()!r} is not a number"
            raise self._wrong(block, at, message) from None
        bad = ~missing & ~((prices > 0) & np.isfinite(prices))
        if bad.any():
            at = int(bad.argmax())
            raise self._wrong(block, at, f"{role} {prices[at]:g} is not a positive price")
        return prices

    def _wrong(self, block: TextBlock, row: int, message: str) -> DataError:
        return DataError(
            message,
            where=f"{self._path}:{self._place}{block.lines[row]}",
            remedy="mend or remove the row",
        )


def _floats(column: Any) -> NDArray[np.float64]:
    """Return numbers, or texts of them, as floats; the column has no nulls."""
    if pa.types.is_string(column.type):
        column = pc.utf8_trim_whitespace(column)
    numbers = pc.cast(column, pa.float64())
    if not len(numbers):
        return np.empty(0)
    # By the bytes: Arrow's own `to_numpy` imports pandas where it is installed.
    whole = np.frombuffer(numbers.buffers()[1], np.float64)
    return whole[numbers.offset : numbers.offset + len(numbers)]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
