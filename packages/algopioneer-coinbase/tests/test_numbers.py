"""Numbers and times, read exactly or refused."""

from decimal import Decimal

import pytest

from algopioneer_coinbase.numbers import amount, optional_amount, positive, seconds_ns, time_ns
from algopioneer_core.domain.errors import DataError

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("2023-02-09T20:30:37.167359596Z", 1_675_974_637_167_359_596),
        ("2021-12-17T18:27:01.243Z", 1_639_765_621_243_000_000),
        ("2024-01-15T10:30:00Z", 1_705_314_600 * SECOND),
        ("2026-04-07T14:30:10.000000000+00:00", 1_775_572_210 * SECOND),
        ("1970-01-01T00:00:00Z", 0),
        ("0001-01-01T00:00:00Z", 0),
        ("", 0),
    ],
)
def test_times_are_read_to_the_nanosecond(text: str, ns: int) -> None:
    """With any number of digits; a time that was never set is zero."""
    assert ns == time_ns(text)


@pytest.mark.parametrize(
    "text",
    [
        "2023-02-09",
        "2023-02-09T20:30:37",
        "2023-02-09T20:30:37.Z",
        "2023-02-09 20:30:37Z",
        "2023-W06-4T20:30:37Z",
        "2023-02-09T20:30:37.1234567890Z",
        "2023-02-09T20:30:37.12a4Z",
        "2023-02-09T20:30:37.²Z",
        "2023-02-09T20:30:37+02:00",
        "2023-13-09T20:30:37Z",
        "2023-06-23 20:31:56.121961769 +0000 UTC m=+91717.525857105",
        "Z",
    ],
)
def test_what_is_no_time_in_utc_is_refused(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(DataError, match="not a time"):
        time_ns(text)


def test_seconds_of_bars_are_text() -> None:
    """A number of seconds since 1970; an absurd one is refused."""
    assert 1_712_192_400 * SECOND == seconds_ns("1712192400")
    for text in ("", "-5", "1.5", "99999999999", "²", "1e9"):
        with pytest.raises(DataError):
            seconds_ns(text)


@pytest.mark.parametrize(
    ("text", "number"), [("0.1", "0.1"), ("-2", "-2"), ("0.00000000", "0"), ("1E+3", "1000")]
)
def test_amounts_are_exact(text: str, number: str) -> None:
    """As written, of any sign."""
    assert Decimal(number) == amount(text)


@pytest.mark.parametrize("text", ["", "NaN", "Infinity", "ten", "1" * 61, "1e-200", "." + "3" * 70])
def test_what_is_no_amount_is_refused(text: str) -> None:
    """Also numbers that nothing exact could be computed with."""
    with pytest.raises(DataError, match="not a number"):
        amount(text)


@pytest.mark.parametrize("text", ["0", "-1", "1e30", "0.00"])
def test_a_price_is_positive_and_of_the_size_of_prices(text: str) -> None:
    """Zero, a negative one, or an absurd one is damage."""
    with pytest.raises(DataError, match="price or a quantity"):
        positive(text)
    assert Decimal("0.01") == positive("0.01")


def test_an_empty_amount_is_absent() -> None:
    """Delisted products and futures have such fields."""
    assert optional_amount("") is None
    assert Decimal(5) == optional_amount("5")
