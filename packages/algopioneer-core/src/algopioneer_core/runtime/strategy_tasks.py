"""
The strategies of a live session: one task for each, started with its history.

The feed is opened before history is asked for, so a bar is in one of the two, or in both and shown
once. Whenever the next bar does not follow the last (the stream was down, the session was), the
ones between are fetched and shown without orders first.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import anyio
import anyio.abc
import anyio.lowlevel

from algopioneer_core.domain.errors import VenueError
from algopioneer_core.domain.events import Event, FeedUp, TimerFired
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.engine.leg_clock import LEG_TIMER
from algopioneer_core.engine.leg_manager import LegManager
from algopioneer_core.ports import Clock, Venue
from algopioneer_core.runtime.floor import Alarm, Floor
from algopioneer_core.runtime.history import missed_bars
from algopioneer_core.runtime.plan import StrategyPlan
from algopioneer_core.runtime.runner import StrategyRunner
from algopioneer_core.runtime.saver import Saver
from algopioneer_core.wire.backoff import Backoff, BackoffPolicy
from algopioneer_core.wire.wake import Wake

__all__ = ["StrategyTasks"]

_HISTORY_TRIES: Final = 5
_SAME_S: Final = 1e-6
"""Deadlines that differ by less are the same: each is a sum of floats."""
_BETWEEN_TRIES: Final = BackoffPolicy(base_ns=NS_PER_SECOND, cap_ns=30 * NS_PER_SECOND)


class StrategyTasks:
    """
    Runs the strategies of a live session.

    Args:
        floor: Their place.
        venues: Where history comes from, by name.
        saver: Saves their state.
        clock: The time.
        alarm: Tells people.
        draw: Numbers in [0, 1) for the jitter of retries.
        is_gone: Asked after each look: whether a removed strategy has left its position.
    """

    def __init__(
        self,
        floor: Floor,
        venues: Mapping[str, Venue],
        saver: Saver,
        clock: Clock,
        *,
        alarm: Alarm,
        draw: Callable[[], float],
        is_gone: Callable[[StrategyRunner], bool],
    ) -> None:
        self._floor = floor
        self._venues = venues
        self._saver = saver
        self._clock = clock
        self._alarm = alarm
        self._draw = draw
        self._is_gone = is_gone
        self._bells: dict[str, Wake] = {}
        self._scopes: dict[str, anyio.CancelScope] = {}
        self.group: anyio.abc.TaskGroup | None = None
        """Where the tasks are; set before any is begun."""

    def place(self, plan: StrategyPlan, saved: Mapping[str, Any] | None) -> StrategyRunner:
        """Give a strategy its place and its bell; it is started by `begin`."""
        bell = self._bells[plan.name] = Wake()
        return self._floor.add(plan, saved, ring=bell.ring)

    def end(self, strategy: str) -> None:
        """End a strategy's task; what waits in its inbox goes with it."""
        self._scopes.pop(strategy).cancel()

    async def begin(self, runner: StrategyRunner) -> None:
        """Start a strategy with its history, and its task; its feed is open already."""
        now_ns = self._clock.now_ns()
        runner.forget_built_bars()  # the venue's history has them whole
        self._floor.supervision.start(runner, now_ns)
        needed = runner.plan.history or runner.guard.requirements().warmup_bars
        seen_before = runner.last_bar_ns
        if needed or seen_before:
            missed = await self._history(runner, needed, now_ns)
            self._show(runner, missed, tell=bool(seen_before))
        if runner.engine.legs is not None:
            self._wake_legs(runner, runner.engine.legs)
        self._saver.touch(runner.name)
        assert self.group is not None
        scope = self._scopes[runner.name] = anyio.CancelScope()
        self.group.start_soon(self._run, runner, scope)

    def _wake_legs(self, runner: StrategyRunner, legs: LegManager) -> None:
        """
        Tell what does not outlive a process: its timers, and lines that were lost.

        What is wrong now lies in the inbox, for the feeds are open; they begin with trading hours.
        """
        now_ns = self._clock.now_ns()
        for venue, causes in legs.down.items():
            if "feed" in causes and self._floor.router.is_up(venue):
                self._floor.deliver(runner, FeedUp(venue, now_ns))
        self._floor.deliver(runner, TimerFired(LEG_TIMER, now_ns))

    # --- history -----------------------------------------------------------------------------

    async def _history(self, runner: StrategyRunner, needed: int, until_ns: int) -> Sequence[Event]:
        """Return what *runner* lacks up to a time; nothing after some failures, which are told."""
        waits = Backoff(_BETWEEN_TRIES, self._draw)
        while True:
            try:
                return await missed_bars(runner, self._venues, needed, until_ns)
            except VenueError as error:
                if not error.retryable or waits.attempts + 1 >= _HISTORY_TRIES:
                    self._tell_without(runner, error)
                    return ()
                wait_ns = waits.next_ns(at_least_ns=error.retry_after_ns or 0)
            await anyio.sleep(wait_ns / NS_PER_SECOND)

    def _tell_without(self, runner: StrategyRunner, error: VenueError) -> None:
        self._alarm(
            self._clock.now_ns(),
            f"{runner.name} goes on without the bars it lacks",
            f"{error}. It warms up on the live stream.",
            strategy=runner.name,
        )

    def _show(self, runner: StrategyRunner, bars: Sequence[Event], *, tell: bool) -> None:
        """Show bars of the past without orders; where they were missed, say so."""
        if not self._floor.gate.warm_up(runner, bars) and runner.guard.crash is not None:
            self._floor.supervision.crashed(runner, self._clock.now_ns())
        if tell and bars:
            self._alarm(
                self._clock.now_ns(),
                f"{runner.name} missed {len(bars)} bars",
                "They were shown to it without orders.",
                strategy=runner.name,
            )

    async def _fill_gap(self, runner: StrategyRunner) -> None:
        """Where the next bar does not follow the last, fetch and show the ones between."""
        first_ns = runner.inbox.first_bar_ns
        if first_ns is not None and _lacks_bars(runner):
            missed = await self._history(runner, 0, first_ns - 1)
            self._show(runner, missed, tell=True)

    # --- running -----------------------------------------------------------------------------

    async def _run(self, runner: StrategyRunner, scope: anyio.CancelScope) -> None:
        """Let one strategy decide whenever something waits for it, or a time has come."""
        with scope:
            while await self._decide_until_due(runner, scope):
                await self._fill_gap(runner)
                self._decide(runner)

    async def _decide_until_due(self, runner: StrategyRunner, scope: anyio.CancelScope) -> bool:
        """
        Let it decide at each ring, until a time has come or bars are missing.

        One scope lasts for all of it: to make one for each event costs more than most events do.

        Returns:
            Whether it goes on; False once it was ended or has left its position.
        """
        bell = self._bells[runner.name]
        with anyio.CancelScope() as due:
            while not scope.cancel_called and not self._is_gone(runner):
                if bell.is_rung:  # else the wait lets others run
                    await anyio.lowlevel.checkpoint()
                _end_in(due, self._until_next(runner))
                await bell.wait()
                if due.cancel_called or _lacks_bars(runner):
                    return True
                self._decide(runner)
            return False
        return True

    def _decide(self, runner: StrategyRunner) -> None:
        now_ns = self._clock.now_ns()
        runner.expire(now_ns)
        self._floor.process(runner, now_ns)
        self._floor.fire_timers(runner, now_ns)
        self._floor.supervision.look(runner, now_ns)

    def _until_next(self, runner: StrategyRunner) -> float | None:
        """
        Return the seconds until a timer, a restart or the end of a bar; None without any.

        Nor where nothing is decided any more: what is due stays due, and is not waited for.
        """
        if self._floor.is_closed:
            return None
        now_ns = self._clock.now_ns()
        others = (runner.restart_ns, runner.next_close_ns(now_ns))
        times = [*runner.timers.values(), *(each for each in others if each is not None)]
        return max(0, min(times) - now_ns) / NS_PER_SECOND if times else None


def _lacks_bars(runner: StrategyRunner) -> bool:
    """Return whether the next bar does not follow the last."""
    first_ns, last_ns = runner.inbox.first_bar_ns, runner.last_bar_ns
    if first_ns is None or not last_ns:
        return False
    return first_ns > last_ns + runner.plan.interval_ns


def _end_in(scope: anyio.CancelScope, seconds: float | None) -> None:
    """Let *scope* end after that, or never; a deadline that stays where it is is not touched."""
    deadline = math.inf if seconds is None else anyio.current_time() + seconds
    if deadline != scope.deadline and not abs(deadline - scope.deadline) < _SAME_S:
        scope.deadline = deadline
