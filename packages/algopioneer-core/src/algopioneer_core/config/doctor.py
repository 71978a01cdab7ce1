"""What `doctor` can be told; the flags and their help are made from this class."""

from decimal import Decimal

from attrs import frozen

from algopioneer_core.config.runs import separated
from algopioneer_core.settings import option, optional, positive

__all__ = ["DoctorOptions"]


@frozen(kw_only=True)
class DoctorOptions:
    """
    What is to be examined.

    Raises:
        ConfigError: A value is wrong.
    """

    exchange: str = option(help="The venue.", metavar="NAME")
    symbols: tuple[str, ...] = option(
        (), help="What is to be traded, separated by commas.", metavar="SYMBOL"
    )
    order_size: Decimal | None = option(
        None,
        help="Quantity of an order, held against minimum and increments of each symbol.",
        unit="base units",
        validator=optional(positive),
    )
    journal: str | None = option(
        None, help="The journal's file: can it be written, does nobody hold it?", metavar="FILE"
    )
    venue: tuple[str, ...] = option(
        (), help="A setting of the venue. May be repeated.", metavar="KEY=VALUE"
    )

    @property
    def names(self) -> tuple[str, ...]:
        """The symbols, one by one, each once."""
        return tuple(dict.fromkeys(separated(self.symbols)))
