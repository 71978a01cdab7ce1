"""Making up the market a backtest asks for."""

from typing import TYPE_CHECKING, Any

import attrs

from algopioneer_core.bootstrap.lengths import interval_ns, length_ns
from algopioneer_core.config.backtest import BacktestOptions
from algopioneer_core.config.runs import Settings
from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.history.columns import BarSource
from algopioneer_core.history.intervals import MINUTE_NS, format_interval
from algopioneer_core.history.synthetic import MARKETS, START_NS, synthetic_sources

if TYPE_CHECKING:
    from algopioneer_core.simulation.result import Plain

__all__ = ["make_up"]


def make_up(
    options: BacktestOptions, asked: Settings, ids: tuple[InstrumentId, ...]
) -> "tuple[tuple[BarSource, ...], dict[str, Plain]]":
    """
    Return the bars of a synthetic market, and how it was made.

    The market begins at `from` (by default 2024-01-01) and lasts until `to`, or for `duration`.
    Bars are of one minute unless `interval` says otherwise.

    Raises:
        ConfigError: A length is none, the market would have no bar, or it has another number of
            instruments.
    """
    interval = interval_ns(options, asked) or MINUTE_NS
    start = START_NS if options.start_ns is None else options.start_ns
    count = _length(options, asked, start) // interval
    if count < 1:
        raise ConfigError(
            f"a market must last for one bar of {format_interval(interval)} at least",
            where=asked.place("duration"),
            remedy="make it longer, or the bars shorter",
        )
    market: Any = MARKETS[options.market.value]()
    try:
        sources = synthetic_sources(
            market, ids, count=count, interval_ns=interval, start_ns=start, seed=options.seed
        )
    except ConfigError as error:
        where = asked.place(error.where or "market")
        raise ConfigError(error.message, where=where, remedy=error.remedy) from None
    parameters: dict[str, Plain] = attrs.asdict(market)
    return sources, {"market": options.market.value, "seed": options.seed, **parameters}


def _length(options: BacktestOptions, asked: Settings, start_ns: int) -> int:
    if options.end_ns is None:
        return length_ns(options.duration, "duration", asked)
    return options.end_ns - start_ns
