"""What an order asks of its venue, held against what the venue declares."""

from typing import Final

from algopioneer_core.domain.capabilities import Capabilities, Capability
from algopioneer_core.domain.errors import OrderRejected, UnsupportedOperation
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import Instrument
from algopioneer_core.domain.orders import Order, OrderIntent, OrderType, TimeInForce

__all__ = ["check_id", "check_needs", "needs_of"]

_NEEDS_OF_TYPE: Final = {
    OrderType.MARKET: Capability.MARKET_ORDERS,
    OrderType.LIMIT: Capability.LIMIT_ORDERS,
    OrderType.STOP: Capability.STOP_ORDERS,
    OrderType.STOP_LIMIT: Capability.STOP_LIMIT_ORDERS,
}
_NEEDS_OF_TIME: Final = {
    TimeInForce.IOC: Capability.IOC,
    TimeInForce.FOK: Capability.FOK,
    TimeInForce.GTD: Capability.GTD,
}


def needs_of(intent: OrderIntent) -> tuple[Capability, ...]:
    """
    Return what a venue must be able to do to take an order.

    A market order trades at once whatever its time in force is, so that asks for nothing more.
    """
    needs = [_NEEDS_OF_TYPE[intent.type]]
    if intent.type is not OrderType.MARKET and intent.time_in_force in _NEEDS_OF_TIME:
        needs.append(_NEEDS_OF_TIME[intent.time_in_force])
    if intent.post_only:
        needs.append(Capability.POST_ONLY)
    if intent.reduce_only:
        needs.append(Capability.REDUCE_ONLY)
    if intent.quote_amount is not None:
        sale = intent.side is Side.SELL
        needs.append(Capability.QUOTE_SIZED_SALES if sale else Capability.QUOTE_SIZED_ORDERS)
    return tuple(needs)


def check_needs(order: Order, instrument: Instrument, capabilities: Capabilities) -> None:
    """
    Refuse an order that asks for what its venue does not declare.

    Raises:
        UnsupportedOperation: It does; names the first such thing.
    """
    missing = capabilities.require(needs_of(order.intent), instrument.kind)
    if missing:
        raise UnsupportedOperation(
            f"orders of {instrument.id} cannot ask for {missing[0].value}",
            where=order.client_order_id,
            remedy="choose another kind of order or another venue",
        )


def check_id(order: Order, capabilities: Capabilities) -> None:
    """
    Refuse an order whose client order id its venue would not take.

    Raises:
        OrderRejected: It would not.
    """
    if not capabilities.accepts_client_order_id(order.client_order_id):
        raise OrderRejected("the venue does not take ids of this form", where=order.client_order_id)
