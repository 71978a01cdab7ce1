"""
Files of dated amounts: CSV, one row for what happens to an instrument at one moment.

    time,symbol,rate,mark_price
    2024-01-01T08:00:00Z,BTC-PERP,0.0001,42510.5

Columns are found by name, in any order, rows may be in any order of time. `symbol` may be left out
where only one instrument can be meant. Times are read as in bar files. The separator may be a
comma, a semicolon, a tab or a bar, and the file may be compressed with gzip.
"""

import csv
import gzip
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final, NamedTuple

from attrs import frozen

from algopioneer_core.domain.errors import DataError, MoneyError
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.money import Price, decimal_of
from algopioneer_core.history.arrow_arrays import arrow_texts
from algopioneer_core.history.bar_times import TimeReader
from algopioneer_core.history.scaled_text import BadValue

__all__ = ["DatedAmount", "DatedForm", "read_dated_amounts"]

_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "time": ("time", "timestamp", "ts", "date", "fundingtime", "fundingratetimestamp", "exdate"),
    "symbol": ("symbol", "instrument", "market"),
    "price": ("markprice", "price"),
}
"""Role of a column to its names, in lower case and without separators; the first found counts."""


@frozen(kw_only=True)
class DatedForm:
    """What one kind of file holds."""

    amount: str
    """What the amount is called, in the header and in messages."""
    names: tuple[str, ...]
    """Names of its column, in lower case and without separators; the first found counts."""
    fault: Callable[[Decimal], tuple[str, str] | None]
    """Says what is wrong with an amount and what to do, or None."""
    whose: str
    """What can have such amounts, in the plural."""
    passes_over: bool = False
    """Whether rows of other symbols are passed over; otherwise they are refused, because one that
    is misspelt would count as zero."""


class DatedAmount(NamedTuple):
    """One row."""

    instrument_id: InstrumentId
    ts_ns: int
    """UTC nanoseconds."""
    amount: Decimal
    price: Price | None
    """What the file says the worth was reckoned at, quote currency; None where it does not."""


class _Row(NamedTuple):
    line: int
    cells: Mapping[str, str]


def read_dated_amounts(
    path: Path, instruments: Sequence[Instrument], form: DatedForm
) -> tuple[DatedAmount, ...]:
    """
    Return the amounts of *instruments* in a file, by ascending time.

    Args:
        path: The file.
        instruments: Those that can have such amounts; at least one.
        form: What the file holds.

    Raises:
        DataError: The file cannot be read or trusted; names file and line.
    """
    rows = list(_rows(path, form))
    times = _times(path, rows)
    ids = _by_symbol(instruments)
    found: dict[tuple[InstrumentId, int], DatedAmount] = {}
    for row, ts_ns in zip(rows, times, strict=True):
        instrument_id = _instrument_of(path, row, ids, form)
        if instrument_id is None:
            continue
        if (instrument_id, ts_ns) in found:
            what = f"is the second {form.amount} of {instrument_id} at its time"
            raise _bad(path, row, what, "keep one row of that time, or their sum")
        amount, price = _amount(path, row, form), _price(path, row)
        found[instrument_id, ts_ns] = DatedAmount(instrument_id, ts_ns, amount, price)
    return tuple(sorted(found.values(), key=lambda each: each.ts_ns))


# --- rows ------------------------------------------------------------------------------------


def _rows(path: Path, form: DatedForm) -> Iterator[_Row]:
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        lines = raw.decode("utf-8-sig").splitlines()
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise DataError(
            "the compressed file is damaged or cut off", where=str(path), remedy="fetch it again"
        ) from None
    except OSError as cause:
        raise DataError(
            f"cannot be read: {cause.strerror or cause}",
            where=str(path),
            remedy="check the path and its permissions",
        ) from cause
    except UnicodeDecodeError:
        raise DataError("is not UTF-8 text", where=str(path), remedy="save it as UTF-8") from None
    separator = max(",;\t|", key=lines[0].count) if lines else ","
    reader = csv.reader(lines, delimiter=separator)
    places = _places(path, next(reader, []), form)
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield _Row(reader.line_num, _named(path, reader.line_num, places, cells))


def _places(path: Path, header: Sequence[str], form: DatedForm) -> Mapping[str, int]:
    """Return where in a row each role's cell is."""
    words = [name.strip().lower().replace("_", "").replace(" ", "") for name in header]
    places = {
        role: words.index(name)
        for role, names in (*_NAMES.items(), ("amount", form.names))
        for name in reversed(names)
        if name in words
    }
    for role, name in (("time", "time"), ("amount", form.amount)):
        if role not in places:
            raise DataError(
                f"there is no column {name!r}",
                where=f"{path}:1",
                remedy=f"begin the file with the names of its columns: time,symbol,{form.amount}",
            )
    return places


def _named(
    path: Path, line: int, places: Mapping[str, int], cells: Sequence[str]
) -> Mapping[str, str]:
    if len(cells) <= max(places.values()):
        raise DataError(f"has {len(cells)} cells, fewer than the header", where=f"{path}:{line}")
    return {role: cells[place].strip() for role, place in places.items()}


def _times(path: Path, rows: Sequence[_Row]) -> list[int]:
    try:
        times: list[int] = TimeReader().read(arrow_texts([r.cells["time"] for r in rows])).tolist()
    except BadValue as bad:
        raise _bad(path, rows[bad.row], f"has the time {bad.text!r}, which {bad.fault}") from None
    return times


# --- cells -----------------------------------------------------------------------------------


def _by_symbol(instruments: Sequence[Instrument]) -> Mapping[str, InstrumentId]:
    ids = {each.id.symbol: each.id for each in instruments}
    return ids | {str(each.id): each.id for each in instruments}


def _instrument_of(
    path: Path, row: _Row, ids: Mapping[str, InstrumentId], form: DatedForm
) -> InstrumentId | None:
    different = dict.fromkeys(ids.values())
    symbol = row.cells.get("symbol")
    if symbol is None:
        if len(different) > 1:
            raise DataError(
                f"there is no column 'symbol', and several {form.whose} are traded",
                where=f"{path}:1",
                remedy=f"say with a column 'symbol' whose {form.amount}s they are",
            )
        return next(iter(different))
    if symbol not in ids and not form.passes_over:
        have = ", ".join(each.symbol for each in different)
        raise _bad(
            path,
            row,
            f"has the symbol {symbol!r}, and the {form.whose} that are traded are {have}",
            "write the symbol as in --symbols, or remove the row",
        )
    return ids.get(symbol)


def _amount(path: Path, row: _Row, form: DatedForm) -> Decimal:
    amount = _number(path, row, "amount", form.amount)
    fault = form.fault(amount)
    if fault is not None:
        what, remedy = fault
        raise _bad(path, row, f"has the {form.amount} {row.cells['amount']}, {what}", remedy)
    return amount


def _price(path: Path, row: _Row) -> Price | None:
    if not row.cells.get("price"):
        return None
    price = _number(path, row, "price", "price")
    if price <= 0:
        raise _bad(path, row, f"has the price {row.cells['price']}, which is not positive")
    return price


def _number(path: Path, row: _Row, role: str, name: str) -> Decimal:
    try:
        return decimal_of(row.cells[role])
    except MoneyError:
        raise _bad(
            path, row, f"has the {name} {row.cells[role]!r}, which is not a number"
        ) from None


def _bad(path: Path, row: _Row, what: str, remedy: str = "mend or remove the row") -> DataError:
    return DataError(what, where=f"{path}:{row.line}", remedy=remedy)
