"""
When a cell of a grid trades where the hedge moves from bar to bar.

Entries look at z at each bar's own hedge: an array. Exits look at z at the hedge that was frozen at
the entry, so they cannot be tabled beforehand; from each entry on, stretches of bars are looked at
until one leaves. Floats answer where they are sure; near a level the integers of that one window
decide, exactly as in the strategy.
"""

import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final, NamedTuple, Protocol

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from algopioneer_core.history.columns import BarColumns
from algopioneer_core.history.joined import JointColumns
from algopioneer_strategies.hedge import RATIO_UNITS, CrossSums, Hedge
from algopioneer_strategies.kalman import KalmanFilter, KalmanSettings
from algopioneer_strategies.pair_models import kalman_settings
from algopioneer_strategies.pairs_config import HedgeMethod, PairsConfig
from algopioneer_strategies.research.grid_trades import WAIT, GridTrades
from algopioneer_strategies.spread import FLOAT_LOG_UNITS, log_price
from algopioneer_strategies.zscore import GUARD, Level, compare

__all__ = ["moving_trades"]

_STRETCH: Final = 32
"""Bars looked at first for an exit; each next stretch is twice as long."""
_ULP: Final = 2.0**-52
_OF_BETA: Final = 2.0 / RATIO_UNITS
_LEAST: Final = 0.25
"""Of a unit of a ratio: beyond, rounding tells nothing."""
_Floats = NDArray[np.float64]
_Exact = tuple[int, int] | None
"""D and V of `zscore`; None where there is no z."""


class _Reading(NamedTuple):
    """z of some bars as floats, how far each may be from the truth, and the truth of one."""

    z: _Floats
    doubt: _Floats
    exact: Callable[[int], _Exact]
    """By place in these arrays."""

    def side(self, level: Level) -> NDArray[np.int8]:
        """Return where z is above *level* (1), below it (-1), on it or without z (0)."""
        distance = self.z - level.approximate
        sides: NDArray[np.int8] = (distance > 0).view(np.int8) - (distance < 0).view(np.int8)
        for place in np.flatnonzero(np.abs(distance) <= self.doubt).tolist():
            found = self.exact(place)
            sides[place] = compare(*found, level.numerator, level.denominator) if found else 0
        return sides


class _Model(Protocol):
    """The spreads of one cell at hedges that move."""

    def entries(self) -> _Reading:
        """Return z of every bar at that bar's hedge."""

    def hedge(self, bar: int) -> Hedge | None:
        """Return the hedge of *bar*, None without one."""

    def at(self, hedge: Hedge, start: int, stop: int) -> _Reading:
        """Return z of the bars from *start* to before *stop* at a frozen *hedge*."""


def moving_trades(
    cells: Sequence[PairsConfig], joint: JointColumns, first: Sequence[int]
) -> GridTrades:
    """
    Return the trades of cells whose hedge moves: by rolling least squares, or a Kalman filter.

    Args:
        cells: Configurations.
        joint: The bars.
        first: For each cell the bar of its first decision.
    """
    source = _Source(joint)
    rows: list[tuple[int, int, int, int]] = []
    for number, (cell, start) in enumerate(zip(cells, first, strict=True)):
        rows += [(number, *trade) for trade in source.walk_of(cell).trades(cell, start)]
    table = np.array(rows, np.intp).reshape(-1, 4)
    return GridTrades(
        cell=table[:, 0], signal=table[:, 1], side=table[:, 2].astype(np.float64), out=table[:, 3]
    )


class _Walk:
    """The trades of cells that share a model; what two of them ask is found once."""

    def __init__(self, model: _Model, bars: int) -> None:
        self._model, self._bars = model, bars
        self._reading = model.entries()
        self._entries: dict[Decimal, list[tuple[int, int]]] = {}
        self._exits: dict[tuple[int, Decimal], int] = {}
        self._levels: dict[Decimal, Level] = {}

    def trades(self, cell: PairsConfig, first: int) -> list[tuple[int, int, int]]:
        """Return signal, side and exit of each trade of a cell, none before the bar *first*."""
        leave = self._levels.setdefault(cell.z_exit, Level(cell.z_exit))
        free, trades = first, []
        for signal, side in self._entries_at(cell.z_entry):
            if signal < free:
                continue
            hedge = self._model.hedge(signal)
            if hedge is None or hedge.ratio <= 0:
                continue  # both legs would be on one side
            key = (signal, cell.z_exit)
            if key not in self._exits:
                decided = self._exit(hedge, side, leave, signal + WAIT)
                self._exits[key] = min(decided + WAIT, self._bars)
            free = self._exits[key]
            trades.append((signal, side, free))
        return trades

    def _entries_at(self, value: Decimal) -> list[tuple[int, int]]:
        """Return the bars that may enter at a level, and their sides."""
        if value not in self._entries:
            entry, reading = Level(value), self._reading
            sides = (reading.side(entry.mirrored) < 0).astype(np.int8) - (reading.side(entry) > 0)
            found = np.flatnonzero(sides[: self._bars - WAIT])
            self._entries[value] = list(zip(found.tolist(), sides[found].tolist(), strict=True))
        return self._entries[value]

    def _exit(self, hedge: Hedge, side: int, leave: Level, start: int) -> int:
        """Return the first bar from *start* on that leaves; the end when none does."""
        length = _STRETCH
        while start < self._bars:
            reading = self._model.at(hedge, start, min(start + length, self._bars))
            left = reading.side(leave.mirrored) > 0 if side > 0 else reading.side(leave) < 0
            if left.any():
                return start + int(left.argmax())
            start += length
            length *= 2
        return self._bars


class _Source:
    """The walks of cells, which share what does not depend on the cell."""

    def __init__(self, joint: JointColumns) -> None:
        first, second = joint.legs[:2]
        self._y, self._x = _logs(first), _logs(second)
        self._windows: dict[int, _CrossWindows] = {}
        self._walks: dict[object, _Walk] = {}

    def walk_of(self, cell: PairsConfig) -> _Walk:
        """Return the walk of *cell*."""
        settings = kalman_settings(cell)
        is_kalman = cell.hedge is HedgeMethod.KALMAN
        key = settings if is_kalman else (cell.window, cell.hedge_window or cell.window)
        if key not in self._walks:
            model = self._innovations(settings) if is_kalman else self._least_squares(cell)
            self._walks[key] = _Walk(model, len(self._y))
        return self._walks[key]

    def _innovations(self, settings: KalmanSettings) -> "_Model":
        return _Innovations(self._y, self._x, KalmanFilter.begin(settings))

    def _least_squares(self, cell: PairsConfig) -> "_Model":
        scores = self._windowed(cell.window)
        return _LeastSquares(scores, self._windowed(cell.hedge_window or cell.window))

    def _windowed(self, window: int) -> "_CrossWindows":
        if window not in self._windows:
            y, x = (np.rint(logs * FLOAT_LOG_UNITS) for logs in (self._y, self._x))
            self._windows[window] = _CrossWindows(y, x, window)
        return self._windows[window]


def _logs(leg: BarColumns) -> _Floats:
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

    def __init__(self, y: _Floats, x: _Floats, window: int) -> None:
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

    def slopes(self) -> _Floats:
        """Return the least-squares slope of each bar, about; NaN where b does not move."""
        return self._ratios / RATIO_UNITS

    def slope(self, bar: int) -> int | None:
        """Return the slope of one bar in units of 10**-9, exactly as the strategy has it."""
        if not self._is_unsure.item(bar):
            return int(self._ratios.item(bar))
        if bar not in self._slopes:
            self._slopes[bar] = self._sums(bar).slope()
        return self._slopes[bar]

    def _find_slopes(self) -> None:
        """Round the slopes; note where a float does not say which way."""
        with np.errstate(divide="ignore", invalid="ignore"):
            scaled = self.xy / self.xx * RATIO_UNITS
            lost = 2.0 * self._rounding * RATIO_UNITS * np.sqrt(self.yy / self.xx)
            self._ratios: _Floats = np.rint(scaled)
            sure = np.abs(np.abs(scaled - self._ratios) - 0.5) > lost
        self._is_unsure = ~(sure & (lost < _LEAST))

    def exact(self, bar: int, ratio: int | None) -> _Exact:
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

    def z(self, beta: float | _Floats, part: slice) -> tuple[_Floats, _Floats]:
        """Return z of a part at *beta*, and how far it may be off; NaN without z."""
        whole = self.yy[part] + beta * beta * self.xx[part]
        squares = whole - 2.0 * beta * self.xy[part]
        lost = 2.0 * self._rounding * whole
        with np.errstate(divide="ignore", invalid="ignore"):
            deviation = np.sqrt(squares / self.window)
            z: _Floats = (self.last_y[part] - beta * self.last_x[part]) / deviation
            # beta is rounded to 10**-9 and may be one of them off.
            doubt = lost / squares + _OF_BETA * self._moved[part] / deviation
            doubt *= 1.0 + np.abs(z)
        doubt += GUARD
        if not (squares > 4.0 * lost).all():  # nothing varies, or floats cannot tell
            unsure = ~(squares > 4.0 * lost)
            z[unsure], doubt[unsure] = 0.0, np.inf
        return z, doubt


class _LeastSquares:
    """Spreads at the slope of a rolling regression."""

    def __init__(self, scores: _CrossWindows, hedges: _CrossWindows) -> None:
        self._scores, self._hedges = scores, hedges
        self._ready = max(scores.window, hedges.window) - 1

    def entries(self) -> _Reading:
        """See `_Model.entries`."""
        slopes = self._hedges.slopes()
        z, doubt = self._scores.z(slopes, slice(None))
        z[: self._ready] = np.nan
        doubt[: self._ready] = 0.0
        return _Reading(z, doubt, lambda bar: self._scores.exact(bar, self._hedges.slope(bar)))

    def hedge(self, bar: int) -> Hedge | None:
        """See `_Model.hedge`."""
        ratio = self._hedges.slope(bar)
        return None if ratio is None else Hedge(ratio)

    def at(self, hedge: Hedge, start: int, stop: int) -> _Reading:
        """See `_Model.at`."""
        z, doubt = self._scores.z(hedge.beta, slice(start, stop))
        return _Reading(z, doubt, lambda place: self._scores.exact(start + place, hedge.ratio))


# --- the Kalman filter ---------------------------------------------------------------------------


class _Innovations:
    """Innovations of a Kalman filter that has seen every bar."""

    def __init__(self, y: _Floats, x: _Floats, kalman: KalmanFilter) -> None:
        self._y, self._x = y, x
        nothing = (math.nan, math.nan, math.nan, math.nan)
        found = [
            kalman.update(*pair) or nothing for pair in zip(y.tolist(), x.tolist(), strict=True)
        ]
        value, variance, self._alpha, self._beta = np.array(found, np.float64).reshape(-1, 4).T
        self._variance = np.rint(variance * FLOAT_LOG_UNITS**2)
        self._value = value

    def entries(self) -> _Reading:
        """See `_Model.entries`."""
        return self._reading(self._value, 0)

    def hedge(self, bar: int) -> Hedge | None:
        """See `_Model.hedge`."""
        return Hedge(round(self._beta.item(bar) * RATIO_UNITS), self._alpha.item(bar))

    def at(self, hedge: Hedge, start: int, stop: int) -> _Reading:
        """See `_Model.at`."""
        part = slice(start, stop)
        return self._reading(self._y[part] - hedge.alpha - hedge.beta * self._x[part], start)

    def _reading(self, values: _Floats, start: int) -> _Reading:
        """Return the standardised *values* of the bars from *start* on."""
        units = np.rint(values * FLOAT_LOG_UNITS)
        variance = self._variance[start : start + len(units)]
        with np.errstate(divide="ignore", invalid="ignore"):
            z = np.where(variance > 0, units / np.sqrt(variance), np.nan)

        def exact(place: int) -> _Exact:
            return int(units[place]), int(variance[place])

        return _Reading(z, np.full(len(z), GUARD), exact)
