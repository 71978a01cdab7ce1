"""p-values and critical values are the published ones."""

import numpy as np
import pytest
from statsmodels.tsa.adfvalues import mackinnoncrit, mackinnonp

from algopioneer_strategies.research.critical_values import (
    critical_values,
    normal_tail,
    p_values,
)


@pytest.mark.parametrize("series", [1, 2])
def test_p_values_are_those_of_statsmodels(series: int) -> None:
    """Over both polynomials and both ends."""
    statistics = np.array(
        [-30.0, -18.85, -6.0, -3.3, -2.62, -2.61, -1.61, -1.6, 0.0, 0.9, 2.0, 3.0]
    )
    theirs = [mackinnonp(each, regression="c", N=series) for each in statistics]
    assert p_values(statistics, series=series) == pytest.approx(theirs, abs=1e-12)


def test_a_pair_is_not_a_series() -> None:
    """The same statistic that convicts a series acquits a pair."""
    assert p_values(np.array([-2.86]), series=1)[0] == pytest.approx(0.050, abs=5e-4)
    assert p_values(np.array([-2.86]), series=2)[0] == pytest.approx(0.147, abs=5e-4)


@pytest.mark.parametrize(
    ("series", "bars", "values"),
    [
        (1, 100, (-3.4975, -2.8909, -2.5824)),
        (1, 500, (-3.4435, -2.8673, -2.5699)),
        (2, 100, (-4.0093, -3.3979, -3.0871)),
        (2, 500, (-3.9185, -3.3484, -3.0529)),
    ],
)
def test_critical_values_are_the_published_ones(
    series: int, bars: int, values: tuple[float, ...]
) -> None:
    """MacKinnon's response surfaces of 2010, and statsmodels'."""
    ours = critical_values(series=series, bars=bars)
    assert ours == pytest.approx(values, abs=5e-5)
    assert ours == pytest.approx(mackinnoncrit(N=series, regression="c", nobs=bars), abs=1e-12)


def test_missing_statistics_have_no_p_value_and_shapes_are_kept() -> None:
    """NaN in, NaN out, in a table of any shape."""
    found = p_values(np.array([[np.nan, -3.0], [-2.0, -1.0]]), series=2)
    assert (2, 2) == found.shape
    assert [[True, False], [False, False]] == np.isnan(found).tolist()


def test_normal_tail_at_known_points() -> None:
    """One half at zero, one fortieth at 1.96."""
    assert normal_tail(np.array([0.0, 1.959963984540054])) == pytest.approx([0.5, 0.025])
