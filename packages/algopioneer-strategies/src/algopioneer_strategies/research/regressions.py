"""
Thousands of unit-root regressions at once, from their cross products.

A regression of d(t) = e(t+1) - e(t) on e(t) and d(t-1) … d(t-p) is known from the products of its
columns. With the dependent column last, the Cholesky factor of these products holds everything:
its last line is u, where u[k] squared is what column k explains beyond the columns before it, and
its last diagonal element squared is what remains. So one factor gives the residuals of *all*
numbers of lags, and with e(t) as the last regressor its t statistic is u / s.

Arrays are laid out with the tests innermost, so that numpy works along thousands of them.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["SMALL_PIVOT", "explained", "factorise", "t_statistics"]

Floats = NDArray[np.float64]

SMALL_PIVOT: Final = 1e-6
"""Share of a column that those before it leave, below which a factor has lost many digits."""


def factorise(products: Floats) -> Floats:
    """
    Return the Cholesky factors of *products*, which are overwritten.

    Args:
        products: Columns by columns by tests; only the lower triangle is read. Where one is not
            positive definite its factor is NaN; the others are not touched by it.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        for at in range(len(products)):
            if at:
                products[at:, at] -= np.einsum("rkt,kt->rt", products[at:, :at], products[at, :at])
            diagonal = products[at, at]
            np.sqrt(diagonal, out=diagonal)
            products[at + 1 :, at] /= diagonal
    return products


def explained(factors: Floats) -> Floats:
    """Return sums of squared residuals on the first regressor alone, the first two, and so on."""
    # What is left in the end and what each later column explains: sums of squares, none cancels.
    squares = factors[-1, 1:] ** 2
    return np.asarray(np.cumsum(squares[::-1], axis=0)[::-1])


def t_statistics(factors: Floats, rows: int) -> Floats:
    """Return the t statistic of the last regressor; *rows* are those of the regression."""
    last = factors[-1]
    freedom = rows - (len(last) - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(last[-2] / (np.abs(last[-1]) / np.sqrt(freedom)))
