"""Behaviour of filling an archive from a venue's history."""

from collections.abc import Sequence
from pathlib import Path

import anyio
import pytest
from attrs import define, field

from algopioneer_core.bootstrap.archive_filling import Filling, fill
from algopioneer_core.domain.errors import (
    DataError,
    UnsupportedOperation,
    VenueUnavailable,
)
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import Bar
from algopioneer_core.history.archive import BarArchive
from algopioneer_core.history.intervals import MINUTE_NS
from algopioneer_core.ports import MarketData
from algopioneer_core.testing.bars import TEST_ID
from algopioneer_core.testing.clocks import VIRTUAL_START_NS, VirtualClock

BEGIN = VIRTUAL_START_NS - VIRTUAL_START_NS % MINUTE_NS - 10_000 * MINUTE_NS


@define
class History:
    """The part of `MarketData` that is asked for bars: one closes each minute but the absent."""

    absent: set[int] = field(factory=set)
    """Minutes after BEGIN without a bar."""
    failing_at: int | None = None
    """The request, counted from one, that fails."""
    failure: BaseException = field(factory=KeyboardInterrupt)
    asked: list[tuple[int, int]] = field(factory=list)

    async def bars(
        self, instrument_id: InstrumentId, interval_ns: int, start_ns: int, end_ns: int
    ) -> Sequence[Bar]:
        self.asked.append(((start_ns - BEGIN) // interval_ns, (end_ns - BEGIN) // interval_ns))
        if len(self.asked) == self.failing_at:
            raise self.failure
        first, last = -((BEGIN - start_ns) // interval_ns), -((BEGIN - end_ns) // interval_ns)
        return [
            Bar(instrument_id, time, 10, 12, 9, 11, 1, 0, 0, time)
            for minute in range(first, last)
            if minute not in self.absent and (time := BEGIN + minute * interval_ns) < end_ns
        ]

    @property
    def port(self) -> MarketData:
        return self  # type: ignore[return-value]  # nothing else of the port is asked for


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the archive is."""
    return tmp_path / "bars.parquet"


def opened(path: Path) -> BarArchive:
    """Open the archive as another process would."""
    return BarArchive(path, TEST_ID, MINUTE_NS)


def minutes(first: int, last: int, *, again: bool = False) -> Filling:
    """Ask for the bars that close in these minutes, the last left out; pages have ten bars."""
    return Filling(
        start_ns=BEGIN + first * MINUTE_NS,
        end_ns=BEGIN + last * MINUTE_NS,
        page_bars=10,
        again=again,
        clock=VirtualClock(),
        watch=lambda *_: None,
    )


async def test_a_long_range_is_asked_for_in_pieces_and_kept(path: Path) -> None:
    """Ten pages at a time; the file holds them all."""
    history = History()
    await fill(opened(path), history.port, minutes(0, 250))

    assert [(0, 100), (100, 200), (200, 250)] == history.asked
    assert 250 == opened(path).count


@pytest.mark.parametrize(
    "failure", [KeyboardInterrupt(), VenueUnavailable("away"), DataError("odd")], ids=str
)
async def test_what_came_before_a_failure_is_kept_and_not_asked_again(
    path: Path, failure: BaseException
) -> None:
    """Whether the user, the venue or its data ended it."""
    with pytest.raises(type(failure)):
        await fill(opened(path), History(failing_at=3, failure=failure).port, minutes(0, 250))
    assert 200 == opened(path).count
    history = History()
    await fill(opened(path), history.port, minutes(0, 250))

    assert [(200, 250)] == history.asked
    assert 250 == opened(path).count


async def test_a_cancelled_download_keeps_what_came(path: Path) -> None:
    """As where its whole process is told to end."""
    archive = opened(path)
    with anyio.CancelScope() as scope:
        history = History(failing_at=2)
        wanted = minutes(0, 250)
        with pytest.raises(KeyboardInterrupt):
            await fill(archive, history.port, wanted)
        scope.cancel()
        await fill(archive, _Slow().port, wanted)
    assert scope.cancelled_caught
    assert 100 == opened(path).count


class _Slow(History):
    async def bars(self, *args: object, **kwargs: object) -> Sequence[Bar]:
        await anyio.sleep_forever()
        raise AssertionError


async def test_a_venue_that_hangs_is_given_up(path: Path) -> None:
    """After three minutes, saying which bars were asked for and that it can go on."""
    with pytest.raises(VenueUnavailable) as caught:
        await fill(opened(path), _Slow().port, minutes(0, 250))
    assert "test:BTC-USD 1m from 20" in str(caught.value)
    assert "run the same command to go on" in str(caught.value)


async def test_holes_between_downloads_are_filled_and_those_of_the_venue_are_not_asked_again(
    path: Path,
) -> None:
    """Only with `again`; a page holds several of them."""
    gapped = History(absent={3, 4, 7, 90})
    await fill(opened(path), gapped.port, minutes(0, 100))
    await fill(opened(path), gapped.port, minutes(300, 310))
    gapped.asked.clear()
    await fill(opened(path), gapped.port, minutes(0, 310))
    assert [(100, 200), (200, 300)] == gapped.asked
    mended = History(absent={90})
    await fill(opened(path), mended.port, minutes(0, 100, again=True))

    assert [(2, 7), (89, 90)] == [(first, last) for first, last in mended.asked]
    assert 309 == opened(path).count


async def test_errors_say_what_was_asked_for(path: Path) -> None:
    """Instrument, length and times come first; the adapter's place is not lost."""
    failure = UnsupportedOperation("history begins later", where="GET /bars", remedy="ask less")
    with pytest.raises(UnsupportedOperation) as caught:
        await fill(opened(path), History(failing_at=1, failure=failure).port, minutes(0, 5))
    told = "history begins later [GET /bars] (ask less)"
    assert str(caught.value).startswith("test:BTC-USD 1m from ")
    assert str(caught.value).endswith(told)


async def test_progress_is_told_in_bars(path: Path) -> None:
    """From nothing to everything."""
    seen: list[tuple[int, int]] = []
    wanted = minutes(0, 250)
    wanted = Filling(
        start_ns=wanted.start_ns,
        end_ns=wanted.end_ns,
        page_bars=10,
        again=False,
        clock=wanted.clock,
        watch=lambda _, done, total: seen.append((done, total)),
    )
    await fill(opened(path), History().port, wanted)
    assert [(0, 250), (100, 250), (200, 250), (250, 250)] == seen


async def test_a_long_download_is_written_from_time_to_time(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a kill loses little."""
    monkeypatch.setattr("algopioneer_core.bootstrap.archive_filling._SAVED_BARS", 150)
    counts: list[int] = []
    wanted = minutes(0, 400)

    class Counting(History):
        async def bars(self, *args: object, **kwargs: object) -> Sequence[Bar]:
            counts.append(opened(path).count)
            return await super().bars(*args, **kwargs)  # type: ignore[arg-type]  # handed on

    await fill(opened(path), Counting().port, wanted)
    assert [0, 0, 200, 200] == counts
