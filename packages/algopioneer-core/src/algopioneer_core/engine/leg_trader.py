"""What a leg manager orders: entries, corrections, exits and cancels, each only when it is safe."""

from collections.abc import Sequence
from typing import Final

from algopioneer_core.domain.commands import Cancel, StrategyCommand
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.money import ZERO, Quantity, neg, sub, total
from algopioneer_core.domain.orders import OrderStatus
from algopioneer_core.engine.leg_clock import LegClock, nanoseconds
from algopioneer_core.engine.leg_facts import LegFacts, SpreadFacts
from algopioneer_core.engine.leg_orders import LegOrderMaker
from algopioneer_core.engine.leg_rules import LegRules
from algopioneer_core.engine.leg_states import LegState
from algopioneer_core.engine.leg_work import SpreadWork
from algopioneer_core.engine.order_manager import OrderManager
from algopioneer_core.engine.portfolio import Portfolio

__all__ = ["LegTrader", "Wishes"]

Wishes = list[StrategyCommand]

_EXITING: Final = LegState.EXITING
_PENDING: Final = OrderStatus.PENDING
_NOT_CANCELLED = (OrderStatus.PENDING_CANCEL, OrderStatus.UNKNOWN)


class LegTrader:
    """
    Makes the orders and cancels of one strategy's spreads, and keeps count of the attempts.

    Args:
        orders: The strategy's orders.
        rules: Pause and attempts.
        maker: Prices the orders.
        clock: Is told what goes out.
    """

    def __init__(
        self, orders: OrderManager, rules: LegRules, maker: LegOrderMaker, clock: LegClock
    ) -> None:
        self._orders = orders
        self._rules = rules
        self._maker = maker
        self._clock = clock
        self._sent: Wishes = []  # the orders of an entry or exit, until it is asked after them
        self._out: tuple[str, ...] = ()  # their ids, while nothing but a full fill happened to them

    def can_try(self, work: SpreadWork) -> bool:
        """Return whether attempts are left."""
        return self._maker.can_try(work.attempt)

    def exhaust(self, work: SpreadWork) -> None:
        """Allow no further attempt in this phase."""
        work.attempt = self._rules.max_attempts + 1

    # --- entering ----------------------------------------------------------------------------

    def enter(self, facts: SpreadFacts, work: SpreadWork, now_ns: int) -> Wishes:
        """Return the first orders of a new spread: both legs, or the first one of two."""
        self._clock.ordered(now_ns)
        work.waiting = self._rules.pause_s is not None
        work.attempt = 1
        legs = facts.legs[:1] if work.waiting else facts.legs
        self._sent = self._together([self._opening(each, _lacking(each), 0, work) for each in legs])
        return self._sent

    def is_all_out(self) -> bool:
        """
        Return, once after each entry or exit, whether just its orders work, as they were made.

        Then nothing has happened yet that could ask for more, and no facts need be gathered.
        """
        sent, working = self._sent, self._orders.working
        if not sent:
            return False
        self._sent = []
        fresh = [each.intent for each in working.values() if each.status is _PENDING]
        if len(working) != len(sent) or fresh != sent:
            return False
        self._out = tuple(working)
        return True

    def is_half_done(self, work: SpreadWork, portfolio: Portfolio, now_ns: int) -> bool:
        """
        Return whether one leg's order has just filled in full while the other's waits untouched.

        That is how every entry and exit goes on its way, and there is nothing to do about it: the
        deadline runs, the timer is set, and the order that waits brings this leg to the other.
        """
        if len(self._out) != 2:
            return False
        (one, other), self._out = self._out, ()
        working = self._orders.working
        waits = working.get(one) or working.get(other)
        if waits is None or waits.status is not _PENDING or len(working) != 1:
            return False
        done = self._orders.get(other if waits.client_order_id == one else one)
        here, there = done.intent.instrument_id, waits.intent.instrument_id
        if work.state is _EXITING:
            here, there = there, here  # the leg that is done is flat, the other one is held
        held, flat = portfolio.quantity(here), portfolio.quantity(there)
        is_whole = not flat and held == work.targets.get(here)
        return is_whole and not self._clock.out_of_patience(now_ns)

    def enter_second(self, facts: SpreadFacts, work: SpreadWork, now_ns: int) -> Wishes | None:
        """
        Return the second leg's order once the pause after the first leg's fill is over.

        Nothing is returned while the pause lasts; None when it is over and no order is possible.
        """
        if self._clock.pause_until_ns is None:
            assert self._rules.pause_s is not None
            self._clock.pause_until_ns = now_ns + nanoseconds(self._rules.pause_s)
        if now_ns < self._clock.pause_until_ns:
            return []
        work.waiting, self._clock.pause_until_ns = False, None
        missing = facts.missing()
        if facts.by_size[1] is not facts.second or self._is_down(facts.second, work) or not missing:
            return None
        order = self._opening(facts.second, missing, 0, work)
        self._clock.ordered(now_ns)
        self._clock.corrected(now_ns)
        return order or None

    # --- correcting --------------------------------------------------------------------------

    def complete(self, facts: SpreadFacts, work: SpreadWork, now_ns: int) -> Wishes:
        """Return one more aggressive order for the late leg; nothing when none is possible."""
        missing, (_, smaller) = facts.missing(), facts.by_size
        if self._is_unsafe(facts, smaller, missing, work, now_ns, towards=True):
            return []
        order = self._opening(smaller, missing, work.attempt, work)
        work.attempt += bool(order)
        return self._correction(order, now_ns)

    def cut(
        self, facts: SpreadFacts, leg: LegFacts, quantity: Quantity, work: SpreadWork, now_ns: int
    ) -> Wishes:
        """
        Return one more aggressive order to close a part of *leg*; nothing if none is safe.

        Of a chain no more goes than stands on balance: what its contracts hold against each other
        is no residual, and leaves with the spread.
        """
        if leg.parts:
            quantity = min(quantity, leg.orderable(leg.held.copy_abs()))
        self._look_at_gain(quantity, work)
        if self._is_unsafe(facts, leg, quantity, work, now_ns, towards=leg.done < 0):
            return []
        order = self._closing(leg, quantity, work)
        self._count(order, quantity, work, now_ns)
        return self._correction(order, now_ns)

    def _is_unsafe(
        self,
        facts: SpreadFacts,
        leg: LegFacts,
        quantity: Quantity,
        work: SpreadWork,
        now_ns: int,
        *,
        towards: bool,
    ) -> bool:
        """Return whether an order is impossible now, or could raise the residual."""
        if not quantity or not self.can_try(work) or self._is_down(leg, work):
            return True
        if self._clock.is_paused(now_ns):
            return True
        after = facts.with_order(leg, quantity, towards=towards)
        return after.residual_high > facts.residual_high

    def _count(self, orders: Wishes, quantity: Quantity, work: SpreadWork, now_ns: int) -> None:
        """
        Count an attempt to get rid of *quantity*, unless the last one has brought some of that.

        A market that is thin gives a little at a time, and there is no better way out than to go
        on. Where that takes longer than one deadline, each attempt counts again.
        """
        if not orders:
            return
        has_gained = quantity < work.tried and not self._clock.uneven_too_long(now_ns)
        work.attempt += not has_gained
        work.tried = quantity
        self._clock.tried(now_ns, work.attempt)

    def _look_at_gain(self, quantity: Quantity, work: SpreadWork) -> None:
        """Let the rest be ordered without a pause where the last order has brought something."""
        if quantity < work.tried:
            self._clock.again_ns = None

    def _correction(self, order: Wishes, now_ns: int) -> Wishes:
        if order:
            self._clock.ordered(now_ns)
            self._clock.corrected(now_ns)
        return order

    # --- rolling -----------------------------------------------------------------------------

    def roll(self, facts: SpreadFacts, work: SpreadWork, now_ns: int) -> Wishes:
        """
        Order out of all other contracts and into the present one as much as is left of them.

        Both ways are ordered at once, or none: nothing while the venue cannot be traded at, a price
        is missing or the attempts are used up.
        """
        leg = facts.second
        old = [part for part in leg.parts if part[0] != leg.instrument.id]
        if self._is_down(leg, work) or not self.can_try(work):
            return []
        moved = total(*(held for _, held in old))
        more = leg.orderable(max(moved if leg.target > 0 else neg(moved), ZERO))
        out = self._closing_parts(leg, [(e, leg.signed_orderable(held)) for e, held in old], work)
        into = [self._opening(leg, more, work.attempt, work)] if more else []
        orders = self._together([out, *into])
        if orders:
            work.attempt += 1
            self._clock.ordered(now_ns)
        return orders

    # --- leaving -----------------------------------------------------------------------------

    def close_both(self, facts: SpreadFacts, work: SpreadWork, now_ns: int) -> Wishes:
        """
        Order both legs closed. They are even, so it is both or none: nothing is ordered while a
        venue cannot be traded at, a price is missing, or the risk gate has just refused it.
        """
        shares = [(leg, leg.closable) for leg in facts.legs]
        legs = [(leg, quantity) for leg, quantity in shares if quantity]
        most = max(quantity for _, quantity in shares)
        self._look_at_gain(most, work)
        if self._clock.is_paused(now_ns):
            return []
        if any(self._is_down(leg, work) for leg, _ in legs):
            return []
        orders = self._together([self._leaving(leg, quantity, work) for leg, quantity in legs])
        if orders:
            self._count(orders, most, work, now_ns)
            self._clock.ordered(now_ns)
            # The caller adds a timer to its own list.
            self._sent = list(orders) if _is_whole(facts, shares) else []
        return orders

    def cancel(self, live: Sequence[str], now_ns: int) -> Wishes:
        """Return cancels of all orders that were not asked to end yet, or not for some time."""
        cancels: Wishes = []
        for each in live:
            if self._orders.get(each).status in _NOT_CANCELLED:
                continue
            if self._clock.may_cancel(each, now_ns):
                self._clock.cancelled(each, now_ns)
                cancels.append(Cancel(each))
        return cancels

    # --- orders ------------------------------------------------------------------------------

    @staticmethod
    def _is_down(leg: LegFacts, work: SpreadWork) -> bool:
        return leg.instrument.id.venue in work.down

    @staticmethod
    def _together(orders: Sequence[Wishes]) -> Wishes:
        """Return all of them, or none where one is missing."""
        return [each for order in orders for each in order] if all(orders) else []

    def _opening(self, leg: LegFacts, quantity: Quantity, attempt: int, work: SpreadWork) -> Wishes:
        if not quantity:
            return []
        order = self._maker.opening(leg, quantity, attempt, work.reason)
        return [] if order is None else [order]

    def _leaving(self, leg: LegFacts, quantity: Quantity, work: SpreadWork) -> Wishes:
        """Return what closes all of a leg; of a chain every contract, whichever side it is on."""
        if not leg.parts:
            return self._closing(leg, quantity, work)
        shares = [(each, leg.signed_orderable(held)) for each, held in leg.parts]
        return self._closing_parts(leg, shares, work)

    def _closing(self, leg: LegFacts, quantity: Quantity, work: SpreadWork) -> Wishes:
        if leg.parts:
            return self._closing_parts(leg, _shares(leg, quantity), work)
        order = self._maker.closing(leg, quantity, work.attempt, work.reason)
        return [] if order is None else [order]

    def _closing_parts(
        self, leg: LegFacts, shares: Sequence[tuple[InstrumentId, Quantity]], work: SpreadWork
    ) -> Wishes:
        """Return an order for each share that can be ordered; none where one has no price."""
        orders = [
            self._maker.closing_part(contract, share, work.attempt, work.reason)
            for contract, share in shares
            if leg.orderable(share.copy_abs())
        ]
        return [order for order in orders if order is not None] if all(orders) else []


def _shares(leg: LegFacts, quantity: Quantity) -> list[tuple[InstrumentId, Quantity]]:
    """
    Return what to close of each contract of a chain, signed, for *quantity* of the leg.

    What is to be left first comes first. A contract may stand on the other side (real world: a
    fill after the cancel of its order); it stays as it is.
    """
    shares, left = [], quantity
    for each, held in leg.parts:
        if held and held.is_signed() == leg.held.is_signed():
            part = leg.orderable(min(left, held.copy_abs()))
            shares.append((each, part.copy_sign(held)))
            left = sub(left, part)
    return shares


def _is_whole(facts: SpreadFacts, shares: Sequence[tuple[LegFacts, Quantity]]) -> bool:
    """
    Return whether a whole spread is left: then the legs are uneven for as long as one order works.

    Of a rest of it they may be even enough all the time. Of a chain, contracts may be traded
    against each other: that wants a look.
    """
    return not facts.second.parts and all(quantity == leg.size for leg, quantity in shares)


def _lacking(leg: LegFacts) -> Quantity:
    """Return what is to be opened of a leg of which nothing but dust is held."""
    return leg.orderable(sub(leg.size, leg.done))
