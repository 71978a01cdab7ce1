"""
The reference venue as a process of its own, which outlives whoever trades there.

    python -m algopioneer_core.testing.reference_process '{"symbols": ["sim:BTC-USD"]}'

It listens on loopback, writes its port on the first line of its output and serves until its input
ends. The protocol is one JSON value a line, in the journal's text (`journal.codec`). The first line
of a connection says what is wanted, and the answer is one line, or one line for each event:

    ["submit", ORDER]   ["cancel", [ID]]   ["order", ID]   ["fills", SINCE_NS]   ...
    ["reports"]         ["market", [INSTRUMENT_ID]]
    ["push", EVENT]     ["fault", KIND, SECONDS]     ["accepted"]

`reference_client.ReferenceClient` speaks it as a `Venue`.
"""

import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final

import anyio
import anyio.abc
import anyio.lowlevel
import anyio.to_thread
from anyio.streams.buffered import BufferedByteReceiveStream

from algopioneer_core.bootstrap.surroundings import SystemClock
from algopioneer_core.domain.errors import AlgopioneerError, VenueError
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.journal.codec import decode, encode
from algopioneer_core.ports import Found, NotYetKnown, OrderLookup, ReceiveStream
from algopioneer_core.testing.fault_plans import Fault, FaultKind
from algopioneer_core.testing.reference_modes import VenueModes
from algopioneer_core.testing.reference_venue import ReferenceVenue

__all__ = ["LONGEST_LINE", "ReferenceServer", "listen", "main"]

LONGEST_LINE: Final = 1 << 20
"""Bytes of the longest line of the protocol."""


class ReferenceServer:
    """
    Serves one reference venue.

    Args:
        venue: What is served.
    """

    def __init__(self, venue: ReferenceVenue) -> None:
        self.venue = venue
        account = venue.execution
        self._requests: dict[str, Callable[..., Awaitable[object]]] = {
            "submit": account.submit,
            "cancel": account.cancel_all,
            "order": self._order,
            "open_orders": account.open_orders,
            "positions": self._positions,
            "balances": self._balances,
            "fills": account.fills,
            "fees": self._fees,
            "instruments": venue.market_data.instruments,
            "bars": venue.market_data.bars,
            "push": self._push,
            "fault": self._fault,
            "accepted": self._accepted,
        }

    async def serve(self, connection: anyio.abc.ByteStream) -> None:
        """Answer what *connection* asks, until it is closed."""
        async with connection:
            try:
                line = await BufferedByteReceiveStream(connection).receive_until(
                    b"\n", LONGEST_LINE
                )
                wanted, *details = _list(decode(line.decode()))
                if wanted == "reports":
                    async with self.venue.execution.reports() as reports:
                        await _stream(connection, reports)
                elif wanted == "market":
                    async with self.venue.market_data.subscribe(_list(details[0])) as events:
                        await _stream(connection, events)
                else:
                    answer = await self._answer(str(wanted), details)
                    await connection.send(f"{encode(answer)}\n".encode())
            except (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.IncompleteRead):
                return  # whoever asked is gone: that is what processes do

    async def _answer(self, wanted: str, details: list[Any]) -> object:
        try:
            return {"is": await self._requests[wanted](*details)}
        except AlgopioneerError as error:
            outcome = error.outcome.value if isinstance(error, VenueError) else None
            return {"error": type(error).__name__, "message": error.message, "outcome": outcome}

    async def _order(self, client_order_id: str) -> object:
        found: OrderLookup = await self.venue.execution.order(client_order_id)
        if isinstance(found, Found):
            return {"found": found.order}
        return {"ask_again_ns": found.ask_again_ns if isinstance(found, NotYetKnown) else None}

    async def _positions(self) -> object:
        return dict(await self.venue.execution.positions())

    async def _balances(self) -> object:
        balances = await self.venue.execution.balances()
        return [[each.asset, each.total, each.held] for each in balances]

    async def _fees(self, instrument_id: InstrumentId) -> object:
        rates = await self.venue.execution.fees(instrument_id)
        return [rates.maker, rates.taker]

    async def _push(self, event: Any) -> None:
        await anyio.lowlevel.checkpoint()
        self.venue.push(event)

    async def _fault(self, kind: str, seconds: int) -> None:
        await self.venue.apply(Fault(0, FaultKind(kind), "", seconds * NS_PER_SECOND))

    async def _accepted(self) -> object:
        await anyio.lowlevel.checkpoint()
        return list(self.venue.execution.accepted)


def _list(value: object) -> list[Any]:
    assert isinstance(value, list)
    return value


async def _stream(connection: anyio.abc.ByteStream, events: ReceiveStream[Any]) -> None:
    await connection.send(b"null\n")  # it is open from here on
    async for event in events:
        await connection.send(f"{encode(event)}\n".encode())


async def main(options: dict[str, Any]) -> None:
    """Serve a venue until the input ends."""
    instruments = [
        Instrument.undescribed(InstrumentId.parse(text)) for text in options.pop("symbols")
    ]
    server = ReferenceServer(
        ReferenceVenue(instruments, SystemClock(), modes=VenueModes(**options))
    )
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(listen, server, _announce)
        await anyio.to_thread.run_sync(sys.stdin.read)
        tasks.cancel_scope.cancel()


def _announce(port: int) -> None:
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()


async def listen(server: ReferenceServer, announce: Callable[[int], object]) -> None:
    """Let *server* serve on loopback until cancelled; the port is announced when it is open."""
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with listener:
        announce(listener.extra(anyio.abc.SocketAttribute.local_port))  # noqa: S610 - not Django's
        await listener.serve(server.serve)


if __name__ == "__main__":
    anyio.run(main, json.loads(sys.argv[1]), backend="trio")
