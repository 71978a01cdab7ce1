"""Looks are made when they are due, in virtual time."""

import functools

import anyio
import pytest
from attrs import define, field

from algopioneer_core.domain.errors import AlgopioneerError, VenueUnavailable
from algopioneer_core.testing.clocks import VirtualClock
from algopioneer_strategies.research.autopilot_schedule import keep_looking, next_due

HOUR_NS = 3_600_000_000_000


@pytest.mark.parametrize(
    ("now", "due"), [(0, 10), (-3, 10), (9, 10), (10, 20), (11, 20), (35, 40), (40, 50)]
)
def test_looks_keep_their_places(now: int, due: int) -> None:
    """However long one took; those that were missed are left out."""
    assert next_due(0, 10, now) == due


@define
class _Looker:
    """Notes when it looked; its looks take a while, and one fails."""

    takes_s: list[float]
    at: list[float] = field(factory=list)

    async def look(self) -> None:
        """Look."""
        self.at.append(anyio.current_time())
        await anyio.sleep(self.takes_s[len(self.at) - 1])
        if len(self.at) == 2:
            raise VenueUnavailable("it is away")


async def test_a_look_is_made_at_once_and_then_on_the_hour_though_one_fails() -> None:
    """The second fails and is told; the third takes longer than an hour, and one is left out."""
    looker, told = _Looker([60, 1, 4000, 1, 1]), list[AlgopioneerError]()
    begun = anyio.current_time()
    keep = functools.partial(keep_looking, HOUR_NS, looker.look, VirtualClock(), told.append)
    with anyio.move_on_after(4.5 * 3600):
        await keep()
    assert [(each - begun) / 3600 for each in looker.at] == pytest.approx([0, 1, 2, 4])
    assert [str(each) for each in told] == ["it is away"]
