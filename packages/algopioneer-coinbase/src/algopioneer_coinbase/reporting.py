"""
Reports out of totals: what the private stream says of an order, joined with its list of fills.

The stream tells how much of an order was executed, and neither ids nor fees of the executions
(protocol: user channel). So an order whose total has grown is looked up among the fills, and
nothing is said of it until they add up to the total: no fill is made up, and none is lost.
"""

from collections import deque
from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from attrs import define, field, frozen

from algopioneer_coinbase.messages import OrderRow
from algopioneer_coinbase.numbers import optional_amount
from algopioneer_coinbase.order_forms import ENDED
from algopioneer_coinbase.stream_messages import UserOrder
from algopioneer_core.domain.events import (
    ExecutionReport,
    OrderAccepted,
    OrderCanceled,
    OrderCompleted,
    OrderExpired,
    OrderFilled,
    OrderRejected,
)
from algopioneer_core.domain.fills import Fill
from algopioneer_core.domain.money import ZERO, total

__all__ = ["OrderState", "ReportMaker", "state_of_row", "state_of_update"]

_ENDED_KEPT: Final = 10_000
"""Ended orders that are remembered, so that what is repeated of them is known as such."""


@frozen
class OrderState:
    """What a venue says of an order, on whichever way."""

    order_id: str
    client_order_id: str
    status: str
    filled: Decimal
    """In base units or contracts."""
    message: str = ""

    @property
    def has_ended(self) -> bool:
        """Whether it is over; an unknown status is not."""
        return self.status in ENDED

    def is_older_than(self, other: "OrderState") -> bool:
        """Whether the venue said it before *other*: neither executions nor ends are undone."""
        return self.filled < other.filled or (other.has_ended and not self.has_ended)


def state_of_update(order: UserOrder) -> OrderState:
    """
    Return what an update of the stream says.

    Raises:
        DataError: Its total is no number.
    """
    message = order.reject_reason or order.reject_Reason or order.cancel_reason
    filled = optional_amount(order.cumulative_quantity) or ZERO
    return OrderState(order.order_id, order.client_order_id, order.status, filled, message)


def state_of_row(row: OrderRow) -> OrderState:
    """
    Return what a look-up says.

    Raises:
        DataError: Its total is no number.
    """
    message = row.reject_message or row.cancel_message
    filled = optional_amount(row.filled_size) or ZERO
    return OrderState(row.order_id, row.client_order_id, row.status, filled, message)


@define
class _Told:
    accepted: bool = False
    fills: dict[str, Fill] = field(factory=dict)
    ended: bool = False

    @property
    def filled(self) -> Decimal:
        return total(*(fill.quantity for fill in self.fills.values()))


class ReportMaker:
    """Remembers what was reported of each order, and says what is new."""

    def __init__(self) -> None:
        self._told: dict[str, _Told] = {}
        self._ended: deque[str] = deque()

    def needs_fills(self, state: OrderState) -> bool:
        """Return whether there are executions that have not been reported."""
        told = self._told.get(state.order_id)
        return state.filled > (told.filled if told else ZERO)

    def reports(
        self, state: OrderState, fills: Iterable[Fill], now_ns: int
    ) -> list[ExecutionReport] | None:
        """
        Return what is new: acceptance, fills, end, in this order.

        None while *fills* do not add up to what was executed: ask for them again. Fills beyond
        that are reported too: the list may be newer than the state.

        Args:
            state: What the venue says of the order.
            fills: Those of the order, as far as the venue lists them; may be known already.
            now_ns: Time of the report, UTC nanoseconds; a fill has its own.
        """
        told = self._told.setdefault(state.order_id, _Told())
        if told.ended and not self.needs_fills(state):
            return []
        new = {each.fill_id: each for each in fills if each.fill_id not in told.fills}
        if total(told.filled, *(each.quantity for each in new.values())) < state.filled:
            return None
        told.fills |= new
        reports = self._acceptance(told, state, now_ns)
        in_order = sorted(new.values(), key=lambda each: (each.ts_event, each.fill_id))
        reports += [
            OrderFilled(each, state.status == "FILLED" and each is in_order[-1])
            for each in in_order
        ]
        if state.status == "FILLED" and not in_order and not told.ended:
            reports.append(OrderCompleted(state.client_order_id, now_ns))
        return reports + self._end(told, state, now_ns)

    def _acceptance(self, told: _Told, state: OrderState, now_ns: int) -> list[ExecutionReport]:
        if told.accepted or (state.status == "FAILED" and not state.filled):
            return []
        told.accepted = True
        return [OrderAccepted(state.client_order_id, now_ns, state.order_id)]

    def _end(self, told: _Told, state: OrderState, now_ns: int) -> list[ExecutionReport]:
        if told.ended or not state.has_ended:
            return []
        told.ended = True
        self._remember(state.order_id)
        name = state.client_order_id
        if state.status == "EXPIRED":
            return [OrderExpired(name, now_ns)]
        if state.status == "FAILED" and not told.fills:
            return [OrderRejected(name, now_ns, state.message)]
        if state.status == "FILLED":
            return []
        return [OrderCanceled(name, now_ns, state.message)]

    def _remember(self, order_id: str) -> None:
        """Count an ended order, and forget the oldest of too many."""
        self._ended.append(order_id)
        if len(self._ended) > _ENDED_KEPT:
            self._told.pop(self._ended.popleft(), None)
