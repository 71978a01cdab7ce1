"""
The live driver: venues that do not wait, and one task for each strategy.

Longest-lived outermost: commits, then venues (reports, orders, reconciliation, market data), then
strategies. Nothing trades before every venue has been reconciled once. A stop opens nothing new,
drives legs to rest within its deadline, cancels what is left, and says what could not be.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import anyio
import anyio.abc

from algopioneer_core.domain.capabilities import Capability, Support
from algopioneer_core.domain.errors import RefusedError
from algopioneer_core.domain.events import RiskResumed
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.domain.orders import Order
from algopioneer_core.engine.margin import SupportsMargin
from algopioneer_core.journal.journal import Journal
from algopioneer_core.ports import Clock, Venue
from algopioneer_core.runtime.announcements import Say, silent
from algopioneer_core.runtime.execution import ExecutionPump
from algopioneer_core.runtime.feeds import read_feed
from algopioneer_core.runtime.floor import Alarm, Floor
from algopioneer_core.runtime.margin_watcher import MarginWatcher
from algopioneer_core.runtime.plan import SessionPlan, StrategyPlan
from algopioneer_core.runtime.reconciler import Reconciler
from algopioneer_core.runtime.reloading import Reloader, fresh_mind, wanted_again
from algopioneer_core.runtime.reports import read_reports
from algopioneer_core.runtime.runner import holds_in
from algopioneer_core.runtime.saver import Saver
from algopioneer_core.runtime.stopping import STOPPING, StopRequest, resume_after_stop
from algopioneer_core.runtime.strategy_tasks import StrategyTasks
from algopioneer_core.runtime.stream_gaps import GapListener
from algopioneer_core.runtime.winding_down import wind_down
from algopioneer_core.wire.wake import Wake

__all__ = ["LiveDriver"]

_ALL_STATES_S: Final = 300
"""How often the state of strategies that saw something and did nothing is saved too, so that
restarts re-read few bars."""


class LiveDriver:
    """
    Runs a session over venues whose time goes on.

    Args:
        plan: The session.
        floor: Its strategies' place; empty.
        venues: Opened, by name.
        journal: Open.
        saver: Writes what happens, and the states that belong to it.
        clock: The time.
        alarm: Tells people.
        draw: Numbers in [0, 1).
        on_commit: Called after each commit.
        obey: Does what people ask for.
        asked: Rung when they have asked for something.
        say: Takes the lines of the log.
    """

    def __init__(
        self,
        plan: SessionPlan,
        floor: Floor,
        venues: Mapping[str, Venue],
        journal: Journal,
        saver: Saver,
        clock: Clock,
        *,
        alarm: Alarm,
        draw: Callable[[], float],
        on_commit: Callable[[], None] = lambda: None,
        obey: Callable[[], Awaitable[None]],
        asked: Wake,
        say: Say = silent,
    ) -> None:
        self._plan = plan
        self._floor = floor
        self._venues = dict(venues)
        self._saver = saver
        self._clock = clock
        self._alarm = alarm
        self._draw = draw
        self._on_commit = on_commit
        self._obey = obey
        self._asked = asked
        self._say = say
        self._subscribed: dict[InstrumentId, None] = {}
        self._feeds = 0
        self._began = anyio.Event()
        self._venue_tasks: anyio.abc.TaskGroup | None = None
        self._stop = StopRequest()
        self.pumps = {name: self._make_pump(venue) for name, venue in self._venues.items()}
        self.reconcilers = {
            name: Reconciler(
                name,
                venue.execution,
                self.pumps[name],
                floor,
                journal,
                clock,
                alarm=alarm,
                every_ns=int(plan.drift.every_s * NS_PER_SECOND),
                draw=draw,
                rules=plan.drift,
                say=say,
            )
            for name, venue in self._venues.items()
        }
        floor.pumps.update(self.pumps)
        self._tasks = StrategyTasks(
            floor,
            self._venues,
            saver,
            clock,
            alarm=alarm,
            draw=draw,
            is_gone=lambda runner: self.reloader.gone(runner),
        )
        self.reloader = Reloader(
            floor, self._begin_anew, self._tasks.end, clock, alarm, leave=saver.put_last
        )
        self._reloading = anyio.CancelScope()

    def _make_pump(self, venue: Venue) -> ExecutionPump:
        return ExecutionPump(
            venue.name,
            venue.execution,
            self._saver,
            self._clock,
            report=self._floor.report,
            current=self._floor.current,
            working=lambda: self._floor.working(venue.name),
            draw=self._draw,
            rules=self._plan.execution,
            is_shared=self._is_shared,
            alert=self._alert_order,
            agrees=lambda order: self.reconcilers[venue.name].agrees(order),
            owners=self._floor,
            say=self._say,
        )

    def _is_shared(self, instrument_id: InstrumentId) -> bool:
        has_foreign = self.reconcilers[instrument_id.venue].has_foreign
        return self._floor.is_shared(instrument_id) or has_foreign(instrument_id)

    def _alert_order(self, subject: str, text: str) -> None:
        self._alarm(self._clock.now_ns(), subject, text, urgent=True)

    # --- memory ------------------------------------------------------------------------------

    def restore(self) -> None:
        """
        Take up what the journal has of each strategy, the risk gate and simulated accounts.

        A strategy whose configuration has changed keeps its books and begins with a fresh mind.

        Raises:
            RefusedError: A strategy that is not in the plan any more holds something: nobody would
                manage it.
        """
        self._refuse_forgotten()
        self._saver.restore_venues()
        for plan in self._plan.strategies:
            self._tasks.place(plan, self._saved(plan))
        risk = self._saver.saved_risk()
        if risk is not None:
            self._floor.risk.restore(risk)
            resume_after_stop(self._floor.risk)
        self._saver.watch(self._floor.runners, self._floor.risk)

    def _refuse_forgotten(self) -> None:
        names = {plan.name for plan in self._plan.strategies}
        for name, saved in self._saver.saved_runners():
            if name not in names and holds_in(saved):
                raise RefusedError(
                    f"strategy {name!r} is not in the configuration any more, and holds a position "
                    "or has orders at work",
                    where=self._plan.name,
                    remedy="put it back, or close it first: algopioneer flatten --offline",
                )

    def _saved(self, plan: StrategyPlan) -> Mapping[str, Any] | None:
        saved = self._saver.saved_runner(plan.name)
        if saved is None:
            return None
        saved = wanted_again(saved)
        return saved if saved["fingerprint"] == plan.fingerprint else fresh_mind(saved)

    # --- running -----------------------------------------------------------------------------

    async def run(self, stop: StopRequest) -> str:
        """
        Trade until *stop* is asked, the time is over, or every feed has ended.

        Raises:
            JournalFailed: The disk refused; nothing was sent after that.
            AuthenticationFailed: A venue does not accept the key.
        """
        self._stop = stop
        async with anyio.create_task_group() as services:
            services.start_soon(self._commit)
            services.start_soon(self._save_quiet)
            async with anyio.create_task_group() as venues:
                self._venue_tasks = venues
                async with anyio.create_task_group() as strategies:
                    self._tasks.group = strategies
                    await self._unless_stopped(self._open_everything, venues)
                    strategies.start_soon(self._end_in_time)
                    await stop.wait()
                    self._reloading.cancel()
                    await self._wind_down()
                    strategies.cancel_scope.cancel()
                venues.cancel_scope.cancel()
            await self._saver.flush()
            services.cancel_scope.cancel()
        return stop.reason

    async def _wind_down(self) -> None:
        lags = [each.capabilities.absence_after_ns for each in self._venues.values()]
        deadline_ns, lag_ns = self._plan.stop_deadline_ns, max(lags, default=0)
        await wind_down(self._floor, self._clock, self._alarm, deadline_ns, lag_ns)

    async def _unless_stopped(
        self, wait: Callable[[anyio.abc.TaskGroup], Awaitable[None]], venues: anyio.abc.TaskGroup
    ) -> None:
        """Await *wait*; a stop that is asked meanwhile ends it, as when a venue does not answer."""

        async def wait_and_end() -> None:
            await wait(venues)
            tasks.cancel_scope.cancel()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait_and_end)
            await self._stop.wait()
            tasks.cancel_scope.cancel()

    async def _open_everything(self, venues: anyio.abc.TaskGroup) -> None:
        await self._open_venues(venues)
        self._end_last_stop()
        await self._obey()  # what was asked for meanwhile, once the books are known to be right
        venues.start_soon(self._obey_people)
        await self._open_feeds(self._traded())
        for runner in tuple(self._floor.runners.values()):
            await self._tasks.begin(runner)
        self._began.set()

    def _end_last_stop(self) -> None:
        """Lift the halts of the last stop and of removals; those by hand stay."""
        if self._floor.risk.halted() == STOPPING:
            self._floor.deliver_to_all(RiskResumed(self._clock.now_ns()))
        self.reloader.lift()

    async def _open_venues(self, venues: anyio.abc.TaskGroup) -> None:
        for name, venue in self._venues.items():
            reconciler = self.reconcilers[name]
            await venues.start(self.pumps[name].run)
            await venues.start(self._read_reports, venue, reconciler)
            venues.start_soon(reconciler.run)
        for reconciler in self.reconcilers.values():
            await reconciler.done.wait()
        for name, venue in self._venues.items():
            if isinstance(venue.execution, SupportsMargin):
                venues.start_soon(self._margin_watcher(name, venue.execution).run)

    def _margin_watcher(self, name: str, account: SupportsMargin) -> MarginWatcher:
        rules, alarm = self._plan.margin, self._alarm
        return MarginWatcher(name, account, self._floor, self._clock, alarm=alarm, rules=rules)

    async def _read_reports(
        self, venue: Venue, reconciler: Reconciler, *, task_status: anyio.abc.TaskStatus[None]
    ) -> None:
        def working() -> Iterable[Order]:
            return self._floor.working(venue.name)

        listener = GapListener(self._floor.report, working, self.pumps[venue.name].inquire)

        def is_up() -> None:
            listener.stream_is_up()
            reconciler.stream_is_up()

        await read_reports(
            venue.execution,
            listener.hear if _answers(venue) else self._floor.report,
            on_up=is_up,
            on_down=reconciler.stream_is_down,
            draw=self._draw,
            task_status=task_status,
        )

    async def _open_feeds(self, ids: Iterable[InstrumentId]) -> None:
        """Subscribe what is not subscribed yet; each venue's part in a task of its own."""
        wanted: dict[str, list[InstrumentId]] = {}
        for each in ids:
            if each not in self._subscribed:
                self._subscribed[each] = None
                wanted.setdefault(each.venue, []).append(each)
        assert self._venue_tasks is not None
        for name, new in wanted.items():
            self._feeds += 1
            await self._venue_tasks.start(self._feed, name, new)

    async def _feed(
        self,
        name: str,
        ids: list[InstrumentId],
        *,
        task_status: anyio.abc.TaskStatus[None],
    ) -> None:
        await read_feed(
            name,
            self._venues[name].market_data,
            ids,
            self._floor.router.publish,
            clock=self._clock,
            draw=self._draw,
            task_status=task_status,
        )
        self._feeds -= 1
        if not self._feeds:
            await self._began.wait()
            while any(each.inbox.waiting for each in self._floor.runners.values()):
                await self._floor.handled.wait()
            self._stop.ask("the feed has ended")

    async def _commit(self) -> None:
        """Make durable whatever was written, soon."""
        while True:
            await self._saver.bell.wait()
            await self._saver.flush()
            self._on_commit()

    async def _save_quiet(self) -> None:
        """
        Save now and then who was quiet, however busy others are, and what nobody rang for.

        A restart would show it the bars again, but not quotes, nor to its exit policies.
        """
        while True:
            await anyio.sleep(_ALL_STATES_S)
            self._saver.touch_quiet()
            self._saver.bell.ring()

    async def _obey_people(self) -> None:
        while True:
            await self._asked.wait()
            await self._obey()

    async def _end_in_time(self) -> None:
        if self._plan.run_for_ns is not None:
            await anyio.sleep(self._plan.run_for_ns / NS_PER_SECOND)
            self._stop.ask("the time is over")

    # --- strategies --------------------------------------------------------------------------

    def _traded(self) -> Iterator[InstrumentId]:
        for runner in self._floor.runners.values():
            yield from runner.plan.instrument_ids

    async def _begin_anew(self, plan: StrategyPlan, saved: Mapping[str, Any] | None) -> None:
        """Give a strategy its place while the session runs, and start it."""
        runner = self._tasks.place(plan, self._saved(plan) if saved is None else saved)
        await self._open_feeds(plan.instrument_ids)
        await self._tasks.begin(runner)

    async def reload(self, plans: Sequence[StrategyPlan]) -> list[str]:
        """
        Change the strategies once everything is open; return what was done, in words.

        Raises:
            RefusedError: The session is stopping; what was not done by then is left.
        """
        await self._began.wait()
        if not self._stop.is_asked:
            with anyio.CancelScope() as self._reloading:
                return await self.reloader.apply(plans)
        raise RefusedError(
            "the session is stopping",
            where=self._plan.name,
            remedy="the next start reads the new configuration",
        )


def _answers(venue: Venue) -> bool:
    """Return whether a venue can be asked about an order by our id."""
    support = venue.capabilities.supports(Capability.ORDER_BY_CLIENT_ID)
    return support is not Support.UNSUPPORTED
