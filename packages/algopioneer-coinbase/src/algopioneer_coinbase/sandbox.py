"""
A local Coinbase: its protocol over an exchange that really matches.

    sandbox = CoinbaseSandbox(clock, key)
    transport = sandbox.transport()           # for `HttpClient`, in memory
    await sandbox.streams.listen(listener)

Tokens, permissions, rate limits and orders are checked as the protocol reference says, with its
codes; what is unconfirmed there is a switch here (`Manners`). Faults wait for their occasion:
`sandbox.exchange.arm("lost_ack")`.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qs

import anyio
import anyio.lowlevel
import httpx
import msgspec

from algopioneer_coinbase.messages import Product
from algopioneer_coinbase.sandbox_auth import ApiKey, Gatekeeper
from algopioneer_coinbase.sandbox_futures import FuturesAccount
from algopioneer_coinbase.sandbox_http import Answer, Request, gateway_answer
from algopioneer_coinbase.sandbox_products import DEFAULT_PRODUCTS
from algopioneer_coinbase.sandbox_rest import RestApi
from algopioneer_coinbase.sandbox_streams import Streams
from algopioneer_coinbase.sandbox_trading import Manners, Trading
from algopioneer_coinbase.symbols import listing_of
from algopioneer_core.domain.errors import DataError
from algopioneer_core.domain.instruments import Instrument
from algopioneer_core.domain.money import ZERO
from algopioneer_core.ports import Clock
from algopioneer_core.simulation.paper_config import PaperConfig
from algopioneer_core.simulation.sandbox import LocalExchange

__all__ = ["DEFAULT_CONFIG", "CoinbaseSandbox", "Manners"]

DEFAULT_CONFIG: Final = PaperConfig(
    balances=("USD=100000", "USDC=100000", "BTC=2", "ETH=20"),
    maker_fee_bps=Decimal(40),
    taker_fee_bps=Decimal(60),
    slippage_bps=ZERO,
)
"""What the account has and pays unless it is told otherwise."""

_SLOW_S: Final = 1.0
"""How late answers are while a fault makes them so."""


class CoinbaseSandbox:
    """
    The venue.

    Args:
        clock: Its time.
        key: The one key that it has issued.
        config: Balances and fees.
        products: What it trades, in the form of its own answers.
        manners: How it behaves where that is a choice.
    """

    def __init__(
        self,
        clock: Clock,
        key: ApiKey,
        *,
        config: PaperConfig = DEFAULT_CONFIG,
        products: Sequence[dict[str, Any]] = DEFAULT_PRODUCTS,
        manners: Manners | None = None,
    ) -> None:
        self.products = {str(each["product_id"]): dict(each) for each in products}
        """Products by name; change their flags to halt them."""
        self.exchange = LocalExchange(
            [_instrument(each) for each in self.products.values()], clock, config
        )
        """What is behind the protocol: the truth."""
        self.gate = Gatekeeper(key)
        """Checks tokens; its `key` has the permissions."""
        self.trading = Trading(self.exchange, self.products, manners or Manners())
        """Orders; its `run` does what falls due without a request."""
        books = self.exchange.books
        futures = FuturesAccount(books.account, books.instruments.values(), self.products)
        self.streams = Streams(self.trading, futures, self.gate)
        """The websockets."""
        self.trading.on_changed = self.streams.show_order
        self._on_heard: Callable[[dict[str, Any]], None] = lambda _: None
        self._rest = RestApi(self.trading, futures, self.gate)
        self._eased: anyio.Event | None = None

    @property
    def requests(self) -> list[Request]:
        """The latest requests, oldest first."""
        return self._rest.requests

    def handle(self, request: Request) -> Answer:
        """Answer a request; never raises for what a client may send."""
        self._on_heard(
            {
                "method": request.method,
                "path": request.path,
                "query": {name: list(values) for name, values in request.query.items()},
                "authorization": request.headers.get("authorization", ""),
                "body": request.body.decode(errors="replace"),
            }
        )
        return self._rest.handle(request)

    async def answer(self, request: Request) -> Answer:
        """
        Answer a request as a network does that may fail: late, or never.

        While the line is half open a request is not even looked at, and while it is stalled the
        answer waits; who asked has long given up when this returns.
        """
        faults = self.exchange.faults
        if faults["outage"]:
            return Answer(503, b"<html>503 Service Unavailable</html>", "text/html")
        if faults["half_open"]:
            await self._end_of("half_open")
            return gateway_answer("the request was lost")
        answer = self.handle(request)
        if faults["slow"]:
            await anyio.sleep(_SLOW_S)
        await self._end_of("stall")
        return answer

    def ease(self, fault: str) -> None:
        """Let one *fault* that lasts be over; what waited for its end goes on."""
        self.exchange.befalls(fault)
        if self._eased is not None:
            self._eased.set()

    async def _end_of(self, fault: str) -> None:
        while self.exchange.faults[fault]:
            if self._eased is None or self._eased.is_set():
                self._eased = anyio.Event()
            await self._eased.wait()

    def hear(self, listener: Callable[[dict[str, Any]], None]) -> None:
        """Tell *listener* of everything that clients send: requests, and messages of streams."""
        self._on_heard = listener
        self.streams.on_heard = lambda text: listener({"message": text})

    async def run(self) -> None:
        """Do what falls due without a request. Until cancelled."""
        await self.trading.run()

    def transport(self) -> httpx.MockTransport:
        """Return what carries a client's requests here, in memory."""

        async def carry(request: httpx.Request) -> httpx.Response:
            await anyio.lowlevel.checkpoint()
            asked = Request(
                request.method,
                request.url.path,
                _query_of(request.url.query),
                {name.lower().decode(): value.decode() for name, value in request.headers.raw},
                request.content,
            )
            answer = await self.answer(asked)
            headers = {
                "content-type": answer.content_type,
                "content-length": str(len(answer.body)),
                **answer.headers,
            }
            return httpx.Response(answer.status, headers=headers, content=answer.body)

        return httpx.MockTransport(carry)


@lru_cache
def _query_of(text: bytes) -> dict[str, list[str]]:
    """Return what a query says; most are asked again and again."""
    return parse_qs(text.decode())


def _instrument(product: dict[str, Any]) -> Instrument:
    listing = listing_of(msgspec.convert(product, Product))
    if listing is None:
        raise DataError("the product is not of a kind that is traded", where=product["product_id"])
    return listing.instrument
