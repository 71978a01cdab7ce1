import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.domain.times import duration_text, iso_utc

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("ts_ns", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_640_991_660 * SECOND, "2021-12-31T23:01:00Z"),
        (1_500_000_000, "1970-01-01T00:00:01.5Z"),
        (1, "1970-01-01T00:00:00.000000001Z"),
        (-SECOND, "1969-12-31T23:59:59Z"),
    ],
)
def test_times_are_iso_with_only_the_fraction_they_have(ts_ns: int, text: str) -> None:
    """Whole seconds have no fraction; nanoseconds are not lost."""
    assert text == iso_utc(ts_ns)


@given(st.integers(min_value=0, max_value=4_000_000_000))
def test_iso_times_read_back(seconds: int) -> None:
    """The standard library reads the same second back."""
    moment = datetime.datetime.fromisoformat(iso_utc(seconds * SECOND))
    assert seconds == moment.timestamp()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 m"),
        (3_661, "1 h 1 m"),
        (86_400, "1 d"),
        (86_460, "1 d"),
        (2 * 86_400 + 5 * 3_600 + 59, "2 d 5 h"),
    ],
)
def test_durations_show_two_units(seconds: int, text: str) -> None:
    """Smaller units are cut off; an empty second unit is left out."""
    assert text == duration_text(seconds * SECOND)
