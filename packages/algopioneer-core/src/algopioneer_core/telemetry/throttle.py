"""Which of many equal things to let through, and how many were held back."""

from collections.abc import Hashable
from typing import Generic, TypeVar

__all__ = ["Throttle"]

K = TypeVar("K", bound=Hashable)


class Throttle(Generic[K]):
    """
    Lets the first of equal keys through and holds the others back until its window has passed.

    Nothing that was held back goes uncounted: `expired` returns the counts of windows that have
    ended, `drain` all others at the end. Memory holds the keys of one window. Time is passed in.

    Args:
        window_ns: Length of a window, from its first key on, nanoseconds; with 0 all pass.
    """

    def __init__(self, window_ns: int) -> None:
        self._window_ns = window_ns
        self._begun: dict[K, int] = {}  # in the order of time, so the oldest window is the first
        self._held: dict[K, int] = {}

    def admit(self, key: K, now_ns: int) -> bool:
        """
        Tell whether *key* passes; ask `expired` with the same time before.

        A clock that went back does not keep a window open for longer than its length.
        """
        if self._window_ns == 0:
            return True
        if key not in self._begun:
            self._begun[key] = now_ns
            return True
        self._held[key] = self._held.get(key, 0) + 1
        return False

    def expired(self, now_ns: int) -> list[tuple[K, int]]:
        """End the windows whose time has passed; return the keys that were held back, counted."""
        ended = []
        for key, begun_ns in self._begun.items():
            if 0 <= now_ns - begun_ns < self._window_ns:
                break
            ended.append(key)
        return self._end(ended)

    def drain(self) -> list[tuple[K, int]]:
        """End all windows; return the keys that were held back, counted."""
        return self._end(list(self._begun))

    def _end(self, keys: list[K]) -> list[tuple[K, int]]:
        for key in keys:
            del self._begun[key]
        return [(key, self._held.pop(key)) for key in keys if key in self._held]
