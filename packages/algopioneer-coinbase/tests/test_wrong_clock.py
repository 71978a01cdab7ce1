"""A host whose clock is wrong for a while, and connections that come to nothing: it trades on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import anyio
import pytest
from attrs import define, evolve

from algopioneer_coinbase.venue import open_coinbase
from algopioneer_core.domain.errors import AuthenticationFailed
from algopioneer_core.domain.events import FeedDown, FeedUp, OrderFilled
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.domain.orders import Order, OrderIntent, OrderStatus
from algopioneer_core.ports import Clock

BITCOIN = InstrumentId("coinbase", "BTC-USD")


@define
class Host:
    """A clock that can be set."""

    clock: Clock
    ahead_s: float = 0.0

    def now_ns(self) -> int:
        """Return what it shows."""
        return self.clock.now_ns() + int(self.ahead_s * NS_PER_SECOND)


@asynccontextmanager
async def trading(local: Any, host: Host) -> AsyncIterator[Any]:
    """Trade and listen on a host; yield the desk."""
    around = evolve(local.surroundings, clock=host)
    async with local.served(), local.attended(open_coinbase(local.config, around)) as desk:
        yield desk


async def buys(desk: Any, name: str) -> bool:
    """Buy at the market; return whether it was reported within a minute."""
    intent = OrderIntent(instrument_id=BITCOIN, side=Side.BUY, quantity=Decimal("0.1"))
    await desk.venue.execution.submit(Order(name, intent, 0, OrderStatus.PENDING))
    await anyio.sleep(60)
    return name in [each.client_order_id for each in desk.of(OrderFilled)]


@pytest.mark.parametrize("ahead_s", [45, -600])
async def test_orders_and_streams_survive_a_clock_that_is_set_wrong_and_right_again(
    local: Any, ahead_s: int
) -> None:
    """All tokens of a wrong clock are refused; those made by the venue's time are not."""
    host = Host(local.clock)
    async with trading(local, host) as desk:
        for step, wrong_s in enumerate((ahead_s, 0)):
            host.ahead_s = wrong_s
            local.network.reset()  # both streams have to subscribe by that clock
            await anyio.sleep(10)
            local.quote()
            assert await buys(desk, f"order-{step}")
        assert desk.count(FeedDown) == desk.count(FeedUp) == 2


async def test_a_key_that_is_not_accepted_is_told_whatever_the_clock(local: Any) -> None:
    """The venue's time is asked for once, and then it is the key."""
    local.config = evolve(local.config, api_key="organizations/other/apiKeys/other")
    with pytest.raises(AuthenticationFailed):
        async with local.opened():
            pass


async def test_a_connection_that_nobody_answers_is_given_up(local: Any) -> None:
    """A line may be half open before the handshake is through; afterwards there is another."""
    async with trading(local, Host(local.clock)) as desk:
        local.fail(half_open=True)
        await anyio.sleep(60)
        local.fail()
        await anyio.sleep(60)
        local.quote()
        assert await buys(desk, "afterwards")
        assert desk.count(FeedUp) == 1


async def test_a_stream_that_beats_and_never_confirms_is_opened_anew(
    local: Any,
) -> None:
    """Heartbeats alone are no sign that it is up."""
    async with trading(local, Host(local.clock)) as desk:
        local.sandbox.exchange.arm("mute")
        local.network.reset()
        await anyio.sleep(15)
        local.sandbox.exchange.befalls("mute")
        await anyio.sleep(60)
        assert desk.count(FeedUp) == 1
        local.quote()
        assert await buys(desk, "afterwards")
