"""Coinbase keeps the contract of venues, over its local exchange in memory."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from typing import Any

import anyio
import msgspec
import pytest

from algopioneer_coinbase.messages import Product
from algopioneer_coinbase.sandbox_products import spot_json
from algopioneer_coinbase.symbols import listing_of
from algopioneer_core.domain.instruments import Instrument
from algopioneer_core.domain.money import Price
from algopioneer_core.ports import Venue
from algopioneer_core.testing.contracts import Move, OpenVenue, VenueContract


class TestCoinbase(VenueContract):
    @pytest.fixture
    def open_venue(self, open_local: Callable[[], AbstractAsyncContextManager[Venue]]) -> OpenVenue:
        return open_local

    @pytest.fixture
    def instrument(self) -> Instrument:
        listing = listing_of(msgspec.convert(spot_json("BTC", "USD"), Product))
        assert listing is not None
        return listing.instrument

    @pytest.fixture
    def far_price(self) -> Price:
        return Decimal(1)

    @pytest.fixture
    def move(self, local: Any) -> Move:
        async def move(_: Venue) -> None:
            await anyio.sleep(0.5)
            local.trade()
            local.quote()
            await anyio.sleep(0.5)

        return move
