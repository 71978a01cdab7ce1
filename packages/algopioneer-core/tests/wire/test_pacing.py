"""Turns are waited for and nothing is counted twice; attempts end when they should."""

import anyio
import pytest

from algopioneer_core.domain.errors import OrderRejected, RateLimited, VenueUnavailable
from algopioneer_core.wire.backoff import Backoff, BackoffPolicy
from algopioneer_core.wire.pacing import RateLimit, monotonic_ns, repeat_until_done, wait_turn
from algopioneer_core.wire.rate_limits import DecayingCounter, TokenBucket

SECOND = 1_000_000_000


async def test_requests_go_out_at_the_rate_of_the_strictest_limit() -> None:
    """Ten a second at once, but one each two seconds for the key."""
    limits: list[RateLimit] = [TokenBucket(10, SECOND // 10), DecayingCounter(2, 2 * SECOND)]
    times = []
    for _ in range(5):
        await wait_turn(limits)
        times.append(round(anyio.current_time(), 6))
    assert times == [0, 0, 2, 4, 6]


async def test_an_unwind_overtakes_entries() -> None:
    """Who leaves nothing in reserve goes before those who waited longer."""
    bucket, order = TokenBucket(3, SECOND), []

    async def go(name: str, reserve: int) -> None:
        await wait_turn([bucket], reserve=reserve)
        order.append((name, round(anyio.current_time(), 6)))

    async with anyio.create_task_group() as tasks:
        for name in ("first", "second"):
            await go(name, reserve=1)
        tasks.start_soon(go, "entry", 1)
        await anyio.sleep(0.5)
        tasks.start_soon(go, "unwind", 0)
    assert order == [("first", 0), ("second", 0), ("unwind", 0.5), ("entry", 2)]


async def test_a_cancelled_wait_counts_nothing() -> None:
    """The next one finds the limit as it was."""
    bucket = TokenBucket(1, 10 * SECOND)
    await wait_turn([bucket])
    with anyio.move_on_after(5):
        await wait_turn([bucket])
    assert bucket.delay_ns(monotonic_ns()) == 5 * SECOND


async def test_a_turn_comes_after_months_too() -> None:
    """When a float of seconds has no nanoseconds any more, waits of one still end."""
    await anyio.sleep(86_400 * 400)
    counter = DecayingCounter(1, 1)
    for _ in range(3):
        await wait_turn([counter])
    await wait_turn([])


class Flaky:
    """Fails with each error in turn, and then succeeds."""

    def __init__(self, *errors: Exception) -> None:
        self.errors, self.calls = list(errors), list[float]()

    async def __call__(self) -> str:
        self.calls.append(anyio.current_time())
        await anyio.lowlevel.checkpoint()
        if self.errors:
            raise self.errors.pop(0)
        return "done"


async def test_attempts_wait_as_the_policy_and_the_venue_say() -> None:
    """Half a second, then what the venue asked for and one second more."""
    call = Flaky(VenueUnavailable("down"), RateLimited("slow", retry_after_ns=30 * SECOND))
    backoff = Backoff(BackoffPolicy(base_ns=SECOND), lambda: 0.5)
    assert await repeat_until_done(call, backoff) == "done"
    assert call.calls == [0, 0.5, 31.5]
    assert backoff.attempts == 0


async def test_what_waiting_does_not_mend_is_raised_at_once() -> None:
    """A rejection is an answer."""
    call = Flaky(OrderRejected("no"))
    with pytest.raises(OrderRejected):
        await repeat_until_done(call, Backoff(BackoffPolicy(), lambda: 0.5))
    assert len(call.calls) == 1


async def test_attempts_end() -> None:
    """By their number, with the last error, or by the caller's deadline."""
    backoff = Backoff(BackoffPolicy(), lambda: 0.5)
    with pytest.raises(VenueUnavailable, match="third"):
        await repeat_until_done(
            Flaky(*map(VenueUnavailable, ("first", "second", "third"))), backoff, attempts=3
        )
    start = anyio.current_time()
    with anyio.move_on_after(600) as scope:
        await repeat_until_done(Flaky(*[VenueUnavailable("down")] * 1000), backoff)
    assert scope.cancelled_caught
    assert anyio.current_time() - start == 600
