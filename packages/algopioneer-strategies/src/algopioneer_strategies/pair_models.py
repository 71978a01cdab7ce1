"""From the configuration of a pair to the model of its spread, bar by bar or for whole arrays."""

import math

import numpy as np
from numpy.typing import NDArray

from algopioneer_core.domain.errors import DataError
from algopioneer_core.history.columns import BarColumns
from algopioneer_strategies.fixed_spread import FittedSpread, FixedSpread, fitted_hedge
from algopioneer_strategies.hedge import Hedge, ratio_units
from algopioneer_strategies.kalman import KalmanSettings
from algopioneer_strategies.pairs_config import HedgeMethod, KalmanScore, PairsConfig
from algopioneer_strategies.rolling_spread import (
    InnovationSpread,
    KalmanHedge,
    LeastSquaresHedge,
    RollingSpread,
)
from algopioneer_strategies.spread import log_price, spread_units
from algopioneer_strategies.spread_model import SpreadModel
from algopioneer_strategies.volatility import VolatilityScale

__all__ = ["constant_spreads", "kalman_settings", "spread_model"]


def spread_model(config: PairsConfig) -> SpreadModel:
    """Return the model of the spread that *config* asks for."""
    span, window = config.volatility_span, config.window
    volatility = None if span is None else VolatilityScale(span, window)
    fit_bars = config.hedge_window or window
    match config.hedge:
        case HedgeMethod.FIXED:
            return FixedSpread(Hedge(ratio_units(config.beta)), window, volatility)
        case HedgeMethod.FITTED:
            return FittedSpread(fit_bars, window, volatility)
        case HedgeMethod.OLS:
            return RollingSpread(window, LeastSquaresHedge(fit_bars), volatility)
        case HedgeMethod.KALMAN:
            kalman = KalmanHedge(kalman_settings(config))
            if config.kalman_score is KalmanScore.INNOVATION:
                return InnovationSpread(kalman, window)
            return RollingSpread(window, kalman, volatility)


def kalman_settings(config: PairsConfig) -> KalmanSettings:
    """Return the model of the Kalman filter that *config* asks for."""
    noise = float(config.kalman_q)
    return KalmanSettings(
        q_alpha=noise,
        q_beta=noise,
        r=float(config.kalman_r),
        beta=float(config.beta),
        variance=float(config.kalman_variance),
        beta_min=-math.inf if config.beta_min is None else float(config.beta_min),
        beta_max=math.inf if config.beta_max is None else float(config.beta_max),
    )


def constant_spreads(
    config: PairsConfig, bars_a: BarColumns, bars_b: BarColumns
) -> tuple[NDArray[np.int64], Hedge] | None:
    """
    Return the spreads of joint bars in units of 2**-40 and their hedge, where it is constant.

    Returns:
        None when the hedge moves, when z is scaled by volatility, or when spreads are too large.

    Raises:
        DataError: The bars are not of the same times.
        RefusedError: The fitted hedge ratio is not positive.
    """
    if not np.array_equal(bars_a.ts_ns, bars_b.ts_ns):
        raise DataError(
            "the two legs' bars are not of the same times",
            where=f"{bars_a.instrument_id} / {bars_b.instrument_id}",
            remedy="join them first",
        )
    hedge = _constant_hedge(config, bars_a, bars_b)
    if hedge is None or config.volatility_span is not None:
        return None
    units = spread_units(
        (bars_a.close, bars_a.price_decimals), (bars_b.close, bars_b.price_decimals), hedge.beta
    )
    return None if units is None else (units, hedge)


def _constant_hedge(config: PairsConfig, bars_a: BarColumns, bars_b: BarColumns) -> Hedge | None:
    if config.hedge is HedgeMethod.FIXED:
        return Hedge(ratio_units(config.beta))
    if config.hedge is not HedgeMethod.FITTED:
        return None
    bars = config.hedge_window or config.window
    if len(bars_a) < bars:
        return None  # too short to fit: no decision either way
    legs = [
        [log_price(ticks, leg.price_decimals) for ticks in leg.close[:bars].tolist()]
        for leg in (bars_a, bars_b)
    ]
    return fitted_hedge(list(zip(*legs, strict=True)))
