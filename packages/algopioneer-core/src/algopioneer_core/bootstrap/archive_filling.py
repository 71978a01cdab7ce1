"""Asking a venue for what an archive lacks, a few pages at a time, and keeping what came."""

import contextlib
from collections.abc import Iterator
from typing import Final, Protocol

import anyio
from attrs import frozen

from algopioneer_core.domain.errors import AlgopioneerError, VenueError, VenueUnavailable
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.times import iso_utc
from algopioneer_core.history.archive import BarArchive
from algopioneer_core.history.intervals import format_interval
from algopioneer_core.history.stretches import Stretch, bridged, length_of
from algopioneer_core.history.venue_bars import columns_of
from algopioneer_core.ports import Clock, MarketData

__all__ = ["Filling", "Watch", "fill"]

_PAGES: Final = 10
"""How many of the venue's answers are asked for at a time."""
_PATIENCE_S: Final = 180.0
"""How long those may take: the venue may ask to wait between them."""
_SAVED_BARS: Final = 20_000
"""After so many new bars they are written: what a kill can lose, some seconds' worth."""
_SAVED_PART: Final = 8
"""Or after this part of all bars, so that a long file is not written over and over."""


class Watch(Protocol):
    """Is told how far a download is."""

    def __call__(self, instrument_id: InstrumentId, done: int, total: int) -> None:
        """Take note that *done* of *total* bars that may be there were asked for."""


@frozen(kw_only=True)
class Filling:
    """What is wanted of each instrument."""

    start_ns: int
    """First close time, UTC nanoseconds."""
    end_ns: int
    """Close time to stop before; not later than the present."""
    page_bars: int
    """Bars in one of the venue's answers."""
    again: bool
    """Whether to ask anew where the venue had nothing."""
    clock: Clock
    watch: Watch


async def fill(archive: BarArchive, market_data: MarketData, wanted: Filling) -> None:
    """
    Fetch what *archive* lacks; it is written from time to time, and at the end however this ends.

    Raises:
        VenueError: The venue does not answer, or has no history so old; names the times.
        DataError: Its bars contradict themselves.
        OutputError: The file cannot be written.
    """
    page_ns = wanted.page_bars * archive.interval_ns
    missing = archive.missing(wanted.start_ns, wanted.end_ns, again=wanted.again)
    # Holes that one answer can hold together are one question.
    stretches = bridged(missing, page_ns)
    total, done = length_of(stretches), 0
    try:
        for start, end in _pieces(stretches, _PAGES * page_ns):
            wanted.watch(
                archive.instrument_id, done // archive.interval_ns, total // archive.interval_ns
            )
            await _ask(archive, market_data, start, end, wanted.clock)
            done += end - start
            if archive.unsaved >= max(_SAVED_BARS, archive.count // _SAVED_PART):
                archive.save()
        wanted.watch(
            archive.instrument_id, done // archive.interval_ns, total // archive.interval_ns
        )
    finally:
        archive.save()


def _pieces(stretches: tuple[Stretch, ...], most: int) -> Iterator[Stretch]:
    for start, end in stretches:
        for begin in range(start, end, most):
            yield begin, min(begin + most, end)


async def _ask(
    archive: BarArchive, market_data: MarketData, start_ns: int, end_ns: int, clock: Clock
) -> None:
    now_ns, instrument_id = clock.now_ns(), archive.instrument_id
    with _told(archive, start_ns, end_ns):
        with anyio.fail_after(_PATIENCE_S):
            bars = await market_data.bars(instrument_id, archive.interval_ns, start_ns, end_ns)
        columns = columns_of(
            bars, instrument_id, archive.interval_ns, start_ns=start_ns, end_ns=end_ns
        )
    archive.add(columns, start_ns, end_ns, now_ns)


@contextlib.contextmanager
def _told(archive: BarArchive, start_ns: int, end_ns: int) -> Iterator[None]:
    """Let an error say which bars were asked for, and that the command can be run again."""
    length = format_interval(archive.interval_ns)
    where = f"{archive.instrument_id} {length} from {iso_utc(start_ns)} to {iso_utc(end_ns)}"
    again = "what has come is kept: run the same command to go on"
    try:
        yield
    except TimeoutError:
        raise VenueUnavailable(
            f"no answer within {_PATIENCE_S:g} s", where=where, remedy=again
        ) from None
    except AlgopioneerError as error:
        if error.where and error.where != str(archive.instrument_id):
            error.message = f"{error.message} [{error.where}]"
        error.where = where
        if isinstance(error, VenueError) and error.retryable:
            error.remedy = f"{error.remedy}; {again}" if error.remedy else again
        raise
