"""The market data of one venue, read for as long as the session lasts."""

from collections.abc import Callable, Sequence

import anyio
import anyio.abc

from algopioneer_core.domain.errors import UnsupportedOperation
from algopioneer_core.domain.events import FeedDown, FeedUp
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.ports import Clock, MarketData, MarketDataEvent
from algopioneer_core.runtime.lost_streams import LOST, RECONNECT, lost_for
from algopioneer_core.wire.backoff import Backoff

__all__ = ["read_feed"]


async def read_feed(
    venue: str,
    market_data: MarketData,
    instrument_ids: Sequence[InstrumentId],
    publish: Callable[[MarketDataEvent], None],
    *,
    clock: Clock,
    draw: Callable[[], float],
    task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED,
) -> None:
    """
    Read a venue's stream and subscribe again whenever it breaks; return when it has ended.

    Nothing is awaited for each event but the stream itself: publishing never waits.

    Args:
        venue: Its name.
        market_data: Its port.
        instrument_ids: What is subscribed.
        publish: Takes an event.
        clock: For the time of `FeedDown` and `FeedUp`.
        draw: Numbers in [0, 1) for the jitter of waits.

    Raises:
        UnsupportedOperation: Something that is subscribed is not offered.
    """
    waits, is_first = Backoff(RECONNECT, draw), True
    while True:
        opened = None
        try:
            async with market_data.subscribe(instrument_ids) as stream:
                opened = anyio.current_time()
                if not is_first:
                    publish(FeedUp(venue, clock.now_ns()))
                is_first = _started(task_status, is_first=is_first)
                async for event in stream:
                    publish(event)
                return
        except UnsupportedOperation:
            raise
        except LOST as error:
            reason, wait_ns = lost_for(error, waits, opened)
            publish(FeedDown(venue, clock.now_ns(), reason))
        is_first = _started(task_status, is_first=is_first)
        await anyio.sleep(wait_ns / NS_PER_SECOND)


def _started(status: anyio.abc.TaskStatus[None], *, is_first: bool) -> bool:
    """Let the caller go on after the first attempt, even a failed one; return False."""
    if is_first:
        status.started()
    return False
