"""The trading engine: events in, commands out."""

from decimal import Decimal
from typing import Any

import pytest

from algopioneer_core.domain.commands import Cancel, Command, SetTimer, Submit
from algopioneer_core.domain.events import (
    AccountSnapshot,
    Event,
    FeedGap,
    FeedUp,
    FundingPaid,
    InstrumentStatus,
    InstrumentStatusChanged,
    OrderAccepted,
    OrderCanceled,
    OrderCompleted,
    RiskHalted,
    RiskResumed,
    TimerFired,
    Transferred,
)
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import JointBar, Quote, Trade
from algopioneer_core.domain.orders import OrderIntent, OrderStatus, OrderType
from algopioneer_core.engine.engine import MOST_SKEW_NS, NOTHING
from algopioneer_core.engine.exit_policies import TimeStop, TimeStopConfig
from algopioneer_core.engine.risk import Limit, RiskGate
from algopioneer_core.engine.risk_limits import RiskLimits
from algopioneer_core.engine.strategy import StrategyContext
from algopioneer_core.testing.engine import (
    INSTRUMENT,
    ScriptedStrategy,
    drive,
    fill,
    make_bar,
    make_engine,
)

D = Decimal
BTC = INSTRUMENT.id
ETHER = Instrument.undescribed(InstrumentId("test", "ETH-USD"))
FOREIGN = InstrumentId("elsewhere", "SOL-USD")
BUY, SELL = Side.BUY, Side.SELL


def _intent(side: Side, quantity: str, **terms: Any) -> OrderIntent:
    return OrderIntent(**{"instrument_id": BTC} | terms, side=side, quantity=D(quantity))


def _quote(bid: str, ask: str, ts_ns: int, instrument_id: InstrumentId = BTC) -> Quote:
    return Quote(instrument_id, ts_ns, D(bid), D(ask), D(1), D(1), ts_ns)


def _order(commands: Any) -> Any:
    (command,) = commands
    assert isinstance(command, Submit)
    return command.order


def _gate(daily_loss: str | None = None) -> RiskGate:
    limits = RiskLimits(daily_loss=None if daily_loss is None else D(daily_loss))
    return RiskGate(limits, numeraire="USD")


# --- events ----------------------------------------------------------------------------------


def test_nothing_to_do_is_always_the_same_answer() -> None:
    """Events that lead to nothing are answered by one shared object."""
    engine = make_engine(ScriptedStrategy())
    events: list[Event] = [make_bar("1", 1), TimerFired("x", 2), FeedUp("test", 3)]
    events.append(_quote("1", "2", 4))
    for event in events:
        assert NOTHING is engine.handle(event)
    assert 4 == engine.now_ns


def test_generator_that_yields_nothing_is_nothing_to_do() -> None:
    """A strategy may be written with `yield`."""
    engine = make_engine(ScriptedStrategy(lambda _event, _context: iter(())))
    assert NOTHING is engine.handle(make_bar("1", 1))


def test_market_data_marks_before_the_strategy_sees_it() -> None:
    """Bars mark at their close, quotes in the middle, trades at their price."""
    marks: list[Decimal | None] = []

    def look(_event: Event, context: StrategyContext) -> tuple[()]:
        marks.append(context.mark(BTC))
        return ()

    trade = Trade(BTC, 3, D(13), D(1), "t", 3)
    joint = JointBar(4, (make_bar("14", 4), make_bar("9", 4, instrument_id=FOREIGN)))
    engine = make_engine(ScriptedStrategy(look))
    drive(engine, [make_bar("11", 1), _quote("11", "13", 2), trade, joint])
    assert [D(11), D(12), D(13), D(14)] == marks
    assert engine.portfolio.mark(FOREIGN) is None


@pytest.mark.parametrize(
    "event",
    [
        make_bar("9", 2, instrument_id=FOREIGN),
        _quote("9", "9", 2, FOREIGN),
        Trade(FOREIGN, 2, D(9), D(1), "t", 2),
        FeedGap(FOREIGN, 2),
        InstrumentStatusChanged(FOREIGN, 2, InstrumentStatus.HALTED),
        FundingPaid(FOREIGN, 2, D(9), "USD"),
    ],
)
def test_instruments_of_others_are_not_shown(event: Event) -> None:
    """The strategy neither sees nor trades on what it was not given."""
    strategy = ScriptedStrategy()
    engine = make_engine(strategy)
    assert NOTHING is engine.handle(event)
    assert [] == strategy.seen
    assert (None, D(10000)) == (engine.portfolio.mark(FOREIGN), engine.portfolio.cash)


@pytest.mark.parametrize(
    "event",
    [
        FeedGap(BTC, 2),
        InstrumentStatusChanged(BTC, 2, InstrumentStatus.HALTED),
        FundingPaid(BTC, 2, D(9), "USD"),
        AccountSnapshot("test", 2, (), ()),
        TimerFired("x", 2),
        RiskHalted(2, "test"),
        RiskResumed(2),
    ],
)
def test_everything_else_is_shown_and_may_be_answered(event: Event) -> None:
    """Any event that concerns the strategy can lead to a command."""
    strategy = ScriptedStrategy([[SetTimer("again", 9)]])
    assert [SetTimer("again", 9)] == make_engine(strategy).handle(event)
    assert [event] == strategy.seen


def test_report_that_says_nothing_new_is_not_shown() -> None:
    """A strategy hears of each change of its orders once."""
    strategy = ScriptedStrategy([[_intent(BUY, "2")]])
    engine = make_engine(strategy)
    order = _order(engine.handle(make_bar("10", 1)))
    reports: list[Event] = [
        OrderAccepted(order.client_order_id, 2, "venue-1"),
        fill(order, "10", quantity="1", fill_id="a"),
        fill(order, "10", quantity="1", fill_id="b"),
    ]
    for report in [*reports, *reversed(reports), OrderCanceled(order.client_order_id, 3)]:
        assert NOTHING is engine.handle(report)
    assert reports == strategy.seen[1:]
    assert (D(2), D(9980)) == (engine.portfolio.quantity(BTC), engine.portfolio.cash)


def test_order_in_money_is_complete_by_report() -> None:
    """A completion without a fill ends the order, and the strategy hears of it."""
    intent = OrderIntent(instrument_id=BTC, side=BUY, quote_amount=D(100))
    strategy = ScriptedStrategy([[intent]])
    engine = make_engine(strategy)
    order = _order(engine.handle(make_bar("10", 1)))
    drive(engine, [fill(order, "10", quantity="9"), OrderCompleted(order.client_order_id, 2)])
    assert OrderStatus.FILLED is engine.orders.get(order.client_order_id).status
    assert not engine.orders.working
    assert OrderCompleted(order.client_order_id, 2) == strategy.seen[-1]


def test_fills_come_before_the_view_of_the_bar() -> None:
    """On its next event the strategy sees position, cash, equity and time as they are then."""
    views: list[tuple[int, Decimal, Decimal, Decimal, bool, int]] = []

    def look(event: Event, context: StrategyContext) -> list[OrderIntent]:
        views.append(
            (
                context.now_ns,
                context.quantity(BTC),
                context.cash,
                context.equity,
                context.has_working_orders,
                len(context.working_orders()),
            )
        )
        assert context.instrument(BTC) is INSTRUMENT
        assert context.position(BTC).quantity == context.quantity(BTC)
        return [_intent(BUY, "3")] if len(views) == 1 else []

    engine = make_engine(ScriptedStrategy(look))
    order = _order(engine.handle(make_bar("10", 1)))
    engine.handle(fill(order, "11", quantity="2", fee="0.5", ts_ns=2))
    engine.handle(make_bar("12", 3))
    assert [
        (1, D(0), D(10000), D(10000), False, 0),
        (2, D(2), D("9977.5"), D("9997.5"), True, 1),
        (3, D(2), D("9977.5"), D("10001.5"), True, 1),
    ] == views


def test_warm_up_is_seen_and_its_wishes_are_dropped() -> None:
    """History teaches the strategy and trades nothing."""
    strategy = ScriptedStrategy([[_intent(BUY, "1")], [_intent(BUY, "2", instrument_id=FOREIGN)]])
    engine = make_engine(strategy)
    engine.warm_up(make_bar("10", 1))
    engine.warm_up(make_bar("11", 2))
    assert D(11) == engine.portfolio.mark(INSTRUMENT.id)
    engine.warm_up(_quote("1", "2", 3))
    assert (3, 3) == (len(strategy.seen), engine.now_ns)
    assert not engine.orders.working
    assert NOTHING is engine.handle(make_bar("12", 4))


def test_time_stands_still_where_an_event_is_late() -> None:
    """What is told late, and what a warm-up shows, does not set the engine's time back."""
    times: list[int] = []

    def look(_event: Event, context: StrategyContext) -> tuple[()]:
        times.append(context.now_ns)
        return ()

    engine = make_engine(ScriptedStrategy(look))
    drive(engine, [make_bar("1", 9), _quote("1", "2", 5)])
    engine.warm_up(make_bar("1", 7))
    assert ([9, 9, 7], 9) == (times, engine.now_ns)


def test_time_follows_a_market_of_the_past() -> None:
    """Bars of years ago, replayed beside events of today, are not those of a clock that is late."""
    engine = make_engine(ScriptedStrategy(lambda *_: ()))
    today = 2 * MOST_SKEW_NS
    drive(engine, [make_bar("1", today), make_bar("1", today - MOST_SKEW_NS)])
    assert today == engine.now_ns
    drive(engine, [make_bar("1", 5)])
    assert 5 == engine.now_ns
    drive(engine, [make_bar("1", today)])
    engine.warm_up(make_bar("1", 7))
    assert 7 == engine.now_ns


# --- closing and halting -----------------------------------------------------------------------


def _two_positions(**options: Any) -> Any:
    """Return an engine that is long one instrument and short another."""
    wishes = [_intent(BUY, "2"), _intent(SELL, "3", instrument_id=ETHER.id)]
    strategy = ScriptedStrategy([[], wishes])
    engine = make_engine(strategy, INSTRUMENT, ETHER, **options)
    commands = drive(engine, [make_bar("10", 1, instrument_id=ETHER.id), make_bar("100", 1)])
    for command in commands:
        assert isinstance(command, Submit)
        engine.handle(fill(command.order, "100" if command.order.intent.side is BUY else "10"))
    return engine, strategy


def _closes(commands: Any) -> list[tuple[InstrumentId, Side, Decimal | None, str]]:
    intents = [each.order.intent for each in commands if isinstance(each, Submit)]
    return [(each.instrument_id, each.side, each.quantity, each.reason) for each in intents]


def test_close_positions_closes_what_is_open() -> None:
    """Long is sold and short bought back; what is on its way already is not repeated."""
    engine, _ = _two_positions()
    expected = [(BTC, SELL, D(2), "end_of_data"), (ETHER.id, BUY, D(3), "end_of_data")]
    assert expected == _closes(engine.close_positions("end_of_data"))
    assert NOTHING is engine.close_positions("end_of_data")


def test_halted_engine_sends_only_reductions() -> None:
    """A halt from outside lets exits pass and nothing else, until it is lifted."""
    engine, strategy = _two_positions()
    engine.handle(RiskHalted(2, "operator"))
    strategy.wish(_intent(BUY, "1"), _intent(SELL, "2"))
    assert [(BTC, SELL, D(2), "signal")] == _closes(engine.handle(make_bar("100", 3)))
    engine.handle(RiskResumed(4))
    strategy.wish(_intent(BUY, "1"))
    assert [(BTC, BUY, D(1), "signal")] == _closes(engine.handle(make_bar("100", 5)))


def test_halt_of_one_strategy_leaves_the_others_free() -> None:
    """Two engines share a gate; only the one that is named is halted."""
    gate = _gate()
    strategies = ScriptedStrategy(), ScriptedStrategy()
    one, two = (
        make_engine(each, name=name, risk=gate)
        for each, name in zip(strategies, ("one", "two"), strict=True)
    )
    one.handle(RiskHalted(1, "test", strategy="one"))
    for strategy in strategies:
        strategy.wish()
        strategy.wish(_intent(BUY, "1"))
    strategies[0].seen.clear()
    drive(one, [make_bar("1", 2)])
    drive(two, [make_bar("1", 2)])
    assert ([], 1) == (list(one.handle(make_bar("1", 3))), len(two.handle(make_bar("1", 3))))


@pytest.mark.parametrize(
    "event",
    [make_bar("80", 9), _quote("79", "81", 9), Trade(BTC, 9, D(80), D(1), "t", 9)],
)
def test_daily_loss_flattens_everything_once(event: Event) -> None:
    """At the last stage all positions are closed, whatever kind of price told of the loss."""
    engine, _ = _two_positions(risk=_gate(daily_loss="40"))
    expected = [(BTC, SELL, D(2), "daily_loss"), (ETHER.id, BUY, D(3), "daily_loss")]
    assert expected == _closes(engine.handle(event))
    assert NOTHING is engine.handle(make_bar("70", 10))


def test_flattening_keeps_no_order_of_the_strategy() -> None:
    """Entries are cancelled and refused; timers still run."""
    engine, strategy = _two_positions(risk=_gate(daily_loss="40"))
    limit = _intent(BUY, "1", type=OrderType.LIMIT, limit_price=D(99))
    strategy.wish(limit)
    resting = _order(engine.handle(make_bar("100", 8)))
    timer = SetTimer("later", 99)
    strategy.wish(timer, _intent(BUY, "1"), _intent(SELL, "2"))
    commands = list(engine.handle(make_bar("80", 9)))
    assert [timer, Cancel(resting.client_order_id)] == commands[:2]
    assert [(BTC, SELL, D(2), "daily_loss"), (ETHER.id, BUY, D(3), "daily_loss")] == _closes(
        commands[2:]
    )


def test_flattening_waits_for_orders_in_its_way() -> None:
    """A resting sale of everything is cancelled first; the close follows at the next price."""
    engine, strategy = _two_positions(risk=_gate(daily_loss="40"))
    strategy.wish(_intent(SELL, "2", type=OrderType.LIMIT, limit_price=D(120)))
    resting = _order(engine.handle(make_bar("100", 8)))
    commands = list(engine.handle(make_bar("80", 9)))
    assert Cancel(resting.client_order_id) == commands[0]
    assert [(ETHER.id, BUY, D(3), "daily_loss")] == _closes(commands)
    engine.handle(OrderCanceled(resting.client_order_id, 10))
    assert [(BTC, SELL, D(2), "daily_loss")] == _closes(engine.handle(make_bar("80", 11)))


def test_small_loss_changes_nothing() -> None:
    """Below the stages, the strategy trades as it likes."""
    engine, strategy = _two_positions(risk=_gate(daily_loss="40"))
    strategy.wish(_intent(BUY, "1"))
    joint = JointBar(9, (make_bar("99", 9), make_bar("10", 9, instrument_id=ETHER.id)))
    assert [(BTC, BUY, D(1), "signal")] == _closes(engine.handle(joint))


def test_withdrawal_is_no_loss() -> None:
    """Money that the owner takes out does not flatten the strategy, nor does a deposit help it."""
    engine, _ = _two_positions(risk=_gate(daily_loss="40"))
    engine.handle(make_bar("100", 8))
    engine.handle(Transferred("test", 9, "USD", D(-5000)))
    assert NOTHING is engine.handle(make_bar("100", 10))
    engine.handle(Transferred("test", 11, "USD", D(5000)))
    assert 2 == len(engine.handle(make_bar("80", 12)))


def test_limit_that_was_hit_refuses_and_says_so() -> None:
    """With the loss at a stage before the last, entries are refused with that limit."""
    denied: list[Limit] = []
    engine, strategy = _two_positions(
        risk=_gate(daily_loss="40"), on_denied=lambda _, why: denied.append(why.limit)
    )
    strategy.wish(_intent(BUY, "1"))
    assert NOTHING is engine.handle(make_bar("81.5", 9))
    assert [Limit.DAILY_LOSS] == denied


# --- exits inside the engine -------------------------------------------------------------------


def test_time_stop_counts_from_the_fill() -> None:
    """The monitor is told of fills, so a bundled policy works in the engine."""
    strategy = ScriptedStrategy([[_intent(BUY, "1")]])
    engine = make_engine(strategy, exits=[TimeStop(TimeStopConfig(bars=2))])
    order = _order(engine.handle(make_bar("10", 10)))
    engine.handle(fill(order, "10", ts_ns=10))
    assert NOTHING is engine.handle(make_bar("10", 20))
    commands = engine.handle(make_bar("10", 30))
    assert [(BTC, SELL, D(1), "time-stop")] == _closes(commands)


# --- determinism -------------------------------------------------------------------------------


def test_commands_have_no_identity_of_their_own() -> None:
    """The same events give equal commands, ids included, on another engine."""

    def run() -> list[Command]:
        strategy = ScriptedStrategy([[_intent(BUY, "1"), SetTimer("t", 5)], [_intent(SELL, "2")]])
        return drive(make_engine(strategy), [make_bar("10", 1), make_bar("11", 2)])

    assert run() == run()
