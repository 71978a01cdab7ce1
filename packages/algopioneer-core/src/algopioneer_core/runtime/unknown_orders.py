"""What became of an order: asked until the venue has found it or proven that it is absent."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Final

import anyio

from algopioneer_core.domain.errors import UnsupportedOperation, VenueError
from algopioneer_core.domain.events import (
    OrderAbsent,
    OrderAccepted,
    OrderCanceled,
    OrderCompleted,
    OrderExpired,
    OrderFilled,
    OrderRejected,
)
from algopioneer_core.domain.execution_reports import ExecutionReport
from algopioneer_core.domain.fills import Fill
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.domain.money import total
from algopioneer_core.domain.orders import Order, OrderStatus
from algopioneer_core.ports import Clock, Execution, Found, NotYetKnown
from algopioneer_core.wire.backoff import Backoff, BackoffPolicy

__all__ = ["OVERLAP_NS", "UNPROVEN", "agrees_always", "learn_fate", "reports_of"]

OVERLAP_NS: Final = 60 * NS_PER_SECOND
"""By how much more than needed fills are asked for: clocks of venues differ from ours."""
UNPROVEN: Final = (OrderStatus.PENDING, OrderStatus.PENDING_CANCEL)
"""States in which nothing but our own sending may say that the venue has the order."""
_BETWEEN_QUESTIONS: Final = BackoffPolicy(
    base_ns=NS_PER_SECOND // 2, cap_ns=30 * NS_PER_SECOND, floor_ns=NS_PER_SECOND // 5
)


async def agrees_always(_: Order) -> bool:
    """Say that nothing speaks against an order's absence, where no holdings can tell."""
    return True


async def learn_fate(
    execution: Execution,
    order: Order,
    clock: Clock,
    *,
    report: Callable[[ExecutionReport], None],
    wants_more: Callable[[], bool],
    draw: Callable[[], float],
    agrees: Callable[[Order], Awaitable[bool]] = agrees_always,
) -> None:
    """
    Ask the venue about *order* until its fate is known, and report it.

    Failures of the venue are waited out. A cancellation leaves nothing behind: ask again.

    Args:
        execution: The venue's port.
        order: As it was sent.
        clock: The present time.
        report: Called with each report, in an order that the order table allows.
        wants_more: Whether to go on asking about an order that was found and still works, because
            no stream tells what becomes of it.
        draw: Numbers in [0, 1) for the jitter of waits.
        agrees: Says whether the account holds nothing that an order could have brought. One that
            the venue shows nowhere is believed absent only then.

    Raises:
        UnsupportedOperation: The venue cannot look orders up.
        VenueError: It shows an order of this id that is older than ours.
    """
    waits = Backoff(_BETWEEN_QUESTIONS, draw)
    while True:
        wait_ns = 0
        try:
            answer = await execution.order(order.client_order_id)
            if isinstance(answer, Found):
                fills = await execution.fills(order.ts_created - OVERLAP_NS)
                _check_age(order, answer.order)
                if _tell(answer.order, fills, clock.now_ns(), report) and not wants_more():
                    return
            elif isinstance(answer, NotYetKnown):
                wait_ns = max(0, answer.ask_again_ns - clock.now_ns())
            elif await agrees(order):
                report(OrderAbsent(order.client_order_id, clock.now_ns()))
                return
        except UnsupportedOperation:
            raise
        except VenueError as error:
            if not error.retryable:
                raise
            wait_ns = error.retry_after_ns or 0
        await anyio.sleep(waits.next_ns(at_least_ns=wait_ns) / NS_PER_SECOND)


def _tell(
    found: Order, fills: Sequence[Fill], now_ns: int, report: Callable[[ExecutionReport], None]
) -> bool:
    """Report what was found; return whether its fills are all there, else report these only."""
    is_whole = _is_whole(found, fills)
    for each in reports_of(found, fills, now_ns):
        if is_whole or isinstance(each, OrderFilled):
            report(each)
    return is_whole


def _check_age(ours: Order, theirs: Order) -> None:
    if 0 < theirs.ts_created < ours.ts_created - OVERLAP_NS:
        raise VenueError(
            "the venue shows an order of this id that is older than ours",
            where=ours.client_order_id,
            remedy="two journals may be using one account with the same ids; stop one of them",
        )


def _is_whole(found: Order, fills: Iterable[Fill]) -> bool:
    """
    Return whether the list of fills is as far as the order itself.

    Lists lag: an end that is believed before all its fills are counted ends with too little.
    """
    mine = [each.quantity for each in fills if each.client_order_id == found.client_order_id]
    return total(*mine) >= found.filled_quantity


def reports_of(found: Order, fills: Iterable[Fill], now_ns: int) -> Iterator[ExecutionReport]:
    """
    Yield what the venue's view of an order means, as reports: accepted, its fills, its end.

    Args:
        found: The order as the venue tells it.
        fills: Executions of the account, of which those of this order are taken.
        now_ns: Time of the reports that the venue does not date, UTC nanoseconds.
    """
    key = found.client_order_id
    if found.status is OrderStatus.REJECTED:
        yield OrderRejected(key, now_ns, found.message)
        return
    yield OrderAccepted(key, now_ns, found.venue_order_id)
    for fill in fills:
        if fill.client_order_id == key:
            yield OrderFilled(fill)
    if found.status is OrderStatus.FILLED:
        yield OrderCompleted(key, now_ns)
    elif found.status is OrderStatus.CANCELED:
        yield OrderCanceled(key, now_ns, found.message)
    elif found.status is OrderStatus.EXPIRED:
        yield OrderExpired(key, now_ns)
