"""Tasks of a block: cancelled at its end, their only error alone."""

from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

import anyio
import pytest

from algopioneer_core.wire.tasks import tasks_for_block


async def _fail(text: str) -> None:
    await anyio.sleep(1)
    raise ValueError(text)


async def _fail_late(text: str) -> None:
    try:
        await anyio.sleep_forever()
    finally:
        raise ValueError(text)


Task: TypeAlias = Callable[[], Coroutine[Any, Any, None]]


async def run(block: Task, *tasks: Task) -> None:
    """Run a block with tasks."""
    async with tasks_for_block() as group:
        for each in tasks:
            group.start_soon(each)
        await block()


async def test_tasks_end_with_the_block() -> None:
    """However long they would have gone on."""
    await run(lambda: anyio.sleep(1), anyio.sleep_forever)
    assert anyio.current_time() < 2


async def test_an_error_of_the_block_comes_out_as_it_is() -> None:
    """Not in a group."""
    with pytest.raises(ValueError, match="block"):
        await run(lambda: _fail("block"), anyio.sleep_forever)


async def test_an_error_of_a_task_ends_the_block_and_comes_out_as_it_is() -> None:
    """Whatever the block waits for."""
    with pytest.raises(ValueError, match="task"):
        await run(anyio.sleep_forever, lambda: _fail("task"))


async def test_several_errors_stay_a_group() -> None:
    """None of them is lost."""
    with pytest.raises(ExceptionGroup) as caught:
        await run(anyio.sleep_forever, lambda: _fail("one"), lambda: _fail_late("two"))
    assert {"one", "two"} == {str(each) for each in caught.value.exceptions}
