"""The number of lags: the longest that is tried, the one that is chosen, and when it is a tie."""

import math

import numpy as np
import pytest

from algopioneer_core.domain.errors import ConfigError, NotEnoughData
from algopioneer_strategies.research.lag_choice import (
    LagCriterion,
    LagRule,
    choose_lags,
    schwert_lags,
)

ROWS = 100


def test_longest_number_of_lags_is_schwerts() -> None:
    """12 (n / 100)^(1/4), rounded up, and less than half of a short series."""
    assert [12, 15, 26, 9] == [schwert_lags(bars) for bars in (100, 240, 2160, 20)]


@pytest.mark.parametrize(
    ("criterion", "price"), [(LagCriterion.AIC, 2.0), (LagCriterion.BIC, math.log(ROWS))]
)
def test_a_lag_must_be_worth_its_price(criterion: LagCriterion, price: float) -> None:
    """It is taken where it lowers n ln SSR by more than its price; equal is a tie."""
    gains = np.array([1.01, 0.99, 1.0, 1.0 + 1e-8])
    squares = np.stack([np.ones(4), np.exp(-gains * price / ROWS)])
    lags, tied = choose_lags(squares, ROWS, criterion)
    assert [1, 0, 1] == lags[[0, 1, 3]].tolist()
    assert [False, False, True, False] == tied.tolist()


def test_a_rule_that_cannot_be_followed_is_refused() -> None:
    """A fixed number that is not given, a number below zero, more lags than closes allow."""
    with pytest.raises(ConfigError, match="fixed number of lags is not given"):
        LagRule(LagCriterion.FIXED)
    with pytest.raises(ConfigError, match="zero or more, not -1"):
        LagRule(LagCriterion.AIC, -1)
    with pytest.raises(NotEnoughData, match="29 joint closes, and a test with 1 lags needs 30"):
        LagRule(LagCriterion.FIXED, 1).most(29)
    with pytest.raises(NotEnoughData, match="with 40 lags needs 84"):
        LagRule(LagCriterion.FIXED, 40).most(80)
