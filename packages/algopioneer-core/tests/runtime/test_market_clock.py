"""The time of a market of the past, in which nobody waits for anybody."""

from algopioneer_core.domain.market_time import market_time_of
from algopioneer_core.history.intervals import MINUTE_NS
from algopioneer_core.runtime.market_clock import MarketClock
from algopioneer_core.simulation.paper import PaperVenue
from algopioneer_core.simulation.paper_config import PaperConfig
from algopioneer_core.testing.clocks import VirtualClock
from algopioneer_core.testing.domain import BITCOIN
from algopioneer_core.testing.paper import paper_over
from algopioneer_core.testing.reference_venue import ReferenceVenue


class Machine:
    """A clock that shows what it is told."""

    time_ns = 9_000 * MINUTE_NS

    def now_ns(self) -> int:
        """Return what it was told last."""
        return self.time_ns


async def test_time_is_the_latest_events_and_goes_on_from_there() -> None:
    """As fast as the machine's, whatever that shows; at the next event it is that one's."""
    machine, venue = Machine(), paper_over({BITCOIN: [100, 101, 102]})
    clock = MarketClock(machine, [venue])
    first_ns = clock.now_ns()
    async with venue.market_data.subscribe([BITCOIN.id]) as events:
        assert first_ns == (await events.receive()).ts_event == clock.now_ns()
        machine.time_ns += 7
        assert first_ns + 7 == clock.now_ns()
        await events.receive()
        assert first_ns + MINUTE_NS == clock.now_ns()


async def test_time_never_goes_back() -> None:
    """Where more time passed between two events than lies between them, it waits for the market."""
    machine, venue = Machine(), paper_over({BITCOIN: [100, 101, 102]})
    clock = MarketClock(machine, [venue])
    first_ns = clock.now_ns()
    machine.time_ns += 2 * MINUTE_NS
    assert first_ns + 2 * MINUTE_NS == clock.now_ns()
    async with venue.market_data.subscribe([BITCOIN.id]) as events:
        for _ in range(2):
            await events.receive()
        assert first_ns + 2 * MINUTE_NS == clock.now_ns()
        machine.time_ns += MINUTE_NS + 5
        assert first_ns + 2 * MINUTE_NS + 5 == clock.now_ns()


async def test_a_live_market_is_of_the_present() -> None:
    """And so is a paper account over it: the machine's clock is right there."""
    live = ReferenceVenue([BITCOIN], VirtualClock())
    assert None is market_time_of(live)
    assert None is market_time_of(PaperVenue(PaperConfig(), live, [BITCOIN]))
