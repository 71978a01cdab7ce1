"""How long the legs of a session may be uneven, where that depends on its venues and its feed."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from attrs import evolve

from algopioneer_core.domain.capabilities import Capabilities
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.domain.money import add, divide_half_even
from algopioneer_core.engine.leg_rules import LegRules
from algopioneer_core.runtime.execution_rules import ExecutionRules
from algopioneer_core.simulation.spread_backtest import PATIENT_RULES

__all__ = ["leg_deadlines"]

_TO_ASK_AND_CORRECT_S: Final = Decimal(20)
"""What the questions themselves take, and the correction that follows the answer."""


def leg_deadlines(
    rules: LegRules,
    *,
    is_given: bool,
    interval_ns: int,
    venues: Iterable[Capabilities],
    execution: ExecutionRules,
) -> LegRules:
    """
    Return *rules* with deadlines that this session can meet.

    In a replay an order fills at the next bar at the earliest, so a shorter deadline would halt
    every spread; without one, a replay does what the backtest does. At a live venue nothing can be
    ordered while the fate of an order is unknown. Unless the user says otherwise, the deadline is
    late enough to prove one lost request absent and to correct the legs after it.

    Args:
        rules: As configured.
        is_given: Whether the user has set `max_residual_s`.
        interval_ns: Length of its bars.
        venues: What the venues of the legs can do.
        execution: How orders are sent.
    """
    able = tuple(venues)
    if able and all(each.lockstep for each in able):
        return _without_deadlines(rules, interval_ns)
    if is_given:
        return rules
    needed = max((_seconds_to_know(each, execution) for each in able), default=Decimal(0))
    return evolve(rules, max_residual_s=max(rules.max_residual_s, needed))


def _without_deadlines(rules: LegRules, interval_ns: int) -> LegRules:
    if rules.patience_s * NS_PER_SECOND > interval_ns:
        return rules
    patient = PATIENT_RULES
    return evolve(rules, patience_s=patient.patience_s, max_residual_s=patient.max_residual_s)


def _seconds_to_know(venue: Capabilities, execution: ExecutionRules) -> Decimal:
    """Return how long it takes at most until a lost request is known to have placed nothing."""
    lag_s = divide_half_even(Decimal(venue.absence_after_ns), Decimal(NS_PER_SECOND), places=3)
    return add(add(execution.submit_timeout_s, lag_s), _TO_ASK_AND_CORRECT_S)
