"""Two runs are equal, or part where something was changed: whatever the decisions are."""

from decimal import Decimal
from typing import Any, Final

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.domain.commands import CloseSpread, Halt, SetTimer, StrategyCommand
from algopioneer_core.domain.fills import Fill, Liquidity, Side
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.orders import OrderIntent
from algopioneer_core.parity.causes import Cause, Evidence, Fact
from algopioneer_core.parity.compare import compare
from algopioneer_core.parity.decisions import Decision, DecisionKind, words_of
from algopioneer_core.testing.domain import quantities
from algopioneer_core.testing.sessions import MINUTE_NS

A: Final = InstrumentId("sim", "A")
EVIDENCE: Final = Evidence(interval_ns=MINUTE_NS, anchor_ns=0)


def order(quantity: str = "2", number: int = 1, ts_ns: int = 0) -> Decision:
    """Return an order for so much."""
    wanted = OrderIntent(instrument_id=A, side=Side.BUY, quantity=Decimal(quantity))
    return Decision(DecisionKind.ORDER, ts_ns, number, wanted)


def fill(ts_ns: int = 0, number: int = 1, **changes: Any) -> Decision:
    """Return a fill of two at ten, for a fee of a hundredth."""
    made = Fill("", "", A, Side.BUY, Decimal(2), Decimal(10), Decimal("0.2"), "USD",
                Liquidity.TAKER, 0)  # fmt: skip
    return Decision(DecisionKind.FILL, ts_ns, number, evolve(made, **changes))


@st.composite
def runs(draw: st.DrawFn) -> list[Decision]:
    """Return the decisions of a run; each is the only one of its time."""
    found = []
    for place in range(draw(st.integers(1, 12))):
        kind = draw(st.sampled_from(DecisionKind))
        found.append(draw(_decisions(kind, place * MINUTE_NS)))
    return found


def _decisions(kind: DecisionKind, ts_ns: int) -> st.SearchStrategy[Decision]:
    number = st.integers(1, 5)
    if kind is DecisionKind.SIGNAL:
        wishes: list[StrategyCommand] = [CloseSpread(), Halt("enough"), SetTimer("look", 7)]
        wish = st.sampled_from(wishes)
        return wish.map(lambda asked: Decision(kind, ts_ns, None, (asked,)))
    if kind is DecisionKind.FILL:
        return st.builds(fill, st.just(ts_ns), number, quantity=quantities())
    if kind in (DecisionKind.ORDER, DecisionKind.DENIED):
        sized = quantities().filter(bool).map(str)
        orders = st.builds(order, sized, number, st.just(ts_ns))
        return orders.map(lambda made: evolve(made, kind=kind))
    ends = st.sampled_from(["", "cancelled", "rejected"])
    return st.builds(Decision, st.just(kind), st.just(ts_ns), number, ends)


def _changed(decision: Decision) -> Decision:
    return evolve(decision, order=(decision.order or 0) + 9)


def _later(decision: Decision) -> Decision:
    return evolve(decision, ts_ns=decision.ts_ns + MINUTE_NS)


@given(runs())
def test_a_run_is_equal_to_itself(run: list[Decision]) -> None:
    """Every decision counts, and every fill."""
    verdict = compare("ma", run, list(run), EVIDENCE)
    fills = sum(each.kind is DecisionKind.FILL for each in run)
    assert (verdict.equal, verdict.fills, verdict.divergence) == (len(run), fills, None)


@given(runs(), st.data())
def test_one_change_is_found_at_its_place(run: list[Decision], data: st.DataObject) -> None:
    """Something else, another time, something less or more: on either side, and it has a class."""
    place = data.draw(st.integers(0, len(run) - 1))
    mine = run[place]
    other = data.draw(
        st.sampled_from(
            [
                [*run[:place], _changed(mine), *run[place + 1 :]],
                [*run[:place], _later(mine), *run[place + 1 :]],
                [*run[:place], *run[place + 1 :]],
                [*run[:place], _changed(mine), *run[place:]],
                run[:place],
            ]
        )
    )
    for session, backtest in ((run, other), (other, run)):
        verdict = compare("ma", session, backtest, EVIDENCE)
        found = verdict.divergence
        assert found is not None
        assert (verdict.equal, found.place) == (place, place)
        assert found.why
        told = {words_of(found.session), words_of(found.backtest)}
        assert words_of(mine) in told


def test_times_inside_of_a_bar_are_one_time() -> None:
    """A backtest dates a fill with the open, and one that rested with the close, of its bar."""
    moment = MINUTE_NS + 7
    taken, rested = fill(MINUTE_NS), fill(2 * MINUTE_NS, liquidity=Liquidity.MAKER)
    live = [fill(moment), fill(moment, liquidity=Liquidity.MAKER)]
    assert compare("ma", live, [taken, rested], EVIDENCE).divergence is None
    late = compare("ma", [fill(2 * MINUTE_NS)], [taken], EVIDENCE).divergence
    assert late is not None
    assert late.cause is Cause.LATENCY
    assert late.ts_ns == MINUTE_NS


def test_a_fill_that_never_comes_says_what_became_of_its_order() -> None:
    """Refused by the venue, or still waiting at the end, on either side."""
    wanted, filled = order(), fill(MINUTE_NS)
    refusal = Decision(DecisionKind.ENDED, MINUTE_NS, 1, "rejected", "no money")
    for session, backtest, cause, words in (
        ([wanted, refusal], [wanted, filled], Cause.INTERVENTION, "session's order was rejected"),
        ([wanted, filled], [wanted, refusal], Cause.INTERVENTION, "backtest's order was rejected"),
        ([wanted], [wanted, filled], Cause.LATENCY, "had not traded by the end"),
        ([], [filled], Cause.CONFIGURATION, "the session went on"),
    ):
        found = compare("ma", session, backtest, EVIDENCE).divergence
        assert found is not None
        assert (found.cause, words in found.why) == (cause, True)


def test_an_order_that_ended_in_one_of_them_is_an_intervention() -> None:
    """The venue knows why."""
    ended = Decision(DecisionKind.ENDED, 0, 1, "cancelled", "market closed")
    found = compare("ma", [order(), ended], [order()], EVIDENCE).divergence
    assert found is not None
    assert found.cause is Cause.INTERVENTION
    assert "market closed" in found.why


def test_the_same_fills_in_another_order_are_latency() -> None:
    """Nothing differs but which came first."""
    orders = [order(number=1), order(number=2)]
    one, two = fill(MINUTE_NS, 1), fill(MINUTE_NS, 2)
    found = compare("ma", [*orders, two, one], [*orders, one, two], EVIDENCE).divergence
    assert found is not None
    assert (found.cause, "another order" in found.why) == (Cause.LATENCY, True)


def test_fills_differ_in_one_way_at_a_time() -> None:
    """Each way has its class; what follows from it has none of its own."""
    for changes, cause in (
        ({"price": Decimal("10.01")}, Cause.FILL_PRICE),
        ({"price": Decimal("10.00000000001")}, Cause.ROUNDING),
        ({"fee": Decimal("0.3")}, Cause.FEE),
        ({"fee": Decimal(0)}, Cause.FEE),
        ({"fee_asset": "USDC"}, Cause.FEE),
        ({"fee": Decimal("0.2001")}, Cause.ROUNDING),
        ({"quantity": Decimal("1.99999999"), "fee": Decimal("0.199999999")}, Cause.LATENCY),
        ({"liquidity": Liquidity.MAKER}, Cause.LATENCY),
    ):
        found = compare("ma", [order(), fill(**changes)], [order(), fill()], EVIDENCE).divergence
        assert found is not None
        assert (found.cause, changes) == (cause, changes)


def test_orders_of_one_size_but_for_rounding_are_rounding_unless_the_bar_differs() -> None:
    """A bar that was seen otherwise says more than the size of what came of it."""
    session, backtest = [order("1.99")], [order("1.9912")]
    found = compare("ma", session, backtest, EVIDENCE).divergence
    assert found is not None
    assert found.cause is Cause.ROUNDING
    gap = Fact(0, Cause.DATA_GAP, "the session never had the bar")
    found = compare("ma", session, backtest, evolve(EVIDENCE, bars=(gap,))).divergence
    assert found is not None
    assert found.cause is Cause.DATA_GAP


def test_the_latest_thing_before_it_is_the_cause() -> None:
    """Of bars and events; what comes later is none."""
    gap = Fact(0, Cause.DATA_GAP, "gap")
    halt = Fact(MINUTE_NS, Cause.INTERVENTION, "halt")
    charged = Fact(3 * MINUTE_NS, Cause.FEE, "charged")
    evidence = evolve(EVIDENCE, bars=(gap,), events=(halt, charged))
    for place, cause in ((0, Cause.DATA_GAP), (1, Cause.INTERVENTION), (3, Cause.FEE)):
        found = compare("ma", [order("7", ts_ns=place * MINUTE_NS)], [], evidence).divergence
        assert found is not None
        assert found.cause is cause
