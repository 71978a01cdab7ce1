"""
Which column of a bar file is what, told from its header.

Names are compared without case, and with `_`, `-`, `.` and spaces alike. Three shapes are known:

- bars: a time, open, high, low and close (whole words or `o h l c`), perhaps a volume; *long*
  when a symbol column says whose bar each row is;
- closes: a time and one price column, no open, high or low;
- wide: a time and one column of closes for each symbol.

A file without a header is taken as bars when its first line starts with a time and has as many
numbers as exchanges write: time, open, high, low, close, volume, then others to be ignored.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from attrs import field, frozen

from algopioneer_core.domain.errors import DataError
from algopioneer_core.history.bar_times import kind_of
from algopioneer_core.history.columns import Stamp

__all__ = [
    "SYMBOLS",
    "TIMES",
    "VOLUMES",
    "BarLayout",
    "ColumnFinder",
    "is_headerless",
    "plain_name",
    "recognise",
    "same_symbol",
]

TIMES: Final = (
    "ts event",
    "timestamp",
    "time stamp",
    "open time",
    "opentime",
    "open timestamp",
    "datetime",
    "date time",
    "date",
    "time",
    "ts",
    "t",
    "unix",
    "unix timestamp",
    "unix time",
    "epoch",
    "start",
    "start time",
    "period start",
    "close time",
    "closetime",
    "ts close",
    "end time",
    "gmt time",
    "local time",
    "index",
    "",
)
_OPEN_STAMPED: Final = frozenset(
    {"open time", "opentime", "open timestamp", "start", "start time", "period start"}
)
_CLOSE_STAMPED: Final = frozenset({"close time", "closetime", "ts close", "end time"})
_PRICES: Final[Mapping[str, tuple[str, ...]]] = {
    "open": ("open", "open price", "o", "px open", "first"),
    "high": ("high", "high price", "h", "px high", "max"),
    "low": ("low", "low price", "l", "px low", "min"),
    "close": ("close", "close price", "c", "px close", "last", "price", "adj close"),
}
_ALONE: Final = ("close", "close price", "price", "adj close", "adjusted close", "last")
"""Names that mean a close when no open, high or low is there; a ticker may be called `C`."""
VOLUMES: Final = ("volume", "vol", "v", "volume base", "base volume", "qty", "quantity", "amount")
SYMBOLS: Final = ("symbol", "ticker", "instrument", "sym", "pair", "product id", "name")
_HEADERLESS_WIDTHS: Final = frozenset({5, 6, 7, 8, 12})
"""Columns of files without header: bare bars, with volume, and what exchanges append."""


@frozen
class BarLayout:
    """Positions of the columns that matter, counted from 0."""

    names: tuple[str, ...]
    """The header as written; `column 1` and so on where the file has none."""
    time: int
    close: int
    open: int | None = None
    """None, with high and low, where the file has closes only."""
    high: int | None = None
    low: int | None = None
    volume: int | None = None
    symbol: int | None = None
    has_header: bool = field(default=True, kw_only=True)

    @property
    def closes_only(self) -> bool:
        """Whether open, high and low have to be taken from the close."""
        return self.open is None

    def positions(self) -> dict[str, int]:
        """Return role to position for the columns the file has."""
        roles = ("time", "open", "high", "low", "close", "volume", "symbol")
        found = {role: getattr(self, role) for role in roles}
        return {role: at for role, at in found.items() if at is not None}


def same_symbol(a: str, b: str) -> bool:
    """Return whether two symbols differ in case and separators only (`BTC-USD`, `btcusd`)."""
    return _squeezed(a) == _squeezed(b)


def _squeezed(symbol: str) -> str:
    return re.sub(r"[-_/:.\s]", "", symbol).upper()


def plain_name(name: str) -> str:
    """Return a column's name without case, its words apart by one space."""
    return re.sub(r"[\s_.\-]+", " ", name.strip().lower()).strip()


def recognise(
    names: Sequence[str],
    symbol: str,
    *,
    stamp: Stamp,
    where: str,
    columns: Mapping[str, str] | None = None,
    may_lack_header: bool = True,
) -> BarLayout:
    """
    Return where the columns of *symbol*'s bars are.

    Args:
        names: The first row of the file.
        symbol: Whose bars are wanted.
        stamp: What the reader was told about times; a column that says otherwise is refused.
        where: Place of the first row, for errors.
        columns: Role to name, from the user; goes before recognition.
        may_lack_header: Whether *names* may be the first bar of a file without header.

    Raises:
        DataError: A column is missing (the message says which, and what there is), or the time
            column's name contradicts *stamp*.
    """
    if may_lack_header and not columns and is_headerless(names):
        return _headerless(len(names))
    finder = ColumnFinder(names, columns or {}, where)
    layout = _layout(finder, symbol)
    _check_stamp(plain_name(names[layout.time]), stamp, where)
    return layout


def is_headerless(first: Sequence[str]) -> bool:
    """Return whether the *first* row of a file is a bar already."""
    return (
        len(first) in _HEADERLESS_WIDTHS
        and kind_of(first[0]) is not None
        and all(re.fullmatch(r"\s*[0-9.]+\s*", cell) for cell in first[1:5])
    )


def _headerless(width: int) -> BarLayout:
    names = tuple(f"column {at}" for at in range(1, width + 1))
    volume = {5: None, 8: 6}.get(width, 5)  # eight are Kraken's: a vwap stands before the volume
    return BarLayout(names, 0, 4, 1, 2, 3, volume, has_header=False)


class ColumnFinder:
    """
    Looks up columns by role.

    Args:
        names: The header.
        chosen: Role to name, from the user; goes before recognition.
        where: Place of the header, for errors.
        wanted: A header that would do, for errors.
    """

    def __init__(
        self,
        names: Sequence[str],
        chosen: Mapping[str, str],
        where: str,
        wanted: str = "timestamp,open,high,low,close,volume",
    ) -> None:
        self.names = tuple(names)
        self.where = where
        self._wanted = wanted
        self._chosen = chosen
        self._plain = [plain_name(name) for name in names]

    def find(self, role: str, known: Sequence[str]) -> int | None:
        """Return the position of the first of *known* names, or of what the user chose."""
        if role in self._chosen:
            return self._choice(self._chosen[role])
        return next((self._plain.index(name) for name in known if name in self._plain), None)

    def _choice(self, name: str) -> int:
        if plain_name(name) not in self._plain:
            raise self.missing([name])
        return self._plain.index(plain_name(name))

    def volume(self, symbol: str) -> int | None:
        """Return the volume in base units: a plain name first, then `volume <base>`."""
        found = self.find("volume", VOLUMES)
        if found is not None:
            return found
        assets = {
            at: name.removeprefix("volume ").upper()
            for at, name in enumerate(self._plain)
            if name.startswith("volume ")
        }
        return next((at for at, asset in assets.items() if symbol.upper().startswith(asset)), None)

    def ticker(self, symbol: str) -> int | None:
        """Return the column that is named as the symbol."""
        at = (at for at, name in enumerate(self.names) if same_symbol(name, symbol))
        return next(at, None)

    def missing(self, roles: Sequence[str]) -> DataError:
        """Return the error that names what is missing and what is there."""
        have = ", ".join(name.strip() or "(no name)" for name in self.names[:20])
        more = f" and {len(self.names) - 20} more" if len(self.names) > 20 else ""
        return DataError(
            f"there is no column for {', '.join(roles)}; the columns are {have}{more}",
            where=self.where,
            remedy=f"give the file a header with {self._wanted}",
        )


def _layout(finder: ColumnFinder, symbol: str) -> BarLayout:
    time = finder.find("time", TIMES)
    prices = {role: finder.find(role, known) for role, known in _PRICES.items()}
    whole = None not in prices.values()
    ticker = None if whole else finder.ticker(symbol)
    if time is None:
        raise finder.missing(["time", *(r for r, at in prices.items() if at is None)])
    if ticker is not None and ticker != time:
        return BarLayout(finder.names, time, ticker)
    owner = finder.find("symbol", SYMBOLS)
    if whole:
        spots = [at for at in prices.values() if at is not None]
        first, high, low, close = spots
        volume = finder.volume(symbol)
        return BarLayout(finder.names, time, close, first, high, low, volume, owner)
    alone = finder.find("close", _ALONE)
    if alone is not None and not any(prices[role] is not None for role in ("open", "high", "low")):
        return BarLayout(finder.names, time, alone, volume=finder.volume(symbol), symbol=owner)
    raise finder.missing([role for role, at in prices.items() if at is None])


def _check_stamp(name: str, stamp: Stamp, where: str) -> None:
    says = Stamp.OPEN if name in _OPEN_STAMPED else Stamp.CLOSE if name in _CLOSE_STAMPED else stamp
    if says is not stamp:
        raise DataError(
            f"the column {name!r} holds {says} times, and the file is read as stamped by {stamp}",
            where=where,
            remedy=f"say --stamp {says}",
        )
