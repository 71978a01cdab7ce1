"""The adapter on bad days: what is lost, late, doubled, refused or silent at the local exchange."""

from decimal import Decimal
from typing import Any

import anyio
import pytest
from attrs import evolve

from algopioneer_coinbase.sandbox import Manners
from algopioneer_core.domain.errors import (
    AuthenticationFailed,
    OrderRejected,
    Outcome,
    RefusedError,
    UnsupportedOperation,
    VenueUnavailable,
)
from algopioneer_core.domain.events import (
    FeedDown,
    FeedGap,
    FeedUp,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
)
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import Bar, Quote, Trade
from algopioneer_core.domain.orders import Order, OrderIntent, OrderStatus, OrderType
from algopioneer_core.ports import Found, NotYetKnown, ProvenAbsent
from algopioneer_core.simulation.sandbox_candles import MINUTE_NS, CandleStore
from algopioneer_core.testing.clocks import VIRTUAL_START_NS

BITCOIN = InstrumentId("coinbase", "BTC-USD")


@pytest.fixture
def desk_of(local: Any) -> Any:
    """Open a desk over the local exchange, on which BTC-USD is quoted 100 to 100.01."""
    return lambda: local.attended(local.opened())


def order(name: str, quantity: str = "1", **terms: Any) -> Order:
    """Return a purchase at the market, unless *terms* say otherwise."""
    intent: dict[str, Any] = {"instrument_id": BITCOIN, "side": Side.BUY}
    if "quote_amount" not in terms:
        intent["quantity"] = Decimal(quantity)
    return Order(name, OrderIntent(**{**intent, **terms}), VIRTUAL_START_NS, OrderStatus.PENDING)


def resting(name: str, price: str = "90") -> Order:
    """Return a purchase that rests."""
    return order(name, type=OrderType.LIMIT, limit_price=Decimal(price))


# --- submits ---------------------------------------------------------------------------------


async def test_lost_acknowledgement_is_unknown_and_then_found(desk_of: Any) -> None:
    """The order exists once, its fill is reported, and asking finds it."""
    async with desk_of() as desk:
        desk.local.sandbox.exchange.arm("lost_ack")
        with pytest.raises(VenueUnavailable) as caught:
            await desk.venue.execution.submit(order("a"))
        assert Outcome.UNKNOWN is caught.value.outcome
        found = await desk.venue.execution.order("a")
        assert isinstance(found, Found)
        assert (OrderStatus.FILLED, Decimal(1)) == (
            found.order.status,
            found.order.filled_quantity,
        )
        await anyio.sleep(1)
        assert ["a"] == desk.placed
        assert 1 == len(desk.of(OrderFilled))


async def test_lost_request_is_unknown_and_then_proven_absent(desk_of: Any) -> None:
    """Not before the lag has passed: until then nothing is proven."""
    async with desk_of() as desk:
        desk.local.sandbox.exchange.arm("lost_request")
        with pytest.raises(VenueUnavailable):
            await desk.venue.execution.submit(order("a"))
        answer = await desk.venue.execution.order("a")
        assert isinstance(answer, NotYetKnown)
        await anyio.sleep((answer.ask_again_ns - desk.local.clock.now_ns()) / 10**9)
        assert ProvenAbsent() == await desk.venue.execution.order("a")
        assert [] == desk.placed


async def test_an_order_that_reads_do_not_show_yet_is_not_absent(local: Any, desk_of: Any) -> None:
    """Lists that lag are what the lag is for."""
    local.manners = Manners(read_lag_ns=30 * 10**9)
    local.renew()
    async with desk_of() as desk:
        desk.local.sandbox.exchange.arm("lost_ack")
        with pytest.raises(VenueUnavailable):
            await desk.venue.execution.submit(resting("a"))
        desk.venue.execution._known.get("a").order_id = None  # as if its update had not come
        assert isinstance(await desk.venue.execution.order("a"), NotYetKnown)
        await anyio.sleep(31)
        assert isinstance(await desk.venue.execution.order("a"), Found)


async def test_cancelled_submit_leaves_an_order_that_can_be_asked_for(desk_of: Any) -> None:
    """Whatever the request came to, it is known in the end."""
    async with desk_of() as desk:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await desk.venue.execution.submit(order("a"))
        await anyio.sleep(61)
        first = await desk.venue.execution.order("a")
        await anyio.sleep(61)
        answer = await desk.venue.execution.order("a")
        assert isinstance(first, NotYetKnown | Found)
        assert isinstance(answer, Found) is bool(desk.placed)


async def test_too_many_requests_are_waited_for(desk_of: Any) -> None:
    """An order that is refused as one too many is sent again, and placed once."""
    async with desk_of() as desk:
        before = anyio.current_time()
        desk.local.sandbox.exchange.arm("rate_limit")
        await desk.venue.execution.submit(resting("a"))
        assert anyio.current_time() - before >= 1
        assert ["a"] == desk.placed


@pytest.mark.parametrize("refused", [False, True])
async def test_same_id_again_places_nothing(local: Any, desk_of: Any, refused: bool) -> None:
    """Whichever of the two documented answers the venue gives."""
    local.manners = Manners(duplicate_is_refused=refused)
    local.renew()
    async with desk_of() as desk:
        await desk.venue.execution.submit(resting("a"))
        await desk.venue.execution.submit(resting("a"))
        assert ["a"] == desk.placed


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"quantity": Decimal(100_000)}, "PREVIEW_INVALID_BASE_SIZE_TOO_LARGE"),
        ({"quantity": Decimal(3_000)}, "INSUFFICIENT_FUND"),
        ({"quantity": Decimal("0.123456789")}, "INVALID_SIZE_PRECISION"),
        (
            {"type": OrderType.LIMIT, "limit_price": Decimal("90.001")},
            "INVALID_PRICE_PRECISION",
        ),
        (
            {"type": OrderType.LIMIT, "limit_price": Decimal(200), "post_only": True},
            "INVALID_LIMIT_PRICE_POST_ONLY",
        ),
        ({"side": Side.SELL}, "INSUFFICIENT_FUND"),
    ],
)
async def test_a_rejection_has_the_venues_code(
    desk_of: Any, terms: dict[str, Any], code: str
) -> None:
    """And nothing was placed."""
    async with desk_of() as desk:
        with pytest.raises(OrderRejected) as caught:
            await desk.venue.execution.submit(order("a", **terms))
        assert (code, Outcome.NOT_PLACED) == (caught.value.code, caught.value.outcome)
        assert [] == desk.placed


async def test_a_reason_that_may_pass_is_retryable(desk_of: Any) -> None:
    """The venue is asked again later, not the strategy's author."""
    async with desk_of() as desk:
        desk.local.sandbox.exchange.arm("reject")
        with pytest.raises(OrderRejected) as caught:
            await desk.venue.execution.submit(order("a"))
        assert caught.value.retryable


async def test_a_quote_sized_order_spends_no_more_than_its_amount(desk_of: Any) -> None:
    """Fee included, and close to all of it."""
    async with desk_of() as desk:
        await desk.venue.execution.submit(order("a", quote_amount=Decimal(1000)))
        await anyio.sleep(1)
        (filled,) = desk.of(OrderFilled)
        assert filled.complete
        spent = filled.fill.quantity * filled.fill.price + filled.fill.fee
        assert Decimal(999) < spent <= Decimal(1000)


async def test_reduce_only_without_anything_to_reduce_is_refused(desk_of: Any) -> None:
    """A purchase of coins reduces nothing."""
    async with desk_of() as desk:
        with pytest.raises(OrderRejected, match="nothing left to reduce"):
            await desk.venue.execution.submit(order("a", reduce_only=True))
        await desk.venue.execution.submit(order("b"))
        await desk.venue.execution.submit(order("c", side=Side.SELL, reduce_only=True))
        assert ["b", "c"] == desk.placed


# --- fills and cancels -----------------------------------------------------------------------


async def test_fills_come_in_parts_with_ids_of_the_list(desk_of: Any) -> None:
    """A large order takes what is shown; the rest fills as the market comes to it."""
    async with desk_of() as desk:
        large = order("a", "70", type=OrderType.LIMIT, limit_price=Decimal("100.01"))
        await desk.venue.execution.submit(large)
        await anyio.sleep(1)
        desk.local.quote()
        await anyio.sleep(1)
        fills = desk.of(OrderFilled)
        assert [Decimal(50), Decimal(20)] == [each.fill.quantity for each in fills]
        assert [False, True] == [each.complete for each in fills]
        assert [each.fill for each in fills] == list(await desk.venue.execution.fills(0))


async def test_a_fill_that_wins_the_race_with_the_cancel_is_reported(
    local: Any, desk_of: Any
) -> None:
    """As a fill; the cancel that was taken changes nothing."""
    local.manners = Manners(cancel_after_ns=2 * 10**9)
    local.renew()
    async with desk_of() as desk:
        await desk.venue.execution.submit(resting("a"))
        desk.local.sandbox.exchange.arm("late_fill")
        await desk.venue.execution.cancel("a")
        await desk.venue.execution.cancel("a")
        await anyio.sleep(5)
        assert ([], 1) == (desk.of(OrderCanceled), len(desk.of(OrderFilled)))


async def test_an_update_that_comes_twice_is_reported_once(desk_of: Any) -> None:
    """The same total is the same fill."""
    async with desk_of() as desk:
        for _ in range(4):
            desk.local.sandbox.exchange.arm("duplicate")
        await desk.venue.execution.submit(order("a"))
        await anyio.sleep(1)
        assert (1, 1) == (len(desk.of(OrderAccepted)), len(desk.of(OrderFilled)))


async def test_fills_that_the_list_shows_late_are_waited_for(desk_of: Any) -> None:
    """Nothing is made up meanwhile."""
    async with desk_of() as desk:
        desk.local.sandbox.exchange.arm("delayed_read")
        await desk.venue.execution.submit(order("a"))
        await anyio.sleep(5)
        assert [] == desk.of(OrderFilled)
        desk.local.sandbox.exchange.befalls("delayed_read")
        await anyio.sleep(11)
        assert 1 == len(desk.of(OrderFilled))


async def test_orders_that_end_while_the_stream_is_down_are_made_up_for(desk_of: Any) -> None:
    """Filled or cancelled: looked up once the stream is back."""
    async with desk_of() as desk:
        for name, price in (("a", "95"), ("b", "90"), ("c", "90")):
            await desk.venue.execution.submit(resting(name, price))
        await anyio.sleep(1)
        desk.local.fail(refuse=True)
        desk.local.network.reset()
        await anyio.sleep(1)
        desk.local.sandbox.exchange.fill_at_limit("a")
        desk.local.sandbox.exchange.cancel("b")
        await anyio.sleep(20)
        before = len(desk.reports)
        desk.local.fail()
        await anyio.sleep(60)
        assert 3 == before
        assert ["a"] == [each.client_order_id for each in desk.of(OrderFilled)]
        assert ["b"] == [each.client_order_id for each in desk.of(OrderCanceled)]


@pytest.mark.parametrize("patience_s", [0, 3], ids=["answered", "in flight"])
async def test_an_order_of_which_nothing_was_heard_is_made_up_for(
    desk_of: Any, patience_s: int
) -> None:
    """Even its first message was lost, before the venue had answered or after that."""
    async with desk_of() as desk, anyio.create_task_group() as tasks:
        exchange = desk.local.sandbox.exchange
        exchange.arm("silence")
        for _ in range(patience_s):
            exchange.arm("slow")
        tasks.start_soon(desk.venue.execution.submit, order("a"))
        await anyio.sleep(0.5)
        exchange.befalls("silence")  # what comes next shows that something is missing
        await anyio.sleep(30)
        assert ["a"] == [each.client_order_id for each in desk.of(OrderFilled)]


async def test_cancel_of_what_is_not_known_anywhere_is_no_success(desk_of: Any) -> None:
    """It may be on its way."""
    async with desk_of() as desk:
        with pytest.raises(VenueUnavailable, match="does not show"):
            await desk.venue.execution.cancel("never")


# --- streams ---------------------------------------------------------------------------------


async def test_a_missing_message_is_a_gap_and_a_new_connection(desk_of: Any) -> None:
    """Told of each instrument; then everything is subscribed again."""
    async with desk_of() as desk:
        await anyio.sleep(2)
        desk.local.sandbox.streams.skipped = 1
        desk.local.quote("101", "101.01")
        desk.local.quote("102", "102.01")
        await anyio.sleep(10)
        kinds = [type(event) for event in desk.events if not isinstance(event, Quote)]
        assert [FeedGap, FeedDown, FeedUp] == kinds
        quotes = [event for event in desk.events if isinstance(event, Quote)]
        assert Decimal(102) == quotes[-1].bid


async def test_a_silent_stream_is_opened_anew(desk_of: Any) -> None:
    """A venue that answers pings and sends nothing is dead after ten seconds."""
    async with desk_of() as desk:
        desk.local.sandbox.exchange.arm("silence")
        await anyio.sleep(12)
        desk.local.sandbox.exchange.befalls("silence")
        await anyio.sleep(60)
        kinds = [type(event) for event in desk.events if not isinstance(event, Quote)]
        assert [FeedDown, FeedUp] == kinds


async def test_five_minute_bars_are_pushed_once_they_are_over(desk_of: Any) -> None:
    """By a later bar, or by the venue's time where nobody trades any more."""
    async with desk_of() as desk:
        for price in ("100", "103", "99", "101"):
            desk.local.trade(price)
            await anyio.sleep(60)
        await anyio.sleep(120)
        (bar,) = [event for event in desk.events if isinstance(event, Bar)]
        assert VIRTUAL_START_NS + 5 * MINUTE_NS == bar.ts_event
        assert [100, 103, 99, 101] == [bar.open, bar.high, bar.low, bar.close]


async def test_what_is_not_read_is_conflated_to_the_latest_quote(local: Any) -> None:
    """Trades and bars are all kept."""
    async with local.opened() as venue, venue.market_data.subscribe([BITCOIN]) as events:
        for number in range(50):
            local.quote(str(100 + number), str(101 + number))
        local.trade()
        local.quote("150", "151")
        await anyio.sleep(1)
        trade, latest = await events.receive(), await events.receive()
        assert isinstance(trade, Trade)
        assert isinstance(latest, Quote)
        assert Decimal(150) == latest.bid
        assert trade.ts_event <= latest.ts_event
        assert 50 == events.conflated


# --- keys ------------------------------------------------------------------------------------


async def test_a_key_that_is_not_accepted_is_said_so(local: Any) -> None:
    """On both ways, and without repeating it."""
    local.sandbox.gate.key.name = "another"
    with pytest.raises(AuthenticationFailed) as caught:
        async with local.opened():
            pass
    assert local.config.api_secret not in repr(caught.value)


async def test_data_that_is_held_back_is_said_so(local: Any, desk_of: Any) -> None:
    """An empty list is no proof of anything where the holder has not confirmed who he is."""
    local.manners = Manners(holds_data_back=True)
    local.renew()
    async with desk_of() as desk:
        for ask in (desk.venue.execution.open_orders(), desk.venue.execution.fills(0)):
            with pytest.raises(RefusedError, match="confirmed who he is"):
                await ask


async def test_a_key_without_permission_to_trade_places_nothing(desk_of: Any) -> None:
    """403 is permanent."""
    async with desk_of() as desk:
        desk.local.sandbox.gate.key.can_trade = False
        with pytest.raises(AuthenticationFailed) as caught:
            await desk.venue.execution.submit(order("a"))
        assert ("PERMISSION_DENIED", False) == (caught.value.code, caught.value.retryable)


async def test_without_a_key_there_is_market_data_and_no_account(local: Any) -> None:
    """Products, history and streams are public."""
    local.config = evolve(local.config, api_key="", api_secret="")
    async with local.opened() as venue:
        assert await venue.market_data.instruments()
        ends = (VIRTUAL_START_NS - 10 * MINUTE_NS, VIRTUAL_START_NS)
        assert 10 == len(await venue.market_data.bars(BITCOIN, MINUTE_NS, *ends))
        async with venue.market_data.subscribe([BITCOIN]) as events:
            local.quote()
            assert isinstance(await events.receive(), Quote)
        for ask in (venue.execution.balances, venue.execution.open_orders):
            with pytest.raises(UnsupportedOperation, match="COINBASE_API_KEY"):
                await ask()


# --- history ---------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 299, 300, 301, 650])
async def test_history_is_paged_without_hole_or_double(local: Any, count: int) -> None:
    """Whatever the number of pages; the running bar is left out."""
    store = local.sandbox.exchange.candles[BITCOIN] = CandleStore()
    first = VIRTUAL_START_NS - 700 * MINUTE_NS
    for number in range(701):
        store.add(first + number * MINUTE_NS, Decimal(100 + number), Decimal(1))
    async with local.opened() as venue:
        end = VIRTUAL_START_NS + 10 * MINUTE_NS
        start = VIRTUAL_START_NS - (count - 1) * MINUTE_NS
        bars = await venue.market_data.bars(BITCOIN, MINUTE_NS, start, end)
    assert [start + number * MINUTE_NS for number in range(count)] == [bar.ts_event for bar in bars]
    assert Decimal(799) == bars[-1].close
