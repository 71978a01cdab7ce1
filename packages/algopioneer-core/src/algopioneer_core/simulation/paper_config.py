"""How a paper account fills orders, what they cost, and what it starts with."""

import enum
from decimal import Decimal

from attrs import frozen

from algopioneer_core.domain.errors import ConfigError, MoneyError
from algopioneer_core.domain.money import BPS, ZERO, Money, decimal_of, mul
from algopioneer_core.history.intervals import length_of_time, parse_interval
from algopioneer_core.settings import (
    at_least,
    below,
    fraction,
    not_negative,
    option,
    optional,
)
from algopioneer_core.simulation.config import BacktestConfig, FeeModel, FillTiming

__all__ = ["MatchOn", "PaperConfig", "PaperMargin"]


class MatchOn(enum.Enum):
    """What of the market decides about fills."""

    AUTO = "auto"
    """Quotes where the venue pushes them, else bars."""
    BARS = "bars"
    """The bars after the order, as in a backtest."""
    QUOTES = "quotes"
    """The best bid and ask after the order."""


class PaperMargin(enum.Enum):
    """What the account must have before it may raise its exposure."""

    VENUE = "venue"
    """As the venue: `cash` where it lends nothing, else `regt`; over a replay as a backtest."""
    NONE = "none"
    """Nothing: short proceeds are credited and debts are not looked at."""
    CASH = "cash"
    """What is bought must be paid for with what is there, fee included."""
    REGT = "regt"
    """Half of the gross exposure must be covered by equity (US Regulation T, initial margin)."""
    FULL = "full"
    """All of the gross exposure must be covered by equity."""


def _amounts(_: object, __: object, texts: tuple[str, ...]) -> None:
    names = [_amount(text)[0] for text in texts]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{name} is there twice", where="balances", remedy="state it once")


def _amount(text: str) -> tuple[str, Money]:
    asset, _, amount = (part.strip() for part in text.partition("="))
    try:
        value = decimal_of(amount)
    except MoneyError:
        value = Decimal(-1)
    if not asset or value < 0:
        raise ConfigError(
            f"{text!r} is not what the account has of an asset",
            where="balances",
            remedy='write for instance "USD=10000"',
        )
    return asset, value


@frozen(kw_only=True)
class PaperConfig:
    """
    A paper account.

    Raises:
        ConfigError: A value is out of its range.
    """

    balances: tuple[str, ...] = option(
        ("USD=10000",),
        help="What the account has at its first start, as ASSET=AMOUNT.",
        validator=_amounts,
    )
    match_on: MatchOn = option(MatchOn.AUTO, help="What of the market decides about fills.")
    fill: FillTiming = option(
        FillTiming.NEXT_OPEN, help="Price of a bar at which a market order fills."
    )
    interval: str | None = option(
        None,
        help="Length of the bars that fill orders, where the venue does not say it.",
        validator=optional(length_of_time),
        metavar="LENGTH",
    )
    margin: PaperMargin = option(
        PaperMargin.VENUE, help="What the account must have before it may raise its exposure."
    )
    maker_fee_bps: Decimal | None = option(
        None,
        help="Fee of an order that rested; by default the instrument's own or the account's.",
        unit="bps",
        validator=optional(not_negative),
    )
    taker_fee_bps: Decimal | None = option(
        None,
        help="Fee of an order that took; by default the instrument's own or the account's.",
        unit="bps",
        validator=optional(not_negative),
    )
    maker_rebate_bps: Decimal = option(
        ZERO, help="Paid back for an order that rested.", unit="bps", validator=not_negative
    )
    fee_per_unit: Decimal = option(
        ZERO,
        help="Fee for each unit or contract, on top.",
        unit="quote currency",
        validator=not_negative,
    )
    slippage_bps: Decimal = option(
        Decimal(5),
        help="By how much market orders trade worse than the market's price.",
        unit="bps",
        validator=[not_negative, below(10_000)],
    )
    volume_limit: Decimal | None = option(
        None,
        help="Largest share of a bar's volume an order may take; off unless set.",
        validator=optional(fraction),
    )
    latency_bars: int = option(
        0, help="Bars by which orders are late, on bars.", validator=at_least(0)
    )
    latency_ms: int = option(
        0, help="Time by which orders are late, on quotes.", unit="ms", validator=at_least(0)
    )

    @property
    def amounts(self) -> dict[str, Money]:
        """What the account starts with, by asset."""
        return dict(_amount(text) for text in self.balances)

    @property
    def interval_ns(self) -> int | None:
        """Length of the bars that fill orders, in nanoseconds; None when it is not stated."""
        return None if self.interval is None else parse_interval(self.interval)

    def simulation(self) -> BacktestConfig:
        """Return how fills come about and what they cost, as a backtest states it."""
        maker, taker = self.maker_fee_bps, self.taker_fee_bps
        return BacktestConfig(
            fees=FeeModel(
                maker=None if maker is None else mul(maker, BPS),
                taker=None if taker is None else mul(taker, BPS),
                maker_rebate=mul(self.maker_rebate_bps, BPS),
                per_unit=self.fee_per_unit,
            ),
            slippage=mul(self.slippage_bps, BPS),
            fill=self.fill,
            volume_limit=self.volume_limit,
            latency_bars=self.latency_bars,
        )
