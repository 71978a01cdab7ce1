"""The network in memory behaves like TCP, and each of its faults like the real one."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import anyio
import pytest
from anyio.abc import ByteStream
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.domain.errors import Outcome, VenueUnavailable
from algopioneer_core.testing.clocks import wait_all_blocked
from algopioneer_core.testing.network import Conditions, MessagePipe, Network

HOST, PORT = "venue.test", 443


def a_network(seed: int = 1, **conditions: float | bool) -> Network:
    """Return a network of given conditions."""
    return Network(random.Random(seed).random, Conditions(**conditions))  # type: ignore[arg-type] # by name


@asynccontextmanager
async def connected(network: Network) -> AsyncIterator[tuple[ByteStream, ByteStream]]:
    """Open both ends of a connection."""
    ends: list[ByteStream] = []
    done = anyio.Event()

    async def serve(stream: ByteStream) -> None:
        ends.append(stream)
        done.set()
        await anyio.lowlevel.checkpoint()

    async with network.listen(HOST, PORT) as listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, serve)
        ours = await network.dial(HOST, PORT, tls=True)
        await done.wait()
        async with ours, ends[0]:
            yield ours, ends[0]
        tasks.cancel_scope.cancel()


async def read_all(stream: ByteStream) -> bytes:
    """Read to the end."""
    return b"".join([chunk async for chunk in stream])


@given(
    chunks=st.lists(st.binary(min_size=1, max_size=200_000), max_size=5),
    piece=st.sampled_from([None, 1000, 70_000]),
    latency=st.floats(0, 1),
)
async def test_bytes_arrive_in_order_whatever_the_line(
    chunks: list[bytes], piece: int | None, latency: float
) -> None:
    """Latency, jitter and pieces change when bytes arrive, never which."""
    network = a_network()
    network.conditions = Conditions(latency_s=latency, jitter_s=latency, chunk_bytes=piece)
    received = b""

    async def read(stream: ByteStream) -> None:
        nonlocal received
        received = await read_all(stream)

    async with connected(network) as (ours, theirs), anyio.create_task_group() as tasks:
        tasks.start_soon(read, theirs)
        for chunk in chunks:
            await ours.send(chunk)
        await ours.send_eof()
    assert received == b"".join(chunks)


async def test_latency_is_one_way_and_pipelines() -> None:
    """Two sends a second apart arrive a second apart, each after the latency."""
    async with connected(a_network(latency_s=2.0)) as (ours, theirs):
        start = anyio.current_time()
        await ours.send(b"a")
        await anyio.sleep(1)
        await ours.send(b"b")
        arrivals = [(await theirs.receive(), anyio.current_time() - start) for _ in range(2)]
    assert arrivals == [(b"a", 2.0), (b"b", 3.0)]


async def test_a_cancelled_receive_loses_nothing() -> None:
    """What was on its way is there next time."""
    async with connected(a_network(latency_s=2.0)) as (ours, theirs):
        await ours.send(b"a")
        with anyio.move_on_after(1):
            await theirs.receive()
        assert await theirs.receive() == b"a"


async def test_a_sender_waits_for_a_reader() -> None:
    """Buffers are finite, as the kernel's are."""
    async with connected(a_network()) as (ours, theirs):
        with anyio.move_on_after(60) as scope:
            for _ in range(100):
                await ours.send(bytes(10_000))
        assert scope.cancelled_caught
        assert len(await theirs.receive()) == 10_000
        with anyio.fail_after(1):
            await ours.send(b"more")


async def test_closing_ends_the_other_side_after_what_was_sent() -> None:
    """The reader gets all bytes and then the end; the writer gets a broken pipe."""
    async with connected(a_network(latency_s=1.0)) as (ours, theirs):
        await ours.send(b"bye")
        await ours.aclose()
        assert await read_all(theirs) == b"bye"
        with pytest.raises(anyio.BrokenResourceError):
            await theirs.send(b"hello?")
        with pytest.raises(anyio.ClosedResourceError):
            await ours.receive()


async def test_closing_wakes_ones_own_reader() -> None:
    """A task that waits on a stream which another task closes is told."""

    async def read(stream: ByteStream) -> None:
        with pytest.raises(anyio.ClosedResourceError):
            await stream.receive()

    async with connected(a_network()) as (ours, _), anyio.create_task_group() as tasks:
        tasks.start_soon(read, ours)
        await wait_all_blocked()
        await ours.aclose()


async def test_a_reset_breaks_both_ends_and_what_was_on_its_way() -> None:
    """Reading and writing fail on both sides; a new connection works."""
    network = a_network(latency_s=1.0)
    async with connected(network) as (ours, theirs):
        await ours.send(b"lost")
        network.reset()
        for end in (ours, theirs):
            with pytest.raises(anyio.BrokenResourceError):
                await end.receive()
            with pytest.raises(anyio.BrokenResourceError):
                await end.send(b"x")
        await (await network.dial(HOST, PORT, tls=False)).aclose()


async def test_a_stall_holds_everything_back() -> None:
    """Nothing arrives until the line heals; then all of it does, in order."""
    network = a_network()
    async with connected(network) as (ours, theirs):
        network.conditions = Conditions(stalled=True)
        await ours.send(b"1")
        await ours.send(b"2")
        with anyio.move_on_after(600) as scope:
            await theirs.receive()
        assert scope.cancelled_caught
        network.conditions = Conditions()
        assert [await theirs.receive(), await theirs.receive()] == [b"1", b"2"]


async def test_half_open_lines_never_work_again_and_nobody_is_told() -> None:
    """Sends succeed, nothing arrives, not even the end; no new connection is answered."""
    network = a_network()
    async with connected(network) as (ours, theirs):
        network.conditions = Conditions(half_open=True)
        await ours.send(b"vanished")
        with anyio.move_on_after(60) as dialling:
            await network.dial(HOST, PORT, tls=True)
        network.conditions = Conditions()
        await ours.send(b"too")
        await ours.aclose()
        await theirs.send(b"still fine to send")
        with anyio.move_on_after(3600) as reading:
            await theirs.receive()
    assert dialling.cancelled_caught
    assert reading.cancelled_caught


@pytest.mark.parametrize(("port", "refuse"), [(444, False), (PORT, True)])
async def test_refused_connections_say_so(port: int, refuse: bool) -> None:
    """Where nobody listens, and where the line refuses, nothing was placed."""
    network = a_network()
    async with network.listen(HOST, PORT):
        network.conditions = Conditions(refuse=refuse)
        with pytest.raises(VenueUnavailable, match=f"venue.test:{port}: connection refused") as e:
            await network.dial(HOST, port, tls=True)
    assert e.value.outcome is Outcome.NOT_PLACED


async def test_a_port_is_taken_once_and_free_again_when_closed() -> None:
    """As with real ports."""
    network = a_network()
    async with network.listen(HOST, PORT):
        with pytest.raises(OSError, match="in use"):
            network.listen(HOST, PORT)
    async with network.listen(HOST, PORT):
        pass
    with pytest.raises(VenueUnavailable):
        await network.dial(HOST, PORT, tls=True)


async def received(pipe: MessagePipe[int]) -> list[int]:
    """Close a pipe and return everything that comes out of it."""
    pipe.close()
    out: list[int] = []
    with suppress(anyio.EndOfStream):
        while True:
            out.append(await pipe.receive())
    return out


async def test_messages_are_lost_repeated_and_reordered() -> None:
    """By the shares of the conditions, and the same way with the same seed."""
    runs = []
    for _ in range(2):
        network = a_network(seed=9, drop=0.2, duplicate=0.2, latency_s=1.0, jitter_s=5.0)
        pipe = MessagePipe[int](network)
        for number in range(500):
            pipe.send_nowait(number)
        runs.append(await received(pipe))
    out = runs[0]
    assert runs[0] == runs[1]
    assert 340 < len(set(out)) < 460  # lost: about a fifth
    assert 40 < len(out) - len(set(out)) < 130  # twice: about a fifth of the rest
    assert out != sorted(out)


async def test_a_quiet_pipe_keeps_order() -> None:
    """Without jitter it is a queue with a latency."""
    pipe = MessagePipe[int](a_network(latency_s=1.0))
    for number in range(20):
        pipe.send_nowait(number)
    assert await received(pipe) == list(range(20))


async def test_a_stalled_pipe_waits_for_the_line() -> None:
    """And goes on by itself when it heals."""
    network = a_network(stalled=True)
    pipe = MessagePipe[int](network)
    pipe.send_nowait(1)

    async def heal() -> None:
        await anyio.sleep(30)
        network.conditions = Conditions()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(heal)
        assert await pipe.receive() == 1
    assert anyio.current_time() == 30
    network.conditions = Conditions(half_open=True)
    pipe.send_nowait(2)
    assert await received(pipe) == []
