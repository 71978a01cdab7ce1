"""The private stream of a venue, read for as long as the session lasts."""

from collections.abc import Callable

import anyio
import anyio.abc

from algopioneer_core.domain.errors import AuthenticationFailed
from algopioneer_core.domain.events import AccountEvent, ExecutionReport
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.ports import Execution
from algopioneer_core.runtime.lost_streams import LOST, RECONNECT, lost_for
from algopioneer_core.wire.backoff import Backoff

__all__ = ["read_reports"]


async def read_reports(
    execution: Execution,
    handle: Callable[[ExecutionReport | AccountEvent], None],
    *,
    on_up: Callable[[], None],
    on_down: Callable[[str], None],
    draw: Callable[[], float],
    task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED,
) -> None:
    """
    Read a venue's reports, and open the stream again whenever it breaks, until cancelled.

    Each report is handled before the next is asked for; a cancellation loses none of them: what
    was not handled is found by reconciliation.

    Args:
        execution: The venue's port.
        handle: Takes a report; must not wait.
        on_up: Called each time the stream is open; the session then reconciles.
        on_down: Called with the reason each time it is lost.
        draw: Numbers in [0, 1) for the jitter of waits.

    Raises:
        AuthenticationFailed: The key is not accepted; trying again would not help.
    """
    waits, is_first = Backoff(RECONNECT, draw), True
    while True:
        opened, problem = None, None
        try:
            async with execution.reports() as stream:
                opened = anyio.current_time()
                on_up()
                if is_first:
                    task_status.started()
                    is_first = False
                async for report in stream:
                    handle(report)
        except AuthenticationFailed:
            raise
        except LOST as error:
            problem = error
        reason, wait_ns = lost_for(problem, waits, opened)
        on_down(reason)
        if is_first:  # the caller need not wait until the venue is there
            task_status.started()
            is_first = False
        await anyio.sleep(wait_ns / NS_PER_SECOND)
