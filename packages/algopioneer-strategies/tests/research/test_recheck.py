"""What is reported is worked out once more, and is not reported where the two differ."""

from collections.abc import Callable

import numpy as np
import pytest
from attrs import evolve
from numpy.typing import NDArray

from algopioneer_core.domain.errors import DataError
from algopioneer_strategies.research.recheck import TOLERANCE, Recheck, recheck, to_recheck
from algopioneer_strategies.research.screen import ScreenRule, screen
from algopioneer_strategies.research.universe import AlignedCloses

Walks = Callable[..., NDArray[np.float64]]


@pytest.fixture
def closes(walks: Walks) -> AlignedCloses:
    """Return three walks."""
    return AlignedCloses(("A", "B", "C"), 1, np.arange(200), walks(3, 200))


def test_two_computations_agree(closes: AlignedCloses) -> None:
    """Both directions of every pair, at the lags that were chosen."""
    pairs = screen(closes, ScreenRule()).every_pair()
    found = recheck(closes, pairs)
    assert 3 == found.pairs
    assert 0.0 < found.difference < TOLERANCE


def test_a_difference_is_refused(closes: AlignedCloses) -> None:
    """It names the direction; which of the two is wrong is not guessed."""
    pair = screen(closes, ScreenRule()).every_pair()[0]
    assert pair.ba is not None
    other = evolve(pair, ba=evolve(pair.ba, statistic=pair.ba.statistic + 1e-6))
    with pytest.raises(DataError, match=f"{pair.leg2} on {pair.leg1}: two computations .* 1.0e-06"):
        recheck(closes, [other])


def test_what_was_not_tested_is_passed_over(closes: AlignedCloses) -> None:
    """There is nothing to compare."""
    measured = screen(closes, ScreenRule(cointegration=False, max_half_life=1e9)).every_pair()
    assert Recheck(0, 0.0) == recheck(closes, measured)


def test_of_many_pairs_all_survivors_and_others_of_all_ranks_are_looked_at(
    closes: AlignedCloses,
) -> None:
    """In seconds; who reports few has all of them looked at."""
    failed = screen(closes, ScreenRule()).every_pair()[0]
    assert not failed.survives
    ranks = [evolve(failed, crossings=rank) for rank in range(90)]
    pairs = [*ranks[:20], evolve(failed, failures=()), *ranks[20:]]
    assert pairs == to_recheck(pairs)
    found = to_recheck(pairs, most=10)
    assert [True] + 9 * [False] == [pair.survives for pair in found]
    assert [10 * place for place in range(9)] == [pair.crossings for pair in found[1:]]
