"""Parameters of the breakout; light, because `--help` reads them."""

from decimal import Decimal

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.settings import at_least, fraction, option
from attrs import frozen


@frozen(kw_only=True)
class BreakoutConfig:
    """
    Parameters of the breakout.

    Raises:
        ConfigError: The exit window is longer than the entry window.
    """

    entry_window: int = option(
        20, help="Bars whose high must be passed to buy.", unit="bars", validator=at_least(1)
    )
    exit_window: int = option(
        10, help="Bars whose low must be passed to sell.", unit="bars", validator=at_least(1)
    )
    position_size: Decimal = option(
        Decimal(1), help="Share of equity put into each trade.", validator=fraction
    )

    def __attrs_post_init__(self) -> None:
        if self.exit_window > self.entry_window:
            raise ConfigError(
                f"exit_window ({self.exit_window}) must not exceed entry_window "
                f"({self.entry_window})",
                where="exit_window",
                remedy="choose a shorter exit window",
            )
