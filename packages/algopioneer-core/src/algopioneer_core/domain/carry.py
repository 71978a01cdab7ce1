"""
What holding costs or brings while nothing is traded: funding, borrowing, dividends.

Each is stated as what is paid at one moment on what is held then. `carry_received` says how much
that is, and `carry_event` what is booked.
"""

from decimal import Decimal
from typing import TypeAlias, assert_never

from attrs import frozen

from algopioneer_core.domain.account_events import BorrowCharged, DividendPaid, FundingPaid
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.money import Money, Price, Quantity, mul, neg

__all__ = [
    "BorrowRate",
    "Carry",
    "CarryEvent",
    "Dividend",
    "FundingRate",
    "carry_concerns",
    "carry_event",
    "carry_received",
]


@frozen
class FundingRate:
    """What longs and shorts of a perpetual pay each other at one moment."""

    instrument_id: InstrumentId
    ts_ns: int
    """When it is paid, UTC nanoseconds."""
    rate: Decimal
    """Fraction of the position's worth; where positive, longs pay shorts."""
    price: Price | None = None
    """What the venue reckoned the worth at, quote currency; None where that is not known."""


@frozen
class BorrowRate:
    """What who is short pays at one moment for what was borrowed and sold."""

    instrument_id: InstrumentId
    ts_ns: int
    """When it is paid, UTC nanoseconds."""
    rate: Decimal
    """Fraction of the position's worth; positive is a cost, negative a rebate."""
    price: Price | None = None
    """What the lender reckoned the worth at, quote currency; None where that is not known."""


@frozen
class Dividend:
    """What each unit brings who is long, and costs who is short, at one moment."""

    instrument_id: InstrumentId
    ts_ns: int
    """From when on a buyer no longer gets it (the ex-date), UTC nanoseconds."""
    amount: Money
    """Of one unit, quote currency; not negative."""


Carry: TypeAlias = FundingRate | BorrowRate | Dividend
CarryEvent: TypeAlias = FundingPaid | BorrowCharged | DividendPaid


def carry_concerns(carry: Carry, quantity: Quantity | int) -> bool:
    """Return whether who holds *quantity* has a part in it: who is long borrows nothing."""
    return quantity < 0 if isinstance(carry, BorrowRate) else quantity != 0


def carry_received(carry: Carry, instrument: Instrument, quantity: Quantity, mark: Price) -> Money:
    """
    Return what a position that it concerns receives, in the settlement asset; negative is paid.

    It grows with the quantity, so that many units receive the sum of what each does. Exact for
    linear contracts and for what is delivered; the worth of an inverse contract is rounded first,
    see `Instrument.value`.

    Args:
        carry: What is paid.
        instrument: Whose it is.
        quantity: What is held; negative is short.
        mark: Price at which the worth is reckoned, unless *carry* states its own.
    """
    match carry:
        case FundingRate():
            return neg(mul(instrument.value(quantity, carry.price or mark), carry.rate))
        case BorrowRate():  # the worth of a short position is negative, so this is a cost
            return mul(instrument.value(quantity, carry.price or mark), carry.rate)
        case Dividend():
            return mul(quantity, carry.amount)
        case _:
            assert_never(carry)


def carry_event(carry: Carry, received: Money, asset: str) -> CarryEvent:
    """Return the event that books *received* of *asset*; negative was paid."""
    match carry:
        case FundingRate():
            return FundingPaid(carry.instrument_id, carry.ts_ns, received, asset)
        case BorrowRate():
            return BorrowCharged(carry.instrument_id, carry.ts_ns, neg(received), asset)
        case Dividend():
            return DividendPaid(carry.instrument_id, carry.ts_ns, received, asset)
        case _:
            assert_never(carry)
