"""The end of an order that lived through a gap of the stream is asked for, not believed."""

from decimal import Decimal

import pytest
from attrs import evolve

from algopioneer_core.domain.events import (
    AccountEvent,
    OrderAccepted,
    OrderCanceled,
    OrderCompleted,
    OrderExpired,
    OrderFilled,
)
from algopioneer_core.domain.execution_reports import ExecutionReport
from algopioneer_core.domain.fills import Fill, Liquidity, Side
from algopioneer_core.domain.orders import Order
from algopioneer_core.runtime.stream_gaps import GapListener
from algopioneer_core.testing.domain import BITCOIN
from algopioneer_core.testing.paper import sent

ENDS: list[ExecutionReport] = [
    OrderCanceled("old", 2, ""),
    OrderExpired("old", 2),
    OrderCompleted("old", 2),
]


class Bench:
    """A listener over orders that a test changes."""

    def __init__(self) -> None:
        self.working: list[Order] = [sent("old", BITCOIN, Side.BUY)]
        self.heard: list[ExecutionReport | AccountEvent] = []
        self.asked: list[tuple[str, bool]] = []
        self.listener = GapListener(self._hear, lambda: self.working, self._ask)
        self.listener.stream_is_up()
        self.working.append(sent("new", BITCOIN, Side.BUY))

    def _hear(self, report: ExecutionReport | AccountEvent) -> None:
        self.heard.append(report)
        if isinstance(report, OrderFilled) and report.fill.quantity == 1:
            self.working = [each for each in self.working if each.client_order_id == "new"]

    def _ask(self, client_order_id: str, *, to_the_end: bool = False) -> None:
        self.asked.append((client_order_id, to_the_end))


def _fill(quantity: str, *, complete: bool | None, of: str = "old") -> OrderFilled:
    fill = Fill(
        "f", of, BITCOIN.id, Side.BUY, Decimal(quantity), Decimal(100), Decimal(0), "USD",
        Liquidity.TAKER, 2,
    )  # fmt: skip
    return OrderFilled(fill, complete)


@pytest.mark.parametrize("end", ENDS, ids=repr)
def test_end_of_an_order_from_before_the_stream_is_asked_for(end: ExecutionReport) -> None:
    """Fills may be missing that the list of fills does not show yet."""
    bench = Bench()
    bench.listener.hear(end)
    assert bench.heard == []
    assert bench.asked == [("old", True)]


def test_what_the_stream_has_seen_from_the_start_is_believed() -> None:
    """So is everything that is no end."""
    bench = Bench()
    reports: list[ExecutionReport] = [
        OrderCanceled("new", 2, ""),
        OrderCanceled("foreign", 2, ""),
        OrderAccepted("old", 2),
    ]
    for report in reports:
        bench.listener.hear(report)
    assert bench.heard == reports
    assert bench.asked == []


def test_fill_that_claims_to_be_the_last_is_counted_and_the_rest_asked_for() -> None:
    """Its quantity says that it is not all, so an earlier one is missing."""
    bench = Bench()
    bench.listener.hear(_fill("0.4", complete=True))
    assert bench.heard == [_fill("0.4", complete=None)]
    assert bench.asked == [("old", True)]


def test_order_that_is_filled_to_its_quantity_needs_no_question() -> None:
    """Nothing can be missing; what comes of it later is believed."""
    bench = Bench()
    bench.listener.hear(_fill("1", complete=True))
    bench.listener.hear(ENDS[0])
    assert bench.heard == [_fill("1", complete=None), ENDS[0]]
    assert bench.asked == []


def test_fills_that_do_not_add_up_to_what_is_told_filled_are_asked_for() -> None:
    """The stream has lost one, though it was never down."""
    bench = Bench()
    bench.listener.hear(_fill("0.4", complete=True, of="new"))
    bench.listener.hear(OrderCompleted("new", 3))
    assert bench.heard == [_fill("0.4", complete=None, of="new")]
    assert bench.asked == [("new", True)] * 2


def test_order_that_is_told_filled_with_all_its_fills_is_believed() -> None:
    """Also one of no fixed quantity, of which only the venue knows how much that is."""
    bench = Bench()
    by_value = sent("new", BITCOIN, Side.BUY)
    intent = evolve(by_value.intent, quantity=None, quote_amount=Decimal(100))
    bench.working = [evolve(by_value, intent=intent)]
    reports: list[ExecutionReport] = [
        _fill("0.4", complete=True, of="new"),
        OrderCompleted("new", 3),
    ]
    for report in reports:
        bench.listener.hear(report)
    bench.working = [sent("whole", BITCOIN, Side.BUY)]
    bench.listener.hear(whole := _fill("1", complete=True, of="whole"))
    assert bench.heard == [*reports, whole]
    assert bench.asked == []
