"""
What the cases of the venue contract are played on: what an author gives, and what is made of it.

An author gives fixtures; together they are a `Stage`. A case opens the venue or an account there
(`Stage.venue`, `Stage.desk`) and names the capabilities that it depends on: without them it is
skipped, for no other reason.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, Protocol, TypeAlias

import anyio
import pytest
from attrs import frozen

from algopioneer_core.domain.capabilities import Capability
from algopioneer_core.domain.instruments import Instrument
from algopioneer_core.domain.money import Price, Quantity
from algopioneer_core.ports import MarketDataEvent, Venue
from algopioneer_core.testing.contracts.venue_desk import Desk
from algopioneer_core.testing.fault_plans import Fault
from algopioneer_core.wire.tasks import tasks_for_block

__all__ = ["Backstage", "Move", "OpenVenue", "Stage"]

OpenVenue: TypeAlias = Callable[[], AbstractAsyncContextManager[Venue]]
"""Opens the venue, anew each time, over an exchange that stays."""
Move: TypeAlias = Callable[[Venue], Awaitable[None]]
"""Lets the market move once, as far as a market order needs to be filled."""

_ORDERS: Final = (Capability.MARKET_ORDERS, Capability.LIMIT_ORDERS)
_WATCHED: Final = 3
"""Events that a case looks at where it does not matter how many there are."""


class Backstage(Protocol):
    """
    The exchange behind the venue under test: has bad days when told to, and tells the truth.

    Which faults it must know is in docs/reference/venue-contract.md.
    """

    @property
    def secrets(self) -> Sequence[str]:
        """Texts that nobody may see: keys, and what was signed with them."""

    async def apply(self, fault: Fault) -> None:
        """Have *fault*; return when it is over, or at once where it waits for its occasion."""

    async def reach(self, client_order_id: str) -> None:
        """Let the market come to the price of an order that rests, with size for all of it."""

    async def placed(self) -> Sequence[str]:
        """Return the client ids of all orders that were taken, each as often as it was."""


@frozen(kw_only=True)
class Stage:
    """All that an author gives; see `VenueContract` for the fixtures of the same names."""

    open_venue: OpenVenue
    instrument: Instrument
    far_price: Price
    large_quantity: Quantity
    move: Move
    backstage: Backstage | None
    settle_s: float
    silent_s: float
    speed: float

    @asynccontextmanager
    async def venue(self, *needs: Capability) -> AsyncIterator[Venue]:
        """Open the venue; skip the case unless it declares all *needs* of the instrument."""
        async with self.open_venue() as venue:
            missing = venue.capabilities.require(needs, self.instrument.kind)
            if missing:
                pytest.skip(f"declares no {missing[0].value}")
            yield venue

    @asynccontextmanager
    async def line(self, *needs: Capability) -> AsyncIterator[tuple[Venue, Backstage]]:
        """Open the venue and what is behind it; skip where there is no line to a market."""
        async with self.venue(*needs) as venue:
            if venue.capabilities.lockstep:
                pytest.skip("declares lockstep: there is no line that could break")
            yield venue, self.behind

    @property
    def behind(self) -> Backstage:
        """The exchange behind the venue; one that has a line to it must give it."""
        if self.backstage is None:
            pytest.fail("the venue has a line to an exchange: give the fixture `backstage`")
        return self.backstage

    @asynccontextmanager
    async def desk(self, *needs: Capability) -> AsyncIterator[Desk]:
        """Open the account, with somebody who listens, in a market that has moved once."""
        async with self.venue(*needs) as venue:
            if len(venue.capabilities.require(_ORDERS)) == len(_ORDERS):
                pytest.skip("declares no account")
            desk = Desk(
                venue,
                self.instrument,
                self.move,
                self.far_price,
                self.large_quantity,
                self.settle_s,
            )
            async with tasks_for_block() as tasks:
                await tasks.start(desk.listen)
                await self.move(venue)
                yield desk

    @asynccontextmanager
    async def troubled(self, *needs: Capability) -> AsyncIterator[tuple[Desk, Backstage]]:
        """Open an account to which there is a line that may fail, and what is behind it."""
        async with self.desk(*needs) as desk:
            if desk.venue.capabilities.in_process:
                pytest.skip("declares an account in this process: nothing is lost on the way to it")
            yield desk, self.behind

    async def watched(self, venue: Venue) -> list[MarketDataEvent]:
        """Return what comes of three moves, or by itself, within ten seconds."""
        events: list[MarketDataEvent] = []
        enough = anyio.Event()

        async def watch(*, task_status: anyio.abc.TaskStatus[None]) -> None:
            async with venue.market_data.subscribe([self.instrument.id]) as stream:
                task_status.started()
                async for event in stream:
                    events.append(event)
                    if len(events) == _WATCHED:
                        enough.set()
                        return

        async with tasks_for_block() as tasks:
            await tasks.start(watch)
            if not venue.capabilities.lockstep:
                for _ in range(_WATCHED):
                    await self.move(venue)
            with anyio.move_on_after(10):
                await enough.wait()
        return events

    @asynccontextmanager
    async def watching(self, venue: Venue) -> AsyncIterator[list[MarketDataEvent]]:
        """Subscribe to the instrument for a block, and give the list of all that comes."""
        events: list[MarketDataEvent] = []

        async def watch(*, task_status: anyio.abc.TaskStatus[None]) -> None:
            async with venue.market_data.subscribe([self.instrument.id]) as stream:
                task_status.started()
                async for event in stream:
                    events.append(event)

        async with tasks_for_block() as tasks:
            await tasks.start(watch)
            yield events
