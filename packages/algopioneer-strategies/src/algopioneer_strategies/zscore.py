"""
The z-score of integers, decided exactly.

Over the last n values x with sum S and sum of squares Q, z = (x - S/n) / deviation (ddof 0) is

    z = D / sqrt(V)    with    D = n x - S,    V = n Q - S**2,

and D and V are integers that two additions keep up to date: they never drift. Whether z is above
a level p/q is then a question about integers, because D q > p sqrt(V) has the truth of its squares
once the signs are known. A float of z answers when it is clearly on one side; within `GUARD` of
the level the integers are asked. So rounding can neither make nor lose a signal.
"""

from collections import deque
from decimal import Decimal
from functools import cached_property
from math import sqrt
from typing import Final, NamedTuple

from attrs import field, frozen

__all__ = ["GUARD", "Level", "RollingZ", "Score", "compare", "score_of"]

GUARD: Final = 1e-9
"""Distance between z and a level below which floats do not decide. A float z from exact D and V is
good to four roundings, 1e-15 of itself."""


def compare(deviation: int, variance: int, numerator: int, denominator: int) -> int:
    """
    Return the sign of D / sqrt(V) - p / q, exactly: 1, 0 or -1.

    Args:
        deviation: D.
        variance: V, positive.
        numerator: p.
        denominator: q, positive.
    """
    if deviation >= 0 >= numerator or deviation <= 0 <= numerator:
        return (deviation > 0) - (deviation < 0) or (numerator < 0) - (numerator > 0)
    left, right = (deviation * denominator) ** 2, numerator**2 * variance
    farther = (left > right) - (left < right)
    return farther if deviation > 0 else -farther


@frozen(slots=False)  # for the cached property
class Level:
    """A threshold for z, exact."""

    value: Decimal
    numerator: int = field(init=False)
    denominator: int = field(init=False)
    approximate: float = field(init=False)

    @numerator.default
    def _numerator(self) -> int:
        return self.value.as_integer_ratio()[0]

    @denominator.default
    def _denominator(self) -> int:
        return self.value.as_integer_ratio()[1]

    @approximate.default
    def _approximate(self) -> float:
        return float(self.value)

    @cached_property
    def mirrored(self) -> "Level":
        """The same distance on the other side of zero."""
        return Level(self.value.copy_negate())

    def side(self, score: "Score") -> int:
        """Return 1 when z is above this level, 0 when it is on it, -1 when it is below."""
        distance = score.z - self.approximate
        if distance > GUARD:
            return 1
        if distance < -GUARD:
            return -1
        return compare(score.deviation, score.variance, self.numerator, self.denominator)


class Score(NamedTuple):
    """A z-score: the float to look at, and the integers that decide."""

    z: float
    deviation: int
    """D of this module."""
    variance: int
    """V of this module, positive."""


def score_of(deviation: int, variance: int) -> Score | None:
    """Return the score D / sqrt(V); None when V is zero, because then there is no signal."""
    if not variance:
        return None
    return Score(deviation / sqrt(variance), deviation, variance)


class RollingZ:
    """
    The z-score of the latest of integers against the last *window* of them, itself included.

    Sums are taken about the first value seen, which changes nothing but keeps the integers short.

    Args:
        window: Values looked at, at least 2.
    """

    __slots__ = ("_sum", "_window", "origin", "values", "variance")

    def __init__(self, window: int) -> None:
        self._window = window
        self.origin = 0
        """What the window's values are less by: the first value taken."""
        self.values: deque[int] = deque(maxlen=window)
        """The window, oldest first, less the origin."""
        self._sum = 0
        self.variance = 0
        """V of this module, for the value taken last; 0 while the window fills."""

    @property
    def deviation(self) -> int:
        """D of this module, for the value taken last; 0 while the window fills."""
        values, window = self.values, self._window
        return window * values[-1] - self._sum if len(values) == window else 0

    def take(self, value: int) -> float | None:
        """Take in *value*; return its z, None while the window fills or when nothing varies."""
        values, window = self.values, self._window
        if len(values) != window:
            return self._fill(value)
        value -= self.origin
        old, before = values[0], self._sum
        values.append(value)
        change = value - old
        self._sum = total = before + change
        # n Q - S**2 after the change, less the same before it: one product of long integers, where
        # Q and S anew would take three.
        self.variance += change * (window * (value + old) - before - total)
        variance = self.variance
        return (window * value - total) / sqrt(variance) if variance else None

    def _fill(self, value: int) -> float | None:
        """Take in one of the first values; the last of them has a z."""
        values, window = self.values, self._window
        if not values:
            self.origin = value
        value -= self.origin
        self._sum += value
        values.append(value)
        if len(values) < window:
            return None
        self.variance = window * sum(each * each for each in values) - self._sum * self._sum
        return self.deviation / sqrt(self.variance) if self.variance else None
