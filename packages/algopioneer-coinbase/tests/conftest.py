"""A local Coinbase in memory, and the adapter connected to it."""

import json
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

import anyio
import anyio.abc
import httpx
import pytest
from attrs import define, evolve, field

from algopioneer_coinbase.config import CoinbaseConfig
from algopioneer_coinbase.sandbox import DEFAULT_CONFIG, CoinbaseSandbox, Manners
from algopioneer_coinbase.sandbox_auth import ApiKey
from algopioneer_coinbase.sandbox_faults import apply_fault
from algopioneer_coinbase.sandbox_http import Answer, Request
from algopioneer_coinbase.sandbox_rest import ROOT
from algopioneer_coinbase.signing import Signer, read_private_key
from algopioneer_coinbase.venue import CoinbaseVenue, Surroundings, open_coinbase
from algopioneer_core.domain.events import AccountEvent, ExecutionReport
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import Bar, Quote, Trade
from algopioneer_core.ports import MarketDataEvent
from algopioneer_core.simulation.sandbox_candles import MINUTE_NS
from algopioneer_core.testing.clocks import VIRTUAL_START_NS, VirtualClock
from algopioneer_core.testing.fault_plans import Fault, FaultKind
from algopioneer_core.testing.network import Conditions, Network
from algopioneer_core.wire.tasks import tasks_for_block
from algopioneer_core.wire.websocket import WebSocket
from algopioneer_core.wire.websocket_client import open_websocket

KEY_NAME = "organizations/test-organization/apiKeys/test-api-key"
SECRET = "k0BUni0p0vZG1BdpVjS6ogBJ7kxm630AJ2dN+tuputA="
BITCOIN = InstrumentId("coinbase", "BTC-USD")
CONFIG = CoinbaseConfig(
    api_key=KEY_NAME,
    api_secret=SECRET,
    rest_url="https://coinbase.test",
    market_url="ws://market.coinbase.test:80",
    user_url="ws://user.coinbase.test:80",
)


@pytest.fixture
def anyio_backend(virtual_backend: tuple[str, dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    """Run every `async def` test on both backends, in virtual time."""
    return virtual_backend


@define(eq=False)
class Desk:
    """An adapter that is open, the exchange behind it, what is reported and what is shown."""

    local: "Local"
    venue: CoinbaseVenue
    reports: list[ExecutionReport | AccountEvent] = field(factory=list)
    events: list[MarketDataEvent] = field(factory=list)

    async def listen(self, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        """Collect reports."""
        async with self.venue.execution.reports() as reports:
            task_status.started()
            async for report in reports:
                self.reports.append(report)

    async def watch(self, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        """Collect market data."""
        async with self.venue.market_data.subscribe([BITCOIN]) as events:
            task_status.started()
            async for event in events:
                self.events.append(event)

    def of(self, kind: type) -> list[Any]:
        """Return the reports of a kind."""
        return [report for report in self.reports if isinstance(report, kind)]

    def count(self, kind: type) -> int:
        """Return how many events of a kind were shown."""
        return sum(isinstance(each, kind) for each in self.events)

    @property
    def placed(self) -> list[str]:
        """Ids of all orders that the exchange took."""
        return list(self.local.sandbox.exchange.placed)


@define(eq=False)
class Local:
    """A local Coinbase, its network, and what opens the adapter over it."""

    clock: VirtualClock = field(factory=VirtualClock)
    manners: Manners = field(factory=Manners)
    network: Network = field(factory=lambda: Network(random.Random(1).random))
    sandbox: CoinbaseSandbox = field(init=False)
    config: CoinbaseConfig = CONFIG
    minutes: int = field(kw_only=True)
    """How long the history of the market is, in bars of a minute."""

    def __attrs_post_init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Begin with a new exchange that has a history until now."""
        key = ApiKey(KEY_NAME, read_private_key(SECRET))
        money = evolve(DEFAULT_CONFIG, balances=("USD=100000",))
        self.sandbox = CoinbaseSandbox(self.clock, key, config=money, manners=self.manners)
        self.load(BITCOIN)

    def load(self, instrument_id: InstrumentId) -> None:
        """Give an instrument a history until now."""
        first = VIRTUAL_START_NS - self.minutes * MINUTE_NS
        numbers = range(1, self.minutes + 1)
        bars = [minute(first + each * MINUTE_NS, 100 + each % 3) for each in numbers]
        self.sandbox.exchange.load(
            (each._replace(instrument_id=instrument_id) for each in bars), MINUTE_NS
        )

    @property
    def surroundings(self) -> Surroundings:
        """Everything the adapter takes from outside."""
        numbers = iter(range(10**9))
        return Surroundings(
            clock=self.clock,
            draw=random.Random(2).random,
            nonce=lambda: f"{id(numbers):x}{next(numbers):032x}",
            dial=self.network.dial,
            transport=_Line(self),
        )

    @asynccontextmanager
    async def served(self) -> AsyncIterator[None]:
        """Serve the websockets."""
        market, user = (
            self.network.listen(f"{name}.coinbase.test", 80) for name in ("market", "user")
        )
        async with market, user, tasks_for_block() as tasks:
            for listener in (market, user):
                tasks.start_soon(self.sandbox.streams.listen, listener)
            tasks.start_soon(self.sandbox.run)
            yield

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[CoinbaseVenue]:
        """Serve, and open the adapter."""
        async with self.served(), open_coinbase(self.config, self.surroundings) as venue:
            yield venue

    @asynccontextmanager
    async def attended(
        self, opened: AbstractAsyncContextManager[CoinbaseVenue]
    ) -> AsyncIterator[Desk]:
        """Open an adapter and listen to it, while BTC-USD is quoted 100 to 100.01."""
        async with opened as venue, anyio.create_task_group() as tasks:
            desk = Desk(self, venue)
            self.quote()
            await tasks.start(desk.listen)
            await tasks.start(desk.watch)
            yield desk
            tasks.cancel_scope.cancel()

    def quote(
        self,
        bid: str = "100",
        ask: str = "100.01",
        size: str = "50",
        *,
        of: InstrumentId = BITCOIN,
    ) -> None:
        """Let the market be quoted."""
        now_ns = self.clock.now_ns()
        shown = Decimal(size)
        self.sandbox.exchange.push(
            Quote(of, now_ns, Decimal(bid), Decimal(ask), shown, shown, now_ns)
        )

    def trade(self, price: str = "100", size: str = "1", *, of: InstrumentId = BITCOIN) -> None:
        """Let somebody trade."""
        now_ns = self.clock.now_ns()
        self.sandbox.exchange.push(
            Trade(of, now_ns, Decimal(price), Decimal(size), str(now_ns), now_ns)
        )

    def ask(self, method: str, path: str, query: str = "", body: Any = None) -> Answer:
        """
        Return what the exchange answers to a request with a good token; no socket is between.

        Args:
            method: In upper case.
            path: Below the root of all resources.
            query: As it stands in a URL.
            body: What becomes JSON; None for no body.
        """
        full = f"{ROOT}{path}"
        signer = Signer(self.sandbox.gate.key.name, read_private_key(SECRET), lambda: uuid4().hex)
        token = signer.rest_token(method, full, self.clock.now_ns())
        headers = {"authorization": f"Bearer {token}"}
        content = b"" if body is None else json.dumps(body).encode()
        return self.sandbox.handle(Request(method, full, parse_qs(query), headers, content))

    def stream_token(self) -> str:
        """Return a token for one message to a stream."""
        signer = Signer(KEY_NAME, read_private_key(SECRET), lambda: uuid4().hex)
        return signer.stream_token(self.clock.now_ns())

    @asynccontextmanager
    async def listening(
        self, *channels: str, products: tuple[str, ...] = ("BTC-USD",)
    ) -> AsyncIterator[list[dict[str, Any]]]:
        """Subscribe to channels without the adapter, and yield what has come so far."""
        heard: list[dict[str, Any]] = []

        async def read(websocket: WebSocket) -> None:
            while True:
                heard.append(json.loads(await websocket.receive()))

        url = self.config.market_url
        async with (
            open_websocket(url, dial=self.network.dial) as websocket,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(read, websocket)
            for channel in channels:
                asked = {
                    "type": "subscribe",
                    "channel": channel,
                    "product_ids": products,
                    "jwt": self.stream_token(),
                }
                await websocket.send(json.dumps(asked))
            yield heard
            tasks.cancel_scope.cancel()

    def fail(self, **conditions: Any) -> None:
        """Set how all lines behave from now on."""
        self.network.conditions = Conditions(**conditions)


class _Line(httpx.AsyncBaseTransport):
    """
    Carries requests to the sandbox, and breaks where a proxy would answer for it.

    An answer that is lost is a timeout here, and over loopback a proxy's page; an outage refuses
    connections.
    """

    def __init__(self, local: Local) -> None:
        self._local = local
        self._inner = local.sandbox.transport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        exchange = self._local.sandbox.exchange
        if exchange.faults["outage"]:
            raise httpx.ConnectError("connection refused", request=request)
        is_order = request.method == "POST" and request.url.path.endswith("/orders")
        if is_order and exchange.befalls("timeout_before"):
            raise httpx.WriteTimeout("timed out", request=request)
        response = await self._inner.handle_async_request(request)
        if is_order and exchange.befalls("timeout_after"):
            raise httpx.ReadTimeout("timed out", request=request)
        return response


@define(eq=False)
class Backstage:
    """What the contract asks of the exchange behind the adapter."""

    local: Local

    @property
    def secrets(self) -> list[str]:
        """The key, and every token that it signed."""
        headers = (each.headers for each in self.local.sandbox.requests)
        tokens = {each["authorization"].removeprefix("Bearer ") for each in headers}
        return [SECRET, *tokens]

    async def apply(self, fault: Fault) -> None:
        """Have a fault: as the sandbox does, but what is lost times out."""
        timeouts = {FaultKind.LOST_REQUEST: "timeout_before", FaultKind.LOST_ACK: "timeout_after"}
        if fault.kind in timeouts:
            self.local.sandbox.exchange.arm(timeouts[fault.kind])
        else:
            await apply_fault(self.local.sandbox, fault)

    async def reach(self, client_order_id: str) -> None:
        """Let the market come to an order."""
        self.local.sandbox.exchange.fill_at_limit(client_order_id)

    async def placed(self) -> list[str]:
        """Return the ids of all orders that were taken."""
        return list(self.local.sandbox.exchange.placed)


def minute(closed_ns: int, price: int) -> Bar:
    """Return a bar of a minute."""
    return Bar(BITCOIN, closed_ns, price, price + 2, price - 1, price + 1, 5, 0, 0, closed_ns)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave all but the `quick_cases` of a contract to the long run."""
    for item in items:
        quick = getattr(getattr(item, "cls", None), "quick_cases", None)
        if quick is not None and item.name.split("_")[1] not in quick:
            item.add_marker(pytest.mark.long)


@pytest.fixture
def history_minutes() -> int:
    """How long the history of the market is; most tests want little of it."""
    return 15


@pytest.fixture
def local(history_minutes: int) -> Local:
    """A local Coinbase of one test."""
    return Local(minutes=history_minutes)


@pytest.fixture
def behind(local: Local) -> Backstage:
    """The exchange behind the adapter, for the contract of venues."""
    return Backstage(local)


@pytest.fixture
def open_local(local: Local) -> Callable[[], AbstractAsyncContextManager[CoinbaseVenue]]:
    """What opens the adapter over the local Coinbase."""
    return local.opened
