"""The venue: what it trades, and the bars it has of it."""

import functools
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NoReturn

import anyio.to_thread
from algopioneer_core.domain.capabilities import Capabilities
from algopioneer_core.domain.errors import ConfigError, UnsupportedOperation
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import Bar
from algopioneer_core.domain.money import BPS, Increment, mul
from algopioneer_core.history.bar_files import FileSource, open_bars
from algopioneer_core.ports import MarketSession
from attrs import evolve, field, frozen

from acme_archive.account import NoAccount
from acme_archive.config import ArchiveConfig
from acme_archive.plugin import CAPABILITIES


@frozen
class FileMarkets:
    """The `MarketData` of a folder: files are read in a thread, since reading them blocks."""

    config: ArchiveConfig
    files: Mapping[InstrumentId, Path]
    _read: dict[InstrumentId, FileSource] = field(factory=dict, init=False)

    async def instruments(self) -> Sequence[Instrument]:
        """Return an instrument for each file."""
        increment = Increment(self.config.quantity_increment)
        fee = mul(self.config.taker_fee_bps, BPS)
        return [
            evolve(Instrument.undescribed(each), quantity_increment=increment, taker_fee=fee)
            for each in self.files
        ]

    async def bars(
        self, instrument_id: InstrumentId, interval_ns: int, start_ns: int, end_ns: int
    ) -> Sequence[Bar]:
        """
        Return the bars of a file that close in [start_ns, end_ns).

        Raises:
            DataError: The file cannot be trusted.
            UnsupportedOperation: It has another interval, or begins later.
        """
        source = await self._source(instrument_id)
        if interval_ns != source.interval_ns:
            raise self._lacks(instrument_id, f"bars of {interval_ns} ns")
        if start_ns < source.first_ns - interval_ns:
            raise self._lacks(instrument_id, "bars from so long ago")
        columns = source.load()
        first, last = columns.ts_ns.searchsorted([start_ns, end_ns]).tolist()
        return tuple(columns.slice(first, last).bars())

    async def _source(self, instrument_id: InstrumentId) -> FileSource:
        if instrument_id not in self._read:
            read = functools.partial(open_bars, self.files[instrument_id], instrument_id)
            self._read[instrument_id] = await anyio.to_thread.run_sync(read)
        return self._read[instrument_id]

    def _lacks(self, instrument_id: InstrumentId, what: str) -> UnsupportedOperation:
        return UnsupportedOperation(
            f"the archive has no {what}",
            where=str(self.files[instrument_id]),
            remedy="ask for what the file has",
        )

    async def market_hours(self, start_ns: int, end_ns: int) -> Sequence[MarketSession]:
        """Return one session: nobody closes an archive."""
        return [MarketSession(start_ns, end_ns)]

    def subscribe(self, instrument_ids: Sequence[InstrumentId]) -> NoReturn:
        """Refuse: nothing happens any more in an archive."""
        names = ", ".join(each.symbol for each in instrument_ids)
        raise UnsupportedOperation(
            f"an archive has nothing new to say about {names}", where="venue 'archive'"
        )


@frozen
class Archive:
    """An opened archive: a `Venue`."""

    market_data: FileMarkets
    name: str = "archive"
    capabilities: Capabilities = CAPABILITIES
    execution: NoAccount = field(factory=NoAccount)


@asynccontextmanager
async def open_archive(config: ArchiveConfig) -> AsyncIterator[Archive]:
    """
    Open the archive for as long as the block lasts.

    Raises:
        ConfigError: The folder has no CSV file.
    """
    files = await anyio.to_thread.run_sync(_files, config.folder)
    if not files:
        raise ConfigError(
            "there is no CSV file",
            where=config.folder,
            remedy="name a folder that has one for each symbol: [venue.archive] folder",
        )
    yield Archive(FileMarkets(config, files))


def _files(folder: str) -> dict[InstrumentId, Path]:
    paths = sorted(Path(folder).glob("*.csv"))
    return {InstrumentId("archive", path.stem): path for path in paths}
