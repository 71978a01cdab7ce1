"""
From aligned closes to the bars that a grid and the engines trade on.

A screen looks at logarithms of floats; money needs prices on a grid. A price that was written with
a few decimals is found again to the last digit. Files of closes have no opens: each bar opens where
it closes, so nothing but `next-close` fills may be asked of these bars.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from algopioneer_core.domain.errors import DataError
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.history.columns import BarColumns
from algopioneer_core.history.joined import JointColumns
from algopioneer_strategies.research.universe import AlignedCloses
from algopioneer_strategies.spread import TENS

__all__ = ["pair_bars", "price_ticks"]

VENUE: Final = "data"
"""What the instruments of files belong to."""
_SAME: Final = 1e-13
"""Part of a price by which the logarithm and back may have moved it."""
_MOST_DECIMALS: Final = 15
_MOST_TICKS: Final = 2.0**53
_FINE: Final = 1e9
"""Ticks in the lowest price, where prices are on no grid of decimals."""


def pair_bars(closes: AlignedCloses, first: str, second: str) -> JointColumns:
    """
    Return the joint bars of two symbols of *closes*, in that order.

    Raises:
        DataError: A price is too large or too small to be written as an integer of ticks.
    """
    return JointColumns((_leg(closes, first), _leg(closes, second)))


def _leg(closes: AlignedCloses, symbol: str) -> BarColumns:
    prices = np.exp(closes.log_prices[closes.symbols.index(symbol)])
    ticks, decimals = price_ticks(prices, where=symbol)
    return BarColumns(
        instrument_id=InstrumentId(VENUE, symbol),
        interval_ns=closes.interval_ns,
        ts_ns=closes.times_ns,
        open=ticks,
        high=ticks,
        low=ticks,
        close=ticks,
        volume=np.zeros(len(ticks), np.int64),
        price_decimals=decimals,
        volume_decimals=0,
    )


def price_ticks(prices: NDArray[np.float64], *, where: str) -> tuple[NDArray[np.int64], int]:
    """
    Return *prices* as integers of 10**-decimals, with the fewest decimals that keep them.

    Where none do (adjusted prices), they are rounded to a billionth of the lowest.

    Raises:
        DataError: They need more digits than there are.
    """
    lowest = float(prices.min())
    decimals = next(each for each in range(_MOST_DECIMALS + 1) if _keeps(prices, each))
    ticks = np.rint(prices * TENS[decimals])
    if float(ticks.max()) > _MOST_TICKS or ticks.min() < 1:
        raise DataError(
            f"prices between {lowest:g} and {float(prices.max()):g} do not fit on one grid",
            where=where,
            remedy="leave the symbol out, or use a shorter history",
        )
    return ticks.astype(np.int64), decimals


def _keeps(prices: NDArray[np.float64], decimals: int) -> bool:
    """Tell whether so many decimals keep the prices, or are all there is."""
    scaled = prices * TENS[decimals]
    if decimals == _MOST_DECIMALS or float(scaled.min()) >= _FINE:
        return True
    return bool((np.abs(np.rint(scaled) - scaled) <= _SAME * scaled).all())
