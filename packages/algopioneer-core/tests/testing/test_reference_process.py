"""Behaviour of the reference venue in a process of its own, over real sockets."""

from decimal import Decimal
from typing import Any

import anyio
import pytest

from algopioneer_core.domain.errors import OrderRejected, UnsupportedOperation, VenueUnavailable
from algopioneer_core.domain.events import OrderAccepted, OrderFilled
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.market_data import Quote
from algopioneer_core.domain.orders import OrderType
from algopioneer_core.ports import Found, NotYetKnown, Venue
from algopioneer_core.testing.domain import BITCOIN
from algopioneer_core.testing.fault_plans import FaultKind
from algopioneer_core.testing.paper import sent
from algopioneer_core.testing.reference_client import ReferenceClient, reference_process
from algopioneer_core.testing.reference_modes import VenueModes

pytestmark = pytest.mark.slow


@pytest.fixture(params=["trio", "asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """Real sockets need real time."""
    return request.param


def quote(price: int, ts_ns: int) -> Quote:
    """Return a quote with plenty of size."""
    return Quote(BITCOIN.id, ts_ns, Decimal(price), Decimal(price), Decimal(9), Decimal(9), ts_ns)


async def test_trading_over_the_line() -> None:
    """Orders, reports, market data and money; another client sees the same account."""
    with anyio.fail_after(60):
        async with reference_process([BITCOIN.id]) as client:
            venue: Venue = client
            async with (
                venue.execution.reports() as reports,
                venue.market_data.subscribe([BITCOIN.id]) as events,
            ):
                await client.push(quote(100, 1))
                assert quote(100, 1) == await events.receive()
                await venue.execution.submit(sent("a", BITCOIN, Side.BUY))
                assert isinstance(await reports.receive(), OrderAccepted)
                await client.push(quote(101, 2))
                filled = await reports.receive()
                assert isinstance(filled, OrderFilled)
            other = ReferenceClient("sim", client.port, VenueModes())
            assert [filled.fill] == list(await other.fills(0))
            assert {BITCOIN.id: Decimal(1)} == await other.positions()
            assert Decimal(9_899) == (await other.balances())[1].total
            assert isinstance(await other.order("a"), Found)
            assert isinstance(await other.order("never"), NotYetKnown)
            assert [BITCOIN.id] == [each.id for each in await other.instruments()]
            assert ([], []) == (await other.open_orders(), await other.bars(BITCOIN.id, 1, 0, 9))
            assert Decimal(0) == (await other.fees(BITCOIN.id)).taker
            assert 1 == len(await other.market_hours(0, 1))
            assert ["a"] == await other.accepted()


async def test_errors_and_faults_over_the_line() -> None:
    """An error arrives as what it is; a lost answer is one that never comes."""
    limit: dict[str, Any] = {"type": OrderType.LIMIT, "limit_price": Decimal(50)}
    with anyio.fail_after(60):
        async with reference_process([BITCOIN.id], lookup=False) as client:
            with pytest.raises(UnsupportedOperation):
                await client.order("a")
            await client.fault(FaultKind.REJECT)
            with pytest.raises(OrderRejected):
                await client.submit(sent("a", BITCOIN, Side.BUY, **limit))
            await client.fault(FaultKind.LOST_ACK)
            with anyio.move_on_after(0.5) as scope:
                await client.submit(sent("b", BITCOIN, Side.BUY, **limit))
            assert scope.cancelled_caught
            assert ["b"] == await client.accepted()
            await client.cancel("b")
            await client.cancel_all(["b"])
            assert [] == await client.open_orders()


async def test_process_that_is_gone_is_unavailable() -> None:
    """Nothing was placed."""
    with anyio.fail_after(60):
        async with reference_process([BITCOIN.id]) as client:
            await client.instruments()
        with pytest.raises(VenueUnavailable):
            await client.instruments()
