"""The floor connects strategies with their venues, and isolates them from each other."""

from collections.abc import Callable, Iterable
from decimal import Decimal

import pytest
from attrs import evolve

from algopioneer_core.domain.commands import Cancel, Halt, StrategyCommand
from algopioneer_core.domain.errors import UnknownOrder
from algopioneer_core.domain.events import (
    CancelRejected,
    Event,
    FillBusted,
    FillCorrected,
    FundingPaid,
    OrderAccepted,
    OrderCanceled,
)
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.market_data import Bar
from algopioneer_core.domain.orders import Order, OrderIntent, OrderStatus
from algopioneer_core.engine.exits import ExitVerdict, OpenPosition
from algopioneer_core.engine.order_manager import DEFAULT_RETAINED
from algopioneer_core.engine.strategy import StrategyContext
from algopioneer_core.runtime.restart_policy import OnExhausted, RestartPolicy
from algopioneer_core.testing.domain import BITCOIN
from algopioneer_core.testing.engine import ScriptedStrategy, fill
from algopioneer_core.testing.floors import FloorStage

_BUY = OrderIntent(instrument_id=BITCOIN.id, side=Side.BUY, quantity=Decimal(1))


def _buys() -> ScriptedStrategy:
    """Return a strategy that buys at its first bar."""
    bought: list[bool] = []

    def decide(event: Event, context: StrategyContext) -> Iterable[StrategyCommand]:
        del context
        if isinstance(event, Bar) and not bought:
            bought.append(True)
            return [_BUY]
        return ()

    return ScriptedStrategy(decide)


def _raises(event: Event, context: StrategyContext) -> Iterable[StrategyCommand]:
    del context
    if isinstance(event, Bar):
        raise KeyError("price")
    return ()


def test_reports_go_to_whose_order_it_is() -> None:
    """Foreign ones are counted, and pumps hear that an order has changed."""
    stage = FloorStage()
    stage.start("one", _buys)
    stage.start("two", ScriptedStrategy)
    stage.bar(1)
    [order] = stage.pump.submitted
    stage.floor.report(OrderAccepted(order.client_order_id, 2))
    stage.floor.report(OrderAccepted("theirs", 2))

    assert stage.order("one").status is OrderStatus.OPEN
    assert stage.floor.foreign_reports == 1
    assert stage.pump.changes == 1
    assert stage.floor.remembers(order.client_order_id)
    assert not stage.floor.remembers("theirs")
    with pytest.raises(UnknownOrder):
        stage.floor.current("theirs")


def test_a_fill_that_is_heard_twice_is_journalled_once() -> None:
    """By the stream and by reconciliation, say."""
    stage = FloorStage()
    stage.start("one", _buys)
    stage.bar(1)
    report = fill(stage.order("one"), "100")
    stage.floor.report(report)
    stage.floor.report(report)

    assert sum(each.body == report for each in stage.entries) == 1
    assert stage.floor.repeated_fills == 1


def test_a_report_that_contradicts_our_books_halts_one_strategy() -> None:
    """The session and the other strategies go on."""
    stage = FloorStage()
    stage.start("one", _buys)
    stage.start("two", _buys)
    stage.bar(1)
    stage.floor.report(CancelRejected(stage.order("one").client_order_id, 2))

    assert stage.told == ["one is halted"]
    assert stage.floor.risk.halted("one") is not None
    assert stage.floor.risk.halted("two") is None


class _Broken:
    """An exit policy with a bug."""

    name = "broken"

    def evaluate(self, position: OpenPosition) -> ExitVerdict:
        raise ZeroDivisionError(position.quantity)


def test_an_exit_policy_with_a_bug_halts_its_strategy_and_nobody_else() -> None:
    """A person is told, the position stays with the other exits, and the session goes on."""
    stage = FloorStage()
    stage.start("one", _buys, exits=(_Broken(),))
    stage.start("two", _buys)
    stage.bar(1)
    stage.floor.report(fill(stage.order("one"), "100"))
    stage.bar(2)

    assert stage.told == ["one has lost an exit policy and opens nothing more"]
    assert "broken failed: ZeroDivisionError: 1" in str(stage.floor.risk.halted("one"))
    assert stage.floor.risk.halted("two") is None
    stage.bar(3)
    assert len(stage.told) == 1


def test_an_order_that_was_forgotten_comes_back_with_all_its_fills() -> None:
    """It is not counted a second time when its fills are listed again."""
    stage = FloorStage()
    stage.start("one", _buys)
    stage.bar(1)
    order = stage.order("one")
    report = fill(order, "100")
    stage.floor.report(report)
    again = FloorStage()
    again.entries = stage.entries
    again.start("one", ScriptedStrategy)
    again.floor.report(report)

    assert again.floor.current(order.client_order_id).status is OrderStatus.FILLED
    assert again.floor.repeated_fills == 1
    assert not again.floor.runners["one"].engine.portfolio.quantity(BITCOIN.id)


def _buys_always(event: Event, context: StrategyContext) -> Iterable[StrategyCommand]:
    """Buy at every bar."""
    del context
    return [_BUY] if isinstance(event, Bar) else ()


def _after_many_orders(first: Callable[[FloorStage, Order], None]) -> tuple[FloorStage, Order]:
    """Return a stage on which so many orders have ended that the first one is forgotten."""
    stage = FloorStage()
    stage.start("one", lambda: ScriptedStrategy(_buys_always))
    stage.bar(1)
    [order] = stage.pump.submitted
    first(stage, order)
    _forget(stage)
    assert not stage.floor.runners["one"].engine.orders.remembers(order.client_order_id)
    return stage, order


def _forget(stage: FloorStage) -> None:
    """Let orders end until none of those that ended before is remembered."""
    begun = len(stage.pump.submitted)
    for number in range(DEFAULT_RETAINED):
        stage.bar(begun + number + 1)
        stage.floor.report(OrderCanceled(stage.pump.submitted[-1].client_order_id, 9))


def _held(stage: FloorStage) -> Decimal:
    return stage.floor.runners["one"].engine.portfolio.quantity(BITCOIN.id)


def test_a_fill_of_a_forgotten_order_is_booked_once() -> None:
    """It is late, it is new, and it is heard again when the order is forgotten once more."""
    stage, order = _after_many_orders(
        lambda stage, order: stage.floor.report(OrderCanceled(order.client_order_id, 2))
    )
    late = fill(order, "100", fill_id="late")
    stage.floor.report(late)
    assert _held(stage) == 1
    for _ in range(2):
        _forget(stage)
        stage.floor.report(late)
        assert _held(stage) == 1
    assert stage.floor.repeated_fills == 2


def test_a_fill_of_a_forgotten_order_is_taken_back_once() -> None:
    """The venue says twice that it busted it, and lists it again besides."""

    def corrected(stage: FloorStage, order: Order) -> None:
        stage.floor.report(report := fill(order, "100"))
        changed = evolve(report.fill, price=Decimal(90))
        stage.floor.report(FillCorrected(report.fill, changed, 3))

    stage, order = _after_many_orders(corrected)
    cash = stage.floor.runners["one"].engine.portfolio.cash
    for _ in range(2):
        stage.floor.report(FillBusted(fill(order, "100").fill, 4))
        assert _held(stage) == 0
        assert stage.floor.runners["one"].engine.portfolio.cash == cash + 90
        _forget(stage)
    stage.floor.report(fill(order, "100"))
    assert _held(stage) == 0


def test_a_cancel_of_a_forgotten_order_is_no_mistake() -> None:
    """A strategy cannot know what its engine has forgotten."""
    stage, order = _after_many_orders(lambda stage, order: stage.floor.report(fill(order, "100")))
    runner = stage.floor.runners["one"]
    runner.engine.check(Cancel(order.client_order_id))
    with pytest.raises(UnknownOrder):
        runner.engine.check(Cancel("theirs"))


def test_what_the_account_pays_reaches_who_trades() -> None:
    """Funding is booked by the strategy that holds the position."""
    stage = FloorStage()
    stage.start("one", _buys)
    stage.bar(1)
    stage.floor.report(fill(stage.order("one"), "100"))
    cash = stage.floor.runners["one"].engine.portfolio.cash
    stage.floor.report(FundingPaid(BITCOIN.id, 3, Decimal(-5), "USD"))

    assert stage.floor.runners["one"].engine.portfolio.cash == cash - 5


def test_a_strategy_that_halts_itself_is_told() -> None:
    """A halt is an alert."""
    stage = FloorStage()
    stage.start("one", lambda: ScriptedStrategy([(), [Halt("enough")]]))
    stage.bar(1)

    assert stage.told == ["one is halted"]


def test_a_strategy_that_was_removed_hears_nothing_more() -> None:
    """Reports about its orders are nobody's."""
    stage = FloorStage()
    stage.start("one", _buys)
    stage.bar(1)
    key = stage.order("one").client_order_id
    stage.floor.report(OrderCanceled(key, 2))
    stage.floor.remove("one")
    stage.bar(3)
    stage.floor.report(OrderCanceled(key, 4))

    assert stage.floor.foreign_reports == 1
    assert list(stage.floor.working("sim")) == []


# --- crashes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "halted", "orders"),
    [
        (OnExhausted.HALT, ["one"], 1),
        (OnExhausted.HALT_ALL, ["one", "two"], 1),
        (OnExhausted.FLATTEN, ["one"], 2),
    ],
)
def test_a_spent_budget_does_what_the_policy_says(
    policy: OnExhausted, halted: list[str], orders: int
) -> None:
    """Halt this one, halt all, or close its position; its engine goes on in any case."""
    stage, made = FloorStage(), [_buys(), ScriptedStrategy(_raises)]
    stage.start("one", lambda: made[0], restarts=RestartPolicy(budget=0), on_exhausted=policy)
    stage.start("two", ScriptedStrategy)
    stage.bar(1)
    stage.floor.report(fill(stage.order("one"), "100"))
    made[0]._decide = _raises
    stage.bar(2)

    risk = stage.floor.risk
    assert [name for name in ("one", "two") if risk.halted(name) is not None] == halted
    assert len(stage.pump.submitted) == orders
    assert "strategy one is given up: its restarts are used up" in stage.told


def test_a_crashed_strategy_is_made_anew_after_its_pause() -> None:
    """Not before; and it is told that it was."""
    stage, made = FloorStage(), list[ScriptedStrategy]()

    def make() -> ScriptedStrategy:
        made.append(ScriptedStrategy(_raises if not made else ()))
        return made[-1]

    stage.start("one", make)
    stage.bar(1)
    stage.bar(2)
    assert len(made) == 1

    stage.bar(10**10)

    assert len(made) == 2
    assert stage.told == ["strategy one crashed"]
    kinds = [type(each.body).__name__ for each in stage.entries]
    assert [kinds.count(each) for each in ("StrategyCrashed", "StrategyRestarted")] == [1, 1]


def test_a_strategy_that_blocked_the_process_is_left_out() -> None:
    """Quarantine is a spent budget."""
    stage = FloorStage()
    stage.start("one", _buys)
    stage.floor.supervision.quarantine(stage.floor.runners["one"], 1)
    stage.bar(2)

    assert stage.pump.submitted == []
    assert stage.floor.risk.halted("one") is not None
