"""Mean, deviation and downside deviation of returns, chunk by chunk."""

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["ReturnMoments"]


class ReturnMoments:
    """
    Sums the returns of an equity curve in constant memory.

    Within a chunk the squares are taken about the chunk's own mean; chunks are joined by the
    update of Chan, Golub and LeVeque (*Updating Formulae and a Pairwise Algorithm for Computing
    Sample Variances*, 1979), so nothing cancels however long the run is.
    """

    def __init__(self) -> None:
        self.count = 0
        """Returns so far."""
        self.mean = 0.0
        """Mean return per bar, as a fraction."""
        self._squares = 0.0
        self._downside_squares = 0.0
        self._last_equity: float | None = None
        self._defined = True

    def add(self, equity: NDArray[np.float64]) -> None:
        """Take the equity of the next bars; at least one."""
        if self._last_equity is not None:
            equity = np.concatenate(((self._last_equity,), equity))
        self._last_equity = float(equity[-1])
        before = equity[:-1]
        if not len(before):
            return
        self._defined = self._defined and float(before.min()) > 0
        if self._defined:
            self._join(equity[1:] / before - 1.0)

    def _join(self, returns: NDArray[np.float64]) -> None:
        size = len(returns)
        mean = float(np.add.reduce(returns)) / size
        centred = returns - mean
        shift = mean - self.mean
        count = self.count + size
        self._squares += float(np.add.reduce(centred * centred))
        self._squares += shift * shift * self.count * size / count
        self.mean += shift * size / count
        self.count = count
        losses = np.minimum(returns, 0.0)
        self._downside_squares += float(np.add.reduce(losses * losses))

    @property
    def deviation(self) -> float | None:
        """
        Standard deviation with ddof 1, per bar.

        None with fewer than two returns, or when equity was not positive before the last bar (a
        return on nothing is undefined).
        """
        if not self._defined or self.count < 2:
            return None
        return math.sqrt(self._squares / (self.count - 1))

    @property
    def downside(self) -> float | None:
        """Root of the mean over all returns of min(return, 0) squared; None as `deviation` is."""
        if not self._defined or self.count < 2:
            return None
        return math.sqrt(self._downside_squares / self.count)
