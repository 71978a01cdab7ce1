"""Funding of perpetuals: what keeps their price near that of what they stand for."""

from decimal import Decimal

from attrs import frozen

from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.money import Money, Price, Quantity, mul, neg

__all__ = ["FundingRate", "funding_received"]


@frozen
class FundingRate:
    """What is paid at one moment for each unit of worth held."""

    instrument_id: InstrumentId
    ts_ns: int
    """When it is paid, UTC nanoseconds."""
    rate: Decimal
    """Fraction of the position's worth; where positive, longs pay shorts."""
    price: Price | None = None
    """What the venue reckoned the worth at, quote currency; None where that is not known."""


def funding_received(
    instrument: Instrument, quantity: Quantity, price: Price, rate: Decimal
) -> Money:
    """
    Return what a position receives, in the settlement asset; negative is paid.

    Exact for linear contracts: -quantity * multiplier * price * rate. The worth of an inverse one
    is rounded first, see `Instrument.value`.
    """
    return neg(mul(instrument.value(quantity, price), rate))
