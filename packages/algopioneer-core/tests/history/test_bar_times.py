import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.history.bar_times import TimeReader, kind_of
from algopioneer_core.history.scaled_text import BadValue

NEW_YEAR_EVE_NS = 1_640_991_660_000_000_000
"""2021-12-31T23:01:00Z"""


def read(*texts: object) -> list[int]:
    """Return the nanoseconds of texts."""
    return [int(time) for time in TimeReader().read(pa.array(texts))]


@pytest.mark.parametrize(
    "text",
    [
        "2021-12-31T23:01:00Z",
        "2021-12-31 23:01:00",
        "2021-12-31 23:01",
        "2021-12-31T23:01:00.000000",
        "2021-12-31 23:01:00.000000000",
        "2021/12/31 23:01:00",
        "2022-01-01T00:01:00+01:00",
        "2022-01-01 00:01:00+0100",
        "2022-01-01T00:01:00+01",
        "2021-12-31 23:01:00 +0000",
        "2021-12-31 23:01:00 UTC",
        "2021-12-31 23:01:00 GMT",
        " 2021-12-31 23:01:00 ",
        "1640991660",
        "1640991660.0",
        "1640991660000",
        "1640991660000000",
        "1640991660000000000",
    ],
)
def test_every_usual_form_gives_the_same_nanosecond(text: str) -> None:
    """Forms with and without zone, fraction, slashes, and epochs of four units agree."""
    assert read(text) == [NEW_YEAR_EVE_NS]


@pytest.mark.parametrize("text", ["2021-12-31", "2021/12/31", "20211231"])
def test_a_date_is_its_midnight_in_utc(text: str) -> None:
    """A date without a clock means 0:00 UTC."""
    assert read(text) == [NEW_YEAR_EVE_NS - (23 * 60 + 1) * 60 * 10**9]


def test_fractions_are_exact_to_the_nanosecond() -> None:
    """Neither ISO fractions nor fractional epochs pass through a float."""
    assert read("2021-12-31T23:01:00.123456789") == [NEW_YEAR_EVE_NS + 123_456_789]
    assert read("1640991660.123456789") == [NEW_YEAR_EVE_NS + 123_456_789]
    assert read("1640991660000.5") == [NEW_YEAR_EVE_NS + 500_000]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([NEW_YEAR_EVE_NS // 10**6]),
        pa.array([NEW_YEAR_EVE_NS / 1e9]),
        pa.array([NEW_YEAR_EVE_NS], pa.timestamp("ns")),
        pa.array([NEW_YEAR_EVE_NS // 10**6], pa.timestamp("ms", tz="Europe/Rome")),
        pa.array([NEW_YEAR_EVE_NS // 10**9], pa.timestamp("s")),
    ],
)
def test_typed_columns_are_read_too(column: object) -> None:
    """Integers, floats and timestamps of any unit and zone, as Parquet files have them."""
    assert TimeReader().read(column).tolist() == [NEW_YEAR_EVE_NS]


def test_dates_of_parquet_files_are_midnights() -> None:
    """A date column needs no text."""
    assert TimeReader().read(pa.array([dt.date(1970, 1, 2)])).tolist() == [86_400 * 10**9]


@pytest.mark.parametrize(
    "text", ["noon", "", "2021-13", "31.12.2021", "12/31/2021", "2021-12-31 25h", "0x61CF8B2C"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    """Anything else raises instead of being guessed at."""
    assert kind_of(text) is None
    with pytest.raises(BadValue, match="is not a time"):
        read(text)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("2021-12-31", "2021-12-31 23:01"),
        ("2021-12-31 23:01", "2021-12-31"),
        ("2021-12-31 23:01", "2021-12-31 23:01Z"),
        ("1640991660", "1640991660000"),
        ("1640991660000", "1640991660"),
        ("1640991660", "2021-12-31"),
        ("20211231", "1640991660"),
    ],
)
def test_a_change_of_format_is_refused(first: str, second: str) -> None:
    """The row that differs from the first one is named, with both formats."""
    with pytest.raises(BadValue, match="is in the format") as caught:
        read(first, first, second)
    assert caught.value.row == 2
    assert caught.value.text == second


def test_the_format_is_kept_from_block_to_block() -> None:
    """A later block cannot start afresh."""
    reader = TimeReader()
    reader.read(pa.array(["2021-12-31"]))
    with pytest.raises(BadValue, match="rows before it 'date'"):
        reader.read(pa.array(["1640991660"]))


def test_untidy_texts_may_come_late() -> None:
    """A space in a later row is no other format."""
    assert read("2021-12-31 23:01", " 2021-12-31 23:02") == [
        NEW_YEAR_EVE_NS,
        NEW_YEAR_EVE_NS + 60 * 10**9,
    ]


@pytest.mark.parametrize(
    "texts",
    [
        ("2021-12-31", "2021-02-30"),
        ("2021-12-31 23:01", "2300-01-01 00:00"),
        ("20211231", "20211331"),
        ("1640991660", "99999999999"),
        ("2021-12-31", "2021-02-30", "2021-12-31", "2021-12-31"),
    ],
)
def test_impossible_dates_and_far_ones_are_refused(texts: tuple[str, ...]) -> None:
    """The 30th of February and the year 2300 have the right form and are no times all the same."""
    with pytest.raises(BadValue, match="1678 to 2261") as caught:
        read(*texts)
    assert caught.value.row == 1


def test_far_timestamps_of_parquet_files_are_refused() -> None:
    """A typed value past 2262 does not wrap around."""
    column = pa.array([0, 10**15], pa.timestamp("ms"))
    with pytest.raises(BadValue, match="1678 to 2261") as caught:
        TimeReader().read(column)
    assert caught.value.row == 1


def test_nulls_are_refused() -> None:
    """A missing time is named by its row."""
    with pytest.raises(BadValue, match="blank") as caught:
        TimeReader().read(pa.array(["2021-12-31", None]))
    assert caught.value.row == 1


def test_an_empty_block_has_no_times() -> None:
    """Nothing in, nothing out."""
    assert TimeReader().read(pa.array([], pa.string())).tolist() == []


MOMENTS = st.datetimes(dt.datetime(1974, 1, 1), dt.datetime(2200, 1, 1)).map(  # noqa: DTZ001
    lambda moment: moment.replace(microsecond=moment.microsecond // 1_000 * 1_000)
)


@given(st.lists(MOMENTS, min_size=1, max_size=5), st.integers(-14 * 60, 14 * 60))
def test_all_forms_of_any_moment_agree(moments: list[dt.datetime], offset: int) -> None:
    """One moment written in eight ways is one number."""
    epochs = [int(np.datetime64(moment, "ms").astype(np.int64)) for moment in moments]
    zone = dt.timezone(dt.timedelta(minutes=offset))
    forms = [
        [moment.isoformat(timespec="milliseconds") for moment in moments],
        [moment.isoformat(" ", timespec="microseconds") for moment in moments],
        [
            moment.replace(tzinfo=dt.UTC).astimezone(zone).isoformat(timespec="milliseconds")
            for moment in moments
        ],
        [f"{epoch // 1000}.{epoch % 1000:03d}" for epoch in epochs],
        [str(epoch) for epoch in epochs],
        [f"{epoch}000" for epoch in epochs],
        [f"{epoch}000000" for epoch in epochs],
    ]
    expected = [epoch * 10**6 for epoch in epochs]
    for form in forms:
        assert read(*form) == expected
