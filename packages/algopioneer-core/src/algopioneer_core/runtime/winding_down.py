"""How a live session ends: nothing new, legs at rest, orders taken back, what is left told."""

from collections.abc import Callable

import anyio

from algopioneer_core.domain.events import RiskHalted
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.ports import Clock
from algopioneer_core.runtime.floor import Alarm, Floor
from algopioneer_core.runtime.stopping import STOPPING

__all__ = ["wind_down"]


async def wind_down(
    floor: Floor, clock: Clock, alarm: Alarm, deadline_ns: int, lag_ns: int
) -> None:
    """
    Open nothing new, drive legs to rest, cancel what is left; within *deadline_ns* for each.

    The ends of what was cancelled may take *lag_ns* longer: for so long a venue's look-ups may show
    what was before, and an end that the stream may have told without a part is looked up.

    The halt stays in the books: strategies still run until they are cancelled, and a process that
    dies on the way must not come back halted for good. The next start ends it. Cancelled, as by a
    second signal, it still says what is left.
    """
    floor.deliver_to_all(RiskHalted(clock.now_ns(), STOPPING))
    try:
        await _wait_for(lambda: _legs_rest(floor), floor, deadline_ns)
        floor.is_closed = True  # at once: a bar may lie in an inbox
        _cancel_everything(floor, clock)
        await _wait_for(lambda: _nothing_works(floor), floor, deadline_ns + lag_ns)
    finally:
        _say_what_is_left(floor, clock, alarm)


async def _wait_for(is_done: Callable[[], bool], floor: Floor, deadline_ns: int) -> None:
    with anyio.move_on_after(deadline_ns / NS_PER_SECOND):
        while not is_done():
            await floor.handled.wait()


def _legs_rest(floor: Floor) -> bool:
    runners = floor.runners.values()
    return all(each.engine.legs is None or each.engine.legs.is_idle for each in runners)


def _nothing_works(floor: Floor) -> bool:
    return not any(each.engine.orders.working for each in floor.runners.values())


def _cancel_everything(floor: Floor, clock: Clock) -> None:
    for runner in floor.runners.values():
        floor.gate.command(runner, runner.engine.cancel_orders(), clock.now_ns(), None)


def _say_what_is_left(floor: Floor, clock: Clock, alarm: Alarm) -> None:
    for runner in floor.runners.values():
        for key in runner.engine.orders.working:
            alarm(
                clock.now_ns(),
                f"order {key} of {runner.name} may still be open at its venue",
                "The session ended before its end was confirmed. Look at the venue.",
                strategy=runner.name,
                urgent=True,
            )
