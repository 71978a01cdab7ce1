"""The wire between a simulated process and the local Coinbase: a network that fails, and dies."""

from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

import anyio
import httpx
from anyio.abc import ByteStream

from algopioneer_coinbase.config import CoinbaseConfig
from algopioneer_coinbase.sandbox import CoinbaseSandbox
from algopioneer_coinbase.venue import CoinbaseVenue, Surroundings, open_coinbase
from algopioneer_core.domain.errors import Outcome, VenueUnavailable
from algopioneer_core.ports import Clock, Venue
from algopioneer_core.testing.network import Conditions, MemoryListener, Network

__all__ = ["CONFIG", "CoinbaseLine", "SimulatedWire"]

CONFIG: Final = CoinbaseConfig(
    api_key="organizations/simulation/apiKeys/simulation",
    api_secret=b64encode(bytes(32)).decode(),
    rest_url="https://coinbase.test",
    market_url="ws://market.coinbase.test:80",
    user_url="ws://user.coinbase.test:80",
)
"""How the adapter is told to reach it. The key is of the kind that is quick to sign with."""
_PORT: Final = 80
_LATE_S: Final = 0.05
_OFTEN_LATE: Final = 0.5
_OFTEN_IN_PIECES: Final = 0.25
_PIECE_BYTES: Final = 400


class SimulatedWire:
    """
    All ways to the exchange.

    Args:
        sandbox: The exchange.
        draw: Numbers in [0, 1).
    """

    def __init__(self, sandbox: CoinbaseSandbox, draw: Callable[[], float]) -> None:
        self.sandbox = sandbox
        self._latency_s = _LATE_S * draw() if draw() < _OFTEN_LATE else 0.0
        self._chunk_bytes = _PIECE_BYTES if draw() < _OFTEN_IN_PIECES else None
        self.network = Network(draw)
        self._half_opens = 0
        self._line: CoinbaseLine | None = None
        self._eased = anyio.Event()
        self.look()

    def listeners(self) -> tuple[MemoryListener, MemoryListener]:
        """Open the two ports of the websockets."""
        market, user = (f"{name}.coinbase.test" for name in ("market", "user"))
        return self.network.listen(market, _PORT), self.network.listen(user, _PORT)

    def connect(self, line: "CoinbaseLine") -> None:
        """Take *line* as the one that lives; connections of the one before are broken."""
        self._line = line
        self.network.reset()
        self.look()

    def go_half_open(self) -> None:
        """Lose all bytes from now on, and tell nobody."""
        self._half_opens += 1
        self.look()

    def come_back(self) -> None:
        """End one such fault: new connections work, and those that lost bytes never do."""
        self._half_opens -= 1
        self._eased.set()
        self.look()

    def look(self) -> None:
        """Let the network be as it is to be now."""
        line = self._line
        self.network.conditions = Conditions(
            latency_s=self._latency_s,
            jitter_s=self._latency_s,
            chunk_bytes=self._chunk_bytes,
            half_open=bool(self._half_opens) or (line is not None and line.is_dead),
            refuse=line is not None and line.is_down,
        )

    async def lost(self) -> None:
        """Wait, while bytes are lost, until they no longer are."""
        while self._half_opens:
            if self._eased.is_set():
                self._eased = anyio.Event()
            await self._eased.wait()


class CoinbaseLine:
    """
    The line of one life, and the adapter over it; fits `SimulatedLine`.

    Args:
        wire: Where it leads.
        clock: Of the machine at our end.
        draw: Numbers in [0, 1).
        nonce: Gives a text that never came before.
    """

    def __init__(
        self,
        wire: SimulatedWire,
        clock: Clock,
        draw: Callable[[], float],
        nonce: Callable[[], str],
    ) -> None:
        self.is_dead = False
        """Whether it was cut."""
        self._wire = wire
        self._breaks = 0
        self._surroundings = Surroundings(
            clock=clock, draw=draw, nonce=nonce, dial=self._dial, transport=_Requests(wire, self)
        )
        wire.connect(self)

    @property
    def is_down(self) -> bool:
        """Whether no connection can be made."""
        return bool(self._breaks)

    def opened(self) -> AbstractAsyncContextManager[Venue]:
        """Open the adapter over it."""
        return self._opened()

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[CoinbaseVenue]:
        async with open_coinbase(CONFIG, self._surroundings) as venue:
            yield venue

    def cut(self) -> None:
        """End it for good; nobody is told."""
        self.is_dead = True
        self._wire.look()

    def go_down(self) -> None:
        """Break all its connections, and refuse new ones."""
        self._breaks += 1
        if not self.is_dead:
            self._wire.network.reset()
        self._wire.look()

    def come_up(self) -> None:
        """Mend one break."""
        self._breaks -= 1
        self._wire.look()

    async def _dial(self, host: str, port: int, *, tls: bool) -> ByteStream:
        if self.is_dead:
            raise VenueUnavailable("the power is off", outcome=Outcome.NOT_PLACED)
        return await self._wire.network.dial(host, port, tls=tls)


class _Requests(httpx.AsyncBaseTransport):
    """Carries the requests of one life."""

    def __init__(self, wire: SimulatedWire, line: CoinbaseLine) -> None:
        self._wire = wire
        self._line = line
        self._inner = wire.sandbox.transport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """
        Carry a request there and its answer back, each of which may be lost.

        Raises:
            httpx.ConnectError: There is no connection.
            httpx.ReadError: It broke; the request may have arrived.
        """
        self._check(request)
        places = request.method == "POST" and request.url.path.endswith("/orders")
        if places:
            await self._may_be_lost("request", request)
        await self._wire.lost()
        response = await self._inner.handle_async_request(request)
        if places:
            await self._may_be_lost("answer", request)
        self._check(request)
        return response

    def _check(self, request: httpx.Request) -> None:
        if self._line.is_dead or self._line.is_down:
            raise httpx.ConnectError("there is no connection", request=request)

    async def _may_be_lost(self, what: str, request: httpx.Request) -> None:
        exchange = self._wire.sandbox.exchange
        if exchange.befalls(f"{what}_broken"):
            raise httpx.ReadError("the connection broke", request=request)
        if exchange.befalls(f"{what}_swallowed"):
            await anyio.sleep_forever()
