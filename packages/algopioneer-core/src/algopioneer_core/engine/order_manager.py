"""The orders of one strategy: which exist, which may still trade, and what became of them."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import field, frozen

from algopioneer_core.domain.errors import UnknownOrder
from algopioneer_core.domain.events import (
    CancelRejected,
    ExecutionReport,
    OrderAbsent,
    OrderAccepted,
    OrderCanceled,
    OrderCompleted,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
)
from algopioneer_core.domain.fills import Fill
from algopioneer_core.domain.money import ZERO
from algopioneer_core.domain.orders import (
    Order,
    OrderIntent,
    OrderStatus,
    Step,
    advance,
    apply_fill,
    correct_fill,
    remove_fill,
)

__all__ = ["DEFAULT_RETAINED", "REPORTS", "OrderManager", "PastOrder", "Recall"]

DEFAULT_RETAINED: Final = 256
"""
Ended orders that a strategy's manager remembers: the one limit of what a session keeps of them in
memory, some 256 kB for each strategy. Reports that come late, or twice, are about the latest few;
for any older one a look into the journal does, which has all of them.
"""

_STEPS: Final[dict[type, Step]] = {
    OrderAccepted: Step.ACCEPT,
    OrderRejected: Step.REJECT,
    OrderCompleted: Step.COMPLETE,
    OrderCanceled: Step.CANCEL,
    OrderExpired: Step.EXPIRE,
    OrderUnknown: Step.LOSE,
    OrderAbsent: Step.PROVE_ABSENT,
    CancelRejected: Step.REFUSE_CANCEL,
}
REPORTS: Final[tuple[type, ...]] = (OrderFilled, *_STEPS)
"""The classes of all execution reports."""
_PENDING: Final = OrderStatus.PENDING
_TAKEN_OUT: Final = frozenset((OrderStatus.CANCELED, OrderStatus.EXPIRED))
_FINAL: Final = frozenset(status for status in OrderStatus if status.is_final)


@frozen
class PastOrder:
    """An order as the journal tells of it."""

    order: Order
    """With every report about it counted."""
    corrections: Mapping[str, Fill] = field(factory=dict)
    """By fill id, the fills that count in another form than they were first reported in."""


Recall = Callable[[str], PastOrder | None]
"""Looks a forgotten order up by its id; None when there never was one."""


def _no_journal(_: str) -> None:
    """Recall nothing: a backtest has no journal."""


class OrderManager:
    """
    Makes orders from intents and keeps each in the state its reports put it in.

    Memory does not grow with the number of orders: of those that ended, the latest *retained* are
    kept. One that was forgotten is the same to who asks for it (`get`), as long as *recall* finds
    it. A report about it is another matter, because the journal may have that very report already:
    it raises `UnknownOrder` until the order was brought back (`take_back`).

    Args:
        next_id: Gives a new client order id at each call.
        retained: How many ended orders to remember.
        recall: Finds the others.
    """

    def __init__(
        self,
        next_id: Callable[[], str],
        *,
        retained: int = DEFAULT_RETAINED,
        recall: Recall = _no_journal,
    ) -> None:
        self._next_id = next_id
        self._retained = retained
        self._recall = recall
        self._orders: dict[str, Order] = {}
        self._ended: dict[str, int] = {}  # those that ended, in that order, and when (0: long ago)
        self._corrections: dict[str, dict[str, Fill]] = {}  # by order, by fill id; mostly empty
        self.working: dict[str, Order] = {}
        """Orders that may still trade, oldest first. Read only."""
        self.made = 0
        """How many orders were made, denied ones included; the last number given to an id."""

    def submit(self, intent: OrderIntent, now_ns: int) -> Order:
        """Return a new order for *intent*, handed over for sending at *now_ns* (UTC)."""
        self.made += 1
        order_id = self._next_id()
        order = self._orders[order_id] = self.working[order_id] = Order(
            order_id, intent, now_ns, _PENDING
        )
        return order

    def deny(self, intent: OrderIntent, now_ns: int, message: str) -> Order:
        """Return a new order for *intent*, refused by our own rules: it will not be sent."""
        self.made += 1
        order = Order(self._next_id(), intent, now_ns)
        return self._keep(advance(order, Step.DENY, message=message))

    def request_cancel(self, client_order_id: str) -> Order:
        """
        Return the order after a cancel was asked for.

        Raises:
            UnknownOrder: There is no such order.
            IllegalTransition: It has ended, or was never sent.
        """
        return self._keep(advance(self.get(client_order_id), Step.REQUEST_CANCEL))

    def apply(self, report: ExecutionReport) -> tuple[Order, Order]:
        """
        Return the order before and after *report*; the same object twice when it says nothing new.

        Raises:
            UnknownOrder: The report is about no order that is remembered here.
            IllegalTransition: The order table does not allow it.
        """
        if type(report) is OrderFilled:
            fill = report.fill
            before = self._known(fill.client_order_id)
            after = apply_fill(before, fill, complete=report.complete)
        else:
            before = self._known(report.client_order_id)
            after = self._advance(before, report)
        if after is not before:
            self._keep(after, report.ts_event)
        return before, after

    def bust(self, fill: Fill) -> Fill | None:
        """
        Take a fill back that the venue has busted.

        Returns:
            The fill as it was counted, with its corrections, to be undone in the books; None when
            it was not counted (busted before, or the bust came first).

        Raises:
            UnknownOrder: The fill is of no order that is remembered here.
        """
        order = self._known(fill.client_order_id)
        counted = self._counted(order, fill)
        self._keep(remove_fill(order, counted or fill))
        return counted

    def correct(self, original: Fill, corrected: Fill) -> tuple[Fill | None, Fill | None]:
        """
        Put *corrected* in the place of *original*, which has the same id.

        Returns:
            What is to be undone in the books and what is to be booked, in this order; None for
            each that is not.

        Raises:
            UnknownOrder: The fill is of no order that is remembered here.
        """
        order = self._known(original.client_order_id)
        counted = self._counted(order, original)
        after = correct_fill(order, counted or original, corrected)
        if after is order:
            return None, None
        self._keep(after)
        self._corrections.setdefault(order.client_order_id, {})[corrected.fill_id] = corrected
        return counted, corrected

    def _counted(self, order: Order, fill: Fill) -> Fill | None:
        """Return the fill of this id as it is in the order's totals; None when it is not."""
        if not order.counts(fill.fill_id):
            return None
        return self._corrections.get(order.client_order_id, {}).get(fill.fill_id, fill)

    def get(self, client_order_id: str) -> Order:
        """
        Return an order by its id.

        Raises:
            UnknownOrder: There is none.
        """
        order = self._orders.get(client_order_id)
        if order is None:
            past = self._recall(client_order_id)
            if past is None:
                raise _unknown(client_order_id)
            order = self.take_back(past)
        return order

    def remembers(self, client_order_id: str) -> bool:
        """Return whether an order is here, without a look anywhere else."""
        return client_order_id in self._orders

    def lacking_fills(self, since_ns: int) -> list[Order]:
        """
        Return the orders that ended and of which fills may still be told.

        They were told filled, and less than that was counted; or they were taken out of the market
        since *since_ns* (UTC) with a rest, and a fill may have crossed the cancel.
        """
        ended = ((self._orders[key], ended_ns) for key, ended_ns in self._ended.items())
        return [each for each, ended_ns in ended if _may_lack(each, ended_ns >= since_ns)]

    @property
    def remembered(self) -> int:
        """How many orders are here: those that work, and the latest that ended."""
        return len(self._orders)

    def replace(self, order: Order) -> None:
        """Put *order* in the place of its earlier state."""
        self._keep(order)

    def take_back(self, past: PastOrder) -> Order:
        """Remember an order again that was forgotten, as if it had ended just now; return it."""
        if past.corrections:
            self._corrections[past.order.client_order_id] = dict(past.corrections)
        return self._keep(past.order)

    def as_past(self, client_order_id: str) -> PastOrder:
        """
        Return what is known here of an order.

        Raises:
            UnknownOrder: It is not here.
        """
        order = self._known(client_order_id)
        return PastOrder(order, dict(self._corrections.get(client_order_id, {})))

    def _known(self, client_order_id: str) -> Order:
        order = self._orders.get(client_order_id)
        if order is None:
            raise _unknown(client_order_id)
        return order

    # --- memory ------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, object]:
        """
        Return the working orders, as JSON values and domain objects.

        Those that ended are left to the journal: a snapshot is made with every commit.
        """
        return {
            "made": self.made,
            "orders": list(self.working.values()),
            "corrections": {
                key: fills for key, fills in self._corrections.items() if key in self.working
            },
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """
        Become what `snapshot` described.

        Ids go on where the generator stands: whoever made it starts it after `made`.
        """
        self.made = state["made"]
        self._orders.clear()
        self._ended.clear()
        self.working.clear()
        for order in state["orders"]:
            self._keep(order)
        self._corrections = {key: dict(fills) for key, fills in state["corrections"].items()}

    @staticmethod
    def _advance(order: Order, report: ExecutionReport) -> Order:
        after = advance(
            order,
            _STEPS[type(report)],
            venue_order_id=getattr(report, "venue_order_id", None),
            message=getattr(report, "message", ""),
        )
        return order if after == order else after

    def _keep(self, order: Order, ts_ns: int = 0) -> Order:
        key = order.client_order_id
        before = self._orders.get(key)
        self._orders[key] = order
        had_ended = before is not None and before.status in _FINAL
        if order.status not in _FINAL:
            self.working[key] = order
            if had_ended:
                del self._ended[key]  # rare: what was refused is alive after all
        elif not had_ended:
            self.working.pop(key, None)
            self._ended[key] = ts_ns
            if len(self._ended) > self._retained:
                self._forget(next(iter(self._ended)))
        return order

    def _forget(self, client_order_id: str) -> None:
        del self._orders[client_order_id], self._ended[client_order_id]
        self._corrections.pop(client_order_id, None)


def _may_lack(order: Order, is_recent: bool) -> bool:
    rest = order.remaining_quantity
    if order.status is OrderStatus.FILLED:
        return bool(rest)
    return is_recent and order.status in _TAKEN_OUT and rest != ZERO


def _unknown(client_order_id: str) -> UnknownOrder:
    return UnknownOrder("no order with this id is known here", where=client_order_id)
