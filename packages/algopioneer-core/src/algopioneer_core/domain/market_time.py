"""What time it is in a market that may be of the past."""

from typing import Protocol, runtime_checkable

__all__ = ["SupportsMarketTime", "market_time_of"]


@runtime_checkable
class SupportsMarketTime(Protocol):
    """A venue whose market may be of another time than the present: one over files."""

    def market_time_ns(self) -> int | None:
        """
        Return the time of the latest event it has shown, UTC nanoseconds; None in the present.

        Before the first one it is that of the event to come.
        """


def market_time_of(venue: object) -> int | None:
    """Return what time it is in *venue*'s market, UTC nanoseconds; None where it is the present."""
    return venue.market_time_ns() if isinstance(venue, SupportsMarketTime) else None
