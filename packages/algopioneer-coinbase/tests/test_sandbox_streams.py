"""The local Coinbase's websockets: how many may be opened, and what each channel is about."""

import json
from decimal import Decimal
from typing import Any

import anyio
import pytest
from attrs import define

from algopioneer_core.domain.errors import VenueError
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import Quote
from algopioneer_core.ports import Clock
from algopioneer_core.wire.websocket_client import open_websocket

FUTURE = InstrumentId("coinbase", "BIT-27DEC30-CDE")


async def test_the_ninth_connection_of_a_second_is_refused(local: Any) -> None:
    """By 429, before it is a websocket; a second later there is room again."""
    url = local.config.market_url
    async with local.served():
        for _ in range(8):
            async with open_websocket(url, dial=local.network.dial):
                pass
        with pytest.raises(VenueError, match="429"):
            async with open_websocket(url, dial=local.network.dial):
                pass
        await anyio.sleep(1)
        async with open_websocket(url, dial=local.network.dial):
            pass


async def test_a_connection_on_which_nothing_is_sent_is_hung_up_on(local: Any) -> None:
    """After ninety seconds without a message; each message begins them anew."""
    subscribe = {"type": "subscribe", "product_ids": ["BTC-USD"], "channel": "status"}
    async with (
        local.served(),
        open_websocket(local.config.market_url, dial=local.network.dial) as websocket,
    ):
        await websocket.send(json.dumps(subscribe))
        await websocket.receive()
        await anyio.sleep(60)
        await websocket.send(json.dumps({**subscribe, "type": "unsubscribe"}))
        began = anyio.current_time()
        async for _ in websocket:
            pass
        assert pytest.approx(90, abs=1) == anyio.current_time() - began


def quote_future(local: Any, bid: int) -> None:
    """Quote the future five dollars wide."""
    now_ns, size = local.clock.now_ns(), Decimal(50)
    local.sandbox.exchange.push(
        Quote(FUTURE, now_ns, Decimal(bid), Decimal(bid + 5), size, size, now_ns)
    )


def order(local: Any, name: str, product: str, **form: str) -> None:
    """Place a market order, or one with a limit."""
    kind = "limit_limit_gtc" if "limit_price" in form else "market_market_ioc"
    body = {"client_order_id": name, "product_id": product, "side": "BUY"}
    answer = local.ask("POST", "/orders", body={**body, "order_configuration": {kind: form}})
    assert json.loads(answer.body)["success"]


async def test_the_futures_account_is_told_when_it_changes(local: Any) -> None:
    """First as it is; then each second in which something has changed, and in no other."""
    quote_future(local, 60_000)
    async with local.served(), local.listening("futures_balance_summary") as heard:
        await anyio.sleep(5)
        order(local, "a", FUTURE.symbol, base_size="2")
        await anyio.sleep(5)
        quote_future(local, 61_000)
        await anyio.sleep(5)
    told = [each["events"][0] for each in heard if each["channel"] != "subscriptions"]
    assert ["snapshot", "update", "update"] == [each["type"] for each in told]
    rows = [each["fcm_balance_summary"] for each in told]
    assert ["0", "-0.05", "19.95"] == [each["unrealized_pnl"] for each in rows]
    (now,) = json.loads(local.ask("GET", "/cfm/balance_summary").body).values()
    assert now["cfm_usd_balance"]["value"] == rows[-1]["cfm_usd_balance"]
    window = rows[-1]["overnight_margin_window_measure"]
    assert ("122.005", "61.0025") == (window["initial_margin"], window["maintenance_margin"])


async def test_the_futures_account_is_nobody_elses(local: Any) -> None:
    """Without a token it is not told, as orders are not."""
    async with (
        local.served(),
        open_websocket(local.config.market_url, dial=local.network.dial) as websocket,
    ):
        for channel in ("user", "futures_balance_summary"):
            await websocket.send(json.dumps({"type": "subscribe", "channel": channel}))
            answer = json.loads(await websocket.receive())
            assert {"type": "error", "message": "authentication failure"} == answer


async def test_an_alias_is_its_market_and_its_own_orders(local: Any) -> None:
    """Market data calls it -USD, the private channel -USDC, in and out of a subscription."""
    alias, heard = {"product_ids": ["BTC-USDC"]}, list[dict[str, Any]]()

    async def say(websocket: Any, kind: str, channel: str) -> None:
        said = {"type": kind, "channel": channel, **alias, "jwt": local.stream_token()}
        await websocket.send(json.dumps(said))
        heard.append(json.loads(await websocket.receive()))

    async with (
        local.served(),
        open_websocket(local.config.market_url, dial=local.network.dial) as websocket,
    ):
        await say(websocket, "subscribe", "ticker")
        local.quote()
        heard.append(json.loads(await websocket.receive()))
        await say(websocket, "unsubscribe", "ticker")
        await say(websocket, "subscribe", "user")
    first, ticker, second, third = (each["events"][0] for each in heard)
    assert {"ticker": ["BTC-USD"]} == first["subscriptions"]
    assert "BTC-USD" == ticker["tickers"][0]["product_id"]
    assert {} == second["subscriptions"]
    assert {"user": ["BTC-USDC"]} == third["subscriptions"]


@define
class TickingClock:
    """Moves on by a nanosecond whenever it is looked at."""

    clock: Clock
    ticks: int = 0

    def now_ns(self) -> int:
        """Return the time."""
        self.ticks += 1
        return self.clock.now_ns() + self.ticks


async def test_two_listeners_are_told_of_one_time(local: Any) -> None:
    """What happens has its time once, however many hear of it."""
    local.sandbox.exchange.clock = TickingClock(local.clock)
    channels = ("ticker", "market_trades", "candles")
    async with (
        local.served(),
        local.listening(*channels) as one,
        local.listening(*channels) as other,
    ):
        await anyio.sleep(0.1)
        local.quote()
        local.trade()
        await anyio.sleep(0.1)
    times = [
        [each["timestamp"] for each in heard if each["events"][0].get("type") == "update"]
        for heard in (one, other)
    ]
    assert 3 == len(times[0])
    assert times[0] == times[1]


async def test_an_order_in_a_future_is_told_as_one(local: Any) -> None:
    """Each order has the kind of its product."""
    quote_future(local, 100)
    local.quote()
    async with local.served(), local.listening("user", products=()) as heard:
        await anyio.sleep(0.1)
        order(local, "a", "BTC-USD", base_size="1", limit_price="90")
        order(local, "b", FUTURE.symbol, base_size="1")
        await anyio.sleep(0.1)
    rows = [row for each in heard[2:] for row in each["events"][0]["orders"]]
    assert [("a", "SPOT", "OPEN"), ("b", "FUTURE", "OPEN"), ("b", "FUTURE", "FILLED")] == [
        (row["client_order_id"], row["product_type"], row["status"]) for row in rows
    ]
