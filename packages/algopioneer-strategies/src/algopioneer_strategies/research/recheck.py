"""
What is reported is worked out once more, by statsmodels.

The screen never imports it: it takes a second to load and tests some hundred pairs a second. For
the pairs that are reported a second opinion is cheap, unless every pair of a large universe is:
then all survivors have one, and of the others as many as take seconds, from all ranks.
"""

import warnings
from collections.abc import Sequence
from typing import Final

from attrs import frozen

from algopioneer_core.domain.errors import DataError
from algopioneer_strategies.research.screened_pair import Direction, ScreenedPair
from algopioneer_strategies.research.universe import AlignedCloses

__all__ = ["MOST_PAIRS", "TOLERANCE", "Recheck", "recheck", "to_recheck"]

MOST_PAIRS: Final = 1_000
"""Pairs that are looked at once more, where more are reported than survive: some ten seconds."""

TOLERANCE: Final = 1e-8
"""Largest difference of two statistics that is rounding."""


@frozen
class Recheck:
    """What came of a second computation."""

    pairs: int
    """Pairs that were worked out once more."""
    difference: float
    """Largest difference of a statistic or p-value from that of statsmodels."""


def to_recheck(pairs: Sequence[ScreenedPair], *, most: int = MOST_PAIRS) -> list[ScreenedPair]:
    """
    Return those of *pairs* that are worked out once more: all, where there are at most so many.

    Else all that survive, and of the others as many as there is room for, at equal distances.
    """
    if len(pairs) <= most:
        return list(pairs)
    survivors = [pair for pair in pairs if pair.survives]
    others = [pair for pair in pairs if not pair.survives]
    room = max(0, most - len(survivors))
    return survivors + [others[len(others) * place // room] for place in range(room)]


def recheck(closes: AlignedCloses, pairs: Sequence[ScreenedPair]) -> Recheck:
    """
    Work the tests of *pairs* out by statsmodels, and return how far the two are apart.

    Args:
        closes: What the pairs were tested on.
        pairs: Those to be reported; what was not tested is passed over.

    Raises:
        DataError: The two differ by more than TOLERANCE: the pair must not be believed.
    """
    places = {symbol: place for place, symbol in enumerate(closes.symbols)}
    worst, tested = 0.0, 0
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
        tested += pair.ab is not None
    return Recheck(tested, worst)


def _difference(one: object, other: object, test: Direction) -> float:
    from statsmodels.tsa.stattools import coint

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of collinear legs, which were refused before
        statistic, p_value, _ = coint(one, other, maxlag=test.lags, autolag=None)
    return float(max(abs(statistic - test.statistic), abs(p_value - test.p_value)))
