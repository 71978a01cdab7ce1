"""
What a file of market data holds, bars, trades or quotes, told from its header; and which column of
a tick file is what.

Names are compared as those of bar files are. A file holds

- quotes when it has a bid and an ask (sizes of both, or of none);
- trades when it has a price and a size, perhaps an id;
- bars when it has open, high, low and close, one price for each symbol, or a price and no size.

A time, a price and a volume may be trades, or bars of which only the close is known; bid and ask
may stand beside each trade. Such a file is not guessed at: whoever has it says what its rows are.
"""

import enum
from collections.abc import Sequence
from typing import Final

from attrs import frozen

from algopioneer_core.domain.errors import DataError
from algopioneer_core.history.bar_headers import (
    SYMBOLS,
    TIMES,
    VOLUMES,
    ColumnFinder,
    is_headerless,
    plain_name,
    same_symbol,
)

__all__ = ["RowKind", "TickLayout", "recognise_ticks", "what_rows_are"]


class RowKind(enum.Enum):
    """What the rows of a file are."""

    BARS = "bars"
    TRADES = "trades"
    QUOTES = "quotes"


_PRICES: Final = ("price", "px", "trade price", "p")
_PLAIN_SIZES: Final = ("size", "sz", "trade size", "last size", "trade qty", "trade quantity")
"""Names that no bar file gives to its volume."""
_IDS: Final = ("trade id", "tradeid", "tid", "trade number", "match id", "exec id", "id")
_BIDS: Final = ("bid", "bid price", "bidprice", "best bid", "best bid price", "bid px")
_ASKS: Final = (
    *("ask", "ask price", "askprice", "best ask", "best ask price", "ask px"),
    *("offer", "offer price", "best offer"),
)
_AMOUNTS: Final = ("size", "sz", "qty", "quantity", "amount", "volume", "vol")
_BAR_PRICES: Final = (
    ("open", "open price", "o"),
    ("high", "high price", "h"),
    ("low", "low price", "l"),
)
_HEADERS: Final = {
    RowKind.TRADES: "time,price,size",
    RowKind.QUOTES: "time,bid,ask,bid_size,ask_size",
}


def _sizes_of(sides: Sequence[str]) -> tuple[str, ...]:
    names = [f"{side} {amount}" for side in sides for amount in _AMOUNTS]
    return (*names, *(name.replace(" ", "") for name in names))


_BID_SIZES: Final = _sizes_of(("bid", "best bid"))
_ASK_SIZES: Final = _sizes_of(("ask", "best ask", "offer", "best offer"))


@frozen
class TickLayout:
    """Positions of the columns that matter, counted from 0."""

    kind: RowKind
    """Trades or quotes."""
    names: tuple[str, ...]
    """The header as written."""
    roles: tuple[tuple[str, int], ...]
    """Role and position: `time`, `price size id` or `bid ask bid_size ask_size`, `symbol`."""

    @property
    def has_header(self) -> bool:
        """True: ticks without a header are not read."""
        return True

    def positions(self) -> dict[str, int]:
        """Return role to position for the columns the file has."""
        return dict(self.roles)


def what_rows_are(
    names: Sequence[str], symbol: str, *, where: str, told: RowKind | None = None
) -> RowKind:
    """
    Return what the rows of a file are.

    Args:
        names: Its first row.
        symbol: Whose prices are wanted: a column of that name holds closes.
        where: Place of the first row, for errors.
        told: What they are where the columns allow several.

    Raises:
        DataError: The columns allow several, and none of them was told.
    """
    fits = _fitting(names, symbol)
    if len(fits) < 2:
        return fits[0] if fits else RowKind.BARS  # whose reader says what is missing
    if told in fits:
        return told
    kinds = " or ".join(kind.value for kind in fits)
    raise DataError(
        f"the rows may be {kinds}; the columns are {', '.join(names)}",
        where=where,
        remedy=f'say which: rows = "{fits[-1].value}" '
        "(a column `size` is of trades, `close` of bars)",
    )


def _fitting(names: Sequence[str], symbol: str) -> list[RowKind]:
    if is_headerless(names):
        return [RowKind.BARS]
    finder = ColumnFinder(names, {}, "")
    has_ranges = all(finder.find("", known) is not None for known in _BAR_PRICES)
    price = finder.find("", _PRICES) is not None and not has_ranges
    quotes = finder.find("", _BIDS) is not None and finder.find("", _ASKS) is not None
    surely_trades = price and _is_of_trades(finder)
    trades = surely_trades or (price and finder.find("", VOLUMES) is not None)
    wide = any(same_symbol(name, symbol) for name in names if plain_name(name) not in _PRICES)
    bars = has_ranges or wide or (trades and not surely_trades)
    found = {RowKind.BARS: bars, RowKind.TRADES: trades, RowKind.QUOTES: quotes}
    return [kind for kind, fits in found.items() if fits]


def _is_of_trades(finder: ColumnFinder) -> bool:
    has_size = finder.find("", (*_PLAIN_SIZES, *VOLUMES)) is not None
    named = (*_PLAIN_SIZES, *_IDS)
    return has_size and finder.find("", named) is not None


def recognise_ticks(names: Sequence[str], kind: RowKind, *, where: str) -> TickLayout:
    """
    Return where the columns of a file of trades or quotes are.

    Raises:
        DataError: A column is missing; the message says which, and what there is.
    """
    finder = ColumnFinder(names, {}, where, _HEADERS[kind])
    known = {"time": TIMES} | (_quotes() if kind is RowKind.QUOTES else _trades())
    found = {role: finder.find(role, aliases) for role, aliases in known.items()}
    needed = [role for role in known if role not in ("id", "bid_size", "ask_size")]
    if (found.get("bid_size") is None) is not (found.get("ask_size") is None):
        needed += ["bid_size", "ask_size"]
    missing = [role for role in needed if found[role] is None]
    if missing:
        raise finder.missing(missing)
    found["symbol"] = finder.find("symbol", SYMBOLS)
    return TickLayout(
        kind, finder.names, tuple((r, at) for r, at in found.items() if at is not None)
    )


def _quotes() -> dict[str, tuple[str, ...]]:
    return {"bid": _BIDS, "ask": _ASKS, "bid_size": _BID_SIZES, "ask_size": _ASK_SIZES}


def _trades() -> dict[str, tuple[str, ...]]:
    return {"price": _PRICES, "size": (*_PLAIN_SIZES, *VOLUMES), "id": _IDS}
