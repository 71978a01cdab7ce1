"""The market data of one venue, read for as long as the session lasts."""

from collections.abc import Callable, Sequence
from typing import Final

import anyio
import anyio.abc

from algopioneer_core.domain.errors import UnsupportedOperation, VenueError
from algopioneer_core.domain.events import FeedDown, FeedUp
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.ports import Clock, MarketData, MarketDataEvent
from algopioneer_core.wire.backoff import Backoff, BackoffPolicy

__all__ = ["read_feed"]

_RECONNECT: Final = BackoffPolicy(base_ns=NS_PER_SECOND, cap_ns=60 * NS_PER_SECOND, at_once=1)


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
    waits, is_first = Backoff(_RECONNECT, draw), True
    while True:
        try:
            async with market_data.subscribe(instrument_ids) as stream:
                if is_first:
                    task_status.started()
                else:
                    publish(FeedUp(venue, clock.now_ns()))
                is_first = False
                async for event in stream:
                    waits.reset()
                    publish(event)
                return
        except UnsupportedOperation:
            raise
        except VenueError as error:
            publish(FeedDown(venue, clock.now_ns(), str(error)))
            wait_ns = waits.next_ns(at_least_ns=error.retry_after_ns or 0)
        await anyio.sleep(wait_ns / NS_PER_SECOND)
