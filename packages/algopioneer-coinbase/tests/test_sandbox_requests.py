"""What may be asked of the local Coinbase beyond a new order: positions, previews, lists."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import anyio
import pytest

from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import Quote
from algopioneer_core.testing.clocks import VIRTUAL_START_NS

pytestmark = pytest.mark.parametrize("virtual_backend", ["trio"], indirect=True)
"""What is decided without waiting does not depend on the event loop."""

FUTURE = InstrumentId("coinbase", "BIT-27DEC30-CDE")
START_S = VIRTUAL_START_NS // 10**9


def quote_both(local: Any, size: int = 50) -> None:
    """Quote BTC-USD 100 to 100.01, and the future 95 to 100."""
    local.quote(size=str(size))
    bid, ask, shown, now_ns = Decimal(95), Decimal(100), Decimal(size), local.clock.now_ns()
    local.sandbox.exchange.push(Quote(FUTURE, now_ns, bid, ask, shown, shown, now_ns))


def order_of(kind: str, product: str = "BTC-USD", side: str = "BUY", **form: Any) -> dict[str, Any]:
    """Return a request for an order, without an id."""
    return {"product_id": product, "side": side, "order_configuration": {kind: form}}


def place(local: Any, name: str, *terms: str, **form: Any) -> None:
    """Place an order."""
    body = {**order_of(*terms, **form), "client_order_id": name}
    assert json.loads(local.ask("POST", "/orders", body=body).body)["success"]


# --- positions -------------------------------------------------------------------------------


def close(local: Any, product: str = FUTURE.symbol, **more: str) -> Any:
    """Ask for a position to be closed, and return the answer's content."""
    body = {"client_order_id": "close", "product_id": product, **more}
    return json.loads(local.ask("POST", "/orders/close_position", body=body).body)


@pytest.mark.parametrize(
    ("side", "more", "sent", "left"),
    [("BUY", {}, "3", 0), ("SELL", {}, "3", 0), ("BUY", {"size": "2"}, "2", 1)],
)
async def test_a_position_is_closed_at_the_market(
    local: Any, side: str, more: dict[str, str], sent: str, left: int
) -> None:
    """Long or short, wholly or in part; the answer is that of a new order."""
    quote_both(local)
    place(local, "a", "market_market_ioc", FUTURE.symbol, side, base_size="3")
    answer = close(local, **more)
    assert {"market_market_ioc": {"base_size": sent}} == answer["order_configuration"]
    assert ("close", {"BUY": "SELL", "SELL": "BUY"}[side]) == (
        answer["success_response"]["client_order_id"],
        answer["success_response"]["side"],
    )
    assert left == local.sandbox.exchange.books.account.position(FUTURE).quantity
    assert answer["success"] is close(local, **more)["success"]  # the same id: the same order


@pytest.mark.parametrize(
    ("code", "product", "size"),
    [
        ("INVALID_PRODUCT_ID", "BTC-USD", ""),
        ("INVALID_PRODUCT_ID", "NOPE-USD", ""),
        ("INVALID_REQUEST", FUTURE.symbol, "4"),
        ("INVALID_REQUEST", FUTURE.symbol, "all"),
        ("INVALID_SIZE_PRECISION", FUTURE.symbol, "0.5"),
    ],
)
async def test_what_is_no_position_is_not_closed(
    local: Any, code: str, product: str, size: str
) -> None:
    """Coins are none, and more than is held is none either."""
    quote_both(local)
    place(local, "a", "market_market_ioc", FUTURE.symbol, base_size="3")
    assert code == close(local, product, size=size)["error_response"]["error"]
    assert 400 == local.ask("POST", "/orders/close_position", body={"product_id": product}).status


async def test_without_a_position_there_is_nothing_to_close(local: Any) -> None:
    """And nothing is sent."""
    quote_both(local)
    assert "INVALID_REQUEST" == close(local)["error_response"]["error"]
    assert {} == local.sandbox.exchange.placed


async def test_fill_or_kill_at_the_market_is_for_futures(local: Any) -> None:
    """All that is shown, or nothing of it."""
    quote_both(local, size=5)
    place(local, "a", "market_market_fok", FUTURE.symbol, base_size="6")
    place(local, "b", "market_market_fok", FUTURE.symbol, base_size="5")
    rows = json.loads(local.ask("GET", "/orders/historical/batch").body)["orders"]
    assert [("FILLED", "5"), ("CANCELLED", "0")] == [
        (each["status"], each["filled_size"]) for each in rows
    ]
    assert {"FILL_OR_KILL"} == {each["time_in_force"] for each in rows}


async def test_a_limit_order_may_be_sized_in_quote(local: Any) -> None:
    """It buys for that amount at its price, fee beside."""
    quote_both(local)
    place(local, "a", "limit_limit_gtc", quote_size="90", limit_price="90")
    local.quote("89", "90")
    (row,) = json.loads(local.ask("GET", "/orders/historical/batch").body)["orders"]
    assert ("FILLED", "1", True) == (row["status"], row["filled_size"], row["size_in_quote"])


# --- previews --------------------------------------------------------------------------------


def preview(local: Any, body: Mapping[str, Any]) -> Any:
    """Return the answer to a preview."""
    return json.loads(local.ask("POST", "/orders/preview", body=body).body)


@pytest.mark.parametrize(
    ("warning", "asked"),
    [
        ("UNKNOWN", order_of("limit_limit_gtc", base_size="60", limit_price="90")),
        ("BIG_ORDER", order_of("limit_limit_gtc", base_size="60", limit_price="100.01")),
        ("BIG_ORDER", order_of("market_market_ioc", base_size="51")),
        ("BIG_ORDER", order_of("market_market_ioc", FUTURE.symbol, "SELL", base_size="51")),
        ("UNKNOWN", order_of("market_market_ioc", base_size="50")),
        ("UNKNOWN", order_of("market_market_ioc", quote_size="2.01")),
        ("SMALL_ORDER", order_of("market_market_ioc", quote_size="1.99")),
        (
            "UNKNOWN",
            order_of(
                "stop_limit_stop_limit_gtc",
                base_size="60",
                limit_price="130",
                stop_price="120",
                stop_direction="STOP_DIRECTION_STOP_UP",
            ),
        ),
    ],
)
async def test_a_preview_warns(local: Any, warning: str, asked: dict[str, Any]) -> None:
    """Of what takes more than is shown, and of what is hardly enough."""
    quote_both(local)
    answer = preview(local, asked)
    assert ([], [warning]) == (answer["errs"], answer["warning"])


async def test_a_preview_without_funds_has_its_numbers(local: Any) -> None:
    """As it was recorded; what is no order has none."""
    quote_both(local)
    answer = preview(local, order_of("limit_limit_gtc", base_size="2000", limit_price="90"))
    assert (["PREVIEW_INSUFFICIENT_FUND"], "181080", "1080") == (
        answer["errs"],
        answer["order_total"],
        answer["commission_total"],
    )
    answer = preview(local, order_of("nothing"))
    assert (["PREVIEW_INVALID_ORDER_CONFIG"], [], "") == (
        answer["errs"],
        answer["warning"],
        answer["order_total"],
    )


async def test_a_preview_of_a_future_tells_its_margin(local: Any) -> None:
    """A tenth of what the contracts are worth; coins need none."""
    quote_both(local)
    asked = order_of("market_market_ioc", FUTURE.symbol, base_size="7")
    assert "0.7" == preview(local, asked)["order_margin_total"]
    assert "0" == preview(local, order_of("market_market_ioc", base_size="7"))["order_margin_total"]


# --- lists -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", "dcba"),
        ("order_side=SELL", "c"),
        ("product_type=FUTURE", "d"),
        ("order_types=MARKET", "dcb"),
        ("order_types=MARKET&order_types=LIMIT", "dcba"),
        ("time_in_forces=GOOD_UNTIL_CANCELLED", "a"),
        ("order_status=FILLED&order_side=BUY", "db"),
        ("product_ids=BTC-USD&order_types=MARKET", "cb"),
        ("order_placement_source=RETAIL_SIMPLE", ""),
    ],
)
async def test_orders_are_listed_by_what_they_are(local: Any, query: str, found: str) -> None:
    """All conditions of a query hold together; several values of one are a choice."""
    trade_all(local)
    rows = json.loads(local.ask("GET", "/orders/historical/batch", query).body)["orders"]
    assert list(found) == [each["client_order_id"] for each in rows]


def trade_all(local: Any) -> None:
    """Place an order that rests, and three that are filled."""
    quote_both(local)
    place(local, "a", "limit_limit_gtc", base_size="1", limit_price="90")
    place(local, "b", "market_market_ioc", base_size="2")
    place(local, "c", "market_market_ioc", "BTC-USD", "SELL", base_size="1")
    place(local, "d", "market_market_ioc", FUTURE.symbol, base_size="3")


@pytest.mark.parametrize(
    ("query", "sizes"),
    [
        ("", ["3", "1", "2"]),
        ("order_side=BUY", ["3", "2"]),
        ("product_types=SPOT", ["1", "2"]),
        ("order_types=LIMIT", []),
        ("trade_ids=00000002-0000-4000-8000-000000000002-1", ["2"]),
        ("trade_ids=none", []),
    ],
)
async def test_fills_are_listed_by_what_they_are(local: Any, query: str, sizes: list[str]) -> None:
    """Their own trades, and the kinds of their orders."""
    trade_all(local)
    rows = json.loads(local.ask("GET", "/orders/historical/fills", query).body)["fills"]
    assert sorted(sizes) == sorted(each["size"] for each in rows)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("contract_expiry_type=EXPIRING", ["BIT-27DEC30-CDE"]),
        ("product_type=SPOT&limit=2&offset=1", ["ETH-USD", "SOL-USD"]),
        ("product_ids=BTC-USD&product_ids=ETH-USD", ["BTC-USD", "ETH-USD"]),
        ("product_ids=BTC-USD&product_type=FUTURE", []),
    ],
)
async def test_products_are_listed_by_what_they_are(
    local: Any, query: str, found: list[str]
) -> None:
    """And a part of the list at a time."""
    rows = json.loads(local.ask("GET", "/products", query).body)["products"]
    assert found == [each["product_id"] for each in rows]


async def test_trades_and_bars_are_listed_by_time_and_number(local: Any) -> None:
    """Both ends count; the newest come first, and of those as many as are wanted."""
    for price in ("100", "101", "102"):
        local.trade(price)
        await anyio.sleep(10)
    path = "/products/BTC-USD/ticker"
    for query, found in (
        ("limit=2", ["102", "101"]),
        (f"limit=9&start={START_S + 10}", ["102", "101"]),
        (f"limit=9&end={START_S + 10}", ["101", "100"]),
        (f"limit=9&start={START_S + 1}&end={START_S + 19}", ["101"]),
    ):
        rows = json.loads(local.ask("GET", path, query).body)["trades"]
        assert found == [each["price"] for each in rows]
    span = f"start={START_S - 600}&end={START_S - 60}&granularity=ONE_MINUTE"
    for more, count in (("", 10), ("&limit=3", 3)):
        answer = local.ask("GET", "/products/BTC-USD/candles", f"{span}{more}")
        starts = [int(each["start"]) for each in json.loads(answer.body)["candles"]]
        assert [START_S - 60 * number for number in range(1, count + 1)] == starts
