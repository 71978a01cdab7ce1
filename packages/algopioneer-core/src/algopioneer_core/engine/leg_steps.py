"""
What is done in each state of a spread: one look at the facts, one answer.

Each handler asks what is true now, and either orders what is missing or says where that leads.
None remembers what it did before, except how many attempts were made and until when to wait.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Final

from algopioneer_core.domain.commands import Halt
from algopioneer_core.domain.errors import IllegalTransition
from algopioneer_core.domain.money import Money, divide_half_even
from algopioneer_core.engine.leg_clock import LegClock
from algopioneer_core.engine.leg_facts import LegFacts, SpreadFacts
from algopioneer_core.engine.leg_rules import LatePolicy, LegRules
from algopioneer_core.engine.leg_states import LEG_TRANSITIONS, LegState, LegTrigger
from algopioneer_core.engine.leg_trader import LegTrader, Wishes
from algopioneer_core.engine.leg_work import SpreadWork

__all__ = ["LegSteps"]

_ENOUGH: Final = 2
"""Orders for a late leg, the first included, after which a whole deadline ends its completion."""
_FLAT: Final = LegState.FLAT
_IN_POSITION: Final = LegState.IN_POSITION


class LegSteps:
    """
    Brings one strategy's spread from state to state.

    Args:
        rules: Bounds, and what is done about a late leg.
        clock: Deadlines.
        trader: Makes the orders.
    """

    def __init__(self, rules: LegRules, clock: LegClock, trader: LegTrader) -> None:
        self._limit = rules.max_residual_fraction
        self._completes = rules.on_late is LatePolicy.COMPLETE
        self._clock = clock
        self._trader = trader
        self._steps: Mapping[LegState, Callable[[SpreadFacts, SpreadWork, int], Wishes]] = {
            LegState.FLAT: self._flat,
            LegState.IN_POSITION: self._in_position,
            LegState.ENTERING: self._entering,
            LegState.ROLLING: self._rolling,
            LegState.EXITING: self._exiting,
            LegState.UNWINDING: self._unwinding,
            LegState.RECONCILING: self._reconciling,
            LegState.HALTED: self._halted,
        }

    def review(self, facts: SpreadFacts, work: SpreadWork, now_ns: int) -> Wishes:
        """Return what is to be done now, given what is true; nothing most of the time."""
        self._clock.watch(now_ns, uneven=facts.is_uneven(self._limit), live=facts.live)
        wishes = self._steps[work.state](facts, work, now_ns)
        state = work.state
        if state is not _FLAT and state is not _IN_POSITION:
            wishes.extend(self._clock.next_timer(now_ns))
        return wishes

    def go(self, trigger: LegTrigger, work: SpreadWork) -> None:
        """
        Take the state where *trigger* leads.

        Raises:
            IllegalTransition: The table has no row for it.
        """
        after = LEG_TRANSITIONS.get((work.state, trigger))
        if after is None:
            raise IllegalTransition(
                f"{trigger.value} cannot happen to a spread that is {work.state.value}",
                where=" / ".join(work.targets),
            )
        work.state = after
        if after is not LegState.ENTERING:
            work.waiting = False

    def new_phase(self, work: SpreadWork) -> None:
        """Begin with the first attempt and whole deadlines."""
        work.begin_attempts()
        self._clock.reset()

    def try_anew(self, work: SpreadWork) -> None:
        """Begin with the first attempt, at once; deadlines go on."""
        work.begin_attempts()
        self._clock.at_once()

    # --- nothing under way -------------------------------------------------------------------

    def _flat(self, facts: SpreadFacts, work: SpreadWork, now_ns: int) -> Wishes:
        if facts.unknown:
            return self._disturbed(LegTrigger.LOSE, facts, work, now_ns)
        if facts.is_empty and not facts.is_uneven(self._limit):
            return []
        return self._disturbed(LegTrigger.UNEVEN, facts, work, now_ns)

    def _in_position(self, facts: SpreadFacts, work: SpreadWork, now_ns: int) -> Wishes:
        if facts.unknown:
            return self._disturbed(LegTrigger.LOSE, facts, work, now_ns)
        if self._is_held(facts) and not facts.is_empty:
            return []
        if self._is_over(facts):
            return self._end(work, now_ns)
        return self._disturbed(LegTrigger.UNEVEN, facts, work, now_ns)

    def _disturbed(
        self, trigger: LegTrigger, facts: SpreadFacts, work: SpreadWork, now_ns: int
    ) -> Wishes:
        """Deal with what no order of the plan brought: a late fill, a liquidation, a bust."""
        work.begin_attempts()
        self._clock.restart(now_ns, uneven=facts.is_uneven(self._limit))
        return self._move(trigger, facts, work, now_ns)

    # --- under way ---------------------------------------------------------------------------

    def _entering(self, facts: SpreadFacts, work: SpreadWork, now_ns: int) -> Wishes:
        if facts.unknown:
            return self._move(LegTrigger.LOSE, facts, work, now_ns)
        if facts.live:
            one, other = facts.first, facts.second
            failed = self._has_failed(one, other, waits=False) or self._has_failed(
                other, one, waits=work.waiting
            )
            return self._wait(facts, work, now_ns, give_up=failed)
        if self._is_over(facts):
            return self._end(work, now_ns)
        if work.waiting and not self._clock.overdue(now_ns):
            second = self._trader.enter_second(facts, work, now_ns)
            if second is not None:
                return second
        if self._is_held(facts):
            return self._settle(facts, work, now_ns)
        if self._may_complete(work, now_ns):
            wishes = self._trader.complete(facts, work, now_ns)
            if wishes:
                return wishes
        self.try_anew(work)  # the attempts were those of the late leg, not of the other one
        return self._move(LegTrigger.UNEVEN, facts, work, now_ns)

    def _may_complete(self, work: SpreadWork, now_ns: int) -> bool:
        """
        Return whether the late leg may still be brought up to the other one.

        Its orders may be refused one after the other, by the venue or on the way there: each is a
        correction in time, and none is in the market. What is filled is then cut back instead.
        """
        if not self._completes or self._clock.overdue(now_ns):
            return False
        return work.attempt <= _ENOUGH or not self._clock.uneven_too_long(now_ns)

    def _rolling(self, facts: SpreadFacts, work: SpreadWork, now_ns: int) -> Wishes:
        if facts.unknown:
            return self._move(LegTrigger.LOSE, facts, work, now_ns)
        if facts.live:
            ends_uneven = facts.settled.is_uneven(self._limit)
            return self._wait(facts, work, now_ns, give_up=ends_uneven)
        if self._is_over(facts):
            return self._end(work, now_ns)
        if self._is_held(facts):
            return self._roll_rest(facts, work, now_ns)
        wishes = self._even_out(facts, work, now_ns)
        if wishes:
            return wishes
        self.try_anew(work)  # the attempts were those of the roll, not of the cut
        return self._move(LegTrigger.UNEVEN, facts, work, now_ns)

    def _roll_rest(self, facts: SpreadFacts, work: SpreadWork, now_ns: int) -> Wishes:
        """Move what is still held in the old contract; leave the spread when that fails."""
        if not facts.second.is_in_place:
            if self._clock.is_paused(now_ns):
                return []
            wishes = self._trader.roll(facts, work, now_ns)
            if wishes:
                return wishes
            work.wanted = self._trader.can_try(work)  # else a venue is closed: another time
            self.try_anew(work)
        return self._settle(facts, work, now_ns)

    def _even_out(self, facts: SpreadFacts, work: SpreadWork, now_ns: int) -> Wishes:
        """Bring the rolled leg back to the other: it lacks a part, or has too much."""
        if facts.by_size[0] is facts.second:
            return self._trader.cut(facts, facts.second, facts.excess(), work, now_ns)
        if self._completes and not self._clock.overdue(now_ns):
            return self._trader.complete(facts, work, now_ns)
        return []

    def _exiting(self, facts: SpreadFacts, work: SpreadWork, now_ns: int) -> Wishes:
        if facts.unknown:
            return self._move(LegTrigger.LOSE, facts, work, now_ns)
        if not facts.live:
            return self._exit_rest(facts, work, now_ns)
        one, other = facts.first, facts.second
        give_up = one.is_opening or other.is_opening
        wishes = self._wait(facts, work, now_ns, give_up=give_up)
        if wishes:
            return wishes
        for leg, partner in ((one, other), (other, one)):
            # One leg's order was refused: its own correction cannot make things worse.
            if not leg.live and not partner.may_outgrow(leg):
                wishes.extend(self._trader.cut(facts, leg, leg.closable, work, now_ns))
        return wishes

    def _exit_rest(self, facts: SpreadFacts, work: SpreadWork, now_ns: int) -> Wishes:
        if self._is_over(facts):
            return self._end(work, now_ns)
        if facts.is_uneven(self._limit):
            return self._move(LegTrigger.UNEVEN, facts, work, now_ns)
        if not self._trader.can_try(work):
            return self._stick(facts, work, now_ns, "the legs cannot be closed")
        return self._trader.close_both(facts, work, now_ns)

    def _unwinding(self, facts: SpreadFacts, work: SpreadWork, now_ns: int) -> Wishes:
        if facts.unknown:
            return self._move(LegTrigger.LOSE, facts, work, now_ns)
        if facts.live:
            give_up = any(each.is_opening for each in facts.legs)
            return self._wait(facts, work, now_ns, give_up=give_up)
        if self._is_over(facts):
            return self._end(work, now_ns)
        if not facts.is_uneven(self._limit):
            return self._settle(facts, work, now_ns)
        larger, _ = facts.by_size
        wishes = self._trader.cut(facts, larger, facts.excess(), work, now_ns)
        if wishes or self._may_still_come(larger, work, now_ns):
            return wishes
        return self._stick(facts, work, now_ns, "the larger leg cannot be cut back")

    def _reconciling(self, facts: SpreadFacts, work: SpreadWork, now_ns: int) -> Wishes:
        if not facts.unknown:
            return self._move(LegTrigger.RECOVER, facts, work, now_ns)
        if self._clock.overdue(now_ns):
            return self._stick(facts, work, now_ns, "the fate of an order is not known")
        known = [each for each in facts.live if each not in facts.unknown]
        return self._trader.cancel(known, now_ns) if self._clock.out_of_patience(now_ns) else []

    def _halted(self, facts: SpreadFacts, work: SpreadWork, now_ns: int) -> Wishes:
        """Take back what is alive; go on when the books are clear and a correction is possible."""
        if facts.live:
            return self._trader.cancel(facts.live, now_ns)
        larger, _ = facts.by_size
        possible = self._trader.can_try(work) and larger.instrument.id.venue not in work.down
        if not possible and not self._is_over(facts):
            return []
        self._clock.restart(now_ns, uneven=facts.is_uneven(self._limit))
        return self._move(LegTrigger.RECOVER, facts, work, now_ns)

    # --- what several states do --------------------------------------------------------------

    def _wait(self, facts: SpreadFacts, work: SpreadWork, now_ns: int, *, give_up: bool) -> Wishes:
        """Let the live orders work; take them back when they have failed or taken too long."""
        if self._clock.overdue(now_ns):
            return self._stick(facts, work, now_ns, "no correction came through in time")
        if self._clock.patience_until_ns is None:
            self._clock.ordered(now_ns)
        if give_up or self._clock.out_of_patience(now_ns):
            return self._trader.cancel(facts.live, now_ns)
        return []

    def _settle(self, facts: SpreadFacts, work: SpreadWork, now_ns: int) -> Wishes:
        """Keep an even spread that is wanted; close any other."""
        if work.wanted and self._is_held(facts):
            self.go(LegTrigger.COMPLETE, work)
            if not work.arrived:
                work.arrived, work.entered_ns = True, now_ns
            self.new_phase(work)
            return []
        work.wanted = False
        return self._move(LegTrigger.CLOSE, facts, work, now_ns)

    def _stick(self, facts: SpreadFacts, work: SpreadWork, now_ns: int, why: str) -> Wishes:
        """Halt the pair, and say how uneven it may be and which orders are alive."""
        self.go(LegTrigger.STUCK, work)
        work.wanted = False
        low, high = (
            _money(part * Fraction(work.leg_notional))
            for part in (facts.residual_low, facts.residual_high)
        )
        live = ", ".join(facts.live) or "none"
        work.blocked = f"{why}; residual between {low} and {high}; live orders: {live}"
        if facts.live:
            self.new_phase(work)  # once they have ended, there is something new to try
        else:
            self._trader.exhaust(work)  # nothing changes until a venue or a person does
        return [Halt(work.blocked), *self._trader.cancel(facts.live, now_ns)]

    def _move(
        self, trigger: LegTrigger, facts: SpreadFacts, work: SpreadWork, now_ns: int
    ) -> Wishes:
        """Go where *trigger* leads, and do what is to be done there."""
        self.go(trigger, work)
        return self._steps[work.state](facts, work, now_ns)

    def _end(self, work: SpreadWork, now_ns: int) -> Wishes:
        self.go(LegTrigger.EMPTY, work)
        work.ended_ns, work.wanted, work.arrived = now_ns, False, False
        self.new_phase(work)
        return []

    # --- reading -----------------------------------------------------------------------------

    def _is_held(self, facts: SpreadFacts) -> bool:
        return facts.both_held and not facts.is_above(self._limit)

    def _is_over(self, facts: SpreadFacts) -> bool:
        return facts.is_empty and not facts.live and not facts.is_uneven(self._limit)

    def _may_still_come(self, leg: LegFacts, work: SpreadWork, now_ns: int) -> bool:
        """Return whether a venue may come back, or a pause be over, before the deadline."""
        pauses = self._clock.is_paused(now_ns) and self._trader.can_try(work)
        waits = pauses or leg.instrument.id.venue in work.down
        return waits and not self._clock.overdue(now_ns)

    def _has_failed(self, leg: LegFacts, other: LegFacts, *, waits: bool) -> bool:
        """
        Return whether an opening leg has no order left although the other one may yet outgrow it.

        A leg that was cut short is no failure of the order that brings the other up to it.
        """
        return not leg.live and not waits and other.may_outgrow(leg, self._limit)


def _money(amount: Fraction) -> Money:
    """Return *amount* rounded half to even at two decimals, for a message."""
    return divide_half_even(Decimal(amount.numerator), Decimal(amount.denominator), places=2)
