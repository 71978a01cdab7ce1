"""
The hedge ratio: how much of the second leg balances one unit of the first.

A hedge ratio is an integer number of 10**-9 from the moment it is known (`Hedge.ratio`): it meets
money, and z-scores, only in that form, so both see the same number.

Where the ratio moves from bar to bar, a window of old spreads would be spreads at old ratios.
`CrossSums` keeps what is needed to have the whole window at *any* ratio: with the logarithms
y = ln a and x = ln b as integers of 2**-40, and their rolling sums, squares and products,

    D = u (n y - Sy) - r (n x - Sx)        V = u**2 Cyy - 2 u r Cxy + r**2 Cxx

is the z-score of the spreads y - (r / u) x of the window, with u = 10**9, r the ratio, and
Cxy = n Sxy - Sx Sy. An intercept cancels. All of it is integers: exact, five multiplications a bar,
and no drift however long it runs.
"""

from collections import deque
from decimal import Decimal
from typing import Final, NamedTuple

from algopioneer_core.domain.money import canonical, divide_half_even, from_scaled, scaled

__all__ = ["RATIO_PLACES", "RATIO_UNITS", "CrossSums", "Hedge", "ratio_units", "rounded_ratio"]

RATIO_PLACES: Final = 9
"""Decimals of a hedge ratio."""
RATIO_UNITS: Final = 10**RATIO_PLACES


class Hedge(NamedTuple):
    """A hedge as it stands at a bar, and as it is frozen into a position."""

    ratio: int
    """Beta in units of 10**-9."""
    alpha: float = 0.0
    """Intercept of the spread; 0 where a mean takes it out anyway."""

    @property
    def decimal(self) -> Decimal:
        """Beta, for money."""
        return canonical(from_scaled(self.ratio, RATIO_PLACES))

    @property
    def beta(self) -> float:
        """Beta, for statistics."""
        return self.ratio / RATIO_UNITS


def ratio_units(beta: Decimal) -> int:
    """Return *beta* in units of 10**-9, rounded half to even."""
    return scaled(divide_half_even(beta, Decimal(1), places=RATIO_PLACES), RATIO_PLACES)


def rounded_ratio(numerator: int, denominator: int) -> int:
    """Return numerator / denominator rounded half to even; *denominator* is positive."""
    quotient, rest = divmod(2 * numerator + denominator, 2 * denominator)
    return quotient - 1 if not rest and quotient & 1 else quotient


class CrossSums:
    """
    Rolling sums of pairs of integers, their squares and products.

    Sums are taken about the first pair seen, which changes no score and no ratio but keeps the
    integers short.

    Args:
        window: Pairs looked at, at least 2.
    """

    __slots__ = ("origin", "pairs", "sum_x", "sum_xx", "sum_xy", "sum_y", "sum_yy", "window")

    def __init__(self, window: int) -> None:
        self.window = window
        self.pairs: deque[tuple[int, int]] = deque(maxlen=window)
        """The window as (y, x) less the origin, oldest first."""
        self.origin = (0, 0)
        self.sum_y = self.sum_x = self.sum_yy = self.sum_xy = self.sum_xx = 0

    @property
    def is_full(self) -> bool:
        """Whether a whole window was taken."""
        return len(self.pairs) == self.window

    def take(self, y: int, x: int) -> bool:
        """Take in a pair; return whether the window is full."""
        pairs = self.pairs
        if not pairs:
            self.origin = (y, x)
        from_y, from_x = self.origin
        y, x = y - from_y, x - from_x
        y_old, x_old = pairs[0] if len(pairs) == self.window else (0, 0)
        pairs.append((y, x))
        self.sum_y += y - y_old
        self.sum_x += x - x_old
        self.sum_yy += y * y - y_old * y_old
        self.sum_xy += x * y - x_old * y_old
        self.sum_xx += x * x - x_old * x_old
        return len(pairs) == self.window

    def slope(self) -> int | None:
        """
        Return the least-squares slope of y on x with an intercept, in units of 10**-9.

        It is rounded once, half to even. None when x does not vary.
        """
        count = len(self.pairs)
        spread_x = count * self.sum_xx - self.sum_x * self.sum_x
        if not spread_x:
            return None
        together = count * self.sum_xy - self.sum_x * self.sum_y
        return rounded_ratio(together * RATIO_UNITS, spread_x)

    def intercept(self, ratio: int) -> float:
        """Return the mean of y - beta x over the window, in units of y; for statistics."""
        count = len(self.pairs)
        total_y = self.sum_y + count * self.origin[0]
        total_x = self.sum_x + count * self.origin[1]
        return (RATIO_UNITS * total_y - ratio * total_x) / (RATIO_UNITS * count)

    def score(self, ratio: int) -> tuple[int, int]:
        """Return D and V of the latest spread against the window's, all at this *ratio*."""
        count, sum_y, sum_x = self.window, self.sum_y, self.sum_x
        y, x = self.pairs[-1]
        from_y, from_x = count * y - sum_y, count * x - sum_x
        of_y = count * self.sum_yy - sum_y * sum_y
        of_xy = count * self.sum_xy - sum_x * sum_y
        of_x = count * self.sum_xx - sum_x * sum_x
        variance = RATIO_UNITS * (RATIO_UNITS * of_y - 2 * ratio * of_xy) + ratio * ratio * of_x
        return RATIO_UNITS * from_y - ratio * from_x, variance

    def change(self, ratio: int) -> int:
        """Return the latest spread less the one before at this *ratio*; needs two pairs."""
        (y_before, x_before), (y, x) = self.pairs[-2], self.pairs[-1]
        return RATIO_UNITS * (y - y_before) - ratio * (x - x_before)

    def spreads(self, ratio: int) -> list[int]:
        """
        Return the window's spreads at this *ratio*, oldest first, in units of 2**-40 10**-9.

        All of them are less the same constant.
        """
        return [RATIO_UNITS * y - ratio * x for y, x in self.pairs]

    def snapshot(self) -> list[list[int]]:
        """Return the window as JSON values."""
        from_y, from_x = self.origin
        return [[y + from_y, x + from_x] for y, x in self.pairs]

    def restore(self, state: object) -> None:
        """Continue from `snapshot`; the sums follow from the window."""
        assert isinstance(state, list)
        for y, x in state:
            self.take(y, x)
