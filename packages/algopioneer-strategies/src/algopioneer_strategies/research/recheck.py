"""
What is reported is worked out once more, by statsmodels.

The screen never imports it: it takes a second to load and tests some hundred pairs a second. For
the few pairs that are reported a second opinion is cheap.
"""

import warnings
from collections.abc import Sequence
from typing import Final

from algopioneer_core.domain.errors import DataError
from algopioneer_strategies.research.screened_pair import Direction, ScreenedPair
from algopioneer_strategies.research.universe import AlignedCloses

__all__ = ["TOLERANCE", "recheck"]

TOLERANCE: Final = 1e-8
"""Largest difference of two statistics that is rounding."""


def recheck(closes: AlignedCloses, pairs: Sequence[ScreenedPair]) -> float:
    """
    Return the largest difference of a statistic or p-value from that of statsmodels.

    Args:
        closes: What the pairs were tested on.
        pairs: Those to be reported; what was not tested is passed over.

    Raises:
        DataError: The two differ by more than TOLERANCE: the pair must not be believed.
    """
    places = {symbol: place for place, symbol in enumerate(closes.symbols)}
    worst = 0.0
    for pair in pairs:
        for test, names in ((pair.ab, (pair.leg1, pair.leg2)), (pair.ba, (pair.leg2, pair.leg1))):
            if test is None:
                continue
            one, other = (closes.log_prices[places[name]] for name in names)
            difference = _difference(one, other, test)
            if difference > TOLERANCE:
                raise DataError(
                    f"two computations of the same test differ by {difference:.1e}",
                    where=f"{names[0]} on {names[1]}",
                    remedy="leave one of the two out: their prices are nearly collinear",
                )
            worst = max(worst, difference)
    return worst


def _difference(one: object, other: object, test: Direction) -> float:
    from statsmodels.tsa.stattools import coint

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of collinear legs, which were refused before
        statistic, p_value, _ = coint(one, other, maxlag=test.lags, autolag=None)
    return float(max(abs(statistic - test.statistic), abs(p_value - test.p_value)))
