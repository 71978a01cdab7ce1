"""
The official client, coinbase-advanced-py, unmodified, against the local exchange.

It runs in an environment of its own, because the client pins an old `websockets`; see the nox
session `official`. The environment variables are those that `algopioneer sandbox coinbase --tls`
prints. Each line that it prints is an operation that worked.
"""

import os
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

from coinbase.rest import RESTClient  # type: ignore[import-not-found] # not installed here
from coinbase.websocket import (  # type: ignore[import-not-found] # as above
    WSClient,
    WSUserClient,
)

SECRET = os.environ["COINBASE_API_SECRET"].replace("\\n", "\n")
KEY = {"api_key": os.environ["COINBASE_API_KEY"], "api_secret": SECRET}
STREAM = os.environ["COINBASE_MARKET_URL"]
PRODUCT, FUTURE = "BTC-USD", "BIT-27DEC30-CDE"
DEADLINE_S = 20


def check(what: str, holds: object) -> None:
    """Say *what*, or end where it does not hold."""
    if not holds:
        sys.exit(f"not so: {what}")
    sys.stdout.write(f"ok: {what}\n")


def wait_for(what: str, holds: Callable[[], object]) -> None:
    """Wait until something holds."""
    until = time.monotonic() + DEADLINE_S
    while not holds() and time.monotonic() < until:
        time.sleep(0.05)
    check(what, holds())


def trade(client: RESTClient) -> None:
    """Place, look up, cancel and list orders."""
    bought = client.market_order_buy("official-1", PRODUCT, base_size="0.01")
    check("market order by base size", bought["success"])
    order_id = bought["success_response"]["order_id"]
    check("it is filled", client.get_order(order_id)["order"]["status"] == "FILLED")
    by_quote = client.market_order_buy("official-2", PRODUCT, quote_size="100")
    check("market order by quote size", by_quote["success"])
    again = client.market_order_buy("official-1", PRODUCT, base_size="0.01")
    check("same id, same order", again["success_response"]["order_id"] == order_id)
    fills = client.get_fills(order_ids=[order_id])["fills"]
    check("its fills are listed", [fill["order_id"] for fill in fills] == [order_id])
    resting = client.limit_order_gtc_buy("official-3", PRODUCT, "0.01", "1000", post_only=True)
    resting_id = resting["success_response"]["order_id"]
    listed = client.list_orders(order_status=["OPEN"])["orders"]
    check("resting order is listed", [order["order_id"] for order in listed] == [resting_id])
    results = client.cancel_orders([resting_id])["results"]
    check("cancel is taken", results[0]["success"])
    wait_for(
        "it is cancelled", lambda: client.get_order(resting_id)["order"]["status"] == "CANCELLED"
    )
    ioc = client.limit_order_ioc_sell("official-4", PRODUCT, "0.01", "1000")
    check("limit order that is filled at once", ioc["success"])
    refused = client.limit_order_gtc_buy("official-5", PRODUCT, "0.01", "1000.001")
    reason = refused["error_response"]["error"]
    check("price off the grid is refused by code", reason == "INVALID_PRICE_PRECISION")


def change(client: RESTClient) -> None:
    """Preview, edit, and close: calls that the adapter has no use for."""
    preview = client.preview_market_order_buy(PRODUCT, base_size="0.01")
    check("order is previewed", not preview["errs"] and float(preview["order_total"]) > 0)
    refused = client.preview_limit_order_gtc_buy(PRODUCT, "0.01", "1000.001")
    check("what is wrong too", refused["errs"] == ["PREVIEW_INVALID_PRICE_PRECISION"])
    resting = client.limit_order_gtc_buy("official-7", PRODUCT, "0.01", "1000")
    order_id = resting["success_response"]["order_id"]
    edited = client.preview_edit_order(order_id, size="0.02", price="1001")
    check("edit is previewed", float(edited["quote_size"]) == 20.02 and not edited["errors"])
    check("order is edited", client.edit_order(order_id, size="0.02", price="1001")["success"])
    order = client.get_order(order_id)["order"]
    check("it is what it was edited to", order["edit_history"][0]["price"] == "1001")
    again = client.edit_order(order_id, size="0.02", price="1001")["errors"][0]
    reason = again["edit_failure_reason"]
    check("no change is refused by code", reason == "EDIT_REQUEST_EQUAL_TO_ORIGINAL_REQUEST")
    client.cancel_orders([order_id])
    check(
        "future is bought", client.market_order_buy("official-8", FUTURE, base_size="2")["success"]
    )
    check("part of it is closed", client.close_position("official-9", FUTURE, size="1")["success"])
    check("the rest is closed", client.close_position("official-10", FUTURE)["success"])
    check("nothing is left", not client.list_futures_positions()["positions"])


def read(client: RESTClient) -> None:
    """Read products, history and account."""
    names = [product["product_id"] for product in client.get_products()["products"]]
    check("products", PRODUCT in names)
    now = int(time.time())
    candles = client.get_candles(PRODUCT, str(now - 3600), str(now), "ONE_MINUTE")["candles"]
    starts = [int(candle["start"]) for candle in candles]
    check("candles, newest first", starts and starts == sorted(starts, reverse=True))
    currencies = {account["currency"] for account in client.get_accounts()["accounts"]}
    check("accounts", {"USD", "BTC"} <= currencies)
    rates = client.get_transaction_summary()["fee_tier"]
    check("fee tier", float(rates["taker_fee_rate"]) > 0)
    permissions = client.get_api_key_permissions()
    check("key may trade and not transfer", permissions["can_trade"])
    check("no transfers", not permissions["can_transfer"])


def mentions(heard: Sequence[str], text: str) -> bool:
    """Return whether a message has *text* in it."""
    return any(text in message for message in heard)


def listen(client: RESTClient) -> None:
    """Hear market data and order updates."""
    heard: list[str] = []
    market = WSClient(**KEY, base_url=STREAM, on_message=heard.append)
    private = WSUserClient(**KEY, base_url=STREAM, on_message=heard.append)
    market.open()
    market.subscribe([PRODUCT], ["ticker", "market_trades", "candles", "level2", "heartbeats"])
    private.open()
    private.subscribe([], ["user", "futures_balance_summary", "heartbeats"])
    public = ("ticker", "market_trades", "candles", "l2_data", "heartbeats")
    for channel in (*public, "user", "futures_balance_summary"):
        wait_for(f"channel {channel}", partial(mentions, heard, f'"{channel}"'))
    client.market_order_buy("official-6", PRODUCT, base_size="0.01")
    wait_for("order update", partial(mentions, heard, "official-6"))
    market.close()
    private.close()


def main() -> None:
    """Do everything once."""
    host = os.environ["COINBASE_REST_URL"].removeprefix("https://")
    client = RESTClient(**KEY, base_url=host)
    read(client)
    trade(client)
    change(client)
    listen(client)


if __name__ == "__main__":
    main()
