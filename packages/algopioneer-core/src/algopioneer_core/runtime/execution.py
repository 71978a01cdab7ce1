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
    UnknownOrder,
    VenueError,
    VenueUnavailable,
)
from algopioneer_core.domain.events import (
    OrderAccepted,
    OrderCanceled,
    OrderRejected,
    OrderUnknown,
)
from algopioneer_core.domain.execution_reports import ExecutionReport
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.domain.orders import Order, OrderStatus
from algopioneer_core.ports import Clock, Execution
from algopioneer_core.runtime.announcements import Say, silent
from algopioneer_core.runtime.execution_rules import ExecutionRules
from algopioneer_core.runtime.inquiries import Inquiries
from algopioneer_core.runtime.own_orders import as_sent
from algopioneer_core.runtime.sequencing import Owners, Sequencer
from algopioneer_core.runtime.unknown_orders import UNPROVEN, agrees_always
from algopioneer_core.runtime.venue_health import VenueHealth
from algopioneer_core.runtime.workers import Workers
from algopioneer_core.wire.backoff import Backoff, BackoffPolicy
from algopioneer_core.wire.breaker import Breaker
from algopioneer_core.wire.wake import Wake

__all__ = ["Durable", "ExecutionPump"]

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
class _Item:
    """Something to be sent."""

    order: Order
    sequence: int
    priority: int
    is_cancel: bool = False

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
        owners: Whose our orders are, so that opposite ones can be kept from trading with each
            other; None where that is not needed, because the venue only simulates.
        acknowledge: Whether the end of a submit is reported as acceptance where the stream has not
            said so yet; not in lockstep, where that would depend on who comes first.
        is_shared: Whether others than one strategy of ours may hold an instrument there.
        alert: Called with subject and text when a person should know.
        agrees: Says whether the account holds nothing that an order could have brought.
        say: Takes the lines of the log.
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
        owners: Owners | None = None,
        acknowledge: bool = True,
        is_shared: Callable[[InstrumentId], bool] = lambda _: False,
        alert: Callable[[str, str], None] = lambda *_: None,
        agrees: Callable[[Order], Awaitable[bool]] = agrees_always,
        say: Say = silent,
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
        self._draw = draw
        self._rules = rules or ExecutionRules()
        self._acknowledges = acknowledge
        self._is_shared = is_shared
        self._alert = alert
        self._queue: list[_Item] = []
        self._busy: dict[str, _Item] = {}
        self._unsent: dict[str, None] = {}  # submits that cannot be in the market yet
        self._room = Wake()
        self._changed = Wake()
        self._sequencer = (
            None
            if owners is None
            else Sequencer(
                owners,
                current=current,
                working=working,
                is_in_market=lambda key: key not in self._unsent,
                changed=self._changed.wait,
                wait_s=float(self._rules.crossing_wait_s),
                say=say,
            )
        )
        self._inquiries = Inquiries(
            venue,
            execution,
            clock,
            report=report,
            current=current,
            is_unheard=lambda: not self.health.is_good,
            on_end=self.changed,
            draw=draw,
            alert_after_s=float(self._rules.alert_unknown_after_s),
            alert=alert,
            agrees=agrees,
        )

    # --- what is to be done ------------------------------------------------------------------

    def submit(self, order: Order, sequence: int) -> None:
        """Send *order* once the journal's entry *sequence* is durable."""
        self._unsent[order.client_order_id] = None
        self._put(_Item(order, sequence, _REDUCE if order.intent.reduce_only else _RAISE))

    def cancel(self, order: Order, sequence: int) -> None:
        """
        Ask for the end of *order*, after it was sent, once the entry is durable.

        One that waits to be sent is not sent any more.
        """
        for each in self._queue:
            if each.key == order.client_order_id:
                each.priority = _CANCEL  # its end is near, and the cancel stays behind it
        self._put(_Item(order, sequence, _CANCEL, is_cancel=True))

    def _put(self, item: _Item) -> None:
        self._queue.append(item)
        self._queue.sort(key=lambda each: each.priority)  # stable: oldest first among equals
        self.changed()

    def changed(self) -> None:
        """Look again at what waits: something that may have held it back has changed."""
        if self._queue:
            self._room.ring()
        self._changed.ring()

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits, nothing is being sent and nothing is being asked about."""
        return not (self._queue or self._busy or self._inquiries.pending)

    @property
    def in_flight(self) -> frozenset[str]:
        """Ids of orders that are waiting, being sent, or being asked about."""
        waiting = (each.key for each in self._queue)
        return frozenset((*waiting, *self._busy, *self._inquiries.pending))

    def inquire(self, client_order_id: str, *, to_the_end: bool = False) -> None:
        """Ask the venue about an order until its fate (or its end) is known, in the background."""
        self._inquiries.ask(client_order_id, to_the_end=to_the_end)

    # --- doing it ----------------------------------------------------------------------------

    async def run(
        self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        """
        Send what is put in, until cancelled.

        A cancellation lets what is on the wire finish, up to its deadline, and sends nothing more.
        """
        async with anyio.create_task_group() as tasks:
            self._inquiries.open(tasks)
            task_status.started()
            workers = Workers(tasks, self._work)
            while True:
                self._start_what_may_go(workers)
                await self._room.wait()

    def _start_what_may_go(self, workers: Workers[_Item]) -> None:
        for item in tuple(self._queue):
            if self._may_go(item):
                self._queue.remove(item)
                self._busy[item.key] = item
                workers.give(item)

    def _may_go(self, item: _Item) -> bool:
        """Say whether it is an item's turn; cancels and reductions wait for nobody's room."""
        if item.key in self._busy:  # an order's cancel follows its submit
            return False
        raising = sum(each.priority is _RAISE for each in self._busy.values())
        return item.priority is not _RAISE or raising < self._rules.max_in_flight

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
            if item.is_cancel:
                await self._cancel(item)
            else:
                await self._submit(item)
        except UnknownOrder:
            pass  # its strategy was removed before the answer came, so the order had ended
        finally:
            if not item.is_cancel:
                self._unsent.pop(item.key, None)
            del self._busy[item.key]
            self.changed()

    # --- orders ------------------------------------------------------------------------------

    async def _submit(self, item: _Item) -> None:
        if not await self._is_clear_of_ours(item):
            return None
        waits = Backoff(_PATIENCE, self._draw)
        for attempt in range(self._rules.max_resends + 1):
            if self._is_withdrawn(item):
                return None
            problem = self._obstacle(item)
            if problem:
                return self._refuse(item, problem)
            self.sent += 1
            error = await self._call(self._execution.submit(as_sent(item.order, self._is_shared)))
            if error is None:
                return self._accepted(item)
            if error.outcome is Outcome.UNKNOWN:
                return self._lost(item, error)
            if not error.retryable or attempt == self._rules.max_resends:
                return self._refuse(item, str(error))
            await anyio.sleep(waits.next_ns(at_least_ns=error.retry_after_ns or 0) / NS_PER_SECOND)
        return None

    def _is_withdrawn(self, item: _Item) -> bool:
        """Return whether an order was cancelled, or ended, before it was placed."""
        status = self._current(item.key).status
        if status is OrderStatus.PENDING_CANCEL:
            message = "it was cancelled before it was placed"
            self._report(OrderCanceled(item.key, self._clock.now_ns(), message))
        return status is not OrderStatus.PENDING

    def _obstacle(self, item: _Item) -> str:
        """Return why an order must not go out now; empty when it may."""
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
            except Exception as defect:  # the adapter's: what became of the request is not known
                error = VenueUnavailable(f"{type(defect).__name__}: {defect}", where=self.venue)
                self._alert(f"a request to {self.venue} failed as no request should", str(error))
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
        if self._current(item.key).status in UNPROVEN:
            self._report(OrderRejected(item.key, self._clock.now_ns(), reason))

    def _lost(self, item: _Item, error: VenueError) -> None:
        """Take note that an answer was lost; what the stream has proven meanwhile stays known."""
        if self._current(item.key).status in UNPROVEN:
            self._report(OrderUnknown(item.key, self._clock.now_ns(), str(error)))
        if self._current(item.key).status is OrderStatus.UNKNOWN:
            self.inquire(item.key)

    async def _is_clear_of_ours(self, item: _Item) -> bool:
        """
        Wait, within limits, until no opposite order of ours is in the way.

        If one stays, what raises exposure is refused. A reduction goes out all the same: to get out
        comes first, and venues keep orders of one account apart. Then others wait for this one.
        """
        if self._sequencer is not None:
            other = await self._sequencer.clear(item.order, item.sequence)
            if other and item.priority is _RAISE:
                self._refuse(item, f"it would trade with {other} ({self.venue})")
                return False
        self._unsent.pop(item.key, None)
        return True

    # --- cancels -----------------------------------------------------------------------------

    async def _cancel(self, item: _Item) -> None:
        """Ask for an end, again where that fails; in the end the venue says what became of it."""
        waits = Backoff(_PATIENCE, self._draw)
        for attempt in range(self._rules.max_resends + 1):
            if not self._current(item.key).status.is_working:
                return None
            error = await self._call(self._execution.cancel(item.key))
            if error is None:
                return self._cancel_taken(item)
            if not error.retryable or attempt == self._rules.max_resends:
                return self._lost(item, error)
            await anyio.sleep(waits.next_ns(at_least_ns=error.retry_after_ns or 0) / NS_PER_SECOND)
        return None

    def _cancel_taken(self, item: _Item) -> None:
        if not self.health.is_good and self._current(item.key).status.is_working:
            self.inquire(item.key)
