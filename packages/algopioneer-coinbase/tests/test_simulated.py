"""Coinbase as simulations have it: lines that die, and each shape of each fault on the wire."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from typing import Any

import anyio
import pytest
from attrs import define, field

from algopioneer_coinbase.simulated import SimulatedCoinbase
from algopioneer_core.domain.errors import OrderRejected, VenueError
from algopioneer_core.domain.events import FeedDown, FeedUp, OrderAccepted, OrderFilled
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.market_data import NS_PER_SECOND, Quote, Trade
from algopioneer_core.domain.orders import Order, OrderIntent, OrderStatus
from algopioneer_core.ports import Venue
from algopioneer_core.testing.clocks import VirtualClock
from algopioneer_core.testing.fault_plans import Fault, FaultKind
from algopioneer_core.testing.simulation_venue import SimulatedLine

PRICE = Decimal(100)


def halves() -> float:
    """Draw the same number again and again."""
    return 0.5


@define(eq=False)
class Life:
    """One life's adapter, and what it told."""

    exchange: SimulatedCoinbase
    line: SimulatedLine
    venue: Venue
    told: list[Any] = field(factory=list)

    def of(self, kind: type) -> list[Any]:
        """Return what was told of a kind."""
        return [each for each in self.told if isinstance(each, kind)]

    async def submit(self, name: str) -> None:
        """Send an order as a session does: for ten seconds."""
        with anyio.move_on_after(10):
            await self.venue.execution.submit(order(self.exchange, name))

    async def listen(self, opened: Callable[[], Any], *, task_status: Any) -> None:
        """Keep what a stream tells."""
        async with opened() as stream:
            task_status.started()
            async for each in stream:
                self.told.append(each)


def order(exchange: SimulatedCoinbase, name: str) -> Order:
    """Return an order to buy a coin at the market."""
    coin = exchange.traded.coin.id
    intent = OrderIntent(instrument_id=coin, side=Side.BUY, quantity=Decimal(1))
    return Order(name, intent, 0, OrderStatus.PENDING)


def quote(exchange: SimulatedCoinbase, price: Decimal = PRICE) -> Quote:
    """Return a quote of the coin."""
    now_ns, size = exchange.sandbox.exchange.clock.now_ns(), Decimal(50)
    return Quote(exchange.traded.coin.id, now_ns, price, price, size, size, now_ns)


@asynccontextmanager
async def living(exchange: SimulatedCoinbase) -> AsyncIterator[Life]:
    """Open the adapter of a new life, and listen."""
    line = exchange.line(exchange.sandbox.exchange.clock, halves)
    async with line.opened() as venue, anyio.create_task_group() as tasks:
        life = Life(exchange, line, venue)
        coin = exchange.traded.coin.id
        await tasks.start(life.listen, venue.execution.reports)
        await tasks.start(life.listen, lambda: venue.market_data.subscribe([coin]))
        yield life
        tasks.cancel_scope.cancel()


@pytest.fixture
async def exchange() -> AsyncIterator[SimulatedCoinbase]:
    """A local Coinbase at which the coin is quoted."""
    made = SimulatedCoinbase(VirtualClock(), halves)
    async with made.serving():
        made.push(quote(made))
        yield made


async def test_nothing_of_a_life_that_was_cut_reaches_the_exchange(
    exchange: SimulatedCoinbase,
) -> None:
    """Neither its requests nor its streams; the next life trades."""
    async with living(exchange) as first:
        await first.submit("before")
        first.line.cut()
        with pytest.raises(VenueError):
            await first.submit("after")
        told = len(first.told)
        await anyio.sleep(60)
        exchange.push(quote(exchange))
        await anyio.sleep(1)
        assert not first.of(FeedUp)
        assert len(first.told) <= told + 1  # the stream is found dead
    async with living(exchange) as second:
        await second.submit("again")
    assert exchange.accepted == ["before", "again"]
    assert [each.client_order_id for each in exchange.executed] == exchange.accepted


@pytest.mark.parametrize("second", [0, 1, 2])
@pytest.mark.parametrize(("kind", "placed"), [("lost_request", 0), ("lost_ack", 1)])
async def test_what_is_lost_looks_in_three_ways(
    exchange: SimulatedCoinbase, kind: str, placed: int, second: int
) -> None:
    """A proxy's page, a broken connection, or no answer at all: none says whether it was placed."""
    async with living(exchange) as life:
        await exchange.apply(Fault(second * NS_PER_SECOND, FaultKind(kind)))
        with suppress(VenueError):
            await life.submit("lost")
        assert len(exchange.accepted) == placed


@pytest.mark.parametrize("second", [0, 1])
@pytest.mark.parametrize("kind", [FaultKind.DISCONNECT, FaultKind.HALF_OPEN, FaultKind.REORDER])
async def test_streams_come_back_from_each_shape_of_a_break(
    exchange: SimulatedCoinbase, kind: FaultKind, second: int
) -> None:
    """Connections hung up on or reset, lines that lose bytes, a message that is missing."""
    async with living(exchange) as life:
        await exchange.apply(Fault(second * NS_PER_SECOND, kind, duration_ns=30 * NS_PER_SECOND))
        await anyio.sleep(60)
        assert len(life.of(FeedDown)) == len(life.of(FeedUp))
        await life.submit("afterwards")
        await anyio.sleep(5)
        exchange.push(quote(exchange))
        await anyio.sleep(30)
        kinds = [type(each) for each in life.told if type(each) in (OrderAccepted, OrderFilled)]
        assert kinds == [OrderAccepted, OrderFilled]


async def test_an_update_that_was_overtaken_does_not_undo_the_fill(
    exchange: SimulatedCoinbase,
) -> None:
    """While the list of fills lags, the older update is not taken for how the order stands."""
    async with living(exchange) as life:
        await exchange.apply(Fault(0, FaultKind.REORDER))
        await life.submit("overtaken")
        exchange.push(quote(exchange))
        await anyio.sleep(30)
        [filled] = life.of(OrderFilled)
        assert filled.complete


async def test_a_stream_may_beat_and_tell_nothing(exchange: SimulatedCoinbase) -> None:
    """What was not told is missing in no sequence; the list of fills has it."""
    silent = Fault(NS_PER_SECOND, FaultKind.SILENCE, duration_ns=30 * NS_PER_SECOND)
    async with living(exchange) as life, anyio.create_task_group() as tasks:
        tasks.start_soon(exchange.apply, silent)
        await anyio.sleep(1)
        await life.submit("untold")
        await anyio.sleep(60)
        assert not life.of(OrderFilled)
        assert not life.of(FeedDown)
        assert [each.client_order_id for each in await life.venue.execution.fills(0)] == ["untold"]


async def test_a_closed_market_takes_no_orders_and_shows_nothing(
    exchange: SimulatedCoinbase,
) -> None:
    """Until it opens again."""
    closed = Fault(0, FaultKind.MARKET_CLOSED, duration_ns=30 * NS_PER_SECOND)
    async with living(exchange) as life, anyio.create_task_group() as tasks:
        tasks.start_soon(exchange.apply, closed)
        await anyio.sleep(1)
        before = len(life.of(Quote))
        exchange.push(quote(exchange))
        with pytest.raises(OrderRejected):
            await life.submit("too-late")
        await anyio.sleep(60)
        assert len(life.of(Quote)) == before
        await life.submit("in-time")
    assert exchange.accepted == ["in-time"]


async def test_a_stranger_in_the_account_is_seen_and_not_counted_as_ours(
    exchange: SimulatedCoinbase,
) -> None:
    """He trades in the venue's own app; lists show his orders and fills."""
    async with living(exchange) as life:
        exchange.place_foreign(order(exchange, "strange"))
        await anyio.sleep(5)  # look-ups lag
        fills = await life.venue.execution.fills(0)
    assert not exchange.accepted
    assert not exchange.executed
    assert [each.client_order_id for each in exchange.executed_foreign] == ["strange"]
    assert [each.client_order_id for each in fills] == ["strange"]


async def test_garbage_is_shown_and_leaves_the_books_alone(exchange: SimulatedCoinbase) -> None:
    """A negative price is passed over; one from an hour ago is shown as of then."""
    async with living(exchange) as life:
        now_ns = exchange.sandbox.exchange.clock.now_ns()
        old_ns = now_ns - 3_600 * NS_PER_SECOND
        exchange.show_garbage(quote(exchange, -PRICE))
        exchange.show_garbage(quote(exchange, 2 * PRICE)._replace(ts_event=old_ns))
        await anyio.sleep(1)
        shown = [each for each in life.of(Quote) if each.bid != PRICE]
        assert [(each.bid, each.ts_event) for each in shown] == [(2 * PRICE, old_ns)]
        assert not life.of(Trade)
    assert exchange.books.account.mark(exchange.traded.coin.id) == PRICE


async def test_a_line_that_is_down_refuses_until_it_is_up(exchange: SimulatedCoinbase) -> None:
    """Requests fail without having left, streams break, and both come back."""
    async with living(exchange) as life:
        life.line.go_down()
        with pytest.raises(VenueError) as failed:
            await life.submit("down")
        assert failed.value.outcome.value == "not_placed"
        life.line.come_up()
        await anyio.sleep(60)
        await life.submit("up")
        assert life.of(FeedUp)
    assert exchange.accepted == ["up"]


async def test_what_waits_for_its_occasion_is_forgotten_when_the_quiet_begins(
    exchange: SimulatedCoinbase,
) -> None:
    """No order after that is refused or lost for what was due before."""
    async with living(exchange) as life:
        for kind in (FaultKind.REJECT, FaultKind.LOST_REQUEST):
            await exchange.apply(Fault(0, kind))
        exchange.be_calm()
        await life.submit("calm")
    assert exchange.accepted == ["calm"]
