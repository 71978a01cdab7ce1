"""A clock that never goes back, whatever the machine's does."""

from collections.abc import Callable

from algopioneer_core.ports import Clock

__all__ = ["SteadyClock"]


class SteadyClock:
    """
    The `Clock` of a session: where the machine's clock is set back, it stands still until it is
    caught up with.

    Orders, rows and timers are compared by their times; one that is older than its cause would
    make a cooldown end at once and a deadline never.

    Args:
        clock: The machine's.
        on_backwards: Called once for each step back, with its size in nanoseconds.
    """

    def __init__(self, clock: Clock, on_backwards: Callable[[int], None]) -> None:
        self._clock = clock
        self._on_backwards = on_backwards
        self._latest_ns = 0
        self._read_ns = 0

    def now_ns(self) -> int:
        """Return the present time, UTC nanoseconds; never less than before."""
        now_ns, before = self._clock.now_ns(), self._read_ns
        self._read_ns = now_ns
        if now_ns >= self._latest_ns:
            self._latest_ns = now_ns
        elif now_ns < before:
            self._on_backwards(self._latest_ns - now_ns)
        return self._latest_ns
