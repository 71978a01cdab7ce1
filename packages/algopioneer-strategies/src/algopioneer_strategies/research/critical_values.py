"""
How unlikely a unit-root statistic is: MacKinnon's response surfaces, constant and no trend.

The t statistic of a unit-root regression follows no table of Student's. Under the hypothesis of no
cointegration its distribution depends on how many series were regressed on each other: a statistic
of -2.86 has p = 0.050 for one series and p = 0.147 for a pair. One series is the augmented
Dickey-Fuller test, two are a pair's residual.

Sources: p-values are J. G. MacKinnon, "Approximate asymptotic distribution functions for unit-root
and cointegration tests", JBES 12 (1994) 167-176, tables 3 and 4; critical values are his "Critical
values for cointegration tests", Queen's Economics Department working paper 1227 (2010), table 2.
"""

import math
from typing import Final

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

__all__ = ["LEVELS", "critical_values", "normal_tail", "p_values"]

LEVELS: Final = (0.01, 0.05, 0.10)
"""Levels of `critical_values`."""
_HALF_ROOT: Final = math.sqrt(0.5)
_PART: Final = 1 << 16


@frozen
class _Surface:
    lowest: float
    """Below it p is 0."""
    middle: float
    """Up to it the left tail's polynomial holds."""
    highest: float
    """Above it p is 1."""
    left: tuple[float, ...]
    """Coefficients of the left tail, constant first."""
    right: tuple[float, ...]


_SURFACES: Final = {
    1: _Surface(
        lowest=-18.83,
        middle=-1.61,
        highest=2.74,
        left=(2.1659, 1.4412, 0.038269),
        right=(1.7339, 0.93202, -0.12745, -0.010368),
    ),
    2: _Surface(
        lowest=-18.86,
        middle=-2.62,
        highest=0.92,
        left=(2.92, 1.5012, 0.039796),
        right=(2.1945, 0.64695, -0.29198, -0.042377),
    ),
}
_CRITICAL: Final = {
    1: (
        (-3.43035, -6.5393, -16.786, -79.433),
        (-2.86154, -2.8903, -4.234, -40.040),
        (-2.56677, -1.5384, -2.809, 0.0),
    ),
    2: (
        (-3.89644, -10.9519, -33.527, 0.0),
        (-3.33613, -6.1101, -6.823, 0.0),
        (-3.04445, -4.2412, -2.720, 0.0),
    ),
}
"""Constant, then coefficients of 1/T, 1/T**2, 1/T**3; a line for each of LEVELS."""


def p_values(statistics: NDArray[np.float64], *, series: int) -> NDArray[np.float64]:
    """
    Return the asymptotic p-value of each statistic; NaN stays NaN.

    Args:
        statistics: t statistics of the lagged level; the more negative, the less of a unit root.
        series: 1 for a series itself, 2 for the residual of a pair.
    """
    surface = _SURFACES[series]
    flat = np.asarray(statistics, np.float64).ravel()
    left = _polynomial(surface.left, flat)
    right = _polynomial(surface.right, flat)
    tail = normal_tail(-np.where(flat <= surface.middle, left, right))
    tail[flat < surface.lowest] = 0.0
    tail[flat > surface.highest] = 1.0
    return tail.reshape(np.shape(statistics))


def critical_values(*, series: int, bars: int) -> tuple[float, ...]:
    """Return the statistics that *bars* observations fall below at each of LEVELS."""
    return tuple(
        sum(coefficient / bars**power for power, coefficient in enumerate(line))
        for line in _CRITICAL[series]
    )


def normal_tail(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the probability that a standard normal exceeds each of *scores*."""
    # numpy has no erfc; one call of the C library's an element is quick enough. A part at a time:
    # as Python's numbers they take four times the room.
    scaled = np.asarray(scores, np.float64).ravel() * _HALF_ROOT
    for at in range(0, len(scaled), _PART):
        part = scaled[at : at + _PART]
        part[:] = np.fromiter(map(math.erfc, part.tolist()), np.float64, len(part))
    return 0.5 * scaled.reshape(np.shape(scores))


def _polynomial(coefficients: tuple[float, ...], at: NDArray[np.float64]) -> NDArray[np.float64]:
    value = np.full_like(at, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        value = value * at + coefficient
    return value
