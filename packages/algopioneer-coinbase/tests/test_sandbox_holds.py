"""What resting orders hold at the local Coinbase, as its accounts, orders and stream tell it."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import anyio
import pytest
from attrs import evolve

from algopioneer_coinbase.sandbox import DEFAULT_CONFIG, CoinbaseSandbox

pytestmark = pytest.mark.parametrize("virtual_backend", ["trio"], indirect=True)
"""What is decided without waiting does not depend on the event loop."""

FEE = Decimal("1.006")
"""A value with the fee of who takes."""


@pytest.fixture
async def market(local: Any) -> Any:
    """Return an exchange with a thousand dollars and two bitcoins."""
    money = evolve(DEFAULT_CONFIG, balances=("USD=1000", "BTC=2"))
    local.sandbox = CoinbaseSandbox(local.clock, local.sandbox.gate.key, config=money)
    local.quote()
    return local


def place(local: Any, side: str, size: str, price: str) -> Any:
    """Ask for an order at a limit, or at the market without one, and return the answer."""
    limit = {"limit_limit_gtc": {"base_size": size, "limit_price": price}}
    body = {
        "client_order_id": f"{side}-{len(local.sandbox.exchange.placed)}",
        "product_id": "BTC-USD",
        "side": side,
        "order_configuration": limit if price else {"market_market_ioc": {"base_size": size}},
    }
    return json.loads(local.ask("POST", "/orders", body=body).body)


def placed(local: Any, side: str, size: str, price: str) -> str:
    """Place an order and return its id."""
    return str(place(local, side, size, price)["success_response"]["order_id"])


def wallet(local: Any, asset: str) -> tuple[Decimal, Decimal]:
    """Return what is available of an asset, and what is on hold."""
    rows = json.loads(local.ask("GET", "/accounts").body)["accounts"]
    (row,) = (each for each in rows if each["currency"] == asset)
    return Decimal(row["available_balance"]["value"]), Decimal(row["hold"]["value"])


def outstanding(local: Any, name: str) -> Decimal:
    """Return what an order is said to hold."""
    answer = local.ask("GET", f"/orders/historical/{name}")
    return Decimal(json.loads(answer.body)["order"]["outstanding_hold_amount"])


@pytest.mark.parametrize(
    ("side", "size", "price"), [("SELL", "2", "120"), ("SELL", "1.5", "120"), ("BUY", "10", "90")]
)
async def test_two_orders_cannot_rest_on_the_same_funds(
    market: Any, side: str, size: str, price: str
) -> None:
    """The second has no funds, at a limit and at the market; the first still holds them."""
    name = placed(market, side, size, price)
    before = wallet(market, "BTC"), wallet(market, "USD")
    for limit in (price, ""):
        answer = place(market, side, size, limit)
        assert ("INSUFFICIENT_FUND", "Insufficient balance in source account") == (
            answer["error_response"]["error"],
            answer["error_response"]["message"],
        )
    assert before == (wallet(market, "BTC"), wallet(market, "USD"))
    market.ask("POST", "/orders/batch_cancel", body={"order_ids": [name]})
    assert place(market, side, size, price)["success"]


async def test_a_sale_is_on_hold_until_it_is_filled(market: Any) -> None:
    """What is available and what is on hold are together what there is."""
    name = placed(market, "SELL", "1.5", "120")
    assert (Decimal("0.5"), Decimal("1.5")) == wallet(market, "BTC")
    market.quote("120", "121", size="1")
    assert (Decimal("0.5"), Decimal("0.5")) == wallet(market, "BTC")
    assert Decimal("0.5") == outstanding(market, name)
    market.quote("120", "121")
    assert (Decimal("0.5"), Decimal(0)) == wallet(market, "BTC")
    assert Decimal(0) == outstanding(market, name)


def cancel(local: Any, name: str) -> None:
    """Cancel an order."""
    local.ask("POST", "/orders/batch_cancel", body={"order_ids": [name]})


def edit(local: Any, name: str) -> None:
    """Let an order buy less, for less."""
    body = {"order_id": name, "price": "80", "size": "5"}
    assert json.loads(local.ask("POST", "/orders/edit", body=body).body)["success"]


@pytest.mark.parametrize(
    ("happens", "hold"),
    [(lambda *_: None, 900 * FEE), (cancel, Decimal(0)), (edit, 400 * FEE)],
    ids=["rests", "cancelled", "edited"],
)
async def test_a_purchase_is_on_hold_for_what_it_may_cost(
    market: Any, happens: Callable[[Any, str], None], hold: Decimal
) -> None:
    """At its limit and with the fee of who takes; what is not needed is available again."""
    name = placed(market, "BUY", "10", "90")
    happens(market, name)
    assert (1000 - hold, hold) == wallet(market, "USD")
    assert hold == outstanding(market, name)


async def test_an_edit_without_funds_is_refused(market: Any) -> None:
    """Others hold what it would need; the order rests as it was."""
    name = placed(market, "SELL", "1", "120")
    placed(market, "SELL", "1", "120")
    body = {"order_id": name, "price": "120", "size": "1.1"}
    (error,) = json.loads(market.ask("POST", "/orders/edit", body=body).body)["errors"]
    assert "PREVIEW_INSUFFICIENT_FUND" == error["preview_failure_reason"]
    assert Decimal(1) == outstanding(market, name)


async def test_the_stream_tells_what_an_order_holds(market: Any) -> None:
    """While it rests, less what was filled, and nothing in the end."""
    async with market.served(), market.listening("user") as heard:
        await anyio.sleep(1)
        name = placed(market, "SELL", "2", "120")
        market.quote("120", "121", size="0.5")
        cancel(market, name)
        await anyio.sleep(1)
    rows = [
        order["outstanding_hold_amount"]
        for message in heard
        if message["channel"] == "user"
        for event in message["events"]
        for order in event["orders"]
    ]
    assert ("2", "1.5", "0") == (rows[0], rows[-2], rows[-1])
