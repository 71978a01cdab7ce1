"""
How long to wait before the next attempt: exponential back-off with full jitter.

Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015: each wait is drawn from
[0, min(cap, base · factor^n)]. Clients that lost the same venue at the same moment then come back
spread out, and not in waves. Pure: the draws come in from outside, and nobody sleeps here.
"""

from collections.abc import Callable, Iterator
from typing import Final

from attrs import define, field, frozen, validators

from algopioneer_core.domain.market_data import NS_PER_SECOND

__all__ = ["Backoff", "BackoffPolicy"]

_STEPS: Final = 1 << 53
"""Values that a random float in [0, 1) can take: waits are computed in integers from there."""


@frozen(kw_only=True)
class BackoffPolicy:
    """How attempts to reach something again are spread over time."""

    base_ns: int = field(default=NS_PER_SECOND, validator=validators.ge(1))
    """Upper end of the first wait that is drawn."""
    cap_ns: int = field(default=60 * NS_PER_SECOND, validator=validators.ge(1))
    """Upper end that no wait exceeds, unless the venue asks for a longer one."""
    factor: int = field(default=2, validator=validators.ge(1))
    """By which the upper end grows with each attempt."""
    floor_ns: int = field(default=0, validator=validators.ge(0))
    """Lower end of every wait that is drawn; where it exceeds the upper end it is the wait."""
    at_once: int = field(default=0, validator=validators.ge(0))
    """Attempts that do not wait: most lost connections are back on the first try."""

    def ceiling_ns(self, attempt: int) -> int:
        """Return the upper end of the wait before attempt 0, 1, 2…; zero for those `at_once`."""
        if attempt < self.at_once:
            return 0
        ceiling = self.base_ns
        for _ in range(attempt - self.at_once):  # not a power: that has millions of digits one day
            if self.factor == 1 or ceiling >= self.cap_ns:
                break
            ceiling *= self.factor
        return max(self.floor_ns, min(self.cap_ns, ceiling))


@define
class Backoff:
    """
    The waits of one thing that is attempted again and again; an endless iterator of nanoseconds.

    Args:
        policy: Where the waits lie.
        draw: Gives numbers in [0, 1), as `random.Random(seed).random` does.
    """

    policy: BackoffPolicy
    _draw: Callable[[], float]
    attempts: int = field(default=0, init=False)
    """Waits given since the last success."""

    def next_ns(self, *, at_least_ns: int = 0) -> int:
        """
        Return how long to wait before the next attempt, in nanoseconds.

        Args:
            at_least_ns: What the venue asked for (`VenueError.retry_after_ns`); jitter is added to
                it, so that those whom it told the same do not come back together.
        """
        ceiling = self.policy.ceiling_ns(self.attempts)
        floor = min(self.policy.floor_ns, ceiling)
        drawn = floor + (ceiling - floor) * int(self._draw() * _STEPS) // _STEPS
        self.attempts += 1
        return at_least_ns + drawn if at_least_ns > 0 else drawn

    def reset(self) -> None:
        """Begin anew: the attempt succeeded, and has lasted for as long as the caller demands."""
        self.attempts = 0

    def __iter__(self) -> Iterator[int]:
        return self

    def __next__(self) -> int:
        return self.next_ns()
