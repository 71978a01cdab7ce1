"""The filter equals statsmodels' state space, keeps its bounds and ignores what is not finite."""

import json
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from algopioneer_core.domain.errors import ConfigError
from algopioneer_strategies.kalman import KalmanFilter, KalmanSettings

SETTINGS = KalmanSettings(q_alpha=1e-5, q_beta=1e-5, r=1e-3)


def observations(seed: int, count: int = 400) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return y and x with a beta that wanders."""
    draws = np.random.Generator(np.random.PCG64(seed)).normal(0, 1, (4, count))
    x = 4 + np.cumsum(draws[0]) / 50
    beta = 1.3 + np.cumsum(draws[1]) / 100
    return 0.5 + np.cumsum(draws[2]) / 200 + beta * x + draws[3] / 30, x


def by_statsmodels(y: NDArray[np.float64], x: NDArray[np.float64], model: KalmanSettings) -> Any:
    """Filter the same model with statsmodels."""
    from statsmodels.tsa.statespace.kalman_filter import (
        KalmanFilter as StateSpace,
    )

    other = StateSpace(k_endog=1, k_states=2, tolerance=0)
    other.bind(np.asfortranarray(y[None, :]))
    other["design"] = np.stack((np.ones_like(x), x))[None, :, :]
    other["transition"] = other["selection"] = np.eye(2)
    other["state_cov"] = np.diag((model.q_alpha, model.q_beta))
    other["obs_cov"] = np.array([[model.r]])
    other.initialize_known(np.array((model.alpha, model.beta)), model.variance * np.eye(2))
    return other.filter()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "model",
    [
        SETTINGS,
        KalmanSettings(q_alpha=0, q_beta=0, r=1e-2),
        KalmanSettings(q_alpha=1e-3, q_beta=1e-7, r=1e-4, alpha=-2.0, beta=0.5, variance=0.1),
    ],
    ids=["default", "constant state", "uneven"],
)
def test_filter_equals_statsmodels(model: KalmanSettings, seed: int) -> None:
    """Innovations, their variances, priors and covariances agree to 1e-9 on random data."""
    y, x = observations(seed)
    theirs = by_statsmodels(y, x, model)
    mine = KalmanFilter.begin(model)
    for at in range(len(y)):
        innovation = mine.update(float(y[at]), float(x[at]))
        assert innovation is not None
        expected = (
            theirs.forecasts_error[0, at],
            theirs.forecasts_error_cov[0, 0, at],
            *theirs.predicted_state[:, at],
        )
        np.testing.assert_allclose(innovation, expected, rtol=1e-9, atol=1e-9)
        covariance = theirs.predicted_state_cov[:, :, at + 1]
        entries = (covariance[0, 0], covariance[0, 1], covariance[1, 1])
        np.testing.assert_allclose(mine.covariance, entries, rtol=1e-9, atol=1e-9)


def test_a_vague_start_loses_no_digits() -> None:
    """With a start a million times vaguer than the noise, the filter equals exact arithmetic."""
    y, x = observations(0, 20)
    model = KalmanSettings(q_alpha=1e-7, q_beta=1e-9, r=1e-2, variance=1e4)
    mine = KalmanFilter.begin(model)
    alpha, beta = Fraction(0), Fraction(1)
    p00, p01, p11 = Fraction(10**4), Fraction(0), Fraction(10**4)
    for at in range(len(y)):
        innovation = mine.update(float(y[at]), float(x[at]))
        now = Fraction(float(x[at]))
        error = Fraction(float(y[at])) - alpha - beta * now
        of_alpha, of_beta = p00 + now * p01, p01 + now * p11
        variance = of_alpha + now * of_beta + Fraction(model.r)
        exact = [float(number) for number in (error, variance, alpha, beta)]
        np.testing.assert_allclose(innovation, exact, rtol=1e-12, atol=1e-12)  # type: ignore[arg-type]  # not None
        alpha, beta = alpha + of_alpha / variance * error, beta + of_beta / variance * error
        p00 += Fraction(model.q_alpha) - of_alpha**2 / variance
        p01 -= of_alpha * of_beta / variance
        p11 += Fraction(model.q_beta) - of_beta**2 / variance


def test_a_constant_state_is_least_squares() -> None:
    """Without process noise and with a vague start, the filter ends on the regression."""
    y, x = observations(11)
    model = KalmanSettings(q_alpha=0, q_beta=0, r=1e-2, variance=1e8)
    mine = KalmanFilter.begin(model)
    for at in range(len(y)):
        mine.update(float(y[at]), float(x[at]))
    slope, intercept = np.polyfit(x, y, 1)
    assert (mine.beta, mine.alpha) == pytest.approx((slope, intercept), abs=1e-6)


def test_beta_is_held_within_its_bounds() -> None:
    """After an update that leads outside, beta stands on the bound, and the prior says so."""
    model = KalmanSettings(q_alpha=0, q_beta=1, r=1e-3, beta_min=0.5, beta_max=1.5)
    mine = KalmanFilter.begin(model)
    mine.update(100.0, 1.0)
    assert mine.beta == 1.5
    innovation = mine.update(-500.0, 1.0)
    assert innovation is not None
    assert innovation.beta == 1.5
    assert mine.beta == 0.5


@given(
    st.sampled_from((math.nan, math.inf, -math.inf)),
    st.sampled_from(("y", "x")),
)
def test_observations_that_are_not_finite_are_ignored(bad: float, where: str) -> None:
    """They are counted, have no innovation, and leave the state as it was."""
    mine = KalmanFilter.begin(SETTINGS)
    mine.update(4.0, 4.0)
    before = mine.snapshot()
    y, x = (bad, 4.0) if where == "y" else (4.0, bad)
    assert mine.update(y, x) is None
    assert mine.snapshot() == {**before, "ignored": 1}


def test_observations_that_overflow_are_ignored() -> None:
    """A number so large that its square is infinite must not destroy the state."""
    mine = KalmanFilter.begin(SETTINGS)
    assert mine.update(1.0, 1e200) is None
    assert mine.ignored == 1
    assert mine.update(1.0, 1.0) is not None


@given(st.lists(st.tuples(st.floats(-20, 20), st.floats(-20, 20)), max_size=200))
def test_the_covariance_stays_one(pairs: list[tuple[float, float]]) -> None:
    """Variances stay positive and the correlation within one, whatever is observed."""
    mine = KalmanFilter.begin(KalmanSettings(q_alpha=1e-9, q_beta=1e-9, r=1e-6))
    for y, x in pairs:
        innovation = mine.update(y, x)
        assert innovation is not None
        assert innovation.variance > 0
        of_alpha, of_both, of_beta = mine.covariance
        assert of_alpha > 0 < of_beta
        assert of_both**2 <= of_alpha * of_beta * (1 + 1e-9)


def test_state_survives_a_snapshot() -> None:
    """A filter restored from JSON goes on with the same bits."""
    y, x = observations(3, 50)
    mine, restored = KalmanFilter.begin(SETTINGS), KalmanFilter.begin(SETTINGS)
    for at in range(49):
        mine.update(float(y[at]), float(x[at]))
    restored.restore(json.loads(json.dumps(mine.snapshot())))
    assert restored == mine
    assert restored.update(float(y[49]), float(x[49])) == mine.update(float(y[49]), float(x[49]))


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"q_alpha": -1.0}, "q_alpha"),
        ({"q_beta": math.nan}, "q_beta"),
        ({"r": 0.0}, "r"),
        ({"variance": math.inf}, "variance"),
        ({"beta_min": 2.0, "beta_max": 1.0}, "beta_min"),
    ],
)
def test_impossible_models_are_refused(wrong: dict[str, float], where: str) -> None:
    """The error names what is wrong."""
    with pytest.raises(ConfigError) as caught:
        KalmanSettings(**{"q_alpha": 1e-5, "q_beta": 1e-5, "r": 1e-3} | wrong)
    assert caught.value.where == where
