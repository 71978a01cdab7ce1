"""
Fills and fees in plain integers, for the vector engine.

Every amount of a run fits one grid: price decimals, slippage, fee, quantity step and multiplier
are finite decimals, so their products are integers of 10**-K for one K. On that grid a fill is a
handful of integer multiplications, exact like the decimals of `costs` and several times quicker;
a property test holds the two to the same money.
"""

from decimal import Decimal
from typing import NamedTuple

from attrs import frozen

from algopioneer_core.domain.money import ONE, Money, add, from_scaled, mul, scaled, sub
from algopioneer_core.simulation.costs import CostModel

__all__ = ["ScaledCosts", "Way", "decimals_of"]


def decimals_of(*values: Decimal) -> int:
    """Return the largest number of decimals among *values*."""
    exponents = [value.as_tuple().exponent for value in values]
    return max(0, *(-each for each in exponents if isinstance(each, int)))


class Way(NamedTuple):
    """Buying, or selling: what one quantity step costs, as factors of the price in ticks."""

    value: int
    """Value of a step, in 10**-K for each tick of price, slippage included."""
    fee: int
    """Proportional fee of a step, likewise."""


@frozen
class ScaledCosts:
    """The cost model of one instrument on the grid 10**-K. See `ScaledCosts.of`."""

    places: int
    """K: decimals of every amount."""
    price_decimals: int
    step: Decimal
    buy: Way
    sell: Way
    tick: int
    """Value of a step in 10**-K for each tick of price, without slippage: for marks."""
    unit_fee: int
    """Fee per unit, for one step."""

    @classmethod
    def of(cls, costs: CostModel, price_decimals: int, capital: Money) -> "ScaledCosts":
        """Return *costs* for prices of *price_decimals*, on a grid that holds *capital* too."""
        step = costs.instrument.quantity_increment.step
        size = mul(step, costs.instrument.multiplier)
        unit_fee = mul(step, costs.per_unit)
        worse, better = add(ONE, costs.slippage), sub(ONE, costs.slippage)
        proportional = decimals_of(worse) + decimals_of(size) + decimals_of(costs.taker)
        places = max(price_decimals + proportional, decimals_of(unit_fee, capital))

        def factor(*parts: Decimal) -> int:
            product = ONE
            for part in parts:
                product = mul(product, part)
            return scaled(product, places - price_decimals)

        return cls(
            places=places,
            price_decimals=price_decimals,
            step=step,
            buy=Way(factor(size, worse), factor(size, worse, costs.taker)),
            sell=Way(factor(size, better), factor(size, better, costs.taker)),
            tick=factor(size),
            unit_fee=scaled(unit_fee, places),
        )

    def money(self, amount: int) -> Money:
        """Return a scaled amount as money."""
        return from_scaled(amount, self.places)

    def quantity(self, steps: int) -> Decimal:
        """Return a number of steps as a quantity."""
        return mul(self.step, steps)
