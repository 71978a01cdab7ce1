"""
A local Coinbase: the REST protocol over an exchange that really matches.

    sandbox = CoinbaseSandbox(clock, key)
    transport = sandbox.transport()           # for `HttpClient`, in memory
    await serve_websockets(listener, sandbox.streams.serve)

Tokens, permissions, rate limits and orders are checked as the protocol reference says, with its
codes; what is unconfirmed there is a switch here (`Manners`). Faults wait for their occasion:
`sandbox.exchange.arm("lost_ack")`.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final
from urllib.parse import parse_qs

import anyio
import httpx
import msgspec
from attrs import define, field, frozen

from algopioneer_coinbase.messages import Product
from algopioneer_coinbase.numbers import seconds_ns, time_ns
from algopioneer_coinbase.sandbox_auth import ApiKey, Gatekeeper, uri_of
from algopioneer_coinbase.sandbox_orders import Refusal, Terms, code_of, read_order
from algopioneer_coinbase.sandbox_shapes import (
    DEFAULT_PRODUCTS,
    PORTFOLIO,
    account_json,
    candle_json,
    fill_json,
    order_id,
    order_json,
    position_json,
    status_of,
)
from algopioneer_coinbase.sandbox_streams import Streams
from algopioneer_coinbase.symbols import listing_of
from algopioneer_core.domain.errors import DataError, OrderRejected
from algopioneer_core.domain.instruments import Instrument, InstrumentKind
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.domain.money import ZERO, plain, sub
from algopioneer_core.domain.orders import Order, OrderStatus
from algopioneer_core.domain.times import iso_utc
from algopioneer_core.ports import Clock
from algopioneer_core.simulation.paper_config import PaperConfig
from algopioneer_core.simulation.paper_holds import hold_of
from algopioneer_core.simulation.sandbox import LocalExchange, PlacedOrder
from algopioneer_core.wire.rate_limits import TokenBucket

__all__ = ["DEFAULT_CONFIG", "Answer", "CoinbaseSandbox", "Manners", "Request"]

ROOT: Final = "/api/v3/brokerage"
"""Path below which all resources lie."""
DEFAULT_CONFIG: Final = PaperConfig(
    balances=("USD=100000", "USDC=100000", "BTC=2", "ETH=20"),
    maker_fee_bps=Decimal(40),
    taker_fee_bps=Decimal(60),
    slippage_bps=ZERO,
)
"""What the account has and pays unless it is told otherwise."""
_GRANULARITIES: Final = {
    "ONE_MINUTE": 60,
    "FIVE_MINUTE": 300,
    "FIFTEEN_MINUTE": 900,
    "THIRTY_MINUTE": 1800,
    "ONE_HOUR": 3600,
    "TWO_HOUR": 7200,
    "FOUR_HOUR": 14400,
    "SIX_HOUR": 21600,
    "ONE_DAY": 86400,
}
_MOST_CANDLES: Final = 350
_JSON: Final = "application/json"
_HTML: Final = "text/html"


@frozen(kw_only=True)
class Manners:
    """What is not confirmed of the venue, and what tests want to vary."""

    duplicate_is_refused: bool = False
    """Whether a client order id that was used is refused; else its order is returned."""
    cancel_after_ns: int = 0
    """How long a cancel is queued before it is done."""
    read_lag_ns: int = 0
    """How long a new order is not shown by look-ups and lists."""
    private_per_second: int = 30
    public_per_second: int = 10


@frozen
class Request:
    """An HTTP request."""

    method: str
    path: str
    query: Mapping[str, Sequence[str]] = field(factory=dict)
    headers: Mapping[str, str] = field(factory=dict)
    """Names in lower case."""
    body: bytes = b""


@frozen
class Answer:
    """An HTTP answer."""

    status: int
    body: bytes
    content_type: str = _JSON
    headers: Mapping[str, str] = field(factory=dict)


class _Failure(Exception):
    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


@define(eq=False)
class _Filed:
    """An order with what REST needs of it beyond the exchange's own."""

    placed: PlacedOrder
    form: Mapping[str, Any]
    cancel_at_ns: int | None = None


_Handler = Callable[["CoinbaseSandbox", Request], Any]


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
        self.manners = manners or Manners()
        self.products = {str(each["product_id"]): dict(each) for each in products}
        """Products by name; change their flags to halt them."""
        self.exchange = LocalExchange(
            [_instrument(each) for each in self.products.values()], clock, config
        )
        """What is behind the protocol: the truth."""
        self.requests: list[Request] = []
        """The latest requests, oldest first."""
        self.gate = Gatekeeper(key)
        """Checks tokens; its `key` has the permissions."""
        self._clock = clock
        self._instruments = {
            each.id.symbol: each for each in self.exchange.books.instruments.values()
        }
        self._filed: dict[str, _Filed] = {}  # by the exchange's own order id
        self._private = TokenBucket.per_window(
            self.manners.private_per_second + 1,
            NS_PER_SECOND,
            burst=self.manners.private_per_second,
        )
        self._public = TokenBucket.per_window(
            self.manners.public_per_second + 1, NS_PER_SECOND, burst=self.manners.public_per_second
        )
        self.streams = Streams(self.exchange, self.gate, self.status)
        """The websockets."""

    # --- the way in --------------------------------------------------------------------------

    def transport(self) -> httpx.MockTransport:
        """Return what carries a client's requests here, in memory."""

        async def carry(request: httpx.Request) -> httpx.Response:
            await anyio.lowlevel.checkpoint()
            asked = Request(
                request.method,
                request.url.path,
                parse_qs(request.url.query.decode()),
                {name.lower(): value for name, value in request.headers.items()},
                request.content,
            )
            answer = self.handle(asked)
            headers = {"content-type": answer.content_type, **answer.headers}
            return httpx.Response(answer.status, headers=headers, content=answer.body)

        return httpx.MockTransport(carry)

    def handle(self, request: Request) -> Answer:
        """Answer a request; never raises for what a client may send."""
        self.requests.append(request)
        del self.requests[:-10_000]
        self.finish_cancels()
        try:
            handler, permission = self._route(request)
            headers = self._admit(request, permission)
            content = handler(self, request)
        except _Failure as failure:
            return failure.answer
        if self.exchange.befalls("server_error"):
            return _gateway("the answer is lost")
        return Answer(200, json.dumps(content).encode(), headers=headers)

    def _route(self, request: Request) -> tuple[_Handler, str]:
        path = request.path.removeprefix(ROOT)
        exact = _ROUTES.get((request.method, path))
        if exact is not None and path != request.path:
            return exact
        for (method, pattern), route in _ROUTES.items():
            head, star, tail = pattern.partition("*")
            inner = path.removeprefix(head).removesuffix(tail)
            matches = path == f"{head}{inner}{tail}" and inner and "/" not in inner
            if star and method == request.method and matches:
                return route
        raise _Failure(_error(404, "unknown", "Not Found"))

    def _admit(self, request: Request, permission: str) -> dict[str, str]:
        """Check token, permission and rate; return the headers that tell the rate."""
        now_ns = self._clock.now_ns()
        bucket = self._private if permission else self._public
        if self.exchange.befalls("rate_limit") or bucket.delay_ns(now_ns):
            body = {"errors": [{"id": "rate_limit_exceeded", "message": "Too many requests"}]}
            raise _Failure(Answer(429, json.dumps(body).encode()))
        bucket.take(now_ns)
        if not permission:
            return {}
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        uri = uri_of(request.method, request.path)
        if scheme != "Bearer" or not self.gate.admits(token, now_ns, uri=uri):
            raise _Failure(Answer(401, b"Unauthorized\n", "text/plain"))
        if not getattr(self.gate.key, f"can_{permission}"):
            raise _Failure(_error(403, "PERMISSION_DENIED", "Missing required scopes"))
        left = max(0, bucket.tokens(now_ns))
        return {
            "x-ratelimit-limit": str(self.manners.private_per_second),
            "x-ratelimit-remaining": str(left),
            "x-ratelimit-reset": "1",
        }

    # --- time --------------------------------------------------------------------------------

    async def run(self) -> None:
        """Do what falls due without a request: queued cancels. Until cancelled."""
        while True:
            due = [each.cancel_at_ns for each in self._filed.values() if each.cancel_at_ns]
            wait_ns = min(due, default=self._clock.now_ns() + NS_PER_SECOND) - self._clock.now_ns()
            await anyio.sleep(min(max(wait_ns, 1_000_000), NS_PER_SECOND) / NS_PER_SECOND)
            self.finish_cancels()

    def finish_cancels(self) -> None:
        """End the orders whose queued cancel is due; one may be filled at the last moment."""
        now_ns = self._clock.now_ns()
        for filed in self._filed.values():
            if filed.cancel_at_ns is None or filed.cancel_at_ns > now_ns:
                continue
            filed.cancel_at_ns = None
            client_order_id = filed.placed.order.client_order_id
            if self.exchange.befalls("late_fill"):
                self.exchange.fill_at_limit(client_order_id)
            self.exchange.cancel(client_order_id)

    def status(self, placed: PlacedOrder) -> str:
        """Return an order's status in the venue's words."""
        filed = self._filed.get(order_id(placed))
        queued = filed is not None and filed.cancel_at_ns is not None
        return (
            "CANCEL_QUEUED"
            if queued and not placed.order.status.is_final
            else status_of(placed.order)
        )

    # --- markets -----------------------------------------------------------------------------

    def _time(self, _: Request) -> Any:
        now_ns = self._clock.now_ns()
        return {
            "iso": iso_utc(now_ns - now_ns % NS_PER_SECOND),
            "epochSeconds": str(now_ns // NS_PER_SECOND),
            "epochMillis": str(now_ns // 1_000_000),
        }

    def _products(self, request: Request) -> Any:
        wanted = request.query.get("product_ids", [])
        kinds = request.query.get("product_type", [])
        rows = [
            self._priced(each)
            for each in self.products.values()
            if (not wanted or each["product_id"] in wanted)
            and (not kinds or each["product_type"] in kinds)
        ]
        start = int(_one(request, "offset", "0"))
        rows = rows[start : start + int(_one(request, "limit", "1000"))]
        return {"products": rows, "num_products": len(rows)}

    def _product(self, request: Request) -> Any:
        return self._priced(self.products[self._listed(request.path.rpartition("/")[2]).id.symbol])

    def _priced(self, product: dict[str, Any]) -> dict[str, Any]:
        instrument = self._instruments[product["product_id"]]
        price = self.exchange.candles[instrument.id].last_price
        return {**product, "price": "" if price is None else plain(price)}

    def _candles(self, request: Request) -> Any:
        instrument = self._listed(request.path.split("/")[-2])
        seconds = _GRANULARITIES.get(_one(request, "granularity"))
        if seconds is None:
            raise _Failure(_error(400, "INVALID_ARGUMENT", "granularity is invalid"))
        start, end = (_seconds(request, name) for name in ("start", "end"))
        interval_ns = seconds * NS_PER_SECOND
        # Both ends are asked for, so as many buckets as steps and one more.
        if (end - start) // interval_ns + 1 > _MOST_CANDLES:
            text = "start and end argument is invalid - number of candles requested should be "
            raise _Failure(_error(400, "INVALID_ARGUMENT", f"{text}less than {_MOST_CANDLES}"))
        rows = self.exchange.candles[self._book(instrument)].rows(interval_ns, start, end + 1)
        return {"candles": [candle_json(each) for each in reversed(rows)]}

    def _listed(self, name: str) -> Instrument:
        instrument = self._instruments.get(name)
        if instrument is None:
            raise _Failure(_error(404, "NOT_FOUND", f"Product {name} not supported"))
        return instrument

    def _book(self, instrument: Instrument) -> Any:
        """Return the id under which an instrument's market lies: an alias has none of its own."""
        alias = self.products[instrument.id.symbol]["alias"]
        return self._instruments[alias].id if alias in self._instruments else instrument.id

    # --- account -----------------------------------------------------------------------------

    def _accounts(self, request: Request) -> Any:
        rows = [
            account_json(number, each.asset, sub(each.total, each.held), each.held)
            for number, each in enumerate(self.exchange.books.balances(), 1)
        ]
        page, cursor = _page(rows, request, 49)
        return {"accounts": page, "has_next": bool(cursor), "cursor": cursor, "size": len(page)}

    def _fees(self, _: Request) -> Any:
        costs = self.exchange.costs(next(iter(self._instruments.values())))
        return {
            "total_volume": 0.0,
            "total_fees": 0.0,
            "fee_tier": {
                "pricing_tier": "Intro 2",
                "usd_from": "1000",
                "usd_to": "10000",
                "taker_fee_rate": plain(costs.taker),
                "maker_fee_rate": plain(costs.maker),
                "aop_from": "500000",
                "aop_to": "1000000",
            },
            "margin_rate": None,
            "goods_and_services_tax": None,
            "advanced_trade_only_volume": 0.0,
            "advanced_trade_only_fees": 0.0,
            "coinbase_pro_volume": 0,
            "coinbase_pro_fees": 0,
            "total_balance": "0",
            "has_promo_fee": False,
        }

    def _permissions(self, _: Request) -> Any:
        key = self.gate.key
        return {
            "can_view": key.can_view,
            "can_trade": key.can_trade,
            "can_transfer": key.can_transfer,
            "can_receive": False,
            "portfolio_uuid": PORTFOLIO,
            "portfolio_type": "DEFAULT",
        }

    def _positions(self, _: Request) -> Any:
        account = self.exchange.books.account
        rows = [
            position_json(instrument, quantity, account.mark(instrument.id) or ZERO)
            for instrument in self._instruments.values()
            if instrument.kind is InstrumentKind.FUTURE
            and (quantity := account.held(instrument.id))
        ]
        return {"positions": rows}

    # --- orders ------------------------------------------------------------------------------

    def _create(self, request: Request) -> Any:
        body = _body(request)
        name = body.get("client_order_id")
        if not isinstance(name, str) or not name:
            raise _Failure(_error(400, "INVALID_ARGUMENT", "client_order_id is required"))
        if self.exchange.befalls("lost_request"):
            raise _Failure(_gateway("the request is lost"))
        try:
            placed = self._placed(name, body)
        except Refusal as refusal:
            return _refused(refusal, body)
        if self.exchange.befalls("lost_ack"):
            raise _Failure(_gateway("the acknowledgement is lost"))
        return {
            "success": True,
            "success_response": {
                "order_id": order_id(placed),
                "product_id": placed.order.intent.instrument_id.symbol,
                "side": placed.order.intent.side.name,
                "client_order_id": name,
                "attached_order_id": "",
            },
            "order_configuration": body["order_configuration"],
        }

    def _placed(self, name: str, body: dict[str, Any]) -> PlacedOrder:
        known = self.exchange.placed.get(name)
        if known is not None and self.manners.duplicate_is_refused:
            raise Refusal("DUPLICATE_CLIENT_ORDER_ID")
        if known is not None:
            return known
        if self.exchange.befalls("reject"):
            raise Refusal("COMMANDER_REJECTED_NEW_ORDER")
        instrument = self._instruments.get(str(body.get("product_id")))
        if instrument is None:
            raise Refusal("INVALID_PRODUCT_ID")
        terms = Terms(
            instrument,
            self.products[instrument.id.symbol],
            self.exchange.quotes.get(instrument.id),
            self.exchange.costs(instrument).taker,
        )
        intent = read_order(body, terms)
        number = len(self.exchange.placed) + 1
        order = Order(name, intent, self._clock.now_ns(), OrderStatus.PENDING)
        try:
            placed = self.exchange.place(order)
        except OrderRejected as rejected:
            raise Refusal(code_of(rejected.message), rejected.message) from None
        assert placed.number == number
        self._filed[order_id(placed)] = _Filed(placed, body["order_configuration"])
        return placed

    def _cancel(self, request: Request) -> Any:
        ids = _body(request).get("order_ids")
        if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids):
            raise _Failure(_error(400, "INVALID_ARGUMENT", "order_ids is required"))
        results = [self._cancel_one(each) for each in ids]
        self.finish_cancels()
        return {"results": results}

    def _cancel_one(self, name: str) -> dict[str, Any]:
        filed = self._filed.get(name)
        reason = "UNKNOWN_CANCEL_ORDER"
        if filed is not None and filed.placed.order.status is OrderStatus.FILLED:
            reason = "ORDER_IS_FULLY_FILLED"
        elif filed is not None and filed.cancel_at_ns is not None:
            reason = "DUPLICATE_CANCEL_REQUEST"
        elif filed is not None and not filed.placed.order.status.is_final:
            filed.cancel_at_ns = self._clock.now_ns() + self.manners.cancel_after_ns
            self.streams.show_order(filed.placed)
            reason = ""
        return {
            "success": not reason,
            "failure_reason": reason or "UNKNOWN_CANCEL_FAILURE_REASON",
            "order_id": name,
        }

    def _visible(self) -> list[_Filed]:
        """Return what look-ups show, newest first."""
        until_ns = self._clock.now_ns() - self.manners.read_lag_ns
        if self.exchange.faults["delayed_read"]:
            until_ns -= 60 * NS_PER_SECOND
        return [
            each for each in reversed(self._filed.values()) if each.placed.placed_ns <= until_ns
        ]

    def _row(self, filed: _Filed) -> dict[str, Any]:
        placed = filed.placed
        instrument = self._instruments[placed.order.intent.instrument_id.symbol]
        hold = ZERO
        if not placed.order.status.is_final:
            _, hold = hold_of(placed.order, self.exchange.costs(instrument))
        row = order_json(placed, filed.form, self.status(placed), hold)
        kind = self.products[instrument.id.symbol]["product_type"]
        return {**row, "product_type": kind}

    def _order(self, request: Request) -> Any:
        name = request.path.rpartition("/")[2]
        filed = next((each for each in self._visible() if order_id(each.placed) == name), None)
        if filed is None:
            raise _Failure(_error(404, "NOT_FOUND", f"order with id {name} not found"))
        return {"order": self._row(filed)}

    def _orders(self, request: Request) -> Any:
        query = request.query
        start, end = (time_ns(_one(request, name)) for name in ("start_date", "end_date"))
        rows = [
            self._row(each)
            for each in self._visible()
            if each.placed.placed_ns >= start and (not end or each.placed.placed_ns < end)
        ]
        for name, key in (
            ("order_ids", "order_id"),
            ("product_ids", "product_id"),
            ("order_status", "status"),
        ):
            rows = [row for row in rows if name not in query or row[key] in query[name]]
        page, cursor = _page(rows, request, 100)
        return {
            "orders": page,
            "sequence": "0",
            "has_next": bool(cursor),
            "cursor": cursor,
            "proof_token_required": False,
        }

    def _fills(self, request: Request) -> Any:
        query = request.query
        start, end = (
            time_ns(_one(request, f"{name}_sequence_timestamp")) for name in ("start", "end")
        )
        fills = [
            (fill.ts_event, fill_json(each.placed, fill))
            for each in self._visible()
            for fill in each.placed.fills
            if fill.ts_event >= start and (not end or fill.ts_event < end)
        ]
        rows = [row for _, row in sorted(fills, key=lambda pair: -pair[0])]
        for name, key in (("order_ids", "order_id"), ("product_ids", "product_id")):
            rows = [row for row in rows if name not in query or row[key] in query[name]]
        page, cursor = _page(rows, request, 100)
        return {"fills": page, "cursor": cursor}


_ROUTES: Final[dict[tuple[str, str], tuple[_Handler, str]]] = {
    ("GET", "/time"): (CoinbaseSandbox._time, ""),
    ("GET", "/market/products"): (CoinbaseSandbox._products, ""),
    ("GET", "/market/products/*"): (CoinbaseSandbox._product, ""),
    ("GET", "/market/products/*/candles"): (CoinbaseSandbox._candles, ""),
    ("GET", "/products"): (CoinbaseSandbox._products, "view"),
    ("GET", "/products/*"): (CoinbaseSandbox._product, "view"),
    ("GET", "/products/*/candles"): (CoinbaseSandbox._candles, "view"),
    ("GET", "/accounts"): (CoinbaseSandbox._accounts, "view"),
    ("GET", "/transaction_summary"): (CoinbaseSandbox._fees, "view"),
    ("GET", "/key_permissions"): (CoinbaseSandbox._permissions, "view"),
    ("GET", "/cfm/positions"): (CoinbaseSandbox._positions, "view"),
    ("POST", "/orders"): (CoinbaseSandbox._create, "trade"),
    ("POST", "/orders/batch_cancel"): (CoinbaseSandbox._cancel, "trade"),
    ("GET", "/orders/historical/batch"): (CoinbaseSandbox._orders, "view"),
    ("GET", "/orders/historical/fills"): (CoinbaseSandbox._fills, "view"),
    ("GET", "/orders/historical/*"): (CoinbaseSandbox._order, "view"),
}
"""What is served, and the permission that it takes; none is public."""


def _instrument(product: dict[str, Any]) -> Instrument:
    listing = listing_of(msgspec.convert(product, Product))
    if listing is None:
        raise DataError("the product is not of a kind that is traded", where=product["product_id"])
    return listing.instrument


def _error(status: int, code: str, message: str) -> Answer:
    body = {"error": code, "error_details": message, "message": message}
    return Answer(status, json.dumps(body).encode())


def _gateway(why: str) -> Answer:
    """Return what a proxy says when the venue's own answer does not come."""
    return Answer(504, f"<html>504 Gateway Time-out: {why}</html>".encode(), _HTML)


def _refused(refusal: Refusal, body: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "success": False,
        "error_response": {
            "error": refusal.code,
            "message": refusal.message,
            "error_details": "",
            "preview_failure_reason": refusal.preview,
        },
        "order_configuration": body.get("order_configuration"),
    }


def _body(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(request.body)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise _Failure(_error(400, "INVALID_ARGUMENT", "the body is not an object"))
    return body


def _one(request: Request, name: str, default: str = "") -> str:
    values = request.query.get(name, [])
    return values[0] if values else default


def _seconds(request: Request, name: str) -> int:
    try:
        return seconds_ns(_one(request, name))
    except DataError:
        raise _Failure(_error(400, "INVALID_ARGUMENT", f"{name} is invalid")) from None


def _page(rows: list[Any], request: Request, limit: int) -> tuple[list[Any], str]:
    """Return one page and the cursor of the next; the cursor of the last is empty."""
    try:
        start = int(_one(request, "cursor", "0"))
        size = min(max(int(_one(request, "limit", str(limit))), 1), 250)
    except ValueError:
        raise _Failure(_error(400, "INVALID_ARGUMENT", "cursor or limit is invalid")) from None
    following = start + size
    return rows[start:following], str(following) if following < len(rows) else ""
