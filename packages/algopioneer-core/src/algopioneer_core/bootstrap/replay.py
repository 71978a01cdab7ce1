"""Opening a replay of bar files."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from algopioneer_core.bootstrap.bar_paths import described, named_files, open_all, paths_of
from algopioneer_core.config.replay import ReplayConfig
from algopioneer_core.config.runs import Settings
from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.history.bar_files import ReadOptions
from algopioneer_core.history.columns import Stamp
from algopioneer_core.simulation.replay import ReplayVenue

__all__ = ["open_replay"]


@asynccontextmanager
async def open_replay(config: ReplayConfig) -> AsyncIterator[ReplayVenue]:
    """
    Look all files over and open the venue that replays them.

    The files are read here, before anything runs, and their bars streamed from then on.

    Raises:
        ConfigError: Symbols and files do not go together.
        DataError: The bars cannot be read or trusted.
    """
    asked = Settings(f"venue.{config.name}")
    files = named_files(config.data, asked)
    symbols = config.symbols or tuple(symbol for symbol, _ in files if symbol)
    if not symbols:
        raise ConfigError(
            "it is not said what the bars are of",
            where=asked.place("symbols"),
            remedy='name it: symbols = ["BTC-USD"]',
        )
    ids = [InstrumentId(config.name, symbol) for symbol in symbols]
    instruments = described(config.instruments, ids)
    reading = ReadOptions(
        stamp=Stamp(config.stamp),
        interval_ns=config.interval_ns,
        start_ns=config.start_ns,
        end_ns=config.end_ns,
        accept=frozenset(config.accept),
    )
    yield ReplayVenue(
        config.name,
        instruments,
        open_all(paths_of(files, symbols, asked), instruments, reading),
        speed=config.factor,
        begin_ns=config.begin_ns,
        aligned=config.aligned,
    )
