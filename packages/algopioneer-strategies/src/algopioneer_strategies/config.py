"""Configuration of the strategies; light, because `--help` reads it."""

from decimal import Decimal

from attrs import frozen

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.settings import at_least, fraction, option, optional, positive

__all__ = ["MovingAverageConfig"]


@frozen(kw_only=True)
class MovingAverageConfig:
    """
    Parameters of the moving average crossover.

    Raises:
        ConfigError: The short window is not below the long one, or a value is out of range.
    """

    short_window: int = option(
        5, help="Bars in the short average.", unit="bars", validator=at_least(1)
    )
    long_window: int = option(
        20,
        help="Bars in the long average; above the short window.",
        unit="bars",
        validator=at_least(2),
    )
    position_size: Decimal = option(
        Decimal(1), help="Share of equity put into each trade.", validator=fraction
    )
    quantity: Decimal | None = option(
        None,
        help="Fixed quantity of each trade, instead of a share of equity.",
        unit="base units",
        validator=optional(positive),
    )
    allow_short: bool = option(False, help="Sell short when the averages cross downwards.")

    def __attrs_post_init__(self) -> None:
        if self.short_window >= self.long_window:
            raise ConfigError(
                f"short_window ({self.short_window}) must be below long_window "
                f"({self.long_window})",
                where="short_window",
                remedy="choose a shorter short window or a longer long window",
            )
