"""
The floor: all strategies of a session, the gate they trade through, and the pumps to the venues.

It connects and decides nothing: events go to runners, reports to the runner whose order they are
about, commands to the venue of their instrument. It never waits, so that live and lockstep drivers
can share it.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Protocol

from algopioneer_core.domain.errors import OrderError, UnknownOrder
from algopioneer_core.domain.events import AccountEvent, Event, OrderFilled, RiskHalted, TimerFired
from algopioneer_core.domain.execution_reports import ExecutionReport
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.orders import Order
from algopioneer_core.domain.positions import Position
from algopioneer_core.engine.order_manager import PastOrder
from algopioneer_core.engine.risk import RiskGate
from algopioneer_core.runtime.account_routing import shares_of
from algopioneer_core.runtime.announcements import Say, silent
from algopioneer_core.runtime.gate import Gate, Log, Pump
from algopioneer_core.runtime.plan import StrategyPlan
from algopioneer_core.runtime.router import Router
from algopioneer_core.runtime.runner import StrategyRunner, made_before
from algopioneer_core.runtime.supervision import Supervision
from algopioneer_core.wire.wake import Wake

__all__ = ["Alarm", "FindOrder", "Floor", "MakeIds"]

MakeIds = Callable[[str, int], Callable[[], str]]
"""Makes the ids of one strategy's orders: its name, and the number of the first."""


FindOrder = Callable[[str], tuple[str, PastOrder] | None]
"""Looks an order up in the journal by its id: whose it is, and what became of it."""


class Alarm(Protocol):
    """Who is told what a person should know."""

    def __call__(
        self, ts_ns: int, subject: str, text: str = "", *, strategy: str = "", urgent: bool = False
    ) -> None:
        """Tell it; never waits."""


class Floor:
    """
    Strategies and what connects them to their venues.

    Args:
        log: The journal.
        find_order: Looks up orders that ended long ago, or in an earlier session.
        risk: The session's gate.
        make_ids: Makes order ids.
        jitter: Numbers in [0, 1) by strategy and attempt, for back-off.
        alarm: Tells people.
        router: Fans market data out.
        grace_ns: How long a leg's bar may be late; None waits for a later time.
        record_inputs: Whether market data is journalled.
        on_trade: Called with key, strategy and round trip of each finished trade.
        say: Takes the lines of the log.
    """

    def __init__(
        self,
        log: Log,
        risk: RiskGate,
        *,
        find_order: FindOrder = lambda _: None,
        make_ids: MakeIds,
        jitter: Callable[[str, int], float],
        alarm: Alarm,
        router: Router | None = None,
        grace_ns: int | None = None,
        record_inputs: bool = False,
        on_trade: Callable[..., None] = lambda *_: None,
        say: Say = silent,
    ) -> None:
        self.risk = risk
        self.router = router or Router()
        self.runners: dict[str, StrategyRunner] = {}
        """The strategies by name, in the configured order."""
        self.pumps: dict[str, Pump] = {}
        """Where each venue's orders go; filled by the driver before anything trades."""
        self.now_ns = 0
        """Time of the latest event, UTC nanoseconds."""
        self.is_closed = False
        """Whether nothing is decided any more, so that what waits in inboxes stays there: only what
        venues say about orders is heard."""
        self.handled = Wake()
        """Rung after each event that an engine has handled."""
        self.foreign_reports = 0
        """Reports about orders that are not ours."""
        self.repeated_fills = 0
        """Fills that were heard before, by another way: they are not journalled again."""
        self._find_order = find_order
        self._make_ids = make_ids
        self._jitter = jitter
        self._alarm = alarm
        self._grace_ns = grace_ns
        self.gate = Gate(
            log,
            self,
            record_inputs=record_inputs,
            on_trade=on_trade,
            on_alert=self._halted,
            on_crash=lambda runner: self.supervision.crashed(runner, self.now_ns),
        )
        self.supervision = Supervision(
            self.gate, lambda: tuple(self.runners.values()), self.flatten, self._tell, say
        )

    # --- who is there ------------------------------------------------------------------------

    def add(
        self,
        plan: StrategyPlan,
        restored: Mapping[str, Any] | None = None,
        *,
        ring: Callable[[], None] = lambda: None,
    ) -> StrategyRunner:
        """
        Give a strategy its place, with its books; it is started by the driver.

        Args:
            plan: What to run.
            restored: Its last snapshot.
            ring: Called when something comes into its inbox.
        """
        runner = StrategyRunner(
            plan,
            self.risk,
            self._make_ids(plan.name, made_before(restored) + 1),
            jitter=lambda attempt: self._jitter(plan.name, attempt),
            grace_ns=self._grace_ns,
            restored=restored,
            recall=partial(self._recall, plan.name),
        )
        self.runners[plan.name] = runner
        self.router.subscribe(runner.inbox, plan.instrument_ids, ring)
        return runner

    def remove(self, name: str) -> None:
        """Take a strategy that holds nothing away; reports about its orders find it no more."""
        runner = self.runners.pop(name)
        self.router.unsubscribe(runner.inbox)
        self.risk.withdraw(name)

    def is_shared(self, instrument_id: InstrumentId) -> bool:
        """Return whether several strategies trade an instrument, and so share its position."""
        runners = self.runners.values()
        return sum(instrument_id in each.plan.instrument_ids for each in runners) > 1

    def working(self, venue: str) -> Iterable[Order]:
        """Return all orders of ours that may still trade at *venue*."""
        return [
            order
            for runner in self.runners.values()
            for order in runner.engine.orders.working.values()
            if order.intent.instrument_id.venue == venue
        ]

    def may_have_filled(self, venue: str, since_ns: int) -> Iterable[Order]:
        """
        Return all orders of ours at *venue* of which fills may still be told.

        Of those that were taken out of the market, the ones since *since_ns* (UTC).
        """
        lacking = (
            order
            for runner in self.runners.values()
            for order in runner.engine.orders.lacking_fills(since_ns)
            if order.intent.instrument_id.venue == venue
        )
        return [*self.working(venue), *lacking]

    def positions(self, venue: str) -> list[Position]:
        """Return what the strategies have at *venue*, flat or not."""
        return [
            position
            for runner in self.runners.values()
            for key, position in runner.engine.portfolio.positions.items()
            if key.venue == venue
        ]

    def remembers(self, client_order_id: str) -> bool:
        """Return whether an engine knows an order, so that nobody has to look it up."""
        return self._holder(client_order_id) is not None

    def _holder(self, client_order_id: str) -> StrategyRunner | None:
        for runner in self.runners.values():
            if runner.engine.orders.remembers(client_order_id):
                return runner
        return None

    def owner(self, client_order_id: str) -> StrategyRunner | None:
        """
        Return whose order it is; None when it is not ours.

        The engines are the only memory of that. An order that ended so long ago that none of them
        remembers it is brought back from the journal, so that it can be reported about.
        """
        holder = self._holder(client_order_id)
        if holder is not None:
            return holder
        found = self._find_order(client_order_id)
        if found is None or found[0] not in self.runners:
            return None
        strategy, past = found
        self.runners[strategy].engine.orders.take_back(past)
        return self.runners[strategy]

    def _recall(self, strategy: str, client_order_id: str) -> PastOrder | None:
        found = self._find_order(client_order_id)
        return found[1] if found is not None and found[0] == strategy else None

    def current(self, client_order_id: str) -> Order:
        """
        Return an order of ours as its engine knows it.

        Raises:
            UnknownOrder: It is not ours.
        """
        runner = self.owner(client_order_id)
        if runner is None:
            raise UnknownOrder("no strategy of this session made it", where=client_order_id)
        return runner.engine.orders.get(client_order_id)

    def name_of(self, client_order_id: str) -> str:
        """Return the strategy whose order it is; empty when it is not ours."""
        runner = self.owner(client_order_id)
        return "" if runner is None else runner.name

    def is_leg(self, client_order_id: str) -> bool:
        """Return whether it is an order of a spread."""
        runner = self.owner(client_order_id)
        return runner is not None and runner.engine.legs is not None

    def take_back(self, client_order_id: str, cause: int) -> None:
        """
        Ask for the end of an order of ours; nothing when it has ended, or was asked to already.

        Args:
            client_order_id: Its id.
            cause: The entry of the journal that it is taken back for.
        """
        runner = self.owner(client_order_id)
        if runner is not None:
            commands = runner.engine.cancel_order(client_order_id)
            self.gate.command(runner, commands, self.now_ns, cause)

    # --- events in ---------------------------------------------------------------------------

    def process(self, runner: StrategyRunner, now_ns: int | None = None) -> None:
        """
        Let *runner* handle what waits in its inbox, and its timers that are due by then.

        Args:
            runner: The strategy.
            now_ns: The time, where it goes on by itself; None where it is that of the events.
        """
        if self.is_closed:
            return
        for event in runner.events(now_ns):
            self.deliver(runner, event)
            self.fire_timers(runner, event.ts_event)

    def close_bars(self, now_ns: int) -> bool:
        """
        Let strategies handle the bars that are over at *now_ns*; return whether there were any.

        For replays, in which nothing of an earlier time is still to come.
        """
        found = False
        for runner in tuple(self.runners.values()):
            for bar in runner.closed(now_ns):
                found = True
                self.deliver(runner, bar)
                self.fire_timers(runner, bar.ts_event)
        return found

    def deliver(self, runner: StrategyRunner, event: Event) -> None:
        """Let *runner* handle one event now."""
        self.now_ns = max(self.now_ns, event.ts_event)
        self.supervision.look(runner, event.ts_event)
        self.gate.deliver(runner, event)
        if runner.broken_exits:
            self._halt_unwatched(runner, event.ts_event)
        self.handled.ring()

    def deliver_to_all(self, event: Event) -> None:
        """Let every strategy handle one event now."""
        for runner in self.runners.values():
            self.deliver(runner, event)

    def _halt_unwatched(self, runner: StrategyRunner, now_ns: int) -> None:
        """Let a strategy whose exit policy has failed open nothing more; the others still watch."""
        broken, runner.broken_exits = runner.broken_exits, []
        reason = "; ".join(broken)
        self._alarm(
            now_ns,
            f"{runner.name} has lost an exit policy and opens nothing more",
            f"{reason}. Its other exits and its legs go on. Mend the policy and start again.",
            strategy=runner.name,
            urgent=True,
        )
        self.deliver(runner, RiskHalted(now_ns, reason, runner.name))

    def fire_timers(self, runner: StrategyRunner, now_ns: int) -> None:
        """Deliver the timers of *runner* that are due."""
        if self.is_closed:
            return
        for name in runner.due(now_ns):
            self.deliver(runner, TimerFired(name, now_ns))

    def report(self, report: ExecutionReport | AccountEvent) -> None:
        """Hand what a venue says about orders or the account to the strategies it concerns."""
        if not isinstance(report, ExecutionReport):
            for holder, share in shares_of(report, self.runners.values(), self.owner):
                self._hear(holder, share)
        elif (runner := self.owner(report.client_order_id)) is None:
            self.foreign_reports += 1
        elif _is_known(runner, report):
            self.repeated_fills += 1
        else:
            self._hear(runner, report)
            for pump in self.pumps.values():
                pump.changed()

    def _hear(self, runner: StrategyRunner, report: ExecutionReport | AccountEvent) -> None:
        """Deliver a report; one that contradicts our books halts its strategy, and no other."""
        try:
            self.deliver(runner, report)
        except OrderError as error:
            reason = f"a report contradicts what is known: {error}"
            self._tell(self.now_ns, runner.name, f"{runner.name} is halted", reason)
            self.deliver(runner, RiskHalted(self.now_ns, reason, runner.name))

    # --- commands out ------------------------------------------------------------------------

    def submit(self, order: Order, sequence: int) -> None:
        """Hand an order to the pump of its venue."""
        self.pumps[order.intent.instrument_id.venue].submit(order, sequence)

    def cancel(self, order: Order, sequence: int) -> None:
        """Hand a cancel to the pump of its venue."""
        self.pumps[order.intent.instrument_id.venue].cancel(order, sequence)

    def flatten(self, runner: StrategyRunner, now_ns: int, reason: str) -> None:
        """Close everything *runner* holds, for *reason*."""
        commands = runner.engine.flatten(reason)
        self.gate.command(runner, commands, now_ns, None)

    # --- people ------------------------------------------------------------------------------

    def _halted(self, strategy: str, reason: str) -> None:
        self._alarm(self.now_ns, f"{strategy} is halted", reason, strategy=strategy, urgent=True)

    def _tell(self, ts_ns: int, strategy: str, subject: str, text: str) -> None:
        self._alarm(ts_ns, subject, text, strategy=strategy, urgent=True)


def _is_known(runner: StrategyRunner, report: ExecutionReport) -> bool:
    """Return whether *report* is a fill that was counted already."""
    if not isinstance(report, OrderFilled):
        return False
    return report.fill.fill_id in runner.engine.orders.get(report.client_order_id).fill_ids
