"""Every validation of the local exchange that the protocol names, by its exact code."""

import base64
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import anyio
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from algopioneer_coinbase.sandbox import Manners
from algopioneer_coinbase.sandbox_http import Answer, Request
from algopioneer_coinbase.sandbox_rest import ROOT
from algopioneer_coinbase.sandbox_rules import Limits
from algopioneer_coinbase.signing import Signer
from algopioneer_core.domain.errors import OrderRejected
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import Quote
from algopioneer_core.domain.orders import Order, OrderIntent, OrderStatus, OrderType
from algopioneer_core.testing.clocks import VIRTUAL_START_NS
from algopioneer_core.wire.websocket_client import open_websocket

pytestmark = pytest.mark.parametrize("virtual_backend", ["trio"], indirect=True)
"""What is decided without waiting does not depend on the event loop."""

BITCOIN, FUTURE = (InstrumentId("coinbase", each) for each in ("BTC-USD", "BIT-27DEC30-CDE"))
LIMIT = {"base_size": "1", "limit_price": "90"}
STOP = {**LIMIT, "stop_price": "95", "stop_direction": "STOP_DIRECTION_STOP_UP"}
END = "2024-01-02T00:00:00Z"


def body(kind: str = "limit_limit_gtc", form: Any = LIMIT, **more: Any) -> dict[str, Any]:
    """Return a request for a new order."""
    return {
        "client_order_id": "a",
        "product_id": "BTC-USD",
        "side": "BUY",
        "order_configuration": {kind: form},
        **more,
    }


def flag(name: str, value: Any = True, product: str = "BTC-USD") -> Callable[[Any], None]:
    """Return what sets a product's flag."""
    return lambda local: local.sandbox.products[product].update({name: value})


def nothing(local: Any) -> None:
    """Leave the exchange as it is."""


def closed(local: Any) -> None:
    """Close the session of the future."""
    local.sandbox.products[FUTURE.symbol]["fcm_trading_session_details"]["is_session_open"] = False


def unquoted(local: Any) -> None:
    """Take the quotes away."""
    local.sandbox.exchange.quotes.clear()


def refusing(code: str) -> Callable[[Any], None]:
    """Return what makes the account be refused the next order."""
    return lambda local: local.sandbox.trading.refusals.update(order=code)


def future(form: dict[str, str], kind: str = "limit_limit_gtc", **more: Any) -> dict[str, Any]:
    """Return a request for a future."""
    return body(kind, form, product_id=FUTURE.symbol, **more)


MARKET = "market_market_ioc"
BY_THE_ORDER: list[tuple[str, str, dict[str, Any], Callable[[Any], None]]] = [
    ("UNSUPPORTED_ORDER_CONFIGURATION", "PREVIEW_INVALID_ORDER_CONFIG", body("none", {}), nothing),
    ("UNSUPPORTED_ORDER_CONFIGURATION", "", body(order_configuration={}), nothing),
    ("UNSUPPORTED_ORDER_CONFIGURATION", "", body(form=[]), nothing),
    ("UNSUPPORTED_ORDER_CONFIGURATION", "", body("market_market_fok", LIMIT), nothing),
    (
        "UNSUPPORTED_ORDER_CONFIGURATION",
        "",
        body(MARKET, {"quote_size": "9"}, side="SELL"),
        nothing,
    ),
    ("UNSUPPORTED_ORDER_CONFIGURATION", "", body(form={"limit_price": "90"}), nothing),
    ("UNSUPPORTED_ORDER_CONFIGURATION", "", future({"quote_size": "9"}, MARKET), nothing),
    (
        "UNSUPPORTED_ORDER_CONFIGURATION",
        "",
        body(attached_order_configuration={"trigger_bracket_gtc": {"limit_price": "120"}}),
        nothing,
    ),
    (
        "UNSUPPORTED_ORDER_CONFIGURATION",
        "",
        body(form={"quote_size": "90", "limit_price": "90"}, side="SELL"),
        nothing,
    ),
    ("INVALID_SIDE", "PREVIEW_INVALID_SIDE", body(side="HOLD"), nothing),
    ("INVALID_PRODUCT_ID", "", body(product_id="NOPE-USD"), nothing),
    (
        "INVALID_SIZE_PRECISION",
        "PREVIEW_INVALID_SIZE_PRECISION",
        body(form={**LIMIT, "base_size": "0.123456789"}),
        nothing,
    ),
    (
        "INVALID_SIZE_PRECISION",
        "PREVIEW_INVALID_QUOTE_SIZE_PRECISION",
        body(MARKET, {"quote_size": "9.001"}),
        nothing,
    ),
    (
        "INVALID_PRICE_PRECISION",
        "PREVIEW_INVALID_PRICE_PRECISION",
        body(form={**LIMIT, "limit_price": "90.001"}),
        nothing,
    ),
    (
        "UNKNOWN_FAILURE_REASON",
        "PREVIEW_INVALID_BASE_SIZE_TOO_LARGE",
        body(form={**LIMIT, "base_size": "4000"}),
        nothing,
    ),
    (
        "UNKNOWN_FAILURE_REASON",
        "PREVIEW_INVALID_BASE_SIZE_TOO_SMALL",
        body(),
        flag("base_min_size", "2"),
    ),
    (
        "UNKNOWN_FAILURE_REASON",
        "PREVIEW_INVALID_QUOTE_SIZE_TOO_SMALL",
        body(MARKET, {"quote_size": "0.99"}),
        nothing,
    ),
    (
        "UNKNOWN_FAILURE_REASON",
        "PREVIEW_INVALID_QUOTE_SIZE_TOO_SMALL",
        body(form={**LIMIT, "base_size": "0.01"}),
        nothing,
    ),
    (
        "UNKNOWN_FAILURE_REASON",
        "PREVIEW_INVALID_QUOTE_SIZE_TOO_LARGE",
        body(MARKET, {"quote_size": "150000001"}),
        nothing,
    ),
    (
        "INSUFFICIENT_FUND",
        "PREVIEW_INSUFFICIENT_FUND",
        body(form={**LIMIT, "base_size": "2000"}),
        nothing,
    ),
    ("INSUFFICIENT_FUND", "", body(side="SELL"), nothing),
    (
        "INVALID_LIMIT_PRICE_POST_ONLY",
        "PREVIEW_INVALID_LIMIT_PRICE_POST_ONLY",
        body(form={**LIMIT, "limit_price": "100.01", "post_only": True}),
        nothing,
    ),
    ("INVALID_LIMIT_PRICE", "", body(form={"base_size": "1"}), nothing),
    (
        "INVALID_NO_LIQUIDITY",
        "PREVIEW_INVALID_NO_LIQUIDITY",
        body(MARKET, {"base_size": "1"}),
        unquoted,
    ),
    ("INVALID_REQUEST", "", body(form={**LIMIT, "base_size": 1}), nothing),
    (
        "INVALID_REQUEST",
        "PREVIEW_NON_NUMERIC_ORDER_SIZE",
        body(form={**LIMIT, "base_size": "x"}),
        nothing,
    ),
    ("INVALID_REQUEST", "", body(form={**LIMIT, "base_size": "-1"}), nothing),
    (
        "INVALID_REQUEST",
        "",
        body("stop_limit_stop_limit_gtc", {**STOP, "stop_direction": "STOP_DIRECTION_STOP_DOWN"}),
        nothing,
    ),
    ("INVALID_REQUEST", "", body("sor_limit_ioc", {**LIMIT, "post_only": True}), nothing),
    (
        "INVALID_REQUEST",
        "",
        body("limit_limit_gtd", {**LIMIT, "end_time": "2023-12-31T00:00:00Z"}),
        nothing,
    ),
    (
        "POST_ONLY_NOT_ALLOWED_WITH_FOK",
        "",
        body("limit_limit_fok", {**LIMIT, "post_only": True}),
        nothing,
    ),
    ("GTD_ORDERS_MUST_HAVE_END_TIME", "", body("limit_limit_gtd"), nothing),
    (
        "GTD_ORDERS_MUST_HAVE_END_TIME",
        "",
        body("limit_limit_gtd", {**LIMIT, "end_time": "soon"}),
        nothing,
    ),
    (
        "END_TIME_TOO_FAR_IN_FUTURE",
        "",
        body("limit_limit_gtd", {**LIMIT, "end_time": "2034-01-01T00:00:00Z"}),
        nothing,
    ),
    (
        "LIMIT_PRICE_TOO_FAR_FROM_MARKET",
        "PREVIEW_LIMIT_PRICE_TOO_FAR_FROM_MARKET",
        body(form={"base_size": "0.01", "limit_price": "90000"}),
        nothing,
    ),
    (
        "LIMIT_ORDER_PRICE_EXCEEDS_PRICE_BAND_ON_BUY",
        "",
        future({"base_size": "1", "limit_price": "200"}),
        nothing,
    ),
    (
        "LIMIT_ORDER_PRICE_EXCEEDS_PRICE_BAND_ON_SELL",
        "",
        future({"base_size": "1", "limit_price": "45"}, side="SELL"),
        nothing,
    ),
    ("INVALID_MARGIN_TYPE", "", body(margin_type="SOME"), nothing),
    ("INVALID_LEVERAGE", "", body(leverage="x"), nothing),
    ("INVALID_LEVERAGE", "", body(leverage="0.5"), nothing),
    ("INVALID_FCM_TRADING_SESSION", "", future({"base_size": "1", "limit_price": "100"}), closed),
    ("UNTRADABLE_PRODUCT", "", body(), flag("is_disabled")),
    ("UNTRADABLE_PRODUCT", "", body(), flag("view_only")),
    ("UNTRADABLE_PRODUCT", "", body(), flag("status", "delisted")),
    ("TRADING_DISABLED", "", body(), flag("trading_disabled")),
    ("PRODUCT_TRADING_HALTED", "", body(), flag("status", "offline")),
    ("PRODUCT_TRADING_HALTED", "", body(MARKET, {"base_size": "1"}), flag("auction_mode")),
    ("ORDER_ENTRY_DISABLED", "", body(), flag("cancel_only")),
    ("ORDER_ENTRY_DISABLED", "", body(MARKET, {"base_size": "1"}), flag("limit_only")),
    ("ORDER_ENTRY_DISABLED", "", body(), flag("post_only")),
]
OF_THE_ACCOUNT = [
    "FOK_DISABLED",
    "FOK_ONLY_ALLOWED_ON_LIMIT_ORDERS",
    "GEOFENCING_RESTRICTION",
    "INELIGIBLE_PAIR",
    "INSUFFICIENT_FUNDS",
    "INVALID_LEDGER_BALANCE",
    "IN_LIQUIDATION",
    "OPEN_BRACKET_ORDERS",
]


@pytest.fixture
def market(local: Any) -> Any:
    """Return an exchange whose flags are its own, to be quoted inside a loop."""
    products = local.sandbox.products
    for name in products:
        products[name] = json.loads(json.dumps(products[name]))
    return local


def quoted(local: Any) -> None:
    """Quote BTC-USD and the future 100 to 100.01 and 95 to 100."""
    local.quote()
    now_ns = local.clock.now_ns()
    bid, ask, size = Decimal(95), Decimal(100), Decimal(50)
    local.sandbox.exchange.push(Quote(FUTURE, now_ns, bid, ask, size, size, now_ns))


@pytest.mark.parametrize(("code", "preview", "asked", "arrange"), BY_THE_ORDER)
async def test_an_order_is_refused_by_its_code(
    market: Any,
    code: str,
    preview: str,
    asked: dict[str, Any],
    arrange: Callable[[Any], None],
) -> None:
    """With status 200, in a preview as in earnest, and nothing is placed."""
    quoted(market)
    arrange(market)
    answer = market.ask("POST", "/orders", body=asked)
    failure = json.loads(answer.body)["error_response"]
    assert (200, code) == (answer.status, failure["error"])
    assert failure["preview_failure_reason"].startswith(preview or "PREVIEW_")
    errors = json.loads(market.ask("POST", "/orders/preview", body=asked).body)["errs"]
    assert [failure["preview_failure_reason"]] == errors
    assert {} == market.sandbox.exchange.placed


@pytest.mark.parametrize("code", OF_THE_ACCOUNT)
async def test_what_is_refused_for_the_account_is_so_once(market: Any, code: str) -> None:
    """The adapter gives the code on; the next order is judged by itself again."""
    async with market.opened() as venue:
        quoted(market)
        refusing(code)(market)
        intent = OrderIntent(
            instrument_id=BITCOIN,
            side=Side.BUY,
            type=OrderType.LIMIT,
            quantity=Decimal(1),
            limit_price=Decimal(90),
        )
        first, second = (
            Order(name, intent, VIRTUAL_START_NS, OrderStatus.PENDING) for name in "ab"
        )
        with pytest.raises(OrderRejected) as caught:
            await venue.execution.submit(first)
        await venue.execution.submit(second)
    assert (code, False) == (caught.value.code, caught.value.retryable)


async def test_a_repeated_id_is_refused_where_that_is_the_manner(local: Any) -> None:
    """The other of the two documented answers."""
    local.manners = Manners(duplicate_is_refused=True)
    local.renew()
    quoted(local)
    codes = [
        json.loads(local.ask("POST", "/orders", body=body()).body).get("error_response", {})
        for _ in range(2)
    ]
    assert [None, "DUPLICATE_CLIENT_ORDER_ID"] == [each.get("error") for each in codes]


@pytest.mark.parametrize(
    "reason", ["HOLD_FAILURE", "REJECT_REASON_INSUFFICIENT_FUNDS", "RATE_LIMIT_EXCEEDED"]
)
async def test_what_fails_after_it_was_taken_has_its_reason(local: Any, reason: str) -> None:
    """The answer says yes; the order says why not, and the next one is well again."""
    quoted(local)
    local.sandbox.trading.refusals["failure"] = reason
    for name in "ab":
        answer = local.ask("POST", "/orders", body=body(client_order_id=name))
        assert json.loads(answer.body)["success"]
    newest, oldest = json.loads(local.ask("GET", "/orders/historical/batch").body)["orders"]
    assert ("FAILED", reason) == (oldest["status"], oldest["reject_reason"])
    assert "OPEN" == newest["status"]


async def test_one_open_order_too_many_is_taken_and_fails(local: Any) -> None:
    """Its row has the reason; so does the report that the adapter makes of it."""
    local.manners = Manners(open_orders=1)
    local.renew()
    quoted(local)
    for name in "ab":
        assert json.loads(local.ask("POST", "/orders", body=body(client_order_id=name)).body)[
            "success"
        ]
    newest, oldest = json.loads(local.ask("GET", "/orders/historical/batch").body)["orders"]
    assert ("OPEN", "REJECT_REASON_UNSPECIFIED") == (oldest["status"], oldest["reject_reason"])
    assert ("FAILED", "TOO_MANY_OPEN_ORDERS") == (newest["status"], newest["reject_reason"])


@pytest.mark.parametrize("far", [Decimal(2), Decimal(1000)])
async def test_numbers_that_the_reference_leaves_open_are_chosen(local: Any, far: Decimal) -> None:
    """Here: how far from the market a limit may be."""
    local.manners = Manners(limits=Limits(far=far))
    local.renew()
    quoted(local)
    asked = body(form={"base_size": "0.01", "limit_price": "250"})
    answer = json.loads(local.ask("POST", "/orders", body=asked).body)
    assert (far > 2) is answer["success"]


# --- statuses --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "query", "status", "code"),
    [
        ("/nowhere", "", 404, "unknown"),
        ("/products/NOPE-USD", "", 404, "NOT_FOUND"),
        ("/orders/historical/x", "", 404, "NOT_FOUND"),
        ("/accounts/x", "", 404, "NOT_FOUND"),
        ("/products/BTC-USD/candles", "start=0&end=60", 400, "INVALID_ARGUMENT"),
        ("/products/BTC-USD/candles", "end=9&granularity=ONE_MINUTE", 400, "INVALID_ARGUMENT"),
        (
            "/products/BTC-USD/candles",
            "start=0&end=21000&granularity=ONE_MINUTE",
            400,
            "INVALID_ARGUMENT",
        ),
        ("/products/BTC-USD/candles", "start=0&end=20940&granularity=ONE_MINUTE", 200, ""),
        (
            "/products/BTC-USD/candles",
            "start=0&end=60&granularity=ONE_MINUTE&limit=351",
            400,
            "INVALID_ARGUMENT",
        ),
        ("/products/BTC-USD/ticker", "", 400, "INVALID_ARGUMENT"),
        ("/products/BTC-USD/ticker", "limit=5&start=soon", 400, "INVALID_ARGUMENT"),
        ("/products/BTC-USD/ticker", "limit=1000", 200, ""),
        ("/products/BTC-USD/ticker", "limit=1001", 500, "INTERNAL"),
        ("/products", "limit=x", 400, "INVALID_ARGUMENT"),
        ("/accounts", "cursor=x", 400, "INVALID_ARGUMENT"),
        ("/orders/historical/batch", "start_date=yesterday", 400, "INVALID_ARGUMENT"),
        ("/orders/historical/fills", "start_sequence_timestamp=x", 400, "INVALID_ARGUMENT"),
    ],
)
async def test_requests_are_answered_by_status_and_code(
    local: Any, path: str, query: str, status: int, code: str
) -> None:
    """350 bars and no more; 1000 trades, of which a hundred are shown, and no more."""
    answer = local.ask("GET", path, query)
    assert (status, code) == (answer.status, json.loads(answer.body).get("error", ""))


@pytest.mark.parametrize(
    ("permission", "method", "path"),
    [("can_view", "GET", "/accounts"), ("can_trade", "POST", "/orders")],
)
async def test_a_missing_permission_is_403(
    local: Any, permission: str, method: str, path: str
) -> None:
    """In the words that the official client looks for."""
    setattr(local.sandbox.gate.key, permission, False)
    answer = local.ask(method, path, body={})
    assert 403 == answer.status
    assert b'"error_details": "Missing required scopes"' in answer.body


async def test_the_thirty_first_private_request_of_a_second_is_one_too_many(local: Any) -> None:
    """And the eleventh public one; a second later all may be asked again."""
    answers = [local.ask("GET", "/key_permissions") for _ in range(31)]
    assert [200] * 30 + [429] == [each.status for each in answers]
    assert ["29", "0"] == [answers[at].headers["x-ratelimit-remaining"] for at in (0, 29)]
    assert "rate_limit_exceeded" == json.loads(answers[-1].body)["errors"][0]["id"]
    assert [200] * 10 + [429] == [local.ask("GET", "/time").status for _ in range(11)]
    await anyio.sleep(1)
    assert 200 == local.ask("GET", "/key_permissions").status


async def test_messages_without_a_token_are_limited(local: Any) -> None:
    """Eight in a second; those with a token are not counted."""
    url, asked = local.config.market_url, {"type": "subscribe", "channel": "heartbeats"}
    async with local.served(), open_websocket(url, dial=local.network.dial) as websocket:
        for _ in range(9):
            await websocket.send(json.dumps(asked))
        heard = [json.loads(await websocket.receive()) for _ in range(9)]
    assert ["subscriptions"] * 8 == [each.get("channel") for each in heard[:-1]]
    assert {"type": "error", "message": "rate limit exceeded"} == heard[-1]


# --- tokens ----------------------------------------------------------------------------------


def tampered(signer: Signer, now_ns: int, **changes: Any) -> str:
    """Return a good signature under header and claims that were changed before it was made."""
    header, claims, _ = signer.rest_token("GET", f"{ROOT}/accounts", now_ns).split(".")
    parts = []
    for part in (header, claims):
        content = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        content |= {name: value for name, value in changes.items() if name in content}
        parts.append(base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode())
    signed = ".".join(parts)
    signature = signer._signature(signed.encode())
    return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


BAD: list[dict[str, Any]] = [
    {"kid": "another"},
    {"sub": "another"},
    {"kid": "another", "sub": "another"},
    {"iss": "coinbase-cloud"},
    {"nbf": VIRTUAL_START_NS // 10**9 + 1},
    {"exp": VIRTUAL_START_NS // 10**9 - 1},
    {"exp": VIRTUAL_START_NS // 10**9 + 121},
    {"exp": "soon"},
    {"uri": f"POST api.coinbase.com{ROOT}/accounts"},
    {"uri": f"GET api.coinbase.com{ROOT}/orders"},
    {"uri": f"GET api.coinbase.com{ROOT}/accounts?limit=250"},
    {"uri": f"https://api.coinbase.com{ROOT}/accounts"},
    {"alg": "none"},
    {"alg": "ES256"},
    {"nonce": ""},
]


def sent(local: Any, authorization: str) -> Answer:
    """Return the answer to a request with these words of authorization."""
    answer: Answer = local.sandbox.handle(
        Request("GET", f"{ROOT}/accounts", {}, {"authorization": authorization}, b"")
    )
    return answer


@pytest.mark.parametrize("changes", BAD)
async def test_a_token_that_is_not_good_is_401(local: Any, changes: dict[str, Any]) -> None:
    """One thing is wrong with it, and its signature is good; unchanged it is admitted."""
    key = local.sandbox.gate.key
    signer = Signer(key.name, key.private_key, lambda: "0" * 64)
    answer = sent(local, f"Bearer {tampered(signer, local.clock.now_ns(), **changes)}")
    assert (401, b"Unauthorized\n", "text/plain") == (
        answer.status,
        answer.body,
        answer.content_type,
    )
    assert 200 == sent(local, f"Bearer {tampered(signer, local.clock.now_ns())}").status
    assert 401 == sent(local, f"Bearer {tampered(signer, local.clock.now_ns())}").status  # again


@pytest.mark.parametrize("words", ["", "Bearer", "Bearer x", "Bearer a.b.c", "Bearer é.é.é"])
async def test_what_is_no_token_is_401(local: Any, words: str) -> None:
    """Whatever it looks like."""
    assert 401 == sent(local, words).status


async def test_a_token_signed_by_another_key_or_another_way_is_401(local: Any) -> None:
    """A stranger's signature; and a good token under another scheme."""
    key = local.sandbox.gate.key
    stranger = Signer(key.name, ed25519.Ed25519PrivateKey.generate(), lambda: "1" * 64)
    assert 401 == sent(local, f"Bearer {tampered(stranger, local.clock.now_ns())}").status
    signer = Signer(key.name, key.private_key, lambda: "2" * 64)
    assert 401 == sent(local, f"Basic {tampered(signer, local.clock.now_ns())}").status
