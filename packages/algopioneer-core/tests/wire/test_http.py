"""Requests and what their failures left behind, over mocks, faulty lines in memory and real TCP."""

import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
import httpx
import pytest
from anyio.abc import ByteStream, SocketAttribute

from algopioneer_core.domain.errors import (
    ConfigError,
    Outcome,
    RateLimited,
    VenueError,
    VenueUnavailable,
)
from algopioneer_core.testing.network import Conditions, Network
from algopioneer_core.testing.network_http import http_transport
from algopioneer_core.wire.http import SUCCESS, HttpClient

URL = "https://venue.test/api"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def mocked(answer: Callable[[httpx.Request], httpx.Response]) -> HttpClient:
    """Return a client whose venue is a function."""
    return HttpClient(URL, transport=httpx.MockTransport(answer))


@asynccontextmanager
async def faulty(
    serve: Callable[[ByteStream], Awaitable[None]],
) -> AsyncIterator[tuple[Network, HttpClient]]:
    """Serve byte streams on a network in memory, and open a client on it."""
    network = Network(random.Random(1).random, Conditions(latency_s=0.1))
    async with network.listen("venue.test", 443) as listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, serve)
        async with HttpClient(URL, transport=http_transport(network.dial)) as http:
            yield network, http
        tasks.cancel_scope.cancel()


async def answer_all(stream: ByteStream) -> None:
    """Answer each request, which comes in one piece, with "ok"."""
    async with stream:
        async for _ in stream:
            await stream.send(OK)


async def test_a_request_goes_out_as_it_was_given() -> None:
    """Path, query, body and headers, those of every request included."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"id": 1})

    transport = httpx.MockTransport(answer)
    async with HttpClient(URL, headers={"X-Key": "k"}, transport=transport) as http:
        response = await http.request(
            "POST", "/orders", params={"a": "1 2"}, content=b'{"q":"0.10"}', headers={"X-Sign": "s"}
        )
    assert response.json() == {"id": 1}
    request = seen[0]
    assert str(request.url) == "https://venue.test/api/orders?a=1+2"
    assert (request.method, request.content) == ("POST", b'{"q":"0.10"}')
    assert (request.headers["x-key"], request.headers["x-sign"]) == ("k", "s")
    assert request.headers["user-agent"] == "algopioneer"


async def test_a_header_of_one_request_takes_the_place_of_that_of_all() -> None:
    """By its name in any case, once, and for this request only; httpx's own stay beside it."""
    seen: list[httpx.Headers] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers)
        return httpx.Response(200)

    transport = httpx.MockTransport(answer)
    async with HttpClient(URL, headers={"X-Key": "k"}, transport=transport) as http:
        await http.request("GET", "/a", headers={"x-key": "other"})
        await http.request("GET", "/a")
    assert [["other"], ["k"]] == [each.get_list("X-Key") for each in seen]
    assert {"host", "accept", "accept-encoding", "connection"} < seen[0].keys()


@pytest.mark.parametrize(
    ("method", "content", "length"), [("GET", None, None), ("POST", None, "0"), ("POST", "€", "3")]
)
async def test_a_body_tells_its_length(
    method: str, content: str | None, length: str | None
) -> None:
    """In bytes; where there is none, only the methods that may have one do."""
    seen: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("content-length"))
        return httpx.Response(200)

    async with mocked(answer) as http:
        await http.request(method, "/a", content=content)
    assert [length] == seen


async def test_a_name_in_the_address_is_sent_as_one() -> None:
    """As RFC 7617 has it; the host is told without it, and so is every error."""
    seen: list[httpx.Headers] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers)
        return httpx.Response(200)

    transport = httpx.MockTransport(answer)
    async with HttpClient("https://me:p%40ss@venue.test:443/api", transport=transport) as http:
        await http.request("GET", "/a")
    assert ("Basic bWU6cEBzcw==", "venue.test") == (seen[0]["authorization"], seen[0]["host"])
    assert http.host == "venue.test"


@pytest.mark.parametrize(
    ("environment", "asked"),
    [
        ({"HTTP_PROXY": "127.0.0.1:{port}"}, True),
        ({"ALL_PROXY": "http://127.0.0.1:{port}"}, True),
        ({"HTTP_PROXY": "127.0.0.1:{port}", "NO_PROXY": "127.0.0.1"}, False),
    ],
)
async def test_the_proxy_of_the_environment_is_asked(
    environment: dict[str, str], asked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless the host is one of those that need none; then it is, where nobody listens."""
    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(listener.serve, answer_all)
        port = listener.extra(SocketAttribute.local_port)
        for name in ("HTTP_PROXY", "ALL_PROXY", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.lower(), raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value.format(port=port))
        async with HttpClient("http://127.0.0.1:1") as http:
            if asked:
                assert (await http.request("GET", "/a")).text == "ok"
            else:
                with pytest.raises(VenueUnavailable, match="no connection"):
                    await http.request("GET", "/a")
        tasks.cancel_scope.cancel()


async def test_what_a_proxy_sets_as_a_cookie_comes_back_to_it() -> None:
    """With every request after it; an answer that sets none leaves those that are there."""
    seen: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("cookie"))
        return httpx.Response(200, headers={} if seen[1:] else {"Set-Cookie": "__cf_bm=1; path=/"})

    async with mocked(answer) as http:
        for _ in range(3):
            await http.request("GET", "/a")
    assert [None, "__cf_bm=1", "__cf_bm=1"] == seen


@pytest.mark.parametrize(
    ("error", "outcome", "retryable"),
    [
        (httpx.ConnectError, Outcome.NOT_PLACED, True),
        (httpx.ConnectTimeout, Outcome.NOT_PLACED, True),
        (httpx.PoolTimeout, Outcome.NOT_PLACED, True),
        (httpx.ProxyError, Outcome.NOT_PLACED, True),
        (httpx.UnsupportedProtocol, Outcome.NOT_PLACED, False),
        (httpx.LocalProtocolError, Outcome.UNKNOWN, False),
        (httpx.RemoteProtocolError, Outcome.UNKNOWN, True),
        (httpx.ReadError, Outcome.UNKNOWN, True),
        (httpx.ReadTimeout, Outcome.UNKNOWN, True),
        (httpx.WriteError, Outcome.UNKNOWN, True),
        (httpx.WriteTimeout, Outcome.UNKNOWN, True),
        (httpx.CloseError, Outcome.UNKNOWN, True),
        (httpx.DecodingError, Outcome.UNKNOWN, True),
        (httpx.TooManyRedirects, Outcome.UNKNOWN, True),
    ],
)
async def test_the_class_of_the_failure_decides(
    error: type[httpx.RequestError], outcome: Outcome, retryable: bool
) -> None:
    """Every error of httpx, whatever it says; even one that claims that nothing was sent."""

    def fail(request: httpx.Request) -> httpx.Response:
        raise error("connection refused: not placed, order rejected, 429")

    async with mocked(fail) as http:
        with pytest.raises(VenueUnavailable, match=r"POST venue\.test/orders: no ") as raised:
            await http.request("POST", "/orders?signature=secret")
    assert (outcome, retryable) == (raised.value.outcome, raised.value.retryable)
    assert "secret" not in str(raised.value)


def test_no_error_of_httpx_is_forgotten() -> None:
    """One that a later version adds counts as "may have left" until it is looked at here."""
    known = {"ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError", "UnsupportedProtocol"}
    known |= {"LocalProtocolError", "RemoteProtocolError", "ReadError", "ReadTimeout", "WriteError"}
    known |= {"WriteTimeout", "CloseError", "DecodingError", "TooManyRedirects"}
    bases = {"HTTPError", "HTTPStatusError", "RequestError", "TransportError", "TimeoutException"}
    bases |= {"NetworkError", "ProtocolError"}
    found = {
        name
        for name, value in vars(httpx).items()
        if isinstance(value, type) and issubclass(value, httpx.HTTPError)
    }
    assert found == known | bases


async def test_unexpected_statuses_raise_and_expected_ones_return() -> None:
    """The caller names those whose bodies it reads itself."""

    def refuse(request: httpx.Request) -> httpx.Response:
        return httpx.Response(422, json={"code": 40010001}, headers={"Retry-After": "3"})

    async with mocked(refuse) as http:
        response = await http.request("POST", "/orders", expect={*SUCCESS, 422})
        assert response.json()["code"] == 40010001
        with pytest.raises(VenueError, match=r'422 .*: \{"code":40010001\}') as raised:
            await http.request("POST", "/orders")
    assert raised.value.outcome is Outcome.UNKNOWN


async def test_a_rate_limit_says_for_how_long() -> None:
    """The header's name comes in any case."""
    headers = {"Retry-After": "3", "Content-Type": "text/html"}
    answer = httpx.Response(429, headers=headers, text="<html>Cloudflare</html>")
    async with mocked(lambda _: answer) as http:
        with pytest.raises(RateLimited) as raised:
            await http.request("GET", "/bars")
    assert raised.value.retry_after_ns == 3_000_000_000
    assert "html" not in str(raised.value)


async def test_redirects_are_not_followed() -> None:
    """What was signed for one address is not sent to another."""
    moved = httpx.Response(302, headers={"Location": "https://elsewhere.test"})
    async with mocked(lambda _: moved) as http:
        with pytest.raises(VenueError, match="302"):
            await http.request("GET", "/bars")


async def test_no_log_line_has_the_query(caplog: pytest.LogCaptureFixture) -> None:
    """httpx would tell it at level INFO."""
    caplog.set_level(logging.DEBUG)
    async with mocked(lambda _: httpx.Response(200)) as http:
        await http.request("GET", "/orders", params={"signature": "secret"})
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    "url", ["venue.test", "wss://venue.test", "https://", "http://venue.test:port"]
)
def test_a_wrong_url_is_a_matter_of_configuration(url: str) -> None:
    """Said when the client is made."""
    with pytest.raises(ConfigError, match="not a URL of HTTP"):
        HttpClient(url)


async def test_a_path_that_is_none_is_refused() -> None:
    """With the request in the message, and no traceback."""
    async with mocked(lambda _: httpx.Response(200)) as http:
        with pytest.raises(ConfigError, match=r"GET venue\.test.*not a path"):
            await http.request("GET", "/\x00")


# --- faulty lines ----------------------------------------------------------------------------


async def test_connections_are_kept_alive() -> None:
    """Two requests cost one connection: six latencies and not eight."""
    async with faulty(answer_all) as (_, http):
        for _ in range(2):
            assert (await http.request("GET", "/time")).text == "ok"
    assert anyio.current_time() == pytest.approx(0.6)


async def test_a_refused_connection_placed_nothing() -> None:
    """The request never left."""
    async with faulty(answer_all) as (network, http):
        network.conditions = Conditions(refuse=True)
        with pytest.raises(VenueUnavailable) as raised:
            await http.request("POST", "/orders")
    assert raised.value.outcome is Outcome.NOT_PLACED


@pytest.mark.parametrize("answer", [b"", OK[:30], b"SSH-2.0-OpenSSH_9.6\r\n\r\n"])
async def test_a_connection_that_ends_early_leaves_the_outcome_unknown(answer: bytes) -> None:
    """No answer, half an answer, and one that is none."""

    async def hang_up(stream: ByteStream) -> None:
        async with stream:
            await stream.receive()
            if answer:
                await stream.send(answer)

    async with faulty(hang_up) as (_, http):
        with pytest.raises(VenueUnavailable) as raised:
            await http.request("POST", "/orders")
    assert raised.value.outcome is Outcome.UNKNOWN


async def test_a_reset_leaves_the_outcome_unknown() -> None:
    """And the next request makes a new connection."""
    answers = 0

    async def reset_first(stream: ByteStream) -> None:
        nonlocal answers
        async with stream:
            async for _ in stream:
                answers += 1
                if answers == 1:
                    network.reset()
                    return
                await stream.send(OK)

    async with faulty(reset_first) as (network, http):
        with pytest.raises(VenueUnavailable, match="reset by peer") as raised:
            await http.request("POST", "/orders")
        assert (await http.request("GET", "/orders")).text == "ok"
    assert raised.value.outcome is Outcome.UNKNOWN


async def test_a_deadline_of_the_caller_leaves_a_client_that_works() -> None:
    """A request that was cut off takes its connection with it, and no other."""

    async def slow_first(stream: ByteStream) -> None:
        async with stream:
            async for request in stream:
                await anyio.sleep(60 if b"slow" in request else 0)
                await stream.send(OK)

    async with faulty(slow_first) as (_, http):
        with anyio.move_on_after(5) as scope:
            await http.request("GET", "/slow")
        assert scope.cancelled_caught
        assert (await http.request("GET", "/fast")).text == "ok"


async def test_a_half_open_line_waits_for_the_callers_deadline() -> None:
    """There is no hidden timeout: two hours are two hours."""
    async with faulty(answer_all) as (network, http):
        await http.request("GET", "/time")
        network.conditions = Conditions(half_open=True)
        with anyio.move_on_after(7200) as scope:
            await http.request("GET", "/time")
    assert scope.cancelled_caught
    assert anyio.current_time() > 7200
