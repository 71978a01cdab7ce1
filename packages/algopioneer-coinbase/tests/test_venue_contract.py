"""
Coinbase keeps the contract of venues, over its local exchange in memory; so does paper over it.

Of spot every case runs each time. Of a future, and of an account on paper, a few do: the others are
the business of `nox -s long`.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from decimal import Decimal
from typing import Any, ClassVar

import anyio
import pytest
from attrs import frozen

from algopioneer_coinbase.numbers import time_ns
from algopioneer_core.domain.instruments import Instrument, InstrumentId, InstrumentKind
from algopioneer_core.domain.money import Increment, Price, Quantity
from algopioneer_core.ports import Venue
from algopioneer_core.simulation.paper import open_paper
from algopioneer_core.simulation.paper_config import PaperConfig
from algopioneer_core.testing.contracts import Backstage, Move, OpenVenue, VenueContract
from algopioneer_core.testing.fault_plans import Fault

SPOT = Instrument(
    id=InstrumentId("coinbase", "BTC-USD"),
    base="BTC",
    quote="USD",
    price_increment=Increment(Decimal("0.01")),
    quantity_increment=Increment(Decimal("0.00000001")),
    quote_increment=Increment(Decimal("0.01")),
    minimum_quantity=Decimal("0.00000001"),
    minimum_notional=Decimal(1),
    shortable=False,
)


FUTURE = Instrument(
    id=InstrumentId("coinbase", "BIT-27DEC30-CDE"),
    base="BTC",
    quote="USD",
    kind=InstrumentKind.FUTURE,
    price_increment=Increment(Decimal(5)),
    quantity_increment=Increment(Decimal(1)),
    minimum_quantity=Decimal(1),
    multiplier=Decimal("0.01"),
    expiry_ns=time_ns("2030-12-27T16:00:00Z"),
    fractionable=False,
)


@pytest.fixture
def history_minutes() -> int:
    """More than a page."""
    return 400


class TestCoinbase(VenueContract):
    @pytest.fixture
    def open_venue(self, open_local: Callable[[], AbstractAsyncContextManager[Venue]]) -> OpenVenue:
        return open_local

    @pytest.fixture
    def instrument(self) -> Instrument:
        return SPOT

    @pytest.fixture
    def large_quantity(self) -> Quantity:
        return Decimal(70)

    @pytest.fixture
    def far_price(self) -> Price:
        return Decimal(10)

    @pytest.fixture
    def backstage(self, behind: Backstage) -> Backstage:
        return behind

    @pytest.fixture
    def move(self, local: Any) -> Move:
        async def move(_: Venue) -> None:
            await anyio.sleep(0.5)
            local.trade()
            local.quote()
            await anyio.sleep(0.5)

        return move


class TestCoinbaseFuture(TestCoinbase):
    """A contract: not paid for, whole, sold as well as bought."""

    quick_cases: ClassVar = ("e01", "e08", "e11", "e14", "t10", "f01", "r01", "r12")

    @pytest.fixture
    def instrument(self) -> Instrument:
        return FUTURE

    @pytest.fixture
    def open_venue(
        self, local: Any, open_local: Callable[[], AbstractAsyncContextManager[Venue]]
    ) -> OpenVenue:
        local.load(FUTURE.id)
        return open_local

    @pytest.fixture
    def far_price(self) -> Price:
        return Decimal(60)  # no sale may be much farther below the market (protocol: reasons)

    @pytest.fixture
    def move(self, local: Any) -> Move:
        async def move(_: Venue) -> None:
            await anyio.sleep(0.5)
            local.trade(of=FUTURE.id)
            local.quote("100", "105", of=FUTURE.id)
            await anyio.sleep(0.5)

        return move


class TestPaperOverCoinbase(TestCoinbase):
    """The markets and the terms of Coinbase, and an account in this process."""

    quick_cases: ClassVar = ("e01", "e03", "e08", "e15", "e16", "t02", "t08", "r10")

    @pytest.fixture
    def papers(self) -> list[Venue]:
        """Return the accounts that were opened."""
        return []

    @pytest.fixture
    def open_venue(
        self, open_local: Callable[[], AbstractAsyncContextManager[Venue]], papers: list[Venue]
    ) -> OpenVenue:
        config = PaperConfig(
            balances=("USD=100000",), slippage_bps=Decimal(0), volume_limit=Decimal(1)
        )

        @asynccontextmanager
        async def open_() -> AsyncIterator[Venue]:
            async with open_local() as venue, open_paper(config, venue) as paper:
                papers.append(paper)
                yield paper

        return open_

    @pytest.fixture
    def move(self, local: Any) -> Move:
        async def move(venue: Venue) -> None:
            local.quote()  # for those who watch already
            async with _read(venue):
                local.trade()
                local.quote()

        return move

    @pytest.fixture
    def backstage(self, local: Any, behind: Backstage, papers: list[Venue]) -> Backstage:
        return BehindPaper(local, behind, papers)


@frozen
class BehindPaper:
    """The markets of the exchange; it knows nothing of what is ordered on paper."""

    local: Any
    behind: Backstage
    papers: Sequence[Venue]

    @property
    def secrets(self) -> Sequence[str]:
        return self.behind.secrets

    async def apply(self, fault: Fault) -> None:
        await self.behind.apply(fault)

    async def reach(self, client_order_id: str) -> None:
        del client_order_id
        async with _read(self.papers[-1]):
            self.local.quote("110.02", "110.02")  # a tenth above the market: what cases order at

    async def placed(self) -> Sequence[str]:
        return await self.behind.placed()


@asynccontextmanager
async def _read(paper: Venue) -> AsyncIterator[None]:
    """Read what happens in a block, and a little longer: orders on paper fill on what is read."""
    async with paper.market_data.subscribe([SPOT.id]) as events:
        yield
        with anyio.move_on_after(0.5):
            async for _ in events:
                pass
