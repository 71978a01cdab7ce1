"""When a crashed strategy comes back, and when it is given up."""

from decimal import Decimal

import pytest

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.runtime.restart_policy import RestartBudget, RestartPolicy

_RULES = RestartPolicy(budget=4, backoff_s=Decimal(2), backoff_max_s=Decimal(10))


def _seconds(budget: RestartBudget, now_s: int) -> float | None:
    at_ns = budget.crashed(now_s * NS_PER_SECOND)
    return None if at_ns is None else at_ns / NS_PER_SECOND - now_s


def test_pauses_double_up_to_the_longest_and_the_budget_ends() -> None:
    """Full jitter draws from them; after the last restart it is given up."""
    budget = RestartBudget(_RULES, lambda _: 0.5)

    assert [_seconds(budget, 0) for _ in range(5)] == [1, 2, 4, 5, None]


def test_the_budget_is_whole_again_after_quiet_time() -> None:
    """Crashes far apart are not a habit."""
    budget = RestartBudget(_RULES, lambda _: 0.5)
    for _ in range(4):
        budget.crashed(0)

    assert _seconds(budget, 599) is None
    assert _seconds(budget, 599 + 600) == 1


def test_the_jitter_is_of_the_attempt_alone() -> None:
    """A run that is repeated waits as long; nothing is drawn in between."""
    budget = RestartBudget(_RULES, lambda attempt: attempt / 10)

    assert [_seconds(budget, 0) for _ in range(2)] == [pytest.approx(0.2), pytest.approx(0.8)]


def test_a_budget_survives_a_restart() -> None:
    """What was spent stays spent."""
    budget, again = RestartBudget(_RULES, lambda _: 0.5), RestartBudget(_RULES, lambda _: 0.5)
    for _ in range(3):
        budget.crashed(7)
    again.restore(budget.snapshot())

    assert [_seconds(again, 8), _seconds(again, 8)] == [5, None]


def test_no_restarts_may_be_asked_for() -> None:
    """A budget of none gives up at the first crash."""
    assert RestartBudget(RestartPolicy(budget=0), lambda _: 0.5).crashed(0) is None


def test_a_first_pause_above_the_longest_is_refused() -> None:
    """The configuration contradicts itself."""
    with pytest.raises(ConfigError, match="above backoff_max_s"):
        RestartPolicy(backoff_s=Decimal(5), backoff_max_s=Decimal(4))
