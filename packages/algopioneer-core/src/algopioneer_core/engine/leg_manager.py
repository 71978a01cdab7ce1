"""
The leg manager: a spread is one position, whatever happens to its two orders.

It keeps almost nothing in mind. What is held comes from the portfolio, what is on its way from the
order manager; `leg_facts` turns both into fractions of the target, and `review` - called after
every report, timer and change of a venue - asks what is true now and orders what is missing. So a
partial fill, a reject, a fill after a cancel and a restart are all the same case.

The rules that hold whatever happens (SEMANTICS, legs and residual):

- While the residual is above its limit, no order is made that could raise it.
- What is out to close plus what has closed never exceeds what must be closed.
- While the fate of an order is unknown, nothing is ordered on either leg.
- A correction is on the wire by the deadline, or the pair is halted with an alert that says how
  large the residual may be and which orders are alive.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

from algopioneer_core.domain.commands import Cancel, CloseSpread, Halt, OpenSpread, StrategyCommand
from algopioneer_core.domain.errors import IllegalTransition, RefusedError
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.money import ZERO, Money, Quantity, divide_half_even
from algopioneer_core.domain.orders import OrderStatus
from algopioneer_core.engine.leg_clock import LegClock, nanoseconds
from algopioneer_core.engine.leg_entry import plan_entry
from algopioneer_core.engine.leg_facts import LegFacts, SpreadFacts, spread_facts
from algopioneer_core.engine.leg_guards import exit_problem
from algopioneer_core.engine.leg_orders import (
    LegOrderMaker,
    missing_quantity,
    raises_residual,
    trim_quantity,
)
from algopioneer_core.engine.leg_rules import LatePolicy, LegRules
from algopioneer_core.engine.leg_states import LEG_TRANSITIONS, LegState, LegTrigger
from algopioneer_core.engine.order_manager import OrderManager
from algopioneer_core.engine.portfolio import Portfolio

__all__ = ["LegManager"]

Wishes = list[StrategyCommand]


class LegManager:
    """
    Works the spreads of one strategy, one at a time.

    Args:
        legs: The strategy's first and second instrument.
        portfolio: The strategy's books.
        orders: The strategy's orders.
        rules: Bounds, patience, order style and guards.
        inventory: Holdings set aside for legs that are sold out of inventory.
    """

    def __init__(
        self,
        legs: tuple[Instrument, Instrument],
        portfolio: Portfolio,
        orders: OrderManager,
        rules: LegRules,
        inventory: Mapping[InstrumentId, Quantity] | None = None,
    ) -> None:
        self._inventory = dict(inventory or {})
        self._legs = legs
        self._portfolio = portfolio
        self._orders = orders
        self._rules = rules
        self._maker = LegOrderMaker(portfolio, rules)
        self._clock = LegClock(rules)
        self._targets: dict[InstrumentId, Quantity] = {}
        self._leg_notional = Fraction(0)
        self._wanted = False  # whether the spread is to be held, once it is open
        self._reason = "signal"
        self._attempt = 0  # how aggressive the next order is
        self._correcting = False  # whether a correction has been ordered in this phase
        self._second: InstrumentId | None = None  # the leg that waits for the pause
        self._down: dict[str, None] = {}
        self._entered_ns = 0
        self._ended_ns: int | None = None
        self.state = LegState.FLAT
        """Where the spread is in its life. Read only."""
        self.blocked = ""
        """Why no new spread may be opened until `resume`; empty when one may. Read only."""
        self.refusal = ""
        """Why the last wish to open or close was not followed; empty when it was. Read only."""
        self._steps: Mapping[LegState, Callable[[SpreadFacts, int], Wishes]] = {
            LegState.FLAT: self._review_idle,
            LegState.IN_POSITION: self._review_idle,
            LegState.ENTERING: self._review_entering,
            LegState.EXITING: self._review_exiting,
            LegState.UNWINDING: self._review_unwinding,
            LegState.RECONCILING: self._review_reconciling,
            LegState.HALTED: self._review_halted,
        }

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way, so that market data need not be looked at."""
        return self.state is LegState.FLAT or self.state is LegState.IN_POSITION

    # --- what is wanted ----------------------------------------------------------------------

    def open(self, wish: OpenSpread, now_ns: int) -> Sequence[StrategyCommand]:
        """
        Return the orders that open a spread; none when it may not be opened (see `refusal`).
        """
        if self.state is not LegState.FLAT or self.blocked or self._orders.working:
            self.refusal = self.blocked or f"a spread is {self.state.value}"
            return ()
        try:
            plan = plan_entry(
                wish,
                self._legs,
                self._portfolio,
                self._rules,
                self._inventory,
                self._down,
                now_ns,
                self._ended_ns,
            )
        except RefusedError as problem:
            self.refusal = str(problem)
            return ()
        self._targets, self._leg_notional = plan
        self._wanted, self._reason, self.refusal = True, wish.reason, ""
        self._new_phase()
        self._go(LegTrigger.OPEN)
        return self._send_entry(now_ns)

    def close(self, wish: CloseSpread, now_ns: int) -> Sequence[StrategyCommand]:
        """Return the orders that close the spread; none when there is nothing to close."""
        self.refusal = ""
        if self.state is LegState.IN_POSITION and not wish.stop:
            self.refusal = exit_problem(self._rules, now_ns, self._entered_ns)
        if self.refusal or self.state is LegState.FLAT:
            return ()
        self._wanted, self._reason = False, wish.reason
        if self.state in (LegState.IN_POSITION, LegState.ENTERING):
            self._go(LegTrigger.CLOSE)
            self._new_phase()
        return self.review(now_ns)

    def stop_entering(self, now_ns: int) -> Sequence[StrategyCommand]:
        """Return what gives up a spread that is not yet complete: it is unwound, not completed."""
        if self.state is not LegState.ENTERING:
            return ()
        return self.close(CloseSpread("halted", stop=True), now_ns)

    def resume(self, now_ns: int) -> Sequence[StrategyCommand]:
        """Allow new spreads again, and try once more to put right what could not be."""
        self.blocked = ""
        if self.state is LegState.HALTED:
            if self._facts().is_empty and not self._facts().live:
                self._go(LegTrigger.RESUME)
                return ()
            self._new_phase()
        return self.review(now_ns)

    def venue_changed(self, venue: str, now_ns: int, *, up: bool) -> Sequence[StrategyCommand]:
        """Take note that a venue was lost, closed, found or opened; return what is to be done."""
        if not up:
            self._down[venue] = None
            return self.review(now_ns)
        self._down.pop(venue, None)
        if self.state is LegState.HALTED:
            self._new_phase()
        return self.review(now_ns)

    # --- one look at the facts ---------------------------------------------------------------

    def review(self, now_ns: int) -> Sequence[StrategyCommand]:
        """Return what is to be done, given what is true now; nothing most of the time."""
        if not self._targets:
            return ()
        facts = self._facts()
        self._clock.watch(uneven=self._is_uneven(facts), now_ns=now_ns)
        wishes = self._steps[self.state](facts, now_ns)
        if not self.is_idle:
            wishes.extend(self._clock.next_timer(now_ns))
        return wishes

    def _review_idle(self, facts: SpreadFacts, now_ns: int) -> Wishes:
        if self.state is LegState.IN_POSITION and facts.is_empty:
            return self._end(now_ns)
        expected = self.state is LegState.IN_POSITION and not self._is_uneven(facts)
        if expected or facts.is_empty:
            return []
        # A late fill, a liquidation, a busted trade: what is there is not what should be.
        self._new_phase()
        return self._move(LegTrigger.UNEVEN, facts, now_ns)

    def _review_entering(self, facts: SpreadFacts, now_ns: int) -> Wishes:
        if facts.unknown:
            return self._move(LegTrigger.LOSE, facts, now_ns)
        if facts.live:
            failed = [each for each in facts.legs if self._has_failed(each)]
            return self._wait(facts, now_ns, give_up=bool(failed))
        if facts.is_empty:
            return self._end(now_ns)
        if self._second is not None:
            return self._send_second(facts, now_ns)
        if not self._is_uneven(facts) and facts.both_held:
            return self._arrive(now_ns)
        if self._rules.on_late is LatePolicy.COMPLETE:
            larger, smaller = facts.by_size
            missing = missing_quantity(smaller, larger)
            wishes = self._try(facts, smaller, missing, now_ns, opens=True) if missing else []
            if wishes:
                return wishes
        return self._move(LegTrigger.UNEVEN, facts, now_ns)

    def _review_exiting(self, facts: SpreadFacts, now_ns: int) -> Wishes:
        if facts.unknown:
            return self._move(LegTrigger.LOSE, facts, now_ns)
        if not facts.live:
            if facts.is_empty:
                return self._end(now_ns)
            if self._attempt and self._is_uneven(facts):
                return self._move(LegTrigger.UNEVEN, facts, now_ns)
            return self._close_both(facts, now_ns)
        wishes = self._wait(facts, now_ns, give_up=any(each.is_opening for each in facts.legs))
        for leg, other in (facts.legs, facts.legs[::-1]):
            # One leg's order was refused: its own correction cannot make things worse.
            if leg.held and not leg.live and leg.fraction >= other.highest and not wishes:
                wishes.extend(self._try(facts, leg, leg.held.copy_abs(), now_ns))
        return wishes

    def _review_unwinding(self, facts: SpreadFacts, now_ns: int) -> Wishes:
        if facts.unknown:
            return self._move(LegTrigger.LOSE, facts, now_ns)
        if facts.live:
            return self._wait(facts, now_ns, give_up=any(each.is_opening for each in facts.legs))
        if facts.is_empty:
            return self._end(now_ns)
        if not self._is_uneven(facts):
            if self._wanted and facts.both_held:
                return self._arrive(now_ns)
            self._wanted = False
            return self._move(LegTrigger.CLOSE, facts, now_ns)
        larger, smaller = facts.by_size
        wishes = self._try(facts, larger, trim_quantity(larger, smaller), now_ns)
        if wishes or self._may_still_come(larger, now_ns):
            return wishes
        return self._stick(facts, "the larger leg cannot be cut back")

    def _review_reconciling(self, facts: SpreadFacts, now_ns: int) -> Wishes:
        if not facts.unknown:
            return self._move(LegTrigger.RECOVER, facts, now_ns)
        if self._clock.overdue(now_ns):
            return self._stick(facts, "the fate of an order is not known")
        known = [each for each in facts.live if each not in facts.unknown]
        return self._cancel(known) if self._clock.out_of_patience(now_ns) else []

    def _review_halted(self, facts: SpreadFacts, now_ns: int) -> Wishes:
        larger, _ = facts.by_size
        blocked = facts.unknown or facts.live or larger.instrument.id.venue in self._down
        if blocked or not (facts.is_empty or self._maker.can_try(self._attempt)):
            return []
        self._clock.deadline_ns = None
        return self._move(LegTrigger.RECOVER, facts, now_ns)

    # --- what is done about it ---------------------------------------------------------------

    def _wait(self, facts: SpreadFacts, now_ns: int, *, give_up: bool) -> Wishes:
        """Let the live orders work; take them back when they have failed or taken too long."""
        if self._clock.overdue(now_ns) and not self._correcting:
            return self._stick(facts, "no correction was possible in time")
        if give_up or self._clock.out_of_patience(now_ns):
            return self._cancel(facts.live)
        return []

    def _try(
        self,
        facts: SpreadFacts,
        leg: LegFacts,
        quantity: Quantity,
        now_ns: int,
        *,
        opens: bool = False,
    ) -> Wishes:
        """Return one more aggressive order on one leg; nothing when none is possible or safe."""
        sizes = (quantity, ZERO) if opens else (ZERO, quantity)
        if (
            not quantity
            or not self._maker.can_try(self._attempt)
            or leg.instrument.id.venue in self._down
            or raises_residual(facts.legs, leg, *sizes)
        ):
            return []
        make = self._maker.opening if opens else self._maker.closing
        order = make(leg, quantity, self._attempt, self._reason)
        if order is None:
            return []
        self._attempt += 1
        self._correcting = True
        self._clock.ordered(now_ns)
        return [order]

    def _may_still_come(self, leg: LegFacts, now_ns: int) -> bool:
        """Return whether a lost venue may come back before the deadline."""
        return leg.instrument.id.venue in self._down and not self._clock.overdue(now_ns)

    def _close_both(self, facts: SpreadFacts, now_ns: int) -> Wishes:
        """Order both legs closed; they are even, so neither is left behind on purpose."""
        if not self._maker.can_try(self._attempt):
            return self._stick(facts, "the legs cannot be closed")
        orders = [
            self._maker.closing(each, each.held.copy_abs(), self._attempt, self._reason)
            for each in facts.legs
            if each.held
        ]
        self._attempt += 1
        self._clock.ordered(now_ns)
        return [each for each in orders if each is not None]

    def _cancel(self, live: Sequence[str]) -> Wishes:
        orders = (self._orders.get(each) for each in live)
        return [
            Cancel(each.client_order_id)
            for each in orders
            if each.status not in (OrderStatus.PENDING_CANCEL, OrderStatus.UNKNOWN)
        ]

    def _send_entry(self, now_ns: int) -> Wishes:
        facts = self._facts()
        self._clock.ordered(now_ns)
        pause = self._rules.pause_s is not None
        legs = facts.legs[:1] if pause else facts.legs
        self._second = facts.second.instrument.id if pause else None
        orders = [
            self._maker.opening(each, each.target.copy_abs(), 0, self._reason) for each in legs
        ]
        self._attempt = 1
        return [each for each in orders if each is not None]

    def _send_second(self, facts: SpreadFacts, now_ns: int) -> Wishes:
        """Send the second leg once the pause after the first leg's fill is over."""
        if self._clock.pause_until_ns is None:
            assert self._rules.pause_s is not None
            self._clock.pause_until_ns = now_ns + nanoseconds(self._rules.pause_s)
        if now_ns < self._clock.pause_until_ns:
            return []
        self._second = self._clock.pause_until_ns = None
        missing = missing_quantity(facts.second, facts.first)
        order = self._maker.opening(facts.second, missing, 0, self._reason) if missing else None
        self._clock.ordered(now_ns)
        return [order] if order else self._review_entering(facts, now_ns)

    # --- where it leads ----------------------------------------------------------------------

    def _go(self, trigger: LegTrigger) -> None:
        after = LEG_TRANSITIONS.get((self.state, trigger))
        if after is None:
            raise IllegalTransition(
                f"{trigger.value} cannot happen to a spread that is {self.state.value}",
                where=" / ".join(self._targets),
            )
        self.state = after

    def _move(self, trigger: LegTrigger, facts: SpreadFacts, now_ns: int) -> Wishes:
        """Go where *trigger* leads, and do what is to be done there."""
        self._go(trigger)
        return self._steps[self.state](facts, now_ns)

    def _arrive(self, now_ns: int) -> Wishes:
        self._go(LegTrigger.COMPLETE)
        self._entered_ns = now_ns
        self._new_phase()
        return []

    def _end(self, now_ns: int) -> Wishes:
        self._go(LegTrigger.EMPTY)
        self._ended_ns = now_ns
        self._wanted, self._second = False, None
        self._new_phase()
        return []

    def _stick(self, facts: SpreadFacts, why: str) -> Wishes:
        """Halt the pair, and say how uneven it may be and which orders are alive."""
        self._go(LegTrigger.STUCK)
        self._wanted = False
        low, high = (
            _money(part * self._leg_notional) for part in (facts.residual_low, facts.residual_high)
        )
        live = ", ".join(facts.live) or "none"
        self.blocked = f"{why}; residual between {low} and {high}; live orders: {live}"
        return [Halt(self.blocked)]

    def _new_phase(self) -> None:
        self._attempt, self._correcting = 0, False
        self._clock.reset()

    # --- reading -----------------------------------------------------------------------------

    def _facts(self) -> SpreadFacts:
        return spread_facts(self._legs, self._targets, self._portfolio, self._orders)

    def _is_uneven(self, facts: SpreadFacts) -> bool:
        return facts.residual_high > Fraction(self._rules.max_residual_fraction)

    def _has_failed(self, leg: LegFacts) -> bool:
        """Return whether an opening leg has no order left although it is not full."""
        return not leg.live and leg.fraction < 1 and leg.instrument.id != self._second


def _money(amount: Fraction) -> Money:
    """Return *amount* rounded half to even at two decimals, for a message."""
    return divide_half_even(Decimal(amount.numerator), Decimal(amount.denominator), places=2)
