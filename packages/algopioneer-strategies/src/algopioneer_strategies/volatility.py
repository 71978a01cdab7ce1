"""
Scaling a z-score by volatility: the same distance means less while the spread moves more.

The volatility now is an exponentially weighted mean v of the squared changes of the spread; what it
is held against is the plain mean B / m of the m squared changes inside the window of the z-score.
The scaled score is z * sqrt((B / m) / v): smaller than z when the spread has lately moved more than
over its window, larger when less. In the integers of `zscore` that is D B / sqrt(V v m B).

v is an integer: v += (d**2 - v) * 2 // (span + 1), the usual weight of a span of bars, rounded
down at each step to a unit of 2**-80 (the rounding does not accumulate, because old steps are
forgotten at the same rate).
"""

from collections import deque
from collections.abc import Mapping

__all__ = ["VolatilityScale"]


class VolatilityScale:
    """
    Squared changes of a spread, weighted and plain.

    Args:
        span: Bars over which the weighted mean looks back; its weight is 2 / (span + 1).
        window: Bars of the z-score; its changes are one fewer.
    """

    def __init__(self, span: int, window: int) -> None:
        self._span = span
        self._changes = window - 1
        self._squares: deque[int] = deque(maxlen=self._changes)
        self._sum = 0
        self._weighted: int | None = None

    def take(self, change: int) -> None:
        """Take in the change of the spread since the bar before."""
        square = change * change
        if self._weighted is None:
            self._weighted = square
        else:
            self._weighted += (square - self._weighted) * 2 // (self._span + 1)
        if len(self._squares) == self._changes:
            self._sum -= self._squares[0]
        self._squares.append(square)
        self._sum += square

    def scaled(self, deviation: int, variance: int) -> tuple[int, int]:
        """Return D and V of the scaled score; V is zero when a volatility is."""
        weighted = self._weighted or 0
        return (
            deviation * self._sum,
            variance * weighted * len(self._squares) * self._sum,
        )

    def snapshot(self) -> Mapping[str, object]:
        """Return the state as JSON values."""
        return {"squares": list(self._squares), "weighted": self._weighted}

    def restore(self, state: Mapping[str, object]) -> None:
        """Continue from `snapshot`."""
        squares, weighted = state["squares"], state["weighted"]
        assert isinstance(squares, list)
        assert weighted is None or isinstance(weighted, int)
        self._squares = deque(squares, maxlen=self._changes)
        self._sum = sum(squares)
        self._weighted = weighted
