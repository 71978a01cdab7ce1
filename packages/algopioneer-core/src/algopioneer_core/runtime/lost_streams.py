"""A stream of a venue that broke: why, and how long to wait before it is opened again."""

from typing import Final

import anyio

from algopioneer_core.domain.errors import VenueError
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.wire.backoff import Backoff, BackoffPolicy

__all__ = ["LOST", "RECONNECT", "lost_for"]

LOST: Final = (VenueError, anyio.BrokenResourceError, anyio.ClosedResourceError)
"""What a stream that breaks raises: the venue's error, or that of anyio's own streams."""
RECONNECT: Final = BackoffPolicy(base_ns=NS_PER_SECOND, cap_ns=60 * NS_PER_SECOND, at_once=1)
_LASTED_S: Final = 60
"""A stream that was open for so long was a success: only then does the back-off begin anew, or
one that opens and breaks at once would be opened again without a pause."""


def lost_for(error: Exception | None, waits: Backoff, opened_s: float | None) -> tuple[str, int]:
    """
    Return why a stream was lost and how many nanoseconds to wait.

    Args:
        error: What it broke with; None when the venue closed it.
        waits: The waits of this stream.
        opened_s: anyio's time when it was opened; None when it could not be.
    """
    if opened_s is not None and anyio.current_time() - opened_s >= _LASTED_S:
        waits.reset()
    asked_ns = error.retry_after_ns or 0 if isinstance(error, VenueError) else 0
    reason = "the venue closed it" if error is None else str(error) or type(error).__name__
    return reason, waits.next_ns(at_least_ns=asked_ns)
