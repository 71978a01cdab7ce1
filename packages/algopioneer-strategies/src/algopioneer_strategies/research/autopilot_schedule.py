"""When autopilot looks: now, and then each time a stated length has passed."""

import functools
from collections.abc import Awaitable, Callable
from typing import Final, NoReturn

import anyio
import anyio.to_thread

from algopioneer_core.domain.errors import AlgopioneerError
from algopioneer_core.history.intervals import parse_interval
from algopioneer_core.ports import Clock

__all__ = ["keep_looking", "next_due", "run_schedule"]

_NS: Final = 1_000_000_000
Tell = Callable[[AlgopioneerError], None]


def next_due(due_ns: int, every_ns: int, now_ns: int) -> int:
    """
    Return when the look after the one that was due at *due_ns* is due, UTC nanoseconds.

    Looks keep their places, however long one takes; those that were missed are left out.
    """
    passed = max(0, now_ns - due_ns) // every_ns
    return due_ns + (passed + 1) * every_ns


async def keep_looking(
    every_ns: int, look: Callable[[], Awaitable[None]], clock: Clock, tell: Tell
) -> NoReturn:
    """
    Look now and at every length of *every_ns* from now, until cancelled.

    A look that fails in a way that is foreseen (a venue is away) is told, and the next is made.

    Args:
        every_ns: Nanoseconds from look to look.
        look: One look.
        clock: The time.
        tell: Takes what went wrong.
    """
    due_ns = clock.now_ns()
    while True:
        try:
            await look()
        except AlgopioneerError as error:
            tell(error)
        due_ns = next_due(due_ns, every_ns, clock.now_ns())
        await anyio.sleep(max(0, due_ns - clock.now_ns()) / _NS)


def run_schedule(every: str, look: Callable[[], None], clock: Clock, tell: Tell) -> NoReturn:
    """
    Keep looking until Ctrl-C; each look runs beside the event loop, for it may take minutes.

    A look that Ctrl-C interrupts has changed its file wholly or not at all.

    Raises:
        ConfigError: *every* is no length of time.
        KeyboardInterrupt: The user has had enough.
    """
    beside = functools.partial(anyio.to_thread.run_sync, look, abandon_on_cancel=True)
    wait = functools.partial(keep_looking, parse_interval(every), beside, clock, tell)
    anyio.run(wait, backend="trio")
    raise AssertionError("a schedule has no end")
