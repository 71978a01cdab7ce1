"""
The single checks of the risk gate: each compares one order with one limit.

A check returns None to let the order pass, or the refusal. What it cannot know, it refuses.
"""

import enum
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Final, NamedTuple, TypeAlias

from attrs import frozen

from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.domain.money import ONE, ZERO, Money, Price, Quantity, add, mul, neg, sub
from algopioneer_core.domain.orders import OrderIntent, OrderType
from algopioneer_core.engine.exposure import (
    Exposure,
    ExposureView,
    Mark,
    has_exposure,
    mark_of,
    quote_value,
    worst_notional,
)
from algopioneer_core.engine.risk_limits import RiskLimits

__all__ = [
    "Check",
    "Denied",
    "Limit",
    "OrderCase",
    "Rates",
    "collar",
    "is_stale",
    "minimums",
    "position_checks",
    "stale_quote",
]

Rates: TypeAlias = Callable[[str], Decimal | None]
"""Worth of one unit of an asset in the numeraire; None where it is not known."""


class Limit(enum.Enum):
    """Why an order was refused; the values are words for logs and metrics."""

    STRATEGY = "strategy"
    """No such strategy is registered with the gate."""
    HALTED = "halted"
    DAILY_LOSS = "daily_loss"
    REDUCE_ONLY = "reduce_only"
    ORDER_NOTIONAL = "max_order_notional"
    INSTRUMENT_NOTIONAL = "max_instrument_notional"
    GROSS_NOTIONAL = "max_gross_notional"
    POSITIONS = "max_positions"
    ORDER_RATE = "max_orders_per_second"
    PRICE_COLLAR = "price_collar"
    STALE_QUOTE = "max_quote_age_s"
    BUYING_POWER = "buying_power"
    MINIMUM = "minimum"


@frozen
class Denied:
    """The order must not be sent."""

    limit: Limit
    reason: str
    """One sentence for people, with the figures."""


class OrderCase(NamedTuple):
    """One order and all that is needed to judge it."""

    intent: OrderIntent
    view: ExposureView
    exposure: Exposure
    mark: Mark | None
    ts_ns: int
    reducible: Quantity
    """What of it would bring the position towards zero, at most."""

    @property
    def price(self) -> Price | None:
        """The dearest of mark, limit and stop price; None without a mark."""
        if self.mark is None:
            return None
        own = (self.intent.limit_price, self.intent.stop_price)
        return max([self.mark.price, *(each for each in own if each is not None)])

    @property
    def amount(self) -> Money | None:
        """
        The order's quote amount in quote currency; None when it is sized otherwise.

        That of an inverse contract is stated in base, and not known without a mark.
        """
        amount = self.intent.quote_amount
        if amount is None or not self.exposure.instrument.inverse:
            return amount
        return None if self.mark is None else mul(amount, self.mark.price)

    def notional(self, quantity: Quantity | None) -> Money | None:
        """Return the value of *quantity* of it in quote currency, or of its quote amount."""
        if quantity is None:
            return self.amount
        return quote_value(self.exposure.instrument, quantity, self.price)


Check: TypeAlias = Callable[[OrderCase], Denied | None]


def collar(case: OrderCase, limits: RiskLimits) -> Denied | None:
    """
    Refuse a limit price too far on the losing side: a purchase above, a sale below the market.

    The market is the mark; for a stop-limit order it is the stop price, where the order will be
    when it begins to count. A price on the other side is only patient, and passes.
    """
    share, intent = limits.price_collar, case.intent
    if share is None or intent.limit_price is None:
        return None
    market = intent.stop_price
    if intent.type is OrderType.LIMIT:
        market = case.mark and case.mark.price
    if market is None:
        return Denied(Limit.PRICE_COLLAR, "there is no market price to compare with")
    buys = intent.side is Side.BUY
    bound = mul(market, add(ONE, share) if buys else sub(ONE, share))
    if intent.limit_price > bound if buys else intent.limit_price < bound:
        side = "above" if buys else "below"
        return Denied(
            Limit.PRICE_COLLAR, f"limit price {intent.limit_price} is {side} the collar at {bound}"
        )
    return None


def minimums(
    case: OrderCase, quantity: Quantity | None, *, needs_price: bool = True
) -> Denied | None:
    """
    Refuse an order that the venue would refuse as too small.

    Args:
        case: The order.
        quantity: Its quantity, perhaps after a cut; None when it is quote-sized.
        needs_price: Whether a value that is not known is refused, or left to the venue.
    """
    instrument, intent = case.exposure.instrument, case.intent
    if quantity is not None and quantity < instrument.minimum_quantity:
        least = instrument.minimum_quantity
        return Denied(Limit.MINIMUM, f"quantity {quantity} is below the minimum {least}")
    if not instrument.minimum_notional:
        return None
    price = intent.limit_price or (case.mark and case.mark.price)
    worth = case.amount
    if quantity is not None:
        worth = quote_value(instrument, quantity, price)
    if worth is None:
        unknown = Denied(Limit.MINIMUM, "the order's value is not known: there is no price")
        return unknown if needs_price else None
    if worth < instrument.minimum_notional:
        least = instrument.minimum_notional
        return Denied(Limit.MINIMUM, f"value {worth} is below the minimum {least}")
    return None


def is_stale(case: OrderCase, limits: RiskLimits) -> bool:
    """Return whether the mark is missing, or older than allowed."""
    if case.mark is None:
        return True
    most = limits.max_quote_age_s
    return most is not None and case.ts_ns - case.mark.ts_ns > mul(most, _NS)


_NS: Final = Decimal(NS_PER_SECOND)


def stale_quote(case: OrderCase, limits: RiskLimits) -> Denied | None:
    """Refuse to raise exposure on a price that is missing or too old."""
    if limits.max_quote_age_s is None or not is_stale(case, limits):
        return None
    if case.mark is None:
        return Denied(Limit.STALE_QUOTE, "there is no price yet")
    age_ns = case.ts_ns - case.mark.ts_ns
    return Denied(
        Limit.STALE_QUOTE,
        f"the last price is {age_ns} ns old, allowed are {limits.max_quote_age_s} s",
    )


def position_checks(
    limits: RiskLimits, views: Sequence[ExposureView], rates: Rates
) -> tuple[Check, ...]:
    """
    Return the checks on size and exposure that *limits* ask for, over the sum of *views*.

    An order that does not raise what a limit measures is not refused by that limit.
    """
    checks: list[Check] = []
    if limits.max_order_notional is not None:
        checks.append(_order_notional(limits.max_order_notional, rates))
    if limits.max_instrument_notional is not None:
        checks.append(_instrument_notional(limits.max_instrument_notional, views, rates))
    if limits.max_gross_notional is not None:
        checks.append(_gross_notional(limits.max_gross_notional, views, rates))
    if limits.max_positions is not None:
        checks.append(_positions(limits.max_positions, views))
    if limits.check_buying_power:
        checks.append(_buying_power)
    return tuple(checks)


def _in_numeraire(amount: Money | None, asset: str, rates: Rates) -> Money | None:
    rate = rates(asset)
    return None if amount is None or rate is None else mul(amount, rate)


def _order_notional(most: Money, rates: Rates) -> Check:
    def check(case: OrderCase) -> Denied | None:
        quote = case.exposure.instrument.quote
        worth = _in_numeraire(case.notional(case.intent.quantity), quote, rates)
        if worth is None:
            return Denied(Limit.ORDER_NOTIONAL, "the order's value is not known")
        if worth > most:
            return Denied(Limit.ORDER_NOTIONAL, f"value {worth} is above the limit {most}")
        return None

    return check


def _added(case: OrderCase) -> Money | None:
    """Return what the order adds to its side, in quote currency: negative for a sale."""
    worth = case.notional(case.intent.quantity)
    return worth if worth is None or case.intent.side is Side.BUY else neg(worth)


def _worst(
    view: ExposureView, exposure: Exposure, rates: Rates, *, added: Money = ZERO
) -> Money | None:
    mark = mark_of(view, exposure.instrument.id)
    worst = worst_notional(exposure, mark and mark.price, added=added)
    return _in_numeraire(worst, exposure.instrument.quote, rates)


def _sum(exposures: Iterable[tuple[ExposureView, Exposure]], rates: Rates) -> Money | None:
    result = ZERO
    for view, exposure in exposures:
        worst = _worst(view, exposure, rates)
        if worst is None:
            return None
        result = add(result, worst)
    return result


def _is_case(case: OrderCase, view: ExposureView, exposure: Exposure) -> bool:
    same = exposure.instrument.id == case.exposure.instrument.id
    return same and view.strategy == case.view.strategy


def _compare(
    limit: Limit, most: Money, case: OrderCase, others: Money | None, rates: Rates
) -> Denied | None:
    """Refuse the order if it raises its own exposure and the sum with *others* is too much."""
    added = _added(case)
    before = _worst(case.view, case.exposure, rates)
    after = None if added is None else _worst(case.view, case.exposure, rates, added=added)
    if before is None or after is None or others is None:
        return Denied(limit, "exposure is not known: a price or a conversion is missing")
    if after > before and add(others, after) > most:
        return Denied(limit, f"exposure of {add(others, after)} is above the limit {most}")
    return None


def _instrument_notional(most: Money, views: Sequence[ExposureView], rates: Rates) -> Check:
    def check(case: OrderCase) -> Denied | None:
        instrument_id = case.exposure.instrument.id
        others = [
            (view, exposure)
            for view in views
            for exposure in view.exposures()
            if exposure.instrument.id == instrument_id and not _is_case(case, view, exposure)
        ]
        return _compare(Limit.INSTRUMENT_NOTIONAL, most, case, _sum(others, rates), rates)

    return check


def _gross_notional(most: Money, views: Sequence[ExposureView], rates: Rates) -> Check:
    def check(case: OrderCase) -> Denied | None:
        others = [
            (view, exposure)
            for view in views
            for exposure in view.exposures()
            if has_exposure(exposure) and not _is_case(case, view, exposure)
        ]
        return _compare(Limit.GROSS_NOTIONAL, most, case, _sum(others, rates), rates)

    return check


def _positions(most: int, views: Sequence[ExposureView]) -> Check:
    def check(case: OrderCase) -> Denied | None:
        if has_exposure(case.exposure):
            return None
        count = sum(has_exposure(each) for view in views for each in view.exposures())
        if count < most:
            return None
        return Denied(Limit.POSITIONS, f"there are {count} positions, allowed are {most}")

    return check


def _buying_power(case: OrderCase) -> Denied | None:
    quantity = case.intent.quantity
    raising = None if quantity is None else max(sub(quantity, case.reducible), ZERO)
    needed = case.notional(raising)
    available = case.view.buying_power(case.exposure.instrument.id)
    if needed is None or available is None:
        return Denied(Limit.BUYING_POWER, "buying power or the order's value is not known")
    if needed > available:
        return Denied(Limit.BUYING_POWER, f"needs {needed}, available are {available}")
    return None
