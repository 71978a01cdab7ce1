"""An order that ended long ago, brought back from what the journal says of it."""

import contextlib
from collections.abc import Iterable

from algopioneer_core.domain.account_events import FillBusted, FillCorrected
from algopioneer_core.domain.errors import OrderError
from algopioneer_core.domain.events import Event
from algopioneer_core.domain.execution_reports import ExecutionReport
from algopioneer_core.engine.order_manager import OrderManager, PastOrder
from algopioneer_core.journal.entries import EntryKind, StoredEntry

__all__ = ["order_as_journalled", "order_of"]


def order_of(event: Event) -> str:
    """Return the client order id of the order that an event is about; empty for none."""
    match event:
        case FillBusted():
            return event.fill.client_order_id
        case FillCorrected():
            return event.original.client_order_id
        case _:
            return event.client_order_id if isinstance(event, ExecutionReport) else ""


def order_as_journalled(entries: Iterable[StoredEntry]) -> tuple[str, PastOrder] | None:
    """
    Return whose order it is, and the order with all that was said of it; None for no intent.

    As it was sent it would look as if it had never traded, and a venue's list of fills would count
    all of them a second time.

    Args:
        entries: Everything under the order's key, oldest first.
    """
    orders, strategy, key = OrderManager(str), "", ""
    for stored in entries:
        entry = stored.entry
        if entry.kind is EntryKind.INTENT:
            strategy, key = entry.strategy, entry.key
            orders.replace(entry.body)
        elif key and entry.kind is EntryKind.EVENT:
            with contextlib.suppress(OrderError):  # refused then as now
                _tell(orders, entry.body)
    return (strategy, orders.as_past(key)) if key else None


def _tell(orders: OrderManager, event: Event) -> None:
    if isinstance(event, FillBusted):
        orders.bust(event.fill)
    elif isinstance(event, FillCorrected):
        orders.correct(event.original, event.corrected)
    elif isinstance(event, ExecutionReport):
        orders.apply(event)
