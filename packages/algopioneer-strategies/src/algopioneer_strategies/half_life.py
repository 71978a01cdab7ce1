"""
How fast a spread comes back: the half-life of an AR(1) process, by least squares.

x(t) = c + b x(t-1) + noise halves its distance to the mean in -ln 2 / ln b bars (the popular
-ln 2 / (b - 1) is its first-order approximation). The least-squares b is biased down, so half-lives
come out too short: the true 20 bars are estimated as 17.5 from 500. A time stop of several
half-lives should leave room for that.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

__all__ = ["half_life", "hold_limit"]


def half_life(values: Sequence[int]) -> float | None:
    """
    Return the half-life of *values* in bars.

    The coefficient b is an exact ratio of integers, rounded once.

    Returns:
        0.0 when b is not positive: half of the distance is gone within a bar. None when b is 1 or
        more, or nothing varies: it does not come back.
    """
    coefficient = _coefficient(values)
    if coefficient is None or coefficient >= 1:
        return None
    return -math.log(2) / math.log(coefficient) if coefficient > 0 else 0.0


def hold_limit(values: Sequence[int], half_lives: float) -> int | None:
    """
    Return the bars after which a time stop of so many *half_lives* of *values* fires.

    It is rounded up and at least 1; None when there is no half-life.
    """
    bars = half_life(values)
    return None if bars is None else max(1, math.ceil(half_lives * bars))


def _coefficient(values: Sequence[int]) -> float | None:
    origin = values[0] if values else 0
    steps = [(before - origin, after - origin) for before, after in pairwise(values)]
    total_before = sum(before for before, _ in steps)
    total_after = sum(after for _, after in steps)
    squares = len(steps) * sum(before * before for before, _ in steps) - total_before**2
    products = len(steps) * sum(before * after for before, after in steps)
    if not squares:
        return None
    return (products - total_before * total_after) / squares
