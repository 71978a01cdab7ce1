"""What a backtest hands back: who traded what, under which assumptions, and how it went."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal, TypeAlias

from attrs import field, frozen

from algopioneer_core.domain.money import Money, mul, plain, sub
from algopioneer_core.domain.times import iso_utc
from algopioneer_core.history.intervals import format_interval
from algopioneer_core.simulation.carry_totals import CarryTotals
from algopioneer_core.simulation.config import BacktestConfig
from algopioneer_core.simulation.performance import Performance

__all__ = ["BacktestResult", "Plain", "costs_as_dict"]

Plain: TypeAlias = (
    str | int | float | bool | Decimal | tuple["Plain", ...] | Mapping[str, "Plain"] | None
)
"""What a parameter may be so that JSON can hold it; a `Decimal` becomes exact text."""

_BPS_PER_ONE = 10_000


def _bps(fraction: Decimal) -> str:
    return plain(mul(fraction, Decimal(_BPS_PER_ONE)))


def costs_as_dict(config: BacktestConfig) -> dict[str, Plain]:
    """Return the simulated market of *config* in the words of the command line."""
    fees = config.fees
    return {
        "fill": config.fill.value,
        "slippage_bps": _bps(config.slippage),
        "maker_fee_bps": _bps(fees.maker),
        "taker_fee_bps": _bps(fees.taker),
        "maker_rebate_bps": _bps(fees.maker_rebate),
        "fee_per_unit": plain(fees.per_unit),
        "margin": config.margin.value,
        "volume_limit": None if config.volume_limit is None else plain(config.volume_limit),
        "latency_bars": config.latency_bars,
    }


def _plain(value: Plain) -> object:
    """Return *value* as JSON can hold it."""
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


@frozen(kw_only=True)
class BacktestResult:
    """One finished backtest; `trades.csv` and `equity.csv` hold the rows behind it."""

    strategy: str
    """The name under which the strategy's plugin offers it."""
    symbols: tuple[str, ...]
    interval_ns: int
    bars: int
    """Bars handled; where several instruments trade, the number of decision times."""
    first_bar_ns: int
    """Close time of the first bar, UTC nanoseconds."""
    last_bar_ns: int
    """Close time of the last bar, UTC nanoseconds."""
    currency: str = "USD"
    """The asset in which all amounts are stated."""
    initial_capital: Money
    final_capital: Money
    """Cash after open positions were liquidated at the last close."""
    performance: Performance
    engine: Literal["event", "vector"]
    """Which engine ran; the figures do not depend on it."""
    ruined: bool = False
    """Whether equity reached zero and the run ended early."""
    config: BacktestConfig
    parameters: Mapping[str, Plain] = field(factory=dict)
    """The strategy's own configuration."""
    data: Mapping[str, Plain] = field(factory=dict)
    """Where the bars came from: file or seed, stamp, gaps."""
    carry: CarryTotals = field(factory=CarryTotals)
    """Funding, borrowing and dividends, as far as they were given as inputs."""
    notes: tuple[str, ...] = ()
    """What a reader must know to judge the figures, one sentence each."""

    @property
    def net_profit(self) -> Money:
        """What the run added to the capital, after all costs."""
        return sub(self.final_capital, self.initial_capital)

    def as_dict(self) -> dict[str, object]:
        """
        Return the content of `results.json`.

        Money is exact text, ratios and percentages are numbers, and what is undefined is None.
        `engine` is the only key on which runs of the two engines may differ.
        """
        return {
            "strategy": self.strategy,
            "symbols": list(self.symbols),
            "interval": format_interval(self.interval_ns),
            "bars": self.bars,
            "first_bar": iso_utc(self.first_bar_ns),
            "last_bar": iso_utc(self.last_bar_ns),
            "currency": self.currency,
            "initial_capital": plain(self.initial_capital),
            "final_capital": plain(self.final_capital),
            "net_profit": plain(self.net_profit),
            **self.performance.as_dict(),
            **self.carry.as_dict(),
            "ruined": self.ruined,
            "engine": self.engine,
            "costs": costs_as_dict(self.config),
            "parameters": _plain(self.parameters),
            "data": _plain(self.data),
            "notes": list(self.notes),
        }
