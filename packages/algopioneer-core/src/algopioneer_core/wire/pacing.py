"""Wait for one's turn, and try again: the two loops around the pure rules, by anyio's clock."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol, TypeVar

import anyio
from anyio.lowlevel import checkpoint

from algopioneer_core.domain.errors import VenueError
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.wire.backoff import Backoff

__all__ = ["RateLimit", "monotonic_ns", "repeat_until_done", "wait_turn"]

_T = TypeVar("_T")
_SHORTEST_SLEEP_NS: Final = 1_000
"""A float of seconds may not have room for less, and a sleep that is none would never end."""


class RateLimit(Protocol):
    """A `TokenBucket`, a `DecayingCounter`, or a venue's own."""

    def delay_ns(self, now_ns: int, cost: int = 1, *, reserve: int = 0) -> int:
        """Return how long until a request may go."""

    def take(self, now_ns: int, cost: int = 1) -> None:
        """Count a request that goes out."""


def monotonic_ns() -> int:
    """Return anyio's clock in nanoseconds: for limits and breakers, which must not see it set."""
    return round(anyio.current_time() * NS_PER_SECOND)


async def wait_turn(limits: Sequence[RateLimit], *, cost: int = 1, reserve: int = 0) -> None:
    """
    Wait until all *limits* let a request go, and count it.

    Who leaves less in reserve overtakes those who wait: give cancels and unwinds none. If this is
    cancelled, nothing was counted.

    Args:
        limits: That hold together, such as one for each minute and one for each key.
        cost: What the venue counts for the request.
        reserve: How much must be left over for what is more urgent.

    Raises:
        ValueError: It never fits.
    """
    await checkpoint()
    while True:
        now_ns = monotonic_ns()
        wait_ns = max(
            (limit.delay_ns(now_ns, cost, reserve=reserve) for limit in limits), default=0
        )
        if wait_ns == 0:
            break
        await anyio.sleep(max(wait_ns, _SHORTEST_SLEEP_NS) / NS_PER_SECOND)
    for limit in limits:
        limit.take(now_ns, cost)


async def repeat_until_done(
    call: Callable[[], Awaitable[_T]], backoff: Backoff, *, attempts: int | None = None
) -> _T:
    """
    Await *call* again and again until it succeeds, with the waits of *backoff* in between.

    For what may be repeated without harm: reads, connections, cancels. Never for a submit, whose
    outcome must be asked for first.

    Args:
        call: Makes a new request each time.
        backoff: Begins anew with each success; a wait that the venue asks for is kept.
        attempts: How many at most; None leaves the end to the caller's deadline.

    Raises:
        VenueError: What cannot be mended by waiting, or the last error when all attempts failed.
    """
    made = 0
    while True:
        made += 1
        try:
            result = await call()
        except VenueError as error:
            if not error.retryable or made == attempts:
                raise
            wait_ns = backoff.next_ns(at_least_ns=error.retry_after_ns or 0)
        else:
            backoff.reset()
            return result
        await anyio.sleep(wait_ns / NS_PER_SECOND)
