"""
What the risk gate sees of a strategy: what it holds, and what its open orders may yet make of it.

Exposure is counted for the worst case: each side's open orders as if all of them had filled and
none of the other side's. Values are in the instrument's quote currency, unsigned; an inverse
contract is worth its multiplier in quote currency at any price.
"""

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.money import (
    ZERO,
    Money,
    Price,
    Quantity,
    add,
    floor_units,
    mul,
    neg,
    sub,
)

__all__ = [
    "Exposure",
    "ExposureView",
    "Mark",
    "has_exposure",
    "mark_of",
    "quote_value",
    "reducible",
    "worst_notional",
]


class Mark(NamedTuple):
    """A price to value with, and its age."""

    price: Price
    """Middle of the last quote, else the last price; one that is not positive is not used."""
    ts_ns: int
    """When it was made, UTC nanoseconds."""


class Exposure(NamedTuple):
    """One strategy's position and open orders in one instrument; sizes of orders are unsigned."""

    instrument: Instrument
    quantity: Quantity = ZERO
    """Held, signed."""
    working_buys: Quantity = ZERO
    """What open buy orders may still fill; orders whose fate is unknown included."""
    working_sells: Quantity = ZERO
    working_buy_amount: Money = ZERO
    """What open quote-sized buy orders may still spend, in quote currency."""
    working_sell_amount: Money = ZERO


class ExposureView(Protocol):
    """What one strategy shows to the risk gate; read at each check, never kept."""

    @property
    def strategy(self) -> str:
        """The strategy's name, unique in the session."""

    @property
    def equity(self) -> Money | None:
        """Its equity in the gate's numeraire; None while a price or a conversion is missing."""

    def exposure(self, instrument_id: InstrumentId) -> Exposure:
        """Return position and open orders in one of its instruments, empty when there are none."""

    def exposures(self) -> Iterable[Exposure]:
        """Return those of all instruments with a position or an open order; others may be there."""

    def mark(self, instrument_id: InstrumentId) -> Mark | None:
        """Return the price that values the instrument; None before the first."""

    def buying_power(self, instrument_id: InstrumentId) -> Money | None:
        """
        Return the notional by which its account can still grow a position in the instrument.

        In the instrument's quote currency, net of what open orders have reserved; None when it is
        not known. Asked only where the limits say so.
        """


def mark_of(view: ExposureView, instrument_id: InstrumentId) -> Mark | None:
    """Return the view's mark; None when there is none, or none that values can be made of."""
    mark = view.mark(instrument_id)
    return mark if mark is not None and mark.price > 0 else None


def quote_value(instrument: Instrument, quantity: Quantity, price: Price | None) -> Money | None:
    """Return the value of *quantity*, with its sign; None where a price is needed and missing."""
    if not quantity:
        return ZERO
    if instrument.inverse:
        return mul(quantity, instrument.multiplier)
    return None if price is None else instrument.value(quantity, price)


def has_exposure(exposure: Exposure) -> bool:
    """Return whether anything is held or may yet be."""
    return any(exposure[1:])


def worst_notional(exposure: Exposure, price: Price | None, *, added: Money = ZERO) -> Money | None:
    """
    Return the largest value, without sign, that position and open orders can come to at *price*.

    Args:
        exposure: What is held and open.
        price: The mark.
        added: Value of one more order, negative for a sale.

    Returns:
        None where a price is needed and missing.
    """
    instrument = exposure.instrument
    above = quote_value(instrument, add(exposure.quantity, exposure.working_buys), price)
    below = quote_value(instrument, sub(exposure.quantity, exposure.working_sells), price)
    if above is None or below is None:
        return None
    above = add(add(above, exposure.working_buy_amount), max(added, ZERO))
    below = add(sub(below, exposure.working_sell_amount), min(added, ZERO))
    return max(above, neg(below))


def reducible(exposure: Exposure, side: Side, price: Price | None) -> Quantity:
    """
    Return the quantity by which an order on *side* can bring the position towards zero.

    Open orders on that side are taken as filled, so that two exits cannot cross zero together. An
    open quote-sized order may close anything when its quantity cannot be told, so then nothing
    is left; where the price is known it is taken to close what it buys at the price, rounded up.
    """
    if side is Side.SELL:
        left = sub(exposure.quantity, exposure.working_sells)
        amount = exposure.working_sell_amount
    else:
        left = sub(neg(exposure.quantity), exposure.working_buys)
        amount = exposure.working_buy_amount
    if left <= 0 or not amount:
        return max(left, ZERO)
    unit = quote_value(exposure.instrument, exposure.instrument.quantity_increment.step, price)
    if unit is None:
        return ZERO
    steps = -floor_units(neg(amount), unit)
    return max(sub(left, mul(exposure.instrument.quantity_increment.step, steps)), ZERO)
