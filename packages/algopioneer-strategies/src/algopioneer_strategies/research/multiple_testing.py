"""
What a p-value is worth among many: q-values that bound the false discovery rate.

The q-value of a test is the smallest rate at which it would be among the discoveries. Sources:
Y. Benjamini and Y. Hochberg, JRSS-B 57 (1995) 289-300; Y. Benjamini and D. Yekutieli, Annals of
Statistics 29 (2001) 1165-1188, which holds under any dependence. Pairs share legs, so their tests
depend on each other: Benjamini-Hochberg decides, Benjamini-Yekutieli is shown beside it.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["benjamini_hochberg", "benjamini_yekutieli", "two_looks"]


def two_looks(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """
    Return the p-value of a pair that was looked at in both directions: min(1, 2 min).

    Taking the smaller one alone would reject 8 % of unrelated pairs at a nominal 5 %.
    """
    return np.minimum(1.0, 2.0 * np.minimum(one, other))


def benjamini_hochberg(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """
    Return the q-value of each of *p_values*, in their order; at most 1.

    Args:
        p_values: Of all tests that were run, none NaN.
    """
    return _step_up(p_values, 1.0)


def benjamini_yekutieli(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return q-values that hold under any dependence: those of above times 1 + 1/2 + … + 1/m."""
    harmonic = float(np.sum(1.0 / np.arange(1, len(p_values) + 1)))
    return _step_up(p_values, harmonic)


def _step_up(p_values: NDArray[np.float64], factor: float) -> NDArray[np.float64]:
    count = len(p_values)
    order = np.argsort(p_values, kind="stable")
    scaled = p_values[order] * (factor * count / np.arange(1, count + 1))
    q_values = np.empty(count)
    # The step goes up: a test is discovered with every larger p-value that is.
    q_values[order] = np.minimum(1.0, np.minimum.accumulate(scaled[::-1])[::-1])
    return q_values
