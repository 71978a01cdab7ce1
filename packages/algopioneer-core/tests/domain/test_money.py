"""Exact arithmetic: against fractions, and never by way of the interpreter's decimal context."""

import decimal
import re
import subprocess
import sys
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from algopioneer_core.domain.errors import MoneyError
from algopioneer_core.domain.money import (
    ZERO,
    Increment,
    add,
    canonical,
    decimal_of,
    divide_half_even,
    floor_units,
    from_scaled,
    mul,
    neg,
    plain,
    scaled,
    sub,
    total,
)
from algopioneer_core.testing.domain import amounts, hostile_decimal_context, increments

places = st.integers(-3, 24)


def rounded_half_even(value: Fraction, places: int) -> Fraction:
    """Return *value* rounded by Python's exact fractions."""
    unit = Fraction(1, 10) ** places
    return round(value / unit) * unit


@given(amounts(), amounts())
def test_sums_and_products_equal_fractions(a: Decimal, b: Decimal) -> None:
    """Addition, subtraction, multiplication and negation are exact."""
    assert Fraction(a) + Fraction(b) == Fraction(add(a, b))
    assert Fraction(a) - Fraction(b) == Fraction(sub(a, b))
    assert Fraction(a) * Fraction(b) == Fraction(mul(a, b))
    assert -Fraction(a) == Fraction(neg(a))


@given(st.lists(amounts()))
def test_total_is_the_sum(values: list[Decimal]) -> None:
    """Any number of amounts, none included, is summed exactly."""
    assert sum(map(Fraction, values), Fraction(0)) == Fraction(total(*values))


def test_what_does_not_fit_raises_instead_of_rounding() -> None:
    """The sixty-first digit is an error, not a silent loss."""
    assert Decimal("1" + "0" * 58 + "1") == add(Decimal("1E+59"), Decimal(1))
    with pytest.raises(decimal.Inexact):
        add(Decimal("1E+60"), Decimal(1))
    with pytest.raises(decimal.Inexact):
        mul(Decimal("1." + "1" * 40), Decimal("1." + "1" * 40))


@given(amounts(), amounts().filter(bool), places)
@example(Decimal(1), Decimal(8), 2)
@example(Decimal(3), Decimal(8), 2)
@example(Decimal(-1), Decimal(8), 2)
@example(Decimal(0), Decimal(-7), 3)
@example(Decimal(2), Decimal(3), 40)
def test_division_rounds_half_to_even(a: Decimal, b: Decimal, places: int) -> None:
    """A quotient equals the exact fraction rounded once."""
    expected = rounded_half_even(Fraction(a) / Fraction(b), places)
    assert expected == Fraction(divide_half_even(a, b, places=places))


@given(
    st.integers(-(10**12), 10**12),
    st.integers(0, 10),
    st.integers(1, 10**12),
    st.integers(11, 24),
    st.sampled_from((-1, 0, 1)),
)
@example(1, 0, 1, 24, 1)
def test_division_rounds_only_once(
    number: int, places: int, divisor: int, distance: int, nudge: int
) -> None:
    """A quotient a hair away from a tie goes to the nearer side, a tie to the even one."""
    tie = Fraction(2 * number + 1, 2 * 10**places)
    quotient = tie + Fraction(nudge, 10 ** (places + distance))
    denominator = Decimal(divisor)
    scale = places + distance + 1
    numerator = from_scaled(int(quotient * divisor * 10**scale), scale)
    assume(Fraction(numerator) == quotient * divisor)
    expected = rounded_half_even(quotient, places)
    assert expected == Fraction(divide_half_even(numerator, denominator, places=places))


@given(st.integers(10**53, 10**54), st.sampled_from((1, 3, 7, 9)), st.sampled_from((-1, 1)))
def test_division_sees_past_any_number_of_digits(tens: int, ones: int, side: int) -> None:
    """A quotient of fifty digits that misses a tie in its hundredth goes to the nearer side."""
    divisor = 10 * tens + ones  # has no factor in common with ten
    # Twice the quotient is k - side / divisor with k odd, because k is the inverse of the divisor.
    k = pow(divisor, -1, 10**50) * side % 10**50
    numerator, rest = divmod(k * divisor - side, 10**50)
    assert not rest
    quotient = divide_half_even(from_scaled(numerator, -50), Decimal(2 * divisor), places=0)
    assert (k - side) // 2 == quotient


def test_division_fills_all_sixty_digits() -> None:
    """The longest quotient there is room for is rounded like any other."""
    numerator = Decimal("2" + "0" * 58 + "7")
    assert Decimal("1" + "0" * 58 + "4") == divide_half_even(numerator, Decimal(2), places=0)


def test_division_by_zero_is_refused() -> None:
    """There is no infinite amount."""
    with pytest.raises(MoneyError, match="5 cannot be divided by zero"):
        divide_half_even(Decimal(5), ZERO, places=2)


def test_quotient_that_does_not_fit_raises() -> None:
    """A result of more than sixty digits is an error."""
    with pytest.raises(decimal.InvalidOperation):
        divide_half_even(Decimal("1E+50"), Decimal("1E-5"), places=10)


@given(amounts(), increments())
def test_floor_units_counts_whole_units(amount: Decimal, grid: Increment) -> None:
    """As many units as fit, towards minus infinity."""
    assert Fraction(amount) // Fraction(grid.step) == floor_units(amount, grid.step)


@pytest.mark.parametrize("unit", ["0", "-1"])
def test_unit_must_be_positive(unit: str) -> None:
    """A unit of nothing, or of less, is refused."""
    with pytest.raises(MoneyError, match="must be positive"):
        floor_units(Decimal(1), Decimal(unit))


@given(amounts(), increments())
def test_grid_rounds_in_the_direction_it_is_told(value: Decimal, grid: Increment) -> None:
    """Floor, ceil, toward zero and nearest equal their definitions on fractions."""
    step, exact = Fraction(grid.step), Fraction(value)
    units = exact / step
    assert units // 1 * step == Fraction(grid.floor(value))
    assert -(-units // 1) * step == Fraction(grid.ceil(value))
    assert int(units) * step == Fraction(grid.toward_zero(value))
    assert round(units) * step == Fraction(grid.nearest(value))


@given(amounts(), increments())
def test_grid_contains_what_it_rounds_to(value: Decimal, grid: Increment) -> None:
    """Rounded values are on the grid, and values on the grid are left as they are."""
    floor, ceil = grid.floor(value), grid.ceil(value)
    assert all(map(grid.contains, (floor, ceil)))
    assert grid.contains(value) == (floor == value == ceil)
    assert floor == grid.floor(floor) == grid.ceil(floor) == grid.nearest(floor)


@pytest.mark.parametrize("step", ["0", "-0.1", "NaN", "Infinity"])
def test_grid_needs_a_positive_step(step: str) -> None:
    """Zero, negative and endless steps are refused."""
    with pytest.raises(MoneyError, match="positive decimal"):
        Increment(Decimal(step))


def test_grid_refuses_a_float() -> None:
    """A float step would not be what it looks like."""
    with pytest.raises(MoneyError, match=r"not 0\.1"):
        Increment(0.1)  # type: ignore[arg-type]  # the mistake under test


@pytest.mark.parametrize("text", ["1", "-0.10", "1e3", "0.00000001", " 7 "])
def test_decimal_of_reads_numbers_as_written(text: str) -> None:
    """Text is taken digit by digit."""
    assert Fraction(text) == Fraction(decimal_of(text))


def test_decimal_of_keeps_digits_and_drops_the_sign_of_zero() -> None:
    """Trailing zeros stay, a negative zero does not."""
    assert "1.10" == str(decimal_of("1.10"))
    assert "0" == str(decimal_of("-0"))
    assert "0.00" == str(decimal_of(Decimal("0.00")))
    assert Decimal(10**40) == decimal_of(10**40)


@pytest.mark.parametrize("value", ["", "abc", "1,5", "NaN", "-Infinity", "1e60", "1e-61", "1e-99"])
def test_decimal_of_refuses_what_is_not_a_usable_number(value: str) -> None:
    """Words, NaN, infinity, and numbers past sixty digits are refused."""
    with pytest.raises(MoneyError, match=r"number|digits"):
        decimal_of(value)


@pytest.mark.parametrize("value", [0.1, True])
def test_decimal_of_refuses_floats_and_booleans(value: object) -> None:
    """What only looks like a number is refused, with a remedy."""
    with pytest.raises(MoneyError, match="write it as text"):
        decimal_of(value)  # type: ignore[arg-type]  # the mistake under test


def test_decimal_of_refuses_what_is_no_number_at_all() -> None:
    """Any other object is an error of ours, not of the decimal module."""
    with pytest.raises(MoneyError, match="is not a number"):
        decimal_of([])  # type: ignore[arg-type]  # the mistake under test


@given(st.integers(-(10**20), 10**20), st.integers(0, 70))
def test_scaled_integers_survive_the_round_trip(number: int, decimals: int) -> None:
    """An integer on a grid and its decimal are one value."""
    value = from_scaled(number, decimals)
    assert Fraction(number, 10**decimals) == Fraction(value)
    assert number == scaled(value, decimals)


def test_scaled_refuses_finer_values() -> None:
    """What is not on the grid is not rounded to it."""
    with pytest.raises(MoneyError, match="more than 1 decimals"):
        scaled(Decimal("0.25"), 1)


@given(amounts())
def test_canonical_text_is_plain_and_unique(value: Decimal) -> None:
    """Equal values have one text, without exponent, trailing zeros or a sign on zero."""
    text = plain(value)
    assert value == canonical(value) == Decimal(text)
    assert text == plain(mul(value, Decimal("1.000")))
    assert re.fullmatch(r"0|-?(0\.|[1-9]\d*\.?)(\d*[1-9])?|-?[1-9]\d*", text)


@pytest.mark.parametrize(
    ("value", "text"),
    [("-0.00", "0"), ("1E+3", "1000"), ("100", "100"), ("2.50", "2.5"), ("1E-9", "0.000000001")],
)
def test_plain_text(value: str, text: str) -> None:
    """Amounts are written as people write them."""
    assert text == plain(Decimal(value))


def everything(a: Decimal, b: Decimal, grid: Increment) -> list[object]:
    """Return the results of all functions, on arguments that fit each of them."""
    rounded = [grid.floor(a), grid.ceil(a), grid.toward_zero(a), grid.nearest(a)]
    return [
        *(add(a, b), sub(a, b), mul(a, b), neg(a), total(a, b, a)),
        divide_half_even(a, grid.step, places=12),
        floor_units(a, grid.step),
        scaled(a, 20),
        from_scaled(12345678, 3),
        canonical(a),
        plain(a),
        decimal_of(str(a)),
        *rounded,
        *(grid.contains(each) for each in (a, *rounded)),
    ]


@given(amounts(), amounts(), increments())
def test_result_does_not_depend_on_the_context(a: Decimal, b: Decimal, grid: Increment) -> None:
    """A context that rounds silently gives what one that raises gives: neither is looked at."""
    with hostile_decimal_context(loud=False):
        silent = everything(a, b, grid)
    assert silent == everything(a, b, grid)


def test_default_context_changed_before_import_does_no_harm() -> None:
    """A plugin that spoils the defaults before money is first imported spoils nothing of ours."""
    program = """
import decimal
decimal.DefaultContext.prec = 2
decimal.DefaultContext.Emax = 3
decimal.DefaultContext.clamp = 1
decimal.DefaultContext.rounding = decimal.ROUND_UP
decimal.setcontext(decimal.DefaultContext)
from algopioneer_core.domain.money import divide_half_even, mul
print(mul(decimal.Decimal(123456), decimal.Decimal(1001)))
print(divide_half_even(decimal.Decimal(1), decimal.Decimal(3), places=9))
"""
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ["123579456", "0.333333333"] == run.stdout.split()
