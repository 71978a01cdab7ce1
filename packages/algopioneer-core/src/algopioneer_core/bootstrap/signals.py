"""What a session does on the signals of the operating system."""

import signal
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

import anyio

from algopioneer_core.journal.control import ControlAction, ControlBox
from algopioneer_core.ports import Clock
from algopioneer_core.runtime.stopping import StopRequest
from algopioneer_core.runtime.wake import Wake

__all__ = ["obey_signals"]

_STOP: Final = (signal.SIGINT, signal.SIGTERM)
_RELOAD: Final = getattr(signal, "SIGHUP", None)  # Windows has neither of these
_HALT: Final = getattr(signal, "SIGUSR1", None)


async def obey_signals(
    stop: StopRequest, box: ControlBox, clock: Clock, reload: Callable[[], Awaitable[None]]
) -> None:
    """
    Obey signals until cancelled.

    The first SIGINT or SIGTERM ends the session in good order, the second at once; SIGHUP reads
    its file again, beside, because that may wait for a venue; SIGUSR1 halts it, as `algopioneer
    halt` does, and through the same box, so that it is journalled and outlives a crash.

    Raises:
        KeyboardInterrupt: The session is to end at once.
    """
    others = (each for each in (_RELOAD, _HALT) if each is not None)
    changed = Wake()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_reload_when_told, changed, reload)
        await _obey(stop, box, clock, others, changed)


async def _reload_when_told(changed: Wake, reload: Callable[[], Awaitable[None]]) -> None:
    while True:
        await changed.wait()
        await reload()


async def _obey(
    stop: StopRequest,
    box: ControlBox,
    clock: Clock,
    others: Iterable[signal.Signals],
    changed: Wake,
) -> None:
    with anyio.open_signal_receiver(*_STOP, *others) as signals:
        async for number in signals:
            name = signal.Signals(number).name
            if number == _HALT:
                box.request(ControlAction.HALT, ts_ns=clock.now_ns(), reason=f"told to by {name}")
            elif number == _RELOAD:
                changed.ring()
            elif stop.is_asked:
                raise KeyboardInterrupt
            else:
                stop.ask(f"told to stop by {name}")
