"""An end for what would never end: a history in virtual time whose tasks never wait."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from algopioneer_core.testing.simulation_books import InvariantBroken

__all__ = ["within"]


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """
    Let the block take so much processor time at most, and ten times as long by the clock.

    Virtual time moves only when every task waits, so tasks that never wait would never end. The
    clock catches what waits for something outside virtual time, and leaves a busy machine its time.
    Where the system has no such timers there is no limit.

    Raises:
        InvariantBroken: In the block, when its time is over.
    """
    if not hasattr(signal, "setitimer"):
        yield
        return

    def end(number: int, _: object) -> None:
        raise InvariantBroken(
            f"it did not end within {seconds} s of work: does a task never wait?"
            if number == signal.SIGPROF
            else f"it did not end within {10 * seconds} s: does a task wait for what never comes?"
        )

    timers = ((signal.ITIMER_PROF, signal.SIGPROF, 1), (signal.ITIMER_REAL, signal.SIGALRM, 10))
    handlers = [signal.signal(number, end) for _, number, _ in timers]
    others = [signal.setitimer(timer, seconds * times) for timer, _, times in timers]
    try:
        yield
    finally:  # a test may be timed by the same timers
        for (timer, number, _), handler, other in zip(timers, handlers, others, strict=True):
            signal.setitimer(timer, 0)
            signal.signal(number, handler)
            signal.setitimer(timer, *other)
