"""Many pairs at once give what statsmodels gives for each, and what it cannot judge is refused."""

import subprocess
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from statsmodels.datasets import macrodata
from statsmodels.tsa.stattools import coint

from algopioneer_strategies.research import cointegration
from algopioneer_strategies.research.cointegration import PairTests, all_pairs, engle_granger
from algopioneer_strategies.research.lag_choice import LagCriterion, LagRule

Floats = NDArray[np.float64]
Walks = Callable[..., Floats]

FIXED = LagRule(LagCriterion.FIXED, 1)
AIC = LagRule(LagCriterion.AIC)
RULES: dict[str, tuple[LagRule, dict[str, Any]]] = {
    "no lag": (LagRule(LagCriterion.FIXED, 0), {"maxlag": 0, "autolag": None}),
    "three lags": (LagRule(LagCriterion.FIXED, 3), {"maxlag": 3, "autolag": None}),
    "AIC": (AIC, {}),
    "AIC, few": (LagRule(LagCriterion.AIC, 4), {"maxlag": 4}),
    "BIC": (LagRule(LagCriterion.BIC), {"autolag": "bic"}),
}


def differences(log_prices: Floats, tests: PairTests, **how: Any) -> tuple[float, float]:
    """Return the largest differences of statistics and p-values from statsmodels."""
    rows = []
    for place, pair in enumerate(tests.pairs):
        for direction, (one, other) in enumerate((pair, pair[::-1])):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                statistic, p_value, _ = coint(log_prices[one], log_prices[other], **how)
            rows.append(
                (
                    statistic - tests.statistics[direction, place],
                    p_value - tests.p_values[direction, place],
                )
            )
    worst = np.abs(rows).max(axis=0)
    return float(worst[0]), float(worst[1])


@pytest.fixture
def mixed(walks: Walks) -> Floats:
    """Return series of which some are held to others: loosely, closely, and almost wholly."""
    found = walks(6, 240)
    noise = np.random.Generator(np.random.PCG64(2)).standard_normal((3, found.shape[1]))
    found[1] = 0.8 * found[0] + 0.02 * noise[0]
    found[2] = 1.3 * found[0] + 3e-4 * noise[1]  # a thousandth of a per cent is left
    found[3] += np.convolve(0.02 * noise[2], [1.0, -0.7, 0.4], mode="same")  # lags to be chosen
    return found


@pytest.mark.parametrize("name", RULES)
def test_statistics_and_p_values_are_those_of_statsmodels(mixed: Floats, name: str) -> None:
    """To 1e-8, in both directions, whatever chooses the lags, the closest legs included."""
    rule, how = RULES[name]
    # All that are close to another leg, and some that are not: statsmodels takes its time.
    tests = engle_granger(mixed, all_pairs(len(mixed))[:8], rule)
    statistic, p_value = differences(mixed, tests, **how)
    assert statistic < 1e-8
    assert p_value < 1e-8
    assert not tests.collinear.any()


def test_legs_that_nearly_explain_each_other_are_solved_the_exact_way(
    walks: Walks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part in a hundred thousand is left of one leg: products lose what rotations keep."""
    one = walks(1, 300)[0]
    noise = np.random.Generator(np.random.PCG64(3)).standard_normal(len(one))
    close = np.stack([one, one + 3e-3 * float(np.std(one)) * noise])
    tests = engle_granger(close, all_pairs(2), AIC)
    assert max(differences(close, tests)) < 1e-8

    monkeypatch.setattr(cointegration, "_CANCELLED", 1e-30)
    by_products = engle_granger(close, all_pairs(2), AIC)
    assert not np.array_equal(tests.statistics, by_products.statistics)


def test_tiles_and_batches_change_nothing(mixed: Floats, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut into blocks of two symbols and batches of three pairs, the numbers stay."""
    pairs = all_pairs(len(mixed))
    whole = engle_granger(mixed, pairs, AIC)
    seen: list[tuple[int, int]] = []
    monkeypatch.setattr(cointegration, "_TILE", (2, 2))
    monkeypatch.setattr(cointegration, "_BATCH", 3)
    tiled = engle_granger(mixed, pairs, AIC, watch=lambda *told: seen.append(told))
    assert np.allclose(whole.statistics, tiled.statistics, rtol=0, atol=1e-9)
    assert np.array_equal(whole.lags, tiled.lags)
    assert (6, (15, 15)) == (len(seen), seen[-1])
    assert sorted(seen) == seen


def test_some_pairs_are_tested_as_among_all(mixed: Floats) -> None:
    """A family with holes, in any order, has the numbers of the whole."""
    pairs = all_pairs(len(mixed))
    some = np.array([13, 0, 7, 4, 11])
    whole, part = engle_granger(mixed, pairs, AIC), engle_granger(mixed, pairs[some], AIC)
    assert np.allclose(whole.statistics[:, some], part.statistics, rtol=0, atol=1e-9)
    assert np.array_equal(whole.lags[:, some], part.lags)


@pytest.mark.parametrize("rule", [FIXED, AIC], ids=["fixed", "AIC"])
def test_collinear_legs_are_refused(walks: Walks, rule: LagRule) -> None:
    """Where statsmodels answers minus infinity, nothing is claimed; the others are tested."""
    found = walks(3, 200)
    found[1] = 2.0 - 0.5 * found[0]
    tests = engle_granger(found, all_pairs(3), rule)
    assert [True, False, False] == tests.collinear.tolist()
    assert np.isnan(tests.statistics[:, 0]).all()
    assert np.isnan(tests.p_values[:, 0]).all()
    assert np.isfinite(tests.statistics[:, 1:]).all()


def test_published_consumption_and_income() -> None:
    """US real consumption on real income, no lags: -1.830170986148."""
    data = macrodata.load_pandas().data
    series = np.stack([data["realcons"], data["realgdp"]]).astype(float)
    tests = engle_granger(series, all_pairs(2), LagRule(LagCriterion.FIXED, 0))
    assert tests.statistics[0, 0] == pytest.approx(-1.830170986148, abs=1e-9)
    assert tests.p_values[0, 0] == pytest.approx(0.61495, abs=1e-5)


def test_seeded_series_have_the_statistic_of_stata() -> None:
    """`egranger`, four lags, a constant: -5.760696844656."""
    draw = np.random.RandomState(123)
    unit = draw.randn(200).cumsum()
    found = draw.randn(200, 4)
    found[:, :2] += unit[:, None]
    found = np.round(found + np.array([1, 0, 0.5, 0]), 4)
    tests = engle_granger(found[:, :2].T, all_pairs(2), LagRule(LagCriterion.FIXED, 4))
    assert tests.statistics[0, 0] == pytest.approx(-5.760696844656, abs=1e-9)


def test_the_screen_never_imports_statsmodels() -> None:
    """Two polynomials and an error function are all it takes."""
    code = (
        "import sys, numpy as np\n"
        "from algopioneer_strategies.research.screen import ScreenRule, screen\n"
        "from algopioneer_strategies.research.universe import AlignedCloses\n"
        "noise = np.random.Generator(np.random.PCG64(1)).standard_normal((4, 200))\n"
        "closes = AlignedCloses(tuple('ABCD'), 1, np.arange(200), np.cumsum(noise, axis=1))\n"
        "assert screen(closes, ScreenRule()).test_count == 6\n"
        "print(sorted({'statsmodels', 'scipy', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "[]" == done.stdout.strip()
