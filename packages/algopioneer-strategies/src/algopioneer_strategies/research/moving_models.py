"""
Spreads whose hedge moves from bar to bar, as arrays: z at each bar's own hedge or at a frozen one.

Two hedges move: rolling least squares, and a Kalman filter. Both say z as floats with how far each
may be off, and for a single bar as the integers that the strategy decides by.
"""

import math
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from algopioneer_core.history.columns import BarColumns
from algopioneer_core.history.joined import JointColumns
from algopioneer_strategies.hedge import RATIO_UNITS, CrossSums
from algopioneer_strategies.kalman import KalmanFilter, KalmanSettings
from algopioneer_strategies.pair_models import kalman_settings
from algopioneer_strategies.pairs_config import HedgeMethod, PairsConfig
from algopioneer_strategies.spread import FLOAT_LOG_UNITS, log_price
from algopioneer_strategies.zscore import GUARD, Level, compare

__all__ = ["Exact", "Floats", "Frozen", "MovingModel", "MovingModels", "Reading", "Take"]

_ULP: Final = 2.0**-52
_OF_BETA: Final = 2.0 / RATIO_UNITS
_LEAST: Final = 0.25
"""Of a unit of a ratio: beyond, rounding tells nothing."""
Floats = NDArray[np.float64]
Exact = tuple[int, int] | None
"""D and V of `zscore`; None where there is no z."""
Take = Callable[[Floats], Floats]
"""Takes some bars of a column, in a shape of its own."""


class Reading(NamedTuple):
    """z of every bar at that bar's hedge, how far each may be from the truth, and the truth."""

    z: Floats
    doubt: Floats
    exact: Callable[[int], Exact]
    """Of one bar."""

    def side(self, level: Level) -> NDArray[np.int8]:
        """Return where z is above *level* (1), below it (-1), on it or without z (0)."""
        distance = self.z - level.approximate
        sides: NDArray[np.int8] = (distance > 0).view(np.int8) - (distance < 0).view(np.int8)
        for bar in np.flatnonzero(np.abs(distance) <= self.doubt).tolist():
            found = self.exact(bar)
            sides[bar] = compare(*found, level.numerator, level.denominator) if found else 0
        return sides


class Frozen(NamedTuple):
    """The hedges of some bars, each to be kept."""

    bars: NDArray[np.intp]
    ratios: NDArray[np.int64]
    """Beta in units of 10**-9; 0 where there is none."""
    alphas: Floats

    def where(self, chosen: NDArray[np.bool_] | NDArray[np.intp] | slice) -> "Frozen":
        """Return some of them."""
        return Frozen(self.bars[chosen], self.ratios[chosen], self.alphas[chosen])


class MovingModel(Protocol):
    """The spreads of some cells at hedges that move."""

    def entries(self) -> Reading:
        """Return z of every bar at that bar's hedge."""

    def frozen(self, bars: NDArray[np.intp]) -> Frozen:
        """Return the hedges of *bars*."""

    def at(self, hedges: Frozen, take: Take) -> tuple[Floats, Floats]:
        """Return z of the bars that *take* takes, a row at each of *hedges*, and its doubt."""

    def exact(self, hedge: tuple[int, float], bar: int) -> Exact:
        """Return the truth of one bar at a ratio and an alpha."""


class MovingModels:
    """The models of cells, which share what does not depend on the cell."""

    def __init__(self, joint: JointColumns) -> None:
        first, second = joint.legs[:2]
        self._y, self._x = _logs(first), _logs(second)
        self._windows: dict[int, _CrossWindows] = {}
        self._models: dict[object, MovingModel] = {}

    def of(self, cell: PairsConfig) -> MovingModel:
        """Return the model of *cell*; of cells that differ by their levels alone it is one."""
        settings = kalman_settings(cell)
        is_kalman = cell.hedge is HedgeMethod.KALMAN
        key = settings if is_kalman else (cell.window, cell.hedge_window or cell.window)
        if key not in self._models:
            made = self._innovations(settings) if is_kalman else self._least_squares(cell)
            self._models[key] = made
        return self._models[key]

    def _innovations(self, settings: KalmanSettings) -> MovingModel:
        return _Innovations(self._y, self._x, KalmanFilter.begin(settings))

    def _least_squares(self, cell: PairsConfig) -> MovingModel:
        scores = self._windowed(cell.window)
        return _LeastSquares(scores, self._windowed(cell.hedge_window or cell.window))

    def _windowed(self, window: int) -> "_CrossWindows":
        if window not in self._windows:
            y, x = (np.rint(logs * FLOAT_LOG_UNITS) for logs in (self._y, self._x))
            self._windows[window] = _CrossWindows(y, x, window)
        return self._windows[window]


def _logs(leg: BarColumns) -> Floats:
    """Return the logarithms of a leg's closes, to the last bit those of the strategy."""
    places = leg.price_decimals
    return np.array([log_price(ticks, places) for ticks in leg.close.tolist()], np.float64)


# --- rolling least squares -----------------------------------------------------------------------


class _CrossWindows:
    """
    Every window's deviations and products; floats about the window's own mean.

    Args:
        y: ln a in units of 2**-40, whole numbers.
        x: ln b likewise.
        window: Bars.
    """

    def __init__(self, y: Floats, x: Floats, window: int) -> None:
        self._y, self._x, self.window = y, x, window
        bars = len(y)
        self.last_y, self.last_x = np.full(bars, np.nan), np.full(bars, np.nan)
        self.yy, self.xy, self.xx = (np.full(bars, np.nan) for _ in range(3))
        step = max(1, (1 << 18) // window)
        for start in range(window - 1, bars, step):
            self._fill(start, min(start + step, bars))
        # Roundings of a sum of so many products, eight of them at most in each.
        self._rounding = 8.0 * _ULP * (window + 8)
        self._moved = np.abs(self.last_x) + np.sqrt(self.xx)
        self._slopes: dict[int, int | None] = {}
        self._find_slopes()

    def _fill(self, start: int, stop: int) -> None:
        """Fill in the bars from *start* to before *stop*."""
        part, source = slice(start, stop), slice(start + 1 - self.window, stop)
        # About a value of the stretch first, so that the mean of whole numbers keeps its digits.
        y, x = (
            sliding_window_view(values[source] - values[start], self.window)
            for values in (self._y, self._x)
        )
        y, x = (values - values.mean(axis=1, keepdims=True) for values in (y, x))
        self.last_y[part], self.last_x[part] = y[:, -1], x[:, -1]
        self.yy[part] = np.einsum("ij,ij->i", y, y)
        self.xy[part] = np.einsum("ij,ij->i", x, y)
        self.xx[part] = np.einsum("ij,ij->i", x, x)

    def slopes(self) -> Floats:
        """Return the least-squares slope of each bar, about; NaN where b does not move."""
        return self._ratios / RATIO_UNITS

    def slope(self, bar: int) -> int | None:
        """Return the slope of one bar in units of 10**-9, exactly as the strategy has it."""
        if not self._is_unsure.item(bar):
            return int(self._ratios.item(bar))
        if bar not in self._slopes:
            self._slopes[bar] = self._sums(bar).slope()
        return self._slopes[bar]

    def slopes_of(self, bars: NDArray[np.intp]) -> NDArray[np.int64]:
        """Return the exact slopes of *bars* in units of 10**-9; 0 where b does not move."""
        unsure = self._is_unsure[bars]
        found = np.where(unsure, 0.0, self._ratios[bars]).astype(np.int64)
        found[unsure] = [self.slope(bar) or 0 for bar in bars[unsure].tolist()]
        return found

    def _find_slopes(self) -> None:
        """Round the slopes; note where a float does not say which way."""
        with np.errstate(divide="ignore", invalid="ignore"):
            scaled = self.xy / self.xx * RATIO_UNITS
            lost = 2.0 * self._rounding * RATIO_UNITS * np.sqrt(self.yy / self.xx)
            self._ratios: Floats = np.rint(scaled)
            sure = np.abs(np.abs(scaled - self._ratios) - 0.5) > lost
        self._is_unsure = ~(sure & (lost < _LEAST))

    def exact(self, bar: int, ratio: int | None) -> Exact:
        """Return D and V of one bar at a ratio."""
        if ratio is None:
            return None
        deviation, variance = self._sums(bar).score(ratio)
        return (deviation, variance) if variance else None

    def _sums(self, bar: int) -> CrossSums:
        sums = CrossSums(self.window)
        part = slice(bar + 1 - self.window, bar + 1)
        for y, x in zip(self._y[part].tolist(), self._x[part].tolist(), strict=True):
            sums.take(int(y), int(x))
        return sums

    def z(self, beta: Floats, take: Take) -> tuple[Floats, Floats]:
        """Return z of the bars that *take* takes at *beta*, and how far it may be off."""
        xx = take(self.xx)
        whole = take(self.yy) + beta * beta * xx
        squares = whole - 2.0 * beta * take(self.xy)
        lost = 2.0 * self._rounding * whole
        with np.errstate(divide="ignore", invalid="ignore"):
            deviation = np.sqrt(squares / self.window)
            z: Floats = (take(self.last_y) - beta * take(self.last_x)) / deviation
            # beta is rounded to 10**-9 and may be one of them off.
            doubt = lost / squares + _OF_BETA * take(self._moved) / deviation
            doubt *= 1.0 + np.abs(z)
        doubt += GUARD
        unsure = ~(squares > 4.0 * lost)  # nothing varies, or floats cannot tell
        if unsure.any():
            z[unsure], doubt[unsure] = 0.0, np.inf
        return z, doubt


def _whole(column: Floats) -> Floats:
    return column


class _LeastSquares:
    """Spreads at the slope of a rolling regression."""

    def __init__(self, scores: _CrossWindows, hedges: _CrossWindows) -> None:
        self._scores, self._hedges = scores, hedges
        self._ready = max(scores.window, hedges.window) - 1

    def entries(self) -> Reading:
        """See `MovingModel.entries`."""
        z, doubt = self._scores.z(self._hedges.slopes(), _whole)
        z[: self._ready] = np.nan
        doubt[: self._ready] = 0.0
        return Reading(z, doubt, lambda bar: self._scores.exact(bar, self._hedges.slope(bar)))

    def frozen(self, bars: NDArray[np.intp]) -> Frozen:
        """See `MovingModel.frozen`."""
        return Frozen(bars, self._hedges.slopes_of(bars), np.zeros(len(bars)))

    def at(self, hedges: Frozen, take: Take) -> tuple[Floats, Floats]:
        """See `MovingModel.at`."""
        return self._scores.z((hedges.ratios / RATIO_UNITS)[:, None], take)

    def exact(self, hedge: tuple[int, float], bar: int) -> Exact:
        """See `MovingModel.exact`."""
        return self._scores.exact(bar, hedge[0])


# --- the Kalman filter ---------------------------------------------------------------------------


class _Innovations:
    """Innovations of a Kalman filter that has seen every bar."""

    def __init__(self, y: Floats, x: Floats, kalman: KalmanFilter) -> None:
        self._y, self._x = y, x
        nothing = (math.nan, math.nan, math.nan, math.nan)
        found = [
            kalman.update(*pair) or nothing for pair in zip(y.tolist(), x.tolist(), strict=True)
        ]
        value, variance, self._alpha, self._beta = np.array(found, np.float64).reshape(-1, 4).T
        self._variance = np.rint(variance * FLOAT_LOG_UNITS**2)
        self._units = np.rint(value * FLOAT_LOG_UNITS)

    def entries(self) -> Reading:
        """See `MovingModel.entries`."""
        z = self._standardised(self._units, self._variance)

        def exact(bar: int) -> Exact:
            return int(self._units[bar]), int(self._variance[bar])

        return Reading(z, np.full(len(z), GUARD), exact)

    def frozen(self, bars: NDArray[np.intp]) -> Frozen:
        """See `MovingModel.frozen`."""
        ratios = np.rint(self._beta[bars] * RATIO_UNITS)
        return Frozen(bars, ratios.astype(np.int64), self._alpha[bars])

    def at(self, hedges: Frozen, take: Take) -> tuple[Floats, Floats]:
        """See `MovingModel.at`."""
        betas = (hedges.ratios / RATIO_UNITS)[:, None]
        values = take(self._y) - hedges.alphas[:, None] - betas * take(self._x)
        z = self._standardised(np.rint(values * FLOAT_LOG_UNITS), take(self._variance))
        return z, np.full_like(z, GUARD)

    def exact(self, hedge: tuple[int, float], bar: int) -> Exact:
        """See `MovingModel.exact`."""
        ratio, alpha = hedge
        value = self._y.item(bar) - alpha - ratio / RATIO_UNITS * self._x.item(bar)
        return round(value * FLOAT_LOG_UNITS), int(self._variance[bar])

    def _standardised(self, units: Floats, variance: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            found: Floats = np.where(variance > 0, units / np.sqrt(variance), np.nan)
        return found
