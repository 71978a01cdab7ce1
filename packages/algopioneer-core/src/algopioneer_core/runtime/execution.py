"""
The execution pump of one venue: from a journalled intent to an outcome that is known.

The order of things, for each order (DESIGN, runtime): its intent is durable → it is sent, shielded
from cancellation, with a deadline → what became of it is reported to its engine. A timeout, or an
error that does not say that nothing was placed, makes the order UNKNOWN, and from then on the venue
is asked until it has found the order or proven that it is absent. Nothing is ever sent again under
a new id.

Cancels and reductions go first. An order that raises exposure needs a venue that is healthy
(private stream up, books agreed) and a closed breaker; reductions go out in any case, and where
the stream is down their outcome is polled.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Final, Protocol

import anyio
import anyio.abc
from attrs import define

from algopioneer_core.domain.errors import (
    Outcome,
    RateLimited,
    VenueError,
    VenueUnavailable,
)
from algopioneer_core.domain.events import (
    OrderAccepted,
    OrderRejected,
    OrderUnknown,
)
from algopioneer_core.domain.execution_reports import ExecutionReport
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.domain.orders import Order, OrderStatus
from algopioneer_core.ports import Clock, Execution
from algopioneer_core.runtime.execution_rules import ExecutionRules
from algopioneer_core.runtime.own_orders import crossing_order
from algopioneer_core.runtime.unknown_orders import learn_fate
from algopioneer_core.wire.backoff import Backoff, BackoffPolicy
from algopioneer_core.wire.breaker import Breaker

__all__ = ["Durable", "ExecutionPump", "VenueHealth"]

_CANCEL: Final = 0
_REDUCE: Final = 1
_RAISE: Final = 2
_PATIENCE: Final = BackoffPolicy(
    base_ns=NS_PER_SECOND // 4, cap_ns=30 * NS_PER_SECOND, floor_ns=NS_PER_SECOND // 20
)


class Durable(Protocol):
    """What an intent is durable in: the journal."""

    async def durable(self, sequence: int) -> None:
        """Return once the entry is on the disk."""


@define
class VenueHealth:
    """Whether a venue may be trusted with new exposure, and if not, why."""

    problem: str = "its private stream is not up yet"
    """Empty when nothing stands in the way."""

    @property
    def is_good(self) -> bool:
        """Whether orders that raise exposure may go out."""
        return not self.problem


@define
class _Item:
    """Something to be sent."""

    order: Order
    sequence: int
    priority: int

    @property
    def key(self) -> str:
        return self.order.client_order_id


class ExecutionPump:
    """
    Sends the orders and cancels of all strategies to one venue.

    Args:
        venue: Its name.
        execution: Its port.
        journal: Where intents are durable.
        clock: For the time of reports that the venue does not date.
        report: Called with each report; hands it to the engine of its order.
        current: Returns an order as its engine knows it now.
        working: Returns all orders of ours that may still trade at this venue.
        draw: Numbers in [0, 1) for the jitter of waits.
        rules: Deadlines and counts.
        avoid_crossing: Whether our own opposite orders are kept from trading with each other; not
            needed where the venue only simulates.
        acknowledge: Whether the end of a submit is reported as acceptance where the stream has not
            said so yet; not in lockstep, where that would depend on who comes first.
        alert: Called with subject and text when a person should know.
    """

    def __init__(
        self,
        venue: str,
        execution: Execution,
        journal: Durable,
        clock: Clock,
        *,
        report: Callable[[ExecutionReport], None],
        current: Callable[[str], Order],
        working: Callable[[], Iterable[Order]],
        draw: Callable[[], float],
        rules: ExecutionRules | None = None,
        avoid_crossing: bool = True,
        acknowledge: bool = True,
        alert: Callable[[str, str], None] = lambda *_: None,
    ) -> None:
        self.venue = venue
        self.health = VenueHealth()
        self.breaker = Breaker()
        self.sent = 0
        """Orders that were handed to the venue."""
        self._execution = execution
        self._journal = journal
        self._clock = clock
        self._report = report
        self._current = current
        self._working = working
        self._draw = draw
        self._rules = rules or ExecutionRules()
        self._avoids_crossing = avoid_crossing
        self._acknowledges = acknowledge
        self._alert = alert
        self._queue: list[_Item] = []
        self._busy: dict[str, _Item] = {}
        self._inquiries: set[str] = set()
        self._changed = anyio.Event()
        self._tasks: anyio.abc.TaskGroup | None = None

    # --- what is to be done ------------------------------------------------------------------

    def submit(self, order: Order, sequence: int) -> None:
        """Send *order* once the journal's entry *sequence* is durable."""
        self._put(_Item(order, sequence, _REDUCE if order.intent.reduce_only else _RAISE))

    def cancel(self, order: Order, sequence: int) -> None:
        """Ask for the end of *order*, after it was sent, once the entry is durable."""
        self._put(_Item(order, sequence, _CANCEL))

    def _put(self, item: _Item) -> None:
        self._queue.append(item)
        self._queue.sort(key=lambda each: each.priority)  # stable: oldest first among equals
        self.changed()

    def changed(self) -> None:
        """Look again at what waits: something that may have held it back has changed."""
        event, self._changed = self._changed, anyio.Event()
        event.set()

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits, nothing is being sent and nothing is being asked about."""
        return not (self._queue or self._busy or self._inquiries)

    @property
    def in_flight(self) -> frozenset[str]:
        """Ids of orders that are waiting, being sent, or being asked about."""
        waiting = (each.key for each in self._queue)
        return frozenset((*waiting, *self._busy, *self._inquiries))

    def inquire(self, client_order_id: str) -> None:
        """Ask the venue about an order until its fate is known; in the background, once."""
        if client_order_id not in self._inquiries and self._tasks is not None:
            self._inquiries.add(client_order_id)
            self._tasks.start_soon(self._inquire, client_order_id)

    # --- doing it ----------------------------------------------------------------------------

    async def run(
        self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        """
        Send what is put in, until cancelled.

        A cancellation lets what is on the wire finish, up to its deadline, and sends nothing more.
        """
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            task_status.started()
            while True:
                self._start_what_may_go(tasks)
                await self._changed.wait()

    def _start_what_may_go(self, tasks: anyio.abc.TaskGroup) -> None:
        for item in tuple(self._queue):
            if len(self._busy) >= self._rules.max_in_flight:
                return
            if item.key not in self._busy:  # an order's cancel follows its submit
                self._queue.remove(item)
                self._busy[item.key] = item
                tasks.start_soon(self._work, item)

    async def settle(self) -> None:
        """
        Send everything that waits, one after the other, and what follows from it.

        For replays: time stands still until all of it is done.
        """
        while self._queue:
            item = self._queue.pop(0)
            self._busy[item.key] = item
            await self._work(item)

    async def _work(self, item: _Item) -> None:
        try:
            await self._journal.durable(item.sequence)
            if item.priority is _CANCEL:
                await self._cancel(item)
            else:
                await self._submit(item)
        finally:
            del self._busy[item.key]
            self.changed()

    # --- orders ------------------------------------------------------------------------------

    async def _submit(self, item: _Item) -> None:
        if self._avoids_crossing and not await self._wait_for_own(item.order):
            return None
        waits = Backoff(_PATIENCE, self._draw)
        for attempt in range(self._rules.max_resends + 1):
            problem = self._obstacle(item)
            if problem:
                return self._refuse(item, problem)
            self.sent += 1
            error = await self._call(self._execution.submit(item.order))
            if error is None:
                return self._accepted(item)
            if error.outcome is Outcome.UNKNOWN:
                return self._lost(item, error)
            if not error.retryable or attempt == self._rules.max_resends:
                return self._refuse(item, str(error))
            await anyio.sleep(waits.next_ns(at_least_ns=error.retry_after_ns or 0) / NS_PER_SECOND)
        return None

    def _obstacle(self, item: _Item) -> str:
        """Return why an order must not go out now; empty when it may."""
        if not self._current(item.key).status.is_working:
            return "it ended before it was sent"
        unwinding = item.priority is not _RAISE
        if not unwinding and not self.health.is_good:
            return f"{self.venue} takes no new exposure: {self.health.problem}"
        if not self.breaker.allow(self._clock.now_ns(), unwinding=unwinding):
            return f"{self.venue} failed too often: its circuit breaker is open"
        return ""

    async def _call(self, request: Awaitable[None]) -> VenueError | None:
        """
        Await a request, shielded, with a deadline; return what went wrong, or None.

        Once it may be on the wire a cancellation must not come between it and its outcome.
        """
        seconds = float(self._rules.submit_timeout_s)
        error: VenueError | None = None
        with anyio.move_on_after(seconds, shield=True) as scope:
            try:
                await request
            except VenueError as problem:
                error = problem
        if scope.cancelled_caught:
            error = VenueUnavailable(f"no answer within {seconds:g} s", where=self.venue)
        self._count(error)
        return error

    def _count(self, error: VenueError | None) -> None:
        """Tell the breaker; only what says that the venue does not work is a failure."""
        now_ns = self._clock.now_ns()
        if isinstance(error, VenueUnavailable):
            self.breaker.failed(now_ns)
        elif not isinstance(error, RateLimited):
            self.breaker.succeeded(now_ns)

    def _accepted(self, item: _Item) -> None:
        pending = self._current(item.key).status is OrderStatus.PENDING
        if pending and self._acknowledges:  # its report has not come yet
            self._report(OrderAccepted(item.key, self._clock.now_ns()))
        if not self.health.is_good:
            self.inquire(item.key)

    def _refuse(self, item: _Item, reason: str) -> None:
        if self._current(item.key).status is OrderStatus.PENDING:
            self._report(OrderRejected(item.key, self._clock.now_ns(), reason))

    def _lost(self, item: _Item, error: VenueError) -> None:
        if self._current(item.key).status.is_working:
            self._report(OrderUnknown(item.key, self._clock.now_ns(), str(error)))
        self.inquire(item.key)

    async def _wait_for_own(self, order: Order) -> bool:
        """Wait until no opposite order of ours is in the way; return False if one stays."""
        with anyio.move_on_after(float(self._rules.crossing_wait_s)):
            while crossing_order(order, self._working(), self._is_on_its_way) is not None:
                await self._changed.wait()
            return True
        other = crossing_order(order, self._working(), self._is_on_its_way)
        name = "another order" if other is None else other.client_order_id
        self._refuse(
            _Item(order, 0, _RAISE), f"it would trade with our own order {name} ({self.venue})"
        )
        return False

    def _is_on_its_way(self, client_order_id: str) -> bool:
        """Return whether an order has been sent, so that it may be in the market."""
        return not any(
            each.key == client_order_id and each.priority is not _CANCEL for each in self._queue
        )

    # --- cancels -----------------------------------------------------------------------------

    async def _cancel(self, item: _Item) -> None:
        waits = Backoff(_PATIENCE, self._draw)
        for _ in range(self._rules.max_resends + 1):
            if not self._current(item.key).status.is_working:
                return
            error = await self._call(self._execution.cancel(item.key))
            if error is None:
                if not self.health.is_good:
                    self.inquire(item.key)
                return
            if not error.retryable:
                break
            await anyio.sleep(waits.next_ns(at_least_ns=error.retry_after_ns or 0) / NS_PER_SECOND)
        self.inquire(item.key)

    # --- orders of unknown fate ----------------------------------------------------------------

    async def _inquire(self, key: str) -> None:
        try:
            seconds = float(self._rules.alert_unknown_after_s)
            with anyio.move_on_after(seconds) as scope:
                await self._learn_fate(key)
            if scope.cancelled_caught and self._current(key).status is OrderStatus.UNKNOWN:
                self._alert(
                    f"the fate of order {key} at {self.venue} is not known",
                    "It is asked for on, and its spread or position waits for it. "
                    "Look at the venue's own list of orders.",
                )
            if scope.cancelled_caught:
                await self._learn_fate(key)
        finally:
            self._inquiries.discard(key)
            self.changed()

    async def _learn_fate(self, key: str) -> None:
        await learn_fate(
            self._execution,
            self._current(key),
            self._clock,
            report=self._report,
            wants_more=lambda: not self.health.is_good and self._current(key).status.is_working,
            draw=self._draw,
        )
