"""trio for virtual time: what runs, and when, is what trio itself would do."""

import signal

import anyio
import anyio.lowlevel
import pytest
from trio.testing import MockClock

from algopioneer_core.testing.clocks import run_virtual, seeded_scheduling

_Told = list[tuple[float, int]]


async def _wander(told: _Told) -> None:
    """Let five tasks sleep, give way and be cut short, for an hour of theirs."""

    async def step(number: int) -> None:
        for turn in range(20):
            with anyio.move_on_after(1 + (turn * number) % 7):
                await anyio.sleep((turn + number) % 5 * 60)
            for _ in range(number):
                await anyio.lowlevel.checkpoint()
            told.append((anyio.current_time(), number))

    async with anyio.create_task_group() as tasks:
        for number in range(5):
            tasks.start_soon(step, number)


def _as_trio_does(told: _Told, seed: int) -> None:
    with seeded_scheduling(seed):
        options = {"clock": MockClock(autojump_threshold=0)}
        anyio.run(_wander, told, backend="trio", backend_options=options)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_schedule_is_trios_own(seed: int) -> None:
    """The same tasks at the same times in the same order."""
    theirs, ours = _Told(), _Told()
    _as_trio_does(theirs, seed)
    run_virtual(_wander, ours, seed=seed)
    assert len(ours) == 100
    assert ours[-1][0] > 0
    assert ours == theirs


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
