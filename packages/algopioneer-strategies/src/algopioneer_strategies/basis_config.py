"""Configuration of the basis strategy; light, because `--help` reads it."""

import enum
from decimal import Decimal

from attrs import frozen

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.settings import fraction, not_negative, option, optional, positive

__all__ = ["AtExpiry", "BasisConfig"]


class AtExpiry(enum.Enum):
    """What is done with a position in a contract that is about to expire."""

    ROLL = "roll"
    """The contract is rolled into the next one named, while that has something to earn; else both
    legs are closed beforehand."""
    CLOSE = "close"
    """Both legs are closed beforehand, and nothing is opened any more."""
    HOLD = "hold"
    """It is held into settlement, exits by the rule aside."""


@frozen(kw_only=True)
class BasisConfig:
    """
    Parameters of the basis strategy. One bps is 1/10,000 of the worth of the spot leg.

    Raises:
        ConfigError: The exit is not below the entry, or a value is out of range.
    """

    entry_bps: Decimal = option(
        Decimal(10),
        help="Enter when the basis, net of four fees and slippage, is at least this.",
        unit="bps",
        validator=positive,
    )
    exit_bps: Decimal = option(
        Decimal(0),
        help="Leave when what is left to earn (no costs taken off) is at most this.",
        unit="bps",
    )
    annualise: bool = option(
        False,
        help="Both thresholds are bps a year: they shrink with the time to expiry.",
    )
    allow_reverse: bool = option(
        False, help="Also buy a future that is too cheap and sell the spot."
    )
    spot_fee_bps: Decimal | None = option(
        None,
        help="Fee that is reckoned with for each of the spot's two fills; the instrument's taker "
        "fee unless set.",
        unit="bps",
    )
    future_fee_bps: Decimal | None = option(
        None,
        help="The same for the future's two fills.",
        unit="bps",
    )
    fill_slippage_bps: Decimal = option(
        Decimal(0),
        help="Slippage that is reckoned with for each of the four fills.",
        unit="bps",
        validator=not_negative,
    )
    expected_funding_bps: Decimal = option(
        Decimal(0),
        help="Funding that the seller of the perpetual expects to receive over the time the "
        "position is held; negative when the seller pays.",
        unit="bps",
    )
    max_funding_paid_bps: Decimal | None = option(
        None,
        help="Leave when the position has paid this much funding on balance; off unless set.",
        unit="bps",
        validator=optional(positive),
    )
    at_expiry: AtExpiry = option(
        AtExpiry.ROLL,
        help="Before the contract expires: roll into the next one named (close where there is "
        "none), close, or hold into settlement.",
    )
    close_before_expiry_s: Decimal = option(
        Decimal(86_400),
        help="How long before expiry a position is rolled or closed; give more than the "
        "longest time between two bars.",
        unit="s",
        validator=positive,
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

    def __attrs_post_init__(self) -> None:
        if self.exit_bps >= self.entry_bps:
            raise ConfigError(
                f"exit_bps ({self.exit_bps}) must be below entry_bps ({self.entry_bps})",
                where="exit_bps",
                remedy="lower exit_bps or raise entry_bps: the difference is the gain aimed at",
            )
