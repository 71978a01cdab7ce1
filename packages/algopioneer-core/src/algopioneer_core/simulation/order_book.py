"""What a paper venue asks of whatever fills the orders of one instrument."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from algopioneer_core.domain.events import ExecutionReport
from algopioneer_core.domain.market_data import Bar, Quote, Trade
from algopioneer_core.domain.money import Money, Quantity
from algopioneer_core.domain.orders import Order
from algopioneer_core.simulation.costs import CostModel
from algopioneer_core.simulation.order_filling import Purchase

__all__ = ["MakeBook", "OrderBook"]


class OrderBook(Protocol):
    """The orders of one instrument, and what fills them."""

    def submit(self, order: Order, now_ns: int) -> None:
        """Take *order*, sent at *now_ns*."""

    def cancel(self, client_order_id: str, now_ns: int) -> list[ExecutionReport]:
        """Take an order out; nothing is reported when it is not here."""

    def spent_on(self, client_order_id: str) -> Money:
        """Return value and fees of what an order has traded, in the settlement asset."""

    def is_new(self, event: Bar | Quote | Trade) -> bool:
        """Return whether *event* has not been through here yet, and may fill orders."""

    def on_event(self, event: Bar | Quote | Trade) -> Iterator[ExecutionReport]:
        """Yield what happens to the orders; each is booked before the next is asked for."""

    def snapshot(self) -> dict[str, object]:
        """Return everything, as JSON values, decimals and orders."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what `snapshot` described."""


MakeBook = Callable[[CostModel, Callable[[], Quantity], Purchase | None], OrderBook]
"""Makes the book of an instrument from its costs, its holding and the account's word on fills."""
