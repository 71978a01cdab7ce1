import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.simulation.text import duration_text, iso_utc, money_text

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("10000", "10000"),
        ("1E+4", "10000"),
        ("1.500", "1.5"),
        ("-0.00", "0"),
        ("0E+3", "0"),
        ("1E-12", "0.000000000001"),
        ("-20.10", "-20.1"),
    ],
)
def test_money_is_written_plainly(amount: str, text: str) -> None:
    """No exponent, no trailing zeros, no negative zero."""
    assert text == money_text(Decimal(amount))


@given(st.decimals(allow_nan=False, allow_infinity=False, places=12))
def test_money_text_is_exact(amount: Decimal) -> None:
    """The text is the same number again, and has no exponent."""
    text = money_text(amount)
    assert amount == Decimal(text)
    assert "E" not in text


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
