"""
What is decided about a strategy that has crashed: when it comes back, or that it does not.

Pure: the drivers ask it when something may have changed, and it acts on runner, risk and alerts.
"""

from collections.abc import Callable, Iterable

from algopioneer_core.domain.errors import RefusedError
from algopioneer_core.domain.events import RiskHalted, StrategyRestarted, StrategyStarted
from algopioneer_core.runtime.announcements import Say, silent
from algopioneer_core.runtime.gate import Gate
from algopioneer_core.runtime.restart_policy import OnExhausted
from algopioneer_core.runtime.runner import StrategyRunner
from algopioneer_core.telemetry.events import LogEvent

__all__ = ["Supervision"]


class Supervision:
    """
    Starts strategies, starts them again, and gives them up.

    Args:
        gate: Where its events go.
        everyone: Gives all runners of the session.
        flatten: Closes what a runner holds.
        alert: Tells a person: time, strategy, subject, text.
        say: Takes the lines of the log.
    """

    def __init__(
        self,
        gate: Gate,
        everyone: Callable[[], Iterable[StrategyRunner]],
        flatten: Callable[[StrategyRunner, int, str], None],
        alert: Callable[[int, str, str, str], None],
        say: Say = silent,
    ) -> None:
        self._gate = gate
        self._everyone = everyone
        self._flatten = flatten
        self._alert = alert
        self._say = say

    def start(self, runner: StrategyRunner, now_ns: int) -> None:
        """Start a strategy for the first time in this session, or after a restart of it."""
        if runner.given_up or runner.draining or runner.restart_ns is not None:
            return
        if runner.start():
            capital = runner.plan.capital
            self._gate.deliver(runner, StrategyStarted(runner.name, now_ns, capital))
        else:
            self.crashed(runner, now_ns)

    def take_up(self, runner: StrategyRunner) -> None:
        """Go on with a strategy from a snapshot, without a word where it ran there."""
        out = runner.given_up or runner.draining or runner.restart_ns is not None
        if not out and not runner.start():
            crash = runner.guard.crash
            raise RefusedError(
                f"strategy {runner.name} cannot go on from its saved state: "
                f"{'' if crash is None else crash.error}",
                where=runner.name,
                remedy="mend the strategy, or begin a new journal",
            )

    def quarantine(self, runner: StrategyRunner, now_ns: int) -> None:
        """Leave out a strategy that blocked the process for good when it ran last."""
        if not runner.given_up:
            runner.guard.take_out()
            runner.restart_ns = None
            self._give_up(runner, now_ns, "it blocked the process and had to be ended with it")

    def revive(self, runner: StrategyRunner, now_ns: int) -> None:
        """Start a strategy that was given up again, with all its restarts: a person said so."""
        if runner.given_up:
            runner.given_up = False
            runner.budget.forgive()
            self.start(runner, now_ns)

    def crashed(self, runner: StrategyRunner, now_ns: int) -> None:
        """Decide what becomes of a strategy that has just crashed; its engine goes on meanwhile."""
        crash = runner.guard.crash
        runner.guard.take_out()
        runner.restart_ns = runner.budget.crashed(now_ns)
        error = "" if crash is None else f"{crash.error} (during {crash.during})"
        if runner.restart_ns is not None:
            attempt = runner.budget.attempts
            text = f"{error}; restart {attempt} of {runner.plan.restarts.budget} follows"
            self._alert(now_ns, runner.name, f"strategy {runner.name} crashed", text)
            return
        self._give_up(runner, now_ns, error)

    def _give_up(self, runner: StrategyRunner, now_ns: int, error: str) -> None:
        runner.given_up = True
        policy = runner.plan.on_exhausted
        self._say(LogEvent.STRATEGY_EXHAUSTED, strategy=runner.name, policy=policy.value)
        self._alert(
            now_ns,
            runner.name,
            f"strategy {runner.name} is given up: its restarts are used up",
            f"{error}; policy: {policy.value}. Its exits and legs go on managing its position.",
        )
        reason = f"strategy {runner.name} was given up"
        if policy is OnExhausted.HALT_ALL:
            for each in self._everyone():
                self._gate.deliver(each, RiskHalted(now_ns, reason))
            return
        self._gate.deliver(runner, RiskHalted(now_ns, reason, runner.name))
        if policy is OnExhausted.FLATTEN:
            self._flatten(runner, now_ns, "given_up")

    def look(self, runner: StrategyRunner, now_ns: int) -> None:
        """Start a crashed strategy again if it is time."""
        if runner.restart_ns is None or now_ns < runner.restart_ns:
            return
        runner.restart_ns = None
        if runner.start():
            attempt = runner.budget.attempts
            self._gate.deliver(runner, StrategyRestarted(runner.name, now_ns, attempt))
        else:
            self.crashed(runner, now_ns)
