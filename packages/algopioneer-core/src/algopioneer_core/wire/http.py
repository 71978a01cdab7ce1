"""
HTTP to a venue: httpx, with errors that say what a failed request left behind.

    async with HttpClient("https://api.venue.example") as http:
        response = await http.request("GET", "/orders", params={"limit": "50"})

What decides is where the request was when it failed, by the class of httpx's exception, and the
status of the answer; never the text of a message:

| what happened                                      | error                | outcome     |
|----------------------------------------------------|----------------------|-------------|
| no connection: refused, no route, TLS, no free one | VenueUnavailable     | NOT_PLACED  |
| broken or garbled after the request may have left  | VenueUnavailable     | UNKNOWN     |
| a status outside `expect`                          | see `wire.statuses`  | by status   |

There is no timeout here: the caller owns the deadline. Where it cuts a request off, nobody can say
more than that its outcome is unknown.
"""

import ssl
from base64 import b64encode
from collections.abc import Container, Mapping
from functools import lru_cache
from types import TracebackType
from typing import Final, Self
from urllib.request import getproxies, proxy_bypass

import anyio
import httpx

from algopioneer_core.domain.errors import ConfigError, Outcome, VenueError, VenueUnavailable
from algopioneer_core.domain.text import one_line
from algopioneer_core.wire.dialing import reason_of
from algopioneer_core.wire.statuses import error_of_status

__all__ = ["SUCCESS", "HttpClient"]

SUCCESS: Final = range(200, 300)
"""The statuses that a request expects unless its caller reads others itself."""

_NEVER_LEFT: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)
"""Raised before a byte of the request was written. Every other transport error counts as after."""
_NEVER_WORKS: Final = (httpx.UnsupportedProtocol, httpx.LocalProtocolError)
_DETAIL_CHARACTERS: Final = 200
_CLOSE_DEADLINE_S: Final = 3.0
"""How long closing all connections may take, even when the block is cancelled."""
_STANDARD: Final = {
    "Accept": "*/*",
    "Accept-Encoding": "gzip, deflate",
    "Connection": "keep-alive",
    "User-Agent": "algopioneer",
}
_WITH_BODY: Final = ("POST", "PUT", "PATCH")
"""Methods whose requests tell the length of their body even when there is none."""
_ADDRESSES_KEPT: Final = 256
"""What is asked again and again keeps its parsed address; one with a time in it soon goes."""


class HttpClient:
    """
    Requests to one venue, over connections that are kept alive.

    Use it as an async context manager. Any number of tasks may share it. It follows no redirect:
    what is signed for one address must not be sent to another.

    Args:
        base_url: Scheme, host and perhaps a path that all requests share.
        headers: Sent with every request.
        transport: What carries requests; None is TCP with pooled connections, through the proxy
            that the environment names. Tests hand in `httpx.MockTransport`, or `ASGITransport` over
            a local exchange.
        ssl_context: Whom to trust; None is what the environment says (`SSL_CERT_FILE`), else the
            certificates that certifi bundles.

    Raises:
        ConfigError: The URL is not one of HTTP.
    """

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        address = _address_of(base_url)
        self.host = address.netloc.decode()
        # httpx's client is left out: what it does beside this is done here once and not each time.
        self._transport = transport or _transport(address, ssl_context)
        self._headers = _headers_of_all(address, headers or {})
        self._cookies = httpx.Cookies()  # what answers have set; a venue's proxy wants them back
        root = base_url.rstrip("/")
        self._address = lru_cache(_ADDRESSES_KEPT)(
            lambda path: httpx.URL(f"{root}/{path.lstrip('/')}")
        )

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with anyio.move_on_after(_CLOSE_DEADLINE_S, shield=True):
            await self._transport.__aexit__(kind, error, traceback)

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        content: str | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        expect: Container[int] = SUCCESS,
    ) -> httpx.Response:
        """
        Send a request and return the whole response.

        If this is cancelled, the venue may or may not have had the request; the connection is
        closed, and the client can be used on.

        Args:
            method: GET, POST and so on.
            path: Under the base URL; it shows in errors, so nothing secret belongs here.
            params: The query; never shown.
            content: The body, exactly as it was signed.
            headers: Beside those of every request.
            expect: Statuses to return. All others raise; pass those whose bodies the caller reads
                for the venue's own codes.

        Raises:
            RateLimited: 429; `retry_after_ns` is what the venue asked for, where it did.
            AuthenticationFailed: 401 or 403.
            VenueUnavailable: No connection (NOT_PLACED); a broken one, or a server error (UNKNOWN).
            VenueError: Any other status that is not expected.
        """
        where = f"{method} {self.host}{path.partition('?')[0]}"
        try:
            response = await self._send(self._request(method, path, params, content, headers or {}))
        except httpx.InvalidURL as error:
            raise ConfigError(f"not a path: {error}", where=where) from error
        except httpx.HTTPError as error:
            raise _error_of(error, where) from error
        if response.status_code in expect:
            return response
        raise error_of_status(
            response.status_code, response.headers, where=where, detail=_detail(response)
        )

    def _request(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        content: str | bytes | None,
        headers: Mapping[str, str],
    ) -> httpx.Request:
        """Return a request: *headers* stand in place of those of every request they name too."""
        body = content.encode() if isinstance(content, str) else content or b""
        sent = self._headers.copy()
        for name, value in headers.items():
            sent[name] = value
        if body or method in _WITH_BODY:
            sent["Content-Length"] = str(len(body))
        request = httpx.Request(
            method,
            self._address(path),
            params=params,
            headers=sent,
            cookies=self._cookies,
            stream=httpx.ByteStream(body),
        )
        request.read()  # so that whoever carries it may look at its content
        return request

    async def _send(self, request: httpx.Request) -> httpx.Response:
        """Send a request, and read the whole answer."""
        response = await self._transport.handle_async_request(request)
        response.request = request
        if "set-cookie" in response.headers:  # else httpx converts the answer for the library's
            self._cookies.extract_cookies(response)
        try:
            await response.aread()
        except BaseException:
            await response.aclose()
            raise
        return response


def _address_of(base_url: str) -> httpx.URL:
    try:
        address = httpx.URL(base_url)
    except httpx.InvalidURL:
        address = httpx.URL("")
    if address.scheme not in ("http", "https") or not address.host:
        remedy = "give a URL such as https://api.venue.example"
        raise ConfigError("not a URL of HTTP", where=base_url, remedy=remedy)
    return address


def _transport(address: httpx.URL, ssl_context: ssl.SSLContext | None) -> httpx.AsyncHTTPTransport:
    """Return TCP with pooled connections, through the proxy that the environment names."""
    named = getproxies()
    proxy = named.get(address.scheme) or named.get("all")
    if proxy and "://" not in proxy:
        proxy = f"http://{proxy}"
    return httpx.AsyncHTTPTransport(
        verify=True if ssl_context is None else ssl_context,
        proxy=None if proxy_bypass(address.netloc.decode()) else proxy,
    )


def _headers_of_all(address: httpx.URL, headers: Mapping[str, str]) -> httpx.Headers:
    """Return what every request has: *headers*, and what httpx's client would add to them."""
    common = httpx.Headers({"Host": address.netloc.decode(), **_STANDARD}, encoding="ascii")
    if address.username or address.password:
        pair = b64encode(f"{address.username}:{address.password}".encode())
        common["Authorization"] = f"Basic {pair.decode()}"
    for name, value in headers.items():
        common[name] = value
    return common


def _error_of(error: httpx.HTTPError, where: str) -> VenueError:
    never_left = isinstance(error, _NEVER_LEFT)
    what = "no connection" if never_left else "no answer"
    return VenueUnavailable(
        f"{what}: {reason_of(error)}",
        where=where,
        outcome=Outcome.NOT_PLACED if never_left else Outcome.UNKNOWN,
        retryable=not isinstance(error, _NEVER_WORKS),
    )


def _detail(response: httpx.Response) -> str:
    """Return what of a body is for people: HTML of a proxy is not."""
    kind = response.headers.get("content-type", "")
    if "html" in kind or not response.content:
        return ""
    return one_line(response.text)[:_DETAIL_CHARACTERS]
