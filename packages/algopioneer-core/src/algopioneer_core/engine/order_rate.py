"""How many orders may be sent within a second of event time."""

from collections import deque
from collections.abc import Sequence

from algopioneer_core.domain.market_data import NS_PER_SECOND

__all__ = ["OrderRate"]


class OrderRate:
    """
    A sliding window of one second: at most *most* orders in any (t - 1 s, t].

    Only the times of the last *most* orders are kept. Time that goes back is taken as the latest
    time seen, which can only refuse more.

    Args:
        most: Orders within a second; 1 or more.
    """

    __slots__ = ("_times",)

    def __init__(self, most: int) -> None:
        self._times: deque[int] = deque(maxlen=most)

    def is_full(self, ts_ns: int) -> bool:
        """Return whether one more order at *ts_ns* would be one too many."""
        times = self._times
        return len(times) == times.maxlen and times[0] > ts_ns - NS_PER_SECOND

    def count(self, ts_ns: int) -> None:
        """Take note of an order at *ts_ns*."""
        times = self._times
        times.append(max(ts_ns, times[-1]) if times else ts_ns)

    def snapshot(self) -> list[int]:
        """Return the times kept, oldest first."""
        return list(self._times)

    def restore(self, times: Sequence[int]) -> None:
        """Keep the latest of *times* (oldest first), and no others."""
        self._times.clear()
        self._times.extend(times)
