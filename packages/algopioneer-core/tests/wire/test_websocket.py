"""The websocket over a line in memory: messages, cancellation, pings, limits and every ending."""

import functools
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import anyio
import pytest
from anyio.abc import ByteStream
from anyio.lowlevel import checkpoint
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from algopioneer_core.domain.errors import (
    AuthenticationFailed,
    ConfigError,
    Outcome,
    RateLimited,
    VenueError,
    VenueUnavailable,
)
from algopioneer_core.testing.clocks import wait_all_blocked
from algopioneer_core.testing.network import Conditions, Network
from algopioneer_core.wire.websocket import (
    Message,
    WebSocket,
    WebSocketClosed,
    WebSocketLimits,
    keep_alive,
)
from algopioneer_core.wire.websocket_client import open_websocket
from algopioneer_core.wire.websocket_server import (
    Handshake,
    HandshakeRefused,
    Refusal,
    accept_websocket,
    serve_websockets,
)

URL = "wss://venue.test/feed?token=secret"
Handler = Callable[[WebSocket, Handshake], Awaitable[None]]
RawHandler = Callable[[ByteStream], Awaitable[None]]


def a_network(**conditions: float) -> Network:
    """Return a network of given conditions."""
    return Network(random.Random(1).random, Conditions(**conditions))  # type: ignore[arg-type] # by name


@asynccontextmanager
async def serving(
    network: Network, handle: Handler, check: Callable[[Handshake], Refusal | None] | None = None
) -> AsyncIterator[None]:
    """Serve websockets on the network for the length of a block."""
    async with network.listen("venue.test", 443) as listener, anyio.create_task_group() as tasks:
        serve = functools.partial(serve_websockets, listener, handle)
        tasks.start_soon(functools.partial(serve, check=check) if check else serve)
        yield
        tasks.cancel_scope.cancel()


@asynccontextmanager
async def serving_raw(network: Network, handle: RawHandler) -> AsyncIterator[None]:
    """Serve byte streams on the network for the length of a block."""
    async with network.listen("venue.test", 443) as listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, handle)
        yield
        tasks.cancel_scope.cancel()


async def echo(websocket: WebSocket, _: Handshake) -> None:
    """Send everything back."""
    async for message in websocket:
        await websocket.send(message)


async def ignore(websocket: WebSocket, _: Handshake) -> None:
    """Never read and never answer."""
    await anyio.sleep_forever()


@given(
    messages=st.lists(st.text(max_size=200) | st.binary(max_size=70_000), max_size=8),
    piece=st.sampled_from([None, 1, 7, 1000]),
    compress=st.booleans(),
)
async def test_messages_come_back_as_they_were_sent(
    messages: list[Message], piece: int | None, compress: bool
) -> None:
    """Text stays text and bytes stay bytes, in order, however the line cuts them up."""
    if piece == 1:
        messages = [message[:300] for message in messages]
    network = a_network()
    network.conditions = Conditions(latency_s=0.01, chunk_bytes=piece)
    async with (
        serving(network, echo),
        open_websocket(URL, dial=network.dial, compress=compress) as websocket,
    ):
        for message in messages:
            await websocket.send(message)
        assert messages == [await websocket.receive() for _ in messages]


async def test_the_handshake_carries_headers_and_path() -> None:
    """The server sees the query, what was added, and the caller's word where both have one."""
    seen: list[Handshake] = []

    async def note(websocket: WebSocket, handshake: Handshake) -> None:
        seen.append(handshake)
        await checkpoint()

    network = a_network()
    async with (
        serving(network, note),
        open_websocket(URL, headers={"X-Key": "k", "host": "us"}, dial=network.dial) as ws,
    ):
        with pytest.raises(WebSocketClosed) as closed:
            await ws.receive()
    assert closed.value.close_code == 1000
    assert seen[0].path == "/feed?token=secret"
    assert {"x-key": "k", "host": "us", "user-agent": "algopioneer"}.items() <= seen[
        0
    ].headers.items()


async def test_text_can_be_had_as_bytes() -> None:
    """For JSON parsers, which read UTF-8 themselves."""
    network = a_network()
    async with (
        serving(network, echo),
        open_websocket(URL, dial=network.dial, text_as_bytes=True) as websocket,
    ):
        await websocket.send("prix: 5 €")
        assert await websocket.receive() == "prix: 5 €".encode()


@given(cancels=st.lists(st.floats(0.001, 0.2), min_size=1, max_size=30), piece=st.integers(1, 9))
async def test_a_cancelled_receive_loses_no_message(cancels: list[float], piece: int) -> None:
    """Whenever it is cancelled, pings in between, every message is received once."""
    count = 12

    async def send(websocket: WebSocket, _: Handshake) -> None:
        for number in range(count):
            await websocket.send(f"message {number}")
            await websocket.ping()
            await anyio.sleep(0.05)
        await websocket.receive()

    network = a_network()
    network.conditions = Conditions(latency_s=0.01, jitter_s=0.03, chunk_bytes=piece)
    received: list[Message] = []
    async with serving(network, send), open_websocket(URL, dial=network.dial) as websocket:
        for number in range(10_000):
            with anyio.move_on_after(cancels[number % len(cancels)]):
                received.append(await websocket.receive())
            if len(received) == count:
                break
    assert received == [f"message {number}" for number in range(count)]


async def test_many_tasks_send_and_none_is_mixed_up() -> None:
    """Frames of concurrent senders do not interleave, though the line blocks them all."""
    network = a_network()
    texts = [str(number) * 30_000 for number in range(8)]
    async with (
        serving(network, echo),
        open_websocket(URL, dial=network.dial) as websocket,
        anyio.create_task_group() as tasks,
    ):
        for text in texts:
            tasks.start_soon(websocket.send, text)
        assert sorted(texts) == sorted([str(await websocket.receive()) for _ in texts])


async def test_only_one_task_may_receive() -> None:
    """A second reader would steal messages; it is told."""
    network = a_network()
    async with (
        serving(network, ignore),
        open_websocket(URL, dial=network.dial) as websocket,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(websocket.receive)
        await wait_all_blocked()
        with pytest.raises(anyio.BusyResourceError):
            await websocket.receive()
        tasks.cancel_scope.cancel()


async def test_a_fragmented_message_is_one_message() -> None:
    """Fragments are joined, with a ping between them answered meanwhile."""

    async def send(stream: ByteStream) -> None:
        async with accept_websocket(stream) as (websocket, _):
            frames = [
                Frame(Opcode.TEXT, b"one ", fin=False),
                Frame(Opcode.CONT, "two \u20ac".encode()[:5], fin=False),
                Frame(Opcode.PING, b"still there?"),
                Frame(Opcode.CONT, "two \u20ac".encode()[5:], fin=True),
                Frame(Opcode.BINARY, b"\x00", fin=False),
                Frame(Opcode.CONT, b"", fin=True),
            ]
            await stream.send(b"".join(frame.serialize(mask=False) for frame in frames))
            assert await websocket.receive() == "done"

    network = a_network()
    async with serving_raw(network, send), open_websocket(URL, dial=network.dial) as websocket:
        assert [await websocket.receive(), await websocket.receive()] == ["one two €", b"\x00"]
        await websocket.send("done")
        with pytest.raises(WebSocketClosed, match="1000"):
            await websocket.receive()


# --- endings ---------------------------------------------------------------------------------


async def test_leaving_the_block_says_goodbye() -> None:
    """The server's loop ends by itself: 1000 is the end of iteration, and no error."""
    ended = anyio.Event()

    async def read(websocket: WebSocket, _: Handshake) -> None:
        assert [message async for message in websocket] == ["last"]
        ended.set()

    network = a_network(latency_s=0.1)
    async with serving(network, read):
        async with open_websocket(URL, dial=network.dial) as websocket:
            await websocket.send("last")
        with anyio.fail_after(1):
            await ended.wait()


async def test_what_came_before_the_close_is_received_first() -> None:
    """Messages, then the venue's code and words, again and again."""

    async def close(websocket: WebSocket, _: Handshake) -> None:
        await websocket.send("last words")
        await websocket.aclose(1001, "CloudFlare WebSocket proxy restarting")

    network = a_network()
    async with serving(network, close), open_websocket(URL, dial=network.dial) as websocket:
        await wait_all_blocked()
        assert await websocket.receive() == "last words"
        with pytest.raises(WebSocketClosed) as closed:
            await websocket.receive()
        with pytest.raises(WebSocketClosed):
            await websocket.receive()
        with pytest.raises(WebSocketClosed):
            await websocket.send("anybody?")
        with pytest.raises(WebSocketClosed):
            async for _ in websocket:
                pass
    error = closed.value
    assert (1001, "CloudFlare WebSocket proxy restarting") == (error.close_code, error.reason)
    assert (True, Outcome.UNKNOWN, "1001") == (error.retryable, error.outcome, error.code)
    assert str(error).startswith("wss://venue.test:443/feed: closed by the peer with 1001 Cloud")


async def test_a_reset_is_an_abnormal_end() -> None:
    """A broken line wakes the reader with 1006."""
    network = a_network()
    async with serving(network, ignore), open_websocket(URL, dial=network.dial) as websocket:
        network.reset()
        with pytest.raises(WebSocketClosed, match="connection reset by peer") as closed:
            await websocket.receive()
        assert closed.value.close_code == 1006


async def test_a_peer_that_hangs_up_is_an_abnormal_end() -> None:
    """The end of the stream without a close frame is no clean end, not even for a loop."""

    async def hang_up(stream: ByteStream) -> None:
        async with accept_websocket(stream):
            await stream.aclose()

    network = a_network()
    async with serving_raw(network, hang_up), open_websocket(URL, dial=network.dial) as websocket:
        with pytest.raises(WebSocketClosed, match="hung up") as closed:
            async for _ in websocket:
                pass
        assert closed.value.close_code == 1006


async def test_a_message_too_long_ends_the_connection() -> None:
    """Both ends learn the code 1009; messages before it are received."""
    codes: list[int] = []

    async def send(websocket: WebSocket, _: Handshake) -> None:
        await websocket.send("short")
        await websocket.send("x" * 2000)
        with pytest.raises(WebSocketClosed) as closed:
            await websocket.receive()
        codes.append(closed.value.close_code)

    network = a_network()
    limits = WebSocketLimits(message_bytes=1000)
    async with (
        serving(network, send),
        open_websocket(URL, dial=network.dial, limits=limits) as websocket,
    ):
        assert await websocket.receive() == "short"
        with pytest.raises(WebSocketClosed, match="broke the protocol") as closed:
            await websocket.receive()
        codes.append(closed.value.close_code)
        await wait_all_blocked()
    assert codes == [1009, 1009]


async def test_fragments_count_together_towards_the_limit() -> None:
    """A message without end does not fill the memory."""

    async def send(stream: ByteStream) -> None:
        async with accept_websocket(stream):
            part = Frame(Opcode.TEXT, b"x" * 600, fin=False).serialize(mask=False)
            more = Frame(Opcode.CONT, b"x" * 600, fin=False).serialize(mask=False)
            await stream.send(part + more)

    network = a_network()
    limits = WebSocketLimits(message_bytes=1000)
    async with (
        serving_raw(network, send),
        open_websocket(URL, dial=network.dial, limits=limits) as websocket,
    ):
        with pytest.raises(WebSocketClosed) as closed:
            await websocket.receive()
        assert closed.value.close_code == 1009


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (Frame(Opcode.TEXT, b"\xff\xfe").serialize(mask=False), 1007),
        (b"\x83\x00", 1002),  # an opcode that does not exist
        (Frame(Opcode.CONT, b"of what?").serialize(mask=False), 1002),
    ],
)
async def test_garbage_ends_the_connection(frame: bytes, code: int) -> None:
    """What is no websocket is answered with the code of RFC 6455, and nothing behind it counts."""
    codes: list[int] = []

    async def send(stream: ByteStream) -> None:
        async with accept_websocket(stream) as (websocket, _):
            await stream.send(frame + Frame(Opcode.TEXT, b"behind").serialize(mask=False))
            with pytest.raises(WebSocketClosed) as closed:
                await websocket.receive()
            codes.append(closed.value.close_code)

    network = a_network()
    async with serving_raw(network, send), open_websocket(URL, dial=network.dial) as websocket:
        with pytest.raises(WebSocketClosed) as closed:
            await websocket.receive()
        codes.append(closed.value.close_code)
        await wait_all_blocked()
    assert codes == [code, code]


async def test_leaving_takes_no_longer_than_its_deadline() -> None:
    """A peer that does not answer the goodbye, or a line that is dead, is left after seconds."""
    network = a_network()
    async with serving(network, ignore):
        async with open_websocket(URL, dial=network.dial):
            start = anyio.current_time()
        assert 2 < anyio.current_time() - start <= 4
        with anyio.move_on_after(1) as scope:
            async with open_websocket(URL, dial=network.dial):
                start = anyio.current_time()
                await anyio.sleep_forever()
        assert scope.cancelled_caught
        assert anyio.current_time() - start <= 5


async def test_goodbye_while_another_task_receives() -> None:
    """The receiver sees the end, and the closer does not steal its messages."""
    endings: list[int] = []

    async def read(websocket: WebSocket) -> None:
        with pytest.raises(WebSocketClosed) as closed:
            await websocket.receive()
        endings.append(closed.value.close_code)

    network = a_network(latency_s=0.1)
    async with (
        serving(network, echo),
        open_websocket(URL, dial=network.dial) as websocket,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(read, websocket)
        await wait_all_blocked()
        await websocket.aclose()
    assert endings == [1000]
    assert anyio.current_time() < 1


# --- sending and pings -----------------------------------------------------------------------


async def test_a_send_that_is_cut_off_gives_the_connection_up() -> None:
    """Half a frame on the line would garble the next; who receives is told at once."""

    async def read(websocket: WebSocket) -> None:
        with pytest.raises(WebSocketClosed, match="a write was cut off"):
            await websocket.receive()

    network = a_network()
    async with (
        serving(network, ignore),
        open_websocket(URL, dial=network.dial) as websocket,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(read, websocket)
        with anyio.move_on_after(5) as scope:
            for _ in range(5):
                await websocket.send(bytes(65_536))
        assert scope.cancelled_caught
        with pytest.raises(WebSocketClosed, match="a write was cut off"):
            await websocket.send("more")


async def test_a_send_cancelled_before_it_began_sends_nothing() -> None:
    """The connection lives, and the peer never sees the message."""
    network = a_network()
    async with serving(network, echo), open_websocket(URL, dial=network.dial) as websocket:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await websocket.send("never")
        await websocket.send("this")
        assert await websocket.receive() == "this"


async def test_pings_are_answered_while_receiving() -> None:
    """Both sides answer by reading; an answer to a later ping answers the earlier."""
    network = a_network(latency_s=1.0)
    async with (
        serving(network, echo),
        open_websocket(URL, dial=network.dial) as websocket,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(websocket.receive)
        first, second = await websocket.ping(), await websocket.ping()
        await second.wait()
        assert first.is_set()
        tasks.cancel_scope.cancel()


async def test_one_pong_answers_all_pings_before_it() -> None:
    """A peer may answer only the latest; one that nobody asked for means nothing."""

    async def answer_last(stream: ByteStream) -> None:
        async with accept_websocket(stream):
            pong = functools.partial(Frame, Opcode.PONG)
            await stream.send(pong(b"unasked").serialize(mask=False))
            await anyio.sleep(1)
            await stream.send(pong(b"\x00\x00\x00\x02").serialize(mask=False))
            await anyio.sleep(10)

    network = a_network()
    async with (
        serving_raw(network, answer_last),
        open_websocket(URL, dial=network.dial) as websocket,
    ):
        pings = [await websocket.ping() for _ in range(3)]
        with anyio.move_on_after(2):
            await websocket.receive()
        assert [ping.is_set() for ping in pings] == [True, True, False]
        await websocket.abort("enough")
        assert pings[2].is_set()


async def test_keep_alive_gives_up_a_dead_line() -> None:
    """On a half-open line the reader is told after one interval and one deadline."""
    network = a_network()
    async with (
        serving(network, echo),
        open_websocket(URL, dial=network.dial) as websocket,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(functools.partial(keep_alive, websocket, every_s=10, within_s=5))
        with anyio.move_on_after(45):
            await websocket.receive()
        network.conditions = Conditions(half_open=True)
        with pytest.raises(WebSocketClosed, match="no answer to a ping within 5 s") as closed:
            await websocket.receive()
        assert closed.value.close_code == 1006
        assert anyio.current_time() == 55  # pings at 10, 20, 30, 40 were answered


async def test_keep_alive_ends_with_the_connection() -> None:
    """It holds nobody up, and raises nothing."""
    network = a_network()
    async with serving(network, echo):
        async with (
            open_websocket(URL, dial=network.dial) as websocket,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(functools.partial(keep_alive, websocket, every_s=99, within_s=5))
            await wait_all_blocked()
            await websocket.aclose()
        await keep_alive(websocket, every_s=1, within_s=1)
        assert anyio.current_time() == 0


async def test_a_ping_flood_from_a_peer_that_does_not_read_ends() -> None:
    """Pongs that cannot leave give the connection up after seconds, not never."""

    async def flood(stream: ByteStream) -> None:
        async with accept_websocket(stream):
            ping = Frame(Opcode.PING, bytes(125)).serialize(mask=False)
            with suppress(anyio.BrokenResourceError):
                while True:
                    await stream.send(ping * 500)

    network = a_network()
    async with serving_raw(network, flood), open_websocket(URL, dial=network.dial) as websocket:
        with pytest.raises(WebSocketClosed, match="a write was cut off"):
            await websocket.receive()
        assert anyio.current_time() == 5


# --- handshakes ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("refusal", "error", "retryable"),
    [
        (Refusal(429, "slow down", {"Retry-After": "7"}), RateLimited, True),
        (Refusal(401), AuthenticationFailed, False),
        (Refusal(403), AuthenticationFailed, False),
        (Refusal(503, "maintenance"), VenueUnavailable, True),
        (Refusal(404), VenueError, False),
        (Refusal(200, "<html>hello</html>"), VenueError, False),
    ],
)
async def test_a_refused_handshake_is_an_error_by_status(
    refusal: Refusal, error: type[VenueError], retryable: bool
) -> None:
    """As of a request; and nothing was placed. The query, which may hold a token, is not told."""
    network = a_network()
    async with serving(network, ignore, check=lambda _: refusal):
        with pytest.raises(error, match=f"answered {refusal.status} .*{refusal.text}") as raised:
            async with open_websocket(URL, dial=network.dial):
                pass
    told = raised.value
    assert (retryable, Outcome.NOT_PLACED) == (told.retryable, told.outcome)
    assert (7_000_000_000 if refusal.status == 429 else None) == told.retry_after_ns
    assert "secret" not in str(told)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n",
        b"HTTP/1.1 502 Bad Gateway\r\n\r\n<html>unfinished",
    ],
)
async def test_a_strange_answer_to_the_handshake_is_a_venue_error(answer: bytes) -> None:
    """No answer, another protocol, a wrong upgrade, a body without a length."""

    async def strange(stream: ByteStream) -> None:
        async with stream:
            await stream.receive()
            if answer:
                await stream.send(answer)

    network = a_network()
    async with serving_raw(network, strange):
        with pytest.raises(VenueError) as raised:
            async with open_websocket(URL, dial=network.dial):
                pass
    assert raised.value.outcome is Outcome.NOT_PLACED


async def test_a_line_that_breaks_in_the_handshake_is_a_venue_error() -> None:
    """The request may be sent again."""
    network = a_network()

    async def reset(stream: ByteStream) -> None:
        async with stream:
            await stream.receive()
            network.reset()

    async with serving_raw(network, reset):
        with pytest.raises(VenueUnavailable, match="did not answer the handshake: connection re"):
            async with open_websocket(URL, dial=network.dial):
                pass


@pytest.mark.parametrize("url", ["https://venue.test", "wss://", "venue", "ws://venue.test:x/"])
async def test_a_wrong_url_is_a_matter_of_configuration(url: str) -> None:
    """Said before anything is opened."""
    with pytest.raises(ConfigError, match="not the URL of a websocket"):
        async with open_websocket(url):
            pass


async def test_the_opening_can_be_cancelled() -> None:
    """A venue that accepts and says nothing holds nobody."""

    async def mute(stream: ByteStream) -> None:
        async with stream:
            await anyio.sleep_forever()

    network = a_network()
    async with serving_raw(network, mute):
        with anyio.move_on_after(3) as scope:
            async with open_websocket(URL, dial=network.dial):
                pass
    assert scope.cancelled_caught
    assert anyio.current_time() == 3


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 426 "),
        (b"nonsense\r\n\r\n", b""),
        (b"GET /" + b"x" * 10_000 + b" HTTP/1.1\r\n\r\n", b""),  # 414 from newer websockets
        (b"", b""),
    ],
)
async def test_the_server_refuses_what_is_no_handshake(request_: bytes, words: bytes) -> None:
    """With the status that fits, where it is HTTP at all; and it goes on serving."""
    refused: list[str] = []

    async def serve(stream: ByteStream) -> None:
        with pytest.raises(HandshakeRefused) as raised:
            async with accept_websocket(stream):
                pass
        refused.append(str(raised.value))

    network = a_network()
    async with serving_raw(network, serve):
        stream = await network.dial("venue.test", 443, tls=True)
        async with stream:
            if request_:
                await stream.send(request_)
            else:
                await stream.send_eof()
            answer = b"".join([chunk async for chunk in stream])
        await wait_all_blocked()
    assert answer.startswith(words)
    assert len(refused) == 1
