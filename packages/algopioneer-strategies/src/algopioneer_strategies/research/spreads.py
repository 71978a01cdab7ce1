"""
What the spreads of many pairs are like: how fast they come back, and how well the hedge is known.

The spread of legs (a, b) is ln a - β ln b with β of the regression of a on b, the direction that is
fixed before anything is looked at. Everything is in bars.

Half-life: of the regression x(t) = c + b x(t-1) + noise, whose b is biased down by about
(1 + 3 b) / n (M. G. Kendall, Biometrika 41 (1954) 403-404; Marriott and Pope, ibid. 390-402), so
that half-lives come out too short: 17.5 bars for the true 20 from 500 bars. b is corrected by that,
and the interval is b within 1.96 of its standard errors, turned into half-lives.

Variance ratio: of q bars' changes to q times those of one (Lo and MacKinlay, Review of Financial
Studies 1 (1988) 41-66, overlapping, corrected for bias): 1 for a random walk, less for what comes
back. Its z score is (VR - 1) / sqrt(2 (2q - 1) (q - 1) / (3 q n)).

Interval of the hedge ratio: that of the regression itself means nothing, for its residuals follow
each other. It is taken from dynamic least squares (Stock and Watson, Econometrica 61 (1993)
783-820) with leads and lags of the second leg's changes and a long-run variance (Newey and West,
Econometrica 55 (1987) 703-708, of residuals freed of their first lag: Andrews and Monahan,
Econometrica 60 (1992) 953-966).
"""

import math
from typing import Final

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from algopioneer_strategies.research.critical_values import normal_tail
from algopioneer_strategies.research.unit_roots import long_run_variance

__all__ = ["Spreads", "describe_spreads", "variance_ratios"]

Floats = NDArray[np.float64]
_SIGMAS: Final = 1.959963984540054
"""Two-sided 95 % of a normal distribution."""
_PERIOD: Final = 4
"""Bars of the variance ratio."""
_LEADS: Final = 2
"""Changes of the second leg before and after, in dynamic least squares."""
_MOST_KEPT: Final = 0.97
"""Of a residual from bar to bar, in its long-run variance: nearer to 1 that has no bounds."""
_BATCH: Final = 256


@frozen(eq=False)
class Spreads:
    """Figures of spreads, one of each for each pair."""

    means: Floats
    """Of the spread, which is the intercept of the regression."""
    deviations: Floats
    """Standard deviation of the spread about it, ddof 0."""
    half_lives: Floats
    """Corrected for bias, in bars; infinite where the spread does not come back."""
    half_life_lows: Floats
    half_life_highs: Floats
    """Ends of its 95 % interval; infinite where not coming back cannot be ruled out."""
    variance_ratios: Floats
    variance_ratio_p_values: Floats
    """Two-sided."""
    crossings: NDArray[np.int64]
    """How often the spread changed sides of its mean."""
    hedge_lows: Floats
    hedge_highs: Floats
    """Ends of the 95 % interval of the hedge ratio."""


def describe_spreads(log_prices: Floats, pairs: NDArray[np.intp], hedge_ratios: Floats) -> Spreads:
    """
    Return the figures of the spreads ln a - β ln b.

    Args:
        log_prices: A line for each series.
        pairs: Two columns of places in it.
        hedge_ratios: β of each pair.
    """
    batches = [
        _described(log_prices, pairs[at : at + _BATCH], hedge_ratios[at : at + _BATCH])
        for at in range(0, max(len(pairs), 1), _BATCH)
    ]
    return Spreads(*(np.concatenate(column) for column in zip(*batches, strict=True)))


def _described(
    log_prices: Floats, pairs: NDArray[np.intp], hedge_ratios: Floats
) -> tuple[Floats, ...]:
    one, other = log_prices[pairs[:, 0]], log_prices[pairs[:, 1]]
    spreads = one - hedge_ratios[:, None] * other
    means = spreads.mean(axis=1)
    spreads -= means[:, None]
    ratios, p_values = variance_ratios(spreads, _PERIOD)
    crossings = np.count_nonzero(np.diff(spreads > 0, axis=1), axis=1)
    return (
        means,
        np.sqrt(np.mean(spreads**2, axis=1)),
        *_half_lives(spreads),
        ratios,
        p_values,
        crossings,
        *_hedge_intervals(one, other),
    )


def _half_lives(spreads: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the corrected half-lives and the ends of their intervals."""
    before = spreads[:, :-1] - spreads[:, :-1].mean(axis=1, keepdims=True)
    count = before.shape[1]
    slopes = np.einsum("pt,pt->p", before, spreads[:, 1:]) / np.einsum("pt,pt->p", before, before)
    corrected = slopes + (1.0 + 3.0 * slopes) / count
    errors = _SIGMAS * np.sqrt(np.maximum(1.0 - slopes**2, 1.0 / count) / count)
    return _half_life(corrected), _half_life(corrected - errors), _half_life(corrected + errors)


def _half_life(coefficients: Floats) -> Floats:
    inside = np.clip(coefficients, 1e-300, 1.0 - 1e-15)
    bars = -math.log(2.0) / np.log(inside)
    return np.where(coefficients <= 0, 0.0, np.where(coefficients >= 1, np.inf, bars))


def variance_ratios(series: Floats, period: int) -> tuple[Floats, Floats]:
    """
    Return the variance ratio of each line of *series*, and its two-sided p-value.

    Args:
        series: Levels, a line for each series, longer than *period* bars.
        period: Bars of the longer change, at least 2.
    """
    changes = series.shape[1] - 1
    drift = (series[:, -1:] - series[:, :1]) / changes
    short = np.sum((np.diff(series, axis=1) - drift) ** 2, axis=1) / (changes - 1)
    overlapping = series[:, period:] - series[:, :-period] - period * drift
    terms = period * (changes - period + 1) * (1.0 - period / changes)
    ratios = np.sum(overlapping**2, axis=1) / terms / short
    spread = math.sqrt(2.0 * (2 * period - 1) * (period - 1) / (3.0 * period * changes))
    return ratios, 2.0 * normal_tail(np.abs(ratios - 1.0) / spread)


def _hedge_intervals(one: Floats, other: Floats) -> tuple[Floats, Floats]:
    ends = [_hedge_interval(a, b) for a, b in zip(one, other, strict=True)]
    lows, highs = np.array(ends, np.float64).reshape(-1, 2).T
    return lows, highs


def _hedge_interval(one: Floats, other: Floats) -> tuple[float, float]:
    """Return the ends of the interval of the slope of *one* on *other*."""
    steps = np.diff(other)
    rows = len(steps) - 2 * _LEADS
    around = [steps[at : at + rows] for at in range(2 * _LEADS + 1)]
    level = other[_LEADS + 1 : _LEADS + 1 + rows]
    columns = np.column_stack([np.ones(rows), *around, level])
    q, r = np.linalg.qr(columns)
    turned = q.T @ one[_LEADS + 1 : _LEADS + 1 + rows]
    slope = turned[-1] / r[-1, -1]
    residual = one[_LEADS + 1 : _LEADS + 1 + rows] - q @ turned
    error = _SIGMAS * math.sqrt(_whitened_variance(residual)) / abs(r[-1, -1])
    return float(slope - error), float(slope + error)


def _whitened_variance(residual: Floats) -> float:
    """Return the long-run variance, what one lag explains taken out first and put back after."""
    before, after = residual[:-1], residual[1:]
    count = len(after)
    keep = float(before @ after) / float(before @ before)
    keep = min(_MOST_KEPT, keep + (1.0 + 3.0 * keep) / count)
    width = math.ceil(4.0 * (count / 100.0) ** (2.0 / 9.0))
    return long_run_variance(after - keep * before, width) / (1.0 - keep) ** 2
