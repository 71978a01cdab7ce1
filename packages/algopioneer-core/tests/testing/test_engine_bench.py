"""The bench for strategies: what its helpers do, for those who test with them."""

from decimal import Decimal

import pytest

from algopioneer_core.domain.commands import SetTimer, Submit
from algopioneer_core.domain.errors import MoneyError
from algopioneer_core.domain.events import TimerFired
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.orders import OrderIntent
from algopioneer_core.engine.strategy import Requirements
from algopioneer_core.testing.engine import (
    INSTRUMENT,
    ScriptedStrategy,
    drive,
    fill,
    make_bar,
    make_engine,
)

BUY = OrderIntent(instrument_id=INSTRUMENT.id, side=Side.BUY, quantity=Decimal(2))
TIMERS = [SetTimer(name, 9) for name in "abc"]


def test_script_is_answered_in_order_and_then_with_nothing() -> None:
    """Each event takes one answer."""
    strategy = ScriptedStrategy([[TIMERS[0]], [], TIMERS[1:]], warmup_bars=3)
    engine = make_engine(strategy)
    events = [TimerFired("x", number) for number in range(4)]
    assert TIMERS == drive(engine, events)
    assert events == strategy.seen
    assert Requirements(warmup_bars=3) == strategy.requirements()


def test_scripted_strategy_continues_from_its_snapshot() -> None:
    """What was answered before is not answered again."""
    answers = [[timer] for timer in TIMERS]
    first, second = ScriptedStrategy(answers), ScriptedStrategy(answers)
    drive(make_engine(first), [TimerFired("x", 1)])
    second.restore(first.snapshot())
    assert TIMERS[1:] == drive(make_engine(second), [TimerFired("x", 2), TimerFired("x", 3)])


def test_order_is_filled_whole_unless_told_otherwise() -> None:
    """A fill takes what remains, at the time the order was made, once."""
    engine = make_engine(ScriptedStrategy([[BUY]]), capital="500")
    (command,) = engine.handle(make_bar("99.5", 7))
    assert isinstance(command, Submit)
    report = fill(command.order, "100", fee="1")
    assert 7 == report.ts_event
    drive(engine, [report, report])
    assert (Decimal(299), Decimal(2)) == (
        engine.portfolio.cash,
        engine.portfolio.quantity(INSTRUMENT.id),
    )
    assert Decimal(498) == engine.portfolio.equity


def test_order_in_money_needs_a_quantity_to_be_filled() -> None:
    """How much an amount buys is for the test to say."""
    intent = OrderIntent(instrument_id=INSTRUMENT.id, side=Side.BUY, quote_amount=Decimal(9))
    (command,) = make_engine(ScriptedStrategy([[intent]])).handle(make_bar("1", 1))
    assert isinstance(command, Submit)
    with pytest.raises(MoneyError, match="quantity must be positive"):
        fill(command.order, "1")
