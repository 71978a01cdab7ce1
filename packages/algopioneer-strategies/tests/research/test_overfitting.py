import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from algopioneer_core.domain.errors import RefusedError
from algopioneer_strategies.research.overfitting import (
    ReturnShape,
    deflate,
    deflated_sharpe,
    effective_trials,
    expected_maximum,
    minimum_track_record,
    overfitting_probability,
    probabilistic_sharpe,
)

DAILY = ReturnShape(1250, 2.5 / math.sqrt(250), skew=-3, kurtosis=10)
"""The worked example of the deflated Sharpe ratio: 2.5 a year, over five years of 250 days."""
HALF_A_YEAR = 0.5 / 250
"""The variance of the trials there, per day."""


def noise(trials: int, bars: int, seed: int) -> NDArray[np.float64]:
    """Return returns in which there is nothing."""
    return np.random.Generator(np.random.PCG64(seed)).normal(size=(trials, bars))


@pytest.mark.parametrize(
    ("skew", "kurtosis", "published"), [(0.0, 3.0, 0.982), (-2.448, 10.164, 0.913)]
)
def test_probabilistic_sharpe_of_the_published_example(
    skew: float, kurtosis: float, published: float
) -> None:
    """Two years of months at 0.458 a month: the shape of the returns costs seven points."""
    found = probabilistic_sharpe(ReturnShape(24, 0.458, skew, kurtosis))
    assert found == pytest.approx(published, abs=5e-4)


@pytest.mark.parametrize(("trials", "published"), [(10, 1.5746), (100, 2.5306), (1000, 3.2551)])
def test_expected_maximum_of_normal_numbers(trials: int, published: float) -> None:
    """The published approximation."""
    assert expected_maximum(trials) == pytest.approx(published, abs=1e-4)


def test_deflated_sharpe_of_the_published_example() -> None:
    """Of 100 trials it falls below 95 %; of 46, or of 88 with normal returns, it would not."""
    found = deflated_sharpe(DAILY, trials=100, variance=HALF_A_YEAR)
    assert found.by_luck == pytest.approx(0.1132, abs=5e-5)
    assert found.deflated == pytest.approx(0.9004, abs=5e-5)
    fewer = deflated_sharpe(DAILY, trials=46, variance=HALF_A_YEAR)
    assert fewer.deflated == pytest.approx(0.9505, abs=5e-5)
    normal = ReturnShape(DAILY.count, DAILY.sharpe)
    shaped = deflated_sharpe(normal, trials=88, variance=HALF_A_YEAR)
    assert shaped.deflated == pytest.approx(0.9505, abs=5e-5)


def test_one_trial_is_deflated_by_nothing() -> None:
    """The best of one is what it is; of none there is no best."""
    found = deflated_sharpe(DAILY, trials=1, variance=HALF_A_YEAR)
    assert found.deflated == probabilistic_sharpe(DAILY)
    with pytest.raises(RefusedError, match="0 trials"):
        expected_maximum(0)


@given(st.floats(0.01, 0.5), st.floats(-1, 0.5), st.floats(3, 12), st.floats(0.6, 0.999))
def test_minimum_track_record_is_where_the_probability_is_reached(
    sharpe: float, skew: float, kurtosis: float, confidence: float
) -> None:
    """With just so many returns, the probability that the ratio is above 0 is the confidence."""
    needed = minimum_track_record(ReturnShape(2, sharpe, skew, kurtosis), confidence=confidence)
    spread = ReturnShape(2, sharpe, skew, kurtosis).spread
    assert needed is not None
    assert spread is not None
    reached = NormalDist().cdf(sharpe * math.sqrt(needed - 1) / spread)
    assert reached == pytest.approx(confidence, abs=1e-9)


def test_what_is_undefined_is_none() -> None:
    """No returns, no deviation, ruin, a shape that no distribution has, a loser's record."""
    flat, ruined = np.zeros(10), np.array([0.1, np.nan])
    for returns in (np.array([0.1]), flat, ruined):
        assert ReturnShape.of(returns) is None
        assert deflate(returns, np.array([0.1, 0.2]), 2) is None
    assert probabilistic_sharpe(ReturnShape(1, 0.1)) is None
    impossible = ReturnShape(10, 1.0, skew=5.0)
    assert probabilistic_sharpe(impossible) is None
    assert minimum_track_record(impossible) is None
    assert minimum_track_record(ReturnShape(100, -0.1)) is None
    rising = np.array([0.1, 0.2, 0.1])
    assert deflate(rising, np.array([0.1, np.nan]), 2) is None


def test_shape_is_that_of_the_textbook() -> None:
    """Raw kurtosis: 3 for a normal distribution, 1 for a coin."""
    coin = ReturnShape.of(np.tile((0.02, -0.01), 50))
    assert coin is not None
    assert coin.kurtosis == pytest.approx(1.0)
    assert coin.skew == pytest.approx(0.0, abs=1e-12)
    normal = ReturnShape.of(noise(1, 100_000, 3)[0])
    assert normal is not None
    assert normal.kurtosis == pytest.approx(3.0, abs=0.05)


def test_deflate_takes_the_variance_of_the_trials() -> None:
    """Trials without a ratio have no part in the variance, and the number is as told."""
    returns = noise(1, 500, 4)[0]
    sharpes = np.array([0.1, 0.3, np.nan, 0.2])
    found, shape = deflate(returns, sharpes, 50), ReturnShape.of(returns)
    assert shape is not None
    assert found == deflated_sharpe(
        shape, trials=50, variance=float(np.var([0.1, 0.3, 0.2], ddof=1))
    )


def test_trials_that_go_together_count_once() -> None:
    """Three ideas in twelve disguises, one that never traded and one that was ruined."""
    ideas = noise(3, 400, 5)
    disguised = np.repeat(ideas, 4, axis=0) + 0.3 * noise(12, 400, 6)
    never, ruined = np.zeros((1, 400)), np.full((1, 400), np.nan)
    returns = np.concatenate((disguised, never, ruined))
    assert effective_trials(returns) == 3
    assert effective_trials(noise(20, 400, 7)) == 20
    assert effective_trials(never) == 0


def test_overfitting_of_noise_is_a_coin() -> None:
    """On average the best in sample is as often above the median out of it as below."""
    found = [overfitting_probability(noise(30, 400, seed), blocks=8) for seed in range(40)]
    mean = np.mean([each.probability for each in found if each])
    assert mean == pytest.approx(0.5, abs=0.06)


def test_overfitting_is_certain_where_gains_are_taken_back() -> None:
    """Columns without a mean: who is ahead in one half is behind in the other."""
    returns = noise(50, 1000, 1)
    found = overfitting_probability(returns - returns.mean(axis=1, keepdims=True))
    assert found is not None
    assert found.probability == 1.0
    assert found.loss_probability == 1.0
    assert len(found.logits) == math.comb(10, 5)


def test_overfitting_is_rare_with_one_better_trial() -> None:
    """A Sharpe ratio of 0.15 a bar among 49 of 0."""
    returns = noise(50, 1000, 2)
    returns[17] += 0.15
    found = overfitting_probability(returns)
    assert found is not None
    assert found.probability < 0.2


def test_overfitting_by_hand() -> None:
    """Two trials, two blocks: the winner of each half is the loser of the other."""
    first, second = [0.1, 0.3, -0.1, -0.3], [-0.1, -0.2, 0.2, 0.3]
    found = overfitting_probability(np.array([first, second]), blocks=2)
    assert found is not None
    assert found.probability == 1.0
    assert found.logits == pytest.approx([math.log(0.5)] * 2)
    # What is left of whole blocks is dropped at the beginning.
    longer = overfitting_probability(np.array([[9.0, *first], [-9.0, *second]]), blocks=2)
    assert longer is not None
    assert longer.logits.tolist() == found.logits.tolist()


def test_trials_that_are_equal_share_their_rank() -> None:
    """Two that never traded: neither is above the median."""
    found = overfitting_probability(np.zeros((2, 40)))
    assert found is not None
    assert set(found.logits) == {0.0}
    assert found.probability == 1.0


def test_overfitting_needs_trials_and_bars() -> None:
    """None where nothing can be compared; an odd number of blocks has no halves."""
    assert overfitting_probability(noise(1, 100, 1)) is None
    assert overfitting_probability(noise(5, 19, 1)) is None
    for blocks in (0, 3):
        with pytest.raises(RefusedError, match="cannot be halved"):
            overfitting_probability(noise(5, 100, 1), blocks=blocks)
