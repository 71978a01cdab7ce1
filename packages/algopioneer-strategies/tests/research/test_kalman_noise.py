"""A Kalman hedge is searched with noises that suit the pair."""

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import numpy as np
from attrs import evolve

from algopioneer_strategies.pairs_config import HedgeMethod, PairsConfig
from algopioneer_strategies.research.grid import run_grid
from algopioneer_strategies.research.grid_spec import GridMarket, GridSpec
from algopioneer_strategies.research.kalman_noise import noises, with_noises

KALMAN = PairsConfig(hedge=HedgeMethod.KALMAN)
SPEC = GridSpec(
    windows=(40,),
    entries=(Decimal("1.5"),),
    exits=(Decimal(0),),
    hedges=(PairsConfig(hedge=HedgeMethod.OLS), KALMAN),
)


def test_noises_are_those_of_the_spread() -> None:
    """R is its variance; alpha and beta together move by R over the square of 20 half-lives."""
    walk, noise = noises(0.02, 5.0, np.array([3.0, 3.0]))
    assert noise == Decimal("0.0004")
    assert walk == Decimal("4e-9")  # 0.0004 / (10 * 100**2)


def test_a_pair_is_traded_that_the_defaults_hardly_trade(made: Any) -> None:
    """Hedges of other kinds stay as they are; a half-life may have no number."""
    joint = made.pair(700, seed=3)
    second = np.log(joint.legs[1].close_float())
    pair: Any = SimpleNamespace(deviation=0.012, half_life=None)
    suited = with_noises(SPEC, pair, second)
    ols, kalman = suited.hedges
    assert ols == SPEC.hedges[0]
    walk, noise = noises(0.012, 70.0, second)
    assert kalman == evolve(KALMAN, kalman_q=walk, kalman_r=noise)
    trades = [run_grid(each, joint, GridMarket()).trades[1] for each in (SPEC, suited)]
    assert 2 * trades[0] < trades[1] > 10
    plain = evolve(SPEC, hedges=SPEC.hedges[:1])
    assert with_noises(plain, pair, second) is plain
