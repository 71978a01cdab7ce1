"""
A finished trade as text: the same fields in files, logs and reports.

Amounts are exact and never in exponent form, times are ISO 8601 in UTC.
"""

from typing import Final

from algopioneer_core.domain.errors import OutputError
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.money import plain
from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.domain.text import one_line
from algopioneer_core.domain.times import iso_utc

__all__ = ["TRADE_FIELDS", "round_trip_fields", "trade_fields"]

TRADE_FIELDS: Final = (
    "key",
    "strategy",
    "instrument",
    "side",
    "quantity",
    "entry_time",
    "exit_time",
    "entry_price",
    "exit_price",
    "pnl",
    "fees",
    "cost",
    "exit_reason",
)
"""The fields of a recorded trade, in the order in which files have them."""


def round_trip_fields(trade: RoundTrip) -> dict[str, str]:
    """
    Return *trade* as text by field.

    `side` is `long` or `short`; `quantity` is unsigned; `pnl` is net of `fees`, and like `cost`
    (the value of the entry) in the settlement asset.
    """
    return {
        "instrument": str(trade.instrument_id),
        "side": "long" if trade.side is Side.BUY else "short",
        "quantity": plain(trade.quantity),
        "entry_time": iso_utc(trade.entry_ns),
        "exit_time": iso_utc(trade.exit_ns),
        "entry_price": plain(trade.entry_price),
        "exit_price": plain(trade.exit_price),
        "pnl": plain(trade.pnl),
        "fees": plain(trade.fees),
        "cost": plain(trade.cost),
        "exit_reason": trade.exit_reason,
    }


def trade_fields(key: str, trade: RoundTrip) -> dict[str, str]:
    """
    Return the `TRADE_FIELDS` of *trade*, recorded under *key*; each is one line, so that a file can
    hold one trade in a line.

    `strategy` is what the key says before its last colon; all of it where it has none.

    Raises:
        OutputError: *key* is empty, has blanks at its edges, or is not one printable line; it
            could not be found again.
    """
    if not key or not key.isprintable() or key != key.strip():
        raise OutputError(
            f"{key!r} is no key for a trade",
            remedy="use printable text without blanks at its edges: 'STRATEGY:NUMBER'",
        )
    fields = {name: one_line(text) for name, text in round_trip_fields(trade).items()}
    strategy = key.rpartition(":")[0] or key
    return {"key": key, "strategy": strategy, **fields}
