"""z against a level is decided exactly, and sums never drift."""

import math
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_strategies.zscore import Level, RollingZ, compare, score_of

INTEGERS = st.integers(-(2**45), 2**45)
LEVELS = st.decimals(-5, 5, places=3) | st.sampled_from((Decimal(0), Decimal(1), Decimal(-1)))


def plain(values: list[int]) -> tuple[Fraction, Fraction]:
    """Return the deviation of the last of *values* from their mean, and their variance."""
    mean = Fraction(sum(values), len(values))
    variance = sum(((value - mean) ** 2 for value in values), Fraction(0)) / len(values)
    return values[-1] - mean, variance


@given(st.integers(), st.integers(1), LEVELS)
def test_comparison_is_exact(deviation: int, variance: int, level: Decimal) -> None:
    """The sign of D / sqrt(V) - k is that of the order-keeping squares, ties included."""
    exact = Fraction(level)
    left, right = Fraction(deviation * abs(deviation)), exact * abs(exact) * variance
    expected = (left > right) - (left < right)
    assert compare(deviation, variance, *level.as_integer_ratio()) == expected


@pytest.mark.parametrize("step", [-1, 0, 1])
def test_a_level_tells_what_a_float_cannot(step: int) -> None:
    """One part in 10**30 on either side of a level is seen, and so is the level itself."""
    score = score_of(2 * 10**30 + step, 10**60)
    assert score is not None
    assert score.z == 2.0
    assert Level(Decimal(2)).side(score) == step


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("level", "side"), [("0.70710678118654752440", 1), ("0.70710678118654752441", -1)]
)
def test_a_float_that_is_off_by_a_bit_does_not_decide(sign: int, level: str, side: int) -> None:
    """1 / sqrt(2) as a float lies below both levels; truly it lies between them."""
    score = score_of(sign, 2)
    assert score is not None
    assert Level(sign * Decimal(level)).side(score) == sign * side


@given(INTEGERS, st.integers(1, 2**90), LEVELS)
def test_floats_and_integers_tell_the_same_side(
    deviation: int, variance: int, value: Decimal
) -> None:
    """The float answers only where the integers would answer the same."""
    score, level = score_of(deviation, variance), Level(value)
    assert score is not None
    expected = compare(deviation, variance, level.numerator, level.denominator)
    assert level.side(score) == expected
    assert level.mirrored.side(score) == compare(
        deviation, variance, -level.numerator, level.denominator
    )


@given(st.lists(INTEGERS, min_size=1, max_size=40), st.integers(2, 9))
def test_rolling_sums_are_those_of_the_window(values: list[int], window: int) -> None:
    """After any values, D and V are n and n squared times deviation and variance of the window."""
    rolling = RollingZ(window)
    for count, value in enumerate(values, 1):
        z = rolling.take(value)
        if count < window:
            assert z is None
            continue
        deviation, variance = plain(values[count - window : count])
        assert rolling.deviation == window * deviation
        assert rolling.variance == window * window * variance
        if variance:
            assert z == pytest.approx(float(deviation) / math.sqrt(variance), rel=1e-12)
        else:
            assert z is None


def drift(updates: int) -> bool:
    """Tell whether the sums after many updates differ from fresh ones over the same window."""
    rolling, window, value = RollingZ(60), [], 1 << 43
    for step in range(updates):
        value += (step * 7_919_993_771) % (1 << 31) - (1 << 30)
        rolling.take(value)
        if step >= updates - 60:
            window.append(value)
    deviation, variance = plain(window)
    return rolling.deviation != 60 * deviation or rolling.variance != 3600 * variance


def test_sums_do_not_drift() -> None:
    """After two hundred thousand updates the sums are those of the window, to the last digit."""
    assert not drift(200_000)


@pytest.mark.long
def test_sums_do_not_drift_in_ten_million_updates() -> None:
    """After ten million updates they still are."""
    assert not drift(10_000_000)
