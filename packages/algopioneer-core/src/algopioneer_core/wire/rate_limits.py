"""
Rate limits as venues state them, kept on our side so that a request is late and not refused.

Two ways of saying it: a bucket of tokens that refills (Coinbase: 30 requests a second; Alpaca: 200
a minute), and a counter that grows with each request and decays (Kraken). They are the same
arithmetic, the generic cell rate algorithm (ITU-T I.371, annex A): one integer, the time at which
everything taken so far will have decayed. So nothing is ever rounded, and a wait is exact.

Pure: time comes in as nanoseconds. A clock that steps back counts as one that stood still.
"""

from typing import Self

from attrs import define, field, validators

from algopioneer_core.domain.market_data import NS_PER_SECOND

__all__ = ["DecayingCounter", "TokenBucket"]


@define
class DecayingCounter:
    """
    A counter that each request raises by its cost and that time lowers; it may not pass a maximum.

    Costs are integers: express fractions in a smaller unit (`maximum=1200, decay_ns` per
    hundredth).

    Args:
        maximum: What the counter may reach.
        decay_ns: Time in which it falls by one. Round up where a venue's rate is no whole number of
            nanoseconds (`decaying_per_second` does): slower than allowed is never refused.
    """

    maximum: int = field(validator=validators.ge(1))
    decay_ns: int = field(validator=validators.ge(1))
    _zero_at_ns: int = field(default=0, init=False)
    """When the counter will be back at zero."""
    _paused_until_ns: int = field(default=0, init=False)
    _seen_ns: int | None = field(default=None, init=False)

    @classmethod
    def decaying_per_second(cls, maximum: int, per_second: str | int) -> Self:
        """
        Return a counter that falls at a rate as venues print it, such as "2.34" per second.

        The rate is text or an integer, never a float; time per unit is rounded up.
        """
        digits, _, fraction = str(per_second).partition(".")
        scale = 10 ** len(fraction)
        rate = int(digits + fraction)
        if rate <= 0:
            raise ValueError(f"a limit that never decays lets nothing through: {per_second!r}")
        return cls(maximum, -(-NS_PER_SECOND * scale // rate))

    def value(self, now_ns: int) -> int:
        """Return the counter now, rounded up."""
        self._see(now_ns)
        return -(-max(0, self._zero_at_ns - now_ns) // self.decay_ns)

    def delay_ns(self, now_ns: int, cost: int = 1, *, reserve: int = 0) -> int:
        """
        Return how long to wait until a request of *cost* may go; zero when it may go now.

        Args:
            now_ns: The present time.
            cost: What the venue counts for it.
            reserve: How much of the maximum must be left over afterwards for what is more urgent:
                an entry leaves some for cancels and unwinds, which pass zero.

        Raises:
            ValueError: It can never go: cost and reserve exceed the maximum.
        """
        if cost < 0 or reserve < 0:
            raise ValueError(f"cost {cost} and reserve {reserve} cannot be negative")
        room = self.maximum - reserve - cost
        if room < 0:
            raise ValueError(
                f"a request of cost {cost} with a reserve of {reserve} never fits into "
                f"a limit of {self.maximum}"
            )
        self._see(now_ns)
        fits_at_ns = self._zero_at_ns - room * self.decay_ns
        return max(0, fits_at_ns - now_ns, self._paused_until_ns - now_ns)

    def take(self, now_ns: int, cost: int = 1) -> None:
        """Count a request that goes out now, whether or not it fits: the venue counts it too."""
        if cost < 0:
            raise ValueError(f"a cost cannot be negative, and {cost} is")
        self._see(now_ns)
        self._zero_at_ns = max(self._zero_at_ns, now_ns) + cost * self.decay_ns

    def observe(self, now_ns: int, value: int) -> None:
        """
        Take over the venue's own count where it is higher: others may use the same key.

        A lower one is not believed: it does not know of our requests that are still on their way.
        """
        self._see(now_ns)
        self._zero_at_ns = max(self._zero_at_ns, now_ns + value * self.decay_ns)

    def pause(self, now_ns: int, duration_ns: int) -> None:
        """Let nothing go for a time: the venue refused a request and said for how long."""
        self._see(now_ns)
        self._paused_until_ns = max(self._paused_until_ns, now_ns + duration_ns)

    def _see(self, now_ns: int) -> None:
        """Move everything back with a clock that was set back: no wait may grow by the step."""
        if self._seen_ns is not None and now_ns < self._seen_ns:
            step = self._seen_ns - now_ns
            self._zero_at_ns -= step
            self._paused_until_ns -= step
        self._seen_ns = now_ns


@define
class TokenBucket:
    """
    A bucket of tokens: a request takes some, time puts them back.

    Args:
        capacity: Tokens in a full bucket, and so the largest burst.
        refill_ns: Time in which one token comes back.
    """

    capacity: int = field(validator=validators.ge(1))
    refill_ns: int = field(validator=validators.ge(1))
    _used: DecayingCounter = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._used = DecayingCounter(self.capacity, self.refill_ns)

    @classmethod
    def per_window(cls, requests: int, window_ns: int, *, burst: int | None = None) -> Self:
        """
        Return a bucket that never lets more than *requests* go in any window of that length.

        A full bucket may be emptied at the start of a window that also sees the refill, so the
        refill brings only what the burst leaves over: `burst + window / refill <= requests`.

        Args:
            requests: Allowed in a window, at least two.
            window_ns: Its length; rolling, or aligned to the venue's clock.
            burst: Capacity of the bucket; half of *requests* when None.
        """
        capacity = requests // 2 if burst is None else burst
        if not 1 <= capacity < requests:
            raise ValueError(f"a burst of {capacity} leaves nothing of {requests} for later")
        return cls(capacity, -(-window_ns // (requests - capacity)))

    def tokens(self, now_ns: int) -> int:
        """Return how many whole tokens are left; below zero when more was taken than was there."""
        return self.capacity - self._used.value(now_ns)

    def delay_ns(self, now_ns: int, cost: int = 1, *, reserve: int = 0) -> int:
        """
        Return how long until *cost* tokens are there and *reserve* stay; zero when they are now.

        Raises:
            ValueError: The bucket never holds as many.
        """
        return self._used.delay_ns(now_ns, cost, reserve=reserve)

    def take(self, now_ns: int, cost: int = 1) -> None:
        """Take *cost* tokens for a request that goes out now, whether or not they are there."""
        self._used.take(now_ns, cost)

    def observe(self, now_ns: int, remaining: int) -> None:
        """Take over the venue's count of what is left (`X-RateLimit-Remaining`) if it is lower."""
        self._used.observe(now_ns, max(0, self.capacity - remaining))

    def pause(self, now_ns: int, duration_ns: int) -> None:
        """Let nothing go for a time: the venue refused a request and said for how long."""
        self._used.pause(now_ns, duration_ns)
