"""A round trip: one position from its first fill to the fill that closed it."""

from attrs import frozen

from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.lean import lean
from algopioneer_core.domain.money import Money, Price, Quantity

__all__ = ["RoundTrip"]


@lean
@frozen
class RoundTrip:
    """
    One finished trade of one instrument, flat to flat. A reversal ends one and begins another.

    `pnl` is net of the fees of both ways: it is what the trade added to the account's cash.
    """

    instrument_id: InstrumentId
    side: Side
    """BUY for a long trade, SELL for a short one."""
    quantity: Quantity
    """The quantity that was closed in total, unsigned."""
    entry_ns: int
    """Time of the first entry fill, UTC nanoseconds."""
    exit_ns: int
    """Time of the last exit fill, UTC nanoseconds."""
    entry_price: Price
    """Average over the entry fills; rounded half to even at 12 decimals where inexact."""
    exit_price: Price
    """Average over the exit fills; rounded likewise."""
    pnl: Money
    """In the settlement asset, net of fees."""
    fees: Money
    """Fees of both ways, in the settlement asset; positive is a cost."""
    cost: Money
    """Unsigned value of the entry fills in the settlement asset, without fees: what `pnl` is
    related to when it is shown in per cent."""
    exit_reason: str
    """Why it was closed: `signal`, the name of an exit policy, `end_of_data`, `ruined`."""
