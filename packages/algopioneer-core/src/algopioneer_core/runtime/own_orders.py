"""
What our orders are to each other at one account.

They must not trade with each other: venues forbid it, and only fees are moved. And what reduces one
strategy's position need not reduce the account's, which is the sum of all strategies' and of what
is not ours.
"""

from collections.abc import Callable, Iterable

from attrs import evolve

from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.orders import Order, OrderType

__all__ = ["as_sent", "crossing_order"]


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
