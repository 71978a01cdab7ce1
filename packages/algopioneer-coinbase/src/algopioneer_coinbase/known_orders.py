"""What this process knows of its own orders: the venue's ids, what they were sent for, and when."""

from collections import OrderedDict
from typing import Final

from attrs import define

from algopioneer_core.domain.instruments import InstrumentId

__all__ = ["KnownOrder", "KnownOrders"]

_KEPT: Final = 20_000


@define
class KnownOrder:
    """One order."""

    client_order_id: str
    order_id: str | None = None
    """The venue's own; None while it is not known."""
    instrument_id: InstrumentId | None = None
    """What it was sent for; None for an order that was found at the venue."""
    created_ns: int | None = None
    """When it was made, where it was sent from here."""
    in_flight: int = 0
    """Requests that place it and have not ended."""
    last_sent_ns: int = 0
    """When the last of those ended."""
    asked_ns: int | None = None
    """When it was first asked for and not found."""
    is_over: bool = False
    """Whether its end was reported."""


class KnownOrders:
    """Orders by our id and by the venue's; the oldest of very many are forgotten."""

    def __init__(self) -> None:
        self._orders: OrderedDict[str, KnownOrder] = OrderedDict()
        self._by_venue: dict[str, KnownOrder] = {}

    def get(self, client_order_id: str) -> KnownOrder:
        """Return what is known of an order, which may be nothing."""
        known = self._orders.get(client_order_id)
        if known is None:
            known = self._orders[client_order_id] = KnownOrder(client_order_id)
            if len(self._orders) > _KEPT:
                _, oldest = self._orders.popitem(last=False)
                self._by_venue.pop(oldest.order_id or "", None)
        return known

    def learn(self, client_order_id: str, order_id: str) -> KnownOrder:
        """Take note of the venue's id of an order."""
        known = self.get(client_order_id)
        known.order_id = order_id
        self._by_venue[order_id] = known
        return known

    def unended(self) -> list[KnownOrder]:
        """Return the orders that are at the venue, or on the way there, oldest first."""
        return [
            each
            for each in self._orders.values()
            if not each.is_over and (each.order_id is not None or each.in_flight)
        ]

    def by_venue(self, order_id: str) -> KnownOrder | None:
        """Return the order with an id of the venue's; None where it was never heard of."""
        return self._by_venue.get(order_id)
