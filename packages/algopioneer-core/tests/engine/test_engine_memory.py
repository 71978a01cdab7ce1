"""What an engine remembers: saved at any moment, and restored into a fresh one."""

from collections.abc import Callable, Iterable
from decimal import Decimal

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.domain.commands import (
    Cancel,
    CloseSpread,
    Command,
    OpenSpread,
    RollSpread,
    StrategyCommand,
    Submit,
)
from algopioneer_core.domain.errors import LedgerError, RefusedError, UnknownOrder
from algopioneer_core.domain.events import (
    Event,
    FillBusted,
    FillCorrected,
    Liquidated,
    OrderCanceled,
)
from algopioneer_core.domain.fills import Fill, Liquidity, Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import JointBar
from algopioneer_core.domain.orders import OrderIntent
from algopioneer_core.domain.spreads import SpreadSize
from algopioneer_core.engine.engine import TradingEngine
from algopioneer_core.engine.exit_monitor import ExitMonitor
from algopioneer_core.engine.exit_policies import StopLoss, StopLossConfig
from algopioneer_core.engine.leg_manager import LegManager
from algopioneer_core.engine.leg_rules import LegRules
from algopioneer_core.engine.leg_states import LegState
from algopioneer_core.engine.order_ids import order_ids
from algopioneer_core.engine.order_manager import OrderManager
from algopioneer_core.engine.portfolio import Portfolio
from algopioneer_core.engine.strategy import StrategyContext
from algopioneer_core.testing.engine import INSTRUMENT, ScriptedStrategy, fill, make_bar

D = Decimal
OTHER = Instrument.undescribed(InstrumentId("test", "ETH-USD"))
ELSEWHERE = InstrumentId("elsewhere", "SOL-USD")


def _engine(
    *wishes: StrategyCommand, start: int = 1, legs: bool = False, made: int = 0
) -> TradingEngine:
    instruments = (INSTRUMENT, OTHER)
    portfolio = Portfolio(instruments, D(10_000))
    orders = OrderManager(order_ids("j", "n", "s", start=made + 1))
    return TradingEngine(
        "s",
        ScriptedStrategy([wishes] if wishes else ()),
        portfolio,
        orders,
        exits=ExitMonitor([StopLoss(StopLossConfig(loss_fraction=D("0.05")))]),
        legs=LegManager(instruments, portfolio, orders, LegRules()) if legs else None,
    )


def _twin(engine: TradingEngine, *, legs: bool = False) -> TradingEngine:
    twin = _engine(legs=legs, made=engine.orders.made)
    twin.restore(engine.snapshot())
    return twin


def _buy(quantity: str) -> OrderIntent:
    return OrderIntent(instrument_id=INSTRUMENT.id, side=Side.BUY, quantity=D(quantity))


def _sell(quantity: str) -> OrderIntent:
    return OrderIntent(instrument_id=INSTRUMENT.id, side=Side.SELL, quantity=D(quantity))


def _answers(engine: TradingEngine, events: Iterable[Event]) -> list[Command]:
    return [command for event in events for command in engine.handle(event)]


@given(st.lists(st.tuples(st.sampled_from([_buy, _sell]), st.sampled_from("123")), max_size=6))
def test_a_restored_engine_goes_on_as_the_first_would(
    trades: list[tuple[Callable[[str], OrderIntent], str]],
) -> None:
    """After any trades, books are the same, and so is every answer to what happens next."""
    engine = _engine()
    for index, (wish, size) in enumerate(trades):
        engine.handle(make_bar(str(100 + index), index + 1))
        for command in engine._carry_out([wish(size)], index + 1):
            assert isinstance(command, Submit)
            engine.handle(fill(command.order, str(100 + index), fee="0.1", ts_ns=index + 1))
    twin = _twin(engine)
    assert engine.snapshot() == twin.snapshot()
    assert engine.portfolio.equity == twin.portfolio.equity
    crash = [make_bar("50", 90), make_bar("30", 91)]
    assert _answers(engine, crash) == _answers(twin, crash)
    assert engine.snapshot() == twin.snapshot()


def test_working_orders_are_known_again() -> None:
    """Those that ended are brought back when somebody speaks of them; ids go on where they were."""
    engine = _engine(_buy("1"), _buy("2"))
    first, second = engine.handle(make_bar("100", 1))
    assert isinstance(first, Submit)
    assert isinstance(second, Submit)
    ended = first.order.client_order_id
    engine.handle(OrderCanceled(ended, 2))
    twin = _twin(engine)
    assert [second.order.client_order_id] == list(twin.orders.working)
    assert not twin.orders.remembers(ended)
    twin.orders.take_back(engine.orders.as_past(ended))
    twin.handle(fill(first.order, "99"))  # it had traded before the cancel
    assert twin.portfolio.quantity(INSTRUMENT.id) == 1
    (third,) = twin._carry_out([_buy("3")], 3)
    assert isinstance(third, Submit)
    assert third.order.client_order_id.endswith("3")


def test_a_snapshot_does_not_grow_with_the_orders_that_ended() -> None:
    """They are in the journal: every commit would write them again."""
    engine = _engine()
    for ts_ns in range(1, 20):
        (command,) = engine._carry_out([_buy("1")], ts_ns)
        assert isinstance(command, Submit)
        engine.handle(OrderCanceled(command.order.client_order_id, ts_ns))
    assert [] == engine.orders.snapshot()["orders"]


def test_corrected_and_liquidated_fills_are_remembered() -> None:
    """What was corrected or liquidated before a restart can be busted after it."""
    engine = _engine(_buy("1"))
    (command,) = engine.handle(make_bar("100", 1))
    assert isinstance(command, Submit)
    report = fill(command.order, "100")
    engine.handle(report)
    engine.handle(FillCorrected(report.fill, evolve(report.fill, price=D(90)), 2))
    forced = Fill("forced", "", OTHER.id, Side.SELL, D(1), D(5), D(0), "USD", Liquidity.TAKER, 3)
    engine.handle(Liquidated(forced))
    twin = _twin(engine)
    twin.orders.take_back(engine.orders.as_past(report.client_order_id))
    for each in (engine, twin):
        each.handle(FillBusted(report.fill, 4))
        each.handle(FillBusted(forced, 5))
        assert each.portfolio.cash == 10_000


def test_a_fee_in_another_coin_is_remembered() -> None:
    """Fees by asset survive too."""
    engine = _engine(_buy("1"))
    (command,) = engine.handle(make_bar("100", 1))
    assert isinstance(command, Submit)
    engine.handle(fill(command.order, "100", fee="2", fee_asset="POINTS"))
    assert _twin(engine).portfolio.positions[INSTRUMENT.id].other_fees == (("POINTS", D(2)),)


def test_an_instrument_that_was_added_since_begins_flat() -> None:
    """What the snapshot does not know stays as it is."""
    small = TradingEngine(
        "s",
        ScriptedStrategy(),
        Portfolio([INSTRUMENT], D(10_000)),
        OrderManager(order_ids("j", "n", "s")),
    )
    small.handle(make_bar("100", 1))
    grown = _engine(legs=True)
    grown.restore(small.snapshot())
    assert grown.portfolio.mark(INSTRUMENT.id) == 100
    assert grown.portfolio.quantity(OTHER.id) == 0
    assert grown.portfolio.mark(OTHER.id) is None


def test_a_ledger_that_does_not_balance_is_refused() -> None:
    """A snapshot that somebody changed is not believed."""
    engine = _engine()
    saved = engine.portfolio.snapshot()
    saved["ledger"] = [["holdings", "USD", "1"]]
    with pytest.raises(LedgerError):
        engine.portfolio.restore(saved)


def _joint(price: str, ts_ns: int) -> JointBar:
    bars = tuple(make_bar(price, ts_ns, instrument_id=each.id) for each in (INSTRUMENT, OTHER))
    return JointBar(ts_ns, bars)


def _spread(*, fraction: str = "1") -> OpenSpread:
    return OpenSpread(buy=INSTRUMENT.id, sell=OTHER.id, size=SpreadSize(fraction=D(fraction)))


def test_a_spread_is_remembered_and_flattened_by_its_legs() -> None:
    """After a restart the spread is in position, and flattening closes both legs as a stop."""
    engine = _engine(_spread(), legs=True)
    for command in engine.handle(_joint("100", 1)):
        if isinstance(command, Submit):
            engine.handle(fill(command.order, "100"))
    twin = _twin(engine, legs=True)
    assert twin.legs is not None
    assert twin.legs.state is LegState.IN_POSITION
    closing = [each for each in twin.flatten("asked") if isinstance(each, Submit)]
    assert {each.order.intent.side for each in closing} == {Side.BUY, Side.SELL}
    assert all(each.order.intent.reason == "asked" for each in closing)


def test_flattening_cancels_what_works_and_closes_what_is_held() -> None:
    """Without legs, each instrument is left by itself."""
    engine = _engine(_buy("2"))
    (command,) = engine.handle(make_bar("100", 1))
    assert isinstance(command, Submit)
    engine.handle(fill(command.order, "100", quantity="1", complete=False))
    cancel, close = engine.flatten("asked")
    assert cancel == Cancel(command.order.client_order_id)
    assert isinstance(close, Submit)
    assert (close.order.intent.side, close.order.intent.quantity) == (Side.SELL, D(1))


def test_one_order_is_cancelled_once() -> None:
    """The second request finds it asked already, and what was never ordered is refused."""
    engine = _engine(_buy("2"))
    (command,) = engine.handle(make_bar("100", 1))
    assert isinstance(command, Submit)
    key = command.order.client_order_id
    assert list(engine.cancel_order(key)) == [Cancel(key)]
    assert list(engine.cancel_order(key)) == []
    with pytest.raises(UnknownOrder):
        engine.cancel_order("never")


def test_wishes_can_be_checked_without_making_an_order() -> None:
    """What can never be carried out is refused ahead; the books stay as they were."""
    single, pair = _engine(), _engine(legs=True)
    with pytest.raises(RefusedError):
        single.check(_spread())
    with pytest.raises(UnknownOrder):
        pair.check(Cancel("never"))
    stray = OpenSpread(buy=INSTRUMENT.id, sell=ELSEWHERE, size=SpreadSize(fraction=D(1)))
    with pytest.raises(RefusedError, match="what it was not given"):
        pair.check(stray)
    with pytest.raises(RefusedError, match="what it was not given"):
        pair.check(RollSpread(ELSEWHERE))
    pair.check(RollSpread(OTHER.id))
    pair.check(_spread())
    pair.check(CloseSpread())
    assert not pair.orders.made


def test_context_is_still_the_books_after_a_restart() -> None:
    """The strategy of a restored engine reads the restored books."""
    seen: list[Decimal] = []

    def look(_: Event, context: StrategyContext) -> tuple[StrategyCommand, ...]:
        seen.append(context.quantity(INSTRUMENT.id))
        return ()

    engine = _engine(_buy("1"))
    (command,) = engine.handle(make_bar("100", 1))
    assert isinstance(command, Submit)
    engine.handle(fill(command.order, "100"))
    portfolio = Portfolio((INSTRUMENT, OTHER), D(10_000))
    twin = TradingEngine(
        "s", ScriptedStrategy(look), portfolio, OrderManager(order_ids("j", "n", "s"))
    )
    twin.restore(engine.snapshot())
    twin.handle(make_bar("101", 2))
    assert seen == [D(1)]
