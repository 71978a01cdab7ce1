"""Fetching a venue's bars into files that a backtest reads; what is there is not fetched again."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from attrs import frozen

from algopioneer_core.bootstrap.archive_filling import Filling, Watch, fill
from algopioneer_core.bootstrap.history_checks import (
    instrument_id_at,
    offered_interval,
    traded_instruments,
)
from algopioneer_core.bootstrap.host import Surroundings
from algopioneer_core.bootstrap.lengths import length_ns
from algopioneer_core.bootstrap.venues import open_venue, opened_within, run_waiting
from algopioneer_core.config.download import DownloadOptions
from algopioneer_core.config.runs import Settings, assigned
from algopioneer_core.domain.errors import DataError, OutputError, cannot_write
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.text import file_name
from algopioneer_core.history.archive import BarArchive
from algopioneer_core.history.columns import ColumnsSource
from algopioneer_core.history.gaps import GapReport
from algopioneer_core.history.intervals import format_interval
from algopioneer_core.journal.lock import lock_file, try_lock
from algopioneer_core.ports import Clock, MarketData

__all__ = ["Downloaded", "archive_lock", "archive_path", "download", "traded_symbols"]

_OPENING_S: Final = 60.0
_PAGE_BARS: Final = 1_000
"""Where a venue does not say how many bars an answer has."""
_REMEDY: Final = "make room and allow writing there, or choose another directory with --output"


@frozen(kw_only=True)
class Downloaded:
    """What is in a file after a download, of the times that were asked for."""

    path: Path
    instrument_id: InstrumentId
    interval_ns: int
    bars: int
    new: int
    """How many of all bars of the file were not there before."""
    first_ns: int
    """Close of the first of them, UTC nanoseconds."""
    last_ns: int
    gaps: GapReport
    """What the venue does not have between the first bar and the last."""


def archive_path(folder: Path, instrument_id: InstrumentId, interval_ns: int) -> Path:
    """Return the file for the bars of an instrument: `coinbase-BTC-USD-1m.parquet`."""
    name = file_name(instrument_id.venue, instrument_id.symbol, format_interval(interval_ns))
    return folder / f"{name}.parquet"


def download(
    options: DownloadOptions,
    asked: Settings,
    around: Surroundings,
    *,
    clock: Clock,
    watch: Watch,
) -> tuple[Downloaded, ...]:
    """
    Fetch what is missing of the bars *options* name, one instrument after the other.

    What has come is kept, however this ends: the next call goes on from there.

    Args:
        options: Which bars, and where they are put.
        asked: The same with its places, for messages.
        around: The plugins, and where secrets are read from.
        clock: Bars that close later than now are not asked for.
        watch: Told how far it is.

    Raises:
        ConfigError: A setting or a name is wrong.
        RefusedError: The venue lacks the history, the length or an instrument; or a file is one
            of other bars.
        VenueError: It cannot be used or does not answer; names instrument and times.
        DataError: A file cannot be read, the venue's bars contradict themselves, or there are none.
        OutputError: The files cannot be written, or another download writes them.
    """
    spec, _ = around.venue(options.exchange)
    interval = offered_interval(length_ns(options.interval, "interval", asked), spec, asked)
    ids = tuple(instrument_id_at(name, spec, asked) for name in options.names)
    settings = Settings(f"venue.{spec.name}", flags=assigned(options.venue, "--venue"))
    opening = open_venue(spec, settings, around.environment)
    now_ns = clock.now_ns()
    assert options.start_ns is not None  # it is required
    filling = Filling(
        start_ns=options.start_ns,
        end_ns=min(options.end_ns or now_ns + 1, now_ns + 1),
        page_bars=spec.capabilities.history_page_bars or _PAGE_BARS,
        again=options.again,
        clock=clock,
        watch=watch,
    )

    with contextlib.ExitStack() as files:
        archives = [files.enter_context(_held(options, each, interval)) for each in ids]

        async def fetch() -> tuple[Downloaded, ...]:
            async with opened_within(opening, _OPENING_S, spec.name) as venue:
                await traded_instruments(venue.market_data, ids, asked)
                return tuple([await _fetch(each, venue.market_data) for each in archives])

        async def _fetch(archive: BarArchive, market_data: MarketData) -> Downloaded:
            before = archive.count
            await fill(archive, market_data, filling)
            return _report(archive, filling, archive.count - before)

        return run_waiting(fetch)


def traded_symbols(options: DownloadOptions, around: Surroundings) -> tuple[str, ...]:
    """
    Return what the venue that *options* name trades, as it writes it.

    Raises:
        ConfigError: A setting is wrong.
        VenueError: The venue cannot be used or does not answer.
    """
    spec, _ = around.venue(options.exchange)
    settings = Settings(f"venue.{spec.name}", flags=assigned(options.venue, "--venue"))
    opening = open_venue(spec, settings, around.environment)

    async def ask() -> tuple[str, ...]:
        async with opened_within(opening, _OPENING_S, spec.name) as venue:
            return tuple(each.id.symbol for each in await venue.market_data.instruments())

    return run_waiting(ask)


def archive_lock(path: Path) -> Path:
    """Return the file whose lock a download holds; hidden, so that no `*` in a shell finds it."""
    return lock_file(path.with_name(f".{path.name}"))


@contextlib.contextmanager
def _held(options: DownloadOptions, each: InstrumentId, interval_ns: int) -> Iterator[BarArchive]:
    """Open an instrument's file for this process alone."""
    path = archive_path(Path(options.output), each, interval_ns)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = archive_lock(path).open("ab")
    except OSError as error:
        raise cannot_write(path, error, remedy=_REMEDY) from None
    with lock:
        if not try_lock(lock):
            raise OutputError(
                "another download writes to this file",
                where=str(path),
                remedy="wait for it, or choose another directory with --output",
            )
        yield BarArchive(path, each, interval_ns)


def _report(archive: BarArchive, filling: Filling, new: int) -> Downloaded:
    part = archive.between(filling.start_ns, filling.end_ns)
    if part is None or not len(part):
        raise DataError(
            "the venue has no bar that closes in the times asked for",
            where=str(archive.instrument_id),
            remedy="widen --from and --to",
        )
    return Downloaded(
        path=archive.path,
        instrument_id=archive.instrument_id,
        interval_ns=archive.interval_ns,
        bars=len(part),
        new=new,
        first_ns=int(part.ts_ns[0]),
        last_ns=int(part.ts_ns[-1]),
        gaps=ColumnsSource(part).gaps,
    )
