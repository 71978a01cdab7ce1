"""A pair as the screen hands it on: what was tested, what was measured, and whether it survives."""

import enum

from attrs import frozen

__all__ = ["Direction", "Failure", "ScreenedPair"]


class Failure(enum.Enum):
    """Why a pair that was tested does not survive."""

    Q_VALUE = "q-value"
    HALF_LIFE = "half-life"
    VARIANCE_RATIO = "variance ratio"
    STATIONARY_LEG = "a leg is stationary by itself"
    LEG_INTEGRATED_TWICE = "the changes of a leg wander too"


@frozen
class Direction:
    """The test of one leg on the other."""

    statistic: float
    """t statistic of the residual's level."""
    p_value: float
    lags: int
    is_tied: bool
    """Whether another number of lags was as good within 1e-9."""


@frozen(kw_only=True)
class ScreenedPair:
    """
    A pair that was tested, or with `cointegration` off one that was only measured.

    The spread is ln leg1 - hedge_ratio ln leg2; times are in bars.
    """

    leg1: str
    leg2: str
    sectors: tuple[str | None, str | None]
    correlation: float
    """Pearson's, of log returns."""
    ab: Direction | None
    """leg1 explained by leg2; None where nothing was tested."""
    ba: Direction | None
    p_value: float | None
    """Of the pair: min(1, 2 min)."""
    q_value: float | None
    """Benjamini-Hochberg's, over all tests of the screen."""
    q_value_by: float | None
    """Benjamini-Yekutieli's, which holds under any dependence."""
    hedge_ratio: float
    """β: units of leg2's log price for one of leg1's."""
    hedge_ratio_low: float
    """Ends of its 95 % interval, by dynamic least squares."""
    hedge_ratio_high: float
    intercept: float
    """Mean of the spread."""
    deviation: float
    """Standard deviation of the spread about it, ddof 0."""
    half_life: float | None
    """Corrected for bias; None where the spread does not come back."""
    half_life_low: float | None
    half_life_high: float | None
    """Ends of its 95 % interval; None for no end."""
    variance_ratio: float
    variance_ratio_p_value: float
    """Two-sided, of a random walk."""
    crossings: int
    """How often the spread changed sides of its mean."""
    failures: tuple[Failure, ...] = ()
    """Why it does not survive; empty when it does."""

    @property
    def survives(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.failures
