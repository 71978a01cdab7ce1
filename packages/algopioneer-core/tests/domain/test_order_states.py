"""The order table: complete, closed under repetition, and told to its readers."""

from itertools import product
from pathlib import Path
from typing import Final

import pytest

from algopioneer_core.domain.order_states import TRANSITIONS, OrderStatus, Step
from algopioneer_core.testing.order_table import BEGIN, END, order_table

DOCUMENT = Path(__file__).parents[4] / "docs" / "reference" / "order-states.md"
OURS: Final = frozenset((Step.DENY, Step.SUBMIT, Step.REQUEST_CANCEL))
"""Steps that we take ourselves; all others are heard."""
HEARD: Final = tuple(step for step in Step if step not in OURS)
SENT: Final = tuple(
    status for status in OrderStatus if status not in (OrderStatus.INITIALIZED, OrderStatus.DENIED)
)
FINAL: Final = tuple(status for status in OrderStatus if status.is_final)


def test_every_state_is_reached() -> None:
    """From an order just made, steps of the table lead to every state."""
    reached = {OrderStatus.INITIALIZED}
    for _ in OrderStatus:
        reached |= {after for (status, _), after in TRANSITIONS.items() if status in reached}
    assert set(OrderStatus) == reached


@pytest.mark.parametrize("status", SENT)
@pytest.mark.parametrize("step", [Step.PARTIAL_FILL, Step.FILL])
def test_fill_of_an_order_that_was_sent_is_never_refused(status: OrderStatus, step: Step) -> None:
    """A fill is money: whatever we believed of the order, there is a row for it."""
    assert (status, step) in TRANSITIONS


@pytest.mark.parametrize(("status", "step"), list(product(SENT, HEARD)))
def test_report_is_heard_in_every_state_unless_it_cannot_be_true(
    status: OrderStatus, step: Step
) -> None:
    """Only absence of an order that is there, and the refusal of no cancel, are contradictions."""
    known = status not in (OrderStatus.UNKNOWN, *FINAL) or status is OrderStatus.FILLED
    contradiction = (step is Step.PROVE_ABSENT and known) or (
        step is Step.REFUSE_CANCEL and status is OrderStatus.PENDING
    )
    assert contradiction != ((status, step) in TRANSITIONS)


@pytest.mark.parametrize("row", list(TRANSITIONS.items()))
def test_report_may_come_twice(
    row: tuple[tuple[OrderStatus, Step], OrderStatus],
) -> None:
    """
    A report that was heard in some state changes nothing when it is heard again.

    Except where it made an order unknown: then an acknowledgement is what a look-up answers.
    """
    (before, step), after = row
    if step in HEARD and before is not OrderStatus.REJECTED:
        assert after is TRANSITIONS[after, step]
    elif step in HEARD:
        assert (after, step) in TRANSITIONS


def test_order_that_was_not_sent_hears_nothing() -> None:
    """It can be denied or sent; what was denied stays so."""
    of_unsent = {
        (status, step)
        for status, step in TRANSITIONS
        if status in (OrderStatus.INITIALIZED, OrderStatus.DENIED)
    }
    assert {
        (OrderStatus.INITIALIZED, Step.DENY),
        (OrderStatus.INITIALIZED, Step.SUBMIT),
    } == of_unsent


def test_only_a_refused_order_comes_back_to_life_and_only_as_unknown() -> None:
    """What ended stays ended; where a refusal is contradicted, the venue is asked."""
    revived = {
        (status, step, after)
        for (status, step), after in TRANSITIONS.items()
        if status.is_final and after.is_working
    }
    assert {
        (OrderStatus.REJECTED, Step.ACCEPT, OrderStatus.UNKNOWN),
        (OrderStatus.REJECTED, Step.PARTIAL_FILL, OrderStatus.UNKNOWN),
    } == revived


def test_filled_order_stays_filled() -> None:
    """No report takes a complete execution back; only a busted fill does, beside the table."""
    after_filled = {
        after for (status, _), after in TRANSITIONS.items() if status is OrderStatus.FILLED
    }
    assert {OrderStatus.FILLED} == after_filled


def test_working_and_final_are_opposites() -> None:
    """Each state is one or the other."""
    assert set(OrderStatus) - set(FINAL) == {
        OrderStatus.INITIALIZED,
        OrderStatus.PENDING,
        OrderStatus.OPEN,
        OrderStatus.PARTIALLY_FILLED,
        OrderStatus.PENDING_CANCEL,
        OrderStatus.UNKNOWN,
    }
    assert all(status.is_working != status.is_final for status in OrderStatus)


def test_no_row_can_be_added_at_run_time() -> None:
    """The table is read only."""
    with pytest.raises(TypeError):
        TRANSITIONS[OrderStatus.DENIED, Step.FILL] = OrderStatus.FILLED  # type: ignore[index]  # the mistake under test


def test_reference_shows_the_table_as_it_is() -> None:
    """`docs/reference/order-states.md` holds the table that the code follows."""
    if not DOCUMENT.exists():
        pytest.skip("the documentation is not beside this package")
    text = DOCUMENT.read_text(encoding="utf-8")
    shown = text.partition(BEGIN)[2].partition(END)[0].strip()
    assert order_table() == shown, "regenerate it: see the end of the page"
