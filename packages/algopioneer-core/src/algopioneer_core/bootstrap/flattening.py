"""A session that only leaves: its books and its venues, without anybody who would trade."""

from collections.abc import Iterable, Mapping
from typing import Final

from attrs import evolve

from algopioneer_core.domain.commands import StrategyCommand
from algopioneer_core.domain.events import Event
from algopioneer_core.engine.strategy import Requirements, StrategyContext
from algopioneer_core.runtime.plan import SessionPlan
from algopioneer_core.runtime.resume import Resume

__all__ = ["Bystander", "without_minds"]

_NOBODY: Final = "nobody"


class Bystander:
    """A strategy that sees everything and wants nothing; needs no history."""

    def requirements(self) -> Requirements:
        """Return none."""
        return Requirements()

    def on_event(
        self,
        event: Event,  # noqa: ARG002 - the protocol's signature
        context: StrategyContext,  # noqa: ARG002 - as above
    ) -> Iterable[StrategyCommand]:
        """Want nothing."""
        return ()

    def snapshot(self) -> Mapping[str, object]:
        """Return nothing: there is nothing to remember."""
        return {}

    def restore(self, state: Mapping[str, object]) -> None:
        """Remember nothing."""


def without_minds(plan: SessionPlan) -> SessionPlan:
    """
    Return *plan* with a bystander for each strategy, whose own code need not work to be left.

    The next session begins with fresh minds and history, because the fingerprints differ. In a
    replay the strategies stay: what they did since the last snapshot has to be derived again, and
    they are halted before anything new comes.
    """
    if plan.resume is Resume.CURSOR:
        return plan
    strategies = [
        evolve(each, make=Bystander, history=None, fingerprint=_NOBODY) for each in plan.strategies
    ]
    return evolve(plan, strategies=tuple(strategies))
