"""An order that ended long ago, brought back from what the journal says of it."""

import contextlib
from collections.abc import Iterable

from algopioneer_core.domain.errors import OrderError
from algopioneer_core.domain.execution_reports import ExecutionReport
from algopioneer_core.domain.orders import Order
from algopioneer_core.engine.order_manager import OrderManager
from algopioneer_core.journal.entries import EntryKind, StoredEntry

__all__ = ["order_as_journalled"]


def order_as_journalled(entries: Iterable[StoredEntry]) -> tuple[str, Order] | None:
    """
    Return whose order it is, and the order with every report about it counted; None for no intent.

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
        elif key and isinstance(entry.body, ExecutionReport):
            with contextlib.suppress(OrderError):  # refused then as now
                orders.apply(entry.body)
    return (strategy, orders.get(key)) if key else None
