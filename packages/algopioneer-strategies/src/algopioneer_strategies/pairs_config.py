"""Configuration of the pairs strategy; light, because `--help` reads it."""

import enum
from decimal import Decimal
from typing import Final

from attrs import frozen

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.spreads import Neutrality
from algopioneer_core.settings import (
    at_least,
    fraction,
    not_negative,
    option,
    optional,
    positive,
)

__all__ = ["KALMAN_KEYS", "HedgeMethod", "KalmanScore", "PairsConfig"]

_SMALLEST_BETA = Decimal("0.000000001")
KALMAN_KEYS: Final = ("kalman_q", "kalman_r", "kalman_variance")
"""Settings of the filter that `pairs_config.json` and the ledger carry, beside `beta`."""


class HedgeMethod(enum.Enum):
    """Where the hedge ratio comes from."""

    FIXED = "fixed"
    """Given: `beta`."""
    FITTED = "fitted"
    """Least squares over the first `hedge_window` bars, then kept."""
    OLS = "ols"
    """Least squares over the last `hedge_window` bars, anew at each."""
    KALMAN = "kalman"
    """The prior of a Kalman filter."""


class KalmanScore(enum.Enum):
    """What is traded with a Kalman filter."""

    INNOVATION = "innovation"
    """The prior innovation over the root of its variance."""
    WINDOW = "window"
    """The z-score of the last `window` spreads, all at the prior's beta."""


@frozen(kw_only=True)
class PairsConfig:
    """
    Parameters of the pairs strategy.

    Raises:
        ConfigError: Thresholds contradict each other, or a value is out of range.
    """

    window: int = option(
        60,
        help="Bars of the z-score, the deciding one included.",
        unit="bars",
        validator=at_least(2),
    )
    z_entry: Decimal = option(
        Decimal(2),
        help="Enter when the spread is farther than this from its mean.",
        unit="deviations",
        validator=positive,
    )
    z_exit: Decimal = option(
        Decimal("0.5"),
        help="Leave when the spread is nearer than this; negative: beyond the mean.",
        unit="deviations",
    )
    z_stop: Decimal | None = option(
        None,
        help="Leave at a loss when the spread is farther than this; off unless set.",
        unit="deviations",
    )
    time_stop: Decimal | None = option(
        None,
        help="Leave after this many half-lives of the spread (AR(1) by least squares over the "
        "window at the entry); off unless set.",
        unit="half-lives",
        validator=optional(positive),
    )
    hedge: HedgeMethod = option(HedgeMethod.FIXED, help="Where the hedge ratio comes from.")
    beta: Decimal = option(
        Decimal(1),
        help="The fixed hedge ratio, and where a Kalman filter begins: ln a is held against "
        "beta times ln b.",
        validator=at_least(_SMALLEST_BETA),
    )
    hedge_window: int | None = option(
        None,
        help="Bars of the fitted or rolling hedge; the window's unless set.",
        unit="bars",
        validator=optional(at_least(2)),
    )
    kalman_q: Decimal = option(
        Decimal("0.0000001"),
        help="Variance by which the filter's alpha and beta each move in a bar.",
        validator=not_negative,
    )
    kalman_r: Decimal = option(
        Decimal("0.001"),
        help="Variance of the filter's observation noise.",
        validator=positive,
    )
    kalman_variance: Decimal = option(
        Decimal(1),
        help="Variance of alpha and beta before the first bar.",
        validator=not_negative,
    )
    beta_min: Decimal | None = option(
        None,
        help="The filter's beta is kept at or above this; unbounded unless set.",
    )
    beta_max: Decimal | None = option(
        None,
        help="The filter's beta is kept at or below this; unbounded unless set.",
    )
    kalman_score: KalmanScore = option(
        KalmanScore.INNOVATION,
        help="What is traded with a Kalman filter.",
    )
    volatility_span: int | None = option(
        None,
        help="Scale z by the spread's exponentially weighted volatility over this span; off "
        "unless set.",
        unit="bars",
        validator=optional(at_least(1)),
    )
    position_size: Decimal = option(
        Decimal(1), help="Share of equity put into both legs together.", validator=fraction
    )
    notional: Decimal | None = option(
        None,
        help="Fixed amount for both legs together, instead of a share of equity.",
        unit="quote currency",
        validator=optional(positive),
    )
    neutrality: Neutrality = option(
        Neutrality.DOLLAR,
        help="What is equal on both sides: money (dollar), money by the hedge ratio (beta), or "
        "base units (delta).",
    )

    def __attrs_post_init__(self) -> None:
        self._check_thresholds()
        if self.beta_min is not None and self.beta_max is not None:
            _below("beta_min", self.beta_min, "beta_max", self.beta_max, or_equal=True)
        innovation = self.kalman_score is KalmanScore.INNOVATION
        if self.volatility_span and self.hedge is HedgeMethod.KALMAN and innovation:
            raise ConfigError(
                "a standardised innovation is scaled by its own variance already",
                where="volatility_span",
                remedy="leave it out, or trade kalman_score = window",
            )

    def _check_thresholds(self) -> None:
        _below("z_exit", self.z_exit, "z_entry", self.z_entry)
        if self.z_exit <= self.z_entry.copy_negate():
            raise ConfigError(
                f"z_exit ({self.z_exit}) is beyond the opposite entry (-{self.z_entry})",
                where="z_exit",
                remedy="leave at the mean (0) or a little beyond it",
            )
        if self.z_stop is not None:
            _below("z_entry", self.z_entry, "z_stop", self.z_stop, blame="z_stop")


def _below(
    low_key: str,
    low: Decimal,
    high_key: str,
    high: Decimal,
    *,
    or_equal: bool = False,
    blame: str | None = None,
) -> None:
    if low < high or (or_equal and low == high):
        return
    raise ConfigError(
        f"{low_key} ({low}) must be below {high_key} ({high})",
        where=blame or low_key,
        remedy=f"lower {low_key} or raise {high_key}",
    )
