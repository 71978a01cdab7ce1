"""One order between us and a venue whose reports come late, twice, or in the wrong order."""

from decimal import Decimal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from algopioneer_core.domain.events import (
    CancelRejected,
    ExecutionReport,
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
from algopioneer_core.domain.orders import Order, OrderIntent, OrderStatus, Step, advance
from algopioneer_core.testing.domain import BITCOIN, hear

WANTED = 10
S = OrderStatus


class OrderMachine(RuleBasedStateMachine):
    """
    The venue has its own truth; the wire keeps, repeats and shuffles its reports.

    No legal behaviour of the venue and of ours may raise, no fill may be lost or doubled, and once
    everything was delivered and one look-up answered, both sides agree.
    """

    def __init__(self) -> None:
        super().__init__()
        intent = OrderIntent(instrument_id=BITCOIN.id, side=Side.BUY, quantity=Decimal(WANTED))
        self.order = Order("o", intent, 0)
        self.wire: list[ExecutionReport] = []
        self.delivered: list[ExecutionReport] = []
        self.at_venue = "nowhere"
        """`nowhere`, `travelling`, `open`, or how it ended: `filled`, `canceled`, …"""
        self.executed = 0
        self.cancels = 0
        """Cancels that the venue has not answered yet."""
        self.heard_fills: dict[str, int] = {}

    # --- what we do --------------------------------------------------------------------------

    @precondition(lambda self: self.order.status is S.INITIALIZED)
    @rule()
    def submit(self) -> None:
        self.order = advance(self.order, Step.SUBMIT)
        self.at_venue = "travelling"

    @precondition(lambda self: self.order.status.is_working and self.at_venue != "nowhere")
    @rule()
    def ask_for_cancel(self) -> None:
        self.order = advance(self.order, Step.REQUEST_CANCEL)
        self.cancels += 1

    @precondition(lambda self: self.at_venue != "nowhere")
    @rule()
    def lose_an_answer(self) -> None:
        self.order = hear(self.order, OrderUnknown("o", 1))

    # --- what the venue does -----------------------------------------------------------------

    @precondition(lambda self: self.at_venue == "travelling")
    @rule()
    def accept(self) -> None:
        self.at_venue = "open"
        self.wire.append(OrderAccepted("o", 1, "V"))

    @precondition(lambda self: self.at_venue == "travelling")
    @rule()
    def vanish(self) -> None:
        self.at_venue = "absent"

    @precondition(lambda self: self.at_venue == "open" and not self.executed)
    @rule()
    def reject_after_all(self) -> None:
        self.end("rejected", OrderRejected("o", 1, "no"))

    @precondition(lambda self: self.at_venue == "open")
    @rule(size=st.integers(1, WANTED), said=st.booleans())
    def execute(self, size: int, said: bool) -> None:
        size = min(size, WANTED - self.executed)
        self.executed += size
        whole = self.executed == WANTED
        fill = Fill(
            f"f{self.executed}",
            "o",
            BITCOIN.id,
            Side.BUY,
            Decimal(size),
            Decimal(100),
            Decimal(0),
            "USD",
            Liquidity.TAKER,
            1,
        )
        self.wire.append(OrderFilled(fill, whole if said else None))
        if whole:
            self.end("filled", OrderCompleted("o", 1))

    @precondition(lambda self: self.at_venue == "open")
    @rule()
    def expire(self) -> None:
        self.end("expired", OrderExpired("o", 1))

    @precondition(lambda self: self.cancels > 0 and self.at_venue == "open")
    @rule()
    def cancel(self) -> None:
        self.cancels -= 1
        self.end("canceled", OrderCanceled("o", 1))

    @precondition(lambda self: self.cancels > 0 and self.at_venue != "travelling")
    @rule()
    def refuse_cancel(self) -> None:
        self.cancels -= 1
        self.wire.append(CancelRejected("o", 1, "too late"))

    def end(self, how: str, report: ExecutionReport) -> None:
        """Let the order end at the venue."""
        self.at_venue = how
        self.wire.append(report)

    # --- what the wire does ------------------------------------------------------------------

    @precondition(lambda self: self.wire)
    @rule(data=st.data())
    def deliver_any(self, data: st.DataObject) -> None:
        self.deliver(self.wire.pop(data.draw(st.integers(0, len(self.wire) - 1))))

    @precondition(lambda self: self.delivered)
    @rule(data=st.data())
    def deliver_again(self, data: st.DataObject) -> None:
        before, report = self.order, data.draw(st.sampled_from(self.delivered))
        self.deliver(report)
        assert before.filled_quantity == self.order.filled_quantity

    def deliver(self, report: ExecutionReport) -> None:
        """Let us hear *report*."""
        if not isinstance(report, CancelRejected):  # a late one would answer the next cancel
            self.delivered.append(report)
        if isinstance(report, OrderFilled):
            self.heard_fills[report.fill.fill_id] = int(report.fill.quantity)
        self.order = hear(self.order, report)

    # --- what must hold ----------------------------------------------------------------------

    @invariant()
    def every_fill_counts_exactly_once(self) -> None:
        assert sum(self.heard_fills.values()) == self.order.filled_quantity
        assert set(self.heard_fills) == self.order.fill_ids

    @invariant()
    def states_that_speak_of_fills_are_right(self) -> None:
        filled, status = self.order.filled_quantity, self.order.status
        if filled == WANTED:
            assert status is S.FILLED
        if filled:
            assert status not in (S.OPEN, S.PENDING, S.REJECTED)
        if status is S.PARTIALLY_FILLED:
            assert 0 < filled < WANTED

    @invariant()
    def nothing_that_lives_at_the_venue_is_thought_dead(self) -> None:
        if self.at_venue == "open":
            assert self.order.status.is_working

    def teardown(self) -> None:
        """Deliver the rest, look the order up once, and compare."""
        if self.at_venue in ("nowhere", "travelling"):
            return
        for report in self.wire:
            self.deliver(report)
        self.deliver(self.look_up())
        expected = {
            "open": {S.OPEN, S.PARTIALLY_FILLED, S.PENDING_CANCEL},
            "absent": {S.REJECTED},
            "rejected": {S.REJECTED},
            "filled": {S.FILLED},
            "canceled": {S.CANCELED},
            "expired": {S.EXPIRED},
        }[self.at_venue]
        assert self.order.status in expected
        assert self.executed == self.order.filled_quantity

    def look_up(self) -> ExecutionReport:
        """Return what the venue says of the order when it is asked."""
        if self.at_venue == "absent":
            self.order = hear(self.order, OrderUnknown("o", 1))
        answers: dict[str, ExecutionReport] = {
            "open": OrderAccepted("o", 1, "V"),
            "absent": OrderAbsent("o", 1),
            "rejected": OrderRejected("o", 1),
            "filled": OrderCompleted("o", 1),
            "canceled": OrderCanceled("o", 1),
            "expired": OrderExpired("o", 1),
        }
        return answers[self.at_venue]


def test_reports_in_any_order_lose_no_fill_and_lead_to_the_venues_truth() -> None:
    """Nothing legal raises, every fill counts once, and one look-up makes both sides agree."""
    run_state_machine_as_test(
        OrderMachine, settings=settings(max_examples=80, stateful_step_count=30)
    )
