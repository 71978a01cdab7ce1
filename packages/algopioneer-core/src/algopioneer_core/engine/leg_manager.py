"""
The leg manager: a spread is one position, whatever happens to its two orders.

It keeps almost nothing in mind. What is held comes from the portfolio, what is on its way from the
order manager; `leg_facts` turns both into fractions of the target, and `review` - called after
every report, timer and change of a venue - asks what is true now and orders what is missing. So a
partial fill, a reject, a fill after a cancel and a restart are all the same case.

The rules that hold whatever happens (SEMANTICS, legs and residual), T being `max_residual_s`:

- While the residual may be above its limit, no order is made that could raise it.
- What is out to close plus what has closed never exceeds what must be closed.
- While the fate of an order is unknown, nothing is ordered on either leg.
- No time of T passes with a residual above its limit in which no correction (an order that lowers
  it, or the first cancel of one that may raise it) went out: then the pair is halted, with an alert
  that says how large the residual may be and which orders are alive. What our own risk gate refuses
  did not go out. When a halt is lifted, T begins anew.
- While venues answer and fill within d, where d is below the patience and d + patience + pause at
  most T, a residual above its limit lasts at most T + d. After a venue came back it lasts at most
  T2 = 4 d: one look-up, one cancel, and an order on each leg.

The caller carries out what `review` returns and calls it again (or `order_denied`), until it
returns nothing. That ends: attempts are counted, cancels and timers are not repeated.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from algopioneer_core.domain.commands import (
    CloseSpread,
    OpenSpread,
    RollSpread,
    StrategyCommand,
)
from algopioneer_core.domain.errors import RefusedError
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.money import Quantity
from algopioneer_core.engine.leg_chain import check_chain
from algopioneer_core.engine.leg_clock import LegClock
from algopioneer_core.engine.leg_entry import EntryPlan, plan_entry
from algopioneer_core.engine.leg_facts import SpreadFacts, spread_facts
from algopioneer_core.engine.leg_guards import exit_problem
from algopioneer_core.engine.leg_orders import LegOrderMaker
from algopioneer_core.engine.leg_rules import LegRules
from algopioneer_core.engine.leg_states import LegState, LegTrigger
from algopioneer_core.engine.leg_steps import LegSteps
from algopioneer_core.engine.leg_trader import LegTrader
from algopioneer_core.engine.leg_work import SpreadWork
from algopioneer_core.engine.order_manager import OrderManager
from algopioneer_core.engine.portfolio import Portfolio

__all__ = ["LegManager"]

_FLAT: Final = LegState.FLAT
_IN_POSITION: Final = LegState.IN_POSITION


class LegManager:
    """
    Works the spreads of one strategy, one at a time.

    From its first spread on, everything the strategy holds of the two instruments, and every order
    in them, is taken for the spread's.

    Args:
        legs: The strategy's first and second instrument.
        portfolio: The strategy's books.
        orders: The strategy's orders.
        rules: Bounds, patience, order style and guards.
        inventory: Holdings set aside for legs that are sold out of inventory.
        successors: Contracts that the second leg may be rolled into, the next to expire first.
        on_refused: Called with the reason whenever a spread is not opened.

    Raises:
        ConfigError: The second leg cannot be rolled into them.
    """

    def __init__(
        self,
        legs: tuple[Instrument, Instrument],
        portfolio: Portfolio,
        orders: OrderManager,
        rules: LegRules,
        inventory: Mapping[InstrumentId, Quantity] | None = None,
        successors: Sequence[Instrument] = (),
        *,
        on_refused: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._on_refused = on_refused
        self._first, self._pair = legs[0], legs
        self._chain = (legs[1], *successors)
        check_chain(self._chain)
        self._chain_ids = tuple(each.id for each in self._chain) if successors else ()
        self._portfolio = portfolio
        self._orders = orders
        self._rules = rules
        self._clock = LegClock(rules)
        self._trader = LegTrader(orders, rules, LegOrderMaker(portfolio, rules), self._clock)
        self._steps = LegSteps(rules, self._clock, self._trader)
        self._work = SpreadWork(dict(inventory or {}))

    @property
    def state(self) -> LegState:
        """Where the spread is in its life."""
        return self._work.state

    @property
    def blocked(self) -> str:
        """Why no new spread may be opened until `resume`; empty when one may."""
        return self._work.blocked

    @property
    def refusal(self) -> str:
        """Why the last wish to open or close was not followed; empty when it was."""
        return self._work.refusal

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way, so that market data need not be looked at."""
        state = self._work.state
        return state is _FLAT or state is _IN_POSITION  # asked at every bar: nothing is hashed

    @property
    def deadline_ns(self) -> int | None:
        """By when a correction must go out, UTC nanoseconds; None while the legs are even."""
        return self._clock.deadline_ns

    def facts(self) -> SpreadFacts | None:
        """Return what is held and what open orders may change; None before the first spread."""
        if not self._work.targets:
            return None
        return self._facts_of(self._work.targets, self._legs(self._work.contract))

    # --- what is wanted ----------------------------------------------------------------------

    def open(self, wish: OpenSpread, now_ns: int) -> Sequence[StrategyCommand]:
        """
        Return the orders that open a spread; none when it may not be opened (see `refusal`).
        """
        work = self._work
        try:
            self._check_free()
            plan = self._plan(wish, now_ns)
            facts = self._clean_facts(plan)
        except RefusedError as problem:
            self._refuse_entry(str(problem))
            return ()
        work.targets, work.leg_notional = plan.targets, plan.leg_notional
        work.contract = facts.second.instrument.id
        work.wanted, work.arrived, work.reason, work.refusal = True, False, wish.reason, ""
        self._steps.new_phase(work)
        self._steps.go(LegTrigger.OPEN, work)
        orders = self._trader.enter(facts, work, now_ns)
        if not orders:
            self._refuse_entry("no limit price is left for a leg")
        return orders or self.review(now_ns)

    def _refuse_entry(self, why: str) -> None:
        self._work.refusal = why
        self._on_refused(why)

    def close(self, wish: CloseSpread, now_ns: int) -> Sequence[StrategyCommand]:
        """
        Return the orders that close the spread.

        There are none when there is nothing to close, and none when a cooldown forbids it, which a
        stop does not ask (see `refusal`).
        """
        work = self._work
        work.refusal = ""
        if work.state is LegState.IN_POSITION and not wish.stop:
            work.refusal = exit_problem(self._rules, now_ns, work.entered_ns)
        if work.refusal or work.state is LegState.FLAT:
            return ()
        work.wanted, work.reason = False, wish.reason
        if work.state in (LegState.IN_POSITION, LegState.ENTERING, LegState.ROLLING):
            self._steps.go(LegTrigger.CLOSE, work)
            self._steps.try_anew(work)
        return self.review(now_ns)

    def roll(self, wish: RollSpread, now_ns: int) -> Sequence[StrategyCommand]:
        """
        Return the orders that move the second leg into another contract.

        There are none when it may not be moved now (see `refusal`). What cannot be moved is
        tried again, then the spread is closed.
        """
        work = self._work
        try:
            self._check_roll(wish)
        except RefusedError as problem:
            work.refusal = str(problem)
            return ()
        work.roll(wish.to)
        work.reason, work.refusal = wish.reason, ""
        self._steps.new_phase(work)
        self._steps.go(LegTrigger.ROLL, work)
        return self.review(now_ns)

    def stop_entering(self, now_ns: int) -> Sequence[StrategyCommand]:
        """Return what gives up a spread that is not yet complete: it is unwound, not completed."""
        if self.is_idle or self._work.arrived:
            return ()
        return self.close(CloseSpread("halted", stop=True), now_ns)

    def resume(self, now_ns: int) -> Sequence[StrategyCommand]:
        """Allow new spreads again, and try once more to put right what could not be."""
        self._work.blocked = ""
        return self._try_again(now_ns)

    # --- what happens ------------------------------------------------------------------------

    @property
    def down(self) -> Mapping[str, Sequence[str]]:
        """Venues that cannot be traded at, as far as was told: `feed` and `market` are why."""
        return dict(self._work.down)

    def venue_changed(
        self, venue: str, now_ns: int, *, up: bool, cause: str = "feed"
    ) -> Sequence[StrategyCommand]:
        """
        Take note that a venue was lost, closed, found or opened; return what is to be done.

        Args:
            venue: Its name.
            now_ns: Time of the event, UTC nanoseconds.
            up: Whether *cause* no longer stands in the way.
            cause: What does: `feed` or `market`. A venue is traded at when nothing does.
        """
        if not up:
            self._work.set_down(venue, cause)
            return self.review(now_ns)
        self._work.set_up(venue, cause)
        return self._try_again(now_ns)

    def split(self, instrument_id: InstrumentId, numerator: int, denominator: int) -> None:
        """Take note that every *denominator* units of a leg became *numerator* units."""
        self._work.split(instrument_id, numerator, denominator)

    def timer_fired(self, now_ns: int) -> Sequence[StrategyCommand]:
        """
        Return what is to be done when the timer `LEG_TIMER` has fired, early or late.

        Timers do not outlive a process: after a restart, call it once to have the timer set again.
        """
        self._clock.set_for_ns = None
        return self.review(now_ns)

    def order_denied(self, now_ns: int) -> Sequence[StrategyCommand]:
        """
        Take note that the risk gate refused an order of the last answer; call it instead of
        `review`.

        A gate says the same again until something changes, and nobody hears of it meanwhile. So
        what opens a leg is given up, and what closes one is tried again after pauses that grow,
        until attempts or the deadline are over.
        """
        nothing_out = not self._orders.working
        self._clock.denied(now_ns, self._work.attempt, all_of_it=nothing_out)
        return self.review(now_ns)

    def review(self, now_ns: int) -> Sequence[StrategyCommand]:
        """Return what is to be done, given what is true now; nothing most of the time."""
        work = self._work
        if not work.targets:
            return ()
        if self._trader.is_all_out():
            self._clock.exposed(now_ns)
            return self._clock.next_timer(now_ns)
        if self._trader.is_half_done(work, self._portfolio, now_ns):
            return ()
        legs = self._legs(work.contract)
        facts = spread_facts(legs, work.targets, self._portfolio, self._orders, self._chain_ids)
        return self._steps.review(facts, work, now_ns)

    # --- state -------------------------------------------------------------------------------

    def snapshot(self) -> Mapping[str, object]:
        """Return the whole state as JSON values."""
        return {"work": self._work.snapshot(), "clock": self._clock.snapshot()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what `snapshot` described; portfolio and orders are restored by their owner."""
        ids = [self._first.id, *(each.id for each in self._chain)]
        self._work = SpreadWork.restored(state["work"], ids)
        self._clock.restore(state["clock"])

    # --- inside ------------------------------------------------------------------------------

    def _legs(self, contract: InstrumentId | None) -> tuple[Instrument, Instrument]:
        """Return both legs, the second as *contract*; None is the strategy's own second."""
        if len(self._chain) == 1:
            return self._pair
        second = (each for each in self._chain if each.id == contract)
        return self._first, next(second, self._chain[0])

    def _facts_of(
        self, targets: Mapping[InstrumentId, Quantity], legs: tuple[Instrument, Instrument]
    ) -> SpreadFacts:
        return spread_facts(legs, targets, self._portfolio, self._orders, self._chain_ids)

    def _check_roll(self, wish: RollSpread) -> None:
        work, ids = self._work, [each.id for each in self._chain]
        if work.state is not LegState.IN_POSITION or self._orders.working:
            raise RefusedError(f"a spread that is {work.state.value} cannot be rolled")
        assert work.contract is not None
        if wish.to not in ids or ids.index(wish.to) < ids.index(work.contract):
            raise RefusedError(
                f"{work.contract} cannot be rolled into {wish.to}",
                remedy="name a contract that expires later, among the strategy's instruments",
            )
        if wish.to.venue in work.down:
            raise RefusedError(f"{wish.to.venue} is down or closed")
        if self._portfolio.mark(wish.to) is None:
            raise RefusedError("a contract has no price yet", where=wish.to)

    def _check_free(self) -> None:
        work = self._work
        if work.blocked:
            raise RefusedError(work.blocked, remedy="look at both venues, then resume")
        if work.state is not LegState.FLAT:
            raise RefusedError(f"a spread is {work.state.value} already")
        if self._orders.working:
            raise RefusedError("an order is still working")

    def _clean_facts(self, plan: EntryPlan) -> SpreadFacts:
        """
        Return the facts before the first order of *plan*.

        Raises:
            RefusedError: What is held already, and cannot be closed, would leave it uneven.
        """
        facts = self._facts_of(plan.targets, self._legs(list(plan.targets)[1]))
        if facts.is_above(self._rules.max_residual_fraction):
            raise RefusedError(
                "what is held of a leg already is too much beside the new spread",
                remedy="close it by hand, or use a larger size",
            )
        return facts

    def _plan(self, wish: OpenSpread, now_ns: int) -> EntryPlan:
        work = self._work
        wanted = (each.id for each in self._chain if each.id in (wish.buy, wish.sell))
        return plan_entry(
            wish,
            self._legs(next(wanted, None)),
            self._portfolio,
            self._rules,
            work.inventory,
            work.down,
            now_ns,
            work.ended_ns,
        )

    def _try_again(self, now_ns: int) -> Sequence[StrategyCommand]:
        self._steps.try_anew(self._work)  # what was refused before counts no more
        return self.review(now_ns)
