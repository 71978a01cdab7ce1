"""Finding the bars and the instruments of a backtest."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from attrs import frozen

from algopioneer_core.bootstrap.bar_paths import described, named_files, open_all, paths_of
from algopioneer_core.bootstrap.host import Surroundings
from algopioneer_core.bootstrap.lengths import interval_ns
from algopioneer_core.bootstrap.synthetic import make_up
from algopioneer_core.bootstrap.venue_history import fetch_history
from algopioneer_core.config.backtest import BacktestOptions
from algopioneer_core.config.runs import Settings, separated
from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.history.columns import BarSource, Stamp
from algopioneer_core.history.intervals import format_interval
from algopioneer_core.plugins.requirements import (
    require_available,
    require_capabilities,
    require_instruments,
)
from algopioneer_core.plugins.specs import StrategySpec
from algopioneer_core.simulation.result import Plain

__all__ = ["SIMULATED_VENUE", "Market", "find_market"]

SIMULATED_VENUE: Final = "sim"
"""The venue of instruments that come from a file or a generator."""


@frozen
class Market:
    """What is traded, and its past."""

    instruments: tuple[Instrument, ...]
    sources: tuple[BarSource, ...]
    description: Mapping[str, Plain]
    """Where the bars came from, for the report."""
    notes: tuple[str, ...] = ()


def find_market(
    options: BacktestOptions, asked: Settings, strategy: StrategySpec, around: Surroundings
) -> Market:
    """
    Open the bars that *options* name.

    Args:
        options: What the user asked for.
        asked: The same with its places, for messages.
        strategy: Who will trade; says how many instruments there must be.
        around: Where venues are looked up.

    Raises:
        ConfigError: Symbols and files do not go together.
        DataError: The bars cannot be read or trusted.
        RefusedError: The number of symbols does not suit the strategy, or the venue the strategy.
        PluginError: There is no such venue, or it cannot be loaded.
        VenueError: The venue cannot be used or does not answer.
    """
    if options.exchange is not None:
        return _from_venue(options, asked, strategy, around)
    files = named_files(options.data, asked)
    symbols = _symbols(options, files, strategy, asked)
    require_instruments(strategy, symbols)
    paths = () if options.synthetic else paths_of(files, symbols, asked)
    ids = tuple(InstrumentId.parse(symbol, default_venue=SIMULATED_VENUE) for symbol in symbols)
    instruments = described(options.instruments, ids)
    if options.synthetic:
        sources, description = make_up(options, asked, ids)
        return Market(instruments, sources, description)
    return _from_files(options, asked, paths, instruments)


def _from_venue(
    options: BacktestOptions, asked: Settings, strategy: StrategySpec, around: Surroundings
) -> Market:
    assert options.exchange is not None  # who calls has looked
    venue, settings = around.venue(options.exchange)
    require_capabilities(strategy, venue)
    require_available(venue)
    symbols = _symbols(options, [], strategy, asked)
    require_instruments(strategy, symbols)
    found = fetch_history(
        options,
        asked,
        symbols=symbols,
        strategy=strategy,
        venue=venue,
        settings=settings,
        environment=around.environment,
    )
    origin: dict[str, Plain] = {"venue": venue.name, "stamp": str(found.sources[0].stamp)}
    return _market(found.instruments, found.sources, origin)


def _symbols(
    options: BacktestOptions,
    files: list[tuple[str, Path]],
    strategy: StrategySpec,
    asked: Settings,
) -> tuple[str, ...]:
    symbols = separated(options.symbols)
    for symbol in symbols:
        if symbols.count(symbol) > 1:
            raise ConfigError(
                f"{symbol!r} is named twice", where=asked.place("symbols"), remedy="name it once"
            )
    if options.synthetic:
        return symbols or _made_up(strategy.instruments[0])
    symbols = symbols or tuple(symbol for symbol, _ in files if symbol)
    if not symbols:
        raise ConfigError(
            "it is not said what the bars are of",
            where=asked.place("symbols"),
            remedy="name it: --symbols BTC-USD"
            if len(files) < 2
            else "name them in the same order, or write each as SYMBOL=FILE",
        )
    return symbols


def _made_up(number: int) -> tuple[str, ...]:
    return tuple(f"SYN{index}-USD" for index in range(1, number + 1))


def _from_files(
    options: BacktestOptions,
    asked: Settings,
    paths: tuple[Path, ...],
    instruments: tuple[Instrument, ...],
) -> Market:
    from algopioneer_core.history.bar_files import ReadOptions  # pyarrow is slow

    reading = ReadOptions(
        stamp=Stamp(options.stamp),
        interval_ns=interval_ns(options, asked),
        start_ns=options.start_ns,
        end_ns=options.end_ns,
        accept=options.accept,
    )
    sources = open_all(paths, instruments, reading)
    origin: dict[str, Plain] = {"files": tuple(str(path) for path in paths), "stamp": options.stamp}
    return _market(instruments, sources, origin)


def _market(
    instruments: tuple[Instrument, ...],
    sources: tuple[BarSource, ...],
    origin: Mapping[str, Plain],
) -> Market:
    """Return a market of real bars, with what is missing in them."""
    gaps = {
        "gaps": sum(source.gaps.count for source in sources),
        "missing_bars": sum(source.gaps.missing_bars for source in sources),
    }
    return Market(instruments, sources, {**origin, **gaps}, _gap_notes(sources))


def _gap_notes(sources: tuple[BarSource, ...]) -> tuple[str, ...]:
    return tuple(
        f"{source.instrument_id.symbol}: {source.gaps.missing_bars} bars of "
        f"{format_interval(source.interval_ns)} are missing in {source.gaps.count} gaps; "
        "nothing is traded in them."
        for source in sources
        if source.gaps.count
    )
