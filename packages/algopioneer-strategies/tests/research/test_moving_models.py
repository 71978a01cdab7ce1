"""Floats of a moving hedge say what its integers say, within the doubt that they state."""

from decimal import Decimal
from math import sqrt
from typing import Any

import numpy as np
import pytest

from algopioneer_strategies.pairs_config import HedgeMethod, PairsConfig
from algopioneer_strategies.research.moving_models import MovingModels
from algopioneer_strategies.zscore import Level

CELLS = {
    "ols": PairsConfig(hedge=HedgeMethod.OLS, window=15),
    "ols on a longer window": PairsConfig(hedge=HedgeMethod.OLS, window=15, hedge_window=40),
    "kalman": PairsConfig(hedge=HedgeMethod.KALMAN, window=15, kalman_r=Decimal("0.0001")),
}
BARS = np.array([60, 61, 99, 130])


@pytest.mark.parametrize("name", CELLS)
def test_floats_are_near_the_truth(made: Any, name: str) -> None:
    """At each bar's own hedge, and at one that was frozen before."""
    model = MovingModels(made.pair(200)).of(CELLS[name])
    reading = model.entries()
    for bar in BARS.tolist():
        deviation, variance = reading.exact(bar) or (0, 1)
        assert abs(deviation / sqrt(variance) - reading.z[bar]) <= reading.doubt[bar] < 1e-6
    hedges = model.frozen(BARS)
    z, doubt = model.at(hedges, lambda column: column[BARS[:, None] + [1, 20]])
    for row, bar in enumerate(BARS.tolist()):
        hedge = hedges.ratios.item(row), hedges.alphas.item(row)
        for place, behind in enumerate((1, 20)):
            deviation, variance = model.exact(hedge, bar + behind) or (0, 1)
            distance = deviation / sqrt(variance) - z[row, place]
            assert abs(distance) <= doubt[row, place] < 1e-6


def test_a_level_that_floats_cannot_tell_is_decided_by_integers(made: Any) -> None:
    """Each bar is as much in doubt as can be; the sides stay what they are."""
    level = Level(Decimal("0.7"))
    for cell in CELLS.values():
        reading = MovingModels(made.pair(120)).of(cell).entries()
        unsure = reading._replace(doubt=np.where(np.isnan(reading.z), 0.0, np.inf))
        assert np.array_equal(reading.side(level), unsure.side(level))


def test_cells_that_differ_by_their_levels_share_a_model(made: Any) -> None:
    """It is made once."""
    models = MovingModels(made.pair(120))
    for cell in CELLS.values():
        assert models.of(cell) is models.of(PairsConfig(
            hedge=cell.hedge, window=cell.window, hedge_window=cell.hedge_window,
            kalman_r=cell.kalman_r, z_entry=Decimal(3),
        ))  # fmt: skip
