"""Whether a venue is of the present, which is what most are."""

from algopioneer_core.domain.market_time import market_time_of


class Past:
    """A venue over files."""

    def market_time_ns(self) -> int:
        """Return the time of what it shows."""
        return 7


def test_only_who_says_so_is_of_another_time() -> None:
    """Every other venue shows the present."""
    assert (7, None) == (market_time_of(Past()), market_time_of(object()))
