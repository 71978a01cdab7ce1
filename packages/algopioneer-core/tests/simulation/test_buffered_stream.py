"""A stream keeps what is put into it, in order, until it is read or closed."""

import anyio
import pytest

from algopioneer_core.simulation.buffered_stream import BufferedStream
from algopioneer_core.testing.clocks import wait_all_blocked

pytestmark = pytest.mark.anyio


async def test_items_come_in_their_order_and_then_the_end() -> None:
    """Whether they wait or are waited for; a close lets go of what was not read."""
    stream, got = BufferedStream[int](), list[int]()

    async def read() -> None:
        got.extend([item async for item in stream])

    stream.put(1)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read)
        await wait_all_blocked()
        stream.put(2)
        stream.put(3)
        await wait_all_blocked()
        stream.put(4)
        stream.close()
    assert got == [1, 2, 3]


async def test_cancelled_wait_loses_nothing() -> None:
    """The next call gets what comes after."""
    stream = BufferedStream[int]()
    with anyio.move_on_after(0):
        await stream.receive()
    stream.put(1)
    assert await stream.receive() == 1


async def test_one_task_reads_it() -> None:
    """A second one is told so."""
    stream = BufferedStream[int]()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stream.receive)
        await wait_all_blocked()
        with pytest.raises(anyio.BusyResourceError):
            await stream.receive()
        stream.put(1)


async def test_news_is_whatever_was_put_or_said() -> None:
    """A call of `wake` lets the reader look again though nothing came."""
    stream, looks = BufferedStream[int](), list[str]()

    async def look() -> None:
        for _ in range(2):
            await stream.news()
            try:
                looks.append(str(stream.take()))
            except anyio.WouldBlock:
                looks.append("nothing")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(look)
        await wait_all_blocked()
        stream.wake()
        await wait_all_blocked()
        stream.put(7)
    assert looks == ["nothing", "7"]
