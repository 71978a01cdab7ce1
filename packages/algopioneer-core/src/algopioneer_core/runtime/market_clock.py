"""The clock of a session that follows the wall clock over a market of the past."""

from collections.abc import Iterable

from algopioneer_core.domain.market_time import market_time_of
from algopioneer_core.ports import Clock, Venue

__all__ = ["MarketClock"]


class MarketClock:
    """
    The `Clock` of replayed venues at which nobody waits: the time of the latest event that they
    have shown, and what has passed since by the machine's clock. It never goes back.

    What an event causes (a leg's deadline, a cooldown, a question about an order) is due by its own
    time. By the machine's clock all of it would be years overdue, and a spread would be given up as
    soon as it was ordered. Between two events time passes as fast as everywhere, however fast they
    follow each other: what is due before the next one may be done after it, as in a replay that
    stands still between them.

    Args:
        clock: The machine's.
        venues: Replayed, all of them. The one that is furthest ahead says what time it is.
    """

    def __init__(self, clock: Clock, venues: Iterable[Venue]) -> None:
        self._clock = clock
        self._venues = tuple(venues)
        self._shown_ns = self._since_ns = self._latest_ns = 0

    def now_ns(self) -> int:
        """Return the time in the market, UTC nanoseconds."""
        shown_ns = max(market_time_of(each) or 0 for each in self._venues)
        present_ns = self._clock.now_ns()
        if shown_ns != self._shown_ns:
            self._shown_ns, self._since_ns = shown_ns, present_ns
        self._latest_ns = max(self._latest_ns, shown_ns + present_ns - self._since_ns)
        return self._latest_ns
