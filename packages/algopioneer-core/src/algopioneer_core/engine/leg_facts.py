"""
What is true of a spread right now: how much of each leg is held, and what open orders may change.

Each leg is measured in *fractions of its target*: 0 is flat, 1 is the full size. Open orders, and
orders of unknown fate, may still fill or not, so a leg is an interval. The **residual** is the
difference of the two legs' fractions times the leg notional at the decision prices (SEMANTICS,
legs and residual): an interval too, and a drift of prices is no part of it.

What is too little for the venue to take an order for (off its grid, or below its minimum) is
*dust*: it is held, but nothing can be ordered for it, so it keeps no spread open.
"""

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Final, NamedTuple, Self

from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.money import (
    ONE,
    ZERO,
    Money,
    Price,
    Quantity,
    add,
    exact_mul,
    exact_sub,
    mul,
    sub,
    total,
)
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
    size: Quantity
    """The target without its sign."""
    done: Quantity
    """What of the target is held: above `size` when overfilled, negative on the wrong side."""
    unit_worth: Money | None
    """Quote value of one unit at the present mark; None where no minimum asks for it."""
    parts: tuple[tuple[InstrumentId, Quantity], ...] = ()
    """What is held of each contract of a chain, the next to expire first; empty for one alone."""

    @property
    def fraction(self) -> Fraction:
        """Proven part of the target; above 1 when overfilled, negative on the wrong side."""
        return Fraction(self.done) / Fraction(self.size)

    @property
    def is_opening(self) -> bool:
        """Whether an open order may yet add to what is held on the right side."""
        return bool(self.opening) and self.done >= 0

    @property
    def lowest(self) -> Quantity:
        """What of the target is held if all closing orders fill and no opening one does."""
        return sub(self.done, self.closing) if self.closing else self.done

    @property
    def highest(self) -> Quantity:
        """What of the target is held if all opening orders fill and no closing one does."""
        return add(self.done, self.opening) if self.opening else self.done

    def may_outgrow(self, other: "LegFacts", limit: Decimal = ZERO) -> bool:
        """Return whether orders can bring this leg further than *other* is, by over *limit*."""
        ahead = exact_sub(exact_mul(self.highest, other.size), exact_mul(other.done, self.size))
        return ahead > exact_mul(limit, exact_mul(self.size, other.size))

    @property
    def closable(self) -> Quantity:
        """What of the holding orders can close; unsigned."""
        if not self.parts:
            return self.orderable(self.held.copy_abs()) if self.held else ZERO
        return total(*(self.orderable(held.copy_abs()) for _, held in self.parts))

    @property
    def is_in_place(self) -> bool:
        """Whether nothing that can be ordered is held in another contract than the present one."""
        others = (held for contract, held in self.parts if contract != self.instrument.id)
        return not any(self.orderable(held.copy_abs()) for held in others if held)

    @property
    def settled(self) -> "LegFacts":
        """The leg as it will be when all its orders have filled."""
        done = sub(add(self.done, self.opening), self.closing)
        return self._replace(done=done, opening=ZERO, closing=ZERO, live=(), unknown=())

    def orderable(self, quantity: Quantity) -> Quantity:
        """Return *quantity* (unsigned) rounded down to what the venue takes; zero for dust."""
        whole = self.instrument.whole_quantity(quantity)
        return ZERO if self._is_dust(whole) else whole

    def signed_orderable(self, held: Quantity) -> Quantity:
        """Return what of a signed holding can be ordered, with its sign."""
        return self.orderable(held.copy_abs()).copy_sign(held)

    def orderable_part(self, part: Fraction) -> Quantity:
        """Return *part* of the target, unsigned, rounded down to what the venue takes."""
        step = self.instrument.quantity_increment.step
        steps = part * Fraction(self.size) // Fraction(step)
        return self.orderable(mul(step, Decimal(steps)))

    def _is_dust(self, quantity: Quantity) -> bool:
        instrument, worth = self.instrument, self.unit_worth
        if quantity < instrument.minimum_quantity:
            return True
        return worth is not None and exact_mul(quantity, worth) < instrument.minimum_notional


class SpreadFacts(NamedTuple):
    """Both legs; made by `of`."""

    first: LegFacts
    second: LegFacts
    live: tuple[str, ...]
    """Ids of all orders of both legs that may still trade."""
    unknown: tuple[str, ...]
    """Ids of all orders of both legs whose fate is not known."""
    apart: tuple[Decimal, Decimal]
    """
    By how much the second leg may be ahead of the first, and the first of the second, as multiples
    of one over both sizes: products instead of quotients, because facts follow every report.
    """
    most_apart: Decimal
    """The larger of the two, without sign."""

    @classmethod
    def of(cls, first: LegFacts, second: LegFacts) -> Self:
        """Return the facts of two legs."""
        size_a, size_b = first.size, second.size
        live, unknown = first.live + second.live, first.unknown + second.unknown
        if not (first.opening or first.closing or second.opening or second.closing):
            one = exact_sub(exact_mul(second.done, size_a), exact_mul(first.done, size_b))
            return cls(first, second, live, unknown, (one, one.copy_negate()), one.copy_abs())
        one = exact_sub(exact_mul(second.highest, size_a), exact_mul(first.lowest, size_b))
        other = exact_sub(exact_mul(first.highest, size_b), exact_mul(second.lowest, size_a))
        most = max(one.copy_abs(), other.copy_abs())
        return cls(first, second, live, unknown, (one, other), most)

    @property
    def legs(self) -> tuple[LegFacts, LegFacts]:
        """The two legs."""
        return self.first, self.second

    @property
    def is_empty(self) -> bool:
        """Whether nothing is held in either leg but dust."""
        return not self.first.closable and not self.second.closable

    @property
    def both_held(self) -> bool:
        """Whether both legs are held on their right side."""
        return self.first.done > 0 and self.second.done > 0

    @property
    def by_size(self) -> tuple[LegFacts, LegFacts]:
        """The leg of which more is held, and the other; the first where they are even."""
        a, b = self.first, self.second
        return (b, a) if abs(b.fraction) > abs(a.fraction) else (a, b)

    @property
    def residual_low(self) -> Fraction:
        """The smallest difference of the legs' fractions that open orders can leave."""
        return -self._fraction(min(*self.apart, ZERO))

    @property
    def residual_high(self) -> Fraction:
        """The largest difference of the legs' fractions that open orders can leave."""
        return self._fraction(self.most_apart)

    def is_above(self, limit: Decimal) -> bool:
        """Return whether the residual may be above *limit*, a fraction."""
        most = self.most_apart
        if not most:
            return False
        return most > exact_mul(limit, exact_mul(self.first.size, self.second.size))

    def _fraction(self, apart: Decimal) -> Fraction:
        return Fraction(apart) / (Fraction(self.first.size) * Fraction(self.second.size))

    def is_uneven(self, limit: Decimal) -> bool:
        """
        Return whether the residual may be above *limit*, a fraction, in a way orders can mend.

        Where nothing is working and both legs are held, a difference that is too little for an
        order (less than one increment of the larger leg) is no unevenness: nothing can be done.
        """
        if not self.is_above(limit):
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
        return larger.orderable_part(abs(larger.fraction - smaller.fraction))

    def missing(self) -> Quantity:
        """Return how much of the smaller leg must be opened for them to be even, rounded down."""
        larger, smaller = self.by_size
        lack = min(larger.fraction, Fraction(1)) - smaller.fraction
        return smaller.orderable_part(max(lack, Fraction(0)))

    @property
    def settled(self) -> "SpreadFacts":
        """The spread as it will be when all orders have filled."""
        return SpreadFacts.of(self.first.settled, self.second.settled)

    def with_order(self, leg: LegFacts, quantity: Quantity, *, towards: bool) -> "SpreadFacts":
        """Return the facts with one more order on *leg*, towards its target or away from it."""
        if towards:
            more = leg._replace(opening=add(leg.opening, quantity))
        else:
            more = leg._replace(closing=add(leg.closing, quantity))
        return SpreadFacts.of(*(more if each is leg else each for each in self.legs))


def spread_facts(
    legs: tuple[Instrument, Instrument],
    targets: Mapping[InstrumentId, Quantity],
    portfolio: Portfolio,
    orders: OrderManager,
    chain: Sequence[InstrumentId] = (),
) -> SpreadFacts:
    """
    Return the facts of a spread, from the books and the working orders of its strategy.

    Args:
        legs: The first leg, and the contract in which the second is to be held.
        targets: Signed full sizes of these two.
        portfolio: The strategy's books.
        orders: Its orders.
        chain: All contracts that the second leg may be held in; empty where there is one.
    """
    working = orders.working.values()
    first, second = legs
    return SpreadFacts.of(
        leg_facts(first, targets[first.id], portfolio, working),
        leg_facts(second, targets[second.id], portfolio, working, chain),
    )


def leg_facts(
    instrument: Instrument,
    target: Quantity,
    portfolio: Portfolio,
    working: Collection[Order],
    chain: Sequence[InstrumentId] = (),
) -> LegFacts:
    """Return the facts of one leg, from its position and all working orders of the strategy."""
    rises, ids = target > ZERO, chain or (instrument.id,)
    opening = closing = ZERO
    unknown: tuple[str, ...] = ()
    live: tuple[str, ...] = ()
    for order in working:
        intent = order.intent
        if intent.instrument_id not in ids:
            continue
        live += (order.client_order_id,)
        if order.status is _UNKNOWN:
            unknown += (order.client_order_id,)
        remaining = order.remaining_quantity or ZERO
        if (intent.side is _BUY) == rises:
            opening = add(opening, remaining)
        else:
            closing = add(closing, remaining)
    parts = tuple((each, portfolio.quantity(each)) for each in chain)
    held = total(*(part for _, part in parts)) if parts else portfolio.quantity(instrument.id)
    return LegFacts(
        instrument,
        target,
        held,
        opening,
        closing,
        unknown,
        live,
        target.copy_abs(),
        held if rises else held.copy_negate(),
        _unit_worth(instrument, portfolio) if instrument.minimum_notional else None,
        parts,
    )


_UNKNOWN: Final = OrderStatus.UNKNOWN
_BUY: Final = Side.BUY


def _unit_worth(instrument: Instrument, portfolio: Portfolio) -> Money | None:
    """Return the quote value of one unit; None without a mark, where its worth depends on it."""
    mark: Price | None = ONE if instrument.inverse else portfolio.mark(instrument.id)
    return None if mark is None else mul(instrument.multiplier, mark)
