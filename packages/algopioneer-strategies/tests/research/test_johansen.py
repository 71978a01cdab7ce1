"""Johansen's tests give the published numbers of Danish money demand."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from statsmodels.datasets import danish_data

from algopioneer_core.domain.errors import NotEnoughData, RefusedError
from algopioneer_strategies.research.johansen import Johansen, johansen

Floats = NDArray[np.float64]
Walks = Callable[..., Floats]


@pytest.fixture(scope="module")
def money() -> Johansen:
    """Return the tests of Johansen and Juselius (1990): two lags in levels, seasonal dummies."""
    data = danish_data.load_pandas().data
    series = data[["lrm", "lry", "ibo", "ide"]].to_numpy(float).T
    seasons = np.tile(np.eye(4)[:, :3] - 0.25, (len(data) // 4 + 1, 1))[: len(data)]
    return johansen(series, 1, outside=seasons)


def test_danish_money_demand(money: Johansen) -> None:
    """Eigenvalues, both statistics and the relation, as R's urca prints them from the paper."""
    assert 53 == money.rows
    assert money.eigenvalues == pytest.approx(
        [0.4331654, 0.1775836, 0.1127905, 0.0434113], abs=6e-8
    )
    assert money.largest == pytest.approx([30.09, 10.36, 6.34, 2.35], abs=6e-3)
    assert money.trace == pytest.approx([49.14, 19.06, 8.69, 2.35], abs=6e-3)
    assert money.relations[:, 0] == pytest.approx(
        [1.0, -1.032949, 5.206919, -4.215879, -6.059932], abs=1e-5
    )


def test_rank_is_where_the_trace_first_does_not_reject(money: Johansen, walks: Walks) -> None:
    """The trace of Danish money (49.14) stays below 53.12; a planted pair has one relation."""
    assert 0 == money.rank
    found = walks(2, 400, seed=2)
    noise = np.random.Generator(np.random.PCG64(7)).standard_normal(400)
    found[1] = 2.0 * found[0] + 0.05 * noise - 1.0
    planted = johansen(found, 1)
    assert 1 == planted.rank
    assert planted.relations[:, 0] == pytest.approx([1.0, -0.5, -0.5], abs=0.15)
    assert 2 == johansen(noise.reshape(2, 200), 0).rank


def test_what_cannot_be_tested_is_refused(walks: Walks) -> None:
    """Collinear legs, and fewer times than the regressions need."""
    one = walks(1, 100)[0]
    with pytest.raises(RefusedError, match="collinear"):
        johansen(np.stack([one, 2.0 * one + 1.0]), 1)
    with pytest.raises(NotEnoughData, match="12 times are too few"):
        johansen(walks(2, 12), 3)
