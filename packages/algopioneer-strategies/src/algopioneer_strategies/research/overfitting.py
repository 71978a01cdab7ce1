"""
How much of a Sharpe ratio is left when the search that found it is counted.

Sharpe ratios here are per bar, never annualised, and kurtosis is raw: 3 for a normal distribution.
(The excess kurtosis in its place understates the variance of a Sharpe ratio.) What is undefined is
None. Sources:

- Bailey and López de Prado, *The Sharpe Ratio Efficient Frontier*, Journal of Risk 15(2), 2012:
  probabilistic Sharpe ratio, minimum track record length.
- Bailey and López de Prado, *The Deflated Sharpe Ratio*, Journal of Portfolio Management 40(5),
  2014.
- Bailey, Borwein, López de Prado and Zhu, *The Probability of Backtest Overfitting*, 2015: CSCV.
"""

import math
from itertools import combinations
from statistics import NormalDist
from typing import Final

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from algopioneer_core.domain.errors import RefusedError
from algopioneer_core.simulation.equity_statistics import NOISE

__all__ = [
    "Deflation",
    "Overfitting",
    "ReturnShape",
    "deflate",
    "deflated_sharpe",
    "effective_trials",
    "expected_maximum",
    "minimum_track_record",
    "overfitting_probability",
    "probabilistic_sharpe",
]

_NORMAL: Final = NormalDist()
_EULER: Final = 0.5772156649015329
"""The Euler-Mascheroni constant."""
SAME_TRIAL: Final = 0.5
"""Correlation of returns from which on two trials count as one."""
_Floats = NDArray[np.float64]


@frozen
class ReturnShape:
    """What the distribution of a Sharpe ratio depends on."""

    count: int
    """Returns."""
    sharpe: float
    """Mean over deviation (ddof 1), per bar."""
    skew: float = 0.0
    """Third standardised moment (ddof 0)."""
    kurtosis: float = 3.0
    """Fourth standardised moment, raw (ddof 0)."""

    @classmethod
    def of(cls, returns: _Floats) -> "ReturnShape | None":
        """Return the shape of *returns*; None with fewer than two, or without deviation."""
        if len(returns) < 2 or not np.isfinite(returns).all():
            return None
        centred = returns - returns.mean()
        variance = float((centred**2).mean())
        if variance <= NOISE**2:
            return None
        deviation = math.sqrt(variance * len(returns) / (len(returns) - 1))
        return cls(
            count=len(returns),
            sharpe=float(returns.mean()) / deviation,
            skew=float((centred**3).mean()) / variance**1.5,
            kurtosis=float((centred**4).mean()) / variance**2,
        )

    @property
    def spread(self) -> float | None:
        """
        Deviation of the Sharpe ratio's estimate, times the root of count - 1.

        sqrt(1 - skew SR + (kurtosis - 1) / 4 SR**2); None where that is not positive.
        """
        square = 1 - self.skew * self.sharpe + (self.kurtosis - 1) / 4 * self.sharpe**2
        return math.sqrt(square) if square > 0 else None


def probabilistic_sharpe(shape: ReturnShape, benchmark: float = 0.0) -> float | None:
    """
    Return the probability that the true Sharpe ratio is above *benchmark* (per bar).

    PSR = Phi[(SR - benchmark) sqrt(T - 1) / sqrt(1 - skew SR + (kurtosis - 1) / 4 SR**2)].
    """
    spread = shape.spread
    if spread is None or shape.count < 2:
        return None
    return _NORMAL.cdf((shape.sharpe - benchmark) * math.sqrt(shape.count - 1) / spread)


def minimum_track_record(
    shape: ReturnShape, benchmark: float = 0.0, confidence: float = 0.95
) -> float | None:
    """
    Return the returns needed to say with *confidence* that the Sharpe ratio is above *benchmark*.

    MinTRL = 1 + (1 - skew SR + (kurtosis - 1) / 4 SR**2) (z / (SR - benchmark))**2, in bars.

    Returns:
        None when the Sharpe ratio is not above the benchmark: no record is long enough.
    """
    spread = shape.spread
    if spread is None or shape.sharpe <= benchmark:
        return None
    return 1 + (spread * _NORMAL.inv_cdf(confidence) / (shape.sharpe - benchmark)) ** 2


def expected_maximum(trials: float) -> float:
    """
    Return about what the largest of so many independent standard normal numbers is expected to be.

    (1 - g) Phi^-1(1 - 1 / N) + g Phi^-1(1 - 1 / (N e)) with Euler's g = 0.5772; 0 for one trial.

    Raises:
        RefusedError: There is less than one trial.
    """
    if trials < 1:
        raise RefusedError(f"the best of {trials} trials is none", where="trials")
    if trials == 1:
        return 0.0
    first = _NORMAL.inv_cdf(1 - 1 / trials)
    second = _NORMAL.inv_cdf(1 - 1 / (trials * math.e))
    return (1 - _EULER) * first + _EULER * second


@frozen
class Deflation:
    """A Sharpe ratio beside what luck alone would have found."""

    sharpe: float
    """Per bar, of the winner."""
    trials: float
    """From which it was picked."""
    by_luck: float
    """SR0: the best Sharpe ratio that so many trials without any skill are expected to have."""
    deflated: float | None
    """The probability that the true Sharpe ratio is above that."""


def deflated_sharpe(shape: ReturnShape, *, trials: float, variance: float) -> Deflation:
    """
    Return the deflated Sharpe ratio: PSR(SR0), SR0 = sqrt(variance) `expected_maximum`(trials).

    Args:
        shape: Returns of the winner.
        trials: All that were tried, recorded or effective.
        variance: Of the trials' Sharpe ratios per bar.

    Raises:
        RefusedError: There is less than one trial.
    """
    by_luck = math.sqrt(variance) * expected_maximum(trials)
    return Deflation(shape.sharpe, trials, by_luck, probabilistic_sharpe(shape, by_luck))


def deflate(winner: _Floats, sharpes: _Floats, trials: float) -> Deflation | None:
    """
    Deflate the Sharpe ratio of the *winner*'s returns.

    Args:
        winner: Returns of what was picked.
        sharpes: Sharpe ratios per bar of the trials; NaN for those that have none.
        trials: Their number, which may be larger (earlier searches) or smaller (effective).

    Returns:
        None where the winner has no Sharpe ratio, or fewer than two trials have one.
    """
    shape, known = ReturnShape.of(winner), sharpes[np.isfinite(sharpes)]
    if shape is None or len(known) < 2:
        return None
    return deflated_sharpe(shape, trials=trials, variance=float(known.var(ddof=1)))


def effective_trials(returns: _Floats, *, same: float = SAME_TRIAL) -> int:
    """
    Return how many different trials there are, by clustering.

    The trial with the highest Sharpe ratio leads a cluster of all whose returns correlate with its
    own by *same* or more; then the best of what is left leads the next. Trials without deviation
    (they never traded) are none.

    Args:
        returns: A row for each trial.
        same: Correlation from which on two trials are one.
    """
    returns = returns[np.isfinite(returns).all(axis=1)]
    centred = returns - returns.mean(axis=1, keepdims=True)
    lengths = np.sqrt(np.einsum("ij,ij->i", centred, centred))
    moving = lengths > NOISE * math.sqrt(returns.shape[1])
    units = centred[moving] / lengths[moving, np.newaxis]
    order = np.argsort(-returns[moving].mean(axis=1) / lengths[moving], kind="stable")
    units, clusters = units[order], 0
    while len(units):
        clusters += 1
        units = units[1:][units[1:] @ units[0] < same]
    return clusters


@frozen(eq=False)
class Overfitting:
    """What combinatorially symmetric cross-validation found."""

    probability: float
    """PBO: share of the splits in which the best in sample is not above the median out of it."""
    loss_probability: float
    """Share of the splits in which it loses money out of sample."""
    logits: _Floats
    """ln(w / (1 - w)) of each split, w being the winner's relative rank out of sample."""


def overfitting_probability(returns: _Floats, *, blocks: int = 10) -> Overfitting | None:
    """
    Return the probability of backtest overfitting of a search, by CSCV.

    The returns are cut into an even number of *blocks* in time. For each way to choose half of
    them, the trial with the best Sharpe ratio in these is ranked by its Sharpe ratio in the others.
    A trial without deviation in a half has a Sharpe ratio of 0 there, and equals share their rank.
    Bars that do not fill a block are dropped at the beginning.

    Args:
        returns: A row for each trial, a column for each bar.
        blocks: Even, at least 2.

    Returns:
        None with fewer than two trials, or fewer than two returns in a block.

    Raises:
        RefusedError: *blocks* is odd or below 2.
    """
    if blocks < 2 or blocks % 2:
        raise RefusedError(f"{blocks} blocks cannot be halved", where="blocks")
    returns = returns[np.isfinite(returns).all(axis=1)]
    trials, length = len(returns), returns.shape[1] // blocks
    if trials < 2 or length < 2:
        return None
    sums = _BlockSums.of(returns, blocks, length)
    gains, ranks = [], []
    for inside in _halves(blocks):  # one at a time: splits times trials may be many
        winner = int(sums.sharpe(inside).argmax())
        outside = sums.sharpe(~inside)
        own = outside[winner]
        below, equal = np.count_nonzero(outside < own), np.count_nonzero(outside == own)
        gains.append(own)
        ranks.append(below + (equal + 1) / 2)
    relative = np.array(ranks) / (trials + 1)
    logits = np.log(relative / (1 - relative))
    return Overfitting(
        probability=float((logits <= 0).mean()),
        loss_probability=float((np.array(gains) < 0).mean()),
        logits=logits,
    )


def _halves(blocks: int) -> NDArray[np.bool_]:
    """Return every way to choose half of the blocks, a row for each."""
    ways = list(combinations(range(blocks), blocks // 2))
    chosen = np.zeros((len(ways), blocks), np.bool_)
    chosen[np.arange(len(ways))[:, np.newaxis], ways] = True
    return chosen


@frozen(eq=False)
class _BlockSums:
    """Of each block (row) and trial (column), what Sharpe ratios of several blocks are made of."""

    length: int
    """Returns of a block."""
    means: _Floats
    squares: _Floats
    """Sums of squares about the block's own mean: nothing cancels when blocks are joined."""

    @classmethod
    def of(cls, returns: _Floats, blocks: int, length: int) -> "_BlockSums":
        trials = len(returns)
        cut = returns[:, returns.shape[1] - length * blocks :].reshape(trials, blocks, length)
        means = cut.mean(axis=2)
        centred = cut - means[:, :, np.newaxis]
        return cls(length, means.T, np.einsum("ijk,ijk->ji", centred, centred))

    def sharpe(self, chosen: NDArray[np.bool_]) -> _Floats:
        """Return the Sharpe ratio of each trial in the *chosen* blocks; 0 without deviation."""
        means = self.means[chosen]
        mean = means.mean(axis=0)
        squares = self.squares[chosen].sum(axis=0)
        squares += self.length * ((means - mean) ** 2).sum(axis=0)
        deviation = np.sqrt(squares / (self.length * len(means) - 1))
        ratios: _Floats = np.divide(
            mean, deviation, out=np.zeros(len(mean)), where=deviation > NOISE
        )
        return ratios
