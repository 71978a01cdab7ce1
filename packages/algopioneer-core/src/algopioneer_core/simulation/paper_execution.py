"""The account of a paper venue, as an `Execution`."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import anyio.lowlevel

from algopioneer_core.domain.capabilities import Capabilities, IdempotentSubmit
from algopioneer_core.domain.errors import OrderRejected, UnsupportedOperation
from algopioneer_core.domain.events import AccountEvent, ExecutionReport
from algopioneer_core.domain.fills import Fill
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.money import Quantity
from algopioneer_core.domain.order_needs import check_id, check_needs
from algopioneer_core.domain.orders import Order
from algopioneer_core.ports import (
    Balance,
    FeeRates,
    Found,
    OrderLookup,
    ProvenAbsent,
    ReceiveStream,
)
from algopioneer_core.simulation.paper_exchange import PaperExchange
from algopioneer_core.simulation.paper_fees import PaperFees
from algopioneer_core.simulation.report_hub import ReportHub

__all__ = ["PaperExecution"]


class PaperExecution:
    """
    What a paper account can be asked to do.

    An order is checked and booked without a wait between: a cancellation leaves it wholly done or
    not done at all. Nothing is ever unknown here.

    Args:
        exchange: Decides.
        hub: Who hears of what it decides.
        capabilities: What orders may ask for.
        fees: What fills cost.
    """

    def __init__(
        self,
        exchange: PaperExchange,
        hub: ReportHub,
        capabilities: Capabilities,
        fees: PaperFees,
    ) -> None:
        self._exchange = exchange
        self._hub = hub
        self._capabilities = capabilities
        self._fees = fees

    async def submit(self, order: Order) -> None:
        """
        Place *order*; its acknowledgement is reported as well.

        The same order again changes nothing where ids are declared good for `ALWAYS`.

        Raises:
            OrderRejected: The venue would not take it; nothing was placed.
            UnsupportedOperation: It asks for what the venue does not declare; nothing was placed.
            VenueError: The shadowed venue does not say what trading costs; nothing was placed.
        """
        await anyio.lowlevel.checkpoint()
        instrument = self._instrument(order)
        check_needs(order, instrument, self._capabilities)
        await self._fees.ask(instrument)
        if not self._is_repeated(order):
            self._hub.publish(self._exchange.submit(order))

    def _instrument(self, order: Order) -> Instrument:
        instrument = self._exchange.instruments.get(order.intent.instrument_id)
        if instrument is None:
            raise OrderRejected(
                f"there is no instrument {order.intent.instrument_id}",
                where=order.client_order_id,
            )
        check_id(order, self._capabilities)
        return instrument

    def _is_repeated(self, order: Order) -> bool:
        if self._capabilities.idempotent_submit is not IdempotentSubmit.ALWAYS:
            return False
        known = self._exchange.find(order.client_order_id)
        return known is not None and known.intent == order.intent

    async def cancel(self, client_order_id: str) -> None:
        """End an order and report it; nothing happens to one that has ended."""
        await anyio.lowlevel.checkpoint()
        self._cancel(client_order_id)

    async def cancel_all(self, client_order_ids: Sequence[str]) -> None:
        """End these orders, in one step."""
        await anyio.lowlevel.checkpoint()
        for client_order_id in client_order_ids:
            self._cancel(client_order_id)

    def _cancel(self, client_order_id: str) -> None:
        for report in self._exchange.cancel(client_order_id):
            self._hub.publish(report)

    async def order(self, client_order_id: str) -> OrderLookup:
        """Say what became of an order: it is found, or was never placed."""
        await anyio.lowlevel.checkpoint()
        order = self._exchange.find(client_order_id)
        return ProvenAbsent() if order is None else Found(order)

    async def open_orders(self) -> Sequence[Order]:
        """Return all orders that may still trade, oldest first."""
        await anyio.lowlevel.checkpoint()
        return self._exchange.working()

    async def positions(self) -> Mapping[InstrumentId, Quantity]:
        """Return the signed quantity of each instrument held, inventory included."""
        await anyio.lowlevel.checkpoint()
        return self._exchange.account.positions()

    async def balances(self) -> Sequence[Balance]:
        """Return what the account has, and what working orders hold back of it."""
        await anyio.lowlevel.checkpoint()
        return self._exchange.balances()

    async def fills(self, since_ns: int) -> Sequence[Fill]:
        """
        Return all fills since a time, oldest first.

        Raises:
            UnsupportedOperation: Fills of that time are forgotten.
        """
        await anyio.lowlevel.checkpoint()
        return self._exchange.fills(since_ns)

    async def fees(self, instrument_id: InstrumentId) -> FeeRates:
        """
        Return what fills are charged.

        Raises:
            UnsupportedOperation: There is no such instrument.
            VenueError: The shadowed venue is the one to know, and does not answer.
        """
        await anyio.lowlevel.checkpoint()
        instrument = self._exchange.instruments.get(instrument_id)
        if instrument is None:
            raise UnsupportedOperation("there is no such instrument", where=instrument_id)
        await self._fees.ask(instrument)
        return self._exchange.fees(instrument_id)

    @asynccontextmanager
    async def reports(
        self,
    ) -> AsyncIterator[ReceiveStream[ExecutionReport | AccountEvent]]:
        """
        Open a stream of all reports from now on.

        The next market event waits until its reader has handled all of them.
        """
        with self._hub.stream() as stream:
            yield stream
