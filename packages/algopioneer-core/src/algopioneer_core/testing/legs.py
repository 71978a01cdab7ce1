"""
A leg manager on the bench: two venues that do what a test says, and books that are real.

The bench carries out what the manager wants, as the engine does: until nothing more is wanted.
"""

import itertools
import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final

from attrs import evolve

from algopioneer_core.domain.commands import (
    Cancel,
    CloseSpread,
    Halt,
    OpenSpread,
    RollSpread,
    SetTimer,
    StrategyCommand,
)
from algopioneer_core.domain.events import (
    CancelRejected,
    ExecutionReport,
    OrderAbsent,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
)
from algopioneer_core.domain.fills import Fill, Liquidity, Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.domain.money import ZERO, Increment, Quantity, decimal_of, total
from algopioneer_core.domain.orders import Order, OrderIntent
from algopioneer_core.domain.spreads import SpreadSize
from algopioneer_core.engine.leg_facts import SpreadFacts
from algopioneer_core.engine.leg_manager import LegManager
from algopioneer_core.engine.leg_rules import LegRules
from algopioneer_core.engine.order_ids import order_ids
from algopioneer_core.engine.order_manager import OrderManager
from algopioneer_core.engine.portfolio import Portfolio

__all__ = ["LEFT", "MOST_ROUNDS", "RIGHT", "PairBench", "leg_instrument"]

MOST_ROUNDS: Final = 10
"""Reviews after one event, at most: an entry, a completion and a cut, each denied, and some."""
_START_NS: Final = 1_000 * NS_PER_SECOND


def leg_instrument(venue: str, symbol: str, **rules: Any) -> Instrument:
    """Return a spot instrument with a grid of 0.01 units, unless *rules* say otherwise."""
    usual: dict[str, Any] = {"base": symbol, "quantity_increment": Increment(Decimal("0.01"))}
    return Instrument(id=InstrumentId(venue, symbol), quote="USD", **usual | rules)


LEFT: Final = leg_instrument("left", "A")
RIGHT: Final = leg_instrument("right", "B")


class PairBench:
    """
    A manager, its books, and two venues.

    Args:
        rules: Of the manager; its defaults when not given.
        legs: The two instruments.
        inventory: Holdings set aside.
        successors: What the second leg may be rolled into.
        twin: Whether each answer is compared with that of a manager restored from a snapshot.
    """

    def __init__(
        self,
        rules: LegRules | None = None,
        *,
        legs: tuple[Instrument, Instrument] = (LEFT, RIGHT),
        inventory: dict[InstrumentId, Quantity] | None = None,
        successors: Sequence[Instrument] = (),
        twin: bool = True,
    ) -> None:
        self.rules = rules or LegRules()
        self.legs = legs
        self.successors = tuple(successors)
        self.now_ns = _START_NS
        self.portfolio = Portfolio([*legs, *successors], Decimal(10_000))
        self.orders = OrderManager(order_ids("bench", "bench", "pair"))
        self.manager = self._manager(inventory)
        self.timer_ns: int | None = None
        self.denials: dict[InstrumentId, int] = {}
        """How many of the next orders of a leg the risk gate refuses."""
        self.denied = 0
        """How many it has refused."""
        self.before: Callable[[StrategyCommand], None] = lambda _: None
        """Called with each wish before it is carried out."""
        self.wishes: list[StrategyCommand] = []
        """Everything the manager wanted, oldest first."""
        self.fills: list[Fill] = []
        """Everything booked, oldest first."""
        self._twin = twin
        self._ignores = False
        self._fill_ids = map("fill-{}".format, itertools.count(1))
        for leg in self.portfolio.instruments.values():
            self.mark(leg, "100")

    def _manager(self, inventory: dict[InstrumentId, Quantity] | None = None) -> LegManager:
        books = self.portfolio, self.orders, self.rules
        return LegManager(self.legs, *books, inventory, self.successors)

    # --- reading -----------------------------------------------------------------------------

    @property
    def facts(self) -> SpreadFacts:
        """The facts of the spread; there has to have been one."""
        facts = self.manager.facts()
        assert facts is not None
        return facts

    def working(self, leg: Instrument) -> list[Order]:
        """Return the orders of a leg that may still trade."""
        orders = self.orders.working.values()
        return [each for each in orders if each.intent.instrument_id == leg.id]

    def order(self, leg: Instrument) -> Order:
        """Return the one working order of a leg."""
        (order,) = self.working(leg)
        return order

    @property
    def halts(self) -> list[str]:
        """The reasons of all halts so far."""
        return [each.reason for each in self.wishes if isinstance(each, Halt)]

    @property
    def held(self) -> tuple[Quantity, Quantity]:
        """What is held of both legs; of the second in whatever contract."""
        quantity, (first, second) = self.portfolio.quantity, self.legs
        chain = (second, *self.successors)
        return quantity(first.id), total(*(quantity(each.id) for each in chain))

    # --- what is wanted ----------------------------------------------------------------------

    def open(self, notional: int = 2_000, *, sell_first: bool = False) -> None:
        """Open a spread: ten units of each leg at 100, unless *notional* says otherwise."""
        buy, sell = (each.id for each in (self.legs[::-1] if sell_first else self.legs))
        size = SpreadSize(notional=Decimal(notional))
        self.ask("open", OpenSpread(buy=buy, sell=sell, size=size))

    def close(self, *, stop: bool = False) -> None:
        """Close it."""
        self.ask("close", CloseSpread(stop=stop))

    def roll(self, to: Instrument) -> None:
        """Move the second leg into the contract *to*."""
        self.ask("roll", RollSpread(to.id))

    def venue(self, leg: Instrument, *, up: bool, cause: str = "feed") -> None:
        """Let the venue of a leg be lost or found."""
        self.ask("venue_changed", leg.id.venue, up=up, cause=cause)

    def ask(self, method: str, *args: object, **named: object) -> None:
        """Call a method of the manager with the time appended, and carry out its answer."""
        wishes, rounds = self._answer(method, *args, **named), 0
        while wishes:
            rounds += 1
            assert rounds <= MOST_ROUNDS, "the manager never comes to rest"
            passed = [self._carry_out(wish) for wish in wishes]
            wishes = self._answer("review" if all(passed) else "order_denied")

    def ignore_manager(self) -> None:
        """From now on carry out nothing more: what was ordered is left to itself."""
        self._ignores, self.timer_ns = True, None

    def _answer(self, method: str, *args: object, **named: object) -> Sequence[StrategyCommand]:
        if self._ignores:
            return ()
        twin = self._copy() if self._twin else None
        wishes = getattr(self.manager, method)(*args, self.now_ns, **named)
        if twin is not None:
            assert list(wishes) == list(getattr(twin, method)(*args, self.now_ns, **named))
            assert twin.snapshot() == self.manager.snapshot()
        result: Sequence[StrategyCommand] = wishes
        return result

    def _copy(self) -> LegManager:
        twin = self._manager()
        twin.restore(json.loads(json.dumps(self.manager.snapshot())))
        return twin

    def restart(self) -> None:
        """
        Replace the manager by one restored from its snapshot; its timer is gone with it.

        One that was ignored until now, as one that does not run is, is heard again.
        """
        self.manager, self.timer_ns, self._ignores = self._copy(), None, False
        self.ask("timer_fired")

    def _carry_out(self, wish: StrategyCommand) -> bool:
        """Do what the manager wants; return whether the risk gate let it pass."""
        self.before(wish)
        self.wishes.append(wish)
        if isinstance(wish, OrderIntent):
            denials = self.denials.get(wish.instrument_id, 0)
            self.denials[wish.instrument_id] = max(denials - 1, 0)
            if denials:
                self.denied += 1
                self.orders.deny(wish, self.now_ns, "denied")
                return False
            self.orders.submit(wish, self.now_ns)
        elif isinstance(wish, Cancel):
            self.orders.request_cancel(wish.client_order_id)
        elif isinstance(wish, SetTimer):
            self.timer_ns = wish.at_ns
        return True

    # --- what happens ------------------------------------------------------------------------

    def mark(self, leg: Instrument, price: str) -> None:
        """Move the price of a leg."""
        self.portfolio.mark_price(leg.id, decimal_of(price), self.now_ns)

    def wait(self, seconds: float, *, timers: bool = True) -> None:
        """Let time pass; the timer fires when it is due, unless *timers* are held back."""
        until = self.now_ns + int(seconds * NS_PER_SECOND)
        while timers and self.timer_ns is not None and self.timer_ns <= until:
            self.now_ns = max(self.now_ns, self.timer_ns)
            self.fire()
        self.now_ns = until

    def fire(self) -> None:
        """Let the timer fire now, whenever it was due."""
        self.timer_ns = None
        self.ask("timer_fired")

    def hear(self, report: ExecutionReport) -> None:
        """Let the engine hear a report."""
        before, after = self.orders.apply(report)
        if isinstance(report, OrderFilled) and before is not after:
            self.book(report.fill)
        else:
            self.ask("review")

    def book(self, fill: Fill) -> None:
        """Book a fill, of an order or of none, and let the manager look."""
        self.fills.append(fill)
        self.portfolio.apply(fill, "bench")
        self.ask("review")

    def make_fill(self, order: Order, quantity: Quantity | None = None) -> Fill:
        """Return a fill of an order at the mark, of all that remains unless said otherwise."""
        intent = order.intent
        traded = order.remaining_quantity if quantity is None else quantity
        fill = self.force(intent.instrument_id, intent.side, traded or ZERO)
        return evolve(fill, client_order_id=order.client_order_id)

    def force(self, instrument_id: InstrumentId, side: Side, quantity: Quantity) -> Fill:
        """Return a fill that is of no order of ours, at the mark."""
        return Fill(
            next(self._fill_ids),
            "",
            instrument_id,
            side,
            quantity,
            self.portfolio.mark(instrument_id) or ZERO,
            ZERO,
            "USD",
            Liquidity.TAKER,
            self.now_ns,
        )

    def fill(self, order: Order, quantity: str | None = None) -> Fill:
        """Let an order trade, all that remains unless said otherwise."""
        fill = self.make_fill(order, None if quantity is None else decimal_of(quantity))
        self.hear(OrderFilled(fill))
        return fill

    def accept(self, order: Order) -> None:
        """Let the venue show the order alive."""
        self.hear(OrderAccepted(order.client_order_id, self.now_ns))

    def reject(self, order: Order) -> None:
        """Let the venue refuse the order."""
        self.hear(OrderRejected(order.client_order_id, self.now_ns))

    def cancel(self, order: Order) -> None:
        """Let the venue take out what is left of the order."""
        self.hear(OrderCanceled(order.client_order_id, self.now_ns))

    def refuse_cancel(self, order: Order) -> None:
        """Let the venue refuse to take the order out."""
        self.hear(CancelRejected(order.client_order_id, self.now_ns))

    def lose(self, order: Order) -> None:
        """Let the venue's answer be lost."""
        self.hear(OrderUnknown(order.client_order_id, self.now_ns))

    def prove_absent(self, order: Order) -> None:
        """Let the venue be shown not to have the order."""
        self.hear(OrderAbsent(order.client_order_id, self.now_ns))

    def enter(self) -> None:
        """Open a spread and fill both legs."""
        self.open()
        for leg in self.legs:
            self.fill(self.order(leg))
