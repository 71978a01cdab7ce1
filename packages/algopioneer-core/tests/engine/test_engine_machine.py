"""The engine under any order of reports: orders, position, cash and ledger follow from them."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from algopioneer_core.domain.commands import Cancel, CancelAll, Command, StrategyCommand, Submit
from algopioneer_core.domain.errors import IllegalTransition
from algopioneer_core.domain.events import (
    CancelRejected,
    Event,
    ExecutionReport,
    FillBusted,
    FillCorrected,
    OrderAbsent,
    OrderAccepted,
    OrderCanceled,
    OrderCompleted,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
)
from algopioneer_core.domain.fills import Fill, Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.ledger import Account
from algopioneer_core.domain.money import add, from_scaled, mul, sub, total
from algopioneer_core.domain.orders import (
    Order,
    OrderIntent,
    Step,
    advance,
    correct_fill,
    remove_fill,
)
from algopioneer_core.engine.exit_policies import StopLoss, StopLossConfig
from algopioneer_core.engine.risk import RiskGate
from algopioneer_core.engine.risk_limits import RiskLimits
from algopioneer_core.engine.strategy import StrategyContext
from algopioneer_core.testing.domain import hear, hostile_decimal_context
from algopioneer_core.testing.engine import (
    INSTRUMENT,
    ScriptedStrategy,
    drive,
    fill,
    make_bar,
    make_engine,
)

D = Decimal
ETHER = Instrument.undescribed(InstrumentId("test", "ETH-USD"))
CAPITAL = D(10_000)

SIDES = st.sampled_from(Side)
LOTS = st.integers(1, 9).map(lambda n: from_scaled(25 * n, 2))
CENTS = st.integers(5_000, 15_000).map(lambda n: from_scaled(n, 2))
FEES = st.tuples(
    st.integers(-50, 500).map(lambda n: from_scaled(n, 3)), st.sampled_from(("USD", "POINTS"))
)
IDS = st.sampled_from((INSTRUMENT.id, ETHER.id))
ENDS: dict[str, Callable[[str, int], ExecutionReport]] = {
    "accepted": lambda order, ts_ns: OrderAccepted(order, ts_ns, f"venue-{order}"),
    "rejected": lambda order, ts_ns: OrderRejected(order, ts_ns, "refused"),
    "canceled": lambda order, ts_ns: OrderCanceled(order, ts_ns, "gone"),
    "completed": OrderCompleted,
    "expired": OrderExpired,
    "unknown": lambda order, ts_ns: OrderUnknown(order, ts_ns, "timeout"),
    "absent": OrderAbsent,
    "cancel rejected": CancelRejected,
}


class EngineMachine(RuleBasedStateMachine):
    """An engine with a strategy that wishes anything, and a venue that reports anything."""

    def __init__(self) -> None:
        super().__init__()
        self.strategy = ScriptedStrategy()
        self.engine = make_engine(self.strategy, INSTRUMENT, ETHER, capital=CAPITAL)
        self.orders: dict[str, Order] = {}
        self.fills: dict[str, Fill] = {}  # what counts, by fill id
        self.past: list[Event] = []
        self.number = 0

    def _handle(self, event: Event) -> list[Command]:
        self.past.append(event)
        return list(self.engine.handle(event))

    def _wish(self, *wishes: StrategyCommand) -> list[Command]:
        self.number += 1
        self.strategy.wish(*wishes)
        return self._handle(make_bar("100", self.number))

    def _order(self, data: st.DataObject) -> Order:
        return self.orders[data.draw(st.sampled_from(list(self.orders)))]

    @rule(instrument_id=IDS, side=SIDES, size=LOTS, in_money=st.booleans())
    def submit(
        self, instrument_id: InstrumentId, side: Side, size: Decimal, in_money: bool
    ) -> None:
        intent = OrderIntent(
            instrument_id=instrument_id,
            side=side,
            quantity=None if in_money else size,
            quote_amount=size if in_money else None,
        )
        (command,) = self._wish(intent)
        assert isinstance(command, Submit)
        assert command.order.client_order_id not in self.orders
        self.orders[command.order.client_order_id] = command.order

    @precondition(lambda self: self.orders)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        order = self._order(data)
        commands = self._wish(Cancel(order.client_order_id))
        if commands:
            assert [Cancel(order.client_order_id)] == commands
            self.orders[order.client_order_id] = advance(order, Step.REQUEST_CANCEL)

    @rule()
    def cancel_all(self) -> None:
        for command in self._wish(CancelAll()):
            assert isinstance(command, Cancel)
            order = self.orders[command.client_order_id]
            self.orders[command.client_order_id] = advance(order, Step.REQUEST_CANCEL)

    @precondition(lambda self: self.orders)
    @rule(data=st.data(), kind=st.sampled_from(list(ENDS)))
    def report(self, data: st.DataObject, kind: str) -> None:
        self._hear(ENDS[kind](self._order(data).client_order_id, self.number))

    @precondition(lambda self: self.orders)
    @rule(data=st.data(), size=LOTS, price=CENTS, fee=FEES, complete=st.sampled_from((None, True)))
    def trade(
        self,
        data: st.DataObject,
        size: Decimal,
        price: Decimal,
        fee: tuple[Decimal, str],
        complete: bool | None,
    ) -> None:
        self.number += 1
        report = fill(
            self._order(data),
            price,
            quantity=size,
            fee=fee[0],
            fee_asset=fee[1],
            fill_id=f"fill-{self.number}",
            complete=complete,
            ts_ns=self.number,
        )
        self._hear(report)
        self.fills[report.fill.fill_id] = report.fill

    def _hear(self, report: ExecutionReport) -> None:
        order = self.orders[report.client_order_id]
        try:
            self.orders[report.client_order_id] = hear(order, report)
        except IllegalTransition:
            with pytest.raises(IllegalTransition):
                self._handle(report)
            self.past.pop()
        else:
            self._handle(report)

    @precondition(lambda self: self.past)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        """Tell a fill, bust or correction again: nothing happens, and nobody hears of it."""
        kinds = OrderFilled | FillBusted | FillCorrected
        told = [event for event in self.past if isinstance(event, kinds)]
        if told:
            seen = len(self.strategy.seen)
            assert not self.engine.handle(data.draw(st.sampled_from(told)))
            assert seen == len(self.strategy.seen)

    @precondition(lambda self: self.fills)
    @rule(data=st.data())
    def bust(self, data: st.DataObject) -> None:
        gone = self.fills.pop(data.draw(st.sampled_from(list(self.fills))))
        self.number += 1
        self._handle(FillBusted(gone, self.number))
        order = self.orders[gone.client_order_id]
        self.orders[gone.client_order_id] = remove_fill(order, gone)

    @precondition(lambda self: self.fills)
    @rule(data=st.data(), size=LOTS, price=CENTS)
    def correct(self, data: st.DataObject, size: Decimal, price: Decimal) -> None:
        original = self.fills[data.draw(st.sampled_from(list(self.fills)))]
        self.number += 1
        unlike_all_others = add(price, from_scaled(self.number, 5))
        corrected = evolve(original, quantity=size, price=unlike_all_others)
        self._handle(FillCorrected(original, corrected, self.number))
        order = self.orders[original.client_order_id]
        self.orders[original.client_order_id] = correct_fill(order, original, corrected)
        self.fills[original.fill_id] = corrected

    @invariant()
    def orders_are_as_their_reports_say(self) -> None:
        for key, order in self.orders.items():
            own = self.engine.orders.get(key)
            filled = [each for each in self.fills.values() if each.client_order_id == key]
            assert order.status is own.status
            assert own.filled_quantity == total(*(each.quantity for each in filled))
            assert own.filled_value == total(*(mul(each.quantity, each.price) for each in filled))
        working = [key for key, order in self.orders.items() if order.status.is_working]
        assert sorted(working) == sorted(self.engine.orders.working)

    @invariant()
    def books_are_as_the_fills_say(self) -> None:
        portfolio, traded = self.engine.portfolio, list(self.fills.values())
        for instrument in (INSTRUMENT, ETHER):
            own = [each for each in traded if each.instrument_id == instrument.id]
            held = total(*(each.signed_quantity for each in own))
            assert held == portfolio.quantity(instrument.id)
            assert held == portfolio.ledger.balance(Account.HOLDINGS, instrument.base)
        paid = total(*(mul(each.signed_quantity, each.price) for each in traded))
        fees = total(*(each.fee for each in traded if each.fee_asset == "USD"))
        assert sub(sub(CAPITAL, paid), fees) == portfolio.cash
        for _, asset in portfolio.ledger.balances():
            assert not portfolio.ledger.imbalance(asset)


@pytest.mark.slow
def test_orders_and_books_follow_from_reports() -> None:
    """Whatever is reported, in whatever order and however often, everything adds up."""
    run_state_machine_as_test(
        EngineMachine, settings=settings(max_examples=60, stateful_step_count=40)
    )


# --- one strategy that trades by itself, over random markets -------------------------------------


def _noisy(seed: int) -> Callable[[Event, StrategyContext], list[StrategyCommand]]:
    """Return a decision that depends on everything a strategy may look at."""

    def decide(event: Event, context: StrategyContext) -> list[StrategyCommand]:
        held = context.quantity(INSTRUMENT.id)
        dice = (seed + event.ts_event * 7 + len(context.working_orders()) * 3) % 6
        if dice == 0:
            return [CancelAll()]
        if dice == 1 and held:
            side = Side.SELL if held > 0 else Side.BUY
            return [
                OrderIntent(
                    instrument_id=INSTRUMENT.id,
                    side=side,
                    quantity=held.copy_abs(),
                    reduce_only=True,
                )
            ]
        if dice == 2 and context.equity > 0:
            amount = mul(context.equity, D("0.1"))
            return [OrderIntent(instrument_id=INSTRUMENT.id, side=Side.BUY, quote_amount=amount)]
        if dice == 3:
            return [OrderIntent(instrument_id=INSTRUMENT.id, side=Side.SELL, quantity=D("1.5"))]
        return []

    return decide


def _session(seed: int, closes: list[Decimal]) -> tuple[list[Command], list[Any]]:
    """Trade over *closes*, with limits and a stop, and a market that fills at the next close."""
    trips: list[Any] = []
    limits = RiskLimits(daily_loss=D(900), max_instrument_notional=D(3000))
    engine = make_engine(
        ScriptedStrategy(_noisy(seed)),
        exits=[StopLoss(StopLossConfig(loss_fraction=D("0.05")))],
        risk=RiskGate(limits, numeraire="USD"),
        on_round_trip=trips.append,
    )
    commands: list[Command] = []
    for number, close in enumerate(closes):
        reports: list[Event] = []
        for order in tuple(engine.orders.working.values()):
            size = D("0.75") if order.remaining_quantity is None else None
            reports.append(fill(order, close, quantity=size, fee="0.01", complete=True))
        commands += drive(engine, [*reports, make_bar(close, number * 10**9)])
    balances = sorted(
        (account.value, asset, amount)
        for (account, asset), amount in engine.portfolio.ledger.balances().items()
    )
    return commands, [trips, balances, engine.portfolio.cash]


@given(st.integers(0, 1000), st.lists(CENTS, min_size=5, max_size=40))
def test_same_events_give_the_same_commands(seed: int, closes: list[Decimal]) -> None:
    """A session repeats itself, also where the interpreter's decimal context is useless."""
    first = _session(seed, closes)
    with hostile_decimal_context(loud=False):
        assert first == _session(seed, closes)


@given(st.integers(0, 1000), st.lists(CENTS, min_size=5, max_size=40))
def test_every_command_is_sent_for_an_order_that_was_not_denied(
    seed: int, closes: list[Decimal]
) -> None:
    """Ids are unique, only sent orders are cancelled, and nothing undeclared is traded."""
    commands, _ = _session(seed, closes)
    sent = [each.order for each in commands if isinstance(each, Submit)]
    ids = [order.client_order_id for order in sent]
    assert len(ids) == len(set(ids))
    assert {order.intent.instrument_id for order in sent} <= {INSTRUMENT.id}
    assert {each.client_order_id for each in commands if isinstance(each, Cancel)} <= set(ids)
