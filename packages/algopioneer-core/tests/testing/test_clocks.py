"""Virtual clocks: time passes when everybody waits, and only then, on both backends."""

import time
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.ports import Clock
from algopioneer_core.testing.clocks import (
    VIRTUAL_START_NS,
    BackendName,
    VirtualClock,
    own_time,
    run_virtual,
    virtual_time_backend,
    wait_all_blocked,
)

HOUR_S = 3600
BACKENDS: tuple[BackendName, ...] = ("trio", "asyncio")


async def test_an_hour_passes_in_milliseconds() -> None:
    """Sleeping for an hour moves the clock by exactly that, and takes next to no time."""
    before, started = anyio.current_time(), time.process_time()
    await anyio.sleep(HOUR_S)
    assert HOUR_S == anyio.current_time() - before
    assert time.process_time() - started < 0.5  # others may have the processor meanwhile


async def test_a_month_of_timers_drifts_by_nanoseconds(virtual_clock: Clock) -> None:
    """Thirty waits of over a day, asyncio's longest, end where their sum says."""
    for _ in range(30):
        await anyio.sleep(86_400.000_000_001)  # noqa: ASYNC116 - a day passes at once
    assert VIRTUAL_START_NS + 30 * 86_400_000_000_001 == pytest.approx(
        virtual_clock.now_ns(), abs=30
    )


async def test_the_loops_own_clock_is_anyios() -> None:
    """Read directly, it says the same."""
    clock = VirtualClock(read=own_time())
    await anyio.sleep(HOUR_S)
    assert clock.now_ns() == VirtualClock().now_ns() == VIRTUAL_START_NS + HOUR_S * 10**9


async def test_a_year_later_timers_still_end() -> None:
    """A wait too short for a float of so many seconds is no endless loop."""
    await anyio.sleep(400 * 86_400)
    for delay in (1e-9, 0.5, 1e-9):
        await anyio.sleep(delay)
    assert anyio.current_time() == pytest.approx(400 * 86_400 + 0.5, abs=1e-6)


async def test_time_stands_still_while_a_task_can_run(virtual_clock: Clock) -> None:
    """A busy task keeps the clock; who slept wakes up after it has begun to wait."""
    seen: list[tuple[str, int]] = []

    async def sleeper() -> None:
        await anyio.sleep(1)
        seen.append(("slept", virtual_clock.now_ns() - VIRTUAL_START_NS))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(sleeper)
        for _ in range(100):
            await anyio.lowlevel.checkpoint()
        seen.append(("busy", virtual_clock.now_ns() - VIRTUAL_START_NS))
    assert [("busy", 0), ("slept", 1_000_000_000)] == seen


async def test_deadlines_fire_in_their_order() -> None:
    """Timers of different tasks fire by time, whatever the order in which they were set."""
    fired: list[float] = []

    async def timer(delay: float) -> None:
        await anyio.sleep(delay)
        fired.append(anyio.current_time())

    async with anyio.create_task_group() as tasks:
        for delay in (5.0, 0.25, 3.0, 0.5):
            tasks.start_soon(timer, delay)
    assert [0.25, 0.5, 3.0, 5.0] == fired


async def test_a_deadline_cuts_a_longer_wait() -> None:
    """`move_on_after` works by the virtual clock, shielded clean-up included."""
    with anyio.move_on_after(10) as outer:
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.move_on_after(5, shield=True) as inner:
                await anyio.sleep(60)
    assert outer.cancelled_caught
    assert inner.cancelled_caught
    assert anyio.current_time() == 15


async def test_waiting_for_the_others_moves_no_clock() -> None:
    """Everything that was caused has happened, and no timer has fired."""
    steps: list[int] = []

    async def worker() -> None:
        for step in range(20):
            await anyio.lowlevel.checkpoint()
            steps.append(step)
        await anyio.sleep(0.001)
        steps.append(-1)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(worker)
        await wait_all_blocked()
        assert (list(range(20)), 0.0) == (steps, anyio.current_time())
        await wait_all_blocked()
        assert steps[-1] == 19


async def test_two_tasks_may_wait_for_the_others() -> None:
    """Both wake, and one that was cancelled meanwhile disturbs nobody."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait_all_blocked)
        with anyio.CancelScope() as scope:
            scope.cancel()
            await wait_all_blocked()
        await wait_all_blocked()
    assert anyio.current_time() == 0


@given(delays=st.lists(st.integers(1, 10**15), min_size=1, max_size=20))
async def test_every_wait_ends_when_it_should(delays: list[int]) -> None:
    """Any nanosecond waits, one after the other, end at their sum up to float rounding."""
    start = anyio.current_time()
    for delay_ns in delays:
        await anyio.sleep(delay_ns / 1e9)
    assert sum(delays) / 1e9 == pytest.approx(anyio.current_time() - start, rel=1e-9, abs=1e-3)


@pytest.mark.parametrize("backend", BACKENDS)
def test_wait_works_on_a_real_clock_too(backend: BackendName) -> None:
    """Outside virtual time it is anyio's own wait."""
    anyio.run(wait_all_blocked, backend=backend)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_virtual_run_returns_its_result(backend: BackendName) -> None:
    """Arguments go in, the value comes out, and the clock starts at the time it is given."""

    async def later(delay_s: float) -> int:
        await anyio.sleep(delay_s)
        return VirtualClock(start_ns=5).now_ns()

    assert run_virtual(later, 2.5, backend=backend) == 2_500_000_005


@pytest.mark.parametrize("backend", BACKENDS)
def test_errors_leave_a_virtual_run(backend: BackendName) -> None:
    """What is raised inside arrives outside."""

    async def fail() -> None:
        await anyio.sleep(1)
        raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        run_virtual(fail, backend=backend)


async def interleaving() -> list[int]:
    """Return in which order eight tasks that are ready together ran, five times."""
    order: list[int] = []

    async def worker(name: int) -> None:
        for _ in range(5):
            await anyio.sleep(1)
            order.append(name)

    async with anyio.create_task_group() as tasks:
        for name in range(8):
            tasks.start_soon(worker, name)
    return order


@pytest.mark.parametrize("backend", BACKENDS)
def test_one_seed_is_one_interleaving(backend: BackendName) -> None:
    """The order of ready tasks repeats with the seed."""
    runs = [run_virtual(interleaving, backend=backend, seed=7) for _ in range(3)]
    assert runs[0] == runs[1] == runs[2]


def test_seeds_explore_interleavings_on_trio() -> None:
    """Different seeds make different orders, or a simulation would test one world only."""
    runs = {tuple(run_virtual(interleaving, seed=seed)) for seed in range(5)}
    assert len(runs) == 5


def test_each_backend_has_a_clock_of_its_own() -> None:
    """Two requests for trio do not share a clock, so no test starts late."""
    clocks: list[Any] = [virtual_time_backend("trio")[1]["clock"] for _ in range(2)]
    assert clocks[0] is not clocks[1]
