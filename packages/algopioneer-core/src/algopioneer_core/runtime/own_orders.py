"""
What our orders are to each other at one account.

They must not trade with each other: venues forbid it, and only fees are moved. And what reduces one
strategy's position need not reduce the account's, which is the sum of all strategies' and of what
is not ours.
"""

import enum
from collections.abc import Callable, Iterable

from attrs import evolve

from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.orders import Order, OrderType

__all__ = ["Yielding", "as_sent", "crossing_order", "yielding"]


class Yielding(enum.Enum):
    """When an order in the market is taken back for an opposite one that is about to be sent."""

    AT_ONCE = "at once"
    LATE = "late"
    """Once the other has waited in vain for its end."""
    NEVER = "never"


def crossing_order(
    order: Order, working: Iterable[Order], is_in_market: Callable[[str], bool]
) -> Order | None:
    """
    Return the first of our *working* orders that *order* would trade with; None when it is free.

    Opposite orders of one instrument cross when either has no limit price, or the buyer's limit is
    at or above the seller's. Stop orders count like market orders: they may become one.

    Args:
        order: About to be sent.
        working: All orders of ours that may still trade, of all strategies.
        is_in_market: Whether the order with an id has been sent already. One that has not waits
            for this one in its turn, and is not waited for.
    """
    for other in working:
        if (
            other.client_order_id != order.client_order_id
            and other.intent.instrument_id == order.intent.instrument_id
            and other.intent.side is not order.intent.side
            and is_in_market(other.client_order_id)
            and _cross(order, other)
        ):
            return other
    return None


def yielding(order: Order, other: Order, *, is_leg: bool) -> Yielding:
    """
    Return when *other* is taken back so that *order* may go.

    A way out goes before an entry, and one that is sent now before one that rests at a limit; a
    resting stop that protects a position stays where it is. Of two entries the older one has had
    its time when the newer one has waited. An order at market ends by itself.

    Args:
        order: About to be sent.
        other: In the market; the two would trade with each other.
        is_leg: Whether *other* is an order of a spread: an entry must not leave another strategy
            with one leg.
    """
    kind, is_way_out = other.intent.type, order.intent.reduce_only
    if kind is OrderType.MARKET:
        return Yielding.NEVER
    if not other.intent.reduce_only:
        if is_way_out:
            return Yielding.AT_ONCE
        return Yielding.NEVER if is_leg else Yielding.LATE
    return Yielding.LATE if is_way_out and kind is OrderType.LIMIT else Yielding.NEVER


def as_sent(order: Order, is_shared: Callable[[InstrumentId], bool]) -> Order:
    """
    Return *order* as the venue is to see it.

    A venue judges "reduce only" by the account's position. Where that is not the strategy's own it
    would refuse a way out, so there the order goes without: the engine has judged it already.

    Args:
        order: About to be sent.
        is_shared: Whether others than the order's strategy may hold an instrument.
    """
    if order.intent.reduce_only and is_shared(order.intent.instrument_id):
        return evolve(order, intent=evolve(order.intent, reduce_only=False))
    return order


def _cross(first: Order, second: Order) -> bool:
    buy, sell = (first, second) if first.intent.side is Side.BUY else (second, first)
    if any(each.intent.type is not OrderType.LIMIT for each in (buy, sell)):
        return True
    bid, ask = buy.intent.limit_price, sell.intent.limit_price
    return bid is None or ask is None or bid >= ask
