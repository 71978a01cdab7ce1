"""
Whether the local exchange's messages have the keys and the types of recorded ones.

The schema of the recorded messages is kept in `payloads/schema.json`, and is compared with them
where they are at hand. It is JSON itself: an object maps keys to schemas, a key that ends in `?` is
not in all recordings, and `*` stands for any key; a list has the schema of its items, or nothing
where all recorded ones were empty; a value is the word for its type, several with `|` between; what
was recorded in two forms is `{"any of": […]}`. Run as a program, this file writes it anew.
"""

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import anyio
import pytest

from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import Quote

HERE: Final = Path(__file__).resolve().parent
RECORDED: Final = HERE.parents[3] / "shared" / "payloads" / "coinbase"
SCHEMA: Final = HERE / "payloads" / "schema.json"
SOURCES: Final[dict[str, tuple[str, ...]]] = {
    "time": ("rest_time",),
    "products": ("rest_products", "nautilus_rest_products"),
    "products of futures": ("nautilus_rest_products_future",),
    "product": ("rest_product", "nautilus_rest_product"),
    "candles": ("rest_product_candles", "nautilus_rest_candles"),
    "market trades": ("rest_product_ticker_market_trades", "nautilus_rest_ticker"),
    "product book": ("rest_product_book", "nautilus_rest_product_book"),
    "best bid and ask": ("rest_best_bid_ask", "doc_rest_best_bid_ask"),
    "accounts": ("rest_accounts", "nautilus_rest_accounts"),
    "portfolios": ("doc_rest_portfolios",),
    "key permissions": ("doc_rest_key_permissions",),
    "fee tier": ("rest_transaction_summary",),
    "positions of futures": ("nautilus_rest_cfm_positions", "doc_rest_cfm_positions"),
    "position in a future": ("nautilus_rest_cfm_position",),
    "futures account": ("nautilus_rest_cfm_balance_summary",),
    "order taken": ("rest_orders_create_success",),
    "order refused": ("rest_orders_create_insufficient_fund",),
    "preview": ("rest_orders_preview_success",),
    "preview refused": (
        "rest_orders_preview_invalid_config",
        "rest_orders_preview_insufficient_fund",
    ),
    "order": ("rest_order_get_filled", "nautilus_rest_order"),
    "orders": ("rest_orders_historical_batch_filled", "nautilus_rest_orders_list"),
    "fills": ("nautilus_rest_fills", "doc_rest_fills"),
    "cancel": ("rest_orders_batch_cancel_success",),
    "cancel refused": ("rest_orders_batch_cancel_fail",),
    "edit": ("doc_rest_orders_edit",),
    "one too many": ("rest_error_429-constructed",),
    "not permitted": ("rest_error_missing_scopes_403-constructed",),
    "not found": ("rest_error_not_found-constructed",),
    "channel subscriptions": ("nautilus_ws_subscriptions",),
    "channel heartbeats": ("ws_heartbeats_message", "nautilus_ws_heartbeats"),
    "channel ticker": ("ws_ticker_snapshot", "nautilus_ws_ticker"),
    "channel market_trades": ("ws_market_trades_snapshot", "nautilus_ws_market_trades"),
    "channel candles": ("ws_candles_snapshot", "nautilus_ws_candles"),
    "channel l2_data": (
        "ws_l2_data_snapshot",
        "nautilus_ws_l2_data_snapshot",
        "nautilus_ws_l2_data_update",
    ),
    "channel status": ("ws_status_snapshot",),
    "channel user": (
        "ws_user_snapshot",
        "nautilus_ws_user",
        "ws_user_update_cancelled-constructed",
    ),
    "channel futures_balance_summary": ("ws_futures_balance_summary_snapshot",),
    "stream error": ("ws_error_authentication_failure-constructed",),
}
"""
The recordings that each kind of message is held against.

What only the documentation shows is taken from there where its example has real values; pages with
placeholders of every thinkable field are left out. Positions of futures are in no recording: the
documentation and another client disagree on how money is written, and both forms are kept.
"""
_MAPS: Final = ("order_configuration", "subscriptions")
"""Objects whose keys are names of configurations and of channels: they have one schema for all."""
_WORDS: Final = {str: "string", bool: "boolean", int: "number", float: "number", type(None): "null"}


def schema_of(value: Any) -> Any:
    """Return the schema of one message."""
    if isinstance(value, dict):
        return {
            key: _schema_of_map(each) if key in _MAPS else schema_of(each)
            for key, each in value.items()
        }
    if isinstance(value, list):
        return [merged([schema_of(each) for each in value])] if value else []
    return _WORDS[type(value)]


def _schema_of_map(value: dict[str, Any]) -> dict[str, Any]:
    return {"*": merged([schema_of(each) for each in value.values()])}


def merged(schemas: Sequence[Any]) -> Any:
    """Return the schema that several recordings have together."""
    first, *others = schemas
    for other in others:
        first = _both(first, other)
    return first


def _both(one: Any, other: Any) -> Any:
    if isinstance(one, dict) and isinstance(other, dict):
        return _both_objects(one, other)
    if isinstance(one, list) and isinstance(other, list):
        return [merged([*one, *other])] if one or other else []
    if isinstance(one, str) and isinstance(other, str):
        return "|".join(sorted({*one.split("|"), *other.split("|")}))
    return {"any of": [one, other]}


def _both_objects(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    plain = [{key.removesuffix("?"): value for key, value in each.items()} for each in (one, other)]
    found: dict[str, Any] = {}
    for name in {**plain[0], **plain[1]}:
        in_both = name in one and name in other
        held = [each[name] for each in plain if name in each]
        found[name if in_both else f"{name}?"] = merged(held)
    return found


def differences(value: Any, schema: Any, path: str = "") -> Iterator[str]:
    """Yield what is wrong with *value*, each with the path to it."""
    if isinstance(schema, dict) and "any of" in schema:
        tried = [list(differences(value, each, path)) for each in schema["any of"]]
        yield from min(tried, key=len)
    elif isinstance(schema, dict):
        yield from _in_object(value, schema, path)
    elif isinstance(schema, list):
        if not isinstance(value, list):
            yield f"{path} is no list"
        elif schema:
            for number, each in enumerate(value):
                yield from differences(each, schema[0], f"{path}[{number}]")
    elif _WORDS.get(type(value)) not in schema.split("|"):
        yield f"{path} is {value!r} and not {schema}"


def _in_object(value: Any, schema: dict[str, Any], path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path} is no object"
        return
    known = {key.removesuffix("?"): each for key, each in schema.items()}
    if "*" in known:
        known = dict.fromkeys(value, known.pop("*"))
    for name in schema:
        if name != "*" and not name.endswith("?") and name not in value:
            yield f"{path}.{name} is missing"
    for name, each in value.items():
        if name not in known:
            yield f"{path}.{name} was never recorded"
        else:
            yield from differences(each, known[name], f"{path}.{name}")


def recorded() -> dict[str, Any]:
    """Return the schema of each kind, from the recorded messages."""
    return {
        kind: merged(
            [schema_of(json.loads((RECORDED / f"{name}.json").read_bytes())) for name in names]
        )
        for kind, names in SOURCES.items()
    }


# --- the fixture -----------------------------------------------------------------------------


def known() -> dict[str, Any]:
    """Return the schema that is kept here."""
    schema: dict[str, Any] = json.loads(SCHEMA.read_bytes())
    return schema


def test_the_schema_is_that_of_the_recorded_messages() -> None:
    """Both are walked to their leaves; run this file to write the schema anew."""
    if not RECORDED.is_dir():
        pytest.skip("the recorded payloads are not here")
    assert recorded() == known()


@pytest.mark.parametrize("kind", SOURCES)
def test_recorded_messages_are_of_the_schema(kind: str) -> None:
    """The walk that judges the local exchange accepts everything that it was taken from."""
    if not RECORDED.is_dir():
        pytest.skip("the recorded payloads are not here")
    for name in SOURCES[kind]:
        message = json.loads((RECORDED / f"{name}.json").read_bytes())
        assert [] == list(differences(message, known()[kind]))


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        ({"a": "x", "b": [{"c": 1}]}, []),
        ({"a": "x", "b": []}, []),
        ({"a": None, "b": [], "d": True}, []),
        ({"a": "x"}, [".b is missing"]),
        ({"a": 5, "b": []}, [".a is 5 and not null|string"]),
        ({"a": "x", "b": [{"c": 1}, {"c": "1"}]}, [".b[1].c is '1' and not number"]),
        ({"a": "x", "b": [{}]}, [".b[0].c is missing"]),
        ({"a": "x", "b": {}}, [".b is no list"]),
        ({"a": "x", "b": [[]]}, [".b[0] is no object"]),
        ({"a": "x", "b": [], "e": 1}, [".e was never recorded"]),
        ({"a": "x", "b": [], "d": 1}, [".d is 1 and not boolean"]),
    ],
)
def test_the_walk_finds_what_differs(value: Any, wrong: list[str]) -> None:
    """A key too many, one too few, another type; at any depth."""
    schema = merged(
        [
            schema_of({"a": "x", "b": [{"c": 1}], "d": True}),
            schema_of({"a": None, "b": []}),
        ]
    )
    assert wrong == list(differences(value, schema))


# --- the local exchange ----------------------------------------------------------------------

NEXT: Final = iter(range(10**6))


def order_of(kind: str = "limit_limit_gtc", side: str = "BUY", **form: Any) -> dict[str, Any]:
    """Return a new order, each with an id of its own."""
    if kind == "limit_limit_gtc":
        form = {"base_size": "1", "limit_price": "90", "post_only": True, **form}
    return {
        "client_order_id": f"order-{next(NEXT)}",
        "product_id": "BTC-USD",
        "side": side,
        "order_configuration": {kind: form},
    }


def answers_of(local: Any) -> Iterator[tuple[str, bytes]]:
    """Yield answers of every kind, of an exchange that has traded and has orders."""
    ask = local.ask
    span = f"start={local.clock.now_ns() // 10**9 - 600}&end={local.clock.now_ns() // 10**9}"
    yield "time", ask("GET", "/time").body
    yield "products", ask("GET", "/products", "product_type=SPOT").body
    yield "products of futures", ask("GET", "/products", "product_type=FUTURE").body
    yield "product", ask("GET", "/products/BTC-USD").body
    yield "candles", ask("GET", "/products/BTC-USD/candles", f"{span}&granularity=ONE_MINUTE").body
    yield "market trades", ask("GET", "/products/BTC-USD/ticker", "limit=5").body
    yield "product book", ask("GET", "/product_book", "product_id=BTC-USD").body
    yield "best bid and ask", ask("GET", "/best_bid_ask", "product_ids=BTC-USD").body
    yield "accounts", ask("GET", "/accounts").body
    yield "portfolios", ask("GET", "/portfolios").body
    yield "key permissions", ask("GET", "/key_permissions").body
    yield "fee tier", ask("GET", "/transaction_summary").body
    yield from _orders_of(local)
    local.sandbox.exchange.arm("rate_limit")
    yield "one too many", ask("GET", "/accounts").body
    yield "not found", ask("GET", "/nowhere").body
    local.sandbox.gate.key.can_view = False
    yield "not permitted", ask("GET", "/accounts").body
    local.sandbox.gate.key.can_view = True


def _orders_of(local: Any) -> Iterator[tuple[str, bytes]]:
    ask = local.ask
    taken = ask("POST", "/orders", body=order_of()).body
    resting = json.loads(taken)["success_response"]["order_id"]
    yield "order taken", taken
    yield "order refused", ask("POST", "/orders", body=order_of(base_size="3000")).body
    yield "preview", ask("POST", "/orders/preview", body=order_of()).body
    yield "preview refused", ask("POST", "/orders/preview", body=order_of("none")).body
    yield "preview refused", ask("POST", "/orders/preview", body=order_of(base_size="3000")).body
    crossing = ask("POST", "/orders", body=order_of(limit_price="100.01", post_only=False)).body
    filled = json.loads(crossing)["success_response"]["order_id"]
    ask("POST", "/orders", body=order_of("market_market_ioc", quote_size="50"))
    future = {**order_of("market_market_ioc", base_size="1"), "product_id": FUTURE.symbol}
    assert json.loads(ask("POST", "/orders", body=future).body)["success"]
    yield "positions of futures", ask("GET", "/cfm/positions").body
    yield "position in a future", ask("GET", f"/cfm/positions/{FUTURE.symbol}").body
    yield "futures account", ask("GET", "/cfm/balance_summary").body
    yield "order", ask("GET", f"/orders/historical/{filled}").body
    yield "orders", ask("GET", "/orders/historical/batch").body
    yield "fills", ask("GET", "/orders/historical/fills").body
    edited = {"order_id": resting, "price": "91", "size": "1"}
    yield "edit", ask("POST", "/orders/edit", body=edited).body
    yield "edit", ask("POST", "/orders/edit", body={**edited, "price": "91.001"}).body
    yield "cancel", ask("POST", "/orders/batch_cancel", body={"order_ids": [resting]}).body
    yield "cancel refused", ask("POST", "/orders/batch_cancel", body={"order_ids": ["x"]}).body


FUTURE: Final = InstrumentId("coinbase", "BIT-27DEC30-CDE")


def quote_all(local: Any) -> None:
    """Let BTC-USD trade, and it and a future be quoted."""
    local.trade()
    local.quote()
    now_ns = local.clock.now_ns()
    bid, ask, size = Decimal(100), Decimal(105), Decimal(50)
    local.sandbox.exchange.push(Quote(FUTURE, now_ns, bid, ask, size, size, now_ns))


async def test_answers_have_the_recorded_keys_and_types(local: Any) -> None:
    """Every answer of which a recording is at hand, walked to its leaves; none is left out."""
    await anyio.sleep(60)  # the history of the exchange ends at the minute before
    quote_all(local)
    wrong: list[str] = []
    seen: set[str] = set()
    for kind, body in answers_of(local):
        seen.add(kind)
        answer = json.loads(body)
        assert not isinstance(answer, dict) or any(answer.values()), f"{kind} says nothing"
        wrong += [f"{kind}{each}" for each in differences(answer, known()[kind])]
    assert [] == wrong
    assert {kind for kind in SOURCES if not is_of_streams(kind)} == seen


def is_of_streams(kind: str) -> bool:
    """Return whether a kind of message comes over a websocket."""
    return kind.startswith(("channel", "stream"))


async def test_stream_messages_have_the_recorded_keys_and_types(local: Any) -> None:
    """Every channel, snapshots and updates, orders that rest, are filled, are cancelled."""
    await anyio.sleep(60)
    quote_all(local)
    shown = ("ticker", "market_trades", "candles", "l2_data", "status", "user")
    channels = (
        *("level2" if each == "l2_data" else each for each in shown),
        "futures_balance_summary",
        "heartbeats",
    )
    async with local.served(), local.listening(*channels, "not a channel") as heard:
        await anyio.sleep(1)
        list(answers_of(local))
        local.trade("101")
        local.quote("101", "101.01")
        local.sandbox.products["BTC-USD"]["status"] = "offline"
        await anyio.sleep(10)
    schema, wrong, kinds = known(), list[str](), set[tuple[str, str]]()
    for message in heard:
        kind = f"channel {message['channel']}" if "channel" in message else "stream error"
        for event in message.get("events", [{}]):
            kinds.add((kind, event.get("type", "")))
        wrong += [f"{kind}{each}" for each in differences(message, schema[kind])]
    assert [] == wrong
    assert {kind for kind in SOURCES if is_of_streams(kind)} == {kind for kind, _ in kinds}
    for channel in (*shown, "futures_balance_summary"):
        assert {"snapshot", "update"} == {
            how for kind, how in kinds if kind == f"channel {channel}"
        }


async def test_the_batched_ticker_is_a_ticker_without_the_best_of_the_book(local: Any) -> None:
    """Each five seconds, where something has changed (protocol: channels)."""
    local.quote()
    async with local.served(), local.listening("ticker_batch") as heard:
        await anyio.sleep(1)
        for bid in ("101", "102"):
            local.quote(bid, "103")
            await anyio.sleep(1)
        await anyio.sleep(18)
    told = [each for each in heard if each["channel"] == "ticker_batch"]
    assert ["snapshot", "update"] == [each["events"][0]["type"] for each in told]
    ticker = known()["channel ticker"]["events"][0]["tickers"][0]
    (row,) = told[-1]["events"][0]["tickers"]
    assert {key for key in ticker if not key.startswith("best_")} == set(row)


if __name__ == "__main__":
    SCHEMA.parent.mkdir(exist_ok=True)
    SCHEMA.write_text(json.dumps(recorded(), indent=1) + "\n")
