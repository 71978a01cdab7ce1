"""Work is done at once, by whoever is free; a task is started only where all are busy."""

import anyio
import pytest

from algopioneer_core.runtime.workers import Workers
from algopioneer_core.testing.clocks import wait_all_blocked


class _Sleeper:
    """Work that takes as many seconds as it says, and notes who has done it, and when."""

    def __init__(self) -> None:
        self.done: list[tuple[int, float]] = []
        self.tasks: dict[int, None] = {}

    async def work(self, seconds: int) -> None:
        self.tasks[anyio.get_current_task().id] = None
        await anyio.sleep(seconds)
        self.done.append((seconds, anyio.current_time()))


async def test_one_after_the_other_is_done_by_one_task() -> None:
    """Who has done a piece gets the next."""
    sleeper = _Sleeper()
    async with anyio.create_task_group() as tasks:
        workers = Workers(tasks, sleeper.work)
        for seconds in (1, 2, 3):
            workers.give(seconds)
            await anyio.sleep(10)
        tasks.cancel_scope.cancel()

    assert sleeper.done == [(1, 1.0), (2, 12.0), (3, 23.0)]
    assert len(sleeper.tasks) == 1


async def test_what_comes_at_one_time_is_done_beside_each_other() -> None:
    """Nobody waits for somebody else's work, the second time either."""
    sleeper = _Sleeper()
    async with anyio.create_task_group() as tasks:
        workers = Workers(tasks, sleeper.work)
        for _ in range(2):
            for seconds in (3, 1, 2):
                workers.give(seconds)
            await anyio.sleep(10)
        tasks.cancel_scope.cancel()

    assert sleeper.done == [(1, 1.0), (2, 2.0), (3, 3.0), (1, 11.0), (2, 12.0), (3, 13.0)]
    assert len(sleeper.tasks) == 3


async def test_what_a_piece_raises_ends_the_group() -> None:
    """Though the worker had done others before."""

    async def work(piece: int) -> None:
        if piece == 2:
            raise ValueError("two")

    async def give_both() -> None:
        async with anyio.create_task_group() as tasks:
            workers = Workers(tasks, work)
            for piece in (1, 2):
                workers.give(piece)
                await wait_all_blocked()
            await anyio.sleep_forever()

    with pytest.raises(ExceptionGroup) as raised:
        await give_both()

    assert [str(each) for each in raised.value.exceptions] == ["two"]


async def test_cancelled_nothing_more_is_begun() -> None:
    """What was given in the moment of the end is left."""
    sleeper = _Sleeper()
    async with anyio.create_task_group() as tasks:
        workers = Workers(tasks, sleeper.work)
        workers.give(1)
        await anyio.sleep(10)
        workers.give(2)
        tasks.cancel_scope.cancel()

    assert sleeper.done == [(1, 1.0)]
