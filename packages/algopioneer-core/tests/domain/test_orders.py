"""Orders: what each report makes of an order."""

from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.domain.errors import IllegalTransition, OrderError
from algopioneer_core.domain.fills import Fill, Liquidity, Side
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.money import mul, total
from algopioneer_core.domain.orders import (
    TRANSITIONS,
    Order,
    OrderIntent,
    OrderStatus,
    Step,
    advance,
    apply_fill,
    correct_fill,
    remove_fill,
)
from algopioneer_core.testing.domain import BITCOIN, OrderHistory, hear, order_histories

S = OrderStatus


def intent(**terms: Any) -> OrderIntent:
    """Return the wish to buy ten bitcoin, with *terms* replaced."""
    usual = {"instrument_id": BITCOIN.id, "side": Side.BUY, "quantity": Decimal(10)}
    wanted: dict[str, Any] = usual | terms
    return OrderIntent(**wanted)


def order(status: OrderStatus = S.PENDING, *, filled: str = "0", **terms: Any) -> Order:
    """Return an order in some state, of which *filled* was executed at a price of 100."""
    quantity = Decimal(filled)
    value = mul(quantity, Decimal(100))
    made = Order("o", intent(**terms), 1, status, None, quantity, value)
    return evolve(made, fill_ids=frozenset({"before"})) if quantity else made


def fill(quantity: str = "4", fill_id: str = "f", **other: Any) -> Fill:
    """Return a fill of that order at a price of 100."""
    made = Fill(
        fill_id,
        "o",
        BITCOIN.id,
        Side.BUY,
        Decimal(quantity),
        Decimal(100),
        Decimal(0),
        "USD",
        Liquidity.TAKER,
        2,
    )
    return evolve(made, **other) if other else made


# --- steps without a fill --------------------------------------------------------------------


@pytest.mark.parametrize("status", S)
@pytest.mark.parametrize(
    "step", [step for step in Step if step not in (Step.FILL, Step.PARTIAL_FILL)]
)
def test_step_follows_the_table_or_raises(status: OrderStatus, step: Step) -> None:
    """An order that has not traded goes where the table says; where it says nothing, it raises."""
    before = order(status)
    if (status, step) in TRANSITIONS:
        assert TRANSITIONS[status, step] is advance(before, step).status
    else:
        with pytest.raises(IllegalTransition, match=f"o: {step.value} cannot follow"):
            advance(before, step)


@pytest.mark.parametrize("step", [Step.FILL, Step.PARTIAL_FILL])
def test_fill_without_a_quantity_is_refused(step: Step) -> None:
    """A fill is not just a step."""
    with pytest.raises(OrderError, match="needs its quantity"):
        advance(order(), step)


def test_step_keeps_the_venue_id_and_the_last_reason() -> None:
    """What a report does not say stays as it was."""
    accepted = advance(order(), Step.ACCEPT, venue_order_id="V1")
    refused = advance(accepted, Step.REQUEST_CANCEL)
    refused = advance(refused, Step.REFUSE_CANCEL, message="too late")
    canceled = advance(refused, Step.CANCEL)
    assert ("V1", "too late") == (canceled.venue_order_id, canceled.message)


def test_repeated_report_is_no_change() -> None:
    """A duplicate gives back the very same object."""
    accepted = advance(order(), Step.ACCEPT)
    assert advance(accepted, Step.ACCEPT) is accepted


def test_partly_filled_order_that_lives_on_is_partially_filled() -> None:
    """The refusal of its cancel does not make it forget that it has traded."""
    traded = apply_fill(advance(order(), Step.REQUEST_CANCEL), fill())
    assert S.PENDING_CANCEL is traded.status
    assert S.PARTIALLY_FILLED is advance(traded, Step.REFUSE_CANCEL).status


@pytest.mark.parametrize("status", [S.PENDING_CANCEL, S.PARTIALLY_FILLED, S.UNKNOWN])
def test_rest_that_is_refused_after_a_fill_is_canceled(status: OrderStatus) -> None:
    """An order that has traded was not refused, whatever a venue calls it."""
    assert S.CANCELED is advance(order(status, filled="4"), Step.REJECT).status


@pytest.mark.parametrize("status", [S.UNKNOWN, S.CANCELED])
def test_order_that_has_traded_cannot_be_absent(status: OrderStatus) -> None:
    """A proof of absence against a fill is a wrong proof."""
    with pytest.raises(IllegalTransition, match="prove_absent cannot follow"):
        advance(order(status, filled="4"), Step.PROVE_ABSENT)


# --- the real world --------------------------------------------------------------------------


def test_fill_before_acknowledgement() -> None:
    """The fill overtakes the acknowledgement, which then changes nothing."""
    traded = apply_fill(order(), fill())
    assert (S.PARTIALLY_FILLED, Decimal(4)) == (traded.status, traded.filled_quantity)
    assert S.PARTIALLY_FILLED is advance(traded, Step.ACCEPT).status


def test_late_acknowledgement_of_a_filled_order() -> None:
    """An acknowledgement after the last fill gives the venue's id and nothing else."""
    late = advance(apply_fill(order(), fill("10")), Step.ACCEPT, venue_order_id="V1")
    assert (S.FILLED, "V1") == (late.status, late.venue_order_id)


def test_late_acknowledgement_after_the_cancel() -> None:
    """What is cancelled does not open again."""
    assert S.CANCELED is advance(order(S.CANCELED), Step.ACCEPT).status


@pytest.mark.parametrize("status", [S.CANCELED, S.EXPIRED])
def test_fill_after_cancel_or_expiry_counts(status: OrderStatus) -> None:
    """A part that crossed the cancel on the wire is ours; the order stays ended."""
    late = apply_fill(order(status), fill("4"))
    assert (status, Decimal(4)) == (late.status, late.filled_quantity)


@pytest.mark.parametrize("status", [S.CANCELED, S.EXPIRED])
def test_last_fill_after_cancel_or_expiry_makes_it_filled(status: OrderStatus) -> None:
    """Where all was executed before the cancel came, the order is filled."""
    assert S.FILLED is apply_fill(order(status, filled="6"), fill("4")).status


def test_overfill_counts_and_shows() -> None:
    """More than was asked for is ours all the same."""
    over = apply_fill(order(filled="8"), fill("4"))
    assert (S.FILLED, Decimal(12), Decimal(0)) == (
        over.status,
        over.filled_quantity,
        over.remaining_quantity,
    )
    assert over.overfilled
    more = apply_fill(over, fill("1", "g"))
    assert (S.FILLED, Decimal(13)) == (more.status, more.filled_quantity)


def test_fill_while_the_cancel_travels() -> None:
    """A part trades; the cancel is still awaited."""
    assert S.PENDING_CANCEL is apply_fill(order(S.PENDING_CANCEL), fill()).status


def test_refused_after_it_was_accepted() -> None:
    """A later check of the venue kills it."""
    assert S.REJECTED is advance(order(S.OPEN), Step.REJECT).status


def test_refused_and_then_acknowledged_is_asked() -> None:
    """Two contradictory reports leave the order unknown, not dead and not alive."""
    assert S.UNKNOWN is advance(order(S.REJECTED), Step.ACCEPT).status


def test_refused_and_then_partly_filled_is_asked() -> None:
    """The fill counts; whether the rest lives is asked."""
    late = apply_fill(order(S.REJECTED), fill())
    assert (S.UNKNOWN, Decimal(4)) == (late.status, late.filled_quantity)


def test_refused_and_then_filled_is_filled() -> None:
    """Nothing remains, so there is nothing to ask."""
    assert S.FILLED is apply_fill(order(S.REJECTED), fill("10")).status


def test_partial_fill_does_not_make_a_lost_order_known() -> None:
    """It was alive when it traded; whether it still is, the venue must say."""
    traded = apply_fill(order(S.UNKNOWN), fill())
    assert S.UNKNOWN is traded.status
    assert S.PARTIALLY_FILLED is advance(traded, Step.ACCEPT).status


def test_lost_order_sent_again_under_its_id_stays_unknown() -> None:
    """An idempotent second submit is no answer."""
    assert S.UNKNOWN is advance(order(S.UNKNOWN), Step.SUBMIT).status


def test_proof_of_absence_may_be_repeated() -> None:
    """Two look-ups that find nothing are as good as one."""
    absent = advance(order(S.UNKNOWN), Step.PROVE_ABSENT)
    assert S.REJECTED is absent.status
    assert advance(absent, Step.PROVE_ABSENT) is absent


def test_completion_is_said_without_a_fill() -> None:
    """A quote-sized order is complete when the venue says so, before or after its last fill."""
    sized: dict[str, Any] = {"quantity": None, "quote_amount": Decimal(1000)}
    traded = apply_fill(order(**sized), fill())
    assert S.PARTIALLY_FILLED is traded.status
    assert S.FILLED is advance(traded, Step.COMPLETE).status
    early = advance(order(**sized), Step.COMPLETE)
    assert (S.FILLED, Decimal(4)) == (early.status, apply_fill(early, fill()).filled_quantity)


# --- fills -----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", S)
@pytest.mark.parametrize("whole", [True, False])
def test_fill_follows_the_table_or_raises(status: OrderStatus, whole: bool) -> None:
    """A fill leads where the table says; of an order that was never sent it is refused."""
    step = Step.FILL if whole else Step.PARTIAL_FILL
    quantity = "10" if whole else "4"
    if (status, step) in TRANSITIONS:
        assert TRANSITIONS[status, step] is apply_fill(order(status), fill(quantity)).status
    else:
        with pytest.raises(IllegalTransition):
            apply_fill(order(status), fill(quantity))


def test_venue_may_close_an_order_before_the_quantity_is_reached() -> None:
    """Rounding or a rest too small to trade: when it says that nothing remains, nothing does."""
    assert S.FILLED is apply_fill(order(), fill("4"), complete=True).status
    assert S.PARTIALLY_FILLED is apply_fill(order(), fill("4"), complete=False).status


def test_venue_alone_knows_when_a_quote_sized_order_is_complete() -> None:
    """There is no quantity to compare with."""
    sized = order(quantity=None, quote_amount=Decimal(1000))
    assert S.FILLED is apply_fill(sized, fill("10"), complete=True).status
    for said in (False, None):
        assert S.PARTIALLY_FILLED is apply_fill(sized, fill("10"), complete=said).status


@pytest.mark.parametrize("status", [S.PENDING, S.OPEN, S.PENDING_CANCEL, S.UNKNOWN])
def test_partial_fill_that_was_overtaken_by_the_last_completes_the_order(
    status: OrderStatus,
) -> None:
    """Both count, and all of it is filled: the older "there is more to come" is out of date."""
    last = apply_fill(order(status), fill("6", fill_id="last"))
    whole = apply_fill(last, fill("4", fill_id="first"), complete=False)
    assert (S.FILLED, Decimal(10)) == (whole.status, whole.filled_quantity)


def test_quote_sized_order_has_no_known_rest() -> None:
    """Its quantity is found at the fill."""
    traded = apply_fill(order(quantity=None, quote_amount=Decimal(1000)), fill())
    assert traded.remaining_quantity is None
    assert not traded.overfilled


def test_repeated_fill_is_no_change() -> None:
    """The same fill id is the same fill: the very same object comes back."""
    traded = apply_fill(order(), fill())
    assert apply_fill(traded, fill()) is traded


@pytest.mark.parametrize(
    "other",
    [
        {"client_order_id": "p"},
        {"side": Side.SELL},
        {"instrument_id": InstrumentId("sim", "ETH-USD")},
    ],
)
def test_fill_of_another_order_is_refused(other: dict[str, Any]) -> None:
    """Order, side and instrument must be the order's, even where the fill id is known."""
    for each in (order(), apply_fill(order(), fill())):
        with pytest.raises(OrderError, match="fill f is not of this order"):
            apply_fill(each, fill(**other))


@given(order_histories())
def test_reports_in_any_order_give_the_same_totals(history: OrderHistory) -> None:
    """Shuffled and repeated, the reports count every fill exactly once."""
    after = history.order
    for report in history.reports:
        after = hear(after, report)
    assert total(*(each.quantity for each in history.fills)) == after.filled_quantity
    values = (mul(each.quantity, each.price) for each in history.fills)
    assert total(*values) == after.filled_value
    assert {each.fill_id for each in history.fills} == after.fill_ids
    assert "venue-order" == after.venue_order_id


@given(order_histories())
def test_complete_execution_ends_filled_whatever_came_first(history: OrderHistory) -> None:
    """When the fills make up the quantity, the order is filled; otherwise it is not."""
    after = history.order
    for report in history.reports:
        after = hear(after, report)
    assert (history.order.intent.quantity == after.filled_quantity) == (S.FILLED is after.status)


# --- fills that are taken back or corrected --------------------------------------------------


def test_busted_fill_is_taken_out_once() -> None:
    """The totals shrink, the status stays, a second bust and a late repetition change nothing."""
    traded = apply_fill(apply_fill(order(), fill("4")), fill("6", "g"))
    busted = remove_fill(traded, fill("4"))
    assert (S.FILLED, Decimal(6), Decimal(600)) == (
        busted.status,
        busted.filled_quantity,
        busted.filled_value,
    )
    assert (False, True) == (busted.counts("f"), busted.counts("g"))
    assert remove_fill(busted, fill("4")) is busted
    assert apply_fill(busted, fill("4")) is busted


def test_bust_may_overtake_its_fill() -> None:
    """What was taken back before it was heard of is never counted."""
    warned = remove_fill(order(), fill())
    assert Decimal(0) == warned.filled_quantity
    assert apply_fill(warned, fill()) is warned


def test_corrected_fill_replaces_the_original_once() -> None:
    """Quantity and value become those of the correction, however often it comes."""
    traded = apply_fill(order(), fill("4"))
    right = fill("3", price=Decimal(200))
    corrected = correct_fill(traded, fill("4"), right)
    assert (Decimal(3), Decimal(600)) == (corrected.filled_quantity, corrected.filled_value)
    assert correct_fill(corrected, fill("4"), right) is corrected
    assert apply_fill(corrected, fill("4")) is corrected
    again = correct_fill(corrected, right, fill("5"))
    assert (Decimal(5), Decimal(500)) == (again.filled_quantity, again.filled_value)
    assert Decimal(0) == remove_fill(again, fill("5")).filled_quantity


def test_correction_may_overtake_its_fill() -> None:
    """The corrected fill counts, the original does not when it comes."""
    corrected = correct_fill(order(), fill("4"), fill("3"))
    assert (S.PARTIALLY_FILLED, Decimal(3)) == (corrected.status, corrected.filled_quantity)
    assert apply_fill(corrected, fill("4")) is corrected


def test_busted_fill_cannot_be_corrected() -> None:
    """A correction that comes after the bust is too late."""
    busted = remove_fill(apply_fill(order(), fill()), fill())
    assert correct_fill(busted, fill(), fill("3")) is busted


def test_correction_of_another_fill_is_refused() -> None:
    """Original and correction are one fill, and a fill of this order."""
    with pytest.raises(OrderError, match="fill g is no correction of f"):
        correct_fill(order(), fill(), fill(fill_id="g"))
    with pytest.raises(OrderError, match="not of this order"):
        correct_fill(order(), fill(), fill(side=Side.SELL))
    with pytest.raises(OrderError, match="not of this order"):
        remove_fill(order(), fill(client_order_id="p"))


@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=5),
    st.lists(st.tuples(st.integers(0, 4), st.booleans()), max_size=16),
)
def test_fills_and_busts_in_any_order_leave_what_was_not_busted(
    sizes: list[int], heard: list[tuple[int, bool]]
) -> None:
    """The totals are those of the distinct fills that were heard and never busted."""
    parts = [fill(str(size), f"f{number}") for number, size in enumerate(sizes)]
    after, counted, gone = order(quantity=Decimal(100)), set[int](), set[int]()
    for number, bust in heard:
        if number < len(parts):
            after = remove_fill(after, parts[number]) if bust else apply_fill(after, parts[number])
            (gone if bust else counted).add(number)
    assert sum(sizes[number] for number in counted - gone) == after.filled_quantity
