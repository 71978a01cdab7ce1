"""
What a backtest can be told: the table `[backtest]` of a file and the flags of the command.

The flags and their help are made from this class, so a file has the same keys as the command has
flags. How a strategy is configured is not here: that is its own class.
"""

import datetime
import enum
from decimal import Decimal
from typing import Final

from attrs import frozen

from algopioneer_core.config.period import Period
from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.money import BPS, ZERO, mul
from algopioneer_core.settings import (
    at_least,
    below,
    fraction,
    not_negative,
    option,
    optional,
    positive,
)
from algopioneer_core.simulation.config import (
    BacktestConfig,
    EngineChoice,
    FeeModel,
    FillTiming,
    MarginModel,
)

__all__ = ["FAULTS", "BacktestOptions", "Market"]

FAULTS: Final = (
    "bad-ranges",
    "duplicates",
    "long-prices",
    "nan",
    "non-positive",
    "off-grid",
    "unsorted",
)
"""Faults of bar files that can be accepted: the reader's own list, without importing its arrays."""
_DATA = "Data"
_COSTS = "Costs"
_RULES = "Fills and account"


class Market(enum.Enum):
    """The kinds of synthetic market."""

    RANDOM_WALK = "random-walk"
    TRENDING = "trending"
    MEAN_REVERTING = "mean-reverting"
    COINTEGRATED = "cointegrated"


@frozen(kw_only=True)
class BacktestOptions(Period):
    """
    One backtest, as a user asks for it.

    Raises:
        ConfigError: A value is out of its range, or two of them contradict each other.
    """

    data: tuple[str, ...] = option(
        (),
        help="File of bars, CSV or Parquet; SYMBOL=FILE where there are several.",
        section=_DATA,
        metavar="FILE",
    )
    synthetic: bool = option(False, help="Make up a market instead.", section=_DATA)
    exchange: str | None = option(
        None, help="Take bars from this venue's history.", section=_DATA, metavar="NAME"
    )
    symbols: tuple[str, ...] = option(
        (), help="What to trade, separated by commas.", section=_DATA, metavar="SYMBOL"
    )
    interval: str | None = option(
        None,
        help="Length of a bar (1m, 5m, 1h, 1d); by default as the file has it.",
        section=_DATA,
        metavar="LENGTH",
    )
    stamp: str = option(
        "open",
        help="Which end of its bar a time in the file is.",
        choices=("open", "close"),
        section=_DATA,
    )
    start: datetime.datetime | None = option(
        None, key="from", help="First close time to use (UTC).", section=_DATA
    )
    end: datetime.datetime | None = option(
        None, key="to", help="Close time to stop before (UTC).", section=_DATA
    )
    accept: tuple[str, ...] = option(
        (),
        help="Accept a fault of the data instead of refusing it.",
        choices=FAULTS,
        section=_DATA,
    )
    instruments: str | None = option(
        None, help="TOML file that describes the instruments.", section=_DATA, metavar="FILE.toml"
    )
    funding: str | None = option(
        None,
        help="CSV file of funding rates of perpetuals: time, symbol, rate; none is zero.",
        section=_DATA,
        metavar="FILE.csv",
    )
    borrow: str | None = option(
        None,
        help="CSV file of what who is short pays: time, symbol, rate; none is zero.",
        section=_DATA,
        metavar="FILE.csv",
    )
    dividends: str | None = option(
        None,
        help="CSV file of dividends: time, symbol, amount per unit; none is zero.",
        section=_DATA,
        metavar="FILE.csv",
    )
    market: Market = option(Market.RANDOM_WALK, help="Kind of synthetic market.", section=_DATA)
    duration: str = option(
        "30d",
        help="Length of a synthetic market (30d, 12h, or minutes).",
        section=_DATA,
        metavar="LENGTH",
    )
    seed: int = option(7, help="Seed of a synthetic market.", validator=at_least(0), section=_DATA)

    initial_capital: Decimal = option(
        Decimal(10_000),
        help="Starting cash.",
        unit="quote currency",
        validator=positive,
        section=_COSTS,
    )
    fee_bps: Decimal | None = option(
        None,
        help="Fee of every fill; by default the instrument's own, else 0.",
        unit="bps",
        validator=optional(not_negative),
        section=_COSTS,
    )
    maker_fee_bps: Decimal | None = option(
        None,
        help="Fee of an order that rested, instead of --fee-bps.",
        unit="bps",
        validator=optional(not_negative),
        section=_COSTS,
    )
    taker_fee_bps: Decimal | None = option(
        None,
        help="Fee of an order that took, instead of --fee-bps.",
        unit="bps",
        validator=optional(not_negative),
        section=_COSTS,
    )
    maker_rebate_bps: Decimal = option(
        ZERO,
        help="Paid back for an order that rested.",
        unit="bps",
        validator=not_negative,
        section=_COSTS,
    )
    fee_per_unit: Decimal = option(
        ZERO,
        help="Fee for each unit or contract, on top.",
        unit="quote currency",
        validator=not_negative,
        section=_COSTS,
    )
    slippage_bps: Decimal = option(
        Decimal(5),
        help="By how much market orders trade worse than the bar's price.",
        unit="bps",
        validator=[not_negative, below(10_000)],  # a sale at or below zero is no sale
        section=_COSTS,
    )

    fill: FillTiming = option(
        FillTiming.NEXT_OPEN, help="Price at which a market order fills.", section=_RULES
    )
    margin: MarginModel = option(
        MarginModel.NONE, help="Buying power the account is held to.", section=_RULES
    )
    volume_limit: Decimal | None = option(
        None,
        help="Largest share of a bar's volume an order may take; off unless set.",
        validator=optional(fraction),
        section=_RULES,
    )
    latency_bars: int = option(
        0, help="Bars by which orders are late.", validator=at_least(0), section=_RULES
    )
    engine: EngineChoice = option(
        EngineChoice.AUTO,
        help="How bars reach the strategy; the result is the same.",
        section=_RULES,
    )
    output_dir: str | None = option(
        None,
        help="Write results.json, trades.csv, equity.csv and report.html there.",
        section="Output",
        metavar="DIR",
    )

    def __attrs_post_init__(self) -> None:
        self._check_one_source()
        self._check_period()

    def _check_one_source(self) -> None:
        sources = {"data": self.data, "synthetic": self.synthetic, "exchange": self.exchange}
        chosen = [key for key, value in sources.items() if value]
        if len(chosen) != 1:
            raise ConfigError(
                f"{' and '.join(chosen)} exclude each other" if chosen else "there are no bars",
                where=chosen[-1] if chosen else "data",
                remedy="give one of --data FILE, --synthetic, --exchange NAME",
            )

    def simulation(self) -> BacktestConfig:
        """Return the simulated market and account these options describe."""
        return BacktestConfig(
            initial_capital=self.initial_capital,
            fees=self.fees(),
            slippage=mul(self.slippage_bps, BPS),
            fill=self.fill,
            margin=self.margin,
            volume_limit=self.volume_limit,
            latency_bars=self.latency_bars,
            engine=self.engine,
        )

    def fees(self) -> FeeModel:
        """
        Return the fee model: `fee_bps` unless the maker's or taker's own is given.

        What is not given at all stays unsaid, so that an instrument's own fee applies.
        """
        maker = self.fee_bps if self.maker_fee_bps is None else self.maker_fee_bps
        taker = self.fee_bps if self.taker_fee_bps is None else self.taker_fee_bps
        return FeeModel(
            maker=None if maker is None else mul(maker, BPS),
            taker=None if taker is None else mul(taker, BPS),
            maker_rebate=mul(self.maker_rebate_bps, BPS),
            per_unit=self.fee_per_unit,
        )
