"""Coinbase keeps the contract of venues, over its local exchange in memory."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from typing import Any

import anyio
import pytest

from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.money import Increment, Price, Quantity
from algopioneer_core.ports import Venue
from algopioneer_core.testing.contracts import Backstage, Move, OpenVenue, VenueContract

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
