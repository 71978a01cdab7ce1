"""Opening a replay of files of bars, trades and quotes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from algopioneer_core.bootstrap.bar_paths import described, named_files, paths_of
from algopioneer_core.config.replay import ReplayConfig
from algopioneer_core.config.runs import Settings
from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.history.bar_files import ReadOptions, open_bars
from algopioneer_core.history.columns import Stamp
from algopioneer_core.history.tick_files import open_ticks, rows_of
from algopioneer_core.history.tick_headers import RowKind
from algopioneer_core.history.ticks import TickSource
from algopioneer_core.simulation.replay import ReplayVenue
from algopioneer_core.simulation.replay_feed import FeedSource

__all__ = ["open_replay"]


@asynccontextmanager
async def open_replay(config: ReplayConfig) -> AsyncIterator[ReplayVenue]:
    """
    Look all files over and open the venue that replays them.

    The files are read here, before anything runs, and streamed from then on.

    Raises:
        ConfigError: Symbols and files do not go together.
        DataError: What the files hold cannot be read or trusted, or cannot be told.
    """
    asked = Settings(f"venue.{config.name}")
    files = named_files(config.data, asked)
    symbols = config.symbols or tuple(symbol for symbol, _ in files if symbol)
    if not symbols:
        raise ConfigError(
            "it is not said what the files are of",
            where=asked.place("symbols"),
            remedy='name it: symbols = ["BTC-USD"]',
        )
    ids = [InstrumentId(config.name, symbol) for symbol in symbols]
    instruments = described(config.instruments, ids)
    paths = paths_of(files, symbols, asked)
    sources = [_open(path, id_, config) for path, id_ in zip(paths, ids, strict=True)]
    if config.interval_ns is not None and all(isinstance(each, TickSource) for each in sources):
        raise ConfigError(
            "trades and quotes have no length",
            where=asked.place("interval"),
            remedy="write the interval of the bars that are built from them in [[strategy]]",
        )
    yield ReplayVenue(
        config.name,
        instruments,
        sources,
        speed=config.factor,
        begin_ns=config.begin_ns,
        aligned=config.aligned,
    )


def _open(path: Path, instrument_id: InstrumentId, config: ReplayConfig) -> FeedSource:
    reading = ReadOptions(
        stamp=Stamp(config.stamp),
        interval_ns=config.interval_ns,
        start_ns=config.start_ns,
        end_ns=config.end_ns,
        accept=frozenset(config.accept),
    )
    told = None if config.rows is None else RowKind(config.rows)
    if rows_of(path, instrument_id.symbol, told) is RowKind.BARS:
        return open_bars(path, instrument_id, reading)
    return open_ticks(path, instrument_id, reading, told)
