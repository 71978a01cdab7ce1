"""Orders at the local Coinbase that are changed: cancels and edits, by the protocol's codes."""

import json
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from algopioneer_coinbase.sandbox import Manners
from algopioneer_core.domain.market_data import NS_PER_SECOND

pytestmark = pytest.mark.parametrize("virtual_backend", ["trio"], indirect=True)
"""What is decided without waiting does not depend on the event loop."""

FUTURE = "BIT-27DEC30-CDE"
LIMIT = {"base_size": "1", "limit_price": "90"}
STOP = {
    "base_size": "1",
    "limit_price": "130",
    "stop_price": "120",
    "stop_direction": "STOP_DIRECTION_STOP_UP",
}
ORDER_ID = "{0:08x}-0000-4000-8000-{0:012x}".format
SUCCESS = "UNKNOWN_CANCEL_FAILURE_REASON"
Change = Callable[[Any], object]


@pytest.fixture
async def market(local: Any) -> Any:
    """Return an exchange that queues changes for a second, and whose flags are its own."""
    local.manners = Manners(cancel_after_ns=NS_PER_SECOND, edit_after_ns=NS_PER_SECOND)
    local.renew()
    local.sandbox.products.update(json.loads(json.dumps(local.sandbox.products)))
    local.quote()
    return local


def place(local: Any, form: Any = None, kind: str = "limit_limit_gtc", **more: Any) -> str:
    """Place an order, and return its id."""
    body = {
        "client_order_id": str(len(local.sandbox.exchange.placed)),
        "product_id": "BTC-USD",
        "side": "BUY",
        "order_configuration": {kind: form or LIMIT},
        **more,
    }
    answer = json.loads(local.ask("POST", "/orders", body=body).body)
    return str(answer["success_response"]["order_id"])


def cancel(local: Any, *ids: str) -> list[str]:
    """Cancel orders, and return the reasons; that of a success is `SUCCESS`."""
    answer = local.ask("POST", "/orders/batch_cancel", body={"order_ids": ids})
    results = json.loads(answer.body)["results"]
    assert [each["failure_reason"] == SUCCESS for each in results] == [
        each["success"] for each in results
    ]
    assert list(ids) == [each["order_id"] for each in results]
    return [each["failure_reason"] for each in results]


def edit(local: Any, name: str, price: str = "91", size: str = "2", **more: str) -> Any:
    """Ask for an edit, and return the answer's content."""
    body = {"order_id": name, "price": price, "size": size, **more}
    return json.loads(local.ask("POST", "/orders/edit", body=body).body)


def shown(local: Any, name: str = ORDER_ID(1)) -> Any:
    """Return an order as it is looked up."""
    return json.loads(local.ask("GET", f"/orders/historical/{name}").body)["order"]


def fill(local: Any) -> None:
    """Let the first order be filled."""
    local.sandbox.exchange.fill_at_limit("0")


def fill_half(local: Any) -> None:
    """Let the market come to the first order with half of what it wants, and go again."""
    local.quote("89", "90", size="0.5")
    local.quote()


def flag(product: str, name: str, value: Any) -> Change:
    """Return what sets a product's flag."""
    return lambda local: local.sandbox.products[product].update({name: value})


def close_session(local: Any) -> None:
    """End the session of the future."""
    local.sandbox.products[FUTURE]["fcm_trading_session_details"]["is_session_open"] = False


def refusal(kind: str, code: str) -> Change:
    """Return what makes the next request of a kind be refused for the account."""
    return lambda local: local.sandbox.trading.refusals.update({kind: code})


# --- cancels ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "arrange", "product"),
    [
        (SUCCESS, lambda _: None, "BTC-USD"),
        ("ORDER_IS_FULLY_FILLED", fill, "BTC-USD"),
        ("UNKNOWN_CANCEL_ORDER", lambda local: local.sandbox.exchange.cancel("0"), "BTC-USD"),
        ("DUPLICATE_CANCEL_REQUEST", lambda local: cancel(local, ORDER_ID(1)), "BTC-USD"),
        ("ORDER_IS_BEING_REPLACED", lambda local: edit(local, ORDER_ID(1)), "BTC-USD"),
        ("INVALID_CANCEL_PRODUCT_ID", flag("BTC-USD", "status", "delisted"), "BTC-USD"),
        ("NOT_ALLOWED_TO_CANCEL", flag("BTC-USD", "trading_disabled", True), "BTC-USD"),
        ("INVALID_CANCEL_FCM_TRADING_SESSION", close_session, FUTURE),
        (
            "COMMANDER_REJECTED_CANCEL_ORDER",
            refusal("cancel", "COMMANDER_REJECTED_CANCEL_ORDER"),
            "BTC-USD",
        ),
    ],
)
async def test_cancels_are_answered_by_their_codes(
    market: Any, code: str, arrange: Change, product: str
) -> None:
    """A refused one changes nothing about the order."""
    name = place(market, product_id=product)
    arrange(market)
    before = shown(market)
    assert [code] == cancel(market, name)
    if code != SUCCESS:
        assert before == shown(market)
    else:
        assert ("CANCEL_QUEUED", True) == (
            shown(market)["status"],
            shown(market)["pending_cancel"],
        )


async def test_each_cancel_of_a_request_is_judged_by_itself(market: Any) -> None:
    """Whatever comes before or after it; a body without ids is malformed."""
    first, second = place(market), place(market)
    asked = (first, first, ORDER_ID(9), "", "x", second)
    assert [
        SUCCESS,
        "DUPLICATE_CANCEL_REQUEST",
        "UNKNOWN_CANCEL_ORDER",
        "INVALID_CANCEL_REQUEST",
        "INVALID_CANCEL_REQUEST",
        SUCCESS,
    ] == cancel(market, *asked)
    assert 400 == market.ask("POST", "/orders/batch_cancel", body={"order_ids": "x"}).status
    await anyio.sleep(1)
    assert ["CANCELLED"] * 2 == [shown(market, each)["status"] for each in (first, second)]


# --- edits -----------------------------------------------------------------------------------

PRECISE = "PREVIEW_INVALID_PRICE_PRECISION"
GTD = {**LIMIT, "end_time": "2024-01-02T00:00:00Z"}


@pytest.mark.parametrize(
    ("code", "preview", "order", "arrange", "asked"),
    [
        ("ORDER_NOT_FOUND", "", {}, lambda _: None, {"name": ORDER_ID(9)}),
        (
            "ONLY_LIMIT_ORDER_EDITS_SUPPORTED",
            "",
            {"kind": "market_market_ioc", "form": {"base_size": "1"}},
            lambda _: None,
            {},
        ),
        (
            "ONLY_LIMIT_ORDER_EDITS_SUPPORTED",
            "",
            {"kind": "limit_limit_gtd", "form": GTD},
            lambda _: None,
            {},
        ),
        ("ONLY_OPEN_ORDERS_CAN_BE_EDITED", "", {}, fill, {}),
        (
            "ONLY_OPEN_ORDERS_CAN_BE_EDITED",
            "",
            {},
            lambda local: cancel(local, ORDER_ID(1)),
            {},
        ),
        (
            "ORDER_IS_ALREADY_BEING_REPLACED",
            "",
            {},
            lambda local: edit(local, ORDER_ID(1), "80"),
            {},
        ),
        (
            "SIZE_IN_QUOTE_EDITS_NOT_ALLOWED",
            "",
            {"form": {"quote_size": "900", "limit_price": "90"}},
            lambda _: None,
            {},
        ),
        (
            "EDIT_REQUEST_EQUAL_TO_ORIGINAL_REQUEST",
            "",
            {},
            lambda _: None,
            {"price": "90.00", "size": "1.0"},
        ),
        ("CANNOT_EDIT_TO_BELOW_FILLED_SIZE", "", {}, fill_half, {"size": "0.4"}),
        ("CANNOT_EDIT_TO_BELOW_FILLED_SIZE", "", {}, fill_half, {"size": "0.5"}),
        (
            "COMMANDER_REJECTED_EDIT_ORDER",
            "",
            {},
            refusal("edit", "COMMANDER_REJECTED_EDIT_ORDER"),
            {},
        ),
        ("", PRECISE, {}, lambda _: None, {"price": "90.001"}),
        ("", "PREVIEW_INVALID_SIZE_PRECISION", {}, lambda _: None, {"size": "1.123456789"}),
        ("", "PREVIEW_INVALID_BASE_SIZE_TOO_LARGE", {}, lambda _: None, {"size": "4000"}),
        ("", "PREVIEW_NON_NUMERIC_ORDER_SIZE", {}, lambda _: None, {"size": "much"}),
        ("", "PREVIEW_INSUFFICIENT_FUND", {}, lambda _: None, {"size": "2000"}),
        (
            "",
            "PREVIEW_INVALID_LIMIT_PRICE_POST_ONLY",
            {"form": {**LIMIT, "post_only": True}},
            lambda _: None,
            {"price": "100.01"},
        ),
        (
            "",
            "PREVIEW_ORDER_ENTRY_DISABLED",
            {},
            flag("BTC-USD", "cancel_only", True),
            {},
        ),
    ],
)
async def test_an_edit_is_refused_by_its_code(
    market: Any,
    code: str,
    preview: str,
    order: dict[str, Any],
    arrange: Change,
    asked: dict[str, str],
) -> None:
    """In a preview as in earnest; the order stays as it was, also when the queue is through."""
    placed = place(market, **order)
    arrange(market)
    before = shown(market)
    error = {
        "edit_failure_reason": code or "UNKNOWN_EDIT_ORDER_FAILURE_REASON",
        "preview_failure_reason": preview or "UNKNOWN_PREVIEW_FAILURE_REASON",
    }
    body = {"name": placed, **asked}
    assert {"success": False, "errors": [error]} == edit(market, **body)
    assert before == shown(market)
    if "COMMANDER" not in code:  # that one is over: it was for one request
        body = {"price": "91", "size": "2", **asked, "order_id": body["name"]}
        answer = json.loads(market.ask("POST", "/orders/edit_preview", body=body).body)
        assert ([error], "") == (answer["errors"], answer["order_total"])


@pytest.mark.parametrize(
    "changes",
    [{"order_id": None}, {"price": ""}, {"size": 2}, {"stop_price": 3}, {"stop_price": "95"}],
)
async def test_an_edit_of_the_wrong_form_is_400(market: Any, changes: dict[str, Any]) -> None:
    """A field is missing, is no text, or is one that the order does not have."""
    body = {"order_id": place(market), "price": "91", "size": "2", **changes}
    for path in ("/orders/edit", "/orders/edit_preview"):
        assert 400 == market.ask("POST", path, body=body).status


async def test_an_edit_passes_through_the_queue(market: Any) -> None:
    """The order is as it was until then, keeps its ids and its fills, and is told to streams."""
    async with market.served(), market.listening("user") as heard:
        await anyio.sleep(0.1)
        name = place(market)
        fill_half(market)
        assert {"success": True, "errors": []} == edit(market, name)
        row = shown(market)
        assert ("EDIT_QUEUED", "90") == (
            row["status"],
            row["order_configuration"]["limit_limit_gtc"]["limit_price"],
        )
        await anyio.sleep(1.1)
        row = shown(market)
    form = row["order_configuration"]["limit_limit_gtc"]
    assert ("OPEN", "91", "2", "0.5") == (
        row["status"],
        form["limit_price"],
        form["base_size"],
        row["filled_size"],
    )
    (edited,) = row["edit_history"]
    assert ("91", "2") == (edited["price"], edited["size"])
    told = [order for each in heard[2:] for order in each["events"][0]["orders"]]
    assert ["OPEN", "OPEN", "EDIT_QUEUED", "OPEN"] == [each["status"] for each in told]
    assert ["90"] * 3 + ["91"] == [each["limit_price"] for each in told]
    assert ("1.5", name) == (told[-1]["leaves_quantity"], told[-1]["order_id"])


async def test_an_edited_order_trades_at_its_new_price(market: Any) -> None:
    """As a taker when it now crosses; for the new size, all told."""
    name = place(market)
    assert edit(market, name, "100.01", "3")["success"]
    await anyio.sleep(1)
    row = shown(market)
    assert ("FILLED", "3", "100.01") == (
        row["status"],
        row["filled_size"],
        row["average_filled_price"],
    )


async def test_a_stop_price_is_edited_with_the_limit(market: Any) -> None:
    """And is that of a stop limit order only; one that is not named stays."""
    name = place(market, STOP, "stop_limit_stop_limit_gtc")
    assert edit(market, name, "131", "1", stop_price="121")["success"]
    await anyio.sleep(1)
    assert edit(market, name, "132", "1")["success"]
    await anyio.sleep(1)
    form = shown(market)["order_configuration"]["stop_limit_stop_limit_gtc"]
    assert {**STOP, "limit_price": "132", "stop_price": "121"} == form
    assert ["131", "132"] == [each["price"] for each in shown(market)["edit_history"]]
    assert "STOP_PENDING" == shown(market)["trigger_status"]
    market.quote("120.50", "121.50")
    assert ("FILLED", "STOP_TRIGGERED") == (
        shown(market)["status"],
        shown(market)["trigger_status"],
    )


@pytest.mark.parametrize(
    ("meanwhile", "status", "filled"),
    [
        (fill, "FILLED", "1"),
        (fill_half, "OPEN", "0.5"),
        (lambda local: place(local, {"base_size": "1100", "limit_price": "90"}), "OPEN", "0"),
    ],
)
async def test_an_edit_that_becomes_impossible_is_dropped(
    market: Any, meanwhile: Change, status: str, filled: str
) -> None:
    """The order was filled, or as far as the new size; or the money is gone."""
    name = place(market)
    size = "0.5" if meanwhile is fill_half else "10"
    assert edit(market, name, size=size)["success"]
    meanwhile(market)
    await anyio.sleep(1)
    row = shown(market)
    assert (status, filled, []) == (row["status"], row["filled_size"], row["edit_history"])
    assert "90" == row["order_configuration"]["limit_limit_gtc"]["limit_price"]


async def test_an_edit_is_previewed_with_its_numbers(market: Any) -> None:
    """Those of the whole order that it would be; nothing is changed."""
    name = place(market)
    before = shown(market)
    body = {"order_id": name, "price": "80", "size": "2"}
    answer = json.loads(market.ask("POST", "/orders/edit_preview", body=body).body)
    assert ([], "160.96", "0.96", "160", "2", "100", "100.01") == tuple(
        answer[key]
        for key in (
            "errors",
            "order_total",
            "commission_total",
            "quote_size",
            "base_size",
            "best_bid",
            "best_ask",
        )
    )
    assert before == shown(market)
