"""
Cross products of lagged series, from which the residual regressions of all pairs follow.

The residual of a pair, e = y - b x, is never formed: products of its columns are
`own(y) - b both(x, y) + b**2 own(x)`, where `own` holds the products of a series' columns with each
other and `both` those of the two, taken both ways round. The columns of a series z at time t are,
in this order: z(t), the differences d(t-1) … d(t-p), and last d(t), with d(t) = z(t+1) - z(t).

Only products of d(t) with each lagged difference are matrix products over all symbols. The others
follow along the diagonals: lagging both columns by one bar takes a bar off one end of the sum and
puts another on at the other end; and since z(t) = z(t-1) + d(t-1), so do products with levels. A
product of levels with the difference itself is a sum that telescopes:
y(T) x(T) = y(p) x(p) + the sum of (y dx + x dy + dy dx).
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["BlockProducts", "Levels", "own_products"]

Floats = NDArray[np.float64]
LEVEL: Final = 0
"""Place of the level among the columns; the difference itself is the last."""


class Levels:
    """
    Centred series, their differences, and where the sums over them begin and end.

    Args:
        values: A line for each series, none of them constant.
        lags: Lagged differences, p.
    """

    def __init__(self, values: Floats, lags: int) -> None:
        self.lags = lags
        self.rows = values.shape[1] - 1 - lags
        """Rows of a regression with all lags."""
        self.values = values - values.mean(axis=1, keepdims=True)
        self.squares = np.einsum("it,it->i", self.values, self.values)
        """Sum of squares about the mean."""
        self.steps = np.diff(self.values, axis=1)

    def lagged(self, lag: int, of: NDArray[np.intp] | slice) -> Floats:
        """Return d(t - lag) over the rows of a regression with all lags."""
        start = self.lags - lag
        return np.asarray(self.steps[of, start : start + self.rows])

    def level(self, of: NDArray[np.intp] | slice) -> Floats:
        """Return z(t) over the same rows."""
        return np.asarray(self.values[of, self.lags : self.lags + self.rows])

    def before(self, of: NDArray[np.intp] | slice) -> Floats:
        """Return what a sum gains at its beginning when both columns are lagged: d(p-1-k)."""
        return np.ascontiguousarray(self.steps[of, : self.lags][:, ::-1].T)

    def after(self, of: NDArray[np.intp] | slice) -> Floats:
        """Return what it loses at its end: d(T-2-k)."""
        stop = self.steps.shape[1]
        return np.ascontiguousarray(self.steps[of, stop - self.lags : stop][:, ::-1].T)


def own_products(levels: Levels, of: NDArray[np.intp]) -> Floats:
    """Return the products of each series' columns with each other: columns by columns by series."""
    lags = levels.lags
    products = np.empty((lags + 2, lags + 2, len(of)))
    columns = np.empty((lags + 2, levels.rows))
    for place, series in enumerate(of):
        one = slice(series, series + 1)
        columns[LEVEL] = levels.level(one)
        for lag in range(1, lags + 1):
            columns[lag] = levels.lagged(lag, one)
        columns[-1] = levels.lagged(0, one)
        products[:, :, place] = columns @ columns.T
    return products


class BlockProducts:
    """
    The products of the series *left* with the series *right*.

    Args:
        levels: All series.
        left: Which ones, ascending.
        right: Which others; may be the same.
    """

    def __init__(self, levels: Levels, left: NDArray[np.intp], right: NDArray[np.intp]) -> None:
        self._lags = levels.lags
        self.whole = levels.values[left] @ levels.values[right].T
        """Products of the levels over all bars."""
        self._levels = 2.0 * (levels.level(left) @ levels.level(right).T)
        self._steps = _both_ways(levels, levels.steps[left], levels.steps[right])
        self._left, self._right = _Ends(levels, left), _Ends(levels, right)

    def of_one(self, one: int, others: slice | Sequence[int], buffer: Floats) -> Floats:
        """
        Return the products of series *one* of the left with *others* of the right, both ways round.

        They are columns by columns by others, the lower triangle filled, and stand in *buffer*,
        which has room for the whole right.
        """
        lags, steps = self._lags, self._steps[:, one, others]
        both = buffer[:, :, : steps.shape[1]]
        left, right = self._left.of(slice(one, one + 1)), self._right.of(others)
        both[LEVEL, LEVEL] = self._levels[one, others]
        both[-1, 1:-1], both[-1, -1] = steps[1:], steps[0]
        for lag in range(lags):
            line = both[lag + 1, 1 : lag + 2]
            _shifted(line, lag, left, right)
            line[0] += steps[lag]
            line[1:] += both[lag, 1 : lag + 1]
        _with_levels(both, steps, left, right)
        return both


def _both_ways(levels: Levels, left: Floats, right: Floats) -> Floats:
    """Return for each lag the sum of a(t) b(t-lag) + a(t-lag) b(t), for a in left, b in right."""
    lags, rows = levels.lags, levels.rows
    now = slice(lags, lags + rows)
    products = np.empty((lags + 1, len(left), len(right)))
    for lag, out in enumerate(products):
        before = slice(lags - lag, lags - lag + rows)
        np.matmul(left[:, now], right[:, before].T, out=out)
        out += left[:, before] @ right[:, now].T
    return products


class _Ends:
    """First and last values of some series, a column for each."""

    def __init__(self, levels: Levels, of: NDArray[np.intp]) -> None:
        self.before, self.after = levels.before(of), levels.after(of)
        self.first, self.last = levels.values[of, levels.lags], levels.values[of, -1]

    def of(self, some: slice | Sequence[int]) -> "_Ends":
        """Return those of *some* of the series."""
        part = _Ends.__new__(_Ends)
        part.before, part.after = self.before[:, some], self.after[:, some]
        part.first, part.last = self.first[some], self.last[some]
        return part


def _shifted(line: Floats, lag: int, left: _Ends, right: _Ends) -> None:
    """Write what the products of lag with 0 … lag change by when both are lagged once more."""
    upto = slice(lag + 1)
    np.multiply(left.before[lag], right.before[upto], out=line)
    line += left.before[upto] * right.before[lag]
    line -= left.after[lag] * right.after[upto]
    line -= left.after[upto] * right.after[lag]


def _with_levels(both: Floats, steps: Floats, left: _Ends, right: _Ends) -> None:
    """Write the products of levels with differences, from the lag 0 on."""
    telescoped = left.last * right.last - left.first * right.first
    both[-1, LEVEL] = product = telescoped - 0.5 * steps[0]
    for lag in range(len(steps) - 1):
        product = product + steps[lag]
        product += left.first * right.before[lag] + right.first * left.before[lag]
        product -= left.last * right.after[lag] + right.last * left.after[lag]
        both[lag + 1, LEVEL] = product
