"""Unit-root tests of one series give the numbers of Stata, statsmodels and the papers."""

import warnings
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from statsmodels.datasets import macrodata
from statsmodels.tsa.stattools import adfuller
from statsmodels.tsa.stattools import kpss as kpss_of_statsmodels

from algopioneer_strategies.research.lag_choice import LagCriterion, LagRule
from algopioneer_strategies.research.unit_roots import integration, kpss, unit_root

Floats = NDArray[np.float64]
FOUR = LagRule(LagCriterion.FIXED, 4)
ONE = LagRule(LagCriterion.FIXED, 1)
AIC = LagRule(LagCriterion.AIC)


@pytest.fixture(scope="module")
def economy() -> dict[str, Floats]:
    """Return US output and inflation, quarterly."""
    data = macrodata.load_pandas().data
    return {name: data[name].to_numpy(float) for name in ("realgdp", "infl")}


@pytest.mark.parametrize(
    ("name", "rule", "terms", "expected"),
    [
        ("realgdp", FOUR, 1, 0.97505319),
        ("realgdp", FOUR, 2, -1.8566374),
        ("realgdp", FOUR, 0, 3.5227498),
        ("infl", ONE, 1, -4.3346988),
        ("infl", ONE, 2, -4.425093),
        ("infl", ONE, 0, -2.4511596),
    ],
)
def test_statistics_are_those_of_stata(
    economy: dict[str, Floats], name: str, rule: LagRule, terms: int, expected: float
) -> None:
    """Output and inflation, with and without constant and trend."""
    assert unit_root(economy[name], rule, terms=terms).statistic == pytest.approx(
        expected, abs=1e-5
    )


def test_p_values_are_those_of_stata(economy: dict[str, Floats]) -> None:
    """Of the regressions with a constant."""
    assert unit_root(economy["realgdp"], FOUR, terms=1).p_value == pytest.approx(0.99399563)
    assert unit_root(economy["infl"], ONE, terms=1).p_value == pytest.approx(3.8661e-4, abs=1e-8)


def test_chosen_lags_are_those_of_statsmodels(walks: Callable[..., Floats]) -> None:
    """By AIC, with a constant, on a series that has lags to find."""
    steps = np.diff(walks(1, 300)[0])
    series = np.cumsum(np.convolve(steps, [1.0, 0.6, -0.4], mode="valid"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        statistic, _, lags = adfuller(series)[:3]
    found = unit_root(series, AIC, terms=1)
    assert lags == found.lags > 0
    assert found.statistic == pytest.approx(statistic, abs=1e-8)


def test_dependent_columns_are_solved_by_rotations() -> None:
    """A level that its own trend explains to ten digits: products alone would lose the rest."""
    noise = np.random.Generator(np.random.PCG64(5)).standard_normal(200)
    series = np.arange(200.0) + 1e-5 * noise
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        statistic = adfuller(series, maxlag=1, autolag=None, regression="ct")[0]
    assert unit_root(series, ONE, terms=2).statistic == pytest.approx(statistic, abs=1e-5)


def test_kpss_of_output_is_the_published_one(economy: dict[str, Floats]) -> None:
    """Real output about a level, three lags: 5.0169; and statsmodels' for the default lags."""
    assert kpss(economy["realgdp"], 3) == pytest.approx(5.0169, abs=1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = kpss_of_statsmodels(economy["infl"], nlags="legacy")[0]
    assert kpss(economy["infl"]) == pytest.approx(theirs, abs=1e-10)


def test_orders_of_integration_are_told_apart(walks: Callable[..., Floats]) -> None:
    """Noise stays, its sum wanders, and the sum of that wanders in its changes too."""
    walk = walks(1, 400, seed=3)[0]
    stays, wanders, twice = (
        integration(each, ONE) for each in (np.diff(walk), walk, np.cumsum(walk))
    )
    assert (True, False) == (stays.is_stationary, stays.is_integrated_twice)
    assert (False, False) == (wanders.is_stationary, wanders.is_integrated_twice)
    assert (False, True) == (twice.is_stationary, twice.is_integrated_twice)
