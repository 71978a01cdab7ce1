"""The account of a venue that has none: it refuses whatever it is asked and pretends nothing."""

from collections.abc import Mapping, Sequence
from typing import NoReturn

from algopioneer_core.domain.errors import UnsupportedOperation
from algopioneer_core.domain.fills import Fill
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.money import Quantity
from algopioneer_core.domain.orders import Order
from algopioneer_core.ports import Balance, FeeRates, OrderLookup


def _refuse(what: str) -> NoReturn:
    raise UnsupportedOperation(
        f"an archive {what}", where="venue 'archive'", remedy="backtest on it"
    )


class NoAccount:
    """An `Execution` in which every method raises UnsupportedOperation."""

    async def submit(self, order: Order) -> None:
        """Refuse."""
        _refuse(f"takes no orders, such as {order.client_order_id}")

    async def cancel(self, client_order_id: str) -> None:
        """Refuse."""
        _refuse(f"has no order {client_order_id}")

    async def cancel_all(self, client_order_ids: Sequence[str]) -> None:
        """Refuse."""
        _refuse(f"has no orders {', '.join(client_order_ids)}")

    async def order(self, client_order_id: str) -> OrderLookup:
        """Refuse."""
        _refuse(f"knows no order {client_order_id}")

    async def open_orders(self) -> Sequence[Order]:
        """Refuse."""
        _refuse("has no orders")

    async def positions(self) -> Mapping[InstrumentId, Quantity]:
        """Refuse."""
        _refuse("has no positions")

    async def balances(self) -> Sequence[Balance]:
        """Refuse."""
        _refuse("has no balances")

    async def fills(self, since_ns: int) -> Sequence[Fill]:
        """Refuse."""
        _refuse(f"has no fills since {since_ns}")

    async def fees(self, instrument_id: InstrumentId) -> FeeRates:
        """Refuse."""
        _refuse(f"knows no account's fees for {instrument_id}")

    def reports(self) -> NoReturn:
        """Refuse."""
        _refuse("reports nothing")
