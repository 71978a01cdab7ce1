"""Fetching the bars of a backtest from a venue's own history."""

import functools
from collections.abc import Mapping
from typing import TypeVar

from attrs import frozen

from algopioneer_core.bootstrap.history_checks import (
    instrument_id_at,
    offered_interval,
    traded_instruments,
)
from algopioneer_core.bootstrap.lengths import interval_ns
from algopioneer_core.bootstrap.venues import open_venue, run_waiting
from algopioneer_core.config.backtest import BacktestOptions
from algopioneer_core.config.runs import Settings
from algopioneer_core.domain.errors import ConfigError, DataError
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.history.columns import CHUNK_BARS, BarColumns, BarSource, ColumnsSource, Stamp
from algopioneer_core.history.venue_bars import columns_of, joined
from algopioneer_core.plugins.requirements import require_capabilities
from algopioneer_core.plugins.specs import StrategySpec, VenueSpec
from algopioneer_core.ports import MarketData

__all__ = ["VenueHistory", "fetch_history"]

T = TypeVar("T")


@frozen
class VenueHistory:
    """What a venue says about instruments, and their past."""

    instruments: tuple[Instrument, ...]
    sources: tuple[BarSource, ...]


@frozen
class _Wanted:
    """Which bars to ask for: those that close in [start_ns, end_ns)."""

    ids: tuple[InstrumentId, ...]
    interval_ns: int
    start_ns: int
    end_ns: int


def fetch_history(
    options: BacktestOptions,
    asked: Settings,
    *,
    symbols: tuple[str, ...],
    strategy: StrategySpec,
    venue: VenueSpec,
    settings: Settings,
    environment: Mapping[str, str],
) -> VenueHistory:
    """
    Open *venue* and download what *options* ask for.

    Args:
        options: Interval and range of the bars.
        asked: The same with its places, for messages.
        symbols: What to trade; the venue's part of an instrument's id may be left out.
        strategy: Who will trade; the venue must be able to do what it needs with each instrument.
        venue: Where the bars come from.
        settings: The venue's own configuration.
        environment: Where the venue's secrets are read from.

    Raises:
        ConfigError: Interval or range are missing, or an option is for files only.
        RefusedError: The venue lacks a capability, an interval or an instrument.
        VenueError: It cannot be used or does not answer.
        DataError: It has no bars in the range, or sends some that contradict themselves.
    """
    opening = open_venue(venue, settings, environment)
    _refuse_what_is_for_files(asked, venue)
    wanted = _Wanted(
        ids=tuple(instrument_id_at(symbol, venue, asked) for symbol in symbols),
        interval_ns=offered_interval(
            _required(interval_ns(options, asked), "interval", asked), venue, asked
        ),
        start_ns=_required(options.start_ns, "from", asked),
        end_ns=_required(options.end_ns, "to", asked),
    )

    async def fetch() -> tuple[tuple[Instrument, ...], list[BarColumns]]:
        async with opening as opened:
            instruments = await traded_instruments(opened.market_data, wanted.ids, asked)
            for each in instruments:
                require_capabilities(strategy, venue, each.kind)
            bars = [await _bars(opened.market_data, each, wanted) for each in wanted.ids]
            return instruments, bars

    instruments, columns = run_waiting(fetch)
    stamp = Stamp(venue.capabilities.bar_stamp)
    return VenueHistory(instruments, tuple(ColumnsSource(each, stamp) for each in columns))


def _refuse_what_is_for_files(asked: Settings, venue: VenueSpec) -> None:
    for key in ("stamp", "accept", "instruments"):
        if key in asked.flags or key in asked.filed:
            raise ConfigError(
                f"is for bars of files; venue {venue.name!r} states its own",
                where=asked.place(key),
                remedy="leave it out",
            )


def _required(value: T | None, key: str, asked: Settings) -> T:
    if value is None:
        raise ConfigError(
            "which bars to ask the venue for is not said",
            where=asked.place(key),
            remedy="give --interval, --from and --to: "
            "--interval 1h --from 2024-01-01 --to 2024-02-01",
        )
    return value


async def _bars(market_data: MarketData, wanted: InstrumentId, range_: _Wanted) -> BarColumns:
    """Ask for a chunk at a time, so that only columns pile up and not objects."""
    step = CHUNK_BARS * range_.interval_ns
    take = functools.partial(columns_of, instrument_id=wanted, interval_ns=range_.interval_ns)
    parts = []
    for start in range(range_.start_ns, range_.end_ns, step):
        end = min(start + step, range_.end_ns)
        bars = await market_data.bars(wanted, range_.interval_ns, start, end)
        parts.append(take(bars, start_ns=start, end_ns=end))
    columns = joined(parts)
    if not len(columns):
        raise DataError(
            "the venue has no bar that closes in the range asked for",
            where=str(wanted),
            remedy="widen --from and --to",
        )
    return columns
