"""Orders of unknown fate, asked about in the background until the venue has an answer."""

from collections.abc import Awaitable, Callable

import anyio
import anyio.abc

from algopioneer_core.domain.errors import UnknownOrder, VenueError
from algopioneer_core.domain.events import OrderAbsent, OrderUnknown
from algopioneer_core.domain.execution_reports import ExecutionReport
from algopioneer_core.domain.orders import Order, OrderStatus
from algopioneer_core.ports import Clock, Execution
from algopioneer_core.runtime.unknown_orders import UNPROVEN, agrees_always, learn_fate

__all__ = ["Inquiries"]


class Inquiries:
    """
    Asks one venue what became of orders, each order once at a time.

    Args:
        venue: Its name.
        execution: Its port.
        clock: The time.
        report: Called with each report.
        current: Returns an order as its engine knows it now.
        is_unheard: Whether the private stream is down, so that an order which was found and still
            works has to be asked about on.
        on_end: Called after each inquiry.
        draw: Numbers in [0, 1) for the jitter of waits.
        alert_after_s: After how many seconds without an answer a person is told.
        alert: Called with subject and text when a person should know.
        agrees: Says whether the account holds nothing that an order could have brought.
    """

    def __init__(
        self,
        venue: str,
        execution: Execution,
        clock: Clock,
        *,
        report: Callable[[ExecutionReport], None],
        current: Callable[[str], Order],
        is_unheard: Callable[[], bool],
        on_end: Callable[[], None],
        draw: Callable[[], float],
        alert_after_s: float,
        alert: Callable[[str, str], None],
        agrees: Callable[[Order], Awaitable[bool]] = agrees_always,
    ) -> None:
        self.pending: dict[str, None] = {}
        """Ids of the orders that are being asked about."""
        self._ending: dict[str, None] = {}
        self._venue = venue
        self._execution = execution
        self._clock = clock
        self._report = report
        self._current = current
        self._is_unheard = is_unheard
        self._on_end = on_end
        self._draw = draw
        self._alert_after_s = alert_after_s
        self._alert = alert
        self._agrees = agrees
        self._tasks: anyio.abc.TaskGroup | None = None

    def open(self, tasks: anyio.abc.TaskGroup) -> None:
        """Let inquiries run in *tasks* from now on; before that none is begun."""
        self._tasks = tasks

    def ask(self, key: str, *, to_the_end: bool = False) -> None:
        """
        Begin to ask about an order, unless that is going on.

        Args:
            key: Its client order id.
            to_the_end: Whether to ask on until it has ended, because its end is at hand.
        """
        if to_the_end:
            self._ending[key] = None
        if key not in self.pending and self._tasks is not None:
            self.pending[key] = None
            self._tasks.start_soon(self._ask, key)

    async def _ask(self, key: str) -> None:
        try:
            with anyio.move_on_after(self._alert_after_s) as scope:
                await self._learn(key)
            if scope.cancelled_caught:
                self._tell_late(key)
                await self._learn(key)
        except UnknownOrder:
            pass  # its strategy was removed meanwhile, so it had ended
        except VenueError as error:  # asking again would bring the same answer
            self._alert(
                f"{self._venue} does not say what became of order {key}",
                f"{error}. It is asked again at the next reconciliation.",
            )
        finally:
            self.pending.pop(key, None)
            self._ending.pop(key, None)
            self._on_end()

    def _tell_late(self, key: str) -> None:
        if self._current(key).status is OrderStatus.UNKNOWN:
            self._alert(
                f"the fate of order {key} at {self._venue} is not known",
                "It is asked for on, and its spread or position waits for it. "
                "Look at the venue's own list of orders.",
            )

    async def _learn(self, key: str) -> None:
        await learn_fate(
            self._execution,
            self._current(key),
            self._clock,
            report=self._tell,
            wants_more=lambda: self._wants_more(key),
            draw=self._draw,
            agrees=self._agrees,
        )

    def _tell(self, report: ExecutionReport) -> None:
        """
        Report what was learnt. What was never acknowledged becomes unknown before it is absent.

        An order may be asked about before its answer is late: after a restart, or since its cancel
        was taken while no stream tells. One that was acknowledged is not: a venue that denies it
        then contradicts itself, and that is for a person.
        """
        if isinstance(report, OrderAbsent):
            order = self._current(report.client_order_id)
            if order.status in UNPROVEN and not (order.venue_order_id or order.fill_ids):
                why = "the venue was asked before it had answered"
                self._report(OrderUnknown(report.client_order_id, report.ts_event, why))
        self._report(report)

    def _wants_more(self, key: str) -> bool:
        if not self._current(key).status.is_working:
            return False
        return self._is_unheard() or key in self._ending
