"""An account that answers as a test tells it to, and books that hear what is reported."""

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import anyio
import anyio.lowlevel
from anyio.streams.memory import MemoryObjectSendStream

from algopioneer_core.domain.errors import UnsupportedOperation
from algopioneer_core.domain.events import AccountEvent, ExecutionReport
from algopioneer_core.domain.fills import Fill
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.money import ZERO, Quantity
from algopioneer_core.domain.orders import Order, OrderIntent
from algopioneer_core.engine.order_ids import order_ids
from algopioneer_core.engine.order_manager import OrderManager
from algopioneer_core.ports import Balance, FeeRates, OrderLookup, ProvenAbsent, ReceiveStream

__all__ = ["Answer", "OrderBench", "ScriptedExecution", "after", "never"]

Answer = Callable[[], Awaitable[None]] | Exception | None
"""What a request is answered with: something to await, an error to raise, or success at once."""


def never() -> Awaitable[None]:
    """Answer with silence."""
    return anyio.sleep_forever()


def after(seconds: float, error: Exception | None = None) -> Callable[[], Awaitable[None]]:
    """Answer after a while, with success or *error*."""

    async def answer() -> None:
        await anyio.sleep(seconds)
        if error is not None:
            raise error

    return answer


class ScriptedExecution:
    """
    An `Execution` whose submits, cancels and look-ups follow scripts; without one they succeed.

    Lists (open orders, fills, positions) are what the test puts there. Times are anyio's.
    """

    def __init__(self) -> None:
        self.submits: deque[Answer] = deque()
        """What the next submits are answered with."""
        self.cancels: deque[Answer] = deque()
        """What the next cancels are answered with."""
        self.lookups: deque[OrderLookup | Exception] = deque()
        """What the next look-ups find; after the last of them orders are proven absent."""
        self.streams: deque[Exception] = deque()
        """Errors with which opening the private stream fails, one each."""
        self.open: list[Order] = []
        self.executed: list[Fill] = []
        self.held: dict[InstrumentId, Quantity] | None = {}
        """Positions; None where the venue tells none."""
        self.failing: Exception | None = None
        """Raised by all lists while it is set."""
        self.log: list[tuple[float, str, str]] = []
        """When, what (`submit`, `cancel`, `order`), and the order's id."""
        self._readers: list[MemoryObjectSendStream[ExecutionReport | AccountEvent]] = []

    def asked(self, what: str) -> list[str]:
        """Return the ids of orders that *what* was asked for, in order."""
        return [key for _, each, key in self.log if each == what]

    def _note(self, what: str, key: str) -> None:
        self.log.append((anyio.current_time(), what, key))

    async def submit(self, order: Order) -> None:
        """Answer by the script."""
        self._note("submit", order.client_order_id)
        await self._answer(self.submits)

    async def cancel(self, client_order_id: str) -> None:
        """Answer by the script."""
        self._note("cancel", client_order_id)
        await self._answer(self.cancels)

    async def cancel_all(self, client_order_ids: Sequence[str]) -> None:
        """Cancel each."""
        for each in client_order_ids:
            await self.cancel(each)

    @staticmethod
    async def _answer(script: deque[Answer]) -> None:
        await anyio.lowlevel.checkpoint()
        answer = script.popleft() if script else None
        if isinstance(answer, Exception):
            raise answer
        if answer is not None:
            await answer()

    async def order(self, client_order_id: str) -> OrderLookup:
        """Answer by the script."""
        self._note("order", client_order_id)
        await self._list()
        found = self.lookups.popleft() if self.lookups else ProvenAbsent()
        if isinstance(found, Exception):
            raise found
        return found

    async def _list(self) -> None:
        await anyio.lowlevel.checkpoint()
        if self.failing is not None:
            raise self.failing

    async def open_orders(self) -> Sequence[Order]:
        """Return `open`."""
        await self._list()
        return list(self.open)

    async def positions(self) -> Mapping[InstrumentId, Quantity]:
        """
        Return `held`.

        Raises:
            UnsupportedOperation: It is None.
        """
        await self._list()
        if self.held is None:
            raise UnsupportedOperation("there are no positions here")
        return dict(self.held)

    async def balances(self) -> Sequence[Balance]:
        """Return nothing."""
        await self._list()
        return ()

    async def fills(self, since_ns: int) -> Sequence[Fill]:
        """Return what was executed since."""
        await self._list()
        return [each for each in self.executed if each.ts_event >= since_ns]

    async def fees(self, instrument_id: InstrumentId) -> FeeRates:
        """Return no fees."""
        del instrument_id
        await self._list()
        return FeeRates(ZERO, ZERO)

    @asynccontextmanager
    async def reports(self) -> AsyncIterator[ReceiveStream[ExecutionReport | AccountEvent]]:
        """Open the private stream, or fail by the script."""
        await anyio.lowlevel.checkpoint()
        self._note("reports", "")
        if self.streams:
            raise self.streams.popleft()
        send, receive = anyio.create_memory_object_stream[ExecutionReport | AccountEvent](1_000)
        self._readers.append(send)
        with send, receive:
            yield receive

    def tell(self, report: ExecutionReport | AccountEvent) -> None:
        """Report it on the private stream."""
        self._readers[-1].send_nowait(report)

    def hang_up(self) -> None:
        """Close the private stream."""
        self._readers[-1].close()


class OrderBench:
    """
    Orders of one imaginary strategy: makes them, hears reports about them, and keeps those.

    It stands in the places of the journal and of the engine when one pump is tested.
    """

    def __init__(self) -> None:
        self.orders = OrderManager(order_ids("bench", "bench", "bench"))
        self.reports: list[ExecutionReport] = []
        """Everything reported, in order."""
        self.written: list[int] = []
        """Sequences whose durability was asked for."""
        self.disk_s = 0.0
        """How long the disk takes."""
        self.on_report: Callable[[], None] = lambda: None

    def make(self, intent: OrderIntent, ts_ns: int = 0) -> Order:
        """Return a new order that is about to be sent."""
        return self.orders.submit(intent, ts_ns)

    def hear(self, report: ExecutionReport) -> None:
        """Take a report in."""
        self.orders.apply(report)
        self.reports.append(report)
        self.on_report()

    def told(self, key: str) -> list[str]:
        """Return the kinds of reports about one order."""
        return [type(each).__name__ for each in self.reports if each.client_order_id == key]

    async def durable(self, sequence: int) -> None:
        """Return when the disk has it."""
        await anyio.sleep(self.disk_s)
        self.written.append(sequence)
