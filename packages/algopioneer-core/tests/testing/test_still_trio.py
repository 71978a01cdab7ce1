"""Time that stands still: the schedule is trio's own, to the last step."""

import random
import signal
from collections.abc import Awaitable, Callable

import anyio
import anyio.lowlevel
import pytest
import trio
from trio.testing import MockClock

from algopioneer_core.testing.clocks import run_virtual, seeded_scheduling

Step = tuple[str, float]


async def busy(steps: list[Step]) -> None:
    """Note who runs when, of tasks that sleep, are cut off, move their deadlines and meet."""
    draw = random.Random(7).random

    async def work(name: str) -> None:
        for turn in range(6):
            with anyio.move_on_after(draw()) as scope:
                scope.deadline += draw()
                if turn % 2:
                    await anyio.sleep(round(2 * draw(), 1))
                with anyio.CancelScope(shield=True):
                    await anyio.lowlevel.checkpoint()
                await met.wait()
            steps.append((f"{name}{turn}{scope.cancelled_caught}", anyio.current_time()))

    met = anyio.Event()
    async with anyio.create_task_group() as tasks:
        for name in "abcdef":
            tasks.start_soon(work, name)
        await anyio.sleep(5)
        met.set()


async def wander(steps: list[Step]) -> None:
    """Let five tasks sleep, give way and be cut short, for an hour of theirs."""

    async def walk(number: int) -> None:
        for turn in range(20):
            with anyio.move_on_after(1 + (turn * number) % 7):
                await anyio.sleep((turn + number) % 5 * 60)
            for _ in range(number):
                await anyio.lowlevel.checkpoint()
            steps.append((str(number), anyio.current_time()))

    async with anyio.create_task_group() as tasks:
        for number in range(5):
            tasks.start_soon(walk, number)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("story", "length"), [(busy, 36), (wander, 100)])
def test_the_same_tasks_run_in_the_same_order_at_the_same_times(
    story: Callable[[list[Step]], Awaitable[None]], length: int, seed: int
) -> None:
    """With deadlines noted and looked at in our way as with trio's."""
    ours: list[Step] = []
    theirs: list[Step] = []
    run_virtual(story, ours, seed=seed)
    with seeded_scheduling(seed):
        trio.run(story, theirs, clock=MockClock(autojump_threshold=0))
    assert theirs == ours
    assert len(ours) == length
    assert ours[-1][1] > 0


def test_trio_is_left_as_it_was() -> None:
    """Whatever a run does to it ends with the run, also where that fails."""
    before = dict(vars(trio.CancelScope))

    async def fail() -> None:
        assert before != dict(vars(trio.CancelScope))
        raise KeyError

    with pytest.raises(KeyError):
        run_virtual(fail)
    assert before == dict(vars(trio.CancelScope))


def test_a_signal_is_heard_though_time_stands_still() -> None:
    """Ctrl-C ends a run, whose sockets are seldom looked at, before its next deadline."""

    async def interrupted() -> None:
        signal.raise_signal(signal.SIGINT)
        await anyio.sleep(3_600)
        raise AssertionError("nobody was interrupted")

    # A shell starts what runs in the background with this signal ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            run_virtual(interrupted)
    finally:
        signal.signal(signal.SIGINT, before)
