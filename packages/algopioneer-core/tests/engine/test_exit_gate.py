"""Exit policies at work: what they let pass, refuse, and do on their own."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from attrs import field, frozen

from algopioneer_core.domain.commands import (
    Cancel,
    CancelAll,
    Command,
    SetTimer,
    StrategyCommand,
    Submit,
)
from algopioneer_core.domain.events import (
    Liquidated,
    OrderCanceled,
    OrderRejected,
    TimerFired,
)
from algopioneer_core.domain.fills import Fill, Liquidity, Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import JointBar, Quote, Trade
from algopioneer_core.domain.orders import Order, OrderIntent, OrderType
from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.engine.engine import NOTHING
from algopioneer_core.engine.exits import ExitVerdict, OpenPosition
from algopioneer_core.testing.engine import (
    INSTRUMENT,
    ScriptedStrategy,
    fill,
    make_bar,
    make_engine,
)

D = Decimal
BTC = INSTRUMENT.id
ETHER = Instrument.undescribed(InstrumentId("test", "ETH-USD"))
BUY, SELL = Side.BUY, Side.SELL


@frozen
class Says:
    """A policy that says what it is told to, and keeps what it saw."""

    verdicts: list[ExitVerdict]
    seen: list[OpenPosition] = field(factory=list)
    name: str = "stop"

    def evaluate(self, position: OpenPosition) -> ExitVerdict:
        self.seen.append(position)
        return self.verdicts[-1]


class Desk:
    """An engine with one policy, and a market that fills what it is asked to."""

    def __init__(self, verdict: ExitVerdict = ExitVerdict.ABSTAIN, **options: Any) -> None:
        self.policy = Says([verdict])
        self.strategy = ScriptedStrategy()
        self.trips: list[RoundTrip] = []
        self.engine = make_engine(
            self.strategy,
            INSTRUMENT,
            ETHER,
            exits=[self.policy],
            on_round_trip=self.trips.append,
            **options,
        )
        self.now_ns = 0

    def bar(self, price: str, *wishes: StrategyCommand) -> Sequence[Command]:
        """Show a bar, to which the strategy answers with *wishes*."""
        self.now_ns += 10
        self.strategy.wish(*wishes)
        return self.engine.handle(make_bar(price, self.now_ns))

    def order(self, intent: OrderIntent) -> Order:
        """Let the strategy order something the policy has no say in."""
        self.policy.verdicts.append(ExitVerdict.ABSTAIN)
        (command,) = self.bar("100", intent)
        self.policy.verdicts.pop()
        assert isinstance(command, Submit)
        return command.order

    def hold(self, side: Side = BUY, quantity: str = "2") -> None:
        """Open a position at 100."""
        self.engine.handle(fill(self.order(_intent(side, quantity)), "100", ts_ns=self.now_ns))

    def held(self) -> Decimal:
        return self.engine.portfolio.quantity(BTC)


def _intent(
    side: Side,
    quantity: str | None = None,
    *,
    amount: str | None = None,
    limit: str | None = None,
    reduce_only: bool = False,
    instrument_id: InstrumentId = BTC,
    reason: str = "signal",
) -> OrderIntent:
    return OrderIntent(
        instrument_id=instrument_id,
        side=side,
        type=OrderType.MARKET if limit is None else OrderType.LIMIT,
        quantity=None if quantity is None else D(quantity),
        quote_amount=None if amount is None else D(amount),
        limit_price=None if limit is None else D(limit),
        reduce_only=reduce_only,
        reason=reason,
    )


def _intents(commands: Sequence[Command]) -> list[OrderIntent]:
    assert all(isinstance(each, Submit) for each in commands)
    return [each.order.intent for each in commands if isinstance(each, Submit)]


CLOSE_LONG = _intent(SELL, "2", reduce_only=True, reason="stop")
CLOSE_SHORT = _intent(BUY, "2", reduce_only=True, reason="stop")


@pytest.mark.parametrize(("side", "close"), [(BUY, CLOSE_LONG), (SELL, CLOSE_SHORT)])
def test_stop_fires_without_a_signal(side: Side, close: OrderIntent) -> None:
    """A policy that leaves needs nothing from the strategy, and names the reason."""
    desk = Desk(ExitVerdict.EXIT)
    desk.hold(side)
    (command,) = desk.bar("90")
    assert [close] == _intents([command])
    assert isinstance(command, Submit)
    desk.engine.handle(fill(command.order, "90", ts_ns=30))
    assert ["stop"] == [trip.exit_reason for trip in desk.trips]


def test_stop_fires_once() -> None:
    """While the closing order works, no other is added."""
    desk = Desk(ExitVerdict.EXIT)
    desk.hold()
    (command,) = desk.bar("90")
    assert NOTHING is desk.bar("80")
    assert isinstance(command, Submit)
    desk.engine.handle(fill(command.order, "80", quantity="1.5", fill_id="part"))
    assert NOTHING is desk.bar("70")
    desk.engine.handle(OrderCanceled(command.order.client_order_id, 50))
    (rest,) = _intents(desk.bar("60"))
    assert D("0.5") == rest.quantity


def test_policy_is_not_asked_while_flat() -> None:
    """Without a position there is nothing to judge."""
    desk = Desk(ExitVerdict.EXIT)
    assert [_intent(BUY, "1")] == _intents(desk.bar("100", _intent(BUY, "1")))
    assert [] == desk.policy.seen


def test_policy_is_not_asked_without_a_price() -> None:
    """A position that was never marked is not judged."""
    desk = Desk(ExitVerdict.EXIT)
    desk.strategy.wish(_intent(BUY, "1"))
    (command,) = desk.engine.handle(TimerFired("start", 1))
    assert isinstance(command, Submit)
    desk.strategy.wish(_intent(SELL, "1"))
    (own,) = desk.engine.handle(fill(command.order, "100"))
    assert [_intent(SELL, "1")] == _intents([own])


@pytest.mark.parametrize("verdict", [ExitVerdict.ABSTAIN, ExitVerdict.CONSENT])
def test_strategy_leaves_with_consent(verdict: ExitVerdict) -> None:
    """The strategy's exit passes as it is."""
    desk = Desk(verdict)
    desk.hold()
    exit_ = _intent(SELL, "2", reduce_only=True)
    assert [exit_] == _intents(desk.bar("110", exit_))


def test_hold_refuses_exit_and_reversal() -> None:
    """Nothing against the position passes; what else the strategy wants does."""
    desk = Desk(ExitVerdict.HOLD)
    desk.hold()
    raise_, other = _intent(BUY, "1"), _intent(SELL, "1", instrument_id=ETHER.id)
    commands = desk.bar(
        "110",
        _intent(SELL, "2", reduce_only=True),
        raise_,
        _intent(SELL, amount="500"),
        other,
        SetTimer("later", 9),
    )
    assert [raise_, other] == _intents(commands[:2])
    assert [SetTimer("later", 9)] == commands[2:]


def test_policys_exit_replaces_the_strategys() -> None:
    """One order closes, with the policy's name; adding to what is left is dropped."""
    desk = Desk(ExitVerdict.EXIT)
    desk.hold()
    commands = desk.bar("90", _intent(SELL, "2", reduce_only=True), _intent(BUY, "1"))
    assert [CLOSE_LONG] == _intents(commands)


@pytest.mark.parametrize(
    ("wishes", "kept"),
    [
        ([_intent(SELL, "2", reduce_only=True), _intent(SELL, "3")], [_intent(SELL, "3")]),
        (
            [_intent(SELL, "2", reduce_only=True), _intent(SELL, amount="99")],
            [_intent(SELL, amount="99")],
        ),
        ([_intent(SELL, "5")], [_intent(SELL, "3")]),
        ([_intent(SELL, "2")], []),
        ([_intent(SELL, "1"), _intent(SELL, "1"), _intent(SELL, "4")], [_intent(SELL, "4")]),
        ([_intent(SELL, amount="99")], []),
        ([_intent(SELL, amount="99"), _intent(SELL, "1")], [_intent(SELL, "1")]),
        ([_intent(SELL, "9", reduce_only=True), _intent(SELL, "1", reduce_only=True)], []),
    ],
)
def test_what_goes_beyond_the_exit_stays(
    wishes: list[OrderIntent], kept: list[OrderIntent]
) -> None:
    """Of a reversal, in one order or two, the new side is still the strategy's to choose."""
    desk = Desk(ExitVerdict.EXIT)
    desk.hold()
    assert [CLOSE_LONG, *kept] == _intents(desk.bar("90", *wishes))


def test_cancels_of_the_strategy_come_before_the_exit() -> None:
    """The strategy cannot take back the order that closes with what it said before it."""
    desk = Desk(ExitVerdict.EXIT)
    desk.hold()
    commands = desk.bar("90", CancelAll())
    assert [CLOSE_LONG] == _intents(commands)
    assert 1 == len(desk.engine.orders.working)


def test_resting_profit_target_does_not_stop_the_stop() -> None:
    """A limit order that would close is cancelled first; the stop follows once it has gone."""
    desk = Desk(ExitVerdict.EXIT)
    desk.hold()
    target = desk.order(_intent(SELL, "2", limit="150", reduce_only=True))
    assert [Cancel(target.client_order_id)] == desk.bar("90")
    assert NOTHING is desk.bar("80")
    commands = desk.engine.handle(OrderCanceled(target.client_order_id, 99))
    assert [CLOSE_LONG] == _intents(commands)
    assert NOTHING is desk.bar("70")


def test_target_that_fills_on_the_way_leaves_less_to_close() -> None:
    """What traded while its cancel was on the way is not sold twice."""
    desk = Desk(ExitVerdict.EXIT)
    desk.hold()
    target = desk.order(_intent(SELL, "2", limit="150", reduce_only=True))
    desk.bar("90")
    assert NOTHING is desk.engine.handle(fill(target, "150", quantity="1.5", fill_id="late"))
    (close,) = _intents(desk.engine.handle(OrderCanceled(target.client_order_id, 99)))
    assert D("0.5") == close.quantity


def test_target_that_fills_whole_leaves_nothing_to_close() -> None:
    """A position that closed by itself is not closed again."""
    desk = Desk(ExitVerdict.EXIT)
    desk.hold()
    target = desk.order(_intent(SELL, "2", limit="150", reduce_only=True))
    desk.bar("90")
    assert NOTHING is desk.engine.handle(fill(target, "150"))
    assert (D(0), NOTHING) == (desk.held(), desk.bar("90"))


def test_partial_target_leaves_the_rest_to_be_closed_at_once() -> None:
    """What no open order could close is closed without waiting; the remainder follows."""
    desk = Desk(ExitVerdict.EXIT)
    desk.hold()
    target = desk.order(_intent(SELL, "0.5", limit="150", reduce_only=True))
    cancel, close = desk.bar("90")
    assert Cancel(target.client_order_id) == cancel
    (intent,) = _intents([close])
    assert D("1.5") == intent.quantity
    (rest,) = _intents(desk.engine.handle(OrderCanceled(target.client_order_id, 99)))
    assert D("0.5") == rest.quantity


def test_waiting_exit_ends_with_the_position() -> None:
    """A position that was taken away leaves nothing behind that waits for the next one."""
    desk = Desk(ExitVerdict.EXIT)
    desk.hold()
    target = desk.order(_intent(SELL, "2", limit="150", reduce_only=True))
    desk.bar("90")
    forced = Fill("forced", "", BTC, SELL, D(2), D(80), D(0), "USD", Liquidity.TAKER, 95)
    desk.engine.handle(Liquidated(forced))
    assert NOTHING is desk.bar("80")
    assert NOTHING is desk.engine.handle(OrderCanceled(target.client_order_id, 99))


def test_open_entry_is_cancelled_by_the_stop() -> None:
    """More of what is being left must not be bought afterwards."""
    desk = Desk(ExitVerdict.EXIT)
    desk.hold()
    entry = desk.order(_intent(BUY, "1", limit="95"))
    cancel, close = desk.bar("94")
    assert Cancel(entry.client_order_id) == cancel
    assert [CLOSE_LONG] == _intents([close])


def test_amount_sold_at_market_is_waited_for() -> None:
    """What an order in money will close is not known, so nothing is added until it has ended."""
    desk = Desk(ExitVerdict.EXIT)
    desk.hold()
    own = desk.order(_intent(SELL, amount="100"))
    assert [Cancel(own.client_order_id)] == desk.bar("90")
    part = fill(own, "90", quantity="1", fill_id="part", complete=True)
    (close,) = _intents(desk.engine.handle(part))
    assert (D(1), "stop") == (close.quantity, close.reason)


def test_refused_exit_is_tried_again_at_the_next_mark_only() -> None:
    """A venue that refuses the closing order is not asked again at once."""
    desk = Desk(ExitVerdict.EXIT)
    desk.hold()
    (command,) = desk.bar("90")
    assert isinstance(command, Submit)
    refusal = OrderRejected(command.order.client_order_id, 25, "closed")
    assert NOTHING is desk.engine.handle(refusal)
    assert [CLOSE_LONG] == _intents(desk.bar("90"))


def test_exit_between_bars_needs_consent_too() -> None:
    """Whatever event the strategy leaves on, the policies are asked; no bar is counted."""
    desk = Desk(ExitVerdict.HOLD)
    desk.hold()
    desk.bar("101")
    desk.strategy.wish(_intent(SELL, "2", reduce_only=True), _intent(BUY, "1"))
    commands = desk.engine.handle(TimerFired("close", 25))
    assert [_intent(BUY, "1")] == _intents(commands)
    assert [1, 1] == [each.bars_held for each in desk.policy.seen]


def test_entry_between_bars_asks_no_policy() -> None:
    """Policies have a say in leaving only."""
    desk = Desk(ExitVerdict.EXIT)
    desk.hold()
    desk.strategy.wish(_intent(BUY, "1"))
    assert [_intent(BUY, "1")] == _intents(desk.engine.handle(TimerFired("add", 15)))


@pytest.mark.parametrize("on_quotes", [False, True])
def test_quotes_are_judged_only_where_it_was_asked_for(on_quotes: bool) -> None:
    """Policies look at bars; with the option, at quotes and trades as well."""
    desk = Desk(ExitVerdict.EXIT, exit_on_quotes=on_quotes)
    desk.hold()
    quote = Quote(BTC, 15, D(89), D(91), D(1), D(1), 15)
    assert ([CLOSE_LONG] if on_quotes else []) == _intents(desk.engine.handle(quote))
    assert NOTHING is desk.engine.handle(Trade(BTC, 16, D(88), D(1), "t", 16))
    assert ([D(90), D(88)] if on_quotes else []) == [each.mark for each in desk.policy.seen]


def test_joint_bar_judges_each_leg() -> None:
    """Positions of all instruments of a joint bar are reviewed, in its order."""
    desk = Desk(ExitVerdict.EXIT)
    desk.hold()
    desk.policy.verdicts.append(ExitVerdict.ABSTAIN)
    (command,) = desk.bar("100", _intent(SELL, "3", instrument_id=ETHER.id))
    assert isinstance(command, Submit)
    desk.engine.handle(fill(command.order, "50"))
    desk.policy.verdicts.pop()
    bars = (make_bar("90", 40), make_bar("60", 40, instrument_id=ETHER.id))
    closes = _intents(desk.engine.handle(JointBar(40, bars)))
    assert [(BTC, SELL, D(2)), (ETHER.id, BUY, D(3))] == [
        (each.instrument_id, each.side, each.quantity) for each in closes
    ]


def test_missed_bars_are_counted_but_nothing_is_done_about_them() -> None:
    """After a restart a trailing stop goes on from the best gain, whoever watched it."""
    desk = Desk()
    desk.hold()
    desk.policy.verdicts.append(ExitVerdict.EXIT)
    for price in ("120", "115"):
        desk.now_ns += 10
        desk.engine.warm_up(make_bar(price, desk.now_ns))
    desk.engine.warm_up(make_bar("900", desk.now_ns, instrument_id=ETHER.id))
    assert not desk.engine.orders.working
    (order,) = desk.bar("110")
    assert isinstance(order, Submit)
    seen = desk.policy.seen[-1]
    assert (D(20), D(40), 3) == (seen.net_pnl, seen.peak_net_pnl, seen.bars_held)
