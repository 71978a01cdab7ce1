"""A roll is a state of the spread: the second leg moves, and both legs stay even or are made so."""

from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve

from algopioneer_core.domain.commands import RollSpread
from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import Instrument, InstrumentKind
from algopioneer_core.domain.money import Increment
from algopioneer_core.engine.leg_chain import check_chain
from algopioneer_core.engine.leg_rules import LatePolicy, LegOrders, LegRules
from algopioneer_core.engine.leg_states import LegState
from algopioneer_core.testing.legs import LEFT, PairBench, leg_instrument

NEAR, FAR, LAST = (
    leg_instrument("right", name, base="B", kind=InstrumentKind.FUTURE, expiry_ns=2**60 + number)
    for number, name in enumerate(("NEAR", "FAR", "LAST"))
)
TEN, FIVE = Decimal(10), Decimal(5)


def bench_of(*, sell_first: bool = False, **rules: Any) -> PairBench:
    """Return a bench that holds ten units of the first leg against ten of the near contract."""
    bench = PairBench(LegRules(**rules), legs=(LEFT, NEAR), successors=(FAR, LAST))
    bench.open(sell_first=sell_first)
    bench.fill(bench.order(LEFT))
    bench.fill(bench.order(NEAR))
    return bench


def held(bench: PairBench) -> tuple[object, ...]:
    """Return what is held of every instrument."""
    return tuple(bench.portfolio.quantity(each.id) for each in (LEFT, NEAR, FAR, LAST))


def state(bench: PairBench) -> LegState:
    """Return where the spread is in its life."""
    return bench.manager.state


@pytest.mark.parametrize("sell_first", [False, True])
def test_a_roll_goes_out_and_in_at_once(sell_first: bool) -> None:
    """Ten out of the near contract, ten into the far one; the first leg is not touched."""
    bench = bench_of(sell_first=sell_first)
    sign = -1 if sell_first else 1
    bench.roll(FAR)
    assert LegState.ROLLING is state(bench)
    out, into = bench.order(NEAR), bench.order(FAR)
    assert (TEN, True) == (out.intent.quantity, out.intent.reduce_only)
    assert (TEN, False) == (into.intent.quantity, into.intent.reduce_only)
    assert out.intent.side is (Side.SELL if sell_first else Side.BUY)
    assert 1 == bench.facts.residual_high
    bench.fill(into)
    assert 1 == bench.facts.residual_high
    bench.fill(out)
    assert LegState.IN_POSITION is state(bench)
    assert (sign * TEN, 0, -sign * TEN, 0) == held(bench)
    bench.close()
    bench.fill(bench.order(LEFT))
    bench.fill(bench.order(FAR))
    assert (LegState.FLAT, (0, 0, 0, 0)) == (state(bench), held(bench))


def test_a_contract_can_be_passed_over_and_the_next_spread_begins_where_it_is_told() -> None:
    """From near to last; then a new spread in the near one again, as the strategy names it."""
    bench = bench_of()
    bench.roll(LAST)
    bench.fill(bench.order(NEAR))
    bench.fill(bench.order(LAST))
    assert (TEN, 0, 0, -TEN) == held(bench)
    bench.restart()
    bench.close()
    bench.fill(bench.order(LEFT))
    bench.fill(bench.order(LAST))
    bench.open()
    assert TEN == bench.order(NEAR).intent.quantity


def test_where_the_next_contract_cannot_be_had_the_old_one_is_kept_then_left() -> None:
    """The order out is taken back; after the last attempt the spread is closed."""
    bench = bench_of(max_attempts=2)
    bench.roll(FAR)
    for _ in range(3):
        bench.reject(bench.order(FAR))
        assert (TEN, -TEN, 0, 0) == held(bench)
        bench.cancel(bench.order(NEAR))
    assert LegState.EXITING is state(bench)
    bench.fill(bench.order(LEFT))
    bench.fill(bench.order(NEAR))
    assert (LegState.FLAT, []) == (state(bench), bench.halts)


def test_a_roll_that_the_risk_gate_refuses_is_tried_again_after_a_pause() -> None:
    """Nothing has moved, and the legs are even: there is time."""
    bench = bench_of()
    bench.denials = {NEAR.id: 1, FAR.id: 1}
    bench.roll(FAR)
    bench.ask("review")
    assert (LegState.ROLLING, {}, 2) == (state(bench), bench.orders.working, bench.denied)
    bench.wait(1)
    bench.fill(bench.order(NEAR))
    bench.fill(bench.order(FAR))
    assert (LegState.IN_POSITION, (TEN, 0, -TEN, 0)) == (state(bench), held(bench))


def test_what_is_missing_of_the_new_contract_is_completed() -> None:
    """Out was filled, in was not: the rest is ordered again, more aggressively."""
    bench = bench_of()
    bench.roll(FAR)
    bench.fill(bench.order(NEAR))
    bench.fill(bench.order(FAR), "4")
    bench.reject(bench.order(FAR))
    assert Decimal(6) == bench.order(FAR).intent.quantity
    bench.fill(bench.order(FAR))
    assert (LegState.IN_POSITION, (TEN, 0, -TEN, 0)) == (state(bench), held(bench))


def test_or_the_first_leg_is_cut_back() -> None:
    """Where the policy is to unwind, the spread goes on at the smaller size."""
    bench = bench_of(on_late=LatePolicy.UNWIND)
    bench.roll(FAR)
    bench.fill(bench.order(NEAR))
    bench.fill(bench.order(FAR), "4")
    bench.reject(bench.order(FAR))
    assert (LegState.UNWINDING, Decimal(6)) == (
        state(bench),
        bench.order(LEFT).intent.quantity,
    )
    bench.fill(bench.order(LEFT))
    assert (LegState.IN_POSITION, (4, 0, -4, 0)) == (state(bench), held(bench))


def test_too_much_of_the_leg_is_cut_out_of_the_old_contract() -> None:
    """In was filled, out was refused: out again, and only the old contract."""
    bench = bench_of()
    bench.roll(FAR)
    bench.fill(bench.order(FAR))
    bench.reject(bench.order(NEAR))
    assert (TEN, True) == (
        bench.order(NEAR).intent.quantity,
        bench.order(NEAR).intent.reduce_only,
    )
    assert not bench.working(FAR)
    bench.fill(bench.order(NEAR))
    assert (LegState.IN_POSITION, (TEN, 0, -TEN, 0)) == (state(bench), held(bench))


def test_a_half_rolled_leg_is_one_leg() -> None:
    """Half in each contract and even: a close leaves both, a roll moves the rest."""
    for leave in (False, True):
        bench = bench_of()
        bench.roll(FAR)
        bench.fill(bench.order(NEAR), "5")
        bench.fill(bench.order(FAR), "5")
        bench.wait(11)  # out of patience
        bench.cancel(bench.order(FAR))
        bench.cancel(bench.order(NEAR))
        assert (TEN, -FIVE, -FIVE, 0) == held(bench)
        assert (FIVE, FIVE) == tuple(bench.order(e).intent.quantity for e in (NEAR, FAR))
        if leave:
            bench.close()
            for each in (NEAR, FAR):
                bench.cancel(bench.order(each))
            assert (TEN, FIVE, FIVE) == tuple(
                bench.order(each).intent.quantity for each in (LEFT, NEAR, FAR)
            )
            assert all(each.intent.reduce_only for each in bench.orders.working.values())


def test_a_fill_after_its_cancel_leaves_nothing_behind() -> None:
    """The old contract was closed twice: both contracts are flattened with the spread."""
    bench = bench_of()
    bench.roll(FAR)
    out = bench.order(NEAR)
    bench.fill(bench.order(FAR))
    bench.wait(11)
    bench.cancel(out)
    bench.fill(bench.order(NEAR))
    assert LegState.IN_POSITION is state(bench)
    bench.fill(out, "10")  # real world
    assert Decimal(10) == bench.portfolio.quantity(NEAR.id)
    for _ in range(6):
        for order in list(bench.orders.working.values()):
            bench.fill(order)
    assert (LegState.FLAT, (0, 0, 0, 0)) == (state(bench), held(bench))


def test_a_lost_order_is_reconciled_before_anything_else() -> None:
    """Nothing is ordered while its fate is unknown; then the facts decide."""
    bench = bench_of()
    bench.roll(FAR)
    bench.lose(bench.order(FAR))
    assert LegState.RECONCILING is state(bench)
    bench.fill(bench.order(NEAR))
    assert 1 == len(bench.orders.working)
    bench.prove_absent(bench.order(FAR))
    assert (LegState.UNWINDING, TEN) == (
        state(bench),
        bench.order(LEFT).intent.quantity,
    )


def test_a_venue_that_closes_meanwhile_leaves_the_roll_for_later() -> None:
    """Both orders refused and the venue down: the position stays, and can be rolled again."""
    bench = bench_of()
    bench.roll(FAR)
    bench.venue(NEAR, up=False, cause="market")
    bench.reject(bench.order(NEAR))
    bench.cancel(bench.order(FAR))
    assert (LegState.IN_POSITION, (TEN, -TEN, 0, 0)) == (state(bench), held(bench))
    bench.roll(FAR)
    assert "right is down or closed" in bench.manager.refusal
    bench.venue(NEAR, up=True, cause="market")
    bench.roll(FAR)
    assert "" == bench.manager.refusal
    assert 2 == len(bench.orders.working)


def test_both_legs_can_be_taken_away_in_a_roll() -> None:
    """The venues liquidate everything: nothing is left, and nothing is ordered."""
    bench = bench_of()
    bench.roll(FAR)
    bench.reject(bench.order(FAR))
    bench.book(bench.force(NEAR.id, Side.BUY, TEN))
    bench.book(bench.force(LEFT.id, Side.SELL, TEN))
    bench.cancel(bench.order(NEAR))
    assert (LegState.FLAT, (0, 0, 0, 0)) == (state(bench), held(bench))


def test_a_roll_that_cannot_be_is_refused() -> None:
    """Said in `refusal`, like a wish to open."""
    bench = PairBench(legs=(LEFT, NEAR), successors=(FAR, LAST))
    bench.roll(FAR)
    assert "flat cannot be rolled" in bench.manager.refusal
    bench = bench_of()
    bench.ask("roll", RollSpread(LEFT.id))
    assert "right:NEAR cannot be rolled into left:A" in bench.manager.refusal
    bench.roll(FAR)
    bench.fill(bench.order(NEAR))
    bench.fill(bench.order(FAR))
    bench.roll(NEAR)
    assert "right:FAR cannot be rolled into right:NEAR" in bench.manager.refusal
    bench.portfolio.marks.clear()
    bench.roll(LAST)
    assert "no price yet" in bench.manager.refusal
    bench.mark(LAST, "100")
    bench.roll(FAR)
    assert (LegState.IN_POSITION, {}) == (state(bench), dict(bench.orders.working))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"kind": InstrumentKind.PERPETUAL, "expiry_ns": None},
            "only a future is rolled into another one",
        ),
        ({"multiplier": Decimal(2)}, "they differ in multiplier"),
        ({"quote": "EUR"}, "they differ in quote"),
        ({"quantity_increment": Increment(Decimal(1))}, "they differ in quantity_increment"),
        ({"expiry_ns": NEAR.expiry_ns}, "right:FAR does not expire after right:NEAR"),
        ({"expiry_ns": None}, "does not expire after"),
    ],
)
def test_contracts_of_a_chain_are_alike(changes: dict[str, Any], message: str) -> None:
    """One of each stands for the same amount of the same base, and they expire in order."""
    other: Instrument = evolve(FAR, **changes)
    with pytest.raises(ConfigError, match=message):
        check_chain((NEAR, other))
    check_chain((NEAR,))


def test_a_roll_without_a_price_waits_for_another_time() -> None:
    """The grid leaves no limit price for the way out: the position stays as it is."""
    grid = Increment(Decimal(1_000))
    near, far = (evolve(each, price_increment=grid) for each in (NEAR, FAR))
    bench = PairBench(LegRules(orders=LegOrders.LIMIT), legs=(LEFT, near), successors=(far,))
    bench.open()
    bench.fill(bench.order(LEFT))
    bench.fill(bench.order(near))
    bench.roll(far)
    assert (LegState.IN_POSITION, {}) == (state(bench), dict(bench.orders.working))
