"""
Files of funding rates: CSV, one row for each payment of a perpetual.

    time,symbol,rate,mark_price
    2024-01-01T08:00:00Z,BTC-PERP,0.0001,42510.5

Columns are found by name, in any order. `rate` is a fraction of the position's worth; where it is
positive, longs pay shorts. That is the sign of Kraken Derivatives (`relativeFundingRate` of
`/historical-funding-rates`), Binance and Bybit. `mark_price`, at which the venue reckoned, may be
left out; `symbol` too where only one perpetual is traded. Times are read as in bar files. The
separator may be a comma, a semicolon, a tab or a bar, and the file may be compressed with gzip.
"""

import csv
import gzip
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final, NamedTuple

from algopioneer_core.domain.errors import ConfigError, DataError, MoneyError
from algopioneer_core.domain.funding import FundingRate
from algopioneer_core.domain.instruments import Instrument, InstrumentId, InstrumentKind
from algopioneer_core.domain.money import Price, decimal_of
from algopioneer_core.history.arrow_arrays import arrow_texts
from algopioneer_core.history.bar_times import TimeReader
from algopioneer_core.history.scaled_text import BadValue

__all__ = ["read_funding"]

_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "time": ("time", "timestamp", "ts", "date", "fundingtime", "fundingratetimestamp"),
    "rate": ("rate", "relativefundingrate", "fundingrate"),
    "symbol": ("symbol", "instrument", "market"),
    "price": ("markprice", "price"),
}
"""Role of a column to its names, in lower case and without separators; the first found counts."""
_MOST: Final = Decimal("0.1")
"""A tenth of the position in one payment: what is above was written in another unit."""


class _Row(NamedTuple):
    line: int
    cells: Mapping[str, str]


def read_funding(path: Path, instruments: Sequence[Instrument]) -> tuple[FundingRate, ...]:
    """
    Return the funding rates of *instruments* in a file, by ascending time.

    Rows of other symbols are passed over.

    Args:
        path: The file.
        instruments: What is traded.

    Raises:
        ConfigError: None of the instruments is a perpetual.
        DataError: The file cannot be read or trusted, or has no rate of one of the perpetuals;
            names file and line.
    """
    perpetuals = [each for each in instruments if each.kind is InstrumentKind.PERPETUAL]
    if not perpetuals:
        raise ConfigError(
            "none of the instruments is a perpetual, and nothing else pays funding",
            where=str(path),
            remedy='state kind = "perpetual" with --instruments FILE, or leave the file out',
        )
    rows = list(_rows(path))
    times = _times(path, rows)
    ids = _by_symbol(perpetuals)
    found: dict[tuple[InstrumentId, int], FundingRate] = {}
    for row, ts_ns in zip(rows, times, strict=True):
        instrument_id = _instrument_of(path, row, ids, perpetuals)
        if instrument_id is None:
            continue
        if (instrument_id, ts_ns) in found:
            raise _bad(path, row, f"is the second rate of {instrument_id} at its time")
        rate, price = _rate(path, row), _price(path, row)
        found[instrument_id, ts_ns] = FundingRate(instrument_id, ts_ns, rate, price)
    _check_all_there(path, perpetuals, found.values())
    return tuple(sorted(found.values(), key=lambda each: each.ts_ns))


# --- rows ------------------------------------------------------------------------------------


def _rows(path: Path) -> Iterator[_Row]:
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
    places = _places(path, next(reader, []))
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield _Row(reader.line_num, _named(path, reader.line_num, places, cells))


def _places(path: Path, header: Sequence[str]) -> Mapping[str, int]:
    """Return where in a row each role's cell is."""
    words = [name.strip().lower().replace("_", "").replace(" ", "") for name in header]
    places = {
        role: words.index(name)
        for role, names in _NAMES.items()
        for name in reversed(names)
        if name in words
    }
    for role in ("time", "rate"):
        if role not in places:
            raise DataError(
                f"there is no column {role!r}",
                where=f"{path}:1",
                remedy="begin the file with the names of its columns: time,symbol,rate",
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


def _by_symbol(perpetuals: Sequence[Instrument]) -> Mapping[str, InstrumentId]:
    ids = {each.id.symbol: each.id for each in perpetuals}
    return ids | {str(each.id): each.id for each in perpetuals}


def _instrument_of(
    path: Path, row: _Row, ids: Mapping[str, InstrumentId], perpetuals: Sequence[Instrument]
) -> InstrumentId | None:
    symbol = row.cells.get("symbol")
    if symbol is not None:
        return ids.get(symbol)
    if len(perpetuals) > 1:
        raise DataError(
            "there is no column 'symbol', and two perpetuals are traded",
            where=f"{path}:1",
            remedy="say with a column 'symbol' whose rates they are",
        )
    return perpetuals[0].id


def _rate(path: Path, row: _Row) -> Decimal:
    rate = _number(path, row, "rate")
    if abs(rate) >= _MOST:
        raise _bad(
            path,
            row,
            f"has the rate {row.cells['rate']}, which is no fraction",
            "write 0.0001 for one basis point",
        )
    return rate


def _price(path: Path, row: _Row) -> Price | None:
    if not row.cells.get("price"):
        return None
    price = _number(path, row, "price")
    if price <= 0:
        raise _bad(path, row, f"has the price {row.cells['price']}, which is not positive")
    return price


def _number(path: Path, row: _Row, role: str) -> Decimal:
    try:
        return decimal_of(row.cells[role])
    except MoneyError:
        raise _bad(
            path, row, f"has the {role} {row.cells[role]!r}, which is not a number"
        ) from None


def _bad(path: Path, row: _Row, what: str, remedy: str = "mend or remove the row") -> DataError:
    return DataError(what, where=f"{path}:{row.line}", remedy=remedy)


def _check_all_there(
    path: Path, perpetuals: Sequence[Instrument], rates: Collection[FundingRate]
) -> None:
    have = {each.instrument_id for each in rates}
    for each in perpetuals:
        if each.id not in have:
            raise DataError(
                f"has no rate of {each.id.symbol!r}",
                where=str(path),
                remedy="write the symbol as in --symbols",
            )
