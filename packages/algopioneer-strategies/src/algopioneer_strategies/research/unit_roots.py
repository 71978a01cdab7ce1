"""
Whether one series wanders: a unit root is tested for, and its absence too.

The augmented Dickey-Fuller test (Said and Dickey, Biometrika 71 (1984) 599-607) takes a unit root
for granted until the data reject it; that of Kwiatkowski, Phillips, Schmidt and Shin (Journal of
Econometrics 54 (1992) 159-178) takes stationarity for granted. Where the columns of a
regression nearly depend on each other it is solved by orthogonal rotations (QR).
"""

import math
from typing import Final

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from algopioneer_strategies.research.critical_values import p_values
from algopioneer_strategies.research.lag_choice import LagCriterion, LagRule, choose_lags
from algopioneer_strategies.research.regressions import SMALL_PIVOT, explained, t_statistics

__all__ = [
    "KPSS_CRITICAL",
    "Integration",
    "UnitRoot",
    "integration",
    "kpss",
    "long_run_variance",
    "unit_root",
]

Floats = NDArray[np.float64]

KPSS_CRITICAL: Final = 0.463
"""What the statistic of a stationary series exceeds once in twenty; table 1 of the source."""
_LEVEL: Final = 0.05


@frozen
class UnitRoot:
    """A unit-root test of one series."""

    statistic: float
    """t statistic of the level; the more negative, the less of a unit root."""
    lags: int
    """Lagged differences in the regression."""
    is_tied: bool
    """Whether another number of lags was as good within 1e-9."""

    @property
    def p_value(self) -> float:
        """MacKinnon's p-value of a regression with a constant."""
        return float(p_values(np.array(self.statistic), series=1))


@frozen
class Integration:
    """How often a series must be differenced before it stays where it is."""

    adf_p_value: float
    kpss_statistic: float
    step_p_value: float
    """The Dickey-Fuller p-value of the differences."""

    @property
    def is_stationary(self) -> bool:
        """Whether both tests say at 5 % that it stays: then nothing needs to hold it to another."""
        return self.adf_p_value < _LEVEL and self.kpss_statistic < KPSS_CRITICAL

    @property
    def is_integrated_twice(self) -> bool:
        """Whether even its differences wander."""
        return self.step_p_value >= _LEVEL


def integration(series: Floats, rule: LagRule) -> Integration:
    """Test a series of log prices and its differences."""
    return Integration(
        adf_p_value=unit_root(series, rule, terms=1).p_value,
        kpss_statistic=kpss(series),
        step_p_value=unit_root(np.diff(series), rule, terms=1).p_value,
    )


def unit_root(series: Floats, rule: LagRule, *, terms: int) -> UnitRoot:
    """
    Regress the differences of *series* on its level and lagged differences.

    Args:
        series: Not constant, of some ten values at least.
        rule: Number of lags; less where the series is too short for it.
        terms: 0 for no constant, as for a residual; 1 for a constant; 2 for a trend as well.
    """
    lags = min(rule.wanted(len(series)), len(series) // 2 - 1 - terms)
    is_tied = False
    if rule.criterion is not LagCriterion.FIXED:
        factor = _factor(_columns(series, lags, terms))
        squares = explained(factor[..., None])[terms:]
        # A term costs what a lag costs, whatever the number of lags: it does not change the choice.
        chosen, ties = choose_lags(squares, len(series) - 1 - lags, rule.criterion)
        lags, is_tied = int(chosen[0]), bool(ties[0])
    columns = _columns(series, lags, terms)
    order = [*range(terms), *range(terms + 1, terms + 1 + lags), terms, terms + 1 + lags]
    factor = _factor(columns[:, order])
    statistic = t_statistics(factor[..., None], len(columns))
    return UnitRoot(float(statistic[0]), lags, is_tied)


def _columns(series: Floats, lags: int, terms: int) -> Floats:
    """Return constant and trend, level, lagged differences and the difference, as columns."""
    if terms:
        series = series - series.mean()  # the constant takes it up, and no digits are lost to it
    steps = np.diff(series)
    rows = len(steps) - lags
    fixed = [np.arange(1.0, rows + 1.0) ** power for power in range(terms)]
    lagged = [steps[lags - lag : len(steps) - lag] for lag in range(1, lags + 1)]
    return np.column_stack([*fixed, series[lags:-1], *lagged, steps[lags:]])


def _factor(columns: Floats) -> Floats:
    """Return the lower factor of the columns' products, its diagonal positive."""
    products = columns.T @ columns
    try:
        lower = np.asarray(np.linalg.cholesky(products), np.float64)
        if (np.diagonal(lower) ** 2 > SMALL_PIVOT * np.diagonal(products)).all():
            return lower
    except np.linalg.LinAlgError:
        pass  # the columns nearly depend on each other: rotations lose no digits
    upper = np.asarray(np.linalg.qr(columns, mode="r"), np.float64)
    return np.transpose(upper * np.where(np.diagonal(upper) < 0, -1.0, 1.0)[:, None])


def kpss(series: Floats, lags: int | None = None) -> float:
    """
    Return the statistic for a series that stays about a level.

    Args:
        series: Not constant.
        lags: Autocovariances in the long-run variance, with Bartlett's weights; by default
            12 (n / 100)**(1/4), rounded up.
    """
    count = len(series)
    width = math.ceil(12.0 * (count / 100.0) ** 0.25) if lags is None else lags
    from_mean = series - series.mean()
    sums = np.cumsum(from_mean)
    return float(sums @ sums / count**2 / long_run_variance(from_mean, min(width, count - 1)))


def long_run_variance(series: Floats, lags: int) -> float:
    """Return the variance of a centred series' sums, by Newey and West with Bartlett's weights."""
    covariances = (
        (1.0 - lag / (lags + 1.0)) * float(series[lag:] @ series[: len(series) - lag])
        for lag in range(1, lags + 1)
    )
    return (float(series @ series) + 2.0 * sum(covariances)) / len(series)
