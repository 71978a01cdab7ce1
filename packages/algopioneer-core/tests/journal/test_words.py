from decimal import Decimal
from typing import Any

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.domain.commands import (
    Cancel,
    CancelAll,
    CloseSpread,
    Halt,
    OpenSpread,
    SetTimer,
    Submit,
)
from algopioneer_core.domain.events import (
    FeeCharged,
    FeedDown,
    FundingPaid,
    RiskHalted,
    RiskResumed,
    StrategyCrashed,
    StrategyRestarted,
)
from algopioneer_core.domain.execution_reports import (
    CancelRejected,
    OrderAbsent,
    OrderAccepted,
    OrderCanceled,
    OrderCompleted,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
)
from algopioneer_core.domain.fills import Fill, Liquidity, Side
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import Bar, JointBar, Quote, Trade
from algopioneer_core.domain.orders import Order, OrderIntent, OrderType, TimeInForce
from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.domain.spreads import SpreadSize
from algopioneer_core.journal.words import describe
from algopioneer_core.testing.domain import OrderHistory, order_histories

A, B = InstrumentId("sim", "A"), InstrumentId("sim", "B")
BAR = Bar(A, 60_000_000_000, 10, 12, 9, 11, 0, 1, 0, 0)
MARKET = OrderIntent(instrument_id=A, side=Side.BUY, quote_amount=Decimal("1000.00"))
LIMIT = OrderIntent(
    instrument_id=A,
    side=Side.SELL,
    type=OrderType.STOP_LIMIT,
    quantity=Decimal("2.50"),
    limit_price=Decimal(9),
    stop_price=Decimal("9.5"),
    time_in_force=TimeInForce.DAY,
    post_only=True,
    reduce_only=True,
    reason="stop-loss",
)
FILL = Fill(
    "f1", "x", A, Side.SELL, Decimal(2), Decimal("10.50"), Decimal("0.02"), "USD",
    Liquidity.MAKER, 5,
)  # fmt: skip
TRIP = RoundTrip(
    A, Side.BUY, Decimal(2), 1, 2, Decimal(10), Decimal(11), Decimal("1.90"), Decimal("0.10"),
    Decimal(20), "signal",
)  # fmt: skip


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (BAR, "bar of sim:A until 1970-01-01T00:01:00Z: open 1, high 1.2, low 0.9, close 1.1"),
        (JointBar(5, (BAR, BAR)), "closes: sim:A 1.1, sim:A 1.1"),
        (Quote(A, 1, Decimal("1.50"), Decimal(2), Decimal(1), Decimal(1), 1), "bid 1.5, ask 2"),
        (Trade(A, 1, Decimal("1.50"), Decimal(3), "t", 1), "trade in sim:A: 3 at 1.5"),
        (MARKET, "buy sim:A for 1000 in all (market, GTC), reason: signal"),
        (
            LIMIT,
            "sell 2.5 sim:A (stop limit, limit 9, stop 9.5, DAY, post only, reduce only),"
            " reason: stop-loss",
        ),
        (Submit(Order("x", MARKET, 0)), "send order x: buy sim:A for 1000"),
        (Cancel("x"), "cancel order x"),
        (CancelAll(), "cancel all orders in all instruments"),
        (
            OpenSpread(buy=A, sell=B, size=SpreadSize(fraction=Decimal(1))),
            "buy sim:A, sell sim:B, reason: signal",
        ),
        (CloseSpread("stop"), "close the spread, reason: stop"),
        (SetTimer("bell", 0), "wake up for 'bell' at 1970-01-01T00:00:00Z"),
        (Halt("enough"), "halt: enough"),
        (OrderAccepted("x", 1, "v7"), "accepted by the venue as v7"),
        (OrderFilled(FILL), "sold 2 at 10.5 as maker, fee 0.02 USD, fill f1"),
        (OrderCompleted("x", 1), "nothing remains"),
        (OrderExpired("x", 1), "expired"),
        (OrderAbsent("x", 1), "never to have reached"),
        (OrderRejected("x", 1, "too small"), "refused by the venue: too small"),
        (OrderCanceled("x", 1), "cancelled"),
        (OrderUnknown("x", 1, "timeout"), "its fate is not known: timeout"),
        (CancelRejected("x", 1, "gone"), "not cancelled: gone"),
        (TRIP, "long 2 sim:A from 10 to 11: gain 1.9 after fees of 0.1, left for signal"),
        (RiskHalted(1, "enough"), "halted: enough"),
        (RiskResumed(1), "resumed"),
        (StrategyCrashed("ma", 1, "ValueError: x"), "the strategy crashed: ValueError: x"),
        (StrategyRestarted("ma", 1, 2), "the strategy runs again: restart 2"),
        (FeeCharged(A, 1, Decimal("0.10"), "USD"), "a fee of 0.1 USD for sim:A"),
        (FundingPaid(A, 1, Decimal(-2), "USD"), "funding of -2 USD for sim:A"),
        (FeedDown("sim", 1, "lost"), '{"$FeedDown":'),
        ({"limit": "order_notional", "n": 5, "of": None}, "limit: order_notional, n: 5, of: null"),
    ],
)
def test_a_line_for_people(body: Any, words: str) -> None:
    """Each thing in the words of the trade."""
    assert words in describe(body)


@given(order_histories())
@hypothesis.settings(max_examples=10)
def test_whatever_is_reported_has_one_line(history: OrderHistory) -> None:
    """None of the reports is left without words, and none takes two lines."""
    for report in history.reports:
        assert describe(report)
        assert "\n" not in describe(report)


@given(st.text())
def test_a_text_is_its_own_description(text: str) -> None:
    """It needs no quotation marks."""
    assert describe(text) == text
