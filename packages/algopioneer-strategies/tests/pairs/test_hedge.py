"""Cross sums give the window's regression and z-score at any ratio, exactly."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.domain.errors import RefusedError
from algopioneer_strategies.fixed_spread import fitted_hedge
from algopioneer_strategies.hedge import CrossSums, Hedge, ratio_units, rounded_ratio

VALUES = st.integers(-(2**45), 2**45)
PAIRS = st.lists(st.tuples(VALUES, VALUES), min_size=2, max_size=30)


def filled(pairs: list[tuple[int, int]], window: int) -> CrossSums:
    """Return sums that have taken *pairs*."""
    sums = CrossSums(window)
    for y, x in pairs:
        sums.take(y, x)
    return sums


@given(PAIRS, st.integers(2, 8), st.integers(-(10**10), 10**10))
def test_score_is_that_of_the_windows_spreads(
    pairs: list[tuple[int, int]], window: int, ratio: int
) -> None:
    """D and V at a ratio are those of the spreads written out at it."""
    sums = filled(pairs, window)
    assert sums.is_full == (len(pairs) >= window)
    if not sums.is_full:
        return
    spreads = [10**9 * y - ratio * x for y, x in pairs[-window:]]
    mean = Fraction(sum(spreads), window)
    squares = sum(((spread - mean) ** 2 for spread in spreads), Fraction(0))
    deviation, variance = sums.score(ratio)
    assert deviation == window * (spreads[-1] - mean)
    assert variance == window * squares
    assert sums.change(ratio) == spreads[-1] - spreads[-2]
    shift = sums.spreads(ratio)[0] - spreads[0]
    assert sums.spreads(ratio) == [spread + shift for spread in spreads]


@given(PAIRS, st.integers(2, 8))
def test_slope_is_least_squares(pairs: list[tuple[int, int]], window: int) -> None:
    """The slope is the exact one of the window, rounded once to nine decimals."""
    last = pairs[-window:]
    mean_y = Fraction(sum(y for y, _ in last), len(last))
    mean_x = Fraction(sum(x for _, x in last), len(last))
    below = sum((x - mean_x) ** 2 for _, x in last)
    above = sum((x - mean_x) * (y - mean_y) for y, x in last)
    expected = round(above / below * 10**9) if below else None
    assert filled(pairs, window).slope() == expected


def test_regression_is_numpys() -> None:
    """Slope and intercept agree with an ordinary polynomial fit."""
    draws = np.random.Generator(np.random.PCG64(2)).normal(0, 1, (2, 300))
    x = 4 + np.cumsum(draws[0]) / 100
    y = 0.3 + 1.7 * x + draws[1] / 100
    hedge = fitted_hedge(list(zip(y.tolist(), x.tolist(), strict=True)))
    slope, intercept = np.polyfit(x, y, 1)
    assert hedge.beta == pytest.approx(slope, abs=2e-9)
    assert hedge.alpha == pytest.approx(intercept, abs=1e-8)


@given(st.integers(), st.integers(1))
def test_ratios_are_rounded_half_to_even(numerator: int, denominator: int) -> None:
    """As Python rounds a fraction."""
    assert rounded_ratio(numerator, denominator) == round(Fraction(numerator, denominator))


def test_a_hedge_meets_money_with_nine_decimals() -> None:
    """Beta is rounded once, half to even, and then the same for spread and money."""
    hedge = Hedge(ratio_units(Decimal("1.2345678905")))
    assert hedge.decimal == Decimal("1.23456789")
    assert hedge.beta == 1.23456789


def test_sums_survive_a_snapshot() -> None:
    """A restored window gives the same score and slope, now and after the next pair."""
    pairs = [(2**44 + 7 * i * i, 2**43 - 5 * i) for i in range(9)]
    sums, restored = filled(pairs, 4), CrossSums(4)
    restored.restore(sums.snapshot())
    for each in (sums, restored):
        each.take(2**44, 2**43 + 11)
    assert restored.score(10**9) == sums.score(10**9)
    assert restored.slope() == sums.slope()


def test_sums_do_not_drift() -> None:
    """After many updates the sums are those of a fresh window."""
    pairs = [((i * 7919) % 2**42, (i * 104_729 * i) % 2**41) for i in range(50_000)]
    sums, fresh = filled(pairs, 60), filled(pairs[-60:], 60)
    assert sums.score(1_234_567_891) == fresh.score(1_234_567_891)
    assert sums.slope() == fresh.slope()


@pytest.mark.parametrize(
    ("log_b", "found"), [([0.1, 0.1, 0.1], "does not move"), ([0.3, 0.2, 0.1], "-")]
)
def test_a_fit_that_is_no_hedge_is_refused(log_b: list[float], found: str) -> None:
    """A ratio that is negative, or that cannot be estimated, is no pair."""
    with pytest.raises(RefusedError, match=found):
        fitted_hedge(list(zip([0.1, 0.2, 0.3], log_b, strict=True)))
