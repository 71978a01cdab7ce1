"""
The spread of a pair: ln a - beta ln b over closes, quantised once to 2**-40.

A logarithm is a float; a decision must not depend on how a float was rounded on the way. So each
spread (or, where the hedge ratio moves, each logarithm) is turned into an integer number of 2**-40
as soon as it exists, and everything after that is integer arithmetic. One unit is about 1e-12 of
a price, far below a tick of anything.

The float before that step is defined to the last bit: `math.log` of ticks / 10**decimals, the
product with beta, the difference. Arrays are computed with `numpy.log`, which may differ from
`math.log` in the last bits on some processors; `spread_units` finds the few bars where that could
matter and does those again with `math.log`, so both ways give the same integers.
"""

import math
from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "FLOAT_LOG_UNITS",
    "LOG_UNITS",
    "TENS",
    "LogArray",
    "log_price",
    "log_units",
    "spread_units",
]

LOG_UNITS: Final = 1 << 40
"""Units in one natural logarithm: a spread of 1.0 is this integer."""
FLOAT_LOG_UNITS: Final = float(LOG_UNITS)
"""The same number for floats; a product with it is exact, it only moves the exponent."""
TENS: Final = tuple(float(10**decimals) for decimals in range(309))
"""Ticks in a unit of price, by decimals, as floats."""
_ULP: Final = 2.0**-52
_SAFETY: Final = 8.0
"""Last bits of the two terms by which a spread of numpy and one of `math` may differ: 4 for numpy's
logarithm, 1 for that of `math`, and what is left for the roundings of product and difference."""
_INT64_LIMIT: Final = 2.0**62
_CHUNK: Final = 1 << 14
"""Bars computed at a time."""

LogArray: TypeAlias = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def log_price(ticks: int, decimals: int) -> float:
    """Return the natural logarithm of the price *ticks* * 10**-decimals; *ticks* is positive."""
    return math.log(ticks / TENS[decimals])


def log_units(logarithm: float) -> int:
    """Return *logarithm*, or a difference of some, in units of 2**-40, rounded half to even."""
    return round(logarithm * FLOAT_LOG_UNITS)


def spread_units(
    a: tuple[NDArray[np.int64], int],
    b: tuple[NDArray[np.int64], int],
    beta: float,
    log: LogArray = np.log,
) -> NDArray[np.int64] | None:
    """
    Return `log_units(log_price(a) - beta * log_price(b))` of every bar, quickly.

    Args:
        a: Positive closes of the first leg in ticks, and the decimals of a tick.
        b: The same for the second leg.
        beta: The hedge ratio.
        log: The logarithm of an array; good to 4 units in the last place.

    Returns:
        The spreads in units of 2**-40; None when one does not fit into 62 bits.
    """
    ticks_a, ticks_b = a[0], b[0]
    units = np.empty(len(ticks_a), np.int64)
    for start in range(0, len(units), _CHUNK):
        part = slice(start, start + _CHUNK)
        found = _part(ticks_a[part] / TENS[a[1]], ticks_b[part] / TENS[b[1]], beta, log)
        if found is None:
            return None
        units[part] = found
    return units


def _part(
    price_a: NDArray[np.float64], price_b: NDArray[np.float64], beta: float, log: LogArray
) -> NDArray[np.float64] | None:
    """Return the spreads of a part that fits into the processor's cache; None if too large."""
    log_a, log_b = log(price_a), log(price_b)
    scaled = (log_a - beta * log_b) * FLOAT_LOG_UNITS
    units = np.rint(scaled)
    if max(units.max(), -units.min()) >= _INT64_LIMIT:
        return None
    doubt = _SAFETY * _ULP * FLOAT_LOG_UNITS * (_largest(log_a) + abs(beta) * _largest(log_b))
    scaled -= units
    doubtful = np.flatnonzero(np.abs(scaled, out=scaled) >= 0.5 - doubt)
    units[doubtful] = _again(price_a[doubtful], price_b[doubtful], beta)
    return units


def _largest(values: NDArray[np.float64]) -> float:
    """Return the largest distance from zero."""
    return float(max(values.max(), -values.min()))


def _again(
    price_a: NDArray[np.float64], price_b: NDArray[np.float64], beta: float
) -> NDArray[np.float64]:
    """Return the units of a few bars by the logarithm that counts."""
    log_a, log_b = (
        np.fromiter(map(math.log, prices.tolist()), np.float64, len(prices))
        for prices in (price_a, price_b)
    )
    units: NDArray[np.float64] = np.rint((log_a - beta * log_b) * FLOAT_LOG_UNITS)
    return units
