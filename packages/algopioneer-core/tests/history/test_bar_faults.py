import gzip
import tempfile
from pathlib import Path
from typing import Any

import pytest

from algopioneer_core.domain.errors import DataError, ExitCode
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.history import csv_rows, spool
from algopioneer_core.history.bar_files import ACCEPTABLE, FileSource, ReadOptions, open_bars
from algopioneer_core.history.intervals import MINUTE_NS
from algopioneer_core.testing.bars import TEST_ID

HEADER = "timestamp,open,high,low,close,volume"


def row(minute: int, cells: str = "2,3,1,2,5") -> str:
    """Return the line of a sound bar, or of the cells given."""
    return f"2024-01-01 00:{minute:02d},{cells}"


def opened(folder: Path, *lines: str, symbol: str = "BTC-USD", **options: Any) -> FileSource:
    """Write the lines and open them."""
    path = folder / "bars.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return open_bars(path, InstrumentId("test", symbol), ReadOptions(**options))


def refusal(folder: Path, *lines: str, **options: Any) -> DataError:
    """Return the error that opening the lines gives, complete and on one line."""
    with pytest.raises(DataError) as caught:
        opened(folder, *lines, **options)
    error = caught.value
    assert error.exit_code is ExitCode.REFUSED
    assert error.where is not None
    assert error.where.startswith(str(folder / "bars.csv"))
    assert error.remedy
    assert "\n" not in str(error)
    return error


def line_of(error: DataError) -> int:
    """Return the line an error names."""
    assert error.where is not None
    return int(error.where.rpartition(":")[2])


ROW_FAULTS = [
    ("2,3,1,2", "the row has 5 fields and the header 6", None),
    ("2,3,1,2,5,6", "the row has 7 fields and the header 6", None),
    ("2,x,1,2,5", "high 'x' is not a number", None),
    ("2,3,1,2,inf", "volume 'inf' is not a finite number", None),
    ('2,3,1,"1,000",5', "close '1,000' is not a number", None),
    ("2,,1,2,5", "high is blank or not a number", "nan"),
    ("2,3,1,NaN,5", "close is blank or not a number", "nan"),
    ("2,3,1,2,null", "volume is blank or not a number", "nan"),
    ("0,3,0,2,5", "a price is not positive", "non-positive"),
    ("2,3,-1,2,5", "a price is not positive", "non-positive"),
    ("2,3,1,2,-5", "a volume negative", "non-positive"),
    ("2,1,3,2,5", "high < low", "bad-ranges"),
    ("4,3,1,2,5", "open or close lies outside", "bad-ranges"),
    ("2,3,1,0.5,5", "open or close lies outside", "bad-ranges"),
]


@pytest.mark.parametrize(("cells", "message", "name"), ROW_FAULTS)
def test_a_faulty_row_is_refused_with_file_line_and_remedy(
    tmp_path: Path, cells: str, message: str, name: str | None
) -> None:
    """The line is that of an editor, with the header and blank lines counted."""
    error = refusal(tmp_path, HEADER, row(0), "", row(1), row(2, cells), row(3))
    assert message in error.message
    assert line_of(error) == 5
    assert name is None or f"--accept {name}" in str(error.remedy)


@pytest.mark.parametrize(
    ("cells", "name"), [(cells, name) for cells, _, name in ROW_FAULTS if name is not None]
)
def test_a_faulty_row_is_dropped_and_counted_where_that_is_accepted(
    tmp_path: Path, cells: str, name: str
) -> None:
    """What is left are the sound rows; the result says how many were dropped."""
    lines = (HEADER, row(0), row(1), row(2, cells), row(3))
    source = opened(tmp_path, *lines, accept={name})
    assert source.count == 3
    assert source.accepted == {name: 1}
    assert f"accepted {name} 1 times" in source.notes
    assert source.gaps.missing_bars == 1


@pytest.mark.parametrize("cells", ["x,3,1,2,5", "2,3,1,,x"])
def test_accepting_blanks_does_not_accept_nonsense(tmp_path: Path, cells: str) -> None:
    """A text that is no number stays a fault beside rows with blanks."""
    lines = (HEADER, row(0), row(1, "2,,1,2,5"), row(2, cells.replace(",,", ",2,")), row(3))
    error = refusal(tmp_path, *lines, accept={"nan"})
    assert "'x' is not a number" in error.message
    assert line_of(error) == 4


def test_nonsense_before_a_blank_is_named_first(tmp_path: Path) -> None:
    """The first fault of the file is the one that is told."""
    error = refusal(tmp_path, HEADER, row(0, "x,3,1,2,5"), row(1, "2,,1,2,5"))
    assert line_of(error) == 2


def test_a_blank_time_may_be_accepted(tmp_path: Path) -> None:
    """A row without a time counts as blank."""
    lines = (HEADER, row(0), ",2,3,1,2,5", row(1))
    assert "timestamp is blank" in refusal(tmp_path, *lines).message
    assert opened(tmp_path, *lines, accept={"nan"}).count == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("noon", "timestamp 'noon' is not a time"),
        ("2024-01-01", "is in the format 'date', and rows before it 'time without zone'"),
        ("1704067320", "is in the format 'epoch s'"),
        ("2024-02-30 00:00", "is not a date of the calendar"),
        ("2400-01-01 00:00", "from 1678 to 2261"),
    ],
)
def test_a_bad_time_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """No time, another format than the first row's, or out of range."""
    error = refusal(tmp_path, HEADER, row(0), row(1), f"{text},2,3,1,2,5")
    assert message in error.message
    assert line_of(error) == 4


def test_times_that_go_back_are_refused_or_sorted(tmp_path: Path) -> None:
    """Sorting is on request, and counted."""
    lines = (HEADER, row(0), row(2, "3,3,3,3,3"), row(1), row(3))
    error = refusal(tmp_path, *lines)
    assert "2024-01-01T00:01:00Z comes after 2024-01-01T00:02:00Z" in error.message
    assert line_of(error) == 4
    assert "--accept unsorted" in str(error.remedy)
    source = opened(tmp_path, *lines, accept={"unsorted"})
    assert source.load().close.tolist() == [2, 2, 3, 2]
    assert source.accepted == {"unsorted": 1}
    assert source.interval_ns == MINUTE_NS


def test_a_sorted_file_may_be_read_as_unsorted(tmp_path: Path) -> None:
    """Accepting a fault that is not there changes nothing."""
    source = opened(tmp_path, HEADER, row(0), row(1), accept=set(ACCEPTABLE))
    assert source.load().close.tolist() == [2, 2]
    assert source.accepted == {}


def test_equal_times_are_refused_or_dropped_when_the_rows_are_identical(tmp_path: Path) -> None:
    """Trailing zeros do not make a row another one."""
    lines = (HEADER, row(0), row(1), row(1, "2.0,3,1,2,5.00"), row(1), row(2))
    error = refusal(tmp_path, *lines)
    assert "2024-01-01T00:01:00Z is there twice" in error.message
    assert line_of(error) == 4
    source = opened(tmp_path, *lines, accept={"duplicates"})
    assert (source.count, source.accepted) == (3, {"duplicates": 2})


def test_equal_times_of_different_rows_are_always_refused(tmp_path: Path) -> None:
    """Nobody can say which of the two is right."""
    lines = (HEADER, row(0), row(1), row(1, "2,3,1,2.5,5"))
    error = refusal(tmp_path, *lines, accept=set(ACCEPTABLE) - {"unsorted"})
    assert "two different rows have the time 2024-01-01T00:01:00Z" in error.message
    assert line_of(error) == 4


def test_duplicates_in_an_unsorted_file_need_both_names(tmp_path: Path) -> None:
    """After sorting, equal times are judged as in a sorted file."""
    lines = (HEADER, row(1), row(0), row(1), row(2))
    error = refusal(tmp_path, *lines, accept={"unsorted"})
    assert "is there twice" in error.message
    assert line_of(error) == 4
    assert opened(tmp_path, *lines, accept={"unsorted", "duplicates"}).count == 3


def test_faults_are_seen_over_the_edges_of_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last row of one block of text is compared with the first of the next, on finer grids."""
    monkeypatch.setattr(csv_rows, "_BLOCK_BYTES", 50)
    lines = [row(at // 2, f"2.{'0' * (at % 5)},3,1,2,5") for at in range(80)]
    source = opened(tmp_path, HEADER, "", *lines, accept={"duplicates"})
    assert (source.count, source.accepted) == (40, {"duplicates": 40})
    assert line_of(refusal(tmp_path, HEADER, "", *lines)) == 4
    other = row(39, "2.25,3,1,2,5")
    assert line_of(refusal(tmp_path, HEADER, "", *lines, other, accept={"duplicates"})) == 83
    assert line_of(refusal(tmp_path, HEADER, "", *lines[::2], lines[0])) == 43


def test_rows_off_the_grid_are_refused_or_taken(tmp_path: Path) -> None:
    """A distance that is no multiple of the interval is named with both lengths."""
    lines = (HEADER, row(0), row(1), row(2), "2024-01-01 00:02:30,2,3,1,2,5", row(4), row(5))
    error = refusal(tmp_path, *lines)
    assert "30s after the one before" in error.message
    assert "intervals of 1m (the most common distance)" in error.message
    assert line_of(error) == 5
    source = opened(tmp_path, *lines, accept={"off-grid"})
    assert (source.count, source.accepted) == (6, {"off-grid": 2})
    assert "(the interval given)" in refusal(tmp_path, *lines, interval_ns=5 * MINUTE_NS).message


def test_an_interval_that_cannot_be_inferred_must_be_stated(tmp_path: Path) -> None:
    """One row has no distance; ten thousand different distances have no common one."""
    error = refusal(tmp_path, HEADER, row(0))
    assert "cannot be inferred: there is only one row" in error.message
    assert "--interval" in str(error.remedy)
    lines = [f"{1704067200 + at * (at + 1)},2,3,1,2,5" for at in range(10_050)]
    assert "no common distance" in refusal(tmp_path, HEADER, *lines).message


def test_prices_with_too_many_digits_are_refused_or_rounded(tmp_path: Path) -> None:
    """Residue of floats beside large prices does not fit 64 bits."""
    residue = "0.30000000000000004,0.30000000000000004,0.1,0.1,5"
    lines = (HEADER, row(0, residue), row(1, "4000,4000,4000,4000,5"))
    error = refusal(tmp_path, *lines)
    assert "'4000' does not fit 64 bits with the 17 decimals" in error.message
    assert "--accept long-prices" in str(error.remedy)
    source = opened(tmp_path, *lines, accept={"long-prices"})
    assert source.load().open.tolist() == [3, 40_000]
    assert source.accepted == {"long-prices": 2}


def test_grids_of_distant_blocks_that_do_not_fit_together_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every block may fit by itself and all of them not."""
    monkeypatch.setattr(csv_rows, "_BLOCK_BYTES", 50)
    rows = (row(0, "4000,4000,4000,4000,5"), row(1, "4000,4000,4000,4000,5"))
    error = refusal(tmp_path, HEADER, *rows, row(2, "0.3333333333333333,1,0.1,0.1,5"))
    assert "64 bits" in error.message
    assert "--accept long-prices" in str(error.remedy)


def test_a_grid_too_coarse_or_too_fine_for_the_prices_is_refused(tmp_path: Path) -> None:
    """Decimals asked for must hold all prices, within 64 bits."""
    lines = (HEADER, row(0, "2.25,3,1,2,5"), row(1, "2000,2000,2000,2000,1"))
    coarse = refusal(tmp_path, *lines, price_decimals=1)
    assert "prices have 2 decimals, more than the 1 asked for" in coarse.message
    assert "with 18 decimals" in refusal(tmp_path, *lines, price_decimals=18).message


def test_a_range_without_bars_says_what_there_is(tmp_path: Path) -> None:
    """The message has the first and last close of the file."""
    error = refusal(tmp_path, HEADER, row(0), row(1), end_ns=5)
    assert "close from 2024-01-01T00:01:00Z to 2024-01-01T00:02:00Z" in error.message
    assert "--from and --to" in str(error.remedy)


def test_a_bar_that_closes_after_the_end_of_time_is_refused(tmp_path: Path) -> None:
    """Adding the interval does not wrap around."""
    lines = (HEADER, "2262-04-09,2,3,1,2,5", "2262-04-11,2,3,1,2,5")
    assert "after the year 2262" in refusal(tmp_path, *lines).message


@pytest.mark.parametrize(
    ("header", "missing"),
    [
        ("timestamp,open,high,close,volume", "low"),
        ("open,high,low,close", "time"),
        ("timestamp,open,high,volume", "low, close"),
        ("timestamp,AAPL,MSFT", "open, high, low, close"),
        ("timestamp,c,volume", "open, high, low"),
        ("this is no bar file", "time, open, high, low, close"),
    ],
)
def test_missing_columns_are_named_beside_those_that_are_there(
    tmp_path: Path, header: str, missing: str
) -> None:
    """Which are missing, which are there, and what a header looks like."""
    error = refusal(tmp_path, header, "1,2,3,4")
    assert f"there is no column for {missing}; the columns are " in error.message
    assert header.split(",", maxsplit=1)[0] in error.message
    assert line_of(error) == 1


def test_a_chosen_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The user's own choice is checked against the header."""
    error = refusal(tmp_path, HEADER, row(0), columns={"close": "settle"})
    assert "no column for settle" in error.message


def test_very_wide_headers_are_told_in_part(tmp_path: Path) -> None:
    """Twenty names are enough for a message."""
    header = ",".join(f"T{at}" for at in range(50))
    assert "and 30 more" in refusal(tmp_path, header, "1").message


@pytest.mark.parametrize(("name", "stamp"), [("open_time", "close"), ("Close time", "open")])
def test_a_time_column_that_contradicts_the_stamp_is_refused(
    tmp_path: Path, name: str, stamp: str
) -> None:
    """Open times read as closes would show the future to the strategy."""
    error = refusal(tmp_path, f"{name},open,high,low,close", "2024-01-01,1,1,1,1", stamp=stamp)
    says = "open" if stamp == "close" else "close"
    assert error.remedy == f"say --stamp {says}"


def test_a_symbol_that_is_not_in_a_long_file_is_refused(tmp_path: Path) -> None:
    """The symbols that are there are named."""
    lines = ("ts,symbol,open,high,low,close", "2024-01-01,ETH-USD,1,1,1,1", "2024-01-02,,1,1,1,1")
    error = refusal(tmp_path, *lines)
    assert "there is no row of BTC-USD; the file has " in error.message
    assert "ETH-USD" in error.message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("\n\n", "the file is empty"),
        (HEADER, "there are no rows below the header"),
        (HEADER + "\n\n", "there are no rows below the header"),
    ],
)
def test_files_without_bars_are_refused(tmp_path: Path, text: str, message: str) -> None:
    """Empty, blank, and header only."""
    path = tmp_path / "bars.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        open_bars(path, TEST_ID)


def test_a_file_of_which_nothing_is_left_is_refused(tmp_path: Path) -> None:
    """Dropping all rows leaves no bars."""
    error = refusal(tmp_path, HEADER, row(0, "2,1,3,2,5"), accept={"bad-ranges"})
    assert error.message == "nothing is left of 1 rows"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.csv", None, "there is no such file"),
        ("bars.xlsx", b"x", "this kind of file is not read"),
        ("bars", b"x", "this kind of file is not read"),
        ("bars.parquet.gz", b"x", "this kind of file is not read"),
        ("bars.parquet", b"x", "cannot be read as Parquet"),
        ("bars.csv.gz", b"no gzip", "damaged or cut off"),
        ("bars.csv.gz", gzip.compress(b"a" * 99_999, mtime=0)[:-20], "damaged or cut off"),
        ("bars.csv", "timestamp".encode("utf-16"), "not UTF-8"),
        ("bars.csv", b"timestamp,\xe9\n", "not UTF-8"),
        ("bars.csv", f"{HEADER}\n2024-01-01,1,1,1,1,\xe9".encode("latin-1"), "not UTF-8"),
        ("bars.csv", f"{HEADER}\n".encode() + b"9" * 9_000_000, "longer than four megabytes"),
    ],
)
def test_files_that_cannot_be_read_are_refused(
    tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    """Missing, of an unknown kind, damaged, or in another encoding; always with the path."""
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        open_bars(path, TEST_ID)
    assert str(caught.value.where).startswith(str(path))


def test_a_name_the_system_refuses_is_refused(tmp_path: Path) -> None:
    """An error of the operating system is told in its words."""
    with pytest.raises(DataError, match="cannot be read: File name too long"):
        open_bars(tmp_path / f"{'x' * 300}.csv", TEST_ID)


def test_a_quotation_mark_without_partner_is_refused(tmp_path: Path) -> None:
    """The rest of the file is not swallowed into one field."""
    error = refusal(tmp_path, HEADER, row(0), row(1, '2,3,1,2,"5'), row(2))
    assert error.message == "a quotation mark has no partner in its line"
    assert line_of(error) == 3
    closed = refusal(tmp_path, HEADER, row(0), row(1, '2,3,1,2,"5'), row(2) + '"', row(3))
    assert line_of(closed) == 3


def test_a_full_temporary_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where parsed rows cannot be kept the folder and the way out are told."""
    monkeypatch.setattr(spool, "_MEMORY_BYTES", 1)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(DataError, match="parsed rows cannot be kept") as caught:
        opened(tmp_path, HEADER, row(0), row(1))
    assert caught.value.where == str(tmp_path / "none")
    assert "TMPDIR" in str(caught.value.remedy)


def test_a_folder_is_no_bar_file(tmp_path: Path) -> None:
    """A path that is no file is refused as missing."""
    with pytest.raises(DataError, match="no such file"):
        open_bars(tmp_path, TEST_ID)
