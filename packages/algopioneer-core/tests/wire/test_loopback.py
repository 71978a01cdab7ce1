"""The wire on real sockets, real clocks and both backends, with others' peers on the far end."""

import functools
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from anyio.abc import SocketAttribute
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve

from algopioneer_core.domain.errors import Outcome, VenueUnavailable
from algopioneer_core.wire.dialing import TcpDial, dial_tcp
from algopioneer_core.wire.http import HttpClient
from algopioneer_core.wire.websocket import Message, WebSocket, WebSocketClosed
from algopioneer_core.wire.websocket_client import open_websocket
from algopioneer_core.wire.websocket_server import Handshake, serve_websockets

CERTIFICATE = Path(__file__).parent / "certificates" / "localhost.pem"
"""Signed by itself, for localhost, with its key, for a hundred years; good for tests only."""
MESSAGES: list[Message] = ["text €", b"\x00\xff", "", "x" * 300_000, b"y" * 70_000]


@pytest.fixture(params=["trio", "asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Both backends on real time, which sockets need."""
    backend: str = request.param
    return backend


@contextmanager
def their_server(tls: bool) -> Iterator[str]:
    """Run the echo server of `websockets` in a thread, and return its URL."""

    def echo(connection: ServerConnection) -> None:
        for message in connection:
            if message == "hang up":
                connection.socket.shutdown(socket.SHUT_RDWR)
            elif message == "close":
                connection.close(4001, "as you wish")
            else:
                connection.ping()
                connection.send(message)

    context = None
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE)
    with serve(echo, "127.0.0.1", 0, ssl=context) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        scheme = "wss" if tls else "ws"
        try:
            yield f"{scheme}://localhost:{server.socket.getsockname()[1]}/"
        finally:
            server.shutdown()
            thread.join()


def trusting() -> TcpDial:
    """Return a dial that trusts the test's certificate."""
    return TcpDial(ssl.create_default_context(cafile=CERTIFICATE))


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("tls", [False, True])
async def test_our_client_and_their_server_understand_each_other(tls: bool, compress: bool) -> None:
    """Messages of all kinds, over TCP and TLS, compressed and not; and the closing handshake."""
    with their_server(tls) as url:
        async with open_websocket(url, dial=trusting(), compress=compress) as websocket:
            for message in MESSAGES:
                await websocket.send(message)
                assert await websocket.receive() == message
            await websocket.send("close")
            with pytest.raises(WebSocketClosed) as closed:
                await websocket.receive()
    assert (4001, "as you wish") == (closed.value.close_code, closed.value.reason)


@pytest.mark.parametrize("tls", [False, True])
async def test_a_socket_that_is_cut_is_an_abnormal_end(tls: bool) -> None:
    """Over TLS too, where the end comes without an alert."""
    with their_server(tls) as url:
        async with open_websocket(url, dial=trusting()) as websocket:
            await websocket.send("hang up")
            with pytest.raises(WebSocketClosed) as closed:
                await websocket.receive()
    assert closed.value.close_code == 1006


async def test_their_client_and_our_server_understand_each_other() -> None:
    """The other way round."""

    async def echo(websocket: WebSocket, _: Handshake) -> None:
        async for message in websocket:
            await websocket.send(message)

    def talk(port: int) -> list[Message]:
        with connect(f"ws://127.0.0.1:{port}/") as connection:
            answers: list[Message] = []
            for message in MESSAGES:
                connection.send(message)
                answers.append(connection.recv())
            return answers

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.listeners[0].extra(SocketAttribute.local_port)
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(serve_websockets, listener, echo)
        assert await anyio.to_thread.run_sync(talk, port) == MESSAGES
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize("scheme", ["http", "ws"])
async def test_nobody_listens(scheme: str) -> None:
    """A refused connection placed nothing, over HTTP and websocket."""
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.listeners[0].extra(SocketAttribute.local_port)
    await listener.aclose()
    async with HttpClient(f"http://127.0.0.1:{port}") as http:
        dial = functools.partial(dial_tcp, "127.0.0.1", port, tls=False)
        ask = dial if scheme == "ws" else functools.partial(http.request, "GET", "/")
        with pytest.raises(VenueUnavailable, match="no connection") as raised:
            await ask()
    assert raised.value.outcome is Outcome.NOT_PLACED


async def test_a_certificate_that_is_not_trusted_is_said() -> None:
    """With what to do about it; trying again would not help."""
    with (
        their_server(tls=True) as url,
        pytest.raises(VenueUnavailable, match="certificate is not trusted") as raised,
    ):
        async with open_websocket(url):
            pass
    assert (False, Outcome.NOT_PLACED) == (raised.value.retryable, raised.value.outcome)


async def test_http_over_a_real_socket() -> None:
    """A request, its answer, and a server that hangs up on the second one."""

    async def once(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            await stream.receive()
            await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            await stream.receive()

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.listeners[0].extra(SocketAttribute.local_port)
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(functools.partial(listener.serve, once))
        async with HttpClient(f"http://127.0.0.1:{port}") as http:
            assert (await http.request("GET", "/")).text == "ok"
            with pytest.raises(VenueUnavailable) as raised:
                await http.request("POST", "/orders")
        tasks.cancel_scope.cancel()
    assert raised.value.outcome is Outcome.UNKNOWN
