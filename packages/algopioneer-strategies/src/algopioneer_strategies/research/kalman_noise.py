"""
The noises of a Kalman hedge that is searched, from what the screen saw of the pair.

A filter's two variances set what it trades. With a noise R that is large beside the spread, no
innovation is ever large; with a walk Q that is fast beside the spread's way back, the hedge follows
the spread, and nothing is left of it. No constant suits prices of a few cents and of thousands, nor
half-lives of hours and of weeks. So both are taken from the bars before the split, and from nothing
else: R is the variance of the screen's spread, and Q lets the hedge forget within twenty half-lives
of it. In the steady state of a level that walks under noise, the gain is about sqrt(Q'/R) where Q'
is how much the level moves; alpha and beta moving by Q each move it by Q (1 + x**2).
"""

from decimal import Decimal
from typing import Final

import numpy as np
from attrs import evolve
from numpy.typing import NDArray

from algopioneer_strategies.pairs_config import HedgeMethod, PairsConfig
from algopioneer_strategies.research.grid_spec import GridSpec
from algopioneer_strategies.research.screened_pair import ScreenedPair

__all__ = ["HALF_LIVES", "noises", "with_noises"]

HALF_LIVES: Final = 20
"""Of the spread, in which the hedge forgets."""
_UNKNOWN: Final = 10
"""A half-life that has no number is this part of the bars."""


def with_noises(spec: GridSpec, pair: ScreenedPair, second: NDArray[np.float64]) -> GridSpec:
    """
    Return *spec* with the noises that the screen's view of *pair* gives to its Kalman hedges.

    Args:
        spec: What is tried.
        pair: What the screen found.
        second: Log prices of the pair's second leg at the bars that the screen saw.
    """
    kalman = HedgeMethod.KALMAN
    if all(each.hedge is not kalman for each in spec.hedges):
        return spec
    walk, noise = noises(pair.deviation, pair.half_life or len(second) / _UNKNOWN, second)

    def suited(hedge: PairsConfig) -> PairsConfig:
        return evolve(hedge, kalman_q=walk, kalman_r=noise) if hedge.hedge is kalman else hedge

    return evolve(spec, hedges=tuple(map(suited, spec.hedges)))


def noises(
    deviation: float, half_life: float, second: NDArray[np.float64]
) -> tuple[Decimal, Decimal]:
    """
    Return Q and R of a filter for a spread, to three digits.

    Args:
        deviation: The spread's standard deviation, in logarithms; positive.
        half_life: Bars in which half of a deviation is gone; positive.
        second: Log prices of the leg that beta multiplies.
    """
    noise = deviation**2
    level = 1.0 + float(np.mean(second**2))
    return _rounded(noise / (level * (HALF_LIVES * half_life) ** 2)), _rounded(noise)


def _rounded(value: float) -> Decimal:
    return Decimal(f"{value:.2e}")
