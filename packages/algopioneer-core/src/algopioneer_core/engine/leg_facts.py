"""
What is true of a spread right now: how much of each leg is held, and what open orders may change.

Each leg is measured in *fractions of its target*: 0 is flat, 1 is the full size. Open orders, and
orders of unknown fate, may still fill or not, so a leg is an interval. The **residual** is the
difference of the two legs' fractions times the leg notional at the decision prices (SEMANTICS,
legs and residual): an interval too, and a drift of prices is no part of it.

What is too little for the venue to take an order for (off its grid, or below its minimum) is
*dust*: it is held, but nothing can be ordered for it, so it keeps no spread open.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.money import ONE, ZERO, Price, Quantity, add, mul
from algopioneer_core.domain.orders import Order, OrderStatus
from algopioneer_core.engine.order_manager import OrderManager
from algopioneer_core.engine.portfolio import Portfolio

__all__ = ["LegFacts", "SpreadFacts", "leg_facts", "spread_facts"]


class LegFacts(NamedTuple):
    """One leg."""

    instrument: Instrument
    target: Quantity
    """Signed full size; never zero."""
    held: Quantity
    """Signed quantity that fills have proven."""
    opening: Quantity
    """Unsigned quantity that open orders may yet add in the direction of the target."""
    closing: Quantity
    """Unsigned quantity that open orders may yet take away from it."""
    unknown: tuple[str, ...]
    """Ids of orders whose fate is not known, oldest first."""
    live: tuple[str, ...]
    """Ids of all orders that may still trade, those of unknown fate included, oldest first."""
    smallest: Fraction
    """Unsigned quantity below which the venue takes no order, at the present mark."""

    @property
    def fraction(self) -> Fraction:
        """Proven part of the target; above 1 when overfilled, negative on the wrong side."""
        return Fraction(self.held) / Fraction(self.target)

    @property
    def is_opening(self) -> bool:
        """Whether an open order may yet add to what is held on the right side."""
        return bool(self.opening) and self.fraction >= 0

    @property
    def lowest(self) -> Fraction:
        """The fraction if all closing orders fill and no opening one does."""
        return self.fraction - Fraction(self.closing) / abs(Fraction(self.target))

    @property
    def highest(self) -> Fraction:
        """The fraction if all opening orders fill and no closing one does."""
        return self.fraction + Fraction(self.opening) / abs(Fraction(self.target))

    @property
    def closable(self) -> Quantity:
        """What of the holding an order can close; unsigned."""
        return self.orderable(abs(Fraction(self.held)))

    def orderable(self, quantity: Fraction) -> Quantity:
        """Return *quantity* (unsigned) rounded down to what the venue takes; zero for dust."""
        step = self.instrument.quantity_increment.step
        whole = self.instrument.whole_quantity(mul(step, Decimal(quantity // Fraction(step))))
        return whole if Fraction(whole) >= self.smallest else ZERO


class SpreadFacts(NamedTuple):
    """Both legs."""

    first: LegFacts
    second: LegFacts

    @property
    def legs(self) -> tuple[LegFacts, LegFacts]:
        """The two legs."""
        return self.first, self.second

    @property
    def live(self) -> tuple[str, ...]:
        """Ids of all orders of both legs that may still trade."""
        return self.first.live + self.second.live

    @property
    def unknown(self) -> tuple[str, ...]:
        """Ids of all orders of both legs whose fate is not known."""
        return self.first.unknown + self.second.unknown

    @property
    def is_empty(self) -> bool:
        """Whether nothing is held in either leg but dust."""
        return not self.first.closable and not self.second.closable

    @property
    def both_held(self) -> bool:
        """Whether both legs are held on their right side."""
        return self.first.fraction > 0 and self.second.fraction > 0

    @property
    def by_size(self) -> tuple[LegFacts, LegFacts]:
        """The leg of which more is held, and the other; the first where they are even."""
        a, b = self.first, self.second
        return (b, a) if abs(b.fraction) > abs(a.fraction) else (a, b)

    @property
    def residual_low(self) -> Fraction:
        """The smallest difference of the legs' fractions that open orders can leave."""
        a, b = self.first, self.second
        return max(Fraction(0), a.lowest - b.highest, b.lowest - a.highest)

    @property
    def residual_high(self) -> Fraction:
        """The largest difference of the legs' fractions that open orders can leave."""
        a, b = self.first, self.second
        return max(abs(a.highest - b.lowest), abs(b.highest - a.lowest))

    def is_uneven(self, limit: Fraction) -> bool:
        """
        Return whether the residual may be above *limit*, a fraction, in a way orders can mend.

        Where nothing is working and both legs are held, a difference that is too little for an
        order (less than one increment of the larger leg) is no unevenness: nothing can be done.
        """
        if self.residual_high <= limit:
            return False
        return bool(self.live) or not self.both_held or bool(self.excess())

    def excess(self) -> Quantity:
        """
        Return how much of the larger leg must be closed for the legs to be even; unsigned.

        Rounded down to what the venue takes, so that it is never more than what must be closed;
        but all that can be closed when nothing of the smaller is held on the same side.
        """
        larger, smaller = self.by_size
        if smaller.fraction * larger.fraction <= 0:  # nothing there, or on the wrong side
            return larger.closable
        apart = abs(larger.fraction - smaller.fraction)
        return larger.orderable(apart * abs(Fraction(larger.target)))

    def missing(self) -> Quantity:
        """Return how much of the smaller leg must be opened for them to be even, rounded down."""
        larger, smaller = self.by_size
        lack = min(larger.fraction, Fraction(1)) - smaller.fraction
        return smaller.orderable(max(lack, Fraction(0)) * abs(Fraction(smaller.target)))

    def with_order(self, leg: LegFacts, quantity: Quantity, *, towards: bool) -> "SpreadFacts":
        """Return the facts with one more order on *leg*, towards its target or away from it."""
        if towards:
            more = leg._replace(opening=add(leg.opening, quantity))
        else:
            more = leg._replace(closing=add(leg.closing, quantity))
        return SpreadFacts(*(more if each is leg else each for each in self.legs))


def spread_facts(
    legs: tuple[Instrument, Instrument],
    targets: Mapping[InstrumentId, Quantity],
    portfolio: Portfolio,
    orders: OrderManager,
) -> SpreadFacts:
    """Return the facts of a spread, from the books and the working orders of its strategy."""
    working = list(orders.working.values())
    first, second = (
        leg_facts(
            each, targets[each.id], portfolio.quantity(each.id), working, portfolio.mark(each.id)
        )
        for each in legs
    )
    return SpreadFacts(first, second)


def leg_facts(
    instrument: Instrument,
    target: Quantity,
    held: Quantity,
    working: Iterable[Order],
    mark: Price | None,
) -> LegFacts:
    """Return the facts of one leg, from its position and all working orders of the strategy."""
    opening = closing = ZERO
    unknown, live = [], []
    for order in working:
        if order.intent.instrument_id != instrument.id:
            continue
        live.append(order.client_order_id)
        if order.status is OrderStatus.UNKNOWN:
            unknown.append(order.client_order_id)
        remaining = order.remaining_quantity or ZERO
        if (order.intent.side.sign > 0) == (target > 0):
            opening = add(opening, remaining)
        else:
            closing = add(closing, remaining)
    smallest = _smallest(instrument, mark)
    return LegFacts(
        instrument, target, held, opening, closing, tuple(unknown), tuple(live), smallest
    )


def _smallest(instrument: Instrument, mark: Price | None) -> Fraction:
    """Return the smallest quantity of an order; without a mark, by the minimum quantity alone."""
    least = Fraction(instrument.minimum_quantity)
    if mark is None and not instrument.inverse:
        return least
    unit = mul(instrument.multiplier, ONE if instrument.inverse or mark is None else mark)
    return max(least, Fraction(instrument.minimum_notional) / Fraction(unit))
