from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.history.scaled_text import (
    BadValue,
    NumberReader,
    Rounding,
    blanks,
    fewest_decimals,
)


def read(*texts: str, rounding: Rounding | None = None) -> tuple[list[int], int]:
    """Return the integers of texts, and their decimals."""
    reader = NumberReader(rounding)
    numbers = reader.read(pa.array(texts, pa.string()))
    return numbers.tolist(), reader.decimals


@pytest.mark.parametrize(
    ("texts", "numbers", "decimals"),
    [
        (("1", "20"), [1, 20], 0),
        (("1.5", "2.25"), [150, 225], 2),
        (("46319.0", "7.00"), [46319, 7], 0),
        (("1e-7", "3"), [1, 30_000_000], 7),
        (("1.5E2", "+3"), [150, 3], 0),
        ((" 1.5 ", "2"), [15, 20], 1),
        ((" 0 ", "1"), [0, 1], 0),
        ((".5", "5."), [5, 50], 1),
        (("-0.10", "0"), [-1, 0], 1),
    ],
)
def test_text_becomes_the_integer_it_says(
    texts: tuple[str, ...], numbers: list[int], decimals: int
) -> None:
    """Decimals as few as needed, exponents, signs and spaces."""
    assert read(*texts) == (numbers, decimals)


@given(
    st.lists(
        st.decimals(-(10**8), 10**8, allow_nan=False, allow_infinity=False, places=None)
        .filter(lambda number: -10 <= int(number.as_tuple().exponent) <= 0)
        .filter(lambda number: abs(number) < 10**8),
        min_size=1,
        max_size=20,
    ),
    st.booleans(),
)
def test_reading_is_exact(numbers: list[Decimal], is_plain: bool) -> None:
    """For any decimals, plain or with exponents, integer times grid is the number written."""
    texts = [f"{number:f}" if is_plain else str(number) for number in numbers]
    integers, decimals = read(*texts)
    assert [Decimal(value).scaleb(-decimals) for value in integers] == numbers


@given(st.floats(0.01, 1e6))
def test_a_float_is_read_by_its_shortest_text(value: float) -> None:
    """A float column gives the decimal of Python's `repr`."""
    reader = NumberReader(None)
    (number,) = reader.read(pa.array([value], pa.float64())).tolist()
    assert Decimal(number).scaleb(-reader.decimals) == Decimal(repr(value))


def test_one_tenth_as_a_float_is_one_tenth() -> None:
    """The binary residue of 0.1 is not part of a price."""
    reader = NumberReader(None)
    assert reader.read(pa.array([0.1, 46319.25])).tolist() == [10, 4631925]
    assert reader.decimals == 2


@pytest.mark.parametrize(
    "column",
    [
        pa.array([3, 4], pa.int32()),
        pa.array([Decimal(3), Decimal(4)], pa.decimal128(10, 0)),
        pa.array([Decimal("3.000"), Decimal("4.000")], pa.decimal256(50, 30)),
        pa.array([3.0, 4.0], pa.float32()),
    ],
)
def test_typed_columns_are_read_too(column: object) -> None:
    """Integers, decimals and floats of any width, as Parquet files have them."""
    assert NumberReader(None).read(column).tolist() == [3, 4]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("abc", "is not a number"),
        ("0x1F", "is not a number"),
        ("1_000", "is not a number"),
        ("1,5", "is not a number"),
        ("١٢", "is not a number"),
        ("", "is not a number"),
        ("nan", "is not a finite number"),
        ("-inf", "is not a finite number"),
        ("1e30", "has too many digits"),
        ("1e999999", "has too many digits"),
        ("9223372036854775808", "has too many digits"),
        ("1234567890123.12345678", "does not fit 64 bits with the 8 decimals"),
        ("0.12345678901234567890", "has too many digits"),
    ],
)
def test_what_is_no_number_of_64_bits_is_refused(text: str, fault: str) -> None:
    """The row and the text are named; nothing becomes another number."""
    with pytest.raises(BadValue, match=fault) as caught:
        read("1", text)
    assert (caught.value.row, caught.value.text) == (1, text)


def test_separators_of_thousands_have_a_remedy() -> None:
    """The usual mistake is named."""
    with pytest.raises(BadValue) as caught:
        read("1,234.5")
    assert caught.value.remedy == "write numbers without thousands separators"


def test_long_numbers_are_rounded_where_that_is_asked_for() -> None:
    """Half to even for prices, toward zero for volumes, at the decimals kept; each is counted."""
    texts = pa.array(["0.30000000000000004", "0.000000005", "0.000000015", "7"])
    prices = NumberReader(Rounding("half_to_even", 8))
    volumes = NumberReader(Rounding("towards_zero", 8))
    assert prices.read(texts).tolist() == [30_000_000, 0, 2, 700_000_000]
    assert volumes.read(texts).tolist() == [30_000_000, 0, 1, 700_000_000]
    assert (prices.rounded, volumes.rounded) == (3, 3)


def test_a_hair_above_the_middle_is_rounded_up() -> None:
    """Digits far behind decide a tie, although they are not kept."""
    hair = "0.000000005" + "0" * 30 + "1"
    assert read(hair, rounding=Rounding("half_to_even", 8)) == ([1], 8)


def test_volumes_too_large_for_their_decimals_lose_decimals() -> None:
    """A coarsening reader keeps as many decimals as fit."""
    cut = Rounding("towards_zero", 8, coarsens=True)
    numbers, decimals = read("1234567890123.12345678", "2.5", rounding=cut)
    assert decimals == 6
    assert numbers == [1_234_567_890_123_123_456, 2_500_000]


def test_decimals_grow_from_block_to_block() -> None:
    """A later block on a finer grid says so."""
    reader = NumberReader(None)
    assert reader.read(pa.array(["1.5"])).tolist() == [15]
    assert reader.read(pa.array(["1.25"])).tolist() == [125]
    assert reader.decimals == 2
    assert reader.read(pa.array(["3"])).tolist() == [300]


@pytest.mark.parametrize(
    ("numbers", "decimals", "fewest"),
    [([100, 250], 2, 1), ([100, 200], 2, 0), ([101], 2, 2), ([0], 3, 0), ([], 4, 0)],
)
def test_the_coarsest_grid_is_found(numbers: list[int], decimals: int, fewest: int) -> None:
    """Trailing zeros common to all numbers are no decimals."""
    assert fewest_decimals(np.array(numbers, np.int64), decimals) == fewest


def test_blanks_are_recognised() -> None:
    """Null, NaN in several spellings, and nothing at all; zero is a number."""
    texts = pa.array(["", " ", "NaN", "null", "N/A", None, "0", "1.5"])
    assert blanks(texts).tolist() == [True] * 6 + [False] * 2
    assert blanks(pa.array([float("nan"), 1.0, None])).tolist() == [True, False, True]
