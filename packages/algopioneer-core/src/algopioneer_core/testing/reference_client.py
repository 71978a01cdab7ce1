"""A reference venue in another process, as a `Venue`; see `reference_process`."""

import json
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, Final, NoReturn

import anyio
import anyio.abc
import anyio.lowlevel
from anyio.streams.buffered import BufferedByteReceiveStream

from algopioneer_core.domain import errors
from algopioneer_core.domain.capabilities import Capabilities
from algopioneer_core.domain.errors import Outcome, VenueError, VenueUnavailable
from algopioneer_core.domain.events import AccountEvent, ExecutionReport
from algopioneer_core.domain.fills import Fill
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import Bar
from algopioneer_core.domain.money import Quantity
from algopioneer_core.domain.orders import Order
from algopioneer_core.journal.codec import decode, encode
from algopioneer_core.ports import (
    Balance,
    FeeRates,
    Found,
    MarketDataEvent,
    MarketSession,
    NotYetKnown,
    OrderLookup,
    ProvenAbsent,
    ReceiveStream,
)
from algopioneer_core.testing.fault_plans import FaultKind
from algopioneer_core.testing.reference_modes import VenueModes
from algopioneer_core.testing.reference_process import LONGEST_LINE

__all__ = ["ReferenceClient", "reference_process"]

_MODULE: Final = "algopioneer_core.testing.reference_process"


@asynccontextmanager
async def reference_process(
    symbols: Sequence[InstrumentId], **modes: Any
) -> AsyncIterator["ReferenceClient"]:
    """
    Start a reference venue in a process of its own and connect to it; leaving the block ends it.

    Args:
        symbols: What it trades; all of one venue.
        modes: Fields of `VenueModes`.
    """
    options = json.dumps({"symbols": [str(each) for each in symbols], **modes})
    command = [sys.executable, "-m", _MODULE, options]
    async with await anyio.open_process(command, stderr=None) as process:
        assert process.stdout is not None
        port = await BufferedByteReceiveStream(process.stdout).receive_until(b"\n", 100)
        try:
            yield ReferenceClient(symbols[0].venue, int(port), VenueModes(**modes))
        finally:
            process.kill()


class ReferenceClient:
    """
    A connection to a reference venue; its market data and its account in one.

    Args:
        name: The venue part of its instrument ids.
        port: Where it listens, on loopback.
        modes: How it was started.
    """

    def __init__(self, name: str, port: int, modes: VenueModes) -> None:
        self.name: Final = name
        """The venue part of its instrument ids."""
        self.capabilities: Final[Capabilities] = modes.capabilities()
        """What its modes leave."""
        self.port: Final = port
        """Where it listens: another client may be made for it, by another process too."""

    @property
    def market_data(self) -> "ReferenceClient":
        """Its markets."""
        return self

    @property
    def execution(self) -> "ReferenceClient":
        """Its account."""
        return self

    # --- the truth ---------------------------------------------------------------------------

    async def push(self, event: MarketDataEvent) -> None:
        """Let *event* happen there."""
        await self._ask("push", event)

    async def fault(self, kind: FaultKind, seconds: int = 0) -> None:
        """Let it have a fault; return when that is over, or waits for its occasion."""
        await self._ask("fault", kind.value, seconds)

    async def accepted(self) -> list[str]:
        """Return the ids of all orders that were placed, each as often as it was."""
        found: list[str] = await self._ask("accepted")
        return found

    # --- market data -------------------------------------------------------------------------

    async def instruments(self) -> Sequence[Instrument]:
        """Return what it trades."""
        found: list[Instrument] = await self._ask("instruments")
        return found

    @asynccontextmanager
    async def subscribe(
        self, instrument_ids: Sequence[InstrumentId]
    ) -> AsyncIterator[ReceiveStream[MarketDataEvent]]:
        """Open a stream of what is pushed of these instruments."""
        async with self._streaming("market", list(instrument_ids)) as stream:
            yield stream

    async def bars(
        self, instrument_id: InstrumentId, interval_ns: int, start_ns: int, end_ns: int
    ) -> Sequence[Bar]:
        """Return the bars that were pushed."""
        found: list[Bar] = await self._ask("bars", instrument_id, interval_ns, start_ns, end_ns)
        return found

    async def market_hours(self, start_ns: int, end_ns: int) -> Sequence[MarketSession]:
        """Return one session: it never closes."""
        await anyio.lowlevel.checkpoint()
        return [MarketSession(start_ns, end_ns)]

    # --- execution ---------------------------------------------------------------------------

    async def submit(self, order: Order) -> None:
        """Place *order*; see `ReferenceAccount.submit`."""
        await self._ask("submit", order)

    async def cancel(self, client_order_id: str) -> None:
        """Take an order out."""
        await self._ask("cancel", [client_order_id])

    async def cancel_all(self, client_order_ids: Sequence[str]) -> None:
        """Take these orders out."""
        await self._ask("cancel", list(client_order_ids))

    async def order(self, client_order_id: str) -> OrderLookup:
        """Say what became of an order, as far as reads show it."""
        answer: Mapping[str, Any] = await self._ask("order", client_order_id)
        if "found" in answer:
            return Found(answer["found"])
        again: int | None = answer["ask_again_ns"]
        return ProvenAbsent() if again is None else NotYetKnown(again)

    async def open_orders(self) -> Sequence[Order]:
        """Return the orders that reads show as open."""
        found: list[Order] = await self._ask("open_orders")
        return found

    async def positions(self) -> Mapping[InstrumentId, Quantity]:
        """Return what is held."""
        held: Mapping[str, Decimal] = await self._ask("positions")
        return {InstrumentId.parse(key): quantity for key, quantity in held.items()}

    async def balances(self) -> Sequence[Balance]:
        """Return what there is."""
        return [Balance(*each) for each in await self._ask("balances")]

    async def fills(self, since_ns: int) -> Sequence[Fill]:
        """Return the fills that reads show."""
        found: list[Fill] = await self._ask("fills", since_ns)
        return found

    async def fees(self, instrument_id: InstrumentId) -> FeeRates:
        """Return what fills cost."""
        maker, taker = await self._ask("fees", instrument_id)
        return FeeRates(maker, taker)

    @asynccontextmanager
    async def reports(self) -> AsyncIterator[ReceiveStream[ExecutionReport | AccountEvent]]:
        """Open the private stream."""
        async with self._streaming("reports") as stream:
            yield stream

    # --- the line ----------------------------------------------------------------------------

    async def _ask(self, *request: object) -> Any:
        async with await self._connect(request) as connection:
            lines = _Lines(connection)
            answer: Mapping[str, Any] = await lines.receive()
        if "error" in answer:
            _refuse(answer)
        return answer["is"]

    @asynccontextmanager
    async def _streaming(self, *request: object) -> AsyncIterator["_Lines"]:
        async with await self._connect(request) as connection:
            lines = _Lines(connection)
            await lines.receive()
            yield lines

    async def _connect(self, request: Sequence[object]) -> anyio.abc.ByteStream:
        try:
            connection = await anyio.connect_tcp("127.0.0.1", self.port)
        except OSError as error:
            raise VenueUnavailable(str(error), outcome=Outcome.NOT_PLACED) from error
        await connection.send(f"{encode(list(request))}\n".encode())
        return connection


class _Lines:
    """The values that come over a connection."""

    def __init__(self, connection: anyio.abc.ByteStream) -> None:
        self._lines = BufferedByteReceiveStream(connection)

    async def receive(self) -> Any:
        try:
            line = await self._lines.receive_until(b"\n", LONGEST_LINE)
        except (anyio.IncompleteRead, anyio.BrokenResourceError) as error:
            raise VenueUnavailable("the venue's process is gone") from error
        return decode(line.decode())

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        return await self.receive()


def _refuse(answer: Mapping[str, Any]) -> NoReturn:
    kind = getattr(errors, answer["error"], VenueError)
    if issubclass(kind, VenueError):
        raise kind(answer["message"], outcome=Outcome(answer["outcome"]))
    raise kind(answer["message"])
