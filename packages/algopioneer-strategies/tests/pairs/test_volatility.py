"""Scaling by volatility shrinks z when the spread moves more than it did."""

import json
import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_strategies.volatility import VolatilityScale

CHANGES = st.lists(st.integers(-(2**40), 2**40), min_size=2, max_size=60)


@given(CHANGES, st.integers(1, 20), st.integers(2, 10))
def test_the_factor_is_window_volatility_over_weighted_volatility(
    changes: list[int], span: int, window: int
) -> None:
    """z is multiplied by the root of the plain over the weighted mean of squared changes."""
    scale = VolatilityScale(span, window)
    weighted = Fraction(changes[0] ** 2)  # a float would lose small changes beside large ones
    for step, change in enumerate(changes):
        scale.take(change)
        if step:
            weighted += (change**2 - weighted) * 2 / (span + 1)
    last = changes[-(window - 1) :]
    plain = sum(change**2 for change in last) / len(last)
    deviation, variance = scale.scaled(3, 4)
    if variance and weighted > 1e6:
        expected = 1.5 * math.sqrt(plain / weighted)
        assert deviation / math.sqrt(variance) == pytest.approx(expected, rel=1e-4)
    elif not plain:
        assert variance == 0


@pytest.mark.parametrize("change", [10**6, 2**40])
def test_a_steady_spread_is_not_scaled(change: int) -> None:
    """When all changes are of one size, z stays what it is."""
    scale = VolatilityScale(span=10, window=5)
    for step in range(50):
        scale.take(change if step % 2 else -change)
    deviation, variance = scale.scaled(7, 9)
    assert deviation**2 * 9 == 49 * variance


def test_turmoil_makes_z_smaller_and_calm_makes_it_larger() -> None:
    """A short span sees a change of pace before the window does."""
    paces = {"turmoil": [100] * 40 + [1000] * 3, "calm": [1000] * 40 + [100] * 3}
    scaled = {}
    for name, changes in paces.items():
        scale = VolatilityScale(span=2, window=30)
        for change in changes:
            scale.take(change * 2**20)
        deviation, variance = scale.scaled(2, 1)
        scaled[name] = deviation / math.sqrt(variance)
    assert scaled["turmoil"] < 1 < 4 < scaled["calm"]


def test_state_survives_a_snapshot() -> None:
    """A restored scale gives the same factor, now and after the next change."""
    scale, restored = VolatilityScale(5, 4), VolatilityScale(5, 4)
    for change in (3, -14, 15, 92, -65):
        scale.take(change * 10**6)
    restored.restore(json.loads(json.dumps(scale.snapshot())))
    assert restored.scaled(1, 1) == scale.scaled(1, 1)
    for each in (scale, restored):
        each.take(35 * 10**6)
    assert restored.scaled(1, 1) == scale.scaled(1, 1)
