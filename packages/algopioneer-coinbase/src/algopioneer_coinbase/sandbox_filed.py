"""An order as the local Coinbase files it: what REST knows of it beyond the exchange's books."""

from collections.abc import Mapping
from typing import Any

from attrs import define, field, frozen

from algopioneer_coinbase.sandbox_shapes import order_id, status_of
from algopioneer_core.domain.orders import OrderIntent
from algopioneer_core.simulation.sandbox import PlacedOrder

__all__ = ["FiledOrder", "PendingEdit"]

Json = dict[str, Any]


@frozen
class PendingEdit:
    """An edit that was taken and is not done yet."""

    intent: OrderIntent
    """What the order will want."""
    form: Mapping[str, Any]
    """The same as a configuration."""
    row: Json
    """The same as the order's history will show it."""
    due_ns: int


@define(eq=False)
class FiledOrder:
    """An order that the exchange took."""

    placed: PlacedOrder
    form: Mapping[str, Any]
    """Its configuration, as answers repeat it."""
    cancel_at_ns: int | None = None
    """When a queued cancel will be done."""
    edit: PendingEdit | None = None
    edits: list[Json] = field(factory=list)
    """What it was changed to, oldest first."""

    @property
    def order_id(self) -> str:
        """The exchange's own id."""
        return order_id(self.placed)

    @property
    def status(self) -> str:
        """Its status in the venue's words."""
        order = self.placed.order
        is_queued = self.cancel_at_ns is not None or self.edit is not None
        if is_queued and not order.status.is_final:
            return "EDIT_QUEUED" if self.cancel_at_ns is None else "CANCEL_QUEUED"
        return status_of(order)

    @property
    def due_ns(self) -> int | None:
        """When something is to be done about it; None while nothing is queued."""
        waiting = (self.cancel_at_ns, self.edit.due_ns if self.edit else None)
        return min((each for each in waiting if each is not None), default=None)
