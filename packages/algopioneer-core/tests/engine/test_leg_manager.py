"""The leg manager, one outcome at a time."""

import json
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve

from algopioneer_core.domain.commands import Cancel, OpenSpread, SetTimer
from algopioneer_core.domain.errors import ConfigError, IllegalTransition
from algopioneer_core.domain.events import OrderFilled
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.domain.money import Increment
from algopioneer_core.domain.orders import OrderIntent, OrderStatus, OrderType
from algopioneer_core.domain.spreads import ShortMode, SpreadSize
from algopioneer_core.engine.leg_facts import spread_facts
from algopioneer_core.engine.leg_rules import LatePolicy, LegOrders, LegRules
from algopioneer_core.engine.leg_states import LegState, LegTrigger
from algopioneer_core.engine.order_manager import OrderManager
from algopioneer_core.engine.portfolio import Portfolio
from algopioneer_core.testing.domain import INVERSE_PERPETUAL
from algopioneer_core.testing.legs import LEFT, RIGHT, PairBench, leg_instrument

S = LegState
SHARES = leg_instrument("right", "B", fractionable=False)


def state(made: PairBench) -> LegState:
    """Return the state; asked anew each time, which the type checker could not know."""
    return made.manager.state


def bench(**rules: Any) -> PairBench:
    """Return a bench with these rules."""
    return PairBench(LegRules(**rules))


def opened(**rules: Any) -> PairBench:
    """Return a bench whose spread was just ordered: ten of each leg."""
    made = bench(**rules)
    made.open()
    return made


def entered(**rules: Any) -> PairBench:
    """Return a bench that holds ten of the left leg against ten of the right."""
    made = bench(**rules)
    made.enter()
    assert state(made) is S.IN_POSITION
    return made


def wanted(made: PairBench) -> list[tuple[str, str, str]]:
    """Return leg, side and quantity of all working orders."""
    return [
        (each.intent.instrument_id.symbol, each.intent.side.value, str(each.remaining_quantity))
        for each in made.orders.working.values()
    ]


# --- entering --------------------------------------------------------------------------------


def test_both_legs_are_sent_at_once_and_held_when_both_have_filled() -> None:
    """The state follows the fills, not the orders."""
    made = opened()
    assert [("A", "buy", "10.00"), ("B", "sell", "10.00")] == wanted(made)
    made.fill(made.order(LEFT))
    assert state(made) is S.ENTERING
    made.fill(made.order(RIGHT))
    assert state(made) is S.IN_POSITION
    assert made.manager.is_idle
    assert made.manager.deadline_ns is None


def test_facts_are_known_from_the_first_spread_on() -> None:
    """Before it nobody has said how much of each leg there should be."""
    made = bench()
    assert made.manager.facts() is None
    made.open()
    facts = made.manager.facts()
    assert facts is not None
    assert (LEFT, RIGHT) == (facts.first.instrument, facts.second.instrument)


def test_second_leg_waits_for_the_first_and_the_pause() -> None:
    """Nothing of it is sent before; then as much as the first leg got."""
    made = opened(pause_s=Decimal(3))
    made.fill(made.order(LEFT), "4")
    made.wait(10)
    made.cancel(made.order(LEFT))
    assert [] == wanted(made)
    made.wait(2.9)
    assert [] == wanted(made)
    made.wait(0.1)
    assert [("B", "sell", "4.00")] == wanted(made)
    made.fill(made.order(RIGHT))
    assert state(made) is S.IN_POSITION


def test_second_leg_is_not_sent_to_a_venue_that_went_down_in_the_pause() -> None:
    """The first leg is taken back instead."""
    made = opened(pause_s=Decimal(3))
    made.fill(made.order(LEFT))
    made.venue(RIGHT, up=False)
    made.wait(3)
    assert [("A", "sell", "10.00")] == wanted(made)


def test_first_leg_that_comes_to_nothing_ends_a_sequential_entry() -> None:
    """There is nothing to complete and nothing to unwind."""
    made = opened(pause_s=Decimal(0))
    made.reject(made.order(LEFT))
    assert state(made) is S.FLAT


def test_rejected_leg_is_completed_after_the_other_was_taken_back() -> None:
    """As much as the other leg has got by then."""
    made = opened()
    made.fill(made.order(LEFT), "6")
    made.reject(made.order(RIGHT))
    made.cancel(made.order(LEFT))
    assert [("B", "sell", "6.00")] == wanted(made)
    made.fill(made.order(RIGHT))
    assert state(made) is S.IN_POSITION
    assert (Decimal(6), Decimal(-6)) == made.held


def test_leg_that_is_refused_again_and_again_makes_the_other_be_unwound() -> None:
    """Attempts are counted; then the filled leg is cut back, with attempts of its own."""
    made = opened(max_attempts=2)
    made.fill(made.order(LEFT))
    for _ in range(3):
        made.reject(made.order(RIGHT))
    assert [("A", "sell", "10.00")] == wanted(made)
    made.fill(made.order(LEFT))
    assert state(made) is S.FLAT
    assert [] == made.halts


def test_leg_that_is_refused_for_a_whole_deadline_makes_the_other_be_unwound() -> None:
    """
    Each order for it was a correction in time, and none of them was ever in the market.

    So it went on for as many attempts as there are, ten of five seconds each, while another
    strategy's resting order stood in the way.
    """
    made = opened()
    made.fill(made.order(LEFT))
    for _ in range(6):
        assert [("B", "sell", "10.00")] == wanted(made)
        made.wait(5)
        made.reject(made.order(RIGHT))
    assert [("A", "sell", "10.00")] == wanted(made)
    made.fill(made.order(LEFT))
    assert state(made) is S.FLAT


def test_unwind_policy_takes_the_filled_leg_back_at_once() -> None:
    """It does not try to complete."""
    made = opened(on_late=LatePolicy.UNWIND)
    made.fill(made.order(LEFT))
    made.reject(made.order(RIGHT))
    assert [("A", "sell", "10.00")] == wanted(made)


def test_late_leg_is_cancelled_and_ordered_again() -> None:
    """After the patience, more aggressively up to the collar with limit orders."""
    made = opened(orders=LegOrders.LIMIT, collar_bps=Decimal(20))
    made.fill(made.order(LEFT))
    prices = [made.order(RIGHT).intent.limit_price]
    for _ in range(2):
        made.wait(10)
        made.cancel(made.order(RIGHT))
        if made.working(RIGHT):
            prices.append(made.order(RIGHT).intent.limit_price)
    assert [Decimal("99.95"), Decimal("99.85"), Decimal("99.8")] == prices


def test_partial_fills_on_both_sides_are_brought_to_the_smaller_one() -> None:
    """The larger leg is never raised."""
    made = opened(on_late=LatePolicy.UNWIND)
    made.fill(made.order(LEFT), "7")
    made.fill(made.order(RIGHT), "4")
    made.wait(10)
    for leg in (LEFT, RIGHT):
        made.cancel(made.order(leg))
    assert [("A", "sell", "3.00")] == wanted(made)
    made.fill(made.order(LEFT))
    assert state(made) is S.IN_POSITION
    assert (Decimal(4), Decimal(-4)) == made.held


def test_fill_after_the_cancel_is_cut_back() -> None:
    """The late leg was ordered again, and then the old order turns out to have filled."""
    made = opened()
    made.fill(made.order(LEFT))
    late = made.order(RIGHT)
    made.wait(10)
    made.cancel(late)
    made.fill(made.order(RIGHT))
    assert state(made) is S.IN_POSITION
    made.hear(OrderFilled(made.make_fill(late, Decimal(10))))
    assert state(made) is S.UNWINDING
    assert [("B", "buy", "10.00")] == wanted(made)


def test_fill_after_the_end_is_unwound() -> None:
    """A spread that came to nothing wakes up again."""
    made = opened()
    left = made.order(LEFT)
    made.reject(made.order(RIGHT))
    made.cancel(left)
    assert state(made) is S.FLAT
    made.hear(OrderFilled(made.make_fill(left, Decimal(2))))
    assert [("A", "sell", "2.00")] == wanted(made)


def test_nothing_is_ordered_while_an_outcome_is_unknown() -> None:
    """By the deadline the pair is halted, and goes on when the order was found."""
    made = opened()
    made.fill(made.order(LEFT))
    lost = made.order(RIGHT)
    made.lose(lost)
    assert state(made) is S.RECONCILING
    made.wait(29)
    assert [] == made.halts
    made.wait(1)
    assert state(made) is S.HALTED
    (alert,) = made.halts
    assert "the fate of an order is not known" in alert
    assert "residual between 0 and 1000" in alert
    assert lost.client_order_id in alert
    made.accept(lost)
    assert state(made) is S.HALTED
    made.cancel(lost)
    assert state(made) is S.UNWINDING
    assert [("A", "sell", "10.00")] == wanted(made)


def test_order_that_was_never_there_is_as_good_as_rejected() -> None:
    """What is left is unwound."""
    made = opened()
    made.fill(made.order(LEFT))
    made.lose(made.order(RIGHT))
    made.prove_absent(made.order(RIGHT))
    assert [("A", "sell", "10.00")] == wanted(made)


def test_other_leg_is_taken_back_when_the_reconciling_takes_too_long() -> None:
    """Only what is known to live is cancelled."""
    made = opened()
    made.wait(9)
    made.lose(made.order(RIGHT))
    made.wait(1)
    assert [Cancel(made.order(LEFT).client_order_id)] == [
        each for each in made.wishes if isinstance(each, Cancel)
    ]


def test_rejected_order_that_is_alive_after_all_is_taken_back() -> None:
    """A venue that contradicts itself is asked, and its order cancelled."""
    made = opened()
    left = made.order(LEFT)
    made.reject(left)
    made.cancel(made.order(RIGHT))
    assert state(made) is S.FLAT
    made.accept(left)
    assert state(made) is S.RECONCILING
    made.accept(left)
    assert state(made) is S.UNWINDING
    made.cancel(left)
    assert state(made) is S.FLAT


def test_cancel_that_is_refused_is_repeated_after_some_patience() -> None:
    """Not at once, which would never end, and it does not put off the alert."""
    made = opened()
    made.fill(made.order(LEFT))
    made.wait(10)
    for _ in range(3):
        made.refuse_cancel(made.order(RIGHT))
        made.wait(9)
        assert state(made) is S.ENTERING
        made.wait(1)
    assert state(made) is S.HALTED


def test_denied_entry_leaves_nothing_behind() -> None:
    """The risk gate refused both orders."""
    made = bench()
    made.denials = {LEFT.id: 1, RIGHT.id: 1}
    made.open()
    assert state(made) is S.FLAT


def test_denied_corrections_end_in_a_halt() -> None:
    """
    Nothing goes out within the deadline, so a person is told; until then pauses grow.

    The attempts were once used up within the moment in which the first of them was refused.
    """
    made = opened()
    made.denials = dict.fromkeys((LEFT.id, RIGHT.id), 50)
    made.fill(made.order(LEFT))
    made.reject(made.order(RIGHT))
    tried = [made.denied]
    for _ in range(29):
        assert state(made) is S.UNWINDING
        made.wait(1)
        tried.append(made.denied)
    # At once for the late leg and then the other one, which is tried again after 1, 2, 4 and 8 s.
    assert (2, [1, 3, 7, 15]) == (
        tried[0],
        [at for at in range(1, 30) if tried[at] > tried[at - 1]],
    )
    made.wait(1)
    assert state(made) is S.HALTED
    assert "the larger leg cannot be cut back; residual between 1000 and 1000" in made.halts[0]
    made.denials.clear()
    made.ask("resume")
    assert [("A", "sell", "10.00")] == wanted(made)


def test_leg_that_the_risk_gate_refuses_makes_the_other_be_unwound_at_once() -> None:
    """A gate says the same again; the filled leg is cut back, and nothing halts."""
    made = opened()
    made.denials = {RIGHT.id: 1}
    made.fill(made.order(LEFT))
    made.reject(made.order(RIGHT))
    assert [("A", "sell", "10.00")] == wanted(made)
    assert 1 == made.denied


def test_cut_that_the_risk_gate_refuses_goes_out_once_it_may() -> None:
    """After the pause, as when a price was too old to judge it by."""
    made = opened()
    made.denials = {LEFT.id: 1, RIGHT.id: 1}
    made.fill(made.order(LEFT))
    made.reject(made.order(RIGHT))
    made.ask("review")
    assert [] == wanted(made)
    made.wait(1)
    assert [("A", "sell", "10.00")] == wanted(made)
    made.fill(made.order(LEFT))
    assert state(made) is S.FLAT
    assert [] == made.halts


# --- leaving ---------------------------------------------------------------------------------


def test_both_legs_are_closed_at_once() -> None:
    """And the spread is flat when both have filled."""
    made = entered()
    made.close()
    assert [("A", "sell", "10.00"), ("B", "buy", "10.00")] == wanted(made)
    for leg in (LEFT, RIGHT):
        made.fill(made.order(leg))
    assert state(made) is S.FLAT
    made.close()
    assert [] == wanted(made)


def test_closing_leg_that_was_refused_is_tried_again_beside_the_other() -> None:
    """Its correction cannot make anything worse."""
    made = entered()
    made.close()
    made.reject(made.order(RIGHT))
    assert [("A", "sell", "10.00"), ("B", "buy", "10.00")] == wanted(made)


def test_closing_leg_that_was_refused_waits_while_it_is_the_smaller() -> None:
    """Closing it now could leave the other one alone."""
    made = entered()
    made.close()
    made.fill(made.order(RIGHT), "5")
    made.cancel(made.order(RIGHT))
    assert [("A", "sell", "10.00")] == wanted(made)


def test_closing_stops_after_all_attempts() -> None:
    """The pair is halted with both legs still held."""
    made = entered(max_attempts=1)
    made.denials = dict.fromkeys((LEFT.id, RIGHT.id), 50)
    made.close()
    assert [] == made.halts
    made.wait(1)
    assert "the legs cannot be closed; residual between 0 and 0; live orders: none" in made.halts


@pytest.mark.parametrize("cause", ["feed", "market"])
def test_neither_leg_is_closed_while_one_market_is_closed(cause: str) -> None:
    """One leg alone is no reduction; both go when the market opens."""
    made = entered()
    made.venue(RIGHT, up=False, cause=cause)
    made.close(stop=True)
    assert [] == wanted(made)
    made.venue(RIGHT, up=True, cause=cause)
    assert [("A", "sell", "10.00"), ("B", "buy", "10.00")] == wanted(made)


def test_feed_that_comes_back_does_not_open_a_market() -> None:
    """A venue can be traded at when nothing stands in the way."""
    made = entered()
    made.venue(RIGHT, up=False, cause="market")
    made.venue(RIGHT, up=False, cause="feed")
    made.venue(RIGHT, up=False, cause="feed")
    made.close()
    made.venue(RIGHT, up=True, cause="feed")
    assert [] == wanted(made)


def test_leg_at_a_lost_venue_is_waited_for_until_the_deadline() -> None:
    """Then the pair is halted; when the venue is back the leg is cut back."""
    made = opened(on_late=LatePolicy.UNWIND)
    made.fill(made.order(LEFT))
    made.venue(LEFT, up=False)
    made.reject(made.order(RIGHT))
    assert state(made) is S.UNWINDING
    made.wait(30)
    assert state(made) is S.HALTED
    made.venue(LEFT, up=True)
    assert [("A", "sell", "10.00")] == wanted(made)


@pytest.mark.parametrize("leg", [0, 1])
def test_liquidated_leg_takes_the_other_with_it(leg: int) -> None:
    """One leg alone is not what was wanted."""
    made = entered()
    side = (Side.SELL, Side.BUY)[leg]
    made.book(made.force(made.legs[leg].id, side, Decimal(10)))
    (order,) = made.orders.working.values()
    made.fill(order)
    assert state(made) is S.FLAT


def test_position_that_is_gone_is_flat() -> None:
    """Both legs went at once."""
    made = entered()
    for leg, side in ((LEFT, Side.SELL), (RIGHT, Side.BUY)):
        made.portfolio.apply(made.force(leg.id, side, Decimal(10)), "liquidation")
    made.ask("review")
    assert state(made) is S.FLAT


def test_overfilled_close_is_turned_back() -> None:
    """What is on the wrong side is closed too."""
    made = entered()
    made.close()
    left = made.order(LEFT)
    made.fill(left)
    made.fill(made.order(RIGHT))
    made.hear(OrderFilled(made.make_fill(left, Decimal(1))))
    assert [("A", "buy", "1")] == [(a, b, str(int(Decimal(c)))) for a, b, c in wanted(made)]
    made.fill(made.order(LEFT))
    assert state(made) is S.FLAT


def test_difference_too_small_for_an_order_closes_the_spread() -> None:
    """One of three whole shares against two of seven cannot be made even, and is too uneven."""
    first = leg_instrument("left", "A", fractionable=False)
    made = PairBench(LegRules(on_late=LatePolicy.UNWIND), legs=(first, SHARES))
    made.mark(first, "330")
    made.mark(SHARES, "142")
    made.open()
    assert [("A", "buy", "3"), ("B", "sell", "7")] == wanted(made)
    made.fill(made.order(first), "1")
    made.fill(made.order(SHARES), "2")
    made.wait(10)
    for leg in (first, SHARES):
        made.cancel(made.order(leg))
    assert state(made) is S.EXITING
    assert [("A", "sell", "1"), ("B", "buy", "2")] == wanted(made)


def test_dust_keeps_no_spread_open() -> None:
    """Less than an increment is left: nothing can be ordered for it."""
    made = entered()
    made.portfolio.apply(made.force(LEFT.id, Side.SELL, Decimal("0.005")), "fee")
    made.close()
    assert [("A", "sell", "9.99"), ("B", "buy", "10.00")] == wanted(made)
    for leg in (LEFT, RIGHT):
        made.fill(made.order(leg))
    assert state(made) is S.FLAT
    made.open()
    assert [("A", "buy", "9.99"), ("B", "sell", "10.00")] == wanted(made)


# --- stops, halts, restarts ------------------------------------------------------------------


def test_halted_entry_is_unwound_and_not_completed() -> None:
    """Also when the missing fill arrives meanwhile."""
    made = opened()
    made.fill(made.order(LEFT))
    made.ask("stop_entering")
    made.fill(made.order(RIGHT))
    assert state(made) is S.EXITING
    assert [("A", "sell", "10.00"), ("B", "buy", "10.00")] == wanted(made)


def test_entry_halted_while_an_order_is_unknown_is_given_up_too() -> None:
    """It was found filled: both legs are closed again."""
    made = opened()
    made.fill(made.order(LEFT))
    lost = made.order(RIGHT)
    made.lose(lost)
    made.ask("stop_entering")
    made.fill(lost)
    assert state(made) is S.EXITING


def test_halt_leaves_a_position_alone() -> None:
    """Only what is not complete is given up."""
    made = entered()
    made.ask("stop_entering")
    assert state(made) is S.IN_POSITION


def test_timer_that_fires_early_is_set_again() -> None:
    """Nothing is forgotten with it."""
    made = opened()
    due = made.timer_ns
    made.wait(1)
    made.fire()
    assert due == made.timer_ns
    assert isinstance(made.wishes[-1], SetTimer)


def test_restored_manager_goes_on_where_the_first_one_was() -> None:
    """With its deadline, its timer, and what is down."""
    made = opened()
    made.fill(made.order(LEFT))
    made.venue(RIGHT, up=False)
    made.restart()
    made.wait(10)
    made.cancel(made.order(RIGHT))
    assert [("A", "sell", "10.00")] == wanted(made)
    assert json.dumps(made.manager.snapshot())


def test_rest_that_is_even_enough_has_no_deadline_on_its_way_out() -> None:
    """Either of the two orders alone leaves less than the limit; a restored manager agrees."""
    made = entered()
    made.book(made.force(RIGHT.id, Side.BUY, Decimal("9.9")))
    made.fill(made.order(LEFT))
    assert (Decimal("0.1"), Decimal("-0.1")) == made.held
    made.close()
    assert len(made.orders.working) == 2
    assert made.manager.deadline_ns is None


def test_split_leaves_the_legs_even() -> None:
    """Twice the shares are the same position."""
    made = entered()
    made.portfolio.split(LEFT.id, 2, 1)
    made.manager.split(LEFT.id, 2, 1)
    made.ask("review")
    assert state(made) is S.IN_POSITION


def test_what_the_table_does_not_have_is_refused() -> None:
    """The state stays as it is."""
    made = entered()
    with pytest.raises(IllegalTransition, match=r"open cannot happen to a spread that is in_pos"):
        made.manager._steps.go(LegTrigger.OPEN, made.manager._work)


# --- what is refused -------------------------------------------------------------------------


def test_second_spread_is_refused() -> None:
    """One at a time."""
    made = entered()
    made.open()
    assert "a spread is in_position already" in made.manager.refusal


def test_spread_is_refused_until_a_person_resumes() -> None:
    """The refusal is the alert."""
    made = opened()
    made.denials = dict.fromkeys((LEFT.id, RIGHT.id), 50)
    made.fill(made.order(LEFT))
    made.reject(made.order(RIGHT))
    made.wait(30)
    made.book(made.force(LEFT.id, Side.SELL, Decimal(10)))
    assert state(made) is S.FLAT
    made.open()
    assert "cannot be cut back" in made.manager.refusal
    made.denials.clear()
    made.ask("resume")
    made.open()
    assert state(made) is S.ENTERING


def test_spread_is_refused_while_an_order_works() -> None:
    """Whatever order it is."""
    made = bench()
    intent = OrderIntent(instrument_id=LEFT.id, side=Side.BUY, quantity=Decimal(1))
    made.orders.submit(intent, made.now_ns)
    made.open()
    assert "an order is still working" in made.manager.refusal


def test_cooldowns_are_kept_but_not_by_a_stop() -> None:
    """Exit cooldown after the entry, entry cooldown after the end."""
    made = entered(exit_cooldown_s=Decimal(60), entry_cooldown_s=Decimal(60))
    made.close()
    assert "it was opened less than 60 s ago" in made.manager.refusal
    made.close(stop=True)
    for leg in (LEFT, RIGHT):
        made.fill(made.order(leg))
    made.open()
    assert "the last spread ended less than 60 s ago" in made.manager.refusal
    made.wait(60)
    made.open()
    assert state(made) is S.ENTERING


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"max_price_age_s": Decimal(5)}, "a price is older than 5 s"),
        ({"max_price_skew_s": Decimal(5)}, "more than 5 s apart"),
        ({"min_price_ratio": Decimal("1.1")}, "the price ratio is below 1.1"),
        ({"max_price_ratio": Decimal("0.9")}, "the price ratio is above 0.9"),
        ({"max_leg_notional": Decimal(999)}, "is worth more than 999"),
        ({"max_imbalance": Decimal("0.0001")}, "rounding leaves the legs 0.03 % apart"),
        ({"short_mode": ShortMode.NONE}, "short_mode is none; choose short_mode inventory"),
        ({"second_short_mode": ShortMode.DERIVATIVE}, "is no future or perpetual"),
        ({"short_mode": ShortMode.INVENTORY}, "needs more than 0 held"),
    ],
)
def test_guard_refuses_an_entry(rules: dict[str, Any], message: str) -> None:
    """And says why; without the guard it passes."""
    for guarded in (True, False):
        made = bench(**rules if guarded else {})
        made.wait(10)
        made.mark(RIGHT, "99.87")
        made.open()
        assert (state(made) is S.FLAT) == guarded
        assert (message in made.manager.refusal) == guarded


def test_leg_that_passes_its_guards_is_opened() -> None:
    """Limits that are not reached refuse nothing."""
    made = opened(
        max_price_age_s=Decimal(5),
        max_price_skew_s=Decimal(5),
        min_price_ratio=Decimal("0.9"),
        max_price_ratio=Decimal("1.1"),
        max_leg_notional=Decimal(1_000),
        max_imbalance=Decimal("0.1"),
    )
    assert state(made) is S.ENTERING


def test_leg_that_cannot_be_borrowed_is_refused() -> None:
    """Margin needs an instrument that can be shorted."""
    made = PairBench(legs=(LEFT, leg_instrument("right", "B", shortable=False)))
    made.open()
    assert "cannot be sold short" in made.manager.refusal


def test_venue_that_is_down_refuses_an_entry() -> None:
    """Either of the two."""
    made = bench()
    made.venue(RIGHT, up=False)
    made.open()
    assert "right is down or closed" in made.manager.refusal


def test_other_instruments_and_missing_prices_are_refused() -> None:
    """With what is missing named."""
    made = bench()
    other = InstrumentId("left", "C")
    made.ask("open", OpenSpread(buy=LEFT.id, sell=other, size=SpreadSize(notional=Decimal(1_000))))
    assert "is not of the strategy's two instruments" in made.manager.refusal
    for seen, unseen in ((LEFT, RIGHT), (RIGHT, LEFT)):
        blind = PairBench()
        blind.portfolio.marks.pop(unseen.id)
        blind.open()
        assert f"{unseen.id}: a leg has no price yet" in blind.manager.refusal
        assert blind.portfolio.mark(seen.id)


def test_inventory_is_sold_down_to_zero_at_most() -> None:
    """Flat is back at the baseline."""
    made = PairBench(LegRules(short_mode=ShortMode.INVENTORY), inventory={RIGHT.id: Decimal(10)})
    made.open(2_002)
    assert "selling 10.01 of right:B needs more than 10 held" in made.manager.refusal
    made.enter()
    made.close()
    for leg in (LEFT, RIGHT):
        made.fill(made.order(leg))
    assert (Decimal(0), Decimal(0)) == made.held
    made.manager.split(RIGHT.id, 1, 2)
    made.open()
    assert "needs more than 5 held" in made.manager.refusal


def test_limit_orders_keep_to_the_price_grid() -> None:
    """Rounded to the side that gives less away."""
    tick = Increment(Decimal("0.1"))
    pair = (
        leg_instrument("left", "A", price_increment=tick),
        leg_instrument("right", "B", price_increment=tick),
    )
    made = PairBench(LegRules(orders=LegOrders.LIMIT, start_bps=Decimal(12)), legs=pair)
    made.open()
    orders = [each.intent for each in made.orders.working.values()]
    assert [OrderType.LIMIT] * 2 == [each.type for each in orders]
    assert [Decimal("100.1"), Decimal("99.9")] == [each.limit_price for each in orders]


def test_leg_without_a_price_is_not_closed_alone() -> None:
    """Limit orders on both legs or on none; the price comes, and both go."""
    made = entered(orders=LegOrders.LIMIT)
    price = made.portfolio.marks.pop(RIGHT.id)
    made.close()
    assert [] == wanted(made)
    made.portfolio.marks[RIGHT.id] = price
    made.ask("review")
    assert [("A", "sell", "10.00"), ("B", "buy", "10.00")] == wanted(made)


def test_price_that_leaves_nothing_for_a_sale_makes_no_order() -> None:
    """The whole price is within the collar: neither leg is sent."""
    made = opened(orders=LegOrders.LIMIT, start_bps=Decimal(10_000), collar_bps=Decimal(10_000))
    assert state(made) is S.FLAT
    assert "no limit price is left for a leg" == made.manager.refusal


def test_late_leg_whose_share_is_too_small_for_an_order_is_not_waited_for() -> None:
    """In a sequential entry, the first leg's crumb is taken back."""
    made = PairBench(LegRules(pause_s=Decimal(0)), legs=(LEFT, SHARES))
    made.open()
    made.fill(made.order(LEFT), "0.5")
    made.wait(10)
    made.cancel(made.order(LEFT))
    assert [("A", "sell", "0.50")] == wanted(made)


def test_stray_order_found_with_a_position_is_reconciled_first() -> None:
    """An order that was rejected is accepted after all, while the spread is held."""
    made = opened()
    made.fill(made.order(LEFT))
    stray = made.order(RIGHT)
    made.reject(stray)
    made.fill(made.order(RIGHT))
    assert state(made) is S.IN_POSITION
    made.accept(stray)
    assert state(made) is S.RECONCILING


def test_order_for_what_the_late_leg_lacks_is_given_its_time() -> None:
    """A quarter of the first leg has filled and the rest was cancelled: as much of the second."""
    made = PairBench(LegRules(pause_s=Decimal(0)))
    made.open()
    made.fill(made.order(LEFT), "2.5")
    made.wait(10)
    made.cancel(made.order(LEFT))
    made.wait(1)
    assert made.order(RIGHT).intent.quantity == Decimal("2.5")
    assert made.order(RIGHT).status is OrderStatus.PENDING
    made.fill(made.order(RIGHT))
    assert state(made) is S.IN_POSITION


def test_pause_does_not_outlast_the_deadline_for_a_correction() -> None:
    """The first leg fills late, after its cancel was asked for: it is cut back at the deadline."""
    made = PairBench(LegRules(pause_s=Decimal(5)))
    made.open()
    made.wait(38)
    made.fill(made.order(LEFT))
    made.wait(1)
    assert not made.orders.working
    made.wait(1)
    assert state(made) is S.UNWINDING
    assert made.order(LEFT).intent.side is Side.SELL


def test_attempts_begin_anew_when_a_venue_comes_back_while_an_order_is_unknown() -> None:
    """What was refused before counts no more: the larger leg is cut back after the look-up."""
    made = PairBench(LegRules(max_attempts=1, on_late=LatePolicy.UNWIND))
    made.open()
    made.fill(made.order(LEFT))
    made.reject(made.order(RIGHT))
    made.reject(made.order(LEFT))
    lost = made.order(LEFT)
    made.lose(lost)
    made.venue(LEFT, up=True)
    made.prove_absent(lost)
    assert state(made) is S.UNWINDING
    assert made.order(LEFT).intent.reduce_only


def test_orders_of_others_are_left_out_of_the_facts() -> None:
    """Three instruments in the books, two of them legs."""
    third = leg_instrument("left", "C")
    portfolio = Portfolio((LEFT, RIGHT, third), Decimal(1_000))
    orders = OrderManager(iter(("x", "y")).__next__)
    for instrument_id in (third.id, LEFT.id):
        intent = OrderIntent(instrument_id=instrument_id, side=Side.BUY, quantity=Decimal(1))
        orders.submit(intent, 0)
    targets = {LEFT.id: Decimal(1), RIGHT.id: Decimal(-1)}
    facts = spread_facts((LEFT, RIGHT), targets, portfolio, orders)
    assert ("y",) == facts.live


def test_equity_of_inverse_contracts_is_valued_in_quote() -> None:
    """They settle in base: ten coins at 100 are 1000 dollars, half for each leg."""
    near = evolve(INVERSE_PERPETUAL, id=InstrumentId("left", "X"))
    far = evolve(INVERSE_PERPETUAL, id=InstrumentId("right", "Y"))
    made = PairBench(legs=(near, far))
    size = SpreadSize(fraction=Decimal("0.001"))
    made.ask("open", OpenSpread(buy=near.id, sell=far.id, size=size))
    assert [("X", "buy", "5"), ("Y", "sell", "5")] == wanted(made)


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"patience_s": Decimal(30)}, r"patience_s \(30\) must be below max_residual_s \(30\)"),
        ({"pause_s": Decimal(20)}, "patience_s and pause_s together"),
        (
            {"min_price_ratio": Decimal(2), "max_price_ratio": Decimal(1)},
            "no price would pass",
        ),
    ],
)
def test_rules_that_leave_no_way_are_refused(rules: dict[str, Any], message: str) -> None:
    """With the keys named."""
    with pytest.raises(ConfigError, match=message):
        LegRules(**rules)


def test_closing_order_that_is_lost_is_reconciled_first() -> None:
    """Both legs wait for it; then the one that is left goes on."""
    made = entered()
    made.close()
    made.fill(made.order(LEFT))
    lost = made.order(RIGHT)
    made.lose(lost)
    assert state(made) is S.RECONCILING
    made.prove_absent(lost)
    assert [("B", "buy", "10.00")] == wanted(made)
    again = made.order(RIGHT)
    made.lose(again)
    assert state(made) is S.RECONCILING
    made.fill(again)
    assert state(made) is S.FLAT


def test_orders_of_someone_who_closes_the_pair_are_given_time() -> None:
    """A flattening by the risk limits: what it ordered may work for the patience."""
    made = entered()
    for leg, side in ((LEFT, Side.SELL), (RIGHT, Side.BUY)):
        intent = OrderIntent(instrument_id=leg.id, side=side, quantity=Decimal(10))
        made.orders.submit(intent, made.now_ns)
    made.ask("review")
    assert state(made) is S.UNWINDING
    assert not any(isinstance(each, Cancel) for each in made.wishes)
    for leg in (LEFT, RIGHT):
        made.fill(made.order(leg))
    assert state(made) is S.FLAT


def test_second_cancel_of_an_order_is_not_sent_at_once() -> None:
    """It was refused a moment ago, and the other leg's report changes nothing about that."""
    made = opened()
    made.wait(10)
    made.refuse_cancel(made.order(LEFT))
    made.cancel(made.order(RIGHT))
    assert 2 == sum(isinstance(each, Cancel) for each in made.wishes)


def test_correction_without_a_price_waits_for_a_person() -> None:
    """A limit order cannot be made without a mark, so the pair halts."""
    made = opened(orders=LegOrders.LIMIT, on_late=LatePolicy.UNWIND)
    made.fill(made.order(LEFT))
    made.portfolio.marks.pop(LEFT.id)
    made.reject(made.order(RIGHT))
    assert state(made) is S.HALTED
    assert made.manager.blocked in made.halts


def test_patience_that_ends_even_costs_no_deadline() -> None:
    """Crumbs within the limit are cancelled without a correction being owed."""
    made = entered()
    made.close()
    for leg in (LEFT, RIGHT):
        made.fill(made.order(leg), "9.9")
    assert made.manager.deadline_ns is None
    made.wait(10)
    assert 2 == sum(isinstance(each, Cancel) for each in made.wishes)
    assert made.manager.deadline_ns is None


def test_half_a_leg_that_is_liquidated_halves_the_other() -> None:
    """The spread goes on at the smaller size, and began when it began."""
    made = entered(exit_cooldown_s=Decimal(60))
    made.wait(59)
    made.book(made.force(LEFT.id, Side.SELL, Decimal(5)))
    assert [("B", "buy", "5.00")] == wanted(made)
    made.fill(made.order(RIGHT))
    assert state(made) is S.IN_POSITION
    made.wait(1)
    made.close()
    assert state(made) is S.EXITING


def test_dust_that_leaves_too_little_to_order_opens_nothing() -> None:
    """Half a share is held where one whole share is wanted: the rest cannot be ordered."""
    made = PairBench(legs=(LEFT, SHARES))
    made.portfolio.apply(made.force(SHARES.id, Side.SELL, Decimal("0.5")), "fee")
    made.open(200)
    assert state(made) is S.FLAT
    assert "too much beside the new spread" in made.manager.refusal
    made = PairBench(LegRules(max_residual_fraction=Decimal("0.6")), legs=(LEFT, SHARES))
    made.portfolio.apply(made.force(SHARES.id, Side.SELL, Decimal("0.5")), "fee")
    made.open(200)
    assert [] == wanted(made)


def test_both_closing_legs_wait_for_their_cancels() -> None:
    """A closing order that was refused, with no attempts left, is not tried again meanwhile."""
    made = entered(max_attempts=1)
    made.close()
    made.reject(made.order(RIGHT))
    made.reject(made.order(RIGHT))
    assert [("A", "sell", "10.00")] == wanted(made)
    made.fill(made.order(LEFT))
    assert state(made) is S.HALTED


def test_thin_market_is_left_bit_by_bit() -> None:
    """An attempt that has brought something does not count, until a whole deadline has gone by."""
    made = entered(max_attempts=2)
    made.book(made.force(LEFT.id, Side.SELL, Decimal(10)))
    for _ in range(9):
        order = made.order(RIGHT)
        made.fill(order, "1")
        made.cancel(order)
    assert [("B", "buy", "1.00")] == wanted(made)
    made.fill(made.order(RIGHT))
    assert state(made) is S.FLAT


def test_thin_market_that_stays_thin_halts_the_pair() -> None:
    """What is left after a deadline is tried as often as the rules say, and then told."""
    made = entered(max_attempts=2)
    made.book(made.force(LEFT.id, Side.SELL, Decimal(10)))
    for _ in range(6):
        made.wait(9)
        order = made.order(RIGHT)
        made.fill(order, "1")
        made.cancel(order)
    assert state(made) is S.HALTED
    assert (Decimal(0), Decimal(-4)) == made.held


def test_empty_market_is_tried_again_after_pauses_that_grow() -> None:
    """The second attempt is made at once; one that brings something is followed at once too."""
    made = entered()
    made.book(made.force(LEFT.id, Side.SELL, Decimal(10)))
    for pause_s in (0, 1, 2, 4, 8, 10, 10):
        made.cancel(made.order(RIGHT))
        before = made.now_ns
        while not made.orders.working:
            made.wait(1)
        assert (made.now_ns - before) // NS_PER_SECOND == pause_s
    order = made.order(RIGHT)
    made.fill(order, "4")
    made.cancel(order)
    assert [("B", "buy", "6.00")] == wanted(made)
