"""
How much of each leg: quantities of a spread, rounded down to what both venues accept.

Dollar-neutral (SEMANTICS, money and sizing): half of the amount to each leg, quantity =
floor(half ÷ price). Beta-neutral: the second leg is worth the hedge ratio times the first, and
both together the amount. Delta-neutral: the same amount of base on both sides; contracts are
rounded down, and the other leg is cut to the base they stand for.
"""

from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from algopioneer_core.domain.errors import RefusedError
from algopioneer_core.domain.instruments import Instrument
from algopioneer_core.domain.money import ONE, ZERO, Money, Price, Quantity, add, floor_units, mul
from algopioneer_core.domain.spreads import Neutrality, SpreadSize

__all__ = ["SizedSpread", "size_spread"]

_HALF = Decimal("0.5")


class SizedSpread(NamedTuple):
    """Unsigned quantities of the strategy's first and second instrument."""

    first: Quantity
    second: Quantity
    sides: tuple[Decimal, Decimal] | tuple[Fraction, Fraction]
    """What was to be equal: the worth of both legs, or the base they stand for."""

    @property
    def imbalance(self) -> Fraction:
        """What rounding left between the legs, as a fraction of the larger side."""
        one, other = map(Fraction, self.sides)
        larger = max(one, other)
        return abs(one - other) / larger if larger else Fraction(0)


class _Leg(NamedTuple):
    instrument: Instrument
    price: Price

    def floor(self, amount: Money, divisor: Decimal = ONE) -> Quantity:
        """Return the largest quantity whose quote value times *divisor* is within *amount*."""
        step = self.instrument.quantity_increment.step
        worth = mul(step, self.instrument.multiplier)
        unit = worth if self.instrument.inverse else mul(worth, self.price)
        quantity = mul(step, floor_units(amount, unit if divisor is ONE else mul(unit, divisor)))
        return quantity if self.instrument.fractionable else self.whole(quantity)

    def whole(self, quantity: Quantity) -> Quantity:
        return self.instrument.whole_quantity(quantity)

    def quote_value(self, quantity: Quantity) -> Money:
        size = mul(quantity, self.instrument.multiplier)
        return size if self.instrument.inverse else mul(size, self.price)

    def base(self, quantity: Quantity) -> Fraction:
        size = Fraction(quantity) * Fraction(self.instrument.multiplier)
        return size / Fraction(self.price) if self.instrument.inverse else size


def size_spread(
    instruments: tuple[Instrument, Instrument],
    prices: tuple[Price, Price],
    size: SpreadSize,
    hedge_ratio: Decimal,
    equity: Money,
) -> SizedSpread:
    """
    Return the quantities of a spread of *size*.

    Args:
        instruments: The strategy's first and second instrument.
        prices: Their prices at the decision, quote currency.
        size: What is wanted.
        hedge_ratio: Value of the second against one unit of the first; for beta-neutral sizes.
        equity: The strategy's equity at the decision.

    Raises:
        RefusedError: A leg is below its instrument's minimum, or nothing is left after rounding.
    """
    first, second = _Leg(instruments[0], prices[0]), _Leg(instruments[1], prices[1])
    amount = mul(equity, size.fraction) if size.fraction is not None else size.notional
    assert amount is not None
    sized = _RULES[size.neutrality](first, second, max(amount, ZERO), hedge_ratio)
    _check_minimums(first, sized.first)
    _check_minimums(second, sized.second)
    return sized


def _dollar(first: _Leg, second: _Leg, amount: Money, hedge: Decimal) -> SizedSpread:
    del hedge
    half = mul(amount, _HALF)
    a, b = first.floor(half), second.floor(half)
    return SizedSpread(a, b, (first.quote_value(a), second.quote_value(b)))


def _beta(first: _Leg, second: _Leg, amount: Money, hedge: Decimal) -> SizedSpread:
    parts = add(ONE, hedge)
    a, b = first.floor(amount, parts), second.floor(mul(amount, hedge), parts)
    wanted = mul(first.quote_value(a), hedge)
    return SizedSpread(a, b, (wanted, second.quote_value(b)))


def _delta(first: _Leg, second: _Leg, amount: Money, hedge: Decimal) -> SizedSpread:
    del hedge
    half = mul(amount, _HALF)
    a, b = first.floor(half), second.floor(half)
    base = min(first.base(a), second.base(b))
    b = _floor_base(second, base)
    a = _floor_base(first, min(base, second.base(b)))
    return SizedSpread(a, b, (first.base(a), second.base(b)))


def _floor_base(leg: _Leg, base: Fraction) -> Quantity:
    """Return the largest accepted quantity that stands for at most *base*."""
    step = leg.instrument.quantity_increment.step
    return leg.whole(mul(step, int(base / leg.base(step))))


_RULES = {Neutrality.DOLLAR: _dollar, Neutrality.BETA: _beta, Neutrality.DELTA: _delta}


def _check_minimums(leg: _Leg, quantity: Quantity) -> None:
    instrument = leg.instrument
    value = leg.quote_value(quantity)
    if not quantity:
        problem = "the leg rounds to nothing"
    elif quantity < instrument.minimum_quantity:
        problem = f"a quantity of {quantity} is below the minimum {instrument.minimum_quantity}"
    elif value < instrument.minimum_notional:
        problem = f"its value is below the minimum of {instrument.minimum_notional}"
    else:
        return
    raise RefusedError(problem, where=instrument.id, remedy="use a larger size")
