"""The order manager: every order is in the state its reports put it in."""

from decimal import Decimal
from itertools import count
from typing import get_args

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.domain.errors import IllegalTransition, UnknownOrder
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
from algopioneer_core.domain.fills import Fill, Side
from algopioneer_core.domain.orders import Order, OrderIntent, OrderStatus
from algopioneer_core.engine.order_manager import REPORTS, OrderManager, PastOrder
from algopioneer_core.testing.domain import OrderHistory, hear, order_histories
from algopioneer_core.testing.engine import INSTRUMENT, fill

D = Decimal
S = OrderStatus


def make_manager(retained: int = 100) -> OrderManager:
    """Return a manager whose orders are order-1, order-2, …"""
    numbers = count(1)
    return OrderManager(lambda: f"order-{next(numbers)}", retained=retained)


def _buy(quantity: str | None = "2", amount: str | None = None) -> OrderIntent:
    return OrderIntent(
        instrument_id=INSTRUMENT.id,
        side=Side.BUY,
        quantity=None if quantity is None else D(quantity),
        quote_amount=None if amount is None else D(amount),
    )


def _report(order: Order, price: str, quantity: str, fill_id: str) -> OrderFilled:
    return fill(order, price, quantity=quantity, fill_id=fill_id)


def _fill(order: Order, price: str, quantity: str, fill_id: str) -> Fill:
    return _report(order, price, quantity, fill_id).fill


def test_every_report_of_the_union_is_known() -> None:
    """No kind of report passes the order manager by."""
    assert set(get_args(ExecutionReport)) == set(REPORTS)


@pytest.mark.parametrize(
    ("report", "status"),
    [
        (OrderAccepted("order-1", 1, "venue"), S.OPEN),
        (OrderRejected("order-1", 1, "too small"), S.REJECTED),
        (OrderCompleted("order-1", 1), S.FILLED),
        (OrderCanceled("order-1", 1, "by user"), S.CANCELED),
        (OrderExpired("order-1", 1), S.EXPIRED),
        (OrderUnknown("order-1", 1, "timeout"), S.UNKNOWN),
    ],
)
def test_report_moves_the_order(report: ExecutionReport, status: OrderStatus) -> None:
    """Each report leads to the state of the table, and leaves its id and message behind."""
    manager = make_manager()
    sent = manager.submit(_buy(), 5)
    before, after = manager.apply(report)
    assert (sent, status) == (before, after.status)
    assert after == hear(sent, report)
    assert manager.get("order-1") is after
    assert ("order-1" in manager.working) is after.status.is_working


def test_lost_order_is_proven_absent() -> None:
    """What never reached the venue ends as rejected."""
    manager = make_manager()
    manager.submit(_buy(), 5)
    manager.apply(OrderUnknown("order-1", 6))
    assert S.REJECTED is manager.apply(OrderAbsent("order-1", 7))[1].status
    assert not manager.working


def test_refused_cancel_leaves_the_order_working() -> None:
    """An order whose cancel was refused is open again."""
    manager = make_manager()
    manager.submit(_buy(), 5)
    manager.apply(OrderAccepted("order-1", 6))
    assert S.PENDING_CANCEL is manager.request_cancel("order-1").status
    assert S.OPEN is manager.apply(CancelRejected("order-1", 7, "matching"))[1].status


def test_order_in_money_is_complete_when_the_venue_says_so() -> None:
    """Fills of a quote-sized order do not say whether anything remains."""
    manager = make_manager()
    order = manager.submit(_buy(None, "100"), 5)
    assert S.PARTIALLY_FILLED is manager.apply(_report(order, "10", "9", "f"))[1].status
    assert S.FILLED is manager.apply(OrderCompleted("order-1", 6))[1].status


@given(order_histories())
def test_reports_in_any_order_are_heard_as_the_order_table_says(history: OrderHistory) -> None:
    """The manager adds and loses nothing: it is the order table, applied to the right order."""
    manager = OrderManager(lambda: "order")
    manager.replace(history.order)
    expected = history.order
    for report in history.reports:
        before, after = manager.apply(report)
        heard = hear(expected, report)
        assert (expected, heard) == (before, after)
        expected = heard
    assert ("order" in manager.working) is expected.status.is_working


@pytest.mark.parametrize(
    "report",
    [
        OrderAccepted("order-1", 1, "venue"),
        OrderRejected("order-1", 1, "too small"),
        OrderCanceled("order-1", 1, "by user"),
        OrderUnknown("order-1", 1, "timeout"),
    ],
)
def test_repeated_report_says_nothing_new(report: ExecutionReport) -> None:
    """A report that comes twice, with its message, returns the same object twice."""
    manager = make_manager()
    manager.submit(_buy(), 5)
    manager.apply(report)
    before, after = manager.apply(report)
    assert before is after


def test_repeated_fill_says_nothing_new() -> None:
    """A fill is counted once."""
    manager = make_manager()
    order = manager.submit(_buy(), 5)
    manager.apply(_report(order, "10", "1", "f"))
    before, after = manager.apply(_report(order, "10", "1", "f"))
    assert before is after
    assert D(1) == after.filled_quantity


def test_an_order_told_filled_lacks_fills_until_they_are_told_too() -> None:
    """A silent stream dropped one that came before the last."""
    manager = make_manager()
    whole, part, resting = (manager.submit(_buy(), 5) for _ in range(3))
    manager.apply(_report(whole, "10", "2", "w"))
    manager.apply(evolve(_report(part, "10", "1", "p2"), complete=True))
    manager.apply(_report(resting, "10", "1", "r"))

    assert [part.client_order_id] == [each.client_order_id for each in manager.lacking_fills(0)]

    manager.apply(_report(part, "10", "1", "p1"))
    assert [] == manager.lacking_fills(0)


def test_an_order_that_was_taken_out_may_lack_a_fill_for_a_while() -> None:
    """It may have crossed the cancel; nothing of it is missing where all of it was filled."""
    manager = make_manager()
    rest, whole, refused = (manager.submit(_buy(), 5) for _ in range(3))
    manager.apply(_report(whole, "10", "2", "w"))
    manager.apply(OrderCanceled(whole.client_order_id, 7))
    manager.apply(OrderRejected(refused.client_order_id, 7))
    manager.apply(OrderCanceled(rest.client_order_id, 7))

    assert [rest.client_order_id] == [each.client_order_id for each in manager.lacking_fills(7)]
    assert [] == manager.lacking_fills(8)


def test_denied_order_is_known_and_never_works() -> None:
    """What our own rules refused keeps the reason, and nothing can be heard of it."""
    manager = make_manager()
    order = manager.deny(_buy(), 5, "too large")
    assert (S.DENIED, "too large", 5) == (order.status, order.message, order.ts_created)
    assert not manager.working
    with pytest.raises(IllegalTransition, match="accept cannot follow denied"):
        manager.apply(OrderAccepted("order-1", 6))


def test_illegal_report_changes_nothing() -> None:
    """An order stays as it was when a report contradicts it."""
    manager = make_manager()
    order = manager.submit(_buy(), 5)
    with pytest.raises(IllegalTransition):
        manager.apply(OrderAbsent("order-1", 6))
    assert order is manager.get("order-1")


def test_report_about_a_stranger_is_an_error() -> None:
    """An order that was never made here is not invented."""
    with pytest.raises(UnknownOrder, match="order-7"):
        make_manager().apply(OrderAccepted("order-7", 1))


def test_oldest_ended_orders_are_forgotten() -> None:
    """Memory holds the latest ended orders, and all that still work."""
    manager = make_manager(retained=2)
    for _ in range(5):
        manager.submit(_buy(), 5)
    for number in (4, 1, 3):
        manager.apply(OrderCanceled(f"order-{number}", 6))
    assert ["order-2", "order-5"] == list(manager.working)
    assert [S.CANCELED] * 2 == [manager.get(f"order-{number}").status for number in (1, 3)]
    with pytest.raises(UnknownOrder):
        manager.get("order-4")


def test_order_that_comes_back_to_life_is_not_forgotten() -> None:
    """A rejected order that the venue shows all the same is asked about, and kept."""
    manager = make_manager(retained=1)
    for _ in range(3):
        manager.submit(_buy(), 5)
    manager.apply(OrderRejected("order-1", 6))
    manager.apply(OrderAccepted("order-1", 7))
    for number in (2, 3):
        manager.apply(OrderCanceled(f"order-{number}", 8))
    assert S.UNKNOWN is manager.get("order-1").status


def test_busted_fill_is_taken_out_once() -> None:
    """A bust gives back what was counted, the first time."""
    manager = make_manager()
    order = manager.submit(_buy(), 5)
    manager.apply(_report(order, "10", "1.5", "f"))
    gone = _fill(order, "10", "1.5", "f")
    assert gone == manager.bust(gone)
    assert D(0) == manager.get("order-1").filled_quantity
    assert manager.bust(gone) is None


def test_bust_that_overtakes_its_fill_gives_nothing_back() -> None:
    """What was not counted is not undone, and will not be counted."""
    manager = make_manager()
    order = manager.submit(_buy(), 5)
    assert manager.bust(_fill(order, "10", "1", "f")) is None
    before, after = manager.apply(_report(order, "10", "1", "f"))
    assert before is after
    assert D(0) == after.filled_quantity


def test_correction_replaces_what_was_counted() -> None:
    """The old fill is undone and the new one booked, each once."""
    manager = make_manager()
    order = manager.submit(_buy(), 5)
    manager.apply(_report(order, "10", "1", "f"))
    first, second = _fill(order, "10", "1", "f"), _fill(order, "11", "2", "f")
    assert (first, second) == manager.correct(first, second)
    assert (None, None) == manager.correct(first, second)
    after = manager.get("order-1")
    assert (D(2), D(22)) == (after.filled_quantity, after.filled_value)


def test_correction_of_a_correction_undoes_the_last_one() -> None:
    """Whatever the venue calls the original, what is undone is what was counted last."""
    manager = make_manager()
    order = manager.submit(_buy(), 5)
    first, second, third = (_fill(order, price, "1", "f") for price in ("10", "11", "12"))
    manager.apply(OrderFilled(first))
    manager.correct(first, second)
    assert (second, third) == manager.correct(first, third)
    assert third == manager.bust(first)
    assert D(0) == manager.get("order-1").filled_value


def test_correction_that_overtakes_its_fill_is_booked_alone() -> None:
    """The corrected fill counts, and the original does not when it comes."""
    manager = make_manager()
    order = manager.submit(_buy(), 5)
    first, second = _fill(order, "10", "1", "f"), _fill(order, "11", "1", "f")
    assert (None, second) == manager.correct(first, second)
    before, after = manager.apply(OrderFilled(first))
    assert before is after
    assert D(11) == after.filled_value


def test_corrections_are_forgotten_with_their_order() -> None:
    """An order that is brought back from the journal starts with what the journal says."""
    manager = make_manager(retained=1)
    order = manager.submit(_buy(), 5)
    first, second = _fill(order, "10", "1", "f"), _fill(order, "11", "1", "f")
    manager.apply(OrderFilled(first))
    manager.correct(first, second)
    manager.apply(OrderCanceled("order-1", 6))
    manager.deny(_buy(), 7, "refused")
    with pytest.raises(UnknownOrder):
        manager.bust(second)
    manager.replace(evolve(order, fill_ids=frozenset("f"), status=S.CANCELED))
    assert first == manager.bust(first)


def test_an_order_that_was_forgotten_is_asked_for_as_any_other() -> None:
    """Where there is a journal; a report must not be looked up in it, which may have it already."""
    journal: dict[str, PastOrder] = {}
    numbers = count(1)
    manager = OrderManager(lambda: f"order-{next(numbers)}", retained=1, recall=journal.get)
    order = manager.submit(_buy(), 5)
    first, second = _fill(order, "10", "1", "f"), _fill(order, "11", "1", "f")
    manager.apply(OrderFilled(first))
    manager.correct(first, second)
    ended, _ = manager.apply(OrderCanceled("order-1", 6))[1], manager.deny(_buy(), 7, "refused")
    journal["order-1"] = PastOrder(ended, {"f": second})
    assert not manager.remembers("order-1")
    with pytest.raises(UnknownOrder):
        manager.apply(OrderCanceled("order-1", 8))
    with pytest.raises(UnknownOrder):
        manager.as_past("order-1")
    assert ended == manager.get("order-1")
    assert manager.remembers("order-1")
    assert journal["order-1"] == manager.as_past("order-1")
    assert second == manager.bust(first)


@given(
    st.integers(1, 5),
    st.lists(
        st.tuples(st.integers(1, 40), st.sampled_from(["cancel", "fill", "ask"])), max_size=80
    ),
)
def test_what_is_remembered_stays_within_its_bound(
    retained: int, steps: list[tuple[int, str]]
) -> None:
    """However many orders end, are spoken of late, and come back: none is lost, few are kept."""
    journal: dict[str, PastOrder] = {}
    numbers = count(1)
    manager = OrderManager(lambda: f"order-{next(numbers)}", retained=retained, recall=journal.get)
    for age, step in steps:
        manager.submit(_buy(), 5)
        key = f"order-{max(1, manager.made - age)}"
        if step == "ask":
            assert key == manager.get(key).client_order_id
            continue
        if not manager.remembers(key):
            manager.take_back(journal[key])
        if step == "cancel" and manager.get(key).status.is_working:
            manager.apply(OrderCanceled(key, 6))
        elif step == "fill":
            manager.apply(_report(manager.get(key), "10", "1", "f"))
            manager.correct(
                _fill(manager.get(key), "10", "1", "f"), _fill(manager.get(key), "11", "1", "f")
            )
        journal[key] = manager.as_past(key)
        assert manager.remembered <= retained + len(manager.working)


def test_fill_of_a_stranger_cannot_be_busted_or_corrected() -> None:
    """Only orders of ours have fills of ours."""
    stranger = make_manager().submit(_buy(), 5)
    unknown = _fill(stranger, "10", "1", "f")
    with pytest.raises(UnknownOrder):
        make_manager().bust(unknown)
    with pytest.raises(UnknownOrder):
        make_manager().correct(unknown, unknown)
