"""
The pairs rule for whole arrays of bars: what the vector engine walks over.

The z-score of a hedge that stays does not depend on the position, so it can be computed for all
bars at once. Rolling sums restart at every block of one window: a window is the end of one block
and the beginning of the next, and both halves are taken about the first spread of the later block,
which lies inside the window. So nothing is subtracted that was not added nearby; deviations are
exact integers, and the float of z is good to `_error`. Where it comes within `GUARD` (or that
error) of a level, the integers of that one window decide, exactly as they do bar by bar.
"""

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Final

import numpy as np
from attrs import Attribute, field, frozen
from numpy.typing import NDArray

from algopioneer_core.domain.errors import DataError
from algopioneer_core.domain.spreads import SpreadSize
from algopioneer_strategies.half_life import hold_limit
from algopioneer_strategies.hedge import Hedge
from algopioneer_strategies.zscore import GUARD, Level, compare

__all__ = ["HoldLimit", "PairSignals", "PairThresholds", "Scores", "pair_signals"]

_HALF_ULP: Final = 2.0**-53
_INT64_LIMIT: Final = 2**62
_CHUNK: Final = 1 << 14
"""Bars computed at a time, about: what fits into the processor's cache."""

HoldLimit = Callable[[int], int | None]
"""From the bar of an entry to the number of bars after which its time stop fires; None: never."""


def _same_length(signals: "PairSignals", attribute: "Attribute[object]", value: object) -> None:
    if len(value) != len(signals.enter_long):  # type: ignore[arg-type]  # an array like the first
        raise DataError(f"{attribute.name} differs in length from enter_long")


@frozen(eq=False, kw_only=True)
class PairSignals:
    """
    For each joint bar, what the pairs strategy wants after it has seen that bar's closes.

    A walk over these gives the trades of the bar-by-bar strategy by four rules:

    1. Flat, not barred and no order working: enter where `enter_long` or `enter_short` is true.
    2. In a position, from the bar of its fill on: leave at the first bar where `stop` is true
       ("z_stop"), or which is `hold_limit(entry)` bars or more after the entry's signal
       ("time_stop"), or where the `leave_` array of its side is true ("signal"); of several at one
       bar the first named counts.
    3. After a stop, entries are barred until a bar *after* the stop's signal where `calm` is true.
    4. An entry may be decided at the bar of an exit's fill.

    Raises:
        DataError: The arrays differ in length.
    """

    enter_long: NDArray[np.bool_]
    """Buy a and sell b: z < -entry, and |z| < stop."""
    enter_short: NDArray[np.bool_] = field(validator=_same_length)
    """Sell a and buy b: z > entry, and |z| < stop."""
    leave_long: NDArray[np.bool_] = field(validator=_same_length)
    """z > -exit."""
    leave_short: NDArray[np.bool_] = field(validator=_same_length)
    """z < exit."""
    stop: NDArray[np.bool_] = field(validator=_same_length)
    """|z| > stop; nowhere when it is off."""
    calm: NDArray[np.bool_] = field(validator=_same_length)
    """|z| < entry."""
    z: NDArray[np.float64] = field(validator=_same_length)
    """The z-score, for charts; NaN where there is none."""
    spread: NDArray[np.float64] = field(validator=_same_length)
    """ln a - beta ln b, for charts."""
    size: SpreadSize
    """The size of every entry."""
    hedge_ratio: Decimal
    """Beta of every entry."""
    hold_limit: HoldLimit | None = None
    """The time stop; None when it is off."""

    def __len__(self) -> int:
        return len(self.enter_long)


@frozen(kw_only=True)
class PairThresholds:
    """The levels of the rule."""

    entry: Level
    exit: Level
    stop: Level | None = None
    time_stop: float | None = None
    """Half-lives."""


class Scores:
    """
    The z-scores of an array of spreads, and their exact comparison with levels.

    Args:
        units: The spreads as integers; `fits` says whether they may be so large.
        window: Bars of the z-score.
        first: Bar index of the first score; at least window - 1.
    """

    def __init__(self, units: NDArray[np.int64], window: int, first: int) -> None:
        self._units = units
        self._window = window
        self.z = _rolling_z(units, window)
        self.z[:first] = np.nan
        self.guard = max(GUARD, _error(window))
        """Distance from a level below which the float z does not decide."""

    @staticmethod
    def fits(units: NDArray[np.int64], window: int) -> bool:
        """Tell whether a window's sum of these spreads surely fits into 63 bits."""
        return not len(units) or int(np.abs(units).max()) * 2 * window < _INT64_LIMIT

    def side(self, level: Level) -> NDArray[np.int8]:
        """Return at each bar 1 where z is above *level*, -1 below, 0 on it or without z."""
        sides = np.empty(len(self.z), np.int8)
        for start in range(0, len(sides), _CHUNK):
            part = slice(start, start + _CHUNK)
            distance = self.z[part] - level.approximate
            sides[part] = (distance > 0).view(np.int8) - (distance < 0).view(np.int8)
            near = np.abs(distance, out=distance) < self.guard
            for bar in np.flatnonzero(near).tolist():
                exact = self.exact(start + bar)
                sides[start + bar] = compare(*exact, level.numerator, level.denominator)
        return sides

    def exact(self, bar: int) -> tuple[int, int]:
        """Return D and V of the window that ends at *bar*."""
        values = self.values(bar)
        total = sum(values)
        squares = sum(value * value for value in values)
        return self._window * values[-1] - total, self._window * squares - total * total

    def values(self, bar: int) -> list[int]:
        """Return the spreads of the window that ends at *bar*."""
        values: list[int] = self._units[bar + 1 - self._window : bar + 1].tolist()
        return values


def pair_signals(
    units: NDArray[np.int64],
    *,
    unit: float,
    window: int,
    first: int,
    thresholds: PairThresholds,
    size: SpreadSize,
    hedge: Hedge,
) -> PairSignals | None:
    """
    Return the signals of a series of spreads.

    Args:
        units: The spreads as integers.
        unit: What one of them is worth.
        window: Bars of the z-score.
        first: Bar index of the first decision; at least window - 1.
        thresholds: The levels.
        size: The size of every entry.
        hedge: The hedge behind the spreads.

    Returns:
        None when a window's sum of spreads may not fit into 63 bits; bar by bar it can be done.
    """
    if not Scores.fits(units, window):
        return None
    scores = Scores(units, window, first)
    high, low = scores.side(thresholds.entry), scores.side(thresholds.entry.mirrored)
    stop, within = _stops(scores, thresholds.stop)
    return PairSignals(
        enter_long=(low < 0) & within,
        enter_short=(high > 0) & within,
        leave_long=scores.side(thresholds.exit.mirrored) > 0,
        leave_short=scores.side(thresholds.exit) < 0,
        stop=stop,
        calm=(high < 0) & (low > 0),
        z=scores.z,
        spread=np.multiply(units, unit, dtype=np.float64),
        size=size,
        hedge_ratio=hedge.decimal,
        hold_limit=_hold_limit(scores, thresholds.time_stop),
    )


def _stops(scores: Scores, stop: Level | None) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return where |z| > stop, and where |z| < stop."""
    if stop is None:
        nowhere = np.zeros(len(scores.z), np.bool_)
        return nowhere, ~nowhere
    high, low = scores.side(stop), scores.side(stop.mirrored)
    return (high > 0) | (low < 0), (high < 0) & (low > 0)


def _hold_limit(scores: Scores, half_lives: float | None) -> HoldLimit | None:
    if half_lives is None:
        return None
    return lambda bar: hold_limit(scores.values(bar), half_lives)


def _rolling_z(units: NDArray[np.int64], window: int) -> NDArray[np.float64]:
    """Return the float z of each bar; NaN while the window fills and where nothing varies."""
    bars = len(units)
    z = np.full(bars, np.nan)
    step = max(_CHUNK // window, 1) * window
    for start in range(0, bars, step):
        first = max(start - window, 0)  # the block before, for the windows that begin in it
        part = units[first : start + step]
        z[start : start + step] = _block_z(part, window)[start - first :]
    z[: window - 1] = np.nan
    return z


def _block_z(units: NDArray[np.int64], window: int) -> NDArray[np.float64]:
    """Return z of a few blocks; those of the first block are of their own bars only."""
    grid = np.resize(units, (-(-len(units) // window), window))
    origins = grid[:, :1].copy()
    late = grid - origins
    early = (grid[:-1] - origins[1:])[:, :0:-1]  # newest first, without its oldest
    totals = np.cumsum(late, axis=1)
    totals[1:, :-1] += np.cumsum(early, axis=1)[:, ::-1]
    squares = np.cumsum(_squared(late), axis=1)
    squares[1:, :-1] += np.cumsum(_squared(early), axis=1)[:, ::-1]
    variances = window * squares - _squared(totals)
    known = squares > 0  # about a spread of the window, squares are zero only if all are equal
    known[0, :-1] = False
    z = np.full(grid.shape, np.nan)
    np.sqrt(variances, out=variances, where=known)
    np.divide(window * late - totals, variances, out=z, where=known)
    return z.ravel()[: len(units)]


def _squared(values: NDArray[np.int64]) -> NDArray[np.float64]:
    floats = values.astype(np.float64)
    return np.multiply(floats, floats, out=floats)


def _error(window: int) -> float:
    """
    Return how far a float z of `_rolling_z` may be from the truth.

    A sum of n squares is good to n + 2 half units in the last place, and the variance made of it
    is at least 1 / (2 n) of its terms, because the window holds the spread they are taken about.
    |z| is at most the root of n - 1. The bound is four times what follows from that.
    """
    return 4.0 * _HALF_ULP * math.sqrt(window) * window * (window + 8)
