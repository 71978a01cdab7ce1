"""The account of a venue that has none."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import NoReturn

from algopioneer_core.domain.errors import UnsupportedOperation
from algopioneer_core.domain.events import AccountEvent, ExecutionReport
from algopioneer_core.domain.fills import Fill
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.money import Quantity
from algopioneer_core.domain.orders import Order
from algopioneer_core.ports import Balance, FeeRates, OrderLookup, ReceiveStream

__all__ = ["NoAccount"]


class NoAccount:
    """
    An `Execution` that can do nothing; every method raises UnsupportedOperation.

    Args:
        venue: Whose account is missing, for the message.
    """

    def __init__(self, venue: str) -> None:
        self._venue = venue

    async def submit(self, order: Order) -> None:
        """Refuse it."""
        self._refuse(order.client_order_id)

    async def cancel(self, client_order_id: str) -> None:
        """Refuse it."""
        self._refuse(client_order_id)

    async def cancel_all(self, client_order_ids: Sequence[str]) -> None:
        """Refuse it."""
        self._refuse(", ".join(client_order_ids))

    async def order(self, client_order_id: str) -> OrderLookup:
        """Refuse it."""
        self._refuse(client_order_id)

    async def open_orders(self) -> Sequence[Order]:
        """Refuse it."""
        self._refuse()

    async def positions(self) -> Mapping[InstrumentId, Quantity]:
        """Refuse it."""
        self._refuse()

    async def balances(self) -> Sequence[Balance]:
        """Refuse it."""
        self._refuse()

    async def fills(self, since_ns: int) -> Sequence[Fill]:
        """Refuse it."""
        self._refuse(f"fills since {since_ns}")

    async def fees(self, instrument_id: InstrumentId) -> FeeRates:
        """Refuse it."""
        self._refuse(instrument_id)

    def reports(
        self,
    ) -> AbstractAsyncContextManager[ReceiveStream[ExecutionReport | AccountEvent]]:
        """Refuse it."""
        self._refuse()

    def _refuse(self, about: str = "") -> NoReturn:
        raise UnsupportedOperation(
            "the venue has market data and no account",
            where=f"venue {self._venue!r}{about and ', '}{about}",
            remedy="open a paper account over it",
        )
