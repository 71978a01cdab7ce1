"""The REST protocol of the local Coinbase: who may ask what, how often, and the reads."""

import json
from collections.abc import Callable
from typing import Any, Final

import msgspec

from algopioneer_coinbase.sandbox_auth import Gatekeeper, PerSecond, uris_of
from algopioneer_coinbase.sandbox_futures import FUTURES_ASSET, FuturesAccount
from algopioneer_coinbase.sandbox_http import (
    Answer,
    Failure,
    Request,
    error_answer,
    gateway_answer,
    page_of,
)
from algopioneer_coinbase.sandbox_order_reads import OrderReads
from algopioneer_coinbase.sandbox_reads import MarketReads
from algopioneer_coinbase.sandbox_shapes import PORTFOLIO, account_json
from algopioneer_coinbase.sandbox_trading import Trading
from algopioneer_core.domain.money import ZERO, neg, plain, total

__all__ = ["ROOT", "RestApi"]

ROOT: Final = "/api/v3/brokerage"
"""Path below which all resources lie."""

_Handler = Callable[["RestApi", Request], Any]


class RestApi:
    """
    Answers requests.

    Args:
        trading: What orders are handed to; its exchange is read.
        futures: The account's second pocket.
        gate: Checks tokens.
    """

    def __init__(self, trading: Trading, futures: FuturesAccount, gate: Gatekeeper) -> None:
        self.requests: list[Request] = []
        """The latest requests, oldest first."""
        self._trading = trading
        self._gate = gate
        self._exchange = trading.exchange
        self._orders = OrderReads(trading)
        self._markets = MarketReads(trading.exchange, trading.products)
        self._futures = futures
        self._clock = self._exchange.clock
        self._instruments = {
            each.id.symbol: each for each in self._exchange.books.instruments.values()
        }
        manners = trading.manners
        self._private = PerSecond(manners.private_per_second)
        self._public = PerSecond(manners.public_per_second)

    def handle(self, request: Request) -> Answer:
        """Answer a request; never raises for what a client may send."""
        self.requests.append(request)
        del self.requests[:-10_000]
        self._trading.catch_up()
        try:
            handler, permission = self._route(request)
            headers = self._admit(request, permission)
            content = handler(self, request)
        except Failure as failure:
            return failure.answer
        if self._exchange.befalls("server_error"):
            return gateway_answer("the answer is lost")
        return Answer(200, msgspec.json.encode(content), headers=headers)

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
        raise Failure(error_answer(404, "unknown", "Not Found"))

    def _admit(self, request: Request, permission: str) -> dict[str, str]:
        """Check token, permission and rate; return the headers that tell the rate."""
        now_ns = self._clock.now_ns()
        limit = self._private if permission else self._public
        left = limit.left(now_ns)
        if self._exchange.befalls("rate_limit") or not left:
            body = {"errors": [{"id": "rate_limit_exceeded", "message": "Too many requests"}]}
            raise Failure(Answer(429, json.dumps(body).encode()))
        limit.take(now_ns)
        if not permission:
            return {}
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        uris = uris_of(request.method, request.path, request.headers.get("host", ""))
        if scheme != "Bearer" or not self._gate.admits(token, now_ns, uris=uris):
            raise Failure(Answer(401, b"Unauthorized\n", "text/plain"))
        if not getattr(self._gate.key, f"can_{permission}"):
            raise Failure(error_answer(403, "PERMISSION_DENIED", "Missing required scopes"))
        return {
            "x-ratelimit-limit": str(self._trading.manners.private_per_second),
            "x-ratelimit-remaining": str(left - 1),
            "x-ratelimit-reset": "1",
        }

    # --- account -----------------------------------------------------------------------------

    def _wallets(self) -> list[dict[str, Any]]:
        elsewhere = {FUTURES_ASSET: self._futures.money}
        return [
            account_json(
                number,
                each.asset,
                total(each.total, neg(each.held), neg(elsewhere.get(each.asset, ZERO))),
                each.held,
            )
            for number, each in enumerate(self._exchange.books.balances(), 1)
        ]

    def _account(self, request: Request) -> Any:
        uuid = request.path.rpartition("/")[2]
        account = next((each for each in self._wallets() if each["uuid"] == uuid), None)
        if account is None:
            raise Failure(error_answer(404, "NOT_FOUND", f"account {uuid} not found"))
        return {"account": account}

    def _portfolios(self, _: Request) -> Any:
        own = {"name": "Default", "uuid": PORTFOLIO, "type": "DEFAULT", "deleted": False}
        return {"portfolios": [own]}

    def _accounts(self, request: Request) -> Any:
        page, cursor = page_of(self._wallets(), request, 49)
        return {"accounts": page, "has_next": bool(cursor), "cursor": cursor, "size": len(page)}

    def _fees(self, _: Request) -> Any:
        costs = self._exchange.costs(next(iter(self._instruments.values())))
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
        key = self._gate.key
        return {
            "can_view": key.can_view,
            "can_trade": key.can_trade,
            "can_transfer": key.can_transfer,
            "can_receive": False,
            "portfolio_uuid": PORTFOLIO,
            "portfolio_type": "DEFAULT",
        }

    def _position(self, request: Request) -> Any:
        name = request.path.rpartition("/")[2]
        rows = (each for each in self._futures.positions() if each["product_id"] == name)
        position = next(rows, None)
        if position is None:
            raise Failure(error_answer(404, "NOT_FOUND", f"no position in {name}"))
        return {"position": position}


_OF_MARKETS: Final[dict[str, _Handler]] = {
    "/products": lambda api, request: api._markets.products(request),
    "/products/*": lambda api, request: api._markets.product(request),
    "/products/*/candles": lambda api, request: api._markets.candles(request),
    "/products/*/ticker": lambda api, request: api._markets.trades(request),
    "/product_book": lambda api, request: api._markets.book(request),
}
"""What is served with the key and, below `/market`, without it."""
_ROUTES: Final[dict[tuple[str, str], tuple[_Handler, str]]] = {
    ("GET", "/time"): (lambda api, request: api._markets.time(request), ""),
    **{
        ("GET", f"{prefix}{path}"): (handler, permission)
        for prefix, permission in (("/market", ""), ("", "view"))
        for path, handler in _OF_MARKETS.items()
    },
    ("GET", "/best_bid_ask"): (lambda api, request: api._markets.best(request), "view"),
    ("GET", "/accounts"): (RestApi._accounts, "view"),
    ("GET", "/accounts/*"): (RestApi._account, "view"),
    ("GET", "/portfolios"): (RestApi._portfolios, "view"),
    ("GET", "/transaction_summary"): (RestApi._fees, "view"),
    ("GET", "/key_permissions"): (RestApi._permissions, "view"),
    ("GET", "/cfm/balance_summary"): (
        lambda api, _: {"balance_summary": api._futures.summary()},
        "view",
    ),
    ("GET", "/cfm/positions"): (lambda api, _: {"positions": api._futures.positions()}, "view"),
    ("GET", "/cfm/positions/*"): (RestApi._position, "view"),
    ("POST", "/orders"): (lambda api, request: api._trading.create(request), "trade"),
    ("POST", "/orders/preview"): (lambda api, request: api._trading.preview(request), "view"),
    ("POST", "/orders/edit"): (lambda api, request: api._trading.edit(request), "trade"),
    ("POST", "/orders/edit_preview"): (
        lambda api, request: api._trading.edit_preview(request),
        "trade",
    ),
    ("POST", "/orders/batch_cancel"): (lambda api, request: api._trading.cancel(request), "trade"),
    ("POST", "/orders/close_position"): (
        lambda api, request: api._trading.close_position(request),
        "trade",
    ),
    ("GET", "/orders/historical/batch"): (lambda api, request: api._orders.orders(request), "view"),
    ("GET", "/orders/historical/fills"): (lambda api, request: api._orders.fills(request), "view"),
    ("GET", "/orders/historical/*"): (lambda api, request: api._orders.order(request), "view"),
}
"""What is served, and the permission that it takes; none is public."""
