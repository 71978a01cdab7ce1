"""Behaviour of files of bars that were fetched."""

from collections.abc import Sequence
from pathlib import Path

import attrs
import numpy as np
import pytest

from algopioneer_core.domain.errors import DataError, RefusedError
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.history.archive import SETTLING_NS, BarArchive, merged
from algopioneer_core.history.bar_files import open_bars, write_parquet
from algopioneer_core.history.columns import BarColumns
from algopioneer_core.history.intervals import HOUR_NS, MINUTE_NS
from algopioneer_core.testing.bars import TEST_ID, columns_from_closes

BEGIN = 1_700_000_040 * 10**9 // MINUTE_NS * MINUTE_NS
LATER = BEGIN + 30 * SETTLING_NS
"""A present from which all of these times are long past."""


def at(minutes: Sequence[int], close: int = 100, *, price_decimals: int = 2) -> BarColumns:
    """Return bars that close these minutes after BEGIN."""
    bars = columns_from_closes([close] * len(minutes), price_decimals=price_decimals)
    times = np.array([BEGIN + minute * MINUTE_NS for minute in minutes], np.int64)
    return attrs.evolve(bars, ts_ns=times)


def minutes_of(archive: BarArchive) -> list[int]:
    """Return when its bars close, in minutes after BEGIN."""
    assert archive.columns is not None
    return [(int(time) - BEGIN) // MINUTE_NS for time in archive.columns.ts_ns]


def range_of(first: int, last: int) -> tuple[int, int]:
    """Return the times from minute to minute, the last left out."""
    return BEGIN + first * MINUTE_NS, BEGIN + last * MINUTE_NS


@pytest.fixture
def archive(tmp_path: Path) -> BarArchive:
    """An archive without a file."""
    return BarArchive(tmp_path / "bars.parquet", TEST_ID, MINUTE_NS)


def reopened(archive: BarArchive) -> BarArchive:
    """Save, and open the file anew."""
    archive.save()
    return BarArchive(archive.path, archive.instrument_id, archive.interval_ns)


def test_what_was_saved_is_read_again_with_what_was_asked(archive: BarArchive) -> None:
    """Bars and the times that were asked for, holes included."""
    archive.add(at([1, 2, 5]), *range_of(0, 10), LATER)

    again = reopened(archive)

    assert [1, 2, 5] == minutes_of(again)
    assert () == again.missing(*range_of(0, 10))
    assert (range_of(10, 12),) == again.missing(*range_of(0, 12))


def test_nothing_is_written_where_there_is_nothing(archive: BarArchive) -> None:
    """A file without a bar could not be read."""
    archive.add(at([]), *range_of(0, 10), LATER)
    archive.save()

    assert not archive.path.exists()
    assert archive.between(*range_of(0, 10)) is None


def test_ranges_are_filled_in_between_and_in_any_order(archive: BarArchive) -> None:
    """A later download of what lies between closes the file."""
    archive.add(at([7, 8]), *range_of(6, 9), LATER)
    archive.add(at([1, 2]), *range_of(0, 3), LATER)
    [hole] = archive.missing(*range_of(0, 9))
    archive.add(at([3, 4, 5]), *hole, LATER)

    assert [1, 2, 3, 4, 5, 7, 8] == minutes_of(reopened(archive))
    assert () == archive.missing(*range_of(0, 9))


def test_a_bar_that_comes_again_replaces_the_old_one(archive: BarArchive) -> None:
    """Each time once; on the finer of both grids."""
    archive.add(at([1, 2], close=100), *range_of(0, 3), LATER)
    archive.add(at([2], close=2_000, price_decimals=3), *range_of(2, 3), LATER)

    columns = reopened(archive).columns

    assert columns is not None
    assert ([1_000, 2_000], 3) == (columns.close.tolist(), columns.price_decimals)


def test_young_holes_are_asked_for_again(archive: BarArchive) -> None:
    """The venue may be late with the last day; what is older it does not have."""
    now_ns = BEGIN + SETTLING_NS + 6 * MINUTE_NS
    archive.add(at([1, 2, 8, 10]), *range_of(0, 13), now_ns)

    holes = [(BEGIN + 6 * MINUTE_NS, BEGIN + 7 * MINUTE_NS + 1)]
    holes += [(BEGIN + 8 * MINUTE_NS + 1, BEGIN + 9 * MINUTE_NS + 1)]
    holes += [(BEGIN + 10 * MINUTE_NS + 1, BEGIN + 13 * MINUTE_NS)]
    assert tuple(holes) == archive.missing(*range_of(0, 13))


def test_everything_that_is_not_here_can_be_asked_for_again(archive: BarArchive) -> None:
    """Also what the venue did not have."""
    archive.add(at([1, 2, 5]), *range_of(0, 10), LATER)

    fresh = BarArchive(archive.path, TEST_ID, MINUTE_NS)

    hole = (BEGIN + 2 * MINUTE_NS + 1, BEGIN + 4 * MINUTE_NS + 1)
    assert () == archive.missing(BEGIN, BEGIN + 5 * MINUTE_NS + 1)
    assert (hole,) == archive.missing(BEGIN + 1, BEGIN + 5 * MINUTE_NS + 1, again=True)
    assert (range_of(0, 1),) == fresh.missing(*range_of(0, 1), again=True)


def test_file_is_read_by_a_backtest(archive: BarArchive) -> None:
    """As any other, with the length of its bars."""
    archive.add(at([1, 2, 3]), *range_of(0, 4), LATER)
    archive.save()

    source = open_bars(archive.path, TEST_ID)

    assert (3, MINUTE_NS) == (source.count, source.interval_ns)


@pytest.mark.parametrize(
    ("instrument_id", "interval_ns", "message"),
    [
        (InstrumentId("test", "ETH-USD"), MINUTE_NS, "bars of 1m of test:BTC-USD"),
        (InstrumentId("other", "BTC-USD"), MINUTE_NS, "bars of 1m of test:BTC-USD"),
        (TEST_ID, HOUR_NS, "bars of 1m of test:BTC-USD"),
    ],
)
def test_a_file_of_other_bars_is_never_written_over(
    archive: BarArchive, instrument_id: InstrumentId, interval_ns: int, message: str
) -> None:
    """Another instrument, venue or length."""
    archive.add(at([1]), *range_of(0, 2), LATER)
    archive.save()
    with pytest.raises(RefusedError, match=message):
        BarArchive(archive.path, instrument_id, interval_ns)


def test_a_file_of_another_program_is_never_written_over(archive: BarArchive) -> None:
    """It does not say what it holds; one that is no Parquet is told as such."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"time": [1], "close": [2.0]}), archive.path)
    with pytest.raises(RefusedError, match="another program"):
        BarArchive(archive.path, TEST_ID, MINUTE_NS)
    archive.path.write_bytes(b"PAR1")
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        BarArchive(archive.path, TEST_ID, MINUTE_NS)


def test_a_file_without_notes_of_what_was_asked_is_completed(archive: BarArchive) -> None:
    """It is asked for anew, and its bars stay."""
    write_parquet(at([1, 2, 50]), archive.path)
    found = BarArchive(archive.path, TEST_ID, MINUTE_NS)

    assert [1, 2, 50] == minutes_of(found)
    assert (range_of(0, 60),) == found.missing(*range_of(0, 60))


def test_merging_takes_the_last_of_equal_times() -> None:
    """Parts may lie anywhere."""
    parts = [at([3, 4], 10), at([1, 3], 20), at([])]

    whole = merged(parts)

    minutes = [(time - BEGIN) // MINUTE_NS for time in whole.ts_ns.tolist()]
    assert ([1, 3, 4], [20, 20, 10]) == (minutes, whole.close.tolist())
