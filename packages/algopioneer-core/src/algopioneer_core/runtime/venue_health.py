"""Whether a venue may be trusted with new exposure."""

from attrs import define

__all__ = ["VenueHealth"]


@define
class VenueHealth:
    """What stands in the way of new exposure at a venue, if anything does."""

    problem: str = "its private stream is not up yet"
    """Empty when nothing stands in the way."""

    @property
    def is_good(self) -> bool:
        """Whether orders that raise exposure may go out."""
        return not self.problem
