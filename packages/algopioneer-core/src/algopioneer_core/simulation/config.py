"""How a backtest fills orders and what they cost."""

import enum
from decimal import Decimal

from attrs import evolve, field, frozen

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.instruments import Instrument
from algopioneer_core.domain.money import ZERO, Money, neg, sub

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


def _not_negative(instance: object, attribute: object, value: Decimal | None) -> None:
    if value is not None and value < 0:
        name = getattr(attribute, "name", "value").lstrip("_")
        raise ConfigError(f"{name} must not be negative, not {value}", where=name)


@frozen(kw_only=True)
class FeeModel:
    """
    What a fill costs: a fraction of its notional plus an amount for each unit.

    A maker or taker fee that is stated here is charged, also where it is 0. One that is not stated
    (None) is the instrument's own, and 0 where the instrument states none either.

    Raises:
        ConfigError: A part is negative (a rebate has a field of its own).
    """

    _maker: Decimal | None = field(default=None, alias="maker", validator=_not_negative)
    _taker: Decimal | None = field(default=None, alias="taker", validator=_not_negative)
    maker_rebate: Decimal = field(default=ZERO, validator=_not_negative)
    """Fraction of notional paid back for a fill that rested; stated, it replaces the instrument's
    own maker fee."""
    per_unit: Money = field(default=ZERO, validator=_not_negative)
    """Settlement asset (quote, but base for inverse contracts) for each unit or contract, on top
    of whatever else is charged."""

    @property
    def maker(self) -> Decimal:
        """Fraction of notional for a fill that rested, as stated here; 0 when it is not."""
        return ZERO if self._maker is None else self._maker

    @property
    def taker(self) -> Decimal:
        """Fraction of notional for a fill that took, as stated here; 0 when it is not."""
        return ZERO if self._taker is None else self._taker

    def on(self, instrument: Instrument) -> "FeeModel":
        """Return what is charged on *instrument*, with nothing left to it (for reports)."""
        maker = self.maker_on(instrument)
        if self._maker is not None or self.maker_rebate:
            return evolve(self, maker=self.maker, taker=max(self.taker_on(instrument), ZERO))
        return evolve(
            self,
            maker=max(maker, ZERO),
            taker=max(self.taker_on(instrument), ZERO),
            maker_rebate=max(neg(maker), ZERO),
        )

    def maker_on(self, instrument: Instrument) -> Decimal:
        """Return what a fill that rested costs on *instrument*, rebate taken off."""
        if self._maker is None and not self.maker_rebate:
            return ZERO if instrument.maker_fee is None else instrument.maker_fee
        return sub(self.maker, self.maker_rebate)

    def taker_on(self, instrument: Instrument) -> Decimal:
        """Return what a fill that took costs on *instrument*."""
        if self._taker is None and instrument.taker_fee is not None:
            return instrument.taker_fee
        return self.taker


def _fraction(instance: object, attribute: object, value: Decimal | None) -> None:
    if value is not None and not 0 < value <= 1:
        name = getattr(attribute, "name", "value")
        raise ConfigError(f"{name} must be above 0 and at most 1, not {value}", where=name)


def _below_one(instance: object, attribute: object, value: Decimal) -> None:
    if not 0 <= value < 1:
        name = getattr(attribute, "name", "value")
        raise ConfigError(f"{name} must be at least 0 and below 1, not {value}", where=name)


@frozen(kw_only=True)
class BacktestConfig:
    """
    The simulated market and account.

    Raises:
        ConfigError: A value is out of its range; the message names the field.
    """

    initial_capital: Money = Decimal(10_000)
    """Starting cash, in the instrument's settlement asset; positive."""
    fees: FeeModel = FeeModel()
    slippage: Decimal = field(default=ZERO, validator=_below_one)
    """Fraction by which a market order's price is worse than the bar's; below 1."""
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
