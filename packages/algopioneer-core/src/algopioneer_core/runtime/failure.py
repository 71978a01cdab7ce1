"""The last words of a session that has failed."""

import contextlib
from typing import Final

import anyio

from algopioneer_core.journal.errors import JournalError
from algopioneer_core.ports import Clock
from algopioneer_core.runtime.alarms import AlarmBell

__all__ = ["tell_failure"]

_DELIVERY_S: Final = 30


async def tell_failure(alarm: AlarmBell, session: str, failure: Exception, clock: Clock) -> None:
    """
    Let people know that nobody trades any more; shielded, because it is the end.

    The journal may be what has failed: the notifiers get it all the same.
    """
    with anyio.move_on_after(_DELIVERY_S, shield=True):
        with contextlib.suppress(JournalError):
            alarm(
                clock.now_ns(),
                f"session {session} has failed",
                f"{_told(failure)}. Open orders and positions stay as they are.",
                urgent=True,
            )
        await alarm.finish()


def _told(failure: BaseException) -> str:
    """Return the first thing that went wrong, in words."""
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    return str(failure) or type(failure).__name__
