"""
Requests to Coinbase: signed anew each, paced, repeated where that is safe, errors by their code.

What is safe to repeat: every read; a request that was refused as one too many, which did nothing.
A request that places or cancels is sent once otherwise: who sent it asks what became of it.
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

import httpx

from algopioneer_coinbase.messages import (
    Account,
    AccountsPage,
    CancelResult,
    CancelResults,
    CandleRow,
    CandlesPage,
    CreateResponse,
    ErrorBody,
    FeeTier,
    FillRow,
    FillsPage,
    FutureBalances,
    FutureBalancesAnswer,
    FuturePosition,
    FuturePositions,
    KeyPermissions,
    OrderAnswer,
    OrderRow,
    OrdersPage,
    Product,
    ProductsPage,
    ServerTime,
    TransactionSummary,
    decode,
)
from algopioneer_coinbase.signing import Signer
from algopioneer_core.domain.errors import (
    AuthenticationFailed,
    DataError,
    RateLimited,
    RefusedError,
    UnsupportedOperation,
    VenueError,
)
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.ports import Clock
from algopioneer_core.wire.backoff import Backoff, BackoffPolicy
from algopioneer_core.wire.http import HttpClient
from algopioneer_core.wire.pacing import monotonic_ns, repeat_until_done, wait_turn
from algopioneer_core.wire.rate_limits import TokenBucket
from algopioneer_core.wire.statuses import error_of_status

__all__ = ["CANDLES_A_PAGE", "CoinbaseRest", "Pace"]

_T = TypeVar("_T")
Query = Sequence[tuple[str, str]]
ROOT: Final = "/api/v3/brokerage"
CANDLES_A_PAGE: Final = 300
"""350 are said to be the most, but both ends count and clients were refused at 350 and at 349
(protocol: candles): this many have always been served."""
_ACCOUNTS_A_PAGE: Final = "250"
"""The most; by default an account with many assets would be cut short at 49."""
_ORDERS_A_PAGE: Final = "250"
_CANCELS_A_REQUEST: Final = 100
"""The most is not documented."""
_READ_ATTEMPTS: Final = 5
_TURN_ATTEMPTS: Final = 5
_RESERVED: Final = 5
"""Requests of a second that are kept for orders and cancels."""
_PAUSE_NS: Final = NS_PER_SECOND
"""How long to pause after a refusal that does not say it."""
_EVERY_STATUS: Final = range(100, 600)
_READS: Final = BackoffPolicy(base_ns=NS_PER_SECOND // 2, cap_ns=15 * NS_PER_SECOND)


class Pace:
    """How many requests may go: with the key and without it (protocol: rate limits)."""

    def __init__(self, private_per_second: int, public_per_second: int) -> None:
        self.private = TokenBucket.per_window(private_per_second, NS_PER_SECOND)
        self.public = TokenBucket.per_window(public_per_second, NS_PER_SECOND)


class CoinbaseRest:
    """
    The REST API, as far as it is used.

    Args:
        http: Where requests go.
        signer: Signs them; None asks only for what is public.
        clock: The time that tokens carry.
        pace: Limits shared by all who use the key.
        draw: Gives numbers in [0, 1) for the jitter of repetitions.
    """

    def __init__(
        self,
        http: HttpClient,
        signer: Signer | None,
        clock: Clock,
        pace: Pace,
        draw: Callable[[], float],
    ) -> None:
        self._http = http
        self._signer = signer
        self._clock = clock
        self._pace = pace
        self._draw = draw
        self._ahead_ns = 0  # our clock's, as far as it is known

    # --- markets -----------------------------------------------------------------------------

    async def server_time_ns(self) -> int:
        """Return the venue's time, UTC nanoseconds, to the millisecond."""
        return _time_of(await self._read("/time", ServerTime, public=True))

    async def products(self, kind: str) -> list[Product]:
        """Return all products of a kind: SPOT or FUTURE."""
        return (await self._market("/products", ProductsPage, [("product_type", kind)])).products

    async def candles(
        self, product_id: str, granularity: str, start_s: int, end_s: int
    ) -> list[CandleRow]:
        """Return the bars that open in [start_s, end_s], newest first: one page of them."""
        query = [("start", str(start_s)), ("end", str(end_s)), ("granularity", granularity)]
        path = f"/products/{product_id}/candles"
        return (await self._market(path, CandlesPage, query)).candles

    # --- account -----------------------------------------------------------------------------

    async def accounts(self) -> list[Account]:
        """Return all wallets."""
        found: list[Account] = []
        cursor = ""
        while True:
            query = [("limit", _ACCOUNTS_A_PAGE), *_cursor(cursor)]
            page = await self._read("/accounts", AccountsPage, query)
            found += page.accounts
            cursor = page.cursor if page.has_next else ""
            if not cursor:
                return found

    async def fee_tier(self, product_type: str) -> FeeTier:
        """Return the account's present rates for SPOT or FUTURE."""
        query = [("product_type", product_type)]
        return (await self._read("/transaction_summary", TransactionSummary, query)).fee_tier

    async def key_permissions(self) -> KeyPermissions:
        """Return what the key may do."""
        return await self._read("/key_permissions", KeyPermissions)

    async def future_balances(self) -> FutureBalances:
        """Return the money behind US futures."""
        return (await self._read("/cfm/balance_summary", FutureBalancesAnswer)).balance_summary

    async def future_positions(self) -> list[FuturePosition]:
        """Return what is held of US futures."""
        return (await self._read("/cfm/positions", FuturePositions)).positions

    # --- orders ------------------------------------------------------------------------------

    async def create(self, body: dict[str, Any]) -> CreateResponse:
        """
        Send an order, again only where it was refused as one too many.

        Raises:
            RateLimited: It was refused so again and again; nothing was placed.
            VenueError: See `outcome` for what the failure left behind.
        """
        return await self._turns(lambda: self._post("/orders", body, CreateResponse))

    async def cancel(self, order_ids: Sequence[str]) -> list[CancelResult]:
        """Ask for the end of orders, by the venue's ids; the order of results is not promised."""
        results: list[CancelResult] = []
        for start in range(0, len(order_ids), _CANCELS_A_REQUEST):
            body = {"order_ids": list(order_ids[start : start + _CANCELS_A_REQUEST])}
            results += (await self._turns(self._cancelling(body))).results
        return results

    def _cancelling(self, body: dict[str, Any]) -> Callable[[], Awaitable[CancelResults]]:
        return lambda: self._post("/orders/batch_cancel", body, CancelResults)

    async def order(self, order_id: str) -> OrderRow | None:
        """Return an order by the venue's id; None where it is not (or not yet) shown."""
        try:
            answer = await self._read(f"/orders/historical/{order_id}", OrderAnswer)
        except VenueError as error:
            if error.code in ("NOT_FOUND", str(HTTPStatus.NOT_FOUND.value)):
                return None
            raise
        return answer.order

    async def orders(self, query: Query) -> list[OrderRow]:
        """
        Return all orders that *query* selects, each once, newest first.

        Raises:
            RefusedError: The venue holds data back until the holder has confirmed who he is.
        """
        found: dict[str, OrderRow] = {}
        cursor = ""
        while True:
            asked = [*query, ("limit", _ORDERS_A_PAGE), *_cursor(cursor)]
            page = await self._read("/orders/historical/batch", OrdersPage, asked)
            _check_confirmed(page.proof_token_required)
            found |= {row.order_id: row for row in page.orders}
            cursor = page.cursor if page.has_next else ""
            if not cursor:
                return list(found.values())

    async def fills(self, query: Query) -> list[FillRow]:
        """
        Return all fills that *query* selects, each once.

        The last page is the one without a cursor; pages may overlap (protocol: fills).

        Raises:
            RefusedError: The venue holds data back until the holder has confirmed who he is.
        """
        found: dict[str, FillRow] = {}
        cursor = ""
        while True:
            page = await self._read(
                "/orders/historical/fills", FillsPage, [*query, *_cursor(cursor)]
            )
            _check_confirmed(page.proof_token_required)
            found |= {row.entry_id: row for row in page.fills}
            if not page.cursor or page.cursor == cursor:
                return list(found.values())
            cursor = page.cursor

    # --- one request -------------------------------------------------------------------------

    async def _market(self, path: str, kind: type[_T], query: Query) -> _T:
        """Read market data: with the key where there is one, else its public twin."""
        if self._signer is None:
            return await self._read(f"/market{path}", kind, query, public=True)
        return await self._read(path, kind, query)

    async def _read(
        self, path: str, kind: type[_T], query: Query = (), *, public: bool = False
    ) -> _T:
        backoff = Backoff(_READS, self._draw)
        return await repeat_until_done(
            lambda: self._send("GET", path, kind, query=query, public=public),
            backoff,
            attempts=_READ_ATTEMPTS,
        )

    async def _post(self, path: str, body: dict[str, Any], kind: type[_T]) -> _T:
        return await self._send("POST", path, kind, content=json.dumps(body).encode())

    async def _turns(self, send: Callable[[], Awaitable[_T]]) -> _T:
        """Send until it is not refused as one too many; the pace waits in between."""
        for _ in range(_TURN_ATTEMPTS - 1):
            try:
                return await send()
            except RateLimited:
                continue
        return await send()

    async def _send(
        self,
        method: str,
        path: str,
        kind: type[_T],
        *,
        query: Query = (),
        content: bytes | None = None,
        public: bool = False,
    ) -> _T:
        response = await self._exchange(method, path, query, content, public=public)
        if response.status_code == HTTPStatus.UNAUTHORIZED and not public:
            # A token lives two minutes and names one request; the venue refuses good ones at times
            # (protocol: pitfalls), and all of a clock that is wrong. A new one of the venue's time
            # tells. Nothing was done, so it may be sent again.
            await self.learn_time()
            response = await self._exchange(method, path, query, content, public=public)
        where = f"{method} {self._http.host}{ROOT}{path}"
        if not response.is_success:
            raise self._error(response, where, public=public)
        try:
            return decode(response.content, kind)
        except DataError as error:
            raise VenueError(error.message, where=where) from None  # done, and not known what

    async def _exchange(
        self, method: str, path: str, query: Query, content: bytes | None, *, public: bool
    ) -> httpx.Response:
        bucket = self._pace.public if public else self._pace.private
        reserve = 0 if method == "POST" or public else min(_RESERVED, bucket.capacity - 1)
        await wait_turn([bucket], reserve=reserve)
        full = f"{ROOT}{path}"
        # The CDN keeps public answers for a second, and says hours (protocol: REST, general).
        headers = {"Cache-Control": "no-cache"}
        if content is not None:
            headers["Content-Type"] = "application/json"
        if not public:
            headers["Authorization"] = f"Bearer {self._token(method, full)}"
        asked = f"{full}?{urlencode(query)}" if query else full
        return await self._http.request(
            method, asked, content=content, headers=headers, expect=_EVERY_STATUS
        )

    # --- tokens ------------------------------------------------------------------------------

    async def learn_time(self) -> None:
        """
        Compare our clock with the venue's: tokens carry the venue's time from now on.

        For when a token was refused: a clock that is wrong by seconds spoils all of them. Where the
        venue does not tell its time, nothing changes.
        """
        try:
            answer = await self._send("GET", "/time", ServerTime, public=True)
            self._ahead_ns = self._clock.now_ns() - _time_of(answer)
        except (VenueError, DataError):
            return

    def stream_token(self) -> str:
        """
        Return a token for one message of a stream.

        Raises:
            UnsupportedOperation: There is no key.
        """
        return self._key().stream_token(self._now_ns())

    def _token(self, method: str, path: str) -> str:
        return self._key().rest_token(method, path, self._now_ns())

    def _now_ns(self) -> int:
        return self._clock.now_ns() - self._ahead_ns

    def _key(self) -> Signer:
        if self._signer is None:
            raise UnsupportedOperation(
                "there is no key, so there is no account",
                where="coinbase",
                remedy="set COINBASE_API_KEY and COINBASE_API_SECRET",
            )
        return self._signer

    def _error(self, response: httpx.Response, where: str, *, public: bool) -> VenueError:
        try:
            body = decode(response.content, ErrorBody)
        except DataError:  # a proxy's page, or plain text
            body = ErrorBody()
        detail = body.message or body.error_details
        error = error_of_status(response.status_code, response.headers, where=where, detail=detail)
        error.code = body.code or error.code
        if isinstance(error, RateLimited):
            bucket = self._pace.public if public else self._pace.private
            bucket.pause(monotonic_ns(), error.retry_after_ns or _PAUSE_NS)
        if isinstance(error, AuthenticationFailed):
            error.remedy = (
                "check the key's permissions with `algopioneer doctor`, and the clock of this host"
            )
        return error


def _time_of(answer: ServerTime) -> int:
    if not answer.epochMillis.isdecimal():
        raise DataError("the venue's time is no number", where="coinbase")
    return int(answer.epochMillis) * 1_000_000


def _cursor(cursor: str) -> Query:
    return [("cursor", cursor)] if cursor else []


def _check_confirmed(proof_token_required: bool) -> None:
    if proof_token_required:
        raise RefusedError(
            "the venue holds orders and fills back until the holder has confirmed who he is",
            where="coinbase",
            remedy="confirm it at coinbase.com; accounts of the European Union need it",
        )
