"""
Changing a running session: strategies are added, removed and reconfigured, the others trade on.

A strategy whose configuration changed keeps its books, its orders and its name, and begins with a
fresh mind that is warmed up from history. One that is removed leaves by its own `on_remove`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from algopioneer_core.domain.events import RiskHalted, RiskResumed
from algopioneer_core.ports import Clock
from algopioneer_core.runtime.floor import Alarm, Floor
from algopioneer_core.runtime.plan import StrategyPlan
from algopioneer_core.runtime.restart_policy import OnRemove
from algopioneer_core.runtime.runner import StrategyRunner

__all__ = ["REMOVED", "Reloader", "fresh_mind", "wanted_again"]

REMOVED: Final = "removed from the configuration"
"""Why a strategy that leaves opens nothing; putting it back lifts that."""
Begin = Callable[[StrategyPlan, Mapping[str, Any] | None], Awaitable[None]]


def fresh_mind(saved: Mapping[str, Any]) -> dict[str, Any]:
    """Return a runner's snapshot without what the strategy itself remembered."""
    return {**saved, "strategy": None, "since": [], "last_bar_ns": 0, "intake": {}}


def wanted_again(saved: Mapping[str, Any]) -> dict[str, Any]:
    """Return a runner's snapshot for one that is in the configuration: it does not leave."""
    return {**saved, "draining": False}


class Reloader:
    """
    Brings a live session to another list of strategies.

    Args:
        floor: The strategies.
        begin: Gives a strategy its place, from a snapshot or afresh, and starts it.
        end: Ends the task of a strategy.
        clock: The time.
        alarm: Tells people what was not done.
        leave: Called with each strategy that is taken away, while it is whole: keeps its books.
    """

    def __init__(
        self,
        floor: Floor,
        begin: Begin,
        end: Callable[[str], None],
        clock: Clock,
        alarm: Alarm,
        leave: Callable[[StrategyRunner], None] = lambda _: None,
    ) -> None:
        self._floor = floor
        self._begin = begin
        self._end = end
        self._clock = clock
        self._alarm = alarm
        self._leave = leave

    async def apply(self, plans: Sequence[StrategyPlan]) -> list[str]:
        """
        Add, remove and reconfigure until the session runs *plans*; return what was done, in words.

        Strategies that are as they were are not touched, and one that is leaving stays when it is
        wanted again. What is refused is told and left as it is.
        """
        wanted = {plan.name: plan for plan in plans}
        done = [
            self._remove(runner)
            for name, runner in tuple(self._floor.runners.items())
            if name not in wanted and not runner.draining
        ]
        for name, plan in wanted.items():
            runner = self._floor.runners.get(name)
            if runner is None:
                await self._begin(plan, None)
                done.append(f"{name} was added")
            elif runner.draining or runner.plan.fingerprint != plan.fingerprint:
                done.append(await self._reconfigure(runner, plan))
        self.lift()
        return done

    def lift(self) -> None:
        """Let strategies that were removed, and are here again, open positions again."""
        for name, runner in tuple(self._floor.runners.items()):
            if not runner.draining and self._floor.risk.halted(name) == REMOVED:
                self._floor.deliver(runner, RiskResumed(self._clock.now_ns(), name))

    async def _reconfigure(self, runner: StrategyRunner, plan: StrategyPlan) -> str:
        if runner.holds and set(runner.plan.instrument_ids) != set(plan.instrument_ids):
            return self._refuse(
                runner, "it has a position or orders in instruments that it would trade no more"
            )
        saved = wanted_again(runner.snapshot())
        changed = runner.plan.fingerprint != plan.fingerprint
        self._end(runner.name)
        self._take_away(runner)
        await self._begin(plan, fresh_mind(saved) if changed else saved)
        return f"{runner.name} was {'reconfigured' if changed else 'put back'}"

    def _take_away(self, runner: StrategyRunner) -> None:
        self._leave(runner)
        self._floor.remove(runner.name)

    def _remove(self, runner: StrategyRunner) -> str:
        name = runner.name
        if not runner.holds:
            self._end(name)
            self._take_away(runner)
            return f"{name} was removed"
        policy = runner.plan.on_remove
        if policy is OnRemove.REFUSE:
            return self._refuse(runner, "it has a position or orders, and on_remove is refuse")
        now_ns = self._clock.now_ns()
        runner.draining = True
        self._floor.deliver(runner, RiskHalted(now_ns, REMOVED, name))
        if policy is OnRemove.FLATTEN:
            runner.guard.take_out()
            self._floor.flatten(runner, now_ns, "removed")
        return f"{name} leaves its position ({policy.value})"

    def _refuse(self, runner: StrategyRunner, why: str) -> str:
        text = f"{runner.name} was left as it is: {why}"
        self._alarm(
            self._clock.now_ns(),
            f"strategy {runner.name} was not changed",
            f"{why}. Close its position first, or set on_remove to drain or flatten.",
            strategy=runner.name,
        )
        return text

    def gone(self, runner: StrategyRunner) -> bool:
        """Take away a strategy that was removed and has left its position; return whether it is."""
        if not runner.draining or runner.holds:
            return False
        self._take_away(runner)
        return True
