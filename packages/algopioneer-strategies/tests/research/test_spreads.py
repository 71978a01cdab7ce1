"""What is said of spreads is true of series whose truth is known."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from algopioneer_strategies.research.spreads import describe_spreads, variance_ratios

Floats = NDArray[np.float64]


def noise(shape: tuple[int, ...], seed: int) -> Floats:
    """Return seeded normal numbers."""
    return np.random.Generator(np.random.PCG64(seed)).standard_normal(shape)


def reverting(count: int, bars: int, half_life: float, seed: int) -> Floats:
    """Return series that halve their distance to zero in *half_life* bars, in equilibrium."""
    keep = 0.5 ** (1.0 / half_life)
    steps = noise((count, bars), seed)
    series = np.empty((count, bars))
    series[:, 0] = steps[:, 0] / math.sqrt(1.0 - keep**2)
    for at in range(1, bars):
        series[:, at] = keep * series[:, at - 1] + steps[:, at]
    return series


def held(spreads: Floats, ratio: float, seed: int) -> tuple[Floats, NDArray[np.intp]]:
    """Return log prices of pairs whose spreads at *ratio* are those, and the pairs."""
    walks = np.cumsum(noise(spreads.shape, seed), axis=1)
    count = len(spreads)
    pairs = np.column_stack([np.arange(count), np.arange(count, 2 * count)])
    return np.concatenate([3.0 + ratio * walks + spreads, walks]), pairs


@pytest.mark.parametrize(("half_life", "plain"), [(5.0, 4.6), (20.0, 17.5)])
def test_half_lives_are_corrected_for_their_bias(half_life: float, plain: float) -> None:
    """The median of 300 estimates from 500 bars is nearer to the truth than the plain one's."""
    logs, pairs = held(reverting(300, 500, half_life, seed=1), 1.0, seed=2)
    found = describe_spreads(logs, pairs, np.ones(300))
    middle = float(np.median(found.half_lives))
    assert abs(middle - half_life) < abs(plain - half_life)
    inside = (found.half_life_lows <= half_life) & (half_life <= found.half_life_highs)
    assert 0.92 <= inside.mean() <= 0.99


def test_a_spread_that_does_not_come_back_has_no_half_life() -> None:
    """One that runs away has none, one that jumps over its mean has zero; intervals are open."""
    trend = np.exp(np.linspace(0.0, 3.0, 200))
    jumps = np.where(np.arange(200) % 2, 1.0, -1.0)
    logs, pairs = held(np.stack([trend, jumps]), 1.0, seed=3)
    found = describe_spreads(logs, pairs, np.ones(2))
    assert [np.inf, 0.0] == found.half_lives.tolist()
    assert np.inf == found.half_life_highs[0]
    assert [1, 199] == found.crossings.tolist()


def test_mean_and_deviation_are_those_of_the_spread() -> None:
    """The mean is the intercept; ddof is 0."""
    spreads = reverting(3, 300, 10.0, seed=4)
    logs, pairs = held(spreads, 0.5, seed=5)
    found = describe_spreads(logs, pairs, np.full(3, 0.5))
    assert found.means == pytest.approx(3.0 + spreads.mean(axis=1))
    assert found.deviations == pytest.approx(spreads.std(axis=1))


def test_hedge_intervals_cover_the_hedge() -> None:
    """About nineteen of twenty hold the true ratio, though residuals follow each other."""
    logs, pairs = held(reverting(200, 500, 5.0, seed=6), 0.8, seed=7)
    found = describe_spreads(logs, pairs, np.full(200, 0.8))
    inside = (found.hedge_lows < 0.8) & (0.8 < found.hedge_highs)
    assert 0.85 <= inside.mean() <= 0.99


def test_variance_ratio_of_a_walk_is_one_and_its_test_has_its_size() -> None:
    """5 % of walks are rejected at 5 %, give or take one and a half."""
    ratios, p_values = variance_ratios(np.cumsum(noise((2000, 1000), 8), axis=1), 4)
    assert float(ratios.mean()) == pytest.approx(1.0, abs=0.01)
    assert 0.035 <= float((p_values < 0.05).mean()) <= 0.065


def test_what_comes_back_has_a_small_variance_ratio() -> None:
    """Four independent levels apart differ as much as one."""
    ratios, p_values = variance_ratios(noise((1, 2000), 9), 4)
    assert float(ratios[0]) == pytest.approx(0.25, abs=0.02)
    assert p_values[0] < 1e-9


def test_no_pairs_have_no_figures() -> None:
    """Nobody survives, nothing is described."""
    found = describe_spreads(noise((2, 100), 1), np.empty((0, 2), np.intp), np.empty(0))
    assert (0, 0) == (len(found.half_lives), len(found.hedge_lows))
