"""
A circuit breaker: stops asking a venue that fails, and finds out with one probe when it is back.

    CLOSED ── failures in a row ──▶ OPEN ── time is up ──▶ HALF_OPEN ── probe succeeds ──▶ CLOSED
                                      ▲                        │
                                      └──── probe fails: ──────┘
                                        the next wait is longer

One for each venue and purpose (orders, private reads, public data): a candle endpoint that is down
says nothing about orders. What reduces risk always passes: an open breaker never keeps a position
from being unwound. Pure: time comes in as nanoseconds of any clock that does not go back.
"""

import enum

from attrs import define, field, frozen, validators

from algopioneer_core.domain.market_data import NS_PER_SECOND

__all__ = ["Breaker", "BreakerPolicy", "BreakerState"]


class BreakerState(enum.Enum):
    """Whether requests pass."""

    CLOSED = "closed"
    """All of them do."""
    OPEN = "open"
    """None does, but those that unwind."""
    HALF_OPEN = "half_open"
    """One does, the probe, and its outcome decides; and those that unwind."""


@frozen(kw_only=True)
class BreakerPolicy:
    """When a breaker opens and for how long."""

    failures: int = field(default=5, validator=validators.ge(1))
    """Failures in a row that open it."""
    open_ns: int = field(default=10 * NS_PER_SECOND, validator=validators.ge(1))
    """How long it stays open at first, and how long a probe may take before another one goes."""
    longest_open_ns: int = field(default=300 * NS_PER_SECOND, validator=validators.ge(1))
    """Where the doubling after each failed probe ends."""


@define
class Breaker:
    """
    Counts outcomes and says whether to ask.

    Report every outcome with `succeeded` or `failed`. Only what says that the venue does not work
    is a failure: no connection, a timeout, a server error. A rejected order is a success here.
    """

    policy: BreakerPolicy = field(factory=BreakerPolicy)
    state: BreakerState = field(default=BreakerState.CLOSED, init=False)
    failures_in_a_row: int = field(default=0, init=False)
    """Since the last success."""
    times_opened: int = field(default=0, init=False)
    """Since the start, for metrics."""
    _failed_probes: int = field(default=0, init=False)
    _until_ns: int = field(default=0, init=False)
    """OPEN: when a probe may go. HALF_OPEN: when the probe counts as lost."""

    def allow(self, now_ns: int, *, unwinding: bool = False) -> bool:
        """
        Say whether a request may go out now. A True while not closed is the probe: send it.

        Args:
            now_ns: The present time.
            unwinding: Whether the request reduces risk (a cancel, an exit, a query about an order
                whose outcome is unknown). These always pass and are never the probe.
        """
        if unwinding or self.state is BreakerState.CLOSED:
            return True
        if now_ns < self._until_ns:
            return False
        self.state = BreakerState.HALF_OPEN
        # A probe that never reports, because its task was cancelled, must not shut the door for
        # good: after as long as the breaker was open, another one goes.
        self._until_ns = now_ns + self._open_for_ns()
        return True

    def succeeded(self, now_ns: int) -> None:
        """Take note of a request that the venue answered, whatever it answered."""
        self.failures_in_a_row = 0
        if self.state is BreakerState.OPEN:
            # An unwind got through, or an old request's answer came late: a probe may go at once.
            self._until_ns = min(self._until_ns, now_ns)
            return
        self.state = BreakerState.CLOSED
        self._failed_probes = 0

    def failed(self, now_ns: int) -> None:
        """Take note of a request that the venue could not deal with."""
        self.failures_in_a_row += 1
        if self.state is BreakerState.HALF_OPEN:
            self._failed_probes += 1
            self._open(now_ns)
        elif self.state is BreakerState.CLOSED and self.failures_in_a_row >= self.policy.failures:
            self._open(now_ns)

    def wait_ns(self, now_ns: int) -> int:
        """Return how long until a request that unwinds nothing may pass; zero when it may now."""
        if self.state is BreakerState.CLOSED:
            return 0
        return max(0, self._until_ns - now_ns)

    def _open(self, now_ns: int) -> None:
        self.state = BreakerState.OPEN
        self.times_opened += 1
        self._until_ns = now_ns + self._open_for_ns()

    def _open_for_ns(self) -> int:
        doubled = self.policy.open_ns << min(self._failed_probes, 62)
        return min(doubled, max(self.policy.open_ns, self.policy.longest_open_ns))
