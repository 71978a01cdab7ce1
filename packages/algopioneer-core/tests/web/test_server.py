"""Pages over a real socket: on both backends, until the end, and where the port is taken."""

import socket

import anyio
import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from algopioneer_core.domain.errors import RefusedError
from algopioneer_core.web.server import listen, serving, url_of


async def _page(_: Request) -> JSONResponse:
    return JSONResponse({"well": True})


async def _broken(_: Request) -> JSONResponse:
    raise LookupError("no such figure")


PAGES = Starlette(routes=[Route("/", _page), Route("/broken", _broken)])


async def _ask(url: str, path: str = "/") -> httpx.Response:
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        return await client.get(path)


@pytest.mark.parametrize("backend", ["trio", "asyncio"])
def test_pages_are_served_over_loopback_until_the_block_ends(backend: str) -> None:
    """A request is answered; afterwards nobody listens any more, and no task is left."""

    async def run() -> str:
        listening = listen("127.0.0.1", 0, where="web")
        url = url_of(listening)
        async with serving(PAGES, listening, failures.append):
            assert (await _ask(url)).json() == {"well": True}
        with pytest.raises(httpx.ConnectError):
            await _ask(url)
        return url

    failures: list[Exception] = []
    assert anyio.run(run, backend=backend).startswith("http://127.0.0.1:")
    assert failures == []


@pytest.mark.parametrize("backend", ["trio", "asyncio"])
def test_a_page_that_fails_is_logged_and_the_others_are_served(
    backend: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever asks gets a 500 without the reason; the reason is in the log."""

    async def run() -> tuple[httpx.Response, httpx.Response]:
        listening = listen("127.0.0.1", 0, where="web")
        url = url_of(listening)
        async with serving(PAGES, listening, failures.append):
            return await _ask(url, "/broken"), await _ask(url)

    failures: list[Exception] = []
    broken, well = anyio.run(run, backend=backend)
    assert (broken.status_code, well.status_code, failures) == (500, 200, [])
    assert "no such figure" not in broken.text
    assert "no such figure" in caplog.text


def test_a_port_that_is_taken_is_told_in_one_line_with_the_remedy() -> None:
    """Before anything else is opened."""
    with listen("127.0.0.1", 0, where="run.toml: web") as taken:
        port = taken.getsockname()[1]
        with pytest.raises(RefusedError) as refused:
            listen("127.0.0.1", port, where="run.toml: web")
    assert str(refused.value).startswith(f"run.toml: web: cannot listen on 127.0.0.1, port {port}")
    assert "port = 0 takes a free one" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_host_that_nobody_knows_is_refused_too() -> None:
    """A name that has no address, here one that cannot be a name."""
    with pytest.raises(RefusedError, match="cannot listen on no such host"):
        listen("no such host", 0, where="web")


@pytest.mark.skipif(not socket.has_ipv6, reason="the machine has no IPv6")
def test_an_address_of_the_other_family_is_written_as_urls_want_it() -> None:
    """In brackets."""
    try:
        listening = listen("::1", 0, where="web")
    except RefusedError as error:
        pytest.skip(str(error))
    with listening:
        assert url_of(listening) == f"http://[::1]:{listening.getsockname()[1]}"


@pytest.mark.parametrize("backend", ["trio", "asyncio"])
def test_a_server_that_fails_is_no_reason_to_stop(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told, and the block goes on."""

    async def broken(*_: object, **__: object) -> None:
        raise OSError("no more files")

    monkeypatch.setattr("hypercorn.trio.run.worker_serve", broken)
    monkeypatch.setattr("hypercorn.asyncio.run.worker_serve", broken)

    async def run() -> bool:
        async with serving(PAGES, listen("127.0.0.1", 0, where="web"), failures.append):
            await anyio.lowlevel.checkpoint()
            await anyio.lowlevel.checkpoint()
            return bool(failures)

    failures: list[Exception] = []
    assert anyio.run(run, backend=backend)
    assert [str(each) for each in failures] == ["no more files"]
