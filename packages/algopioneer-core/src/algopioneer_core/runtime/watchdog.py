"""
The watchdog: a strategy that does not come back is interrupted, and the others trade on.

A thread looks at the guards. When a call into a strategy has lasted for its deadline, it sends this
process's main thread a signal. The handler raises `StrategyBlocked`, but only while a strategy's
call is on the stack, so never inside the event loop's own code. A strategy that blocks in C does
not notice: after `fatal_after_s` the process says whose fault it was and ends, and that strategy is
left out at the next start.
"""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from types import FrameType
from typing import Final, NamedTuple

from algopioneer_core.runtime.guard import StrategyBlocked, StrategyGuard, call_strategy

__all__ = ["EXIT_BLOCKED", "Watched", "watchdog"]

EXIT_BLOCKED: Final = 70
"""Exit code of a process that a strategy has blocked for good (EX_SOFTWARE in sysexits.h)."""
_SIGNAL: Final = getattr(signal, "SIGUSR2", None)
_CALL: Final = call_strategy.__code__


class Watched(NamedTuple):
    """A strategy that is looked at."""

    name: str
    guard: StrategyGuard
    deadline_s: float
    """How long one call may take."""


class _Interrupt:
    """The signal's handler, and the one call that it is meant for."""

    def __init__(self) -> None:
        self.meant: tuple[StrategyGuard, int] | None = None

    def __call__(self, _: int, frame: FrameType | None) -> None:
        """
        Raise inside the strategy's call, if it is still under way.

        A signal that arrives a moment late must not end the next call, which has done nothing.
        """
        if self.meant is None or not self.meant[0].inside or self.meant[0].calls != self.meant[1]:
            return
        while frame is not None:
            if frame.f_code is _CALL:
                raise StrategyBlocked("it did not come back within its deadline")
            frame = frame.f_back


class _Look:
    """What was seen of one guard: which call, and how often in a row."""

    def __init__(self) -> None:
        self.calls = -1
        self.seconds = 0.0

    def at(self, guard: StrategyGuard, step_s: float) -> float:
        """Return for how long the present call has been seen; 0 when there is none."""
        if not guard.inside or guard.calls != self.calls:
            self.calls, self.seconds = guard.calls if guard.inside else -1, 0.0
        else:
            self.seconds += step_s
        return self.seconds


@contextlib.contextmanager
def watchdog(
    watched: Callable[[], Iterable[Watched]],
    *,
    fatal_after_s: float,
    on_fatal: Callable[[str], None],
    leave: Callable[[int], None] = os._exit,
) -> Iterator[None]:
    """
    Watch strategies for as long as the block lasts; enter it in the main thread.

    A call is interrupted at the earliest after its deadline and at the latest after twice that.
    Where the system has no such signal, nothing is watched.

    Args:
        watched: Gives the strategies there are at present.
        fatal_after_s: How long one may block in C before the process is ended.
        on_fatal: Called in the watching thread with the name, right before that: writes it down.
        leave: Ends the process with a code.
    """
    if _SIGNAL is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    interrupt = _Interrupt()
    before = signal.signal(_SIGNAL, interrupt)
    over, main = threading.Event(), threading.main_thread().ident
    assert main is not None

    def watch() -> None:
        looks: dict[str, _Look] = {}
        while True:
            step_s = min((each.deadline_s for each in watched()), default=1.0) / 4
            if over.wait(step_s):
                return
            for each in tuple(watched()):
                seconds = looks.setdefault(each.name, _Look()).at(each.guard, step_s)
                if seconds >= fatal_after_s:
                    on_fatal(each.name)
                    leave(EXIT_BLOCKED)
                elif seconds >= each.deadline_s:
                    interrupt.meant = each.guard, looks[each.name].calls
                    signal.pthread_kill(main, _SIGNAL)

    thread = threading.Thread(target=watch, name="strategy-watchdog", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        signal.signal(_SIGNAL, before)
