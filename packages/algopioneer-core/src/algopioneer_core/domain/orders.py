"""
Orders: what a strategy wants, and what became of it.

`OrderIntent` is a wish, `Order` is the wish with an identity and a state. `advance` and
`apply_fill` are the only ways to a new state, and the table in `order_states` says which ways
exist. A fill is counted once, by the venue's fill id, in whatever order and however often the
reports come; a fill that is taken back or corrected stays known, so that a late repetition does not
bring it back.
"""

import enum
from decimal import Decimal
from typing import Final

from attrs import evolve, frozen

from algopioneer_core.domain.errors import IllegalTransition, OrderError
from algopioneer_core.domain.fills import Fill, Side
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.lean import lean
from algopioneer_core.domain.money import ZERO, Money, Price, Quantity, add, mul, plain, sub
from algopioneer_core.domain.order_states import TRANSITIONS, OrderStatus, Step

__all__ = [
    "TRANSITIONS",
    "Order",
    "OrderIntent",
    "OrderStatus",
    "OrderType",
    "Step",
    "TimeInForce",
    "advance",
    "apply_fill",
    "correct_fill",
    "remove_fill",
]


class OrderType(enum.Enum):
    """How the price of an order is found."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"


class TimeInForce(enum.Enum):
    """How long an order may rest."""

    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"
    DAY = "day"
    GTD = "gtd"


@lean
@frozen(kw_only=True)
class OrderIntent:
    """
    What a strategy, an exit policy or the leg manager wants to trade.

    Exactly one of `quantity` and `quote_amount` is given. A quote amount includes the fee: the
    quantity is found at the fill, rounded down, so that price * quantity + fee never exceeds it.

    Raises:
        OrderError: Sizes or prices are missing, contradictory or not positive.
    """

    instrument_id: InstrumentId
    side: Side
    type: OrderType = OrderType.MARKET
    quantity: Quantity | None = None
    """Base units or contracts, unsigned."""
    quote_amount: Money | None = None
    """In the instrument's settlement asset, fee included."""
    limit_price: Price | None = None
    stop_price: Price | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    expire_ns: int | None = None
    """For GTD: when it expires, UTC nanoseconds."""
    post_only: bool = False
    reduce_only: bool = False
    """Whether it may only bring the position towards zero; the excess is cut off."""
    reason: str = "signal"
    """Why: `signal`, the name of an exit policy, `end_of_data`, …; ends up in the round trip."""

    def __attrs_post_init__(self) -> None:
        size = self.quantity if self.quote_amount is None else self.quote_amount
        both = self.quantity is not None and self.quote_amount is not None
        if both or size is None or not size > 0:
            raise self._error("needs either a positive quantity or a positive quote amount")
        if self.type is not _MARKET or self.time_in_force is not _GTC or self.post_only:
            _check_terms(self)
        elif self.limit_price is not None or self.stop_price is not None:
            raise self._error("takes no limit price or stop price")
        elif self.expire_ns is not None:
            raise self._error("has an expiry time if, and only if, it is good till date")

    def _error(self, what: str) -> OrderError:
        return OrderError(f"a {self.type.value} order {what}", where=str(self.instrument_id))


_MARKET: Final = OrderType.MARKET
_GTC: Final = TimeInForce.GTC
_WITH_LIMIT: Final = (OrderType.LIMIT, OrderType.STOP_LIMIT)
_WITH_STOP: Final = (OrderType.STOP, OrderType.STOP_LIMIT)
_AT_ONCE: Final = (TimeInForce.IOC, TimeInForce.FOK)


def _check_terms(intent: OrderIntent) -> None:
    kind, in_force = intent.type, intent.time_in_force
    _check_price(intent, "limit price", intent.limit_price, needed=kind in _WITH_LIMIT)
    _check_price(intent, "stop price", intent.stop_price, needed=kind in _WITH_STOP)
    if (in_force is TimeInForce.GTD) != (intent.expire_ns is not None):
        raise intent._error("has an expiry time if, and only if, it is good till date")
    if intent.post_only and (kind not in _WITH_LIMIT or in_force in _AT_ONCE):
        raise intent._error("cannot be post only: it takes what is there")


def _check_price(intent: OrderIntent, name: str, price: Price | None, *, needed: bool) -> None:
    if needed != (price is not None) or (price is not None and not price > 0):
        raise intent._error(f"needs a positive {name}" if needed else f"takes no {name}")


@lean
@frozen
class Order:
    """An intent with an identity, and everything reported about it so far."""

    client_order_id: str
    """Ours, made before anything is sent; unique over restarts."""
    intent: OrderIntent
    ts_created: int
    """When it was made, UTC nanoseconds."""
    status: OrderStatus = OrderStatus.INITIALIZED
    venue_order_id: str | None = None
    filled_quantity: Quantity = ZERO
    """Unsigned sum over fills."""
    filled_value: Money = ZERO
    """Unsigned sum of quantity * price over fills, before any multiplier."""
    fill_ids: frozenset[str] = frozenset()
    """Ids of all fills ever heard of, counted or taken back, and marks of corrections."""
    message: str = ""
    """The last reason given by the venue or the risk gate."""
    busted_ids: frozenset[str] = frozenset()
    """Ids of the fills that were taken back; they are never counted again."""

    @property
    def remaining_quantity(self) -> Quantity | None:
        """What is left to fill; None for a quote-sized order, never below zero."""
        wanted, filled = self.intent.quantity, self.filled_quantity
        if wanted is None or not filled:
            return wanted
        return max(sub(wanted, filled), ZERO)

    @property
    def overfilled(self) -> bool:
        """Whether the venue executed more than was asked for."""
        wanted = self.intent.quantity
        return wanted is not None and self.filled_quantity > wanted

    def counts(self, fill_id: str) -> bool:
        """Return whether the fill with this id is in the totals now."""
        return fill_id in self.fill_ids and fill_id not in self.busted_ids


def _next_status(order: Order, step: Step, filled: Decimal) -> OrderStatus:
    after = TRANSITIONS.get((order.status, step))
    if after is None or (filled and step is _PROVE_ABSENT):  # what has traded was not absent
        raise IllegalTransition(
            f"{step.value} cannot follow {order.status.value}", where=order.client_order_id
        )
    # Whatever made it live again, or killed what remained of it, it has traded before.
    return _AFTER_TRADING.get(after, after) if filled else after


_PROVE_ABSENT: Final = Step.PROVE_ABSENT
_AFTER_TRADING: Final = {
    OrderStatus.OPEN: OrderStatus.PARTIALLY_FILLED,
    OrderStatus.REJECTED: OrderStatus.CANCELED,
}


def advance(
    order: Order, step: Step, *, venue_order_id: str | None = None, message: str = ""
) -> Order:
    """
    Return *order* after *step*, which is not a fill; the very same object when nothing changes.

    Raises:
        IllegalTransition: The table has no row for it, or absence is claimed of an order that has
            traded.
        OrderError: *step* is a fill; use `apply_fill`.
    """
    if step is _FILL or step is _PARTIAL_FILL:
        raise OrderError("a fill needs its quantity", where=order.client_order_id)
    status = _next_status(order, step, order.filled_quantity)
    if status is order.status and not venue_order_id and not message:
        return order
    return Order(
        order.client_order_id,
        order.intent,
        order.ts_created,
        status,
        venue_order_id or order.venue_order_id,
        order.filled_quantity,
        order.filled_value,
        order.fill_ids,
        message or order.message,
        order.busted_ids,
    )


_FILL: Final = Step.FILL
_PARTIAL_FILL: Final = Step.PARTIAL_FILL


def apply_fill(order: Order, fill: Fill, *, complete: bool | None = None) -> Order:
    """
    Return *order* with *fill* counted; the very same object when the fill is known already.

    Args:
        order: Any order that was sent.
        fill: A fill of this order.
        complete: Whether the venue says that nothing remains. It may say so before the quantity
            asked for is reached (rounding, a rest too small to trade), and has to for a quote-sized
            order. False and None leave it to our count: once all that was asked for is filled,
            nothing remains, whatever an older message that arrives last says.

    Raises:
        IllegalTransition: The order was never sent.
        OrderError: The fill belongs to another order, instrument or side.
    """
    _check_owner(order, fill)
    if fill.fill_id in order.fill_ids:
        return order
    quantity = fill.quantity
    filled = add(order.filled_quantity, quantity)
    if not complete:
        wanted = order.intent.quantity
        complete = wanted is not None and filled >= wanted
    return Order(
        order.client_order_id,
        order.intent,
        order.ts_created,
        _next_status(order, _FILL if complete else _PARTIAL_FILL, filled),
        order.venue_order_id,
        filled,
        add(order.filled_value, mul(quantity, fill.price)),
        order.fill_ids | {fill.fill_id},
        order.message,
        order.busted_ids,
    )


def _check_owner(order: Order, fill: Fill) -> None:
    intent = order.intent
    if (
        fill.client_order_id != order.client_order_id
        or fill.side is not intent.side
        or fill.instrument_id != intent.instrument_id
    ):
        raise OrderError(f"fill {fill.fill_id} is not of this order", where=order.client_order_id)


def remove_fill(order: Order, fill: Fill) -> Order:
    """
    Return *order* without a fill that the venue has busted; its status stays.

    The very same object is returned when it was busted before. A bust may overtake its fill: then
    the totals stay and the fill will not be counted when it comes. So whoever keeps a position
    undoes the fill there if, and only if, `order.counts(fill.fill_id)` was true before.

    Raises:
        OrderError: The fill belongs to another order, instrument or side.
    """
    _check_owner(order, fill)
    if fill.fill_id in order.busted_ids:
        return order
    gone = fill if order.counts(fill.fill_id) else None
    return _recounted(order, gone, None, fill.fill_id, busted=order.busted_ids | {fill.fill_id})


def correct_fill(order: Order, original: Fill, corrected: Fill) -> Order:
    """
    Return *order* with *corrected* counted in the place of *original*; its status stays.

    The very same object is returned when this correction was made before, or the fill was busted.
    A correction may overtake its fill: then *corrected* is counted, and the original will not be
    when it comes. So whoever keeps a position undoes the original there only if
    `order.counts(fill_id)` was true before, and applies the corrected fill only if the order that
    is returned is another object.

    Args:
        order: The order of both fills.
        original: The fill as it is counted now (after a first correction: the corrected one).
        corrected: What it should have been, with the same id.

    Raises:
        IllegalTransition: The order was never sent.
        OrderError: A fill belongs to another order, instrument or side, or the two have different
            ids.
    """
    _check_owner(order, original)
    _check_owner(order, corrected)
    fill_id = original.fill_id
    if corrected.fill_id != fill_id:
        raise OrderError(f"fill {corrected.fill_id} is no correction of {fill_id}")
    mark = "/".join(
        (fill_id, plain(corrected.quantity), plain(corrected.price), plain(corrected.fee))
    )
    if mark in order.fill_ids or fill_id in order.busted_ids:
        return order
    if order.counts(fill_id):
        return _recounted(order, original, corrected, mark)
    return _recounted(apply_fill(order, corrected), None, None, mark)


def _recounted(
    order: Order,
    gone: Fill | None,
    new: Fill | None,
    mark: str,
    *,
    busted: frozenset[str] | None = None,
) -> Order:
    quantity, value = order.filled_quantity, order.filled_value
    if gone is not None:
        quantity = sub(quantity, gone.quantity)
        value = sub(value, mul(gone.quantity, gone.price))
    if new is not None:
        quantity = add(quantity, new.quantity)
        value = add(value, mul(new.quantity, new.price))
    return evolve(
        order,
        filled_quantity=quantity,
        filled_value=value,
        fill_ids=order.fill_ids | {mark},
        busted_ids=order.busted_ids if busted is None else busted,
    )
