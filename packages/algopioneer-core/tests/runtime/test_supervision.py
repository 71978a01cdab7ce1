"""Strategies are started, started again and given up, each by its policy and apart from others."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

import pytest
from attrs import evolve

from algopioneer_core.domain.commands import StrategyCommand
from algopioneer_core.domain.errors import RefusedError
from algopioneer_core.domain.events import (
    Event,
    RiskHalted,
    StrategyCrashed,
    StrategyRestarted,
    StrategyStarted,
)
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.market_data import NS_PER_SECOND, Bar
from algopioneer_core.domain.orders import OrderIntent
from algopioneer_core.engine.strategy import StrategyContext
from algopioneer_core.runtime.restart_policy import OnExhausted, RestartPolicy
from algopioneer_core.telemetry.events import LogEvent
from algopioneer_core.testing.domain import BITCOIN
from algopioneer_core.testing.engine import ScriptedStrategy, fill, wishing_at_bar
from algopioneer_core.testing.floors import FloorStage

NEVER_AGAIN = RestartPolicy(budget=0)
BUY = OrderIntent(instrument_id=BITCOIN.id, side=Side.BUY, quantity=Decimal(1))


def _fails(event: Event, _: StrategyContext) -> Iterable[StrategyCommand]:
    if isinstance(event, Bar):
        raise ValueError("not this one")
    return ()


class _Forgetful(ScriptedStrategy):
    """Cannot take up a state."""

    def restore(self, state: Mapping[str, object]) -> None:
        """Fail."""
        raise KeyError("seen")


def _unmakeable() -> ScriptedStrategy:
    raise OSError("no such model")


def test_a_strategy_is_started_with_its_capital() -> None:
    """It is journalled, and told to the strategy itself."""
    stage = FloorStage()
    runner = stage.start("one", ScriptedStrategy)
    assert runner.guard.is_running
    assert stage.events(StrategyStarted) == [StrategyStarted("one", 0, Decimal(10_000))]


def test_one_that_cannot_be_made_has_crashed() -> None:
    """It is tried again after its pause, and told; nothing is started before."""
    stage = FloorStage()
    runner = stage.start("one", _unmakeable)
    assert stage.told == ["strategy one crashed"]
    assert runner.restart_ns is not None
    stage.floor.supervision.start(runner, 1)
    assert stage.events(StrategyStarted) == []


def test_a_crashed_one_is_started_again_when_its_pause_is_over() -> None:
    """Not a nanosecond earlier."""
    stage = FloorStage()
    runner = stage.start("one", lambda: ScriptedStrategy(_fails))
    stage.bar(NS_PER_SECOND)
    until_ns = runner.restart_ns
    assert until_ns == NS_PER_SECOND + NS_PER_SECOND // 2
    look = stage.floor.supervision.look
    look(runner, until_ns - 1)
    assert stage.events(StrategyRestarted) == []
    look(runner, until_ns)
    look(runner, until_ns)
    assert stage.events(StrategyRestarted) == [StrategyRestarted("one", until_ns, 1)]
    assert len(stage.events(StrategyCrashed)) == 1


def test_one_that_fails_at_its_restart_uses_up_another() -> None:
    """Until there is none left."""
    made: list[bool] = []

    def once() -> ScriptedStrategy:
        made.append(True)
        return ScriptedStrategy(_fails) if len(made) == 1 else _unmakeable()

    stage = FloorStage()
    runner = stage.start("one", once, restarts=RestartPolicy(budget=2))
    stage.bar(NS_PER_SECOND)
    for _ in range(2):
        assert runner.restart_ns is not None
        stage.floor.supervision.look(runner, runner.restart_ns)
    assert runner.given_up
    assert stage.told[-1] == "strategy one is given up: its restarts are used up"


@pytest.mark.parametrize(
    ("policy", "halted"),
    [
        (OnExhausted.HALT, {"bad": True, "good": False}),
        (OnExhausted.HALT_ALL, {"bad": True, "good": True}),
        (OnExhausted.FLATTEN, {"bad": True, "good": False}),
    ],
)
def test_its_policy_decides_when_no_restart_is_left(
    policy: OnExhausted, halted: dict[str, bool]
) -> None:
    """One is halted, or all are, or its position is closed; the log says by which policy."""
    stage = FloorStage()
    stage.start("good", ScriptedStrategy)
    stage.start("bad", lambda: wishing_at_bar(1, BUY), restarts=NEVER_AGAIN, on_exhausted=policy)
    stage.bar(1)
    stage.floor.report(fill(stage.order("bad"), "100"))
    runner = stage.floor.runners["bad"]
    stage.floor.supervision.crashed(runner, 2)

    risk = stage.floor.risk
    assert {name: risk.halted(name) is not None for name in halted} == halted
    fields = {"strategy": "bad", "policy": policy.value}
    assert (LogEvent.STRATEGY_EXHAUSTED, fields) in stage.lines
    reasons = [each.intent.reason for each in stage.pump.submitted]
    assert reasons == ["signal"] + ["given_up"] * (policy is OnExhausted.FLATTEN)


def test_one_that_blocked_the_process_is_left_out_until_a_person_revives_it() -> None:
    """Once: a second word of it changes nothing; then it has all its restarts again."""
    stage = FloorStage()
    runner = stage.add("one", ScriptedStrategy)
    supervision = stage.floor.supervision
    for now_ns in (1, 2):
        supervision.quarantine(runner, now_ns)
    supervision.start(runner, 3)
    assert (runner.given_up, runner.guard.is_running) == (True, False)
    assert len(stage.told) == len(stage.events(RiskHalted)) == 1

    supervision.revive(runner, 4)
    supervision.revive(runner, 5)
    assert (runner.given_up, runner.guard.is_running) == (False, True)
    assert runner.budget.attempts == 0
    assert len(stage.events(StrategyStarted)) == 1


def test_one_is_taken_up_from_its_state_without_a_word() -> None:
    """It ran before, and runs on: nothing is journalled. One that was out stays out."""
    stage = FloorStage()
    runner, out = stage.add("one", ScriptedStrategy), stage.add("out", ScriptedStrategy)
    out.given_up = True
    for each in (runner, out):
        stage.floor.supervision.take_up(each)
    assert (runner.guard.is_running, out.guard.is_running) == (True, False)
    assert stage.entries == []


def test_one_that_cannot_be_taken_up_refuses_the_session() -> None:
    """A replay that went on without it would be another one."""
    stage = FloorStage()
    saved = stage.start("one", ScriptedStrategy).snapshot()
    again = FloorStage()
    plan = evolve(stage.floor.runners["one"].plan, make=_Forgetful)
    forgetful = again.floor.add(plan, saved)
    with pytest.raises(RefusedError, match="one cannot go on from its saved state: KeyError"):
        again.floor.supervision.take_up(forgetful)
