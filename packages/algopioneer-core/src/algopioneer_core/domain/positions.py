"""
Positions: signed quantity, its cost, and what has been gained so far.

A position stores the *cost* of what is open, not an average price: a sum stays exact, an average
does not. Whatever cost one fill releases is taken away from the rest by subtraction, so realised
plus unrealised gain equals the flows of all fills to the last digit, even where the split between
the two had to be rounded.

What a position was worth to the account, in the settlement asset, is always
`realised + unrealised(mark) - fees`; fees in other assets are listed beside it.
"""

from decimal import Decimal
from typing import Final

from attrs import evolve, frozen

from algopioneer_core.domain.errors import MoneyError
from algopioneer_core.domain.fills import Fill, Side
from algopioneer_core.domain.instruments import Instrument
from algopioneer_core.domain.lean import lean
from algopioneer_core.domain.money import (
    ZERO,
    Money,
    Price,
    Quantity,
    add,
    divide_half_even,
    mul,
    neg,
    sub,
)

__all__ = ["AVERAGE_PLACES", "COST_PLACES", "Position", "average_price"]

COST_PLACES: Final = 18
"""Decimals to which the cost released by a partial close is rounded, half to even."""
AVERAGE_PLACES: Final = 12
"""Decimals to which an average price is shown, half to even; never used for money."""
_BUY: Final = Side.BUY  # looking up a member of an enum costs as much as adding two decimals


def average_price(instrument: Instrument, quantity: Quantity, value: Money) -> Price:
    """
    Return the price at which *quantity* is worth *value*, rounded half to even at 12 decimals.

    Raises:
        MoneyError: *quantity* (linear) or *value* (inverse) is zero.
    """
    size = mul(quantity, instrument.multiplier)
    if instrument.inverse:
        return divide_half_even(size, value, places=AVERAGE_PLACES)
    return divide_half_even(value, size, places=AVERAGE_PLACES)


@lean
@frozen
class Position:
    """
    What is held of one instrument, and its history in three sums.

    Amounts are in the instrument's settlement asset. Signs: a short position has a negative
    quantity and a negative cost; a gain is positive.
    """

    instrument: Instrument
    quantity: Quantity = ZERO
    """Signed base units or contracts."""
    cost: Money = ZERO
    """Signed value of the open quantity at the prices it was opened at; zero when flat."""
    realised: Money = ZERO
    """Gains of closed quantity, before fees."""
    fees: Money = ZERO
    """Fees in the settlement asset; positive is a cost."""
    other_fees: tuple[tuple[str, Money], ...] = ()
    """Fees in any other asset (base, or a venue's own coin), sorted by asset."""

    @property
    def is_flat(self) -> bool:
        """Whether nothing is held."""
        return not self.quantity

    @property
    def average_entry(self) -> Price | None:
        """
        Average price of what is open (12 decimals, half to even).

        None when flat, and for an inverse contract that was received without a cost.
        """
        if not self.quantity or (self.instrument.inverse and not self.cost):
            return None
        return average_price(self.instrument, self.quantity, self.cost)

    def unrealised(self, mark: Price) -> Money:
        """Return the gain of what is open at price *mark*, before the fees of the way out."""
        return self._gain(self.instrument.value(self.quantity, mark), self.cost)

    def apply(self, fill: Fill) -> "Position":
        """
        Return the position after *fill*: opened, raised, reduced, closed or turned around.

        A fee in base is taken out of the quantity and leaves the cost as it is, so it shows as a
        worse entry. The caller counts each fill id once.

        Raises:
            MoneyError: The fill is of another instrument.
        """
        quantity = fill.quantity
        return self._book(fill, quantity if fill.side is _BUY else neg(quantity), fill.fee)

    def undo(self, fill: Fill) -> "Position":
        """
        Return the position after *fill*, applied before, was taken back by the venue.

        The sum of realised and unrealised gains and the fees are as if it had never happened; how
        the gain is split between the two may differ, because other fills came between.

        Raises:
            MoneyError: The fill is of another instrument.
        """
        quantity = fill.quantity
        return self._book(fill, neg(quantity) if fill.side is _BUY else quantity, neg(fill.fee))

    def trade(self, signed: Quantity, price: Price) -> "Position":
        """Return the position after *signed* quantity changed hands at *price*, without fees."""
        return Position(self.instrument, *self._traded(signed, price), self.fees, self.other_fees)

    def charge(self, amount: Money, asset: str) -> "Position":
        """Return the position after a fee of *amount* of *asset* (negative is a rebate)."""
        if asset == self.instrument.settlement_asset:
            return evolve(self, fees=add(self.fees, amount))
        others = dict(self.other_fees)
        others[asset] = add(others.get(asset, ZERO), amount)
        charged = evolve(self, other_fees=tuple(sorted(others.items())))
        if asset == self.instrument.base and self.instrument.delivers_base:
            return charged.adjust(neg(amount))
        return charged

    def adjust(self, quantity: Quantity) -> "Position":
        """
        Return the position with *quantity* added at no cost (transfer, fee in base, airdrop).

        Where nothing is left of what was held, its whole cost is realised: a loss for what was
        bought, a gain for what was sold short. What lies beyond zero has no cost.
        """
        after = add(self.quantity, quantity)
        if after and (not self.quantity or after.is_signed() == self.quantity.is_signed()):
            return evolve(self, quantity=after)
        realised = add(self.realised, self._gain(ZERO, self.cost))
        return evolve(self, quantity=after, cost=ZERO, realised=realised)

    def split(self, numerator: int, denominator: int) -> "Position":
        """
        Return the position after every *denominator* units became *numerator*; the cost stays.

        The quantity is rounded half to even at 18 decimals. A venue that pays cash for fractions
        states the new quantity itself; journal the difference as an adjustment.

        Raises:
            MoneyError: A term is not positive.
        """
        if numerator <= 0 or denominator <= 0:
            raise MoneyError(f"a split of {numerator} for {denominator} is not possible")
        whole = mul(self.quantity, Decimal(numerator))
        quotient = divide_half_even(whole, Decimal(denominator), places=COST_PLACES)
        return evolve(self, quantity=quotient)

    def _book(self, fill: Fill, signed: Quantity, fee: Money) -> "Position":
        instrument = self.instrument
        if fill.instrument_id != instrument.id:
            raise MoneyError(
                f"fill {fill.fill_id} is of {fill.instrument_id}", where=str(instrument.id)
            )
        quantity, cost, realised = self._traded(signed, fill.price)
        fees, others = self.fees, self.other_fees
        if not fee or fill.fee_asset == instrument.settlement_asset:
            fees = add(fees, fee) if fee else fees
            return Position(instrument, quantity, cost, realised, fees, others)
        moved = Position(instrument, quantity, cost, realised, fees, others)
        return moved.charge(fee, fill.fee_asset)

    def _traded(self, signed: Quantity, price: Price) -> tuple[Quantity, Money, Money]:
        """Return quantity, cost and realised gain after a trade."""
        held, value = self.quantity, self.instrument.value(signed, price)
        if not held:
            return signed, value, self.realised
        after = add(held, signed)
        if not after:
            return after, ZERO, self._realising(value, self.cost)
        if held.is_signed() == signed.is_signed():
            return after, add(self.cost, value), self.realised
        if after.is_signed() == held.is_signed():
            share = mul(self.cost, neg(signed))
            released = divide_half_even(share, held, places=COST_PLACES)
            return after, sub(self.cost, released), self._realising(value, released)
        # Through zero. What closes and what opens are valued so that they add up to the trade.
        closing = self.instrument.value(neg(held), price)
        return after, sub(value, closing), self._realising(closing, self.cost)

    def _realising(self, value: Money, released: Money) -> Money:
        # The value has the sign of the trade, which is opposite to that of the cost it releases.
        return add(self.realised, self._gain(neg(value), released))

    def _gain(self, value: Money, cost: Money) -> Money:
        # An inverse contract pays in base: the base value of a long falls as the price rises.
        return sub(cost, value) if self.instrument.inverse else sub(value, cost)
