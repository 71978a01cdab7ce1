"""How a backtest fills orders and what they cost."""

import enum
from decimal import Decimal

from attrs import field, frozen

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.money import ZERO, Money

__all__ = ["BacktestConfig", "EngineChoice", "FeeModel", "FillTiming", "MarginModel"]


class FillTiming(enum.Enum):
    """At which price of a later bar a market order fills (SEMANTICS, fills on bars)."""

    NEXT_OPEN = "next-open"
    NEXT_CLOSE = "next-close"


class MarginModel(enum.Enum):
    """What an account must hold before it may raise its exposure."""

    NONE = "none"
    """Short proceeds are credited and nothing is refused for want of buying power."""
    REGT = "regt"
    """Half of the gross exposure must be covered by equity (US Regulation T, initial margin)."""
    FULL = "full"
    """All of the gross exposure must be covered by equity."""


class EngineChoice(enum.Enum):
    """How bars are brought to the strategy; the result is the same."""

    EVENT = "event"
    VECTOR = "vector"
    AUTO = "auto"


def _not_negative(instance: object, attribute: object, value: Decimal) -> None:
    if value < 0:
        name = getattr(attribute, "name", "value")
        raise ConfigError(f"{name} must not be negative, not {value}", where=name)


@frozen(kw_only=True)
class FeeModel:
    """
    What a fill costs: a fraction of its notional plus an amount for each unit.

    Raises:
        ConfigError: A part is negative (a rebate has a field of its own).
    """

    maker: Decimal = field(default=ZERO, validator=_not_negative)
    """Fraction of notional for a fill that rested."""
    taker: Decimal = field(default=ZERO, validator=_not_negative)
    """Fraction of notional for a fill that took."""
    maker_rebate: Decimal = field(default=ZERO, validator=_not_negative)
    """Fraction of notional paid back for a fill that rested."""
    per_unit: Money = field(default=ZERO, validator=_not_negative)
    """Quote currency for each unit or contract, on top."""


def _fraction(instance: object, attribute: object, value: Decimal | None) -> None:
    if value is not None and not 0 < value <= 1:
        name = getattr(attribute, "name", "value")
        raise ConfigError(f"{name} must be above 0 and at most 1, not {value}", where=name)


@frozen(kw_only=True)
class BacktestConfig:
    """
    The simulated market and account.

    Raises:
        ConfigError: A value is out of its range; the message names the field.
    """

    initial_capital: Money = Decimal(10_000)
    """Starting cash, in quote currency; positive."""
    fees: FeeModel = FeeModel()
    slippage: Decimal = field(default=ZERO, validator=_not_negative)
    """Fraction by which a market order's price is worse than the bar's."""
    fill: FillTiming = FillTiming.NEXT_OPEN
    margin: MarginModel = MarginModel.NONE
    volume_limit: Decimal | None = field(default=None, validator=_fraction)
    """Largest share of a bar's volume one order may take; None fills in full."""
    latency_bars: int = 0
    """Bars by which an order is late, beyond the one it always waits for."""
    engine: EngineChoice = EngineChoice.AUTO

    def __attrs_post_init__(self) -> None:
        if self.initial_capital <= 0:
            raise ConfigError(
                f"initial_capital must be positive, not {self.initial_capital}",
                where="initial_capital",
            )
        if self.latency_bars < 0:
            raise ConfigError(
                f"latency_bars must not be negative, not {self.latency_bars}", where="latency_bars"
            )
