"""
What every venue must do.

    class TestOurs(VenueContract):
        @pytest.fixture
        def open_venue(self, sandbox):
            return lambda: open_acme(AcmeConfig(url=sandbox.url))

        @pytest.fixture
        def instrument(self):
            return BITCOIN

        @pytest.fixture
        def far_price(self):
            return Decimal(1)

        @pytest.fixture
        def move(self, sandbox):
            return sandbox.next_quote

The cases are told in docs/reference/venue-contract.md. Those of the account are asked of a venue
that declares market or limit orders; of any other, that all of the account is refused.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import anyio
import pytest

from algopioneer_core.domain.capabilities import Capability, IdempotentSubmit
from algopioneer_core.domain.errors import OrderRejected, UnsupportedOperation
from algopioneer_core.domain.events import OrderAccepted, OrderCanceled, OrderFilled
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import Bar
from algopioneer_core.domain.money import Price, add, mul
from algopioneer_core.domain.orders import Order, OrderIntent, OrderStatus, OrderType, TimeInForce
from algopioneer_core.ports import (
    Found,
    ProvenAbsent,
)
from algopioneer_core.testing.contracts.venue_desk import (
    Desk,
    Move,
    OpenVenue,
    total_of,
    watched,
)

__all__ = ["VenueContract"]

_ORDERS = (Capability.MARKET_ORDERS, Capability.LIMIT_ORDERS)


@pytest.mark.anyio
class VenueContract:
    """The cases. A subclass gives the fixtures."""

    @pytest.fixture
    def open_venue(self) -> OpenVenue:
        """Return what opens the venue under test, anew each time."""
        raise NotImplementedError

    @pytest.fixture
    def instrument(self) -> Instrument:
        """Return an instrument that is traded there, and of which ten units can be paid for."""
        raise NotImplementedError

    @pytest.fixture
    def far_price(self) -> Price:
        """Return a price far below the market, at which a purchase rests."""
        raise NotImplementedError

    @pytest.fixture
    def move(self) -> Move:
        """Return what lets the market move."""
        raise NotImplementedError

    @asynccontextmanager
    async def _desk(
        self, open_venue: OpenVenue, instrument: Instrument, move: Move
    ) -> AsyncIterator[Desk]:
        async with open_venue() as venue:
            if len(venue.capabilities.require(_ORDERS)) == len(_ORDERS):
                pytest.skip("declares no account")
            desk = Desk(venue, instrument, move)
            async with anyio.create_task_group() as tasks:
                await tasks.start(desk.listen)
                await move(venue)
                yield desk
                tasks.cancel_scope.cancel()

    # --- the account -------------------------------------------------------------------------

    async def test_e01_market_order_is_accepted_then_filled(
        self, open_venue: OpenVenue, instrument: Instrument, move: Move
    ) -> None:
        """E01: acknowledged, filled in full, and then held."""
        async with self._desk(open_venue, instrument, move) as desk:
            fills = await desk.bought("e01")
            assert isinstance(desk.reports[0], OrderAccepted | OrderFilled)
            filled = sum((each.fill.quantity for each in fills), Decimal(0))
            assert desk.quantity == filled
            assert desk.quantity == (await desk.account.positions())[instrument.id]

    async def test_e02_limit_order_rests_until_it_is_cancelled(
        self, open_venue: OpenVenue, instrument: Instrument, move: Move, far_price: Price
    ) -> None:
        """E02: it is listed as open, does not trade, and its end is reported."""
        async with self._desk(open_venue, instrument, move) as desk:
            order = desk.order("e02", type=OrderType.LIMIT, limit_price=far_price)
            await desk.account.submit(order)
            await move(desk.venue)
            assert [each.client_order_id for each in await desk.account.open_orders()] == ["e02"]
            await desk.account.cancel("e02")
            await desk.settle()
            assert list(await desk.account.open_orders()) == []
            assert (
                desk.told(OrderFilled, "e02"),
                len(desk.told(OrderCanceled, "e02")),
            ) == ([], 1)

    async def test_e03_same_id_never_makes_two_open_orders(
        self, open_venue: OpenVenue, instrument: Instrument, move: Move, far_price: Price
    ) -> None:
        """E03: as declared, the same submit changes nothing or is refused."""
        async with self._desk(open_venue, instrument, move) as desk:
            order = desk.order("e03", type=OrderType.LIMIT, limit_price=far_price)
            await desk.account.submit(order)
            if desk.venue.capabilities.idempotent_submit is IdempotentSubmit.ALWAYS:
                await desk.account.submit(order)
            else:
                with pytest.raises(OrderRejected):
                    await desk.account.submit(order)
            assert [each.client_order_id for each in await desk.account.open_orders()] == ["e03"]

    async def test_e04_orders_are_found_or_proven_absent(
        self, open_venue: OpenVenue, instrument: Instrument, move: Move
    ) -> None:
        """E04: what was filled is found so; what was never sent is proven absent in the end."""
        async with self._desk(open_venue, instrument, move) as desk:
            if desk.venue.capabilities.require([Capability.ORDER_BY_CLIENT_ID]):
                with pytest.raises(UnsupportedOperation):
                    await desk.account.order("e04")
                return
            await desk.bought("e04")
            found = await desk.looked_up("e04")
            assert isinstance(found, Found)
            assert OrderStatus.FILLED is found.order.status
            assert ProvenAbsent() == await desk.looked_up("e04-never")

    async def test_e05_cancel_of_what_has_ended_is_no_error(
        self, open_venue: OpenVenue, instrument: Instrument, move: Move
    ) -> None:
        """E05: what became of it is known already, and is not reported as a cancel."""
        async with self._desk(open_venue, instrument, move) as desk:
            await desk.bought("e05")
            await desk.account.cancel("e05")
            await desk.settle()
            assert desk.told(OrderCanceled, "e05") == []

    async def test_e06_cancel_all_ends_the_named_orders_only(
        self, open_venue: OpenVenue, instrument: Instrument, move: Move, far_price: Price
    ) -> None:
        """E06: an order that is not named may be somebody else's."""
        async with self._desk(open_venue, instrument, move) as desk:
            for name in ("e06-a", "e06-b", "e06-c"):
                terms = {"type": OrderType.LIMIT, "limit_price": far_price}
                await desk.account.submit(desk.order(name, **terms))
            await desk.account.cancel_all(["e06-a", "e06-c"])
            await desk.settle()
            assert [each.client_order_id for each in await desk.account.open_orders()] == ["e06-b"]

    async def test_e07_fills_are_listed_with_the_ids_of_the_reports(
        self, open_venue: OpenVenue, instrument: Instrument, move: Move
    ) -> None:
        """E07: asked twice, with overlap, each fill is the same one, once."""
        async with self._desk(open_venue, instrument, move) as desk:
            reported = [
                each.fill for name in ("e07-a", "e07-b") for each in await desk.bought(name)
            ]
            listed = list(await desk.account.fills(0))
            assert {fill.fill_id: fill for fill in reported} == {
                fill.fill_id: fill for fill in listed
            }
            assert len(listed) == len({fill.fill_id for fill in listed})
            since = listed[-1].ts_event
            assert listed[-1] in await desk.account.fills(since)

    async def test_e08_what_is_declared_unsupported_is_refused(
        self, open_venue: OpenVenue, instrument: Instrument, move: Move, far_price: Price
    ) -> None:
        """E08: an order that asks for it raises, and nothing is placed."""
        resting = {"type": OrderType.LIMIT, "limit_price": far_price}
        asked: dict[Capability, dict[str, Any]] = {
            Capability.POST_ONLY: {**resting, "post_only": True},
            Capability.IOC: {**resting, "time_in_force": TimeInForce.IOC},
            Capability.FOK: {**resting, "time_in_force": TimeInForce.FOK},
            Capability.GTD: {**resting, "time_in_force": TimeInForce.GTD, "expire_ns": 2**62},
            Capability.STOP_ORDERS: {"type": OrderType.STOP, "stop_price": far_price},
            Capability.QUOTE_SIZED_ORDERS: {"quote_amount": far_price},
            Capability.REDUCE_ONLY: {"reduce_only": True},
        }
        async with self._desk(open_venue, instrument, move) as desk:
            for capability in desk.venue.capabilities.require(asked, instrument.kind):
                order = desk.order(f"e08-{capability.value}"[:18], **asked[capability])
                with pytest.raises(UnsupportedOperation):
                    await desk.account.submit(order)
            assert list(await desk.account.open_orders()) == []

    async def test_e09_money_is_what_was_paid_and_the_fee(
        self, open_venue: OpenVenue, instrument: Instrument, move: Move
    ) -> None:
        """E09: to the last digit, for what is delivered."""
        if not instrument.delivers_base:
            pytest.skip("a contract is not paid for")
        async with self._desk(open_venue, instrument, move) as desk:
            before = await total_of(desk.account, instrument.quote)
            paid = Decimal(0)
            for each in await desk.bought("e09"):
                paid = add(paid, mul(each.fill.quantity, each.fill.price))
                if each.fill.fee_asset == instrument.quote:
                    paid = add(paid, each.fill.fee)
            assert before == add(paid, await total_of(desk.account, instrument.quote))

    async def test_e10_without_an_account_everything_of_it_is_refused(
        self, open_venue: OpenVenue, instrument: Instrument
    ) -> None:
        """E10: nothing pretends."""
        async with open_venue() as venue:
            if len(venue.capabilities.require(_ORDERS)) < len(_ORDERS):
                pytest.skip("declares an account")
            intent = OrderIntent(instrument_id=instrument.id, side=Side.BUY, quantity=Decimal(1))
            account = venue.execution
            asked: list[Callable[[], Awaitable[object]]] = [
                lambda: account.submit(Order("e10", intent, 0)),
                lambda: account.cancel("e10"),
                lambda: account.cancel_all(["e10"]),
                lambda: account.order("e10"),
                account.open_orders,
                account.positions,
                account.balances,
                lambda: account.fills(0),
                lambda: account.fees(instrument.id),
            ]
            for ask in asked:
                with pytest.raises(UnsupportedOperation):
                    await ask()
            with pytest.raises(UnsupportedOperation):
                async with account.reports():
                    pass

    # --- the market --------------------------------------------------------------------------

    async def test_r01_instruments_are_the_venues_own(
        self, open_venue: OpenVenue, instrument: Instrument
    ) -> None:
        """R01: each once, under the venue's name."""
        async with open_venue() as venue:
            ids = [each.id for each in await venue.market_data.instruments()]
            assert instrument.id in ids
            assert len(ids) == len(set(ids))
            assert {venue.name} == {each.venue for each in ids}

    async def test_r02_events_come_in_order_of_time_and_only_what_was_asked_for(
        self, open_venue: OpenVenue, instrument: Instrument, move: Move
    ) -> None:
        """R02: of each instrument, none goes back in time."""
        async with open_venue() as venue:
            events = await watched(venue, instrument, move)
            times = [event.ts_event for event in events]
            assert events
            assert times == sorted(times)
            assert {instrument.id} == {
                event.instrument_id for event in events if hasattr(event, "instrument_id")
            }

    async def test_r03_unknown_instrument_is_refused(self, open_venue: OpenVenue) -> None:
        """R03: it is not waited for in silence."""
        async with open_venue() as venue:
            stranger = InstrumentId(venue.name, "NO-SUCH-THING")
            with pytest.raises(UnsupportedOperation):
                async with venue.market_data.subscribe([stranger]):
                    pass

    async def test_r04_history_is_half_open_and_in_order(
        self, open_venue: OpenVenue, instrument: Instrument, move: Move
    ) -> None:
        """R04: bars that close in [start, end), each once; unsupported intervals are refused."""
        async with open_venue() as venue:
            intervals = venue.capabilities.history_bar_intervals_ns
            if not intervals:
                pytest.skip("declares no native history of bars")
            await watched(venue, instrument, move)
            ask = venue.market_data.bars
            bars = await ask(instrument.id, intervals[0], 0, 2**62)
            times = [bar.ts_event for bar in bars]
            assert times == sorted(set(times))
            assert times[1:-1] == [
                bar.ts_event
                for bar in await ask(instrument.id, intervals[0], times[0] + 1, times[-1])
            ]
            with pytest.raises(UnsupportedOperation):
                await ask(instrument.id, intervals[0] + 1, 0, 2**62)

    async def test_r05_subscription_can_be_opened_again(
        self, open_venue: OpenVenue, instrument: Instrument, move: Move
    ) -> None:
        """R05: and shows what comes from then on."""
        async with open_venue() as venue:
            first = await watched(venue, instrument, move)
            second = await watched(venue, instrument, move)
            bars = [event for event in (*first, *second) if isinstance(event, Bar)]
            assert len(bars) == len({bar.ts_event for bar in bars})
            assert second
