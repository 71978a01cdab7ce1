"""The order desk: wishes become commands, or none of them does."""

from decimal import Decimal
from typing import Any

import pytest

from algopioneer_core.domain.commands import (
    Cancel,
    CancelAll,
    CloseSpread,
    Halt,
    SetTimer,
    StrategyCommand,
    Submit,
)
from algopioneer_core.domain.errors import AlgopioneerError, RefusedError, UnknownOrder
from algopioneer_core.domain.events import OrderAccepted, OrderCanceled
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.orders import Order, OrderIntent, OrderStatus
from algopioneer_core.engine.engine import NOTHING, TradingEngine
from algopioneer_core.engine.order_desk import OrderDesk
from algopioneer_core.engine.order_manager import OrderManager
from algopioneer_core.engine.portfolio import Portfolio
from algopioneer_core.engine.risk import Denied, Limit, RiskGate
from algopioneer_core.engine.risk_limits import RiskLimits
from algopioneer_core.testing.engine import (
    INSTRUMENT,
    ScriptedStrategy,
    fill,
    make_bar,
    make_engine,
)

D = Decimal
BUY, SELL = Side.BUY, Side.SELL
FOREIGN = InstrumentId("elsewhere", "ETH-USD")
ETHER = Instrument.undescribed(InstrumentId("test", "ETH-USD"))


class Trader:
    """An engine whose strategy wishes what it is told."""

    def __init__(self, **options: Any) -> None:
        self.denied: list[tuple[Order, Denied]] = []
        self.strategy = ScriptedStrategy()
        self.engine: TradingEngine = make_engine(
            self.strategy,
            INSTRUMENT,
            ETHER,
            on_denied=lambda order, why: self.denied.append((order, why)),
            **options,
        )
        self.now_ns = 0

    def wish(self, *wishes: StrategyCommand) -> list[Any]:
        self.now_ns += 1
        self.strategy.wish(*wishes)
        return list(self.engine.handle(make_bar("100", self.now_ns)))

    def order(self, side: Side, quantity: str, **terms: Any) -> Order:
        (command,) = self.wish(_intent(side, quantity, **terms))
        assert isinstance(command, Submit)
        return command.order

    def hold(self, quantity: str) -> None:
        self.engine.handle(fill(self.order(BUY, quantity), "100"))


def _intent(side: Side, quantity: str | None, **terms: Any) -> OrderIntent:
    amount = None if quantity is None else D(quantity)
    return OrderIntent(**{"instrument_id": INSTRUMENT.id} | terms, side=side, quantity=amount)


def test_order_gets_an_identity_and_is_pending() -> None:
    """What is to be sent is known to the order manager before it is handed out."""
    trader = Trader()
    order = trader.order(BUY, "1")
    assert (OrderStatus.PENDING, 1) == (order.status, order.ts_created)
    assert {order.client_order_id: order} == trader.engine.orders.working


def test_wishes_become_commands_in_their_order() -> None:
    """Nothing is reordered, and timers pass as they are."""
    trader = Trader()
    first = trader.order(BUY, "1")
    timer = SetTimer("later", 9)
    commands = trader.wish(timer, _intent(BUY, "2"), Cancel(first.client_order_id))
    assert [timer, Cancel(first.client_order_id)] == [commands[0], commands[2]]
    assert D(2) == commands[1].order.intent.quantity


@pytest.mark.parametrize(
    ("wish", "error", "message"),
    [
        (_intent(BUY, "1", instrument_id=FOREIGN), RefusedError, "elsewhere:ETH-USD: .* not given"),
        (CancelAll(FOREIGN), RefusedError, "not given"),
        (CloseSpread(), RefusedError, "single instruments"),
        (Cancel("nobody"), UnknownOrder, "nobody"),
        ("buy", AssertionError, "buy"),
    ],
)
def test_one_wish_that_is_not_allowed_stops_all(
    wish: Any, error: type[Exception], message: str
) -> None:
    """No order is made that will not be sent, and nothing is traded that was not given."""
    trader = Trader()
    resting = trader.order(BUY, "1")
    with pytest.raises(error, match=message):
        trader.wish(_intent(BUY, "1"), CancelAll(), Halt("enough"), wish)
    assert {resting.client_order_id: resting} == trader.engine.orders.working
    assert trader.wish(_intent(BUY, "1"))


def test_refusals_tell_what_to_do() -> None:
    """The error has a place and a remedy."""
    with pytest.raises(AlgopioneerError) as caught:
        Trader().wish(_intent(BUY, "1", instrument_id=FOREIGN))
    assert (FOREIGN, True) == (caught.value.where, bool(caught.value.remedy))


def test_cancel_is_asked_for_once() -> None:
    """An order that has ended, or whose cancel is on the way, is not cancelled again."""
    trader = Trader()
    order = trader.order(BUY, "1")
    cancel = Cancel(order.client_order_id)
    assert [cancel] == trader.wish(cancel)
    assert [] == trader.wish(cancel)
    trader.engine.handle(OrderCanceled(order.client_order_id, 9))
    assert [] == trader.wish(cancel)


@pytest.mark.parametrize(("instrument_id", "count"), [(None, 3), (INSTRUMENT.id, 2)])
def test_cancel_all_takes_back_what_works(instrument_id: InstrumentId | None, count: int) -> None:
    """Of one instrument, or of all, and each order once."""
    trader = Trader()
    orders = [trader.order(BUY, "1"), trader.order(SELL, "1")]
    orders.append(trader.order(BUY, "1", instrument_id=ETHER.id))
    trader.engine.handle(OrderAccepted(orders[0].client_order_id, 5))
    expected = [Cancel(each.client_order_id) for each in orders[:count]]
    assert expected == trader.wish(CancelAll(instrument_id))
    assert expected[:0] == trader.wish(CancelAll(instrument_id))


def test_denied_order_is_never_sent() -> None:
    """The gate's refusal makes an order that ends at once, and tells why."""
    limits = RiskLimits(max_order_notional=D(150))
    trader = Trader(risk=RiskGate(limits, numeraire="USD"))
    assert [] == trader.wish(_intent(BUY, "2"))
    ((order, why),) = trader.denied
    assert (Limit.ORDER_NOTIONAL, OrderStatus.DENIED) == (why.limit, order.status)
    assert why.reason == order.message
    assert not trader.engine.orders.working
    assert order is trader.engine.orders.get(order.client_order_id)


def test_denial_needs_nobody_to_listen() -> None:
    """Without a listener the order is refused all the same."""
    portfolio, orders = Portfolio([INSTRUMENT], D(1)), OrderManager(iter("ab").__next__)
    gate = RiskGate(RiskLimits(), numeraire="USD")
    desk = OrderDesk("stranger", portfolio, orders, gate)
    gate.halt("test")
    assert NOTHING is desk.carry_out([_intent(BUY, "1")], 1)
    assert OrderStatus.DENIED is orders.get("a").status


def test_halted_strategy_sends_only_reductions() -> None:
    """A strategy that halts itself is halted at once; what would cross zero is cut."""
    trader = Trader()
    trader.hold("2")
    assert [Halt("enough")] == trader.wish(Halt("enough"), _intent(BUY, "1"))
    (command,) = trader.wish(_intent(SELL, "5"))
    assert (D(2), None) == (command.order.intent.quantity, command.order.intent.quote_amount)
    assert [] == trader.wish(_intent(SELL, "1"))
    assert [Limit.HALTED, Limit.HALTED] == [why.limit for _, why in trader.denied]


def test_reduce_only_never_crosses_zero_without_any_limits() -> None:
    """The excess over what is held, and over what open orders will close, is cut off."""
    trader = Trader()
    trader.hold("3")
    first = trader.order(SELL, "5", reduce_only=True)
    assert D(3) == first.intent.quantity
    assert [] == trader.wish(_intent(SELL, "1", reduce_only=True))
    trader.engine.handle(OrderCanceled(first.client_order_id, 9))
    assert D(2) == trader.order(SELL, "2", reduce_only=True).intent.quantity
    assert D(1) == trader.order(SELL, "2", reduce_only=True).intent.quantity


@pytest.mark.parametrize("quantity", ["1", None])
def test_reduce_only_on_the_wrong_side_is_refused(quantity: str | None) -> None:
    """Buying reduces nothing of what is long, in units or in money."""
    trader = Trader()
    trader.hold("3")
    amount = None if quantity else D(50)
    assert [] == trader.wish(_intent(BUY, quantity, quote_amount=amount, reduce_only=True))
    assert [Limit.REDUCE_ONLY] == [why.limit for _, why in trader.denied]


def test_reduce_only_in_money_becomes_a_quantity() -> None:
    """An amount that is to reduce is turned into units at the mark, and cut."""
    trader = Trader()
    trader.hold("3")
    (command,) = trader.wish(_intent(SELL, None, quote_amount=D(1000), reduce_only=True))
    assert (D(3), None) == (command.order.intent.quantity, command.order.intent.quote_amount)
