"""What a session knows of venues that are closed or away, over restarts and reconnections."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import partial

import anyio
import pytest
from attrs import define, field

from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND, Bar, Quote
from algopioneer_core.runtime.resume import Resume
from algopioneer_core.simulation.paper_config import PaperConfig, PaperMargin
from algopioneer_core.testing.clocks import VirtualClock, wait_all_blocked
from algopioneer_core.testing.domain import BITCOIN
from algopioneer_core.testing.fault_plans import Fault, FaultKind
from algopioneer_core.testing.journal_storage import MemoryDisk
from algopioneer_core.testing.reference_venue import ReferenceVenue
from algopioneer_core.testing.sessions import (
    RunningSession,
    SpreadFlipper,
    running_session,
    session_plan,
    strategy_plan,
)

_ETHER = Instrument(id=InstrumentId("sim", "ETH-USD"), base="ETH", quote="USD")
_PLAN = session_plan(
    strategy_plan("pair", lambda: SpreadFlipper(BITCOIN.id, _ETHER.id), BITCOIN, _ETHER),
    resume=Resume.WALLCLOCK,
)
_HUNDRED = Decimal(100)


def _quote(instrument: Instrument, now_ns: int) -> Quote:
    return Quote(instrument.id, now_ns, _HUNDRED, _HUNDRED, _HUNDRED, _HUNDRED, now_ns)


@define
class _Market:
    """A venue for pairs; a spread is opened at the first minute that a session sees."""

    venue: ReferenceVenue = field(init=False)
    clock: VirtualClock = field(factory=VirtualClock)
    disk: MemoryDisk = field(factory=MemoryDisk)
    lives: int = 0

    def __attrs_post_init__(self) -> None:
        config = PaperConfig(balances=("USD=100000",), slippage_bps=Decimal(0))
        self.venue = ReferenceVenue(
            [BITCOIN, _ETHER], self.clock, config=config, margin=PaperMargin.NONE
        )

    @asynccontextmanager
    async def session(self) -> AsyncIterator[RunningSession]:
        """Run the next session on the same disk for the block."""
        self.lives += 1
        async with running_session(
            _PLAN, self.venue, self.disk, nonce=f"life {self.lives}"
        ) as running:
            yield running

    async def minute(self) -> None:
        """Let time go on to the end of a minute, at which both instruments close at 100."""
        now_s = anyio.current_time()
        await anyio.sleep(60 - now_s % 60)
        now_ns = self.clock.now_ns()
        for each in (BITCOIN, _ETHER):
            self.venue.push(_quote(each, now_ns))
            self.venue.push(Bar(each.id, now_ns, 100, 100, 100, 100, 1, 0, 0, now_ns))
        await wait_all_blocked()

    async def befall(self, kind: FaultKind, seconds: int) -> None:
        """Have a fault that lasts."""
        await self.venue.apply(Fault(0, kind, duration_ns=seconds * NS_PER_SECOND))

    @property
    def orders(self) -> int:
        """How many orders the venue took."""
        return len(self.venue.execution.accepted)


def _down(running: RunningSession) -> tuple[str, ...]:
    return tuple(running.engine("pair").legs.down)


@pytest.mark.parametrize("kind", [FaultKind.MARKET_CLOSED, FaultKind.OUTAGE])
async def test_what_was_wrong_with_a_venue_does_not_outlive_the_process(kind: FaultKind) -> None:
    """
    A market that opens, or a line that is mended, while no session runs, is open for the next one.

    A pair that believes otherwise never trades again, nor brings its legs together.
    """
    market = _Market()
    async with anyio.create_task_group() as tasks, market.session() as first:
        tasks.start_soon(partial(market.befall, kind, 150))
        await anyio.sleep(1)
        assert _down(first) == ("sim",)
    await anyio.sleep(200 - anyio.current_time())
    async with market.session() as second:
        assert _down(second) == ()
        await market.minute()
    assert market.orders == 2


async def test_a_market_that_is_still_closed_says_so_to_the_next_session() -> None:
    """Its streams begin with that, so nothing is ordered there before it has opened."""
    market = _Market()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(partial(market.befall, FaultKind.MARKET_CLOSED, 90))
        for _ in range(2):
            async with market.session() as running:
                assert _down(running) == ("sim",)
        async with market.session() as running:
            await market.minute()
            assert (market.orders, _down(running)) == (0, ("sim",))
            await market.minute()
            assert (market.orders, _down(running)) == (2, ())


@pytest.mark.parametrize("kind", [FaultKind.OUTAGE, FaultKind.SILENCE])
async def test_hours_that_change_unheard_are_told_when_the_line_is_back(kind: FaultKind) -> None:
    """Closed and opened again behind an outage: the pair knows how it is, not how it was."""
    market = _Market()
    async with market.session() as running, anyio.create_task_group() as tasks:
        tasks.start_soon(partial(market.befall, FaultKind.MARKET_CLOSED, 20))
        await anyio.sleep(5)
        tasks.start_soon(partial(market.befall, kind, 30))
        await anyio.sleep(5)
        assert _down(running) == ("sim",)
        await anyio.sleep(30)  # it opened meanwhile
        assert _down(running) == ()
        tasks.start_soon(partial(market.befall, kind, 10))
        await anyio.sleep(5)
        tasks.start_soon(partial(market.befall, FaultKind.MARKET_CLOSED, 20))
        await anyio.sleep(10)  # the line is back, and it is closed
        assert _down(running) == ("sim",)
