"""
How many relations hold several series together: Johansen's tests, with a restricted constant.

The constant stands inside the relation and nowhere else: prices have a level relative to each
other, and no drift of their own is claimed. It is the case that is usually right for prices, and
tables for an unrestricted constant reject 11 % of unrelated walks at a nominal 5 %. Sources: S.
Johansen, Econometrica 59 (1991) 1551-1580; Johansen and Juselius, Oxford Bulletin of Economics and
Statistics 52 (1990) 169-210; critical values M. Osterwald-Lenum, ibid. 54 (1992) 461-472, table 1*.

The series' changes and their levels before, with a one beside them, are freed of what lagged
changes explain; the eigenvalues are the squared canonical correlations of what remains.
"""

from typing import Final

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from algopioneer_core.domain.errors import NotEnoughData, RefusedError

__all__ = ["MAX_CRITICAL", "TRACE_CRITICAL", "Johansen", "johansen"]

Floats = NDArray[np.float64]

TRACE_CRITICAL: Final = (9.24, 19.96, 34.91, 53.12, 76.07)
"""5 % of the trace statistic, by the number of series less the rank under test, from 1."""
MAX_CRITICAL: Final = (9.24, 15.67, 22.00, 28.14, 34.40)
"""The same for the largest eigenvalue."""


@frozen(eq=False)
class Johansen:
    """The tests for 0, 1, … relations."""

    eigenvalues: Floats
    """Descending, one for each series."""
    trace: Floats
    """Statistics of "at most r relations" against more, r = 0, 1, …"""
    largest: Floats
    """Statistics of r relations against r + 1."""
    relations: Floats
    """A column for each eigenvalue: weights of the series, the first 1, and last the constant."""
    rows: int
    """Changes that were used."""

    @property
    def rank(self) -> int:
        """How many relations the trace statistics find at 5 %, from r = 0 on until one does not."""
        count = len(self.trace)
        rejected = [
            statistic > TRACE_CRITICAL[count - rank - 1]
            for rank, statistic in enumerate(self.trace)
        ]
        return next((rank for rank, is_more in enumerate(rejected) if not is_more), count)


def johansen(series: Floats, lags: int, *, outside: Floats | None = None) -> Johansen:
    """
    Test how many relations hold *series* together.

    Args:
        series: A line for each, at most five; log prices.
        lags: Lagged changes, 0 or more.
        outside: Columns that explain changes beside them, a line for each time, their mean zero:
            centred seasonal dummies.

    Raises:
        NotEnoughData: There are fewer times than the regressions need.
        RefusedError: The series, or their changes, are collinear.
    """
    levels = np.asarray(series, np.float64).T
    steps = np.diff(levels, axis=0)
    rows, count = len(steps) - lags, levels.shape[1]
    helpers = [steps[lags - lag : len(steps) - lag] for lag in range(1, lags + 1)]
    if outside is not None:
        helpers.append(outside[lags + 1 :])
    if rows <= (lags + 2) * count + 1:
        raise NotEnoughData(
            f"{len(levels)} times are too few for Johansen's test with {lags} lags",
            remedy="widen the period, or take fewer lags",
        )
    before = np.column_stack([levels[lags:-1], np.ones(rows)])
    changed, stood = _freed(steps[lags:], helpers), _freed(before, helpers)
    eigenvalues, relations = _canonical(changed, stood)
    logs = -rows * np.log1p(-eigenvalues[:count])
    return Johansen(
        eigenvalues=eigenvalues[:count],
        trace=np.cumsum(logs[::-1])[::-1],
        largest=logs,
        relations=relations[:, :count] / relations[0, :count],
        rows=rows,
    )


def _freed(columns: Floats, helpers: list[Floats]) -> Floats:
    """Return *columns* less what *helpers* explain of them."""
    if not helpers:
        return columns
    basis, _ = np.linalg.qr(np.column_stack(helpers))
    return np.asarray(columns - basis @ (basis.T @ columns))


def _canonical(changed: Floats, stood: Floats) -> tuple[Floats, Floats]:
    """Return squared canonical correlations, descending, and the weights of *stood*'s columns."""
    basis, _ = np.linalg.qr(changed)
    scale = np.sqrt(np.einsum("tc,tc->c", stood, stood))
    other, upper = np.linalg.qr(stood / scale)
    if np.abs(np.diagonal(upper)).min() < 1e-10:
        raise RefusedError(
            "the series are collinear: no noise is left to judge by",
            remedy="leave one of them out",
        )
    _, correlations, weights = np.linalg.svd(basis.T @ other, full_matrices=False)
    return correlations**2, np.linalg.solve(upper, weights.T) / scale[:, None]
