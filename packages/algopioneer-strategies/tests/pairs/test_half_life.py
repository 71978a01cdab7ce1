"""Half-lives are those of an AR(1) process."""

import math

import numpy as np
import pytest

from algopioneer_strategies.half_life import half_life, hold_limit


def decaying(factor: float, count: int = 200) -> list[int]:
    """Return a process that comes back by a constant factor, without noise."""
    return [round(2**45 * factor**step) for step in range(count)]


@pytest.mark.parametrize("bars", [1.0, 5.0, 20.0])
def test_a_decay_has_its_half_life(bars: float) -> None:
    """A spread that halves in so many bars is estimated so."""
    assert half_life(decaying(0.5 ** (1 / bars), 60)) == pytest.approx(bars, rel=1e-6)


def test_estimate_is_that_of_a_regression() -> None:
    """With noise, the coefficient is the least-squares one of x(t) on x(t-1)."""
    draws = np.random.Generator(np.random.PCG64(4)).normal(0, 2**30, 300)
    values = [0]
    for draw in draws.tolist():
        values.append(round(0.9 * values[-1] + draw))
    slope = float(np.polyfit(values[:-1], values[1:], 1)[0])
    assert half_life(values) == pytest.approx(-math.log(2) / math.log(slope), rel=1e-9)


@pytest.mark.parametrize(
    "values", [[], [5], [5, 5, 5, 5], [1, 2, 4, 8, 16]], ids=["none", "one", "flat", "explosive"]
)
def test_what_does_not_come_back_has_no_half_life(values: list[int]) -> None:
    """And no time stop either."""
    assert half_life(values) is None
    assert hold_limit(values, 2.0) is None


def test_what_alternates_comes_back_at_once() -> None:
    """A negative coefficient: the time stop is one bar."""
    assert half_life([1, -1, 1, -1, 1]) == 0.0
    assert hold_limit([1, -1, 1, -1, 1], 2.0) == 1


def test_the_time_stop_is_rounded_up() -> None:
    """Two and a half half-lives of five bars are thirteen bars."""
    assert hold_limit(decaying(0.5 ** (1 / 5), 60), 2.5) == 13
