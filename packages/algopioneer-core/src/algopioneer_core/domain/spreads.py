"""
Spreads: a position in two legs that is one intent, and how large each leg is to be.

One leg is bought and the other is sold. What makes the two belong together is their *neutrality*:
equal money on both sides, money in proportion to a hedge ratio, or equal quantities of the same
base.
"""

import enum
from decimal import Decimal

from attrs import frozen

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.money import Money

__all__ = ["Neutrality", "ShortMode", "SpreadSize"]


class Neutrality(enum.Enum):
    """What is equal on both sides of a spread."""

    DOLLAR = "dollar"
    """Each leg is worth half of the sized amount."""
    BETA = "beta"
    """The second leg is worth the hedge ratio times the first; together the sized amount."""
    DELTA = "delta"
    """Both legs are the same amount of base: a basis of spot against a future or perpetual."""


class ShortMode(enum.Enum):
    """How a leg that is sold without being held comes about."""

    NONE = "none"
    """It does not: such a spread is refused when the configuration is validated."""
    INVENTORY = "inventory"
    """Out of holdings set aside beforehand; flat means back at that baseline, never below zero."""
    MARGIN = "margin"
    """Borrowed from the venue, at its rollover fees."""
    DERIVATIVE = "derivative"
    """A future or perpetual stands for the leg."""


@frozen(kw_only=True)
class SpreadSize:
    """
    How large a spread is to be: exactly one of a fraction of equity and an amount of money.

    The amount is split between the legs as the neutrality says; quantities are rounded down to
    each instrument's increment at the signal's prices, and slippage and fees come on top.

    Raises:
        ConfigError: Both or neither are given, or the one given is out of range.
    """

    neutrality: Neutrality = Neutrality.DOLLAR
    fraction: Decimal | None = None
    """Share of the strategy's equity at the signal, for both legs together, in (0, 1]."""
    notional: Money | None = None
    """Quote currency for both legs together, positive."""

    def __attrs_post_init__(self) -> None:
        if (self.fraction is None) == (self.notional is None):
            raise ConfigError("a spread needs either a fraction of equity or a notional")
        if self.fraction is not None and not 0 < self.fraction <= 1:
            raise ConfigError(
                f"the fraction of equity must be above 0 and at most 1, not {self.fraction}",
                where="position_size",
            )
        if self.notional is not None and self.notional <= 0:
            raise ConfigError(
                f"the notional must be positive, not {self.notional}",
                where="notional",
                remedy="give an amount of quote currency above zero",
            )
