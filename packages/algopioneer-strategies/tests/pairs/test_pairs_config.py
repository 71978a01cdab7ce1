"""What the pairs strategy refuses, by the key that is wrong."""

from decimal import Decimal
from typing import Any

import pytest

from algopioneer_core.domain.errors import ConfigError
from algopioneer_strategies.pairs import Pairs
from algopioneer_strategies.pairs_config import HedgeMethod, KalmanScore, PairsConfig


def test_defaults_are_the_documented_ones() -> None:
    """Beta 1, window 60, entry 2, exit 0.5; no stop, no scaling, all of the equity."""
    config = PairsConfig()
    assert config.hedge is HedgeMethod.FIXED
    assert (config.beta, config.window) == (Decimal(1), 60)
    assert (config.z_entry, config.z_exit) == (Decimal(2), Decimal("0.5"))
    assert (config.z_stop, config.time_stop, config.volatility_span) == (None, None, None)
    assert config.position_size == 1
    assert config.notional is None


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"z_exit": Decimal(2)}, "z_exit"),
        ({"z_exit": Decimal(3)}, "z_exit"),
        ({"z_exit": Decimal(-2)}, "z_exit"),
        ({"z_entry": Decimal(0)}, "z_entry"),
        ({"z_stop": Decimal(2)}, "z_stop"),
        ({"window": 1}, "window"),
        ({"hedge_window": 1}, "hedge_window"),
        ({"time_stop": Decimal(0)}, "time_stop"),
        ({"beta": Decimal(0)}, "beta"),
        ({"beta": Decimal("0.0000000001")}, "beta"),
        ({"notional": Decimal(-100)}, "notional"),
        ({"position_size": Decimal("1.1")}, "position_size"),
        ({"kalman_r": Decimal(0)}, "kalman_r"),
        ({"kalman_q": Decimal(-1)}, "kalman_q"),
        ({"volatility_span": 0}, "volatility_span"),
        ({"beta_min": Decimal(2), "beta_max": Decimal(1)}, "beta_min"),
        ({"hedge": HedgeMethod.KALMAN, "volatility_span": 10}, "volatility_span"),
    ],
)
def test_what_contradicts_itself_is_refused(wrong: dict[str, Any], where: str) -> None:
    """One line that names the key and what would do."""
    with pytest.raises(ConfigError) as caught:
        PairsConfig(**wrong)
    assert caught.value.where == where


def test_one_instrument_twice_is_no_pair(kit: Any) -> None:
    """The same symbol on both sides has no spread."""
    with pytest.raises(ConfigError, match="two different instruments"):
        Pairs(PairsConfig(), kit.A, kit.A)


@pytest.mark.parametrize(
    ("config", "bars"),
    [
        (PairsConfig(), 60),
        (PairsConfig(hedge_window=200), 60),
        (PairsConfig(hedge=HedgeMethod.FITTED, hedge_window=200), 200),
        (PairsConfig(hedge=HedgeMethod.OLS, hedge_window=20), 60),
        (PairsConfig(hedge=HedgeMethod.OLS, hedge_window=90), 90),
        (PairsConfig(hedge=HedgeMethod.KALMAN), 60),
        (PairsConfig(hedge=HedgeMethod.KALMAN, kalman_score=KalmanScore.WINDOW), 60),
    ],
)
def test_warmup_fills_the_windows(kit: Any, config: PairsConfig, bars: int) -> None:
    """The first decision is at the last bar of the longest window that is used."""
    assert Pairs(config, kit.A, kit.B).requirements().warmup_bars == bars
