"""
One strategy as the runtime knows it: its engine, what waits for it, its timers and its health.

A runner never waits. The live and the lockstep drivers give it events and ask it to decide; it
answers by handing commands to the gate. Its snapshot is the whole of what a restart needs.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from algopioneer_core.domain.commands import OpenSpread
from algopioneer_core.domain.events import Event
from algopioneer_core.domain.market_data import Bar, JointBar, Quote, Trade
from algopioneer_core.domain.orders import Order, OrderIntent
from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.engine.context import EngineContext
from algopioneer_core.engine.engine import TradingEngine
from algopioneer_core.engine.exit_monitor import ExitMonitor
from algopioneer_core.engine.leg_manager import LegManager
from algopioneer_core.engine.leg_rules import LegRules
from algopioneer_core.engine.order_manager import OrderManager, Recall
from algopioneer_core.engine.portfolio import Portfolio
from algopioneer_core.engine.risk import Denied, RiskGate
from algopioneer_core.journal.codec import Written
from algopioneer_core.runtime.bar_intake import BarIntake
from algopioneer_core.runtime.guard import StrategyGuard
from algopioneer_core.runtime.guarded_exits import GuardedExit
from algopioneer_core.runtime.inbox import Inbox
from algopioneer_core.runtime.joint_bars import JointBars
from algopioneer_core.runtime.plan import StrategyPlan
from algopioneer_core.runtime.restart_policy import RestartBudget

__all__ = ["StrategyRunner", "holds_in", "made_before"]

_FLEETING: Final = frozenset((Quote, Trade))
_PRICES: Final = (Bar, Trade, Quote)
_STATE_EVERY: Final = 64
"""Decision events after which the strategy's own state is read again; what came since is kept, so
that a crash loses nothing and a restart shows few events twice."""


class StrategyRunner:
    """
    Runs one strategy, without waiting.

    Args:
        plan: What to run.
        risk: The session's gate.
        next_id: Gives client order ids; starts after the ids that a restored snapshot counts.
        jitter: See `RestartBudget`.
        grace_ns: How long a leg's bar may be late.
        restored: A snapshot to go on from; None to begin.
        recall: Looks the strategy's orders up that its engine has forgotten.
    """

    def __init__(
        self,
        plan: StrategyPlan,
        risk: RiskGate,
        next_id: Callable[[], str],
        *,
        jitter: Callable[[int], float],
        grace_ns: int | None = None,
        restored: Mapping[str, Any] | None = None,
        recall: Recall = lambda _: None,
    ) -> None:
        self.plan = plan
        self.name: Final = plan.name
        self.inbox = Inbox()
        self.guard = StrategyGuard()
        self.budget = RestartBudget(plan.restarts, jitter)
        self.timers: dict[str, int] = {}
        """When each timer is due, UTC nanoseconds."""
        self.denied: list[tuple[Order, Denied]] = []
        """Orders refused by risk during the event being handled."""
        self.refused: list[str] = []
        """Why spreads that were wanted during it were not opened."""
        self.finished: list[tuple[str, RoundTrip]] = []
        """Round trips finished during it, each with its trade key."""
        self.broken_exits: list[str] = []
        """What went wrong in exit policies during it, in words."""
        self.restart_ns: int | None = None
        """When a crashed strategy is started again; None when it is not to be."""
        self.given_up = False
        """Whether its restarts are used up."""
        self.draining = False
        """Whether it was removed and only leaves its position."""
        self.last_bar_ns = 0
        """Close of the latest bar it decided on, UTC nanoseconds."""
        self._trips = 0
        self._taken = 0
        self._joint = (
            JointBars(plan.instrument_ids, grace_ns) if len(plan.instruments) > 1 else None
        )
        self._intake = BarIntake(plan.interval_ns, plan.bar_origins)
        self._state: Written | Mapping[str, Any] | None = None
        self._since: deque[Event] = deque()
        self.engine = self._make_engine(risk, OrderManager(next_id, recall=recall))
        self.guard.check = self.engine.check
        self._context = EngineContext(self.engine.portfolio, self.engine.orders)
        if restored is not None:
            self._restore(restored)

    def _make_engine(self, risk: RiskGate, orders: OrderManager) -> TradingEngine:
        plan = self.plan
        portfolio = Portfolio(plan.instruments, plan.capital, on_round_trip=self._on_round_trip)
        legs = None
        if plan.is_spread:
            first, second = plan.instruments
            rules = plan.legs or LegRules()
            legs = LegManager(
                (first, second),
                portfolio,
                orders,
                rules,
                plan.inventory,
                on_refused=self.refused.append,
            )
        return TradingEngine(
            plan.name,
            self.guard,
            portfolio,
            orders,
            exits=ExitMonitor(self._exits(), plan.exit_costs) if plan.exits else None,
            exit_on_quotes=plan.exit_on_quotes,
            legs=legs,
            risk=risk,
            on_denied=self._on_denied,
        )

    def _exits(self) -> list[GuardedExit]:
        def failed(name: str, error: str) -> None:
            self.broken_exits.append(f"exit policy {name} failed: {error}")

        return [GuardedExit(each, failed) for each in self.plan.exits]

    def _on_round_trip(self, trip: RoundTrip) -> None:
        self._trips += 1
        self.finished.append((f"{self.name}:{self._trips}", trip))

    def _on_denied(self, order: Order, denied: Denied) -> None:
        self.denied.append((order, denied))

    # --- what it decides on ------------------------------------------------------------------

    def events(self, now_ns: int | None = None) -> Iterator[Event]:
        """
        Yield what waits in the inbox, as the engine is to see it; bars of several legs joined.

        Taken one by one: what the engine orders at one event is handed on before the next.

        Args:
            now_ns: The time, where it goes on by itself: bars that are over by then are closed.
        """
        for event in self.inbox.take():
            self._taken += 1
            if isinstance(event, _PRICES):
                for bar in self._intake.put(event):
                    yield from self._decided(bar)
            if type(event) is not Bar:
                yield event
        if now_ns is not None:
            yield from self.closed(now_ns)

    def closed(self, now_ns: int) -> Iterator[Event]:
        """Yield what the bars that are over at *now_ns* let the strategy decide on."""
        for bar in self._intake.close_until(now_ns):
            yield from self._decided(bar)

    def forget_built_bars(self) -> None:
        """Begin anew the bars that are being built, as after a time in which nothing was heard."""
        self._intake.forget_built()

    def _decided(self, bar: Bar) -> Iterator[Event]:
        """Yield what a finished bar lets the strategy decide on; not what history has shown it."""
        decided = bar if self._joint is None else self._joint.put(bar)
        if decided is not None and decided.ts_event > self.last_bar_ns:
            yield decided

    def next_close_ns(self, now_ns: int) -> int | None:
        """Return when a bar is to be closed by the clock; None where bars come by themselves."""
        return self._intake.next_close_ns(now_ns)

    def seen(self, event: Event) -> None:
        """Take note that the engine has handled *event*, so that a restart can show it again."""
        if type(event) is Bar or type(event) is JointBar:
            self.last_bar_ns = event.ts_event
            if self.guard.is_running and len(self._since) + 1 >= _STATE_EVERY:
                self.keep_state()
                return
        if type(event) in _FLEETING and not self.guard.is_running:
            return  # yesterday's prices are of no use to a strategy that comes back
        if self.guard.crash is None:  # what a strategy failed at is not shown to it again
            self._since.append(event)
            if len(self._since) > 4 * _STATE_EVERY:
                self._trim()

    def _trim(self) -> None:
        """Keep memory flat: quotes and reports between two readings of the state add up."""
        if self.guard.is_running:
            self.keep_state()
        else:
            self._since.popleft()

    def keep_state(self) -> None:
        """Read the strategy's state now; what it saw so far need not be shown to it again."""
        if self.guard.is_running:
            state = self.guard.written_state()
            if self.guard.crash is None:
                self._state = state
                self._since.clear()

    def expire(self, now_ns: int) -> None:
        """Give up legs' bars whose grace is over."""
        if self._joint is not None:
            self._joint.expire(now_ns)

    def due(self, now_ns: int) -> list[str]:
        """Return the names of the timers that are due, the earliest first, and forget them."""
        if not self.timers:
            return []
        due = sorted((at_ns, name) for name, at_ns in self.timers.items() if at_ns <= now_ns)
        for _, name in due:
            del self.timers[name]
        return [name for _, name in due]

    @property
    def wants_more(self) -> bool:
        """Whether the last answer of the strategy asked for a new position."""
        return any(
            isinstance(each, OpenSpread | OrderIntent)
            and not (isinstance(each, OrderIntent) and each.reduce_only)
            for each in self.guard.wishes
        )

    @property
    def holds(self) -> bool:
        """Whether anything is held or working."""
        books = self.engine.portfolio.positions.values()
        return any(each.quantity for each in books) or bool(self.engine.orders.working)

    # --- life --------------------------------------------------------------------------------

    def start(self) -> bool:
        """
        Start the strategy, or start it again; return whether it runs.

        It goes on from its last state and is shown what happened since then. Answers to the past
        are dropped.
        """
        past = list(self._since)
        self._context.now_ns = self.engine.now_ns
        if not self.guard.adopt(self.plan.make, self._state, past, self._context):
            return False
        self.restart_ns = None
        self.keep_state()
        return self.guard.is_running

    def warm_up(self, events: Iterable[Event]) -> bool:
        """
        Show the running strategy what it missed, without its wishes; return whether it runs on.

        Its instruments are marked at the closes, and what it had seen before is left out.
        """
        for event in events:
            if event.ts_event > self.last_bar_ns and self.guard.is_running:
                self.engine.warm_up(event)
                self.seen(event)
        return self.guard.is_running

    # --- memory ------------------------------------------------------------------------------

    @property
    def mark(self) -> tuple[int, int]:
        """What is the same for as long as the strategy has seen nothing."""
        return self._taken, self.engine.now_ns

    def snapshot(self) -> dict[str, object]:
        """Return everything a restart needs, as JSON values and domain objects."""
        self.keep_state()
        return {
            "fingerprint": self.plan.fingerprint,
            "engine": self.engine.snapshot(),
            "strategy": self._state,
            "since": list(self._since),
            "intake": self._intake.snapshot(),
            "joint": None if self._joint is None else self._joint.snapshot(),
            "timers": dict(self.timers),
            "budget": self.budget.snapshot(),
            "restart_ns": self.restart_ns,
            "given_up": self.given_up,
            "draining": self.draining,
            "last_bar_ns": self.last_bar_ns,
            "trips": self._trips,
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.engine.restore(state["engine"])
        self._state = state["strategy"]
        self._since = deque(state["since"])
        self._intake.restore(state["intake"])
        if self._joint is not None and state["joint"] is not None:
            self._joint.restore(state["joint"])
        self.timers = dict(state["timers"])
        self.budget.restore(state["budget"])
        self.restart_ns = state["restart_ns"]
        self.given_up, self.draining = state["given_up"], state["draining"]
        self.last_bar_ns = state["last_bar_ns"]
        self._trips = state["trips"]


def made_before(restored: Mapping[str, Any] | None) -> int:
    """Return how many ids the snapshot of a runner counts; the next one starts after them."""
    return 0 if restored is None else int(restored["engine"]["orders"]["made"])


def holds_in(saved: Mapping[str, Any]) -> bool:
    """Return whether anything was held or working in the snapshot of a runner."""
    books = saved["engine"]
    held = any(Decimal(sums[0]) for sums in books["portfolio"]["positions"].values())
    return held or any(not each.status.is_final for each in books["orders"]["orders"])
