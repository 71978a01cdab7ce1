"""Strategies are added, removed and reconfigured while the others trade on."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve

from algopioneer_core.domain.events import RiskHalted
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.orders import Order, OrderIntent
from algopioneer_core.engine.risk import RiskGate
from algopioneer_core.engine.risk_limits import RiskLimits
from algopioneer_core.journal.entries import Entry
from algopioneer_core.runtime.floor import Floor
from algopioneer_core.runtime.plan import StrategyPlan
from algopioneer_core.runtime.reloading import Reloader, wanted_again
from algopioneer_core.runtime.restart_policy import OnRemove
from algopioneer_core.runtime.runner import StrategyRunner, holds_in
from algopioneer_core.testing.clocks import VIRTUAL_START_NS
from algopioneer_core.testing.engine import INSTRUMENT, ScriptedStrategy, fill, make_bar

D = Decimal
BUY = OrderIntent(instrument_id=INSTRUMENT.id, side=Side.BUY, quantity=D(1))


class Log:
    """A journal that keeps everything in memory."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def append(self, entry: Entry) -> int:
        """Keep *entry*."""
        self.entries.append(entry)
        return len(self.entries)


class Pump:
    """Takes orders and keeps them."""

    def __init__(self) -> None:
        self.orders: list[Order] = []
        self.canceled: list[str] = []

    def submit(self, order: Order, _: int) -> None:
        """Keep *order*."""
        self.orders.append(order)

    def cancel(self, order: Order, _: int) -> None:
        """Keep its id."""
        self.canceled.append(order.client_order_id)

    def changed(self) -> None:
        """Hold nothing back."""


class Clock:
    """Stands still."""

    def now_ns(self) -> int:
        """Return the same time always."""
        return VIRTUAL_START_NS


class Desk:
    """A floor with a reloader, whose strategies begin at once."""

    def __init__(self) -> None:
        self.pump = Pump()
        self.alerts: list[str] = []
        self.ended: list[str] = []
        self.floor = Floor(
            Log(),
            RiskGate(RiskLimits(), numeraire="USD"),
            make_ids=self._ids,
            jitter=lambda *_: 0.5,
            alarm=self._alarm,
        )
        self.floor.pumps["test"] = self.pump
        self.left: dict[str, Mapping[str, Any]] = {}
        self.reloader = Reloader(
            self.floor, self._begin, self.ended.append, Clock(), self._alarm, leave=self._leave
        )

    def _leave(self, runner: StrategyRunner) -> None:
        self.left[runner.name] = runner.snapshot()

    def _ids(self, strategy: str, first: int) -> Any:
        numbers = iter(range(first, 10**6))
        return lambda: f"{strategy}-{next(numbers)}"

    def _alarm(
        self, ts_ns: int, subject: str, text: str = "", *, strategy: str = "", urgent: bool = False
    ) -> None:
        self.alerts.append(f"{subject}: {text}")

    async def _begin(self, plan: StrategyPlan, saved: Mapping[str, Any] | None) -> None:
        runner = self.floor.add(plan, saved)
        self.floor.supervision.start(runner, VIRTUAL_START_NS)

    def buy(self, name: str) -> None:
        """Let a strategy see a bar, at which its script buys one, and fill that."""
        runner = self.floor.runners[name]
        runner.inbox.put(make_bar("100", VIRTUAL_START_NS + 1))
        self.floor.process(runner)
        self.floor.report(fill(self.pump.orders[-1], "100", ts_ns=VIRTUAL_START_NS + 1))

    def held(self, name: str) -> Decimal:
        """Return what a strategy holds."""
        return self.floor.runners[name].engine.portfolio.quantity(INSTRUMENT.id)


def _plan(name: str, **changes: Any) -> StrategyPlan:
    plan = StrategyPlan(
        name=name,
        make=lambda: ScriptedStrategy([(), (BUY,)]),
        instruments=(INSTRUMENT,),
        interval_ns=60,
        capital=D(10_000),
        fingerprint="first",
    )
    return evolve(plan, **changes)


async def test_what_is_new_begins_and_what_is_the_same_is_not_touched() -> None:
    """The objects of unchanged strategies are the same as before."""
    desk = Desk()
    await desk.reloader.apply([_plan("a")])
    before = desk.floor.runners["a"]
    assert ["b was added"] == await desk.reloader.apply([_plan("a"), _plan("b")])
    assert desk.floor.runners["a"] is before
    assert [] == await desk.reloader.apply([_plan("a"), _plan("b")])


async def test_a_changed_strategy_keeps_its_books_and_ids_and_begins_with_a_fresh_mind() -> None:
    """Its position is there, its next order has the next id, and it is another object."""
    desk = Desk()
    await desk.reloader.apply([_plan("a")])
    desk.buy("a")
    changed = _plan("a", fingerprint="second", make=lambda: ScriptedStrategy([(), (BUY,)]))
    assert ["a was reconfigured"] == await desk.reloader.apply([changed])
    assert desk.ended == ["a"]
    assert desk.held("a") == 1
    desk.floor.runners["a"].inbox.put(make_bar("100", VIRTUAL_START_NS + 2))
    desk.floor.process(desk.floor.runners["a"])
    assert ["a-1", "a-2"] == [each.client_order_id for each in desk.pump.orders]


async def test_a_strategy_without_a_position_is_removed_at_once() -> None:
    """Whatever its policy is."""
    desk = Desk()
    await desk.reloader.apply([_plan("a"), _plan("b")])
    assert ["b was removed"] == await desk.reloader.apply([_plan("a")])
    assert ["a"] == list(desk.floor.runners)


async def test_removal_is_refused_while_there_is_a_position() -> None:
    """It trades on, and a person is told what to do."""
    desk = Desk()
    await desk.reloader.apply([_plan("a")])
    desk.buy("a")
    (said,) = await desk.reloader.apply([])
    assert "was left as it is" in said
    assert desk.floor.runners["a"].guard.is_running
    assert "set on_remove to drain or flatten" in desk.alerts[0]


@pytest.mark.parametrize(("policy", "runs"), [(OnRemove.DRAIN, True), (OnRemove.FLATTEN, False)])
async def test_a_removed_strategy_leaves_its_position_and_is_gone(
    policy: OnRemove, runs: bool
) -> None:
    """Drained, its own exits go on and nothing new is opened; flattened, it is closed at once."""
    desk = Desk()
    await desk.reloader.apply([_plan("a", on_remove=policy)])
    desk.buy("a")
    assert [f"a leaves its position ({policy.value})"] == await desk.reloader.apply([])
    runner = desk.floor.runners["a"]
    assert runner.guard.is_running is runs
    assert desk.floor.risk.halted("a")
    assert not desk.reloader.gone(runner)
    if policy is OnRemove.DRAIN:
        desk.floor.flatten(runner, VIRTUAL_START_NS + 5, "by its exit")
    desk.floor.report(fill(desk.pump.orders[-1], "90", fill_id="out"))
    assert desk.reloader.gone(runner)
    assert not desk.floor.runners
    assert [] == await desk.reloader.apply([])


async def test_other_instruments_are_refused_while_the_old_ones_are_held() -> None:
    """Otherwise nobody would manage what is there."""
    desk = Desk()
    await desk.reloader.apply([_plan("a")])
    desk.buy("a")
    other = Instrument.undescribed(InstrumentId("test", "ETH-USD"))
    changed = _plan("a", fingerprint="second", instruments=(other,))
    (said,) = await desk.reloader.apply([changed])
    assert "instruments that it would trade no more" in said
    assert desk.held("a") == 1


@pytest.mark.parametrize("policy", [OnRemove.DRAIN, OnRemove.FLATTEN])
async def test_a_strategy_that_is_wanted_again_stays_and_trades_on(policy: OnRemove) -> None:
    """It was on its way out; it keeps its position, runs, and may open the next one."""
    desk = Desk()
    plan = _plan("a", on_remove=policy)
    await desk.reloader.apply([plan])
    desk.buy("a")
    await desk.reloader.apply([])
    assert ["a was put back"] == await desk.reloader.apply([plan])
    runner = desk.floor.runners["a"]
    assert runner.guard.is_running
    assert not runner.draining
    assert not desk.reloader.gone(runner)
    assert desk.floor.risk.halted("a") is None
    assert desk.held("a") == 1


async def test_putting_back_lifts_no_halt_by_hand() -> None:
    """Whoever halted it for a reason of his own resumes it himself."""
    desk = Desk()
    await desk.reloader.apply([_plan("a", on_remove=OnRemove.DRAIN)])
    desk.buy("a")
    desk.floor.deliver(desk.floor.runners["a"], RiskHalted(VIRTUAL_START_NS, "by hand", "a"))
    await desk.reloader.apply([])
    await desk.reloader.apply([_plan("a")])
    assert "by hand" == desk.floor.risk.halted("a")


async def test_the_books_of_a_strategy_that_is_taken_away_are_kept_as_they_are_then() -> None:
    """
    Its last fill is in them.

    They were saved with rows only, and nobody saved a strategy that was gone: what came back later
    had the books from before its last fill, and heard that fill again.
    """
    desk = Desk()
    await desk.reloader.apply([_plan("a", on_remove=OnRemove.FLATTEN)])
    desk.buy("a")
    await desk.reloader.apply([])
    desk.floor.report(fill(desk.pump.orders[-1], "90", fill_id="out"))
    assert desk.reloader.gone(desk.floor.runners["a"])
    assert not holds_in(desk.left["a"])
    assert wanted_again(desk.left["a"])["draining"] is False
