"""
From figures per bar to figures per year.

A year has 365.25 days. How many bars make a year is counted, not assumed: a market that rests at
weekends has fewer than one that never does. An exchange calendar's number can be given instead.
"""

import math
from typing import Final

from algopioneer_core.domain.market_data import NS_PER_SECOND

__all__ = ["NS_PER_YEAR", "bars_per_year", "compound_growth_pct", "years_between"]

NS_PER_YEAR: Final = 31_557_600 * NS_PER_SECOND
"""365.25 days."""


def years_between(first_ns: int, last_ns: int) -> float:
    """Return the time from *first_ns* to *last_ns* in years of 365.25 days."""
    return (last_ns - first_ns) / NS_PER_YEAR


def bars_per_year(steps: int, first_ns: int, last_ns: int) -> float | None:
    """
    Return how many of the observed steps from bar to bar make a year.

    Args:
        steps: Bars after the first one: each has a return.
        first_ns: Close of the first bar, UTC nanoseconds.
        last_ns: Close of the last bar.

    Returns:
        None when no time has passed.
    """
    years = years_between(first_ns, last_ns)
    return steps / years if years > 0 else None


def compound_growth_pct(ratio: float, years: float) -> float | None:
    """
    Return the growth per year, in per cent, that turns 1 into *ratio* over *years*.

    It is ratio ** (1 / years) - 1.

    Returns:
        None when it is undefined (nothing is left, or no time has passed), or above what a float
        can hold: some per cent in a few minutes is no yearly rate.
    """
    if ratio <= 0 or years <= 0:
        return None
    try:
        growth = math.expm1(math.log(ratio) / years) * 100
    except OverflowError:
        return None
    return growth if math.isfinite(growth) else None
