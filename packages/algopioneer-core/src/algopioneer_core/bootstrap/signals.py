"""What a session does on the signals of the operating system."""

import contextlib
import signal
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Final

import anyio
from attrs import define

from algopioneer_core.journal.control import ControlAction, ControlBox
from algopioneer_core.ports import Clock
from algopioneer_core.runtime.stopping import StopRequest
from algopioneer_core.wire.wake import Wake

__all__ = ["EarlyReload", "keep_early_reload", "obey_signals"]

_STOP: Final = (signal.SIGINT, signal.SIGTERM)
_RELOAD: Final = getattr(signal, "SIGHUP", None)  # Windows has neither of these
_HALT: Final = getattr(signal, "SIGUSR1", None)


@define
class EarlyReload:
    """Whether SIGHUP came before the session listened."""

    asked: bool = False


@contextlib.contextmanager
def keep_early_reload() -> Iterator[EarlyReload]:
    """
    Let no SIGHUP end this process inside the block; one that nobody hears is noted.

    Whoever holds a journal may be told to read its file again from the first moment on, and a
    process that does not listen yet would die of it.
    """
    early = EarlyReload()

    def note(*_: object) -> None:
        early.asked = True

    if _RELOAD is None:
        yield early
        return
    before = signal.signal(_RELOAD, note)
    try:
        yield early
    finally:
        signal.signal(_RELOAD, before)


async def obey_signals(
    stop: StopRequest,
    box: ControlBox,
    clock: Clock,
    reload: Callable[[], Awaitable[None]],
    early: EarlyReload | None = None,
) -> None:
    """
    Obey signals until cancelled.

    The first SIGINT or SIGTERM ends the session in good order, the second at once; SIGHUP reads
    its file again, beside, because that may wait for a venue; SIGUSR1 halts it, as `algopioneer
    halt` does, and through the same box, so that it is journalled and outlives a crash. A SIGHUP
    that came *early* is obeyed first.

    Raises:
        KeyboardInterrupt: The session is to end at once.
    """
    others = (each for each in (_RELOAD, _HALT) if each is not None)
    changed = Wake()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_reload_when_told, changed, reload)
        await _obey(stop, box, clock, others, changed, early or EarlyReload())


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
    early: EarlyReload,
) -> None:
    with anyio.open_signal_receiver(*_STOP, *others) as signals:
        if early.asked:
            changed.ring()
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
