"""How the legs of a backtest are worked, from what the user said."""

from collections.abc import Sequence

from attrs import evolve

from algopioneer_core.config.runs import Settings
from algopioneer_core.domain.errors import ConfigError, RefusedError
from algopioneer_core.domain.instruments import Instrument
from algopioneer_core.domain.spreads import ShortMode
from algopioneer_core.engine.leg_entry import short_problem
from algopioneer_core.engine.leg_rules import LegRules
from algopioneer_core.simulation.spread_backtest import PATIENT_RULES

__all__ = ["backtest_rules", "refuse_leg_rules"]

_DEADLINES = ("patience_s", "max_residual_s")


def backtest_rules(asked: Settings, instruments: Sequence[Instrument]) -> LegRules:
    """
    Return the rules of a backtest's legs: deadlines are off unless one of them is set.

    Raises:
        ConfigError: A rule is unknown or out of its range.
        RefusedError: A leg would be sold short and cannot be; names the choices.
    """
    if not any(key in asked.filed or key in asked.flags for key in _DEADLINES):
        deadlines = {key: getattr(PATIENT_RULES, key) for key in _DEADLINES}
        asked = evolve(asked, filed={**deadlines, **asked.filed})
    rules = asked.make(LegRules)
    for leg, instrument in enumerate(instruments):
        problem = _short_problem(instrument, rules.short_mode_of(leg))
        if problem:
            second = leg == 1 and rules.second_short_mode is not None
            key = "second_short_mode" if second else "short_mode"
            raise RefusedError(problem, where=asked.place(key))
    return rules


def _short_problem(instrument: Instrument, mode: ShortMode) -> str:
    if mode is ShortMode.NONE:
        return (
            f"{instrument.id} would be sold short and short_mode is none; "
            "choose short_mode margin or derivative"
        )
    if mode is ShortMode.INVENTORY:
        return (
            "a backtest begins with cash and has no inventory to sell from; "
            "choose short_mode margin or derivative"
        )
    return short_problem(instrument, mode)


def refuse_leg_rules(asked: Settings) -> None:
    """
    Refuse rules for legs where there is one instrument.

    Raises:
        ConfigError: There are some.
    """
    for key in (*asked.flags, *asked.filed):
        raise ConfigError(
            "a strategy of one instrument has no legs",
            where=asked.place(key),
            remedy="leave it out",
        )
