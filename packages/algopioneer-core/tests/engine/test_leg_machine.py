"""The leg manager between two venues that do everything venues do: what must hold always."""

import itertools
from decimal import Decimal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from algopioneer_core.domain.commands import Cancel, Halt, StrategyCommand
from algopioneer_core.domain.events import OrderCanceled, OrderCompleted, OrderFilled
from algopioneer_core.domain.fills import Fill, Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId, InstrumentKind
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.domain.money import ZERO, add, mul, sub, total
from algopioneer_core.domain.orders import Order, OrderIntent, OrderStatus
from algopioneer_core.domain.spreads import ShortMode
from algopioneer_core.engine.leg_rules import LatePolicy, LegOrders, LegRules
from algopioneer_core.engine.leg_states import LegState
from algopioneer_core.testing.legs import LEFT, RIGHT, PairBench, leg_instrument

NEAR, FAR = (
    leg_instrument("right", name, base="B", kind=InstrumentKind.FUTURE, expiry_ns=2**60 + number)
    for number, name in enumerate(("NEAR", "FAR"))
)
COARSE = leg_instrument("right", "B", fractionable=False, minimum_quantity=Decimal(2))
S = OrderStatus
legs = st.sampled_from((0, 1))
BOUND_S = 30
DELAY_S = 2
"""Within which healthy venues answer and fill."""
T2_ANSWERS = 4
"""A look-up, a cancel, and an order on each leg."""


def bench_held(bench: PairBench, instrument_id: InstrumentId) -> Decimal:
    """Return what is held of one instrument, unsigned."""
    return bench.portfolio.quantity(instrument_id).copy_abs()


class LegMachine(RuleBasedStateMachine):
    """
    The venues have their own truth: which orders live there, and which fills we have yet to hear.

    Each answer of the manager is also compared with that of a twin restored from its snapshot.
    """

    @initialize(
        orders=st.sampled_from(LegOrders),
        on_late=st.sampled_from(LatePolicy),
        pause=st.sampled_from((None, Decimal(0), Decimal(5))),
        mode=st.sampled_from((ShortMode.MARGIN, ShortMode.INVENTORY)),
        coarse=st.booleans(),
    )
    def begin(
        self,
        orders: LegOrders,
        on_late: LatePolicy,
        pause: Decimal | None,
        mode: ShortMode,
        coarse: bool,
    ) -> None:
        rules = LegRules(
            orders=orders,
            on_late=on_late,
            pause_s=pause,
            short_mode=mode,
            max_residual_s=Decimal(BOUND_S),
            max_attempts=4,
        )
        self.prepare(rules, (LEFT, COARSE if coarse else RIGHT))

    def prepare(
        self,
        rules: LegRules,
        pair: tuple[Instrument, Instrument],
        successors: tuple[Instrument, ...] = (),
    ) -> None:
        """Set up the bench and the venues' own truth."""
        self.pair = pair
        self.inventory = {each.id: Decimal(12) for each in self.pair}
        self.bench = PairBench(rules, legs=pair, inventory=self.inventory, successors=successors)
        self.bench.before = self.judge
        self.limit = rules.max_residual_fraction
        self.alive: dict[str, None] = {}
        """Orders that live at their venue; what is lost on the way there is not among them."""
        self.seen: set[str] = set()
        self.unheard: list[Fill] = []
        self.heard: list[Fill] = []
        self.counted = {each.id: ZERO for each in (*pair, *successors)}
        self.disturbed = False
        """Whether a venue did more than we asked for, or a fill came after its order's end."""
        self.stopped = False
        self.quiet_since: int | None = None
        """Since when the legs are uneven and no correction went out."""
        self.late_timers = False
        self.is_halted = False
        """Whether the pair was halted when it was looked at last, or since."""

    # --- judging every wish --------------------------------------------------------------------

    def judge(self, wish: StrategyCommand) -> None:
        """Look at what the manager wants, before it is carried out."""
        if isinstance(wish, Halt):
            self.judge_halt(wish)
        if isinstance(wish, Cancel):
            assert self.bench.orders.get(wish.client_order_id).status.is_working
            self.quiet_since = None if self.quiet_since is None else self.bench.now_ns
        if isinstance(wish, OrderIntent):
            self.judge_order(wish)

    def judge_halt(self, halt: Halt) -> None:
        """An alert holds the residual and every live order."""
        self.is_halted = True
        assert "residual between" in halt.reason
        assert all(each in halt.reason for each in self.bench.orders.working)
        assert self.bench.manager.state is LegState.HALTED

    def judge_order(self, intent: OrderIntent) -> None:
        """Nothing on an unknown leg, nothing that raises the residual, nothing too large."""
        facts, manager = self.bench.facts, self.bench.manager
        asked = intent.instrument_id
        leg = next(
            each for each in facts.legs if asked == each.instrument.id or asked in dict(each.parts)
        )
        quantity = intent.quantity
        assert quantity is not None
        assert not self.orders_with(S.UNKNOWN)
        assert (
            leg.instrument.whole_quantity(quantity) == quantity >= leg.instrument.minimum_quantity
        )
        towards = intent.side is (Side.BUY if leg.target > 0 else Side.SELL)
        after = facts.with_order(leg, quantity, towards=towards)
        if manager.deadline_ns is not None:
            assert after.residual_high <= facts.residual_high
        if intent.reduce_only:
            against = leg.opening if leg.fraction < 0 else leg.closing
            assert quantity <= bench_held(self.bench, asked)
            if not leg.parts or not self.disturbed:
                assert add(against, quantity) <= leg.held.copy_abs()
                assert towards == (leg.fraction < 0)
        else:
            assert manager.state in (LegState.ENTERING, LegState.ROLLING)
            assert asked == leg.instrument.id
            assert not manager.blocked
            assert not self.stopped
        if not self.disturbed:
            assert after.residual_high <= 1
        if not self.disturbed and self.bench.rules.short_mode is ShortMode.INVENTORY:
            sold = leg.opening if leg.target < 0 else leg.closing
            if intent.side is Side.SELL:
                sold = add(sold, quantity)
            assert sold <= add(self.inventory[intent.instrument_id], leg.held)
        if not self.bench.denials.get(asked):  # what our own gate refuses is no correction
            self.quiet_since = None if self.quiet_since is None else self.bench.now_ns

    # --- what is wanted ------------------------------------------------------------------------

    @rule(notional=st.sampled_from((500, 1_999, 2_400)), sell_first=st.booleans())
    def open(self, notional: int, sell_first: bool) -> None:
        bench = self.bench
        if bench.manager.state is LegState.FLAT and not bench.orders.working:
            self.stopped = False
        may_open = bench.manager.state is LegState.FLAT and not bench.manager.blocked
        before = len(bench.wishes)
        bench.open(notional, sell_first=sell_first)
        if not may_open:
            assert not any(isinstance(each, OrderIntent) for each in bench.wishes[before:])

    @precondition(lambda self: self.bench.manager.state is LegState.FLAT)
    @rule(sell_first=st.booleans())
    def enter(self, sell_first: bool) -> None:
        self.open(2_400, sell_first)
        for _ in range(3):
            self.all_goes_well()

    @precondition(lambda self: self.alive)
    @rule()
    def all_goes_well(self) -> None:
        self.orders_arrive()
        self.venues_answer()

    @precondition(lambda self: self.bench.manager.state is LegState.IN_POSITION)
    @rule()
    def leave(self) -> None:
        self.close(stop=False)

    @rule(stop=st.booleans())
    def close(self, stop: bool) -> None:
        self.bench.close(stop=stop)
        self.stopped = self.stopped or not self.bench.manager.is_idle

    @rule()
    def stop_entering(self) -> None:
        self.stopped = self.stopped or self.bench.manager.state is LegState.ENTERING
        self.bench.ask("stop_entering")

    @rule()
    def resume(self) -> None:
        self.bench.ask("resume")

    # --- what the venues do --------------------------------------------------------------------

    def orders_with(self, *statuses: OrderStatus) -> list[Order]:
        """Return working orders, of these statuses when any are named."""
        working = self.bench.orders.working.values()
        return [each for each in working if not statuses or each.status in statuses]

    @invariant()
    def orders_arrive(self) -> None:
        for each in self.bench.orders.working:
            if each not in self.seen:
                self.seen.add(each)
                self.alive[each] = None

    @precondition(lambda self: self.alive)
    @rule(data=st.data())
    def accept(self, data: st.DataObject) -> None:
        self.bench.accept(self.pick_alive(data))

    @precondition(lambda self: self.alive)
    @rule(data=st.data(), part=st.sampled_from((1, 1, 1, 2, 3, 7)), heard=st.booleans())
    def execute(self, data: st.DataObject, part: int, heard: bool) -> None:
        order = self.pick_alive(data)
        left = self.remaining(order)
        instrument = self.bench.portfolio.instruments[order.intent.instrument_id]
        some = instrument.whole_quantity(mul(left, Decimal(1) if part == 1 else Decimal("0.25")))
        fill = self.bench.make_fill(order, some or left)
        if fill.quantity == left:
            del self.alive[order.client_order_id]
        self.unheard.append(fill)
        if heard:
            self.deliver(self.unheard.index(fill))

    def remaining(self, order: Order) -> Decimal:
        """Return what is left at the venue, where unheard fills count."""
        unheard = (e.quantity for e in self.unheard if e.client_order_id == order.client_order_id)
        return sub(order.remaining_quantity or ZERO, total(*unheard))

    def deliver(self, index: int) -> None:
        """Let us hear a fill."""
        fill = self.unheard.pop(index)
        if not self.bench.orders.get(fill.client_order_id).status.is_working:
            self.disturbed = True  # after a cancel: what was missing may have been ordered again
        self.count(fill)
        self.heard.append(fill)
        self.bench.hear(OrderFilled(fill))

    def count(self, fill: Fill) -> None:
        """Keep a position of our own."""
        self.counted[fill.instrument_id] = add(
            self.counted[fill.instrument_id], fill.signed_quantity
        )

    @precondition(lambda self: self.unheard)
    @rule(data=st.data())
    def deliver_any(self, data: st.DataObject) -> None:
        self.deliver(data.draw(st.integers(0, len(self.unheard) - 1)))

    @precondition(lambda self: self.heard)
    @rule(data=st.data())
    def deliver_again(self, data: st.DataObject) -> None:
        self.bench.hear(OrderFilled(data.draw(st.sampled_from(self.heard))))

    @precondition(lambda self: self.alive)
    @rule(data=st.data())
    def reject(self, data: st.DataObject) -> None:
        order = self.pick_alive(data)
        del self.alive[order.client_order_id]
        self.bench.reject(order)

    @precondition(lambda self: self.orders_with(S.PENDING_CANCEL))
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        order = data.draw(st.sampled_from(self.orders_with(S.PENDING_CANCEL)))
        self.alive.pop(order.client_order_id, None)
        self.bench.cancel(order)

    @precondition(lambda self: self.orders_with(S.PENDING_CANCEL))
    @rule(data=st.data())
    def refuse_cancel(self, data: st.DataObject) -> None:
        self.bench.refuse_cancel(data.draw(st.sampled_from(self.orders_with(S.PENDING_CANCEL))))

    @precondition(lambda self: self.orders_with())
    @rule(data=st.data(), arrived=st.booleans())
    def lose(self, data: st.DataObject, arrived: bool) -> None:
        order = data.draw(st.sampled_from(self.orders_with()))
        never_shown = order.status is S.PENDING and self.remaining(order) == order.intent.quantity
        if not arrived and never_shown:
            self.alive.pop(order.client_order_id, None)
        self.bench.lose(order)

    @precondition(lambda self: self.orders_with(S.UNKNOWN))
    @rule(data=st.data())
    def look_up(self, data: st.DataObject) -> None:
        self.answer(data.draw(st.sampled_from(self.orders_with(S.UNKNOWN))))

    def answer(self, order: Order) -> None:
        """Tell what became of an order of unknown fate; its fills first."""
        bench, key = self.bench, order.client_order_id
        for fill in [each for each in self.unheard if each.client_order_id == key]:
            self.deliver(self.unheard.index(fill))
        order = bench.orders.get(key)
        if not order.status.is_working:
            return
        if key in self.alive:
            bench.accept(order)
        elif not order.filled_quantity:
            bench.prove_absent(order)
        elif order.remaining_quantity:
            bench.hear(OrderCanceled(key, bench.now_ns))
        else:
            bench.hear(OrderCompleted(key, bench.now_ns))

    def pick_alive(self, data: st.DataObject) -> Order:
        """Return one of the orders that live at their venue."""
        return self.bench.orders.get(data.draw(st.sampled_from(list(self.alive))))

    # --- what venues should not do ---------------------------------------------------------------

    @precondition(lambda self: self.heard)
    @rule(data=st.data())
    def overfill(self, data: st.DataObject) -> None:
        fill = data.draw(st.sampled_from(self.heard))
        self.disturbed = True
        again = self.bench.make_fill(self.bench.orders.get(fill.client_order_id), fill.quantity)
        self.alive.pop(fill.client_order_id, None)
        self.unheard = [
            each for each in self.unheard if each.client_order_id != fill.client_order_id
        ]
        self.count(again)
        self.bench.hear(OrderFilled(again, complete=True))

    @rule(leg=legs, half=st.booleans())
    def liquidate(self, leg: int, half: bool) -> None:
        self.force_out(self.pair[leg], self.bench.held[leg], half)

    def force_out(self, instrument: Instrument, held: Decimal, half: bool) -> None:
        """Let a venue liquidate what is held, or a half of it."""
        quantity = instrument.whole_quantity(mul(held, Decimal("0.5")) if half else held)
        if quantity:
            self.disturbed = True
            side = Side.SELL if held > 0 else Side.BUY
            fill = self.bench.force(instrument.id, side, quantity.copy_abs())
            self.count(fill)
            self.bench.book(fill)

    @precondition(lambda self: self.heard)
    @rule(data=st.data())
    def bust(self, data: st.DataObject) -> None:
        fill = self.heard.pop(data.draw(st.integers(0, len(self.heard) - 1)))
        counted = self.bench.orders.bust(fill)
        if counted is not None:
            self.disturbed = True
            self.counted[fill.instrument_id] = sub(
                self.counted[fill.instrument_id], fill.signed_quantity
            )
            self.bench.portfolio.undo(counted, self.bench.now_ns, "bust")
            self.bench.ask("review")

    # --- the world -------------------------------------------------------------------------------

    @rule(leg=legs, up=st.booleans(), cause=st.sampled_from(("feed", "market")))
    def venue(self, leg: int, up: bool, cause: str) -> None:
        self.bench.venue(self.pair[leg], up=up, cause=cause)

    @rule(leg=legs, price=st.sampled_from(("90", "100", "115.5")))
    def move_price(self, leg: int, price: str) -> None:
        self.bench.mark(self.pair[leg], price)
        self.bench.ask("review")

    @rule(leg=legs, count=st.integers(0, 6))
    def deny(self, leg: int, count: int) -> None:
        self.bench.denials[self.pair[leg].id] = count

    @rule(seconds=st.sampled_from((1, 3, 7, 11, 31)))
    def wait(self, seconds: int) -> None:
        for _ in range(seconds):
            self.bench.wait(1)
            self.corrected_in_time()
        self.late_timers = False

    @rule(seconds=st.sampled_from((1, 9, 40)))
    def wait_without_timers(self, seconds: int) -> None:
        self.late_timers = True
        self.bench.wait(seconds, timers=False)

    @rule()
    def fire_early(self) -> None:
        self.bench.fire()

    @rule()
    def restart(self) -> None:
        self.bench.restart()

    # --- what must hold --------------------------------------------------------------------------

    @invariant()
    def corrected_in_time(self) -> None:
        bench, facts = self.bench, self.bench.manager.facts()
        was_halted, self.is_halted = self.is_halted, bench.manager.state is LegState.HALTED
        if facts is None or not facts.is_uneven(self.limit):
            self.quiet_since = None
            return
        is_resumed = was_halted and not self.is_halted  # who lifts a halt has the whole time again
        if self.quiet_since is None or self.late_timers or is_resumed:
            self.quiet_since = bench.now_ns
        if bench.now_ns - self.quiet_since > BOUND_S * NS_PER_SECOND:
            assert bench.manager.state is LegState.HALTED
            assert bench.halts

    @invariant()
    def position_equals_fills(self) -> None:
        held = {each: self.bench.portfolio.quantity(each) for each in self.counted}
        assert self.counted == held

    # --- the end: everything works again ---------------------------------------------------------

    def teardown(self) -> None:
        """Both venues recover: the legs are even within T2, and the spread comes to rest."""
        if not hasattr(self, "bench"):
            return
        bench = self.bench
        self.orders_arrive()
        bench.denials.clear()
        for leg, cause in itertools.product(self.pair, ("feed", "market")):
            bench.venue(leg, up=True, cause=cause)
        for _ in range(len(self.unheard)):
            self.deliver(0)
        bench.ask("resume")
        facts = bench.manager.facts()
        if facts is None:
            return
        uneven = []
        for _ in range(4 * T2_ANSWERS):
            uneven.append(bench.facts.is_uneven(self.limit))
            self.venues_answer()
        uneven.append(bench.facts.is_uneven(self.limit))
        if not self.disturbed:
            assert not all(uneven[: T2_ANSWERS + 1])
        assert bench.manager.is_idle or bench.manager.blocked, bench.manager.state
        assert not bench.orders.working

    def venues_answer(self) -> None:
        """Let time pass in which both venues answer and fill everything."""
        bench = self.bench
        bench.wait(DELAY_S)
        for _ in range(len(self.unheard)):
            self.deliver(0)
        for order in self.orders_with():
            self.orders_arrive()
            order = bench.orders.get(order.client_order_id)
            if order.status is S.UNKNOWN:
                self.answer(order)
            elif order.status is S.PENDING_CANCEL or order.client_order_id not in self.alive:
                self.alive.pop(order.client_order_id, None)
                bench.cancel(order)
            elif order.status.is_working:
                self.alive.pop(order.client_order_id, None)
                self.count(bench.fill(order))


class RollMachine(LegMachine):
    """The same with a second leg that can be rolled, from near to far, at any time."""

    @initialize(orders=st.sampled_from(LegOrders), on_late=st.sampled_from(LatePolicy))
    def begin(self, orders: LegOrders, on_late: LatePolicy) -> None:
        self.prepare(
            LegRules(
                orders=orders,
                on_late=on_late,
                max_residual_s=Decimal(BOUND_S),
                max_attempts=4,
            ),
            (LEFT, NEAR),
            (FAR,),
        )

    @precondition(lambda self: self.bench.manager.state is LegState.IN_POSITION)
    @rule(well=st.booleans())
    def roll(self, well: bool) -> None:
        self.bench.roll(FAR)
        for _ in range(3 if well else 0):
            self.all_goes_well()

    @rule(leg=st.sampled_from((LEFT, NEAR, FAR)), half=st.booleans())
    def liquidate(self, leg: Instrument, half: bool) -> None:
        self.force_out(leg, self.bench.portfolio.quantity(leg.id), half)

    @invariant()
    def nothing_is_forgotten(self) -> None:
        if self.bench.manager.state is LegState.FLAT:
            assert not any(self.counted.values())

    def teardown(self) -> None:
        super().teardown()
        state = self.bench.manager.state if hasattr(self, "bench") else None
        if state is LegState.IN_POSITION and not self.disturbed:
            self.bench.roll(FAR)
            for _ in range(4):
                self.orders_arrive()
                self.venues_answer()
            assert self.bench.manager.state is LegState.IN_POSITION
            assert not self.counted[NEAR.id]


@pytest.mark.slow
def test_no_order_of_events_breaks_the_rules_of_a_roll() -> None:
    """Nor does a contract that is left behind: what is held of the chain is one leg."""
    run_state_machine_as_test(
        RollMachine, settings=settings(max_examples=50, stateful_step_count=40, deadline=None)
    )


@pytest.mark.slow
def test_no_order_of_events_breaks_the_rules_of_the_legs() -> None:
    """Safety always, a correction by the deadline, and rest once the venues work again."""
    run_state_machine_as_test(
        LegMachine, settings=settings(max_examples=50, stateful_step_count=40, deadline=None)
    )
