"""How a spread is worked: order style, patience, bounds and guards, as users set them."""

import enum
from decimal import Decimal

from attrs import frozen

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.money import add
from algopioneer_core.domain.spreads import ShortMode
from algopioneer_core.settings import at_least, fraction, not_negative, option, optional, positive

__all__ = ["LatePolicy", "LegOrders", "LegRules"]


class LegOrders(enum.Enum):
    """With which orders legs are traded."""

    MARKET = "market"
    LIMIT = "limit"
    """Limit orders that start at the market and become more aggressive up to the collar."""


class LatePolicy(enum.Enum):
    """What is done first when one leg has filled and the other has not."""

    COMPLETE = "complete"
    """Order the rest of the late leg; cut the other back only when that fails too."""
    UNWIND = "unwind"
    """Cut the filled leg back at once."""


@frozen(kw_only=True)
class LegRules:
    """
    The rules of one strategy's spreads. Guards are off unless set.

    Raises:
        ConfigError: A value is out of its range, patience (with the pause) is not below the
            residual deadline, or no price ratio can pass.
    """

    orders: LegOrders = option(
        LegOrders.MARKET, help="Orders the legs are traded with.", section="Legs"
    )
    on_late: LatePolicy = option(
        LatePolicy.COMPLETE, help="What is tried first when one leg is late.", section="Legs"
    )
    max_residual_fraction: Decimal = option(
        Decimal("0.02"),
        help="Largest part of a leg that may stand without its counterpart.",
        unit="fraction of the leg",
        validator=fraction,
        section="Legs",
    )
    max_residual_s: Decimal = option(
        Decimal(30),
        help="Longest time above that before a correction is on the wire, or the pair halts; "
        "unset, a live session allows what it takes to prove a lost request absent.",
        unit="s",
        validator=positive,
        section="Legs",
    )
    patience_s: Decimal = option(
        Decimal(10),
        help="How long orders may work before they are cancelled for a correction.",
        unit="s",
        validator=positive,
        section="Legs",
    )
    pause_s: Decimal | None = option(
        None,
        help="Send the second leg this long after the first has filled, not at once.",
        unit="s",
        validator=optional(not_negative),
        section="Legs",
    )
    start_bps: Decimal = option(
        Decimal(5),
        help="How far through the market a limit order starts.",
        unit="bps",
        validator=not_negative,
        section="Legs",
    )
    step_bps: Decimal = option(
        Decimal(10),
        help="How much more aggressive each correction is.",
        unit="bps",
        validator=positive,
        section="Legs",
    )
    collar_bps: Decimal = option(
        Decimal(100),
        help="How far through the market a correction may go at most.",
        unit="bps",
        validator=positive,
        section="Legs",
    )
    max_attempts: int = option(
        10,
        help="Corrections in vain before the pair halts.",
        validator=at_least(1),
        section="Legs",
    )
    short_mode: ShortMode = option(
        ShortMode.MARGIN, help="How the leg that is sold comes about.", section="Legs"
    )
    second_short_mode: ShortMode | None = option(
        None, help="The same for the second leg, where it differs.", section="Legs"
    )
    max_imbalance: Decimal | None = option(
        None,
        help="Refuse an entry whose rounding leaves the legs further apart than this.",
        unit="fraction of the leg",
        validator=optional(fraction),
        section="Guards",
    )
    max_leg_notional: Decimal | None = option(
        None,
        help="Largest value of one leg.",
        unit="quote currency",
        validator=optional(positive),
        section="Guards",
    )
    entry_cooldown_s: Decimal | None = option(
        None,
        help="Shortest time from the end of a spread to the next entry.",
        unit="s",
        validator=optional(positive),
        section="Guards",
    )
    exit_cooldown_s: Decimal | None = option(
        None,
        help="Shortest time from an entry to an exit that is not a stop.",
        unit="s",
        validator=optional(positive),
        section="Guards",
    )
    max_price_age_s: Decimal | None = option(
        None,
        help="Oldest price of a leg on which an entry may be made.",
        unit="s",
        validator=optional(positive),
        section="Guards",
    )
    max_price_skew_s: Decimal | None = option(
        None,
        help="Most time between the prices of the two legs at an entry.",
        unit="s",
        validator=optional(positive),
        section="Guards",
    )
    min_price_ratio: Decimal | None = option(
        None,
        help="Smallest believable price of the first leg over the second.",
        validator=optional(positive),
        section="Guards",
    )
    max_price_ratio: Decimal | None = option(
        None,
        help="Largest believable price of the first leg over the second.",
        validator=optional(positive),
        section="Guards",
    )

    def __attrs_post_init__(self) -> None:
        used = self.patience_s if self.pause_s is None else add(self.patience_s, self.pause_s)
        if used >= self.max_residual_s:
            both = "patience_s" if self.pause_s is None else "patience_s and pause_s together"
            raise ConfigError(
                f"{both} ({used}) must be below max_residual_s ({self.max_residual_s})",
                where="patience_s",
                remedy="leave time for a correction before the deadline",
            )
        low, high = self.min_price_ratio, self.max_price_ratio
        if low is not None and high is not None and low > high:
            raise ConfigError(
                f"min_price_ratio ({low}) is above max_price_ratio ({high}): no price would pass",
                where="min_price_ratio",
            )

    def short_mode_of(self, leg: int) -> ShortMode:
        """Return how the first (0) or second (1) leg comes about when it is the one sold."""
        if leg == 1 and self.second_short_mode is not None:
            return self.second_short_mode
        return self.short_mode
