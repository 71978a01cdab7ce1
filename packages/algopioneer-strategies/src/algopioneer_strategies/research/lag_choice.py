"""How many lagged differences a unit-root regression has, and how the number is chosen."""

import enum
import math
from typing import Final

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from algopioneer_core.domain.errors import ConfigError, NotEnoughData

__all__ = ["FEWEST_BARS", "TIE", "LagCriterion", "LagRule", "choose_lags", "schwert_lags"]

FEWEST_BARS: Final = 30
"""A unit-root test on fewer closes says nothing."""
TIE: Final = 1e-9
"""Criteria nearer to each other than this are a tie: rounding decides, and that is reported."""


class LagCriterion(enum.Enum):
    """Who decides on the number of lags."""

    FIXED = "fixed"
    """The user."""
    AIC = "aic"
    """Akaike's criterion."""
    BIC = "bic"
    """Schwarz's criterion."""


@frozen
class LagRule:
    """
    How many lagged differences there are.

    Raises:
        ConfigError: *lags* is negative, or missing where it is fixed.
    """

    criterion: LagCriterion
    lags: int | None = None
    """The number, or the most that are tried; None tries up to `schwert_lags`."""

    def __attrs_post_init__(self) -> None:
        if self.lags is not None and self.lags < 0:
            raise ConfigError(f"lags must be zero or more, not {self.lags}", where="lags")
        if self.lags is None and self.criterion is LagCriterion.FIXED:
            raise ConfigError(
                "a fixed number of lags is not given", where="lags", remedy="give --lags 1"
            )

    def wanted(self, bars: int) -> int:
        """Return the largest number of lags that the rule asks for, be there room for it or not."""
        return schwert_lags(bars) if self.lags is None else self.lags

    def most(self, bars: int) -> int:
        """
        Return the largest number of lags for *bars* closes.

        Raises:
            NotEnoughData: There are too few closes for it.
        """
        lags = self.wanted(bars)
        needed = max(FEWEST_BARS, 2 * lags + 4)
        if bars < needed:
            raise NotEnoughData(
                f"there are {bars} joint closes, and a test with {lags} lags needs {needed}",
                remedy="widen the period, or leave out the symbols that are rarely there",
            )
        return lags


def schwert_lags(bars: int) -> int:
    """
    Return 12 (bars / 100)**(1/4), rounded up and less than half of the bars.

    Source: G. W. Schwert, "Tests for unit roots", JBES 7 (1989) 147-159.
    """
    most = math.ceil(12.0 * math.sqrt(math.sqrt(bars / 100.0)))
    return min(most, bars // 2 - 1)


def choose_lags(
    squares: NDArray[np.float64], rows: int, criterion: LagCriterion
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """
    Return for each test the number of lags with the least criterion, and whether it was a tie.

    Args:
        squares: Sums of squared residuals, a line for each number of lags from 0, a column for
            each test; all regressions over the same rows.
        rows: How many rows those are.
        criterion: AIC or BIC; of equal numbers the smaller wins.
    """
    price = math.log(rows) if criterion is LagCriterion.BIC else 2.0
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = rows * np.log(squares) + price * np.arange(1, len(squares) + 1)[:, None]
    best = np.argmin(scores, axis=0)
    least = np.take_along_axis(scores, best[None], axis=0)
    return best, np.sum(scores - least < TIE, axis=0) > 1
