"""
The way out: what closes a position without ever going beyond it.

Orders that are already working may fill at any moment, also after their cancel was asked for. So
a position is closed by what is *left* once the open orders against it are taken as filled; the
rest follows when they have ended.
"""

from typing import Final

from algopioneer_core.domain.commands import Cancel, StrategyCommand
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.money import ZERO, Quantity, sub
from algopioneer_core.domain.orders import Order, OrderIntent, OrderType
from algopioneer_core.engine.order_manager import OrderManager
from algopioneer_core.engine.portfolio import Portfolio

__all__ = ["WayOut", "closing_order", "is_against"]

_MARKET: Final = OrderType.MARKET


def closing_order(instrument_id: InstrumentId, held: Quantity, reason: str) -> OrderIntent:
    """Return the market order that closes a signed quantity, for *reason*."""
    return OrderIntent(
        instrument_id=instrument_id,
        side=Side.SELL if held > 0 else Side.BUY,
        quantity=held.copy_abs(),
        reduce_only=True,
        reason=reason,
    )


class WayOut:
    """
    Takes one strategy out of its instruments.

    Args:
        portfolio: Its books.
        orders: Its orders.
    """

    def __init__(self, portfolio: Portfolio, orders: OrderManager) -> None:
        self._portfolio = portfolio
        self._orders = orders

    def of(self, instrument_id: InstrumentId, reason: str) -> list[StrategyCommand]:
        """
        Return cancels of everything that works in the instrument, and an order to close it.

        A market order of known quantity that closes is left to do so: it is under way. There is
        no closing order while what works may close everything by itself.
        """
        cancels = (Cancel(each.client_order_id) for each in self.in_the_way(instrument_id))
        return [*cancels, *self.closing(instrument_id, reason)]

    def closing(self, instrument_id: InstrumentId, reason: str) -> list[StrategyCommand]:
        """Return the market order that closes what open orders may leave, if they leave any."""
        held = self._portfolio.quantity(instrument_id)
        left = self._left(instrument_id, held)
        if left <= 0:
            return []
        return [closing_order(instrument_id, left if held > 0 else left.copy_negate(), reason)]

    def in_the_way(self, instrument_id: InstrumentId) -> list[Order]:
        """Return the working orders of the instrument that are not closing it right now."""
        held = self._portfolio.quantity(instrument_id)
        return [
            order
            for order in self._orders.working.values()
            if order.intent.instrument_id == instrument_id and not _closes(order, held)
        ]

    def _left(self, instrument_id: InstrumentId, held: Quantity) -> Quantity:
        """Return how much is held, unsigned, once the open orders against it have filled."""
        left = held.copy_abs()
        for order in self._orders.working.values():
            intent = order.intent
            if intent.instrument_id == instrument_id and is_against(intent, held):
                remaining = order.remaining_quantity
                left = ZERO if remaining is None else max(sub(left, remaining), ZERO)
        return left


def is_against(intent: OrderIntent, held: Quantity) -> bool:
    """Return whether *intent* is on the other side of what is held."""
    return bool(held) and (intent.side is Side.SELL) == (held > 0)


def _closes(order: Order, held: Quantity) -> bool:
    intent = order.intent
    return intent.type is _MARKET and intent.quantity is not None and is_against(intent, held)
