"""Tasks of a block: cancelled at its end, their only error alone."""

import anyio
import pytest

from algopioneer_core.wire.tasks import tasks_for_block


async def test_tasks_end_with_the_block() -> None:
    """However long they would have gone on."""
    async with tasks_for_block() as tasks:
        tasks.start_soon(anyio.sleep_forever)


async def test_an_error_of_the_block_comes_out_as_it_is() -> None:
    """Not in a group."""
    with pytest.raises(KeyError, match="block"):
        async with tasks_for_block() as tasks:
            tasks.start_soon(anyio.sleep_forever)
            raise KeyError("block")


async def _fail(text: str) -> None:
    await anyio.sleep(1)
    raise ValueError(text)


async def test_an_error_of_a_task_ends_the_block_and_comes_out_as_it_is() -> None:
    """With its own cause."""
    with pytest.raises(ValueError, match="task"):
        async with tasks_for_block() as tasks:
            tasks.start_soon(_fail, "task")
            await anyio.sleep_forever()


async def _fail_late(text: str) -> None:
    try:
        await anyio.sleep_forever()
    finally:
        raise ValueError(text)


async def test_several_errors_stay_a_group() -> None:
    """None of them is lost."""
    with pytest.raises(ExceptionGroup) as caught:
        async with tasks_for_block() as tasks:
            tasks.start_soon(_fail, "one")
            tasks.start_soon(_fail_late, "two")
            await anyio.sleep_forever()
    assert {"one", "two"} == {str(each) for each in caught.value.exceptions}
