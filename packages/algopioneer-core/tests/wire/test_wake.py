"""A bell that is rung while nobody waits is heard all the same."""

import anyio

from algopioneer_core.runtime.stopping import StopRequest
from algopioneer_core.testing.clocks import wait_all_blocked
from algopioneer_core.wire.wake import Wake


async def test_rings_before_the_wait_wake_once() -> None:
    """Any number of them is one."""
    bell = Wake()
    rung = [bell.is_rung]
    bell.ring()
    bell.ring()
    rung.append(bell.is_rung)
    await bell.wait()
    rung.append(bell.is_rung)
    assert rung == [False, True, False]
    with anyio.move_on_after(1) as scope:
        await bell.wait()

    assert scope.cancelled_caught


async def test_a_ring_wakes_who_waits() -> None:
    """At once."""
    bell = Wake()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bell.wait)
        await wait_all_blocked()
        bell.ring()

    assert anyio.current_time() == 0


async def test_a_cancelled_wait_leaves_the_ring_for_the_next() -> None:
    """Whoever is cancelled in the moment of the ring does not swallow it."""
    bell = Wake()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bell.wait)
        await wait_all_blocked()
        tasks.cancel_scope.cancel()
        bell.ring()
    with anyio.fail_after(1):
        await bell.wait()


async def test_the_first_reason_to_stop_stays() -> None:
    """Later ones change nothing, and waiting is over at once."""
    stop = StopRequest()
    assert not stop.is_asked
    stop.ask("told to")
    stop.ask("the feed has ended")
    await stop.wait()

    assert stop.reason == "told to"
