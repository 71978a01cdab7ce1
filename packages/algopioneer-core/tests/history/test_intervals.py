import pytest
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.history.intervals import (
    DAY_NS,
    HOUR_NS,
    MINUTE_NS,
    SECOND_NS,
    format_interval,
    parse_interval,
)


@pytest.mark.parametrize(
    ("text", "length_ns"),
    [
        ("1m", MINUTE_NS),
        ("5min", 5 * MINUTE_NS),
        ("60s", MINUTE_NS),
        ("1h", HOUR_NS),
        ("1H", HOUR_NS),
        ("1D", DAY_NS),
        ("30d", 30 * DAY_NS),
        ("2w", 14 * DAY_NS),
        ("250ms", 250_000_000),
        ("1h30m", 90 * MINUTE_NS),
        ("1h 30m", 90 * MINUTE_NS),
        ("1.5h", 90 * MINUTE_NS),
        ("60", HOUR_NS),
        ("0.5", 30 * SECOND_NS),
        (" 5m ", 5 * MINUTE_NS),
    ],
)
def test_usual_ways_to_write_a_length_are_read(text: str, length_ns: int) -> None:
    """Units, sums, fractions and bare minutes give the length they state."""
    assert parse_interval(text) == length_ns


@pytest.mark.parametrize("text", ["", "m", "0m", "-1m", "1x", "1M", "1m!", "1..5h", "0.5ns", "one"])
def test_what_is_no_length_is_refused_with_examples(text: str) -> None:
    """Nonsense, months and nothing at all raise an error that shows how to write it."""
    with pytest.raises(ConfigError, match="1m, 5m, 1h"):
        parse_interval(text)


@given(st.integers(1, 10**18))
def test_a_formatted_length_reads_back(length_ns: int) -> None:
    """Formatting loses nothing."""
    assert parse_interval(format_interval(length_ns)) == length_ns


@pytest.mark.parametrize(
    ("length_ns", "text"),
    [(MINUTE_NS, "1m"), (90 * MINUTE_NS, "1h30m"), (3 * DAY_NS, "3d"), (1, "1ns")],
)
def test_lengths_are_written_in_the_largest_units(length_ns: int, text: str) -> None:
    """An hour is `1h`, not sixty minutes."""
    assert format_interval(length_ns) == text


def test_a_length_that_is_not_positive_cannot_be_written() -> None:
    """Zero is no length."""
    with pytest.raises(ConfigError, match="must be positive"):
        format_interval(0)
