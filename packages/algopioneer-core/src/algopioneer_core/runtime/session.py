"""
One session, top to bottom: take up what the journal has, trade, and end in good order.

What lives longest is outermost: alarms and recorders, then venues, then strategies. The session is
given everything opened and made; it opens only the tasks.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Final

import anyio
from attrs import frozen

from algopioneer_core.domain.errors import RefusedError
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.domain.market_time import market_time_of
from algopioneer_core.engine.order_ids import order_ids
from algopioneer_core.engine.order_manager import PastOrder
from algopioneer_core.journal.control import ControlBox
from algopioneer_core.journal.entries import Entry, EntryKind
from algopioneer_core.journal.journal import Journal
from algopioneer_core.ports import Clock, Notifier, Recorder, RunBlocking, Venue
from algopioneer_core.runtime.alarms import AlarmBell
from algopioneer_core.runtime.announcements import Say, SpokenLog, silent
from algopioneer_core.runtime.control import ControlDesk
from algopioneer_core.runtime.failure import tell_failure
from algopioneer_core.runtime.floor import Floor
from algopioneer_core.runtime.journalled_orders import order_as_journalled
from algopioneer_core.runtime.live import LiveDriver
from algopioneer_core.runtime.lockstep import FeedClock, LockstepDriver
from algopioneer_core.runtime.market_clock import MarketClock
from algopioneer_core.runtime.plan import SessionPlan
from algopioneer_core.runtime.recording import RecordingPump
from algopioneer_core.runtime.resume import Resume
from algopioneer_core.runtime.router import Router
from algopioneer_core.runtime.runner import StrategyRunner
from algopioneer_core.runtime.saver import Saver
from algopioneer_core.runtime.session_result import SessionResult, equity_of, held_in
from algopioneer_core.runtime.shedding import Shedder
from algopioneer_core.runtime.steady_clock import SteadyClock
from algopioneer_core.runtime.stopping import StopRequest
from algopioneer_core.runtime.watchdog import Watched
from algopioneer_core.wire.wake import Wake

__all__ = ["Chance", "Session"]

_FINISH_S: Final = 30
_POLL_S: Final = 0.5


@frozen(kw_only=True)
class Chance:
    """Where a session's randomness comes from; all of it injected."""

    draw: Callable[[], float]
    """Numbers in [0, 1), for the jitter of waits."""
    jitter: Callable[[str, int], float]
    """The same as a function of strategy and attempt alone, for restarts that can be repeated."""
    nonce: Callable[[], str]
    """Tells this start from all others, in the ids of its orders."""


class Session:
    """
    Runs strategies at venues.

    Args:
        plan: What to run.
        venues: Opened, by name; every instrument's venue is there.
        journal: Opened and held.
        clock: The wall clock.
        chance: Randomness.
        recorders: By name.
        notifiers: By name.
        control: Where people leave requests; None where nobody can.
        stop: Ends the session when asked.
        quarantined: Strategies that blocked the process for good the last time; left out.
        until_flat: End as soon as no strategy holds anything and no order works.
        run_blocking: Runs the calls that read and answer requests.
        say: Takes the lines of the log.
    """

    def __init__(
        self,
        plan: SessionPlan,
        venues: Mapping[str, Venue],
        journal: Journal,
        *,
        clock: Clock,
        chance: Chance,
        recorders: Mapping[str, Recorder] | None = None,
        notifiers: Mapping[str, Notifier] | None = None,
        control: ControlBox | None = None,
        stop: StopRequest | None = None,
        quarantined: Collection[str] = (),
        until_flat: bool = False,
        run_blocking: RunBlocking = anyio.to_thread.run_sync,
        say: Say = silent,
    ) -> None:
        self.plan = plan
        self.stop = stop or StopRequest()
        self._venues = dict(venues)
        self._journal = journal
        clock = self._clock = SteadyClock(clock, self._tell_clock)
        self._chance = chance
        self._quarantined = tuple(quarantined)
        self._live: LiveDriver | None = None
        self._nonce = ""
        self.trades = 0
        """Round trips finished in this session."""
        self._announced = 0
        self._saver = Saver(journal, self._venues)
        log = journal if plan.resume is Resume.CURSOR else self._saver
        self.alarm = AlarmBell(log, notifiers or {}, say=say)
        self._spoken = SpokenLog(log, journal, say)
        self.floor = Floor(
            self._spoken,
            plan.risk_gate(),
            find_order=self._find_order,
            make_ids=self._make_ids,
            jitter=chance.jitter,
            alarm=self.alarm,
            router=Router(Shedder(plan.max_tick_age_ns)),
            grace_ns=plan.grace_ns,
            record_inputs=plan.record_inputs,
            on_trade=self._on_trade,
            say=self._spoken.say,
        )
        self._until_flat = until_flat
        self._asked = Wake()
        time = self._time = self._clock_of_the_market()
        self._desk = (
            None
            if control is None
            else ControlDesk(
                control,
                self.floor,
                log,
                journal,
                time,
                alarm=self.alarm,
                run_blocking=run_blocking,
            )
        )
        self.recording = [
            RecordingPump(
                name,
                recorder,
                journal,
                alarm=self.alarm,
                now_ns=clock.now_ns,
                draw=chance.draw,
            )
            for name, recorder in (recorders or {}).items()
        ]

    def _tell_clock(self, by_ns: int) -> None:
        self.alarm(
            self._clock.now_ns(),
            f"the machine's clock went back by {by_ns / NS_PER_SECOND:.3f} s",
            "The session's time stands still until it is caught up with. Look at the time service.",
        )

    def _clock_of_the_market(self) -> Clock:
        """Return what events, orders and timers are dated by: the market's time in a replay."""
        if self.plan.resume is Resume.CURSOR:
            return FeedClock(self.floor)
        replayed = [each for each in self._venues.values() if market_time_of(each) is not None]
        return MarketClock(self._clock, replayed) if replayed else self._clock

    def _make_ids(self, strategy: str, first: int) -> Callable[[], str]:
        return order_ids(self._journal.uuid, self._nonce, strategy, start=first)

    def _find_order(self, client_order_id: str) -> tuple[str, PastOrder] | None:
        return order_as_journalled(self._journal.entries_of_order(client_order_id))

    def _on_trade(self, *_: object) -> None:
        self.trades += 1

    @property
    def journal(self) -> Journal:
        """Where it writes everything down."""
        return self._journal

    def now_ns(self) -> int:
        """Return its time, UTC nanoseconds: the market's where it is replayed."""
        return self._time.now_ns()

    def watched(self) -> list[Watched]:
        """Return the strategies as the watchdog looks at them."""
        return [
            Watched(name, runner.guard, float(runner.plan.restarts.deadline_s))
            for name, runner in tuple(self.floor.runners.items())
        ]

    # --- running -----------------------------------------------------------------------------

    async def run(self) -> SessionResult:
        """
        Trade until the feed ends, the time is over, or `stop` is asked.

        Raises:
            RefusedError: Venues and the way to resume do not go together, or the journal was
                written with another configuration.
            JournalFailed: The disk refused; nothing was sent after that.
            JournalDiverged: The replay is not the one that the journal was written with.
        """
        try:
            async with anyio.create_task_group() as services:
                services.start_soon(self.alarm.run)
                for pump in self.recording:
                    services.start_soon(pump.run)
                if self._desk is not None:
                    await self._desk.look()
                    services.start_soon(self._look_for_requests, self._desk)
                reason = await self._trade()
                services.cancel_scope.cancel()
        except Exception as failure:
            # It shields itself, and the failure is raised again.
            await tell_failure(self.alarm, self.plan.name, failure, self._clock)  # noqa: ASYNC120
            raise
        await self._finish(reason)
        return self._result(reason)

    async def _trade(self) -> str:
        if self.plan.resume is Resume.CURSOR:
            return await self._replay()
        self._nonce = self._chance.nonce()
        driver = self._live = LiveDriver(
            self.plan,
            self.floor,
            self._venues,
            self._journal,
            self._saver,
            self._time,
            alarm=self.alarm,
            draw=self._chance.draw,
            on_commit=self._committed,
            obey=self._obey_people,
            asked=self._asked,
            say=self._spoken.say,
        )
        driver.restore()
        self._note_start()
        for runner in self._left_out():
            self.floor.supervision.quarantine(runner, self._time.now_ns())
        return await driver.run(self.stop)

    def _left_out(self) -> list[StrategyRunner]:
        found = (self.floor.runners.get(name) for name in self._quarantined)
        return [runner for runner in found if runner is not None]

    async def reload(self, plan: SessionPlan) -> list[str]:
        """
        Bring the running session to the strategies of *plan*; return what was done, in words.

        Everything but the strategies stays as it is until the next start. While the session is
        still opening, it is waited for.

        Raises:
            RefusedError: The session is replayed (what it derives again must not change), has not
                begun, or is stopping.
        """
        if self.plan.resume is Resume.CURSOR:
            raise RefusedError(
                "a replayed session cannot be changed while it runs",
                where=self.plan.name,
                remedy="begin another journal with the new configuration",
            )
        if self._live is None:
            raise RefusedError(
                "the session has only just read its configuration",
                where=self.plan.name,
                remedy="tell it again in a moment",
            )
        return await self._live.reload(plan.strategies)

    async def _replay(self) -> str:
        if len(self._venues) != 1:
            raise RefusedError(
                "a session that resumes by cursor runs over one replayed venue",
                where=self.plan.name,
                remedy="put all symbols into one replay, or set resume = wallclock",
            )
        (venue,) = self._venues.values()
        if not venue.capabilities.lockstep:
            raise RefusedError(
                "time does not stand still at this venue, so no cursor can be resumed",
                where=venue.name,
                remedy="set resume = wallclock",
            )
        self._nonce = self._first_nonce() or self._chance.nonce()
        driver = LockstepDriver(
            self.plan,
            self.floor,
            venue,
            self._journal,
            draw=self._chance.draw,
            on_commit=self._ring_recorders,
            poll=self._obey_people,
            say=self._spoken.say,
            quarantined=self._quarantined,
        )
        driver.restore()
        self._note_start()
        return await driver.run(self.stop)

    def _first_nonce(self) -> str | None:
        """Return the nonce the journal was begun with: a replay derives the same ids again."""
        for stored in self._journal.read(kinds=(EntryKind.SESSION,)):
            nonce = stored.entry.body.get("nonce")
            if nonce is not None:
                return str(nonce)
        return None

    def _note_start(self) -> None:
        body = {
            "what": "started",
            "name": self.plan.name,
            "nonce": self._nonce,
            "resume": self.plan.resume.value,
            "strategies": self.plan.fingerprints,
            "record_inputs": self.plan.record_inputs,
        }
        self._journal.append(Entry(EntryKind.SESSION, self._clock.now_ns(), body=body))

    async def _look_for_requests(self, desk: ControlDesk) -> None:
        while True:
            await anyio.sleep(_POLL_S)
            await desk.look()
            if desk.is_due:
                self._asked.ring()

    async def _obey_people(
        self, place: int | None = None, settle: Callable[[], Awaitable[object]] | None = None
    ) -> None:
        """
        Obey what is asked.

        Args:
            place: That in a replayed feed, counted in events.
            settle: Lets everything that is under way end first, so that a replay obeys at the very
                same place again.
        """
        if self._desk is not None and self._desk.is_due:
            if settle is not None:
                await settle()
            await self._desk.obey_waiting(place)
        if self._until_flat and not self._journal.matching and not self._holds_anything:
            self.stop.ask("nothing is held")

    @property
    def _holds_anything(self) -> bool:
        return any(each.holds for each in self.floor.runners.values())

    def _committed(self) -> None:
        self._ring_recorders()
        if self._until_flat:  # what was the last to be held may just have gone
            self._asked.ring()

    def _ring_recorders(self) -> None:
        if self.trades == self._announced:
            return
        self._announced = self.trades
        for pump in self.recording:
            pump.bell.ring()

    async def _finish(self, reason: str) -> None:
        """Deliver what is left to deliver, within a limit; shielded, because it is the end."""
        with anyio.move_on_after(_FINISH_S, shield=True):
            body = {"what": "stopped", "reason": reason}
            self._journal.append(Entry(EntryKind.SESSION, self._clock.now_ns(), body=body))
            await self._journal.flush()
            for pump in self.recording:
                await pump.finish()
            await self.alarm.finish()
            await self._journal.flush()

    def _result(self, reason: str) -> SessionResult:
        runners = self.floor.runners.values()
        return SessionResult(
            reason=reason,
            trades=self.trades,
            equity={each.name: equity_of(each.engine.portfolio) for each in runners},
            open_orders=sum(len(each.engine.orders.working) for each in runners),
            held={each.name: held for each in runners if (held := held_in(each.engine.portfolio))},
        )
