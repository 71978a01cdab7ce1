"""
What the official client sends for each operation that the adapter has too.

It runs in the environment of that client (`official_client.py` says why) against a local exchange
that records. Before each operation it marks the record with a request for the operation's name;
`adapter_capture.py` does the same operations under the same names.
"""

import os
import sys
import time
from collections.abc import Callable
from typing import Any

import requests  # type: ignore[import-untyped,unused-ignore] # of the client's environment
from coinbase.rest import RESTClient  # type: ignore[import-not-found] # not installed here
from coinbase.websocket import (  # type: ignore[import-not-found] # as above
    WSClient,
    WSUserClient,
)

SECRET = os.environ["COINBASE_API_SECRET"].replace("\\n", "\n")
KEY = {"api_key": os.environ["COINBASE_API_KEY"], "api_secret": SECRET}
HOST = os.environ["COINBASE_REST_URL"].removeprefix("https://")
BITCOIN, FUTURE = "BTC-USD", "BIT-27DEC30-CDE"
SINCE, UNTIL = "2026-01-01T00:00:00Z", "2035-01-01T00:00:00Z"
START_S = 1_767_225_600
ORDER_ID = "{0:08x}-0000-4000-8000-{0:012x}".format


def operations(client: Any, public: Any) -> dict[str, Callable[[], object]]:
    """Return what is done, by name, in order: orders get the exchange's numbers by it."""
    return {
        "time": client.get_unix_time,
        "products of spot": lambda: client.get_products(product_type="SPOT"),
        "products of futures": lambda: client.get_products(product_type="FUTURE"),
        "public products": lambda: public.get_public_products(product_type="SPOT"),
        "candles": lambda: client.get_candles(
            BITCOIN, str(START_S), str(START_S + 540), "ONE_MINUTE"
        ),
        "public candles": lambda: public.get_public_candles(
            BITCOIN, str(START_S), str(START_S + 540), "ONE_MINUTE"
        ),
        "accounts": lambda: (
            client.get_accounts(limit=250),
            client.get_futures_balance_summary(),
        ),
        "fee tier of spot": lambda: client.get_transaction_summary(product_type="SPOT"),
        "fee tier of futures": lambda: client.get_transaction_summary(product_type="FUTURE"),
        "key permissions": client.get_api_key_permissions,
        "positions of futures": client.list_futures_positions,
        **orders(client),
        "order": lambda: client.get_order(ORDER_ID(1)),
        "open orders": lambda: [
            client.list_orders(order_status=statuses, limit=250)
            for statuses in (["PENDING", "QUEUED"], ["OPEN"], ["CANCEL_QUEUED", "EDIT_QUEUED"])
        ],
        "orders since": lambda: client.list_orders(start_date=SINCE, limit=250),
        "orders by id": lambda: client.list_orders(order_ids=[ORDER_ID(1), ORDER_ID(2)], limit=250),
        "fills since": lambda: client.get_fills(start_sequence_timestamp=SINCE),
        "fills of an order": lambda: client.get_fills(order_ids=[ORDER_ID(1)]),
        "cancel one": lambda: client.cancel_orders([ORDER_ID(5)]),
        "cancel several": lambda: client.cancel_orders([ORDER_ID(6), ORDER_ID(7)]),
        "market streams": market_streams,
        "book stream": lambda: subscribed(
            WSClient, [BITCOIN], "level2", "market_trades", "candles", "heartbeats"
        ),
        "private stream": lambda: subscribed(WSUserClient, [], "user", "heartbeats"),
    }


def orders(client: Any) -> dict[str, Callable[[], object]]:
    """Return orders in every configuration that the adapter has, each placed once."""
    return {
        "market buy by base": lambda: client.market_order_buy("o1", BITCOIN, base_size="0.01"),
        "market sale": lambda: client.market_order_sell("o2", BITCOIN, base_size="0.01"),
        "market buy by quote": lambda: client.market_order_buy("o3", BITCOIN, quote_size="100.00"),
        "market buy of a future": lambda: client.market_order_buy("o4", FUTURE, base_size="1"),
        "limit": lambda: client.limit_order_gtc_buy("o5", BITCOIN, "0.01", "1000", False),
        "limit, post only": lambda: client.limit_order_gtc_buy(
            "o6", BITCOIN, "0.01", "1000.5", True
        ),
        "limit until a time": lambda: client.limit_order_gtd_buy(
            "o7", BITCOIN, "0.01", "1000", SOON, False
        ),
        "limit until a time, post only": lambda: client.limit_order_gtd_buy(
            "o8", BITCOIN, "0.01", "1000", SOON, True
        ),
        "limit, all or nothing": lambda: client.limit_order_fok_sell("o9", BITCOIN, "0.01", "1000"),
        "limit, at once": lambda: client.limit_order_ioc_sell("o10", BITCOIN, "0.01", "1000"),
        "stop limit buy": lambda: client.stop_limit_order_gtc_buy(
            "o11", BITCOIN, "0.001", "900000", "800000", "STOP_DIRECTION_STOP_UP"
        ),
        "stop limit sale": lambda: client.stop_limit_order_gtc_sell(
            "o12", BITCOIN, "0.001", "1000", "1100", "STOP_DIRECTION_STOP_DOWN"
        ),
        "stop limit until a time": lambda: client.stop_limit_order_gtd_sell(
            "o13", BITCOIN, "0.001", "1000", "1100", SOON, "STOP_DIRECTION_STOP_DOWN"
        ),
    }


SOON = os.environ["CAPTURE_END_TIME"]


def market_streams() -> None:
    """Subscribe to what the adapter takes of a market unless its book is wanted."""
    subscribed(WSClient, [BITCOIN], "ticker", "market_trades", "candles", "heartbeats")


def subscribed(kind: Any, products: list[str], *channels: str) -> None:
    """Open a stream, subscribe, and close it."""
    stream = kind(**KEY, base_url=os.environ["COINBASE_MARKET_URL"], on_message=lambda _: None)
    stream.open()
    stream.subscribe(products, list(channels))
    time.sleep(0.5)  # until the exchange has read it
    stream.close()


def main() -> None:
    """Do everything once, and print each name."""
    client, public = RESTClient(**KEY, base_url=HOST), RESTClient(base_url=HOST)
    for name, operation in operations(client, public).items():
        requests.get(f"https://{HOST}/mark/{name}", timeout=20)
        operation()
        time.sleep(0.05)  # thirty requests a second are allowed
        sys.stdout.write(f"{name}\n")


if __name__ == "__main__":
    main()
