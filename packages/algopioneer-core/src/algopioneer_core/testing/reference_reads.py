"""What a reference venue's look-ups and lists show of the past: all of it, up to some time."""

from bisect import bisect_left

from attrs import define, field

from algopioneer_core.domain.fills import Fill
from algopioneer_core.domain.orders import Order

__all__ = ["AccountReads"]


@define
class AccountReads:
    """
    Every state of every order, and the fills as they were told, each since when.

    Times are UTC nanoseconds of the venue's clock and never go back. A question looks at what it
    may find, and not at all that ever was.
    """

    _states: dict[str, list[tuple[int, Order]]] = field(factory=dict, init=False)
    _open: dict[str, None] = field(factory=dict, init=False)
    """Ids of orders that some read may still show as open."""
    _fills: list[tuple[int, Fill]] = field(factory=list, init=False)
    _latest_ns: list[int] = field(factory=list, init=False)
    """The latest time of any fill up to this one."""

    def __contains__(self, client_order_id: str) -> bool:
        """Return whether there was ever an order of this id."""
        return client_order_id in self._states

    def note(self, now_ns: int, order: Order) -> None:
        """Keep what an order is from now on."""
        self._states.setdefault(order.client_order_id, []).append((now_ns, order))
        self._open[order.client_order_id] = None

    def note_fill(self, now_ns: int, fill: Fill) -> None:
        """Keep a fill that is told now."""
        self._fills.append((now_ns, fill))
        latest_ns = self._latest_ns[-1] if self._latest_ns else fill.ts_event
        self._latest_ns.append(max(latest_ns, fill.ts_event))

    def order(self, client_order_id: str, seen_ns: int) -> Order | None:
        """Return what an order was at *seen_ns*; None where it was not there yet."""
        for since_ns, order in reversed(self._states.get(client_order_id, ())):
            if since_ns <= seen_ns:
                return order
        return None

    def open_orders(self, seen_ns: int, settled_ns: int) -> list[Order]:
        """
        Return the orders that were open at *seen_ns*, oldest first.

        Args:
            seen_ns: As of when.
            settled_ns: No later question is about a time before this.
        """
        self._forget_ended(settled_ns)
        shown = (self.order(each, seen_ns) for each in self._open)
        return [each for each in shown if each is not None and not each.status.is_final]

    def _forget_ended(self, settled_ns: int) -> None:
        for client_order_id in tuple(self._open):
            since_ns, order = self._states[client_order_id][-1]
            if since_ns <= settled_ns and order.status.is_final:
                del self._open[client_order_id]

    def fills(self, seen_ns: int, since_ns: int) -> list[Fill]:
        """Return the fills from *since_ns* on that were told by *seen_ns*, as they were told."""
        first = bisect_left(self._latest_ns, since_ns)
        told = (fill for ns, fill in self._fills[first:] if ns <= seen_ns)
        return [fill for fill in told if fill.ts_event >= since_ns]
