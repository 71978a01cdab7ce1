"""
What the private stream says of orders about which it may have missed something.

While the stream was down, or the process, an order may have been filled without our hearing of it,
and lists of fills lag behind. If such an order's end were believed as the stream tells it, its
engine would think that less was filled than was, and order the rest again. So an end is not taken
from the stream: the venue is asked, and answers with all its fills first.

A stream may also lose something without having been down. So an order that is told filled is asked
about as well where the fills that were heard do not add up to it.
"""

from collections.abc import Callable, Iterable
from typing import Final, Protocol

from attrs import evolve

from algopioneer_core.domain.events import (
    AccountEvent,
    OrderCanceled,
    OrderCompleted,
    OrderExpired,
    OrderFilled,
)
from algopioneer_core.domain.execution_reports import ExecutionReport
from algopioneer_core.domain.money import add
from algopioneer_core.domain.orders import Order

__all__ = ["GapListener", "Inquire"]

_ENDS: Final = (OrderCanceled, OrderCompleted, OrderExpired)


class Inquire(Protocol):
    """How the venue is asked about an order."""

    def __call__(self, client_order_id: str, *, to_the_end: bool = False) -> None:
        """Ask in the background; until it has ended, if *to_the_end*."""


class GapListener:
    """
    Hears the private stream of one venue.

    Args:
        report: Takes what is believed.
        working: Returns all orders of ours that may still trade there.
        inquire: Asks the venue.
    """

    def __init__(
        self,
        report: Callable[[ExecutionReport | AccountEvent], None],
        working: Callable[[], Iterable[Order]],
        inquire: Inquire,
    ) -> None:
        self._report = report
        self._working = working
        self._inquire = inquire
        self._missed: dict[str, None] = {}

    def stream_is_up(self) -> None:
        """Take note that the stream begins now: of orders that work already it may lack a part."""
        self._missed = {each.client_order_id: None for each in self._working()}

    def hear(self, report: ExecutionReport | AccountEvent) -> None:
        """Hand *report* on, or what of it can be believed."""
        if not isinstance(report, ExecutionReport) or not self._is_doubtful(report):
            self._report(report)
        elif isinstance(report, OrderFilled):
            self._report(evolve(report, complete=None))  # its quantity says whether it is all
            if report.complete and self._order(report) is not None:
                self._inquire(report.client_order_id, to_the_end=True)
        elif isinstance(report, _ENDS):
            self._inquire(report.client_order_id, to_the_end=True)
        else:
            self._report(report)

    def _is_doubtful(self, report: ExecutionReport) -> bool:
        key = report.client_order_id
        if key not in self._missed:
            return self._lacks_fills(report)
        if self._order(report) is None:
            del self._missed[key]  # it has ended, with all its fills
            return False
        return True

    def _lacks_fills(self, report: ExecutionReport) -> bool:
        """Return whether *report* tells an order filled of which less than that was heard."""
        fill = report.fill if isinstance(report, OrderFilled) and report.complete else None
        if fill is None and not isinstance(report, OrderCompleted):
            return False
        order = self._order(report)
        if order is None or order.intent.quantity is None:
            return False
        filled = order.filled_quantity
        if fill is not None and fill.fill_id not in order.fill_ids:
            filled = add(filled, fill.quantity)
        return filled < order.intent.quantity

    def _order(self, report: ExecutionReport) -> Order | None:
        """Return the order that *report* is about while it works."""
        key = report.client_order_id
        return next((each for each in self._working() if each.client_order_id == key), None)
