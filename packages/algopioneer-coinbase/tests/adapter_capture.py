"""What the adapter sends for the operations of `official_capture.py`, under the same names."""

import os
import ssl
import sys
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any, Final

import anyio
import httpx

from algopioneer_coinbase.config import CoinbaseConfig
from algopioneer_coinbase.stream import MarketStream
from algopioneer_coinbase.venue import CoinbaseVenue, Surroundings, open_coinbase
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.domain.orders import Order, OrderIntent, OrderStatus, OrderType, TimeInForce
from algopioneer_core.wire.machine import SystemClock
from algopioneer_core.wire.websocket_client import open_websocket

BITCOIN: Final = InstrumentId("coinbase", "BTC-USD")
FUTURE: Final = InstrumentId("coinbase", "BIT-27DEC30-CDE")
SINCE: Final = "2026-01-01T00:00:00Z"
START_NS: Final = 1_767_225_600 * NS_PER_SECOND
END_NS: Final = int(os.environ.get("CAPTURE_END_NS", "0"))
MINUTE_NS: Final = 60 * NS_PER_SECOND
OVERLAP_NS: Final = 60 * NS_PER_SECOND
"""By how much earlier the adapter asks for fills than it is asked."""
ORDER_ID: Final = "{0:08x}-0000-4000-8000-{0:012x}".format
Operation = Callable[[], Awaitable[object]]


def operations(venue: CoinbaseVenue, public: CoinbaseVenue) -> dict[str, Operation]:
    """Return what is done, by name, in order."""
    rest, execution = venue.rest, venue.execution
    ends = (START_NS + MINUTE_NS, START_NS + 11 * MINUTE_NS)
    return {
        "time": rest.server_time_ns,
        "products of spot": lambda: rest.products("SPOT"),
        "products of futures": lambda: rest.products("FUTURE"),
        "public products": lambda: public.rest.products("SPOT"),
        "candles": lambda: venue.market_data.bars(BITCOIN, MINUTE_NS, *ends),
        "public candles": lambda: public.market_data.bars(BITCOIN, MINUTE_NS, *ends),
        "accounts": execution.balances,
        "fee tier of spot": lambda: execution.fees(BITCOIN),
        "fee tier of futures": lambda: execution.fees(FUTURE),
        "key permissions": rest.key_permissions,
        "positions of futures": rest.future_positions,
        **{
            name: lambda order=order: execution.submit(order)  # type: ignore[misc] # as it is now
            for name, order in orders().items()
        },
        "order": lambda: execution.order("o1"),
        "open orders": execution.open_orders,
        "orders since": lambda: rest.orders([("start_date", SINCE)]),
        "orders by id": lambda: rest.orders(
            [("order_ids", ORDER_ID(1)), ("order_ids", ORDER_ID(2))]
        ),
        "fills since": lambda: execution.fills(START_NS + OVERLAP_NS),
        "fills of an order": lambda: rest.fills([("order_ids", ORDER_ID(1))]),
        "cancel one": lambda: execution.cancel("o5"),
        "cancel several": lambda: execution.cancel_all(["o6", "o7"]),
        "market streams": lambda: market_streams(venue),
        "book stream": lambda: book_stream(venue),
        "private stream": lambda: private_stream(venue),
    }


def orders() -> dict[str, Order]:
    """Return orders in every configuration that the adapter has."""
    sale, small = {"side": Side.SELL}, {"quantity": Decimal("0.001")}
    limit: dict[str, Any] = {"type": OrderType.LIMIT, "limit_price": Decimal(1000)}
    timed = {"time_in_force": TimeInForce.GTD, "expire_ns": END_NS}
    stop: dict[str, Any] = {
        **small,
        "type": OrderType.STOP_LIMIT,
        "limit_price": Decimal(1000),
        "stop_price": Decimal(1100),
    }
    up = {"limit_price": Decimal(900_000), "stop_price": Decimal(800_000)}
    terms: dict[str, dict[str, Any]] = {
        "market buy by base": {},
        "market sale": sale,
        # The venue's size is without the fee and the adapter's with it: this is 100 at 60 bps.
        "market buy by quote": {"quantity": None, "quote_amount": Decimal("100.60")},
        "market buy of a future": {"instrument_id": FUTURE, "quantity": Decimal(1)},
        "limit": limit,
        "limit, post only": {**limit, "limit_price": Decimal("1000.5"), "post_only": True},
        "limit until a time": {**limit, **timed},
        "limit until a time, post only": {**limit, **timed, "post_only": True},
        "limit, all or nothing": {**sale, **limit, "time_in_force": TimeInForce.FOK},
        "limit, at once": {**sale, **limit, "time_in_force": TimeInForce.IOC},
        "stop limit buy": {**stop, **up},
        "stop limit sale": {**stop, **sale},
        "stop limit until a time": {**stop, **sale, **timed},
    }
    return {name: _order(f"o{number}", own) for number, (name, own) in enumerate(terms.items(), 1)}


def _order(client_order_id: str, terms: dict[str, Any]) -> Order:
    common = {"instrument_id": BITCOIN, "side": Side.BUY, "quantity": Decimal("0.01")}
    now_ns = SystemClock().now_ns()
    return Order(client_order_id, OrderIntent(**{**common, **terms}), now_ns, OrderStatus.PENDING)


async def market_streams(venue: CoinbaseVenue) -> None:
    """Subscribe as a session does."""
    async with venue.market_data.subscribe([BITCOIN]):
        pass


async def book_stream(venue: CoinbaseVenue) -> None:
    """Say hello as a session does that takes its quotes from the book."""
    signer = venue.market_data._signer
    assert signer is not None
    clock = SystemClock()
    session = MarketStream(
        {"BTC-USD": [BITCOIN]}, lambda: signer.stream_token(clock.now_ns()), with_book=True
    )
    async with open_websocket(os.environ["COINBASE_MARKET_URL"]) as websocket:
        for text in session.hello():
            await websocket.send(text)
        await anyio.sleep(0.5)


async def private_stream(venue: CoinbaseVenue) -> None:
    """Listen to the account as a session does."""
    async with venue.execution.reports():
        pass


async def main() -> None:
    """Do everything once, and print each name."""
    config = CoinbaseConfig(
        api_key=os.environ["COINBASE_API_KEY"], api_secret=os.environ["COINBASE_API_SECRET"]
    )
    context = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
    rest_url = os.environ["COINBASE_REST_URL"]
    async with (
        open_coinbase(config, Surroundings()) as venue,
        open_coinbase(CoinbaseConfig(futures=False), Surroundings()) as public,
        httpx.AsyncClient(base_url=rest_url, verify=context) as marker,
    ):
        for name, operation in operations(venue, public).items():
            await marker.get(f"/mark/{name}")
            await operation()
            sys.stdout.write(f"{name}\n")


if __name__ == "__main__":
    anyio.run(main, backend="trio")
