from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import Any

import anyio
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.domain.errors import (
    ConfigError,
    DataError,
    OrderRejected,
    RefusedError,
    UnsupportedOperation,
)
from algopioneer_core.domain.events import (
    OrderCanceled,
    OrderFilled,
)
from algopioneer_core.domain.events import OrderRejected as Rejection
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import FeeAsset, Instrument, InstrumentId
from algopioneer_core.domain.market_data import Bar
from algopioneer_core.domain.money import Increment
from algopioneer_core.domain.orders import Order, OrderStatus, OrderType, TimeInForce
from algopioneer_core.journal.codec import decode, encode
from algopioneer_core.ports import Balance, Execution, Found, ProvenAbsent, SupportsSnapshot
from algopioneer_core.simulation.order_rules import NO_BUYING_POWER, OFF_GRID
from algopioneer_core.simulation.pages import PAGE
from algopioneer_core.simulation.paper import PaperVenue
from algopioneer_core.simulation.paper_config import PaperConfig, PaperMargin
from algopioneer_core.simulation.paper_exchange import RETAINED, RETAINED_NS
from algopioneer_core.testing.domain import BITCOIN, LINEAR_PERPETUAL
from algopioneer_core.testing.paper import Action, Heard, paper_over, play, sent
from algopioneer_core.testing.sessions import MINUTE_NS

BUY, SELL = Side.BUY, Side.SELL
ETHER = Instrument.undescribed(InstrumentId("sim", "ETH-USD"))


def place(*args: Any, **terms: Any) -> Action:
    """Return the action of submitting an order."""

    async def act(account: Execution) -> None:
        await account.submit(sent(*args, **terms))

    return act


def cancel(client_order_id: str) -> Action:
    """Return the action of cancelling an order."""

    async def act(account: Execution) -> None:
        await account.cancel(client_order_id)

    return act


def kinds(heard: Heard) -> list[str]:
    """Return what was heard, as names in order."""
    return [type(each).__name__ for each in heard.order]


async def total(venue: PaperVenue, asset: str) -> Decimal:
    """Return what the account has of an asset."""
    return next(each.total for each in await venue.execution.balances() if each.asset == asset)


# --- the order of things ---------------------------------------------------------------------


async def test_order_is_accepted_filled_at_the_next_open_and_then_the_bar_is_shown() -> None:
    """At equal times reports come before bars."""
    venue = paper_over({BITCOIN: [100, (110, 120, 105, 115), 120]})
    heard = await play(venue, [BITCOIN], {1: [place("a", BITCOIN, BUY)]})
    assert ["Bar", "OrderAccepted", "OrderFilled", "Bar", "Bar"] == kinds(heard)
    (filled,) = heard.told(OrderFilled)
    assert (Decimal(110), True, "a.1") == (filled.fill.price, filled.complete, filled.fill.fill_id)
    opened = heard.events[0].ts_event
    assert opened == filled.fill.ts_event


async def test_fills_of_all_instruments_come_before_any_bar_of_their_time() -> None:
    """They happen at once, so no leg is seen filled alone because of the order of symbols."""
    venue = paper_over({BITCOIN: [100] * 3, ETHER: [10] * 3})
    script = {2: [place("a", BITCOIN, BUY), place("b", ETHER, SELL)]}
    heard = await play(venue, [BITCOIN, ETHER], script)
    assert ["OrderFilled", "OrderFilled", "Bar", "Bar"] == kinds(heard)[4:8]


async def test_order_made_between_two_bars_of_one_time_waits_for_the_next_time() -> None:
    """The second instrument's bar of that time was over when the order was made."""
    venue = paper_over({BITCOIN: [100] * 3, ETHER: [10, 20, 30]})
    heard = await play(venue, [BITCOIN, ETHER], {3: [place("a", ETHER, BUY)]})
    (filled,) = heard.told(OrderFilled)
    assert Decimal(30) == filled.fill.price


async def test_cancel_in_answer_to_a_fill_comes_too_late_for_the_other_instrument() -> None:
    """What the same moment does to the other order has happened already."""
    venue = paper_over({BITCOIN: [100] * 3, ETHER: [10] * 3})
    account = venue.execution
    heard = Heard()

    async def listen(*, task_status: anyio.abc.TaskStatus[None]) -> None:
        async with account.reports() as reports:
            task_status.started()
            async for report in reports:
                heard.reports.append(report)
                if isinstance(report, OrderFilled) and report.client_order_id == "a":
                    await account.cancel("b")

    async with anyio.create_task_group() as tasks:
        await tasks.start(listen)
        async with venue.market_data.subscribe([BITCOIN.id, ETHER.id]) as events:
            await account.submit(sent("a", BITCOIN, BUY))
            await account.submit(sent("b", ETHER, SELL))
            assert 6 == len([event async for event in events])
        tasks.cancel_scope.cancel()
    assert ["a", "b"] == [each.client_order_id for each in heard.told(OrderFilled)]
    assert [] == heard.told(OrderCanceled)


async def test_cancel_in_answer_to_a_fill_is_in_time_for_the_same_instrument() -> None:
    """As in a backtest, where an order that is cancelled meanwhile is passed over."""
    venue = paper_over({BITCOIN: [100] * 3})
    account = venue.execution
    heard = Heard()

    async def listen(*, task_status: anyio.abc.TaskStatus[None]) -> None:
        async with account.reports() as reports:
            task_status.started()
            async for report in reports:
                heard.reports.append(report)
                if isinstance(report, OrderFilled) and report.client_order_id == "a":
                    await account.cancel("b")

    async with anyio.create_task_group() as tasks:
        await tasks.start(listen)
        async with venue.market_data.subscribe([BITCOIN.id]) as events:
            await account.submit(sent("a", BITCOIN, BUY))
            await account.submit(sent("b", BITCOIN, SELL))
            assert 3 == len([event async for event in events])
        tasks.cancel_scope.cancel()
    assert ["a"] == [each.client_order_id for each in heard.told(OrderFilled)]
    assert ["b"] == [each.client_order_id for each in heard.told(OrderCanceled)]


async def test_bar_waits_until_its_fills_are_handled() -> None:
    """However long the reader takes, and not at all when nobody reads."""
    venue = paper_over({BITCOIN: [100] * 3})
    account = venue.execution
    diary: list[str] = []

    async def listen(*, task_status: anyio.abc.TaskStatus[None]) -> None:
        async with account.reports() as reports:
            task_status.started()
            async for report in reports:
                await anyio.sleep(60)
                diary.append(type(report).__name__)

    async with anyio.create_task_group() as tasks:
        await tasks.start(listen)
        async with venue.market_data.subscribe([BITCOIN.id]) as events:
            await events.receive()
            await account.submit(sent("a", BITCOIN, BUY))
            await events.receive()
            diary.append("Bar")
            assert ["OrderAccepted", "OrderFilled", "Bar"] == diary
            tasks.cancel_scope.cancel()


async def test_event_is_not_lost_when_its_wait_is_cancelled() -> None:
    """Neither the bar nor any of its fills, wherever the cancellation falls."""
    venue = paper_over({BITCOIN: [100] * 3, ETHER: [10] * 3})
    account = venue.execution
    async with (
        account.reports() as reports,
        venue.market_data.subscribe([BITCOIN.id, ETHER.id]) as events,
    ):
        await account.submit(sent("a", BITCOIN, BUY))
        await account.submit(sent("b", ETHER, BUY))
        heard: list[str] = []
        for _ in range(4):  # nobody reads meanwhile, so each wait ends by its deadline
            with anyio.move_on_after(1):
                heard.append(type(await events.receive()).__name__)
            with anyio.move_on_after(1):
                while True:
                    heard.append(type(await reports.receive()).__name__)
    assert ["OrderAccepted", "OrderAccepted", "OrderFilled", "OrderFilled", "Bar"] == heard[:5]


async def test_what_one_subscription_took_and_did_not_show_the_next_one_shows() -> None:
    """Both bars of a time are taken together; leaving in between loses none."""
    venue = paper_over({BITCOIN: [100] * 2, ETHER: [10] * 2})
    ids = [BITCOIN.id, ETHER.id]
    async with venue.market_data.subscribe(ids) as events:
        first = await events.receive()
    async with venue.market_data.subscribe(ids) as events:
        seen = [first, *[event async for event in events]]
    assert ["BTC", "ETH", "BTC", "ETH"] == [
        event.instrument_id.symbol[:3] for event in seen if isinstance(event, Bar)
    ]


# --- orders ----------------------------------------------------------------------------------


async def test_limit_order_rests_is_seen_open_and_can_be_cancelled() -> None:
    """It holds back what it would cost, and gives it back."""
    venue = paper_over({BITCOIN: [100] * 4})
    account = venue.execution
    limit: dict[str, Any] = {"type": OrderType.LIMIT, "limit_price": Decimal(50)}
    seen: list[Any] = []

    async def look(account: Execution) -> None:
        (order,) = await account.open_orders()
        (balance,) = await account.balances()
        seen.extend((order.status, order.venue_order_id, balance))

    script = {1: [place("a", BITCOIN, BUY, "2", **limit)], 2: [look, cancel("a"), cancel("a")]}
    heard = await play(venue, [BITCOIN], script)
    assert [OrderStatus.OPEN, "paper-a", Balance("USD", Decimal(10_000), Decimal(100))] == seen
    assert ["OrderAccepted", "OrderCanceled"] == [type(each).__name__ for each in heard.reports]
    assert [Balance("USD", Decimal(10_000))] == await account.balances()
    found = await account.order("a")
    assert isinstance(found, Found)
    assert OrderStatus.CANCELED is found.order.status


async def test_order_cancelled_before_its_first_bar_never_trades() -> None:
    """It has not reached the market yet and is told of all the same."""
    venue = paper_over({BITCOIN: [100] * 4})
    heard = await play(venue, [BITCOIN], {1: [place("a", BITCOIN, BUY), cancel("a")]})
    assert ["OrderAccepted", "OrderCanceled"] == [type(each).__name__ for each in heard.reports]


async def test_cancel_all_ends_the_named_orders_and_no_others() -> None:
    """In one step."""
    venue = paper_over({BITCOIN: [100] * 3})
    account = venue.execution
    limit: dict[str, Any] = {"type": OrderType.LIMIT, "limit_price": Decimal(50)}
    for name in "abc":
        await account.submit(sent(name, BITCOIN, BUY, **limit))
    await account.cancel_all(["a", "c", "unheard"])
    assert ["b"] == [order.client_order_id for order in await account.open_orders()]


async def test_unknown_order_is_proven_absent_at_once() -> None:
    """A simulated account has no lag."""
    venue = paper_over({BITCOIN: [100]})
    assert ProvenAbsent() == await venue.execution.order("never")


async def test_partial_fills_have_ids_of_their_own() -> None:
    """Made from the order's, so that they are the same in every run."""
    venue = paper_over({BITCOIN: [100] * 4}, volume_limit=Decimal("0.001"))
    heard = await play(venue, [BITCOIN], {1: [place("a", BITCOIN, BUY, "2.5")]})
    fills = [each.fill for each in heard.told(OrderFilled)]
    assert [("a.1", 1), ("a.2", 1), ("a.3", Decimal("0.5"))] == [
        (fill.fill_id, fill.quantity) for fill in fills
    ]
    assert fills == list(await venue.execution.fills(0))
    assert fills[1:] == list(await venue.execution.fills(fills[1].ts_event))


async def test_client_order_id_is_taken_once() -> None:
    """Whatever became of the first."""
    venue = paper_over({BITCOIN: [100] * 3})
    await play(venue, [BITCOIN], {1: [place("a", BITCOIN, BUY)]})
    with pytest.raises(OrderRejected, match="used before"):
        await venue.execution.submit(sent("a", BITCOIN, BUY))


@pytest.mark.parametrize(
    ("order", "message"),
    [
        (sent("a", ETHER, BUY), "no instrument sim:ETH-USD"),
        (sent("a b", BITCOIN, BUY), "does not take ids of this form"),
    ],
)
async def test_order_the_venue_could_not_read_is_rejected(order: Order, message: str) -> None:
    """Nothing is placed."""
    venue = paper_over({BITCOIN: [100]})
    with pytest.raises(OrderRejected, match=message):
        await venue.execution.submit(order)
    assert [] == await venue.execution.open_orders()


async def test_rules_of_the_market_are_those_of_the_backtest() -> None:
    """A replayed market speaks when the order reaches it, so that both trade alike."""
    whole = evolve(BITCOIN, quantity_increment=Increment(Decimal(1)))
    venue = paper_over({whole: [100] * 3})
    heard = await play(venue, [whole], {1: [place("a", whole, BUY, "1.5")]})
    (refusal,) = heard.told(Rejection)
    assert OFF_GRID == refusal.message


async def test_fees_are_the_configured_or_the_instruments_own() -> None:
    """Basis points become fractions."""
    own = evolve(ETHER, maker_fee=Decimal("0.001"), taker_fee=Decimal("0.002"))
    venue = paper_over({own: [10]}, taker_fee_bps=Decimal(5))
    rates = await venue.execution.fees(own.id)
    assert (Decimal("0.001"), Decimal("0.0005")) == (rates.maker, rates.taker)
    with pytest.raises(UnsupportedOperation, match="no such instrument"):
        await venue.execution.fees(BITCOIN.id)


# --- money -----------------------------------------------------------------------------------


async def test_money_is_exact_to_the_last_digit() -> None:
    """What was paid, what was received, and both fees."""
    venue = paper_over({BITCOIN: [100, 101, 103]}, taker_fee_bps=Decimal(10), slippage_bps="1")
    script = {0: [place("a", BITCOIN, BUY, "0.3")], 2: [place("b", BITCOIN, SELL, "0.3")]}
    await play(venue, [BITCOIN], script)
    bought, sold = Decimal("30.003"), Decimal("30.89691")
    expected = 10_000 - bought - bought / 1000 + sold - sold / 1000
    assert expected == await total(venue, "USD")
    assert {} == await venue.execution.positions()


async def test_contract_moves_money_only_when_a_gain_is_realised() -> None:
    """Its value is not paid."""
    venue = paper_over({LINEAR_PERPETUAL: [100, 100, 120, 120]})
    script = {
        0: [place("a", LINEAR_PERPETUAL, BUY, "10")],
        2: [place("b", LINEAR_PERPETUAL, SELL, "5")],
    }
    await play(venue, [LINEAR_PERPETUAL], script)
    assert Decimal(10_001) == await total(venue, "USD")
    assert {LINEAR_PERPETUAL.id: Decimal(5)} == await venue.execution.positions()


@pytest.mark.parametrize(
    ("margin", "quantity", "carried"),
    [
        (PaperMargin.VENUE, "1000", True),  # over a replay: as a backtest
        (PaperMargin.NONE, "1000", True),
        (PaperMargin.CASH, "99.9", True),
        (PaperMargin.CASH, "100", False),  # the fee is not there
        (PaperMargin.REGT, "200", True),
        (PaperMargin.REGT, "201", False),
        (PaperMargin.FULL, "100", True),
        (PaperMargin.FULL, "101", False),
    ],
)
async def test_buying_power_is_enforced(
    margin: PaperMargin, quantity: str, *, carried: bool
) -> None:
    """With 10 000 at a price of 100, and a fee of one in a thousand."""
    venue = paper_over({BITCOIN: [100] * 3}, margin=margin, taker_fee_bps=Decimal(10))
    heard = await play(venue, [BITCOIN], {1: [place("a", BITCOIN, BUY, quantity)]})
    assert carried == bool(heard.told(OrderFilled))
    assert ([] if carried else [NO_BUYING_POWER]) == [
        each.message for each in heard.told(Rejection)
    ]


async def test_buying_power_counts_everything_that_settles_in_the_same_asset() -> None:
    """A contract is judged against the equity, of which the other holding is a part."""
    prices = {LINEAR_PERPETUAL: [100] * 4, ETHER: [10] * 4}
    venue = paper_over(prices, margin=PaperMargin.FULL)
    script = {
        2: [place("a", ETHER, BUY, "900")],
        4: [place("b", LINEAR_PERPETUAL, SELL, "1000"), place("c", LINEAR_PERPETUAL, SELL, "1")],
    }
    heard = await play(venue, list(prices), script)
    assert ["a", "b"] == [each.client_order_id for each in heard.told(OrderFilled)]
    assert ["c"] == [each.client_order_id for each in heard.told(Rejection)]


async def test_what_reduces_a_position_is_always_carried() -> None:
    """Even by an account that is under water."""
    venue = paper_over({BITCOIN: [100, 100, 900, 900]}, margin=PaperMargin.FULL)
    script = {0: [place("a", BITCOIN, SELL, "90")], 2: [place("b", BITCOIN, BUY, "60")]}
    heard = await play(venue, [BITCOIN], script)
    assert ["a", "b"] == [each.client_order_id for each in heard.told(OrderFilled)]


async def test_inventory_can_be_sold_where_nothing_can_be_shorted() -> None:
    """What the account started with counts as held, down to nothing."""
    spot = evolve(BITCOIN, shortable=False)
    venue = paper_over({spot: [100] * 4}, balances=("USD=10", "BTC=2"))
    assert {spot.id: Decimal(2)} == await venue.execution.positions()
    script = {1: [place("a", spot, SELL, "2"), place("b", spot, SELL, "1")]}
    heard = await play(venue, [spot], script)
    assert ["a"] == [each.client_order_id for each in heard.told(OrderFilled)]
    assert ["b"] == [each.client_order_id for each in heard.told(Rejection)]
    assert (Decimal(210), Decimal(0)) == (await total(venue, "USD"), await total(venue, "BTC"))


# --- memory ----------------------------------------------------------------------------------


def copied(venue: SupportsSnapshot) -> Mapping[str, object]:
    """Return a venue's state after a trip through the journal's text."""
    state = decode(encode(venue.snapshot()))
    assert isinstance(state, Mapping)
    return state


order_terms = st.one_of(
    st.just({}),
    st.builds(
        lambda price, only: {
            "type": OrderType.LIMIT,
            "limit_price": Decimal(price),
            "post_only": only,
        },
        st.integers(8, 12),
        st.booleans(),
    ),
    st.builds(
        lambda price, kind: {
            "type": OrderType.LIMIT,
            "limit_price": Decimal(price),
            "time_in_force": kind,
        },
        st.integers(8, 12),
        st.sampled_from([TimeInForce.IOC, TimeInForce.FOK, TimeInForce.DAY]),
    ),
    st.builds(
        lambda stop: {"type": OrderType.STOP, "stop_price": Decimal(stop)}, st.integers(8, 12)
    ),
    st.builds(
        lambda stop: {
            "type": OrderType.STOP_LIMIT,
            "stop_price": Decimal(stop),
            "limit_price": Decimal(stop),
        },
        st.integers(8, 12),
    ),
    st.just({"reduce_only": True}),
)


@st.composite
def scripts(draw: st.DrawFn) -> dict[int, list[Action]]:
    """Return orders of all kinds and cancels, between random bars."""
    script: dict[int, list[Action]] = {}
    names: list[str] = []
    for _ in range(draw(st.integers(1, 12))):
        actions = script.setdefault(draw(st.integers(0, 15)), [])
        if names and draw(st.integers(0, 3)) == 0:
            actions.append(cancel(draw(st.sampled_from(names))))
            continue
        names.append(f"o{len(names)}")
        instrument = draw(st.sampled_from([BITCOIN, ETHER]))
        side, quantity = draw(st.sampled_from(Side)), draw(st.sampled_from(["1", "2.5"]))
        actions.append(place(names[-1], instrument, side, quantity, **draw(order_terms)))
    return script


quads = st.lists(
    st.tuples(*[st.integers(8, 12)] * 4).map(lambda p: (p[0], max(p), min(p), p[3])),
    min_size=8,
    max_size=8,
)


@pytest.mark.slow
@given(scripts(), quads, quads, st.sampled_from([{}, {"volume_limit": Decimal("0.001")}]))
async def test_restored_at_every_event_the_account_goes_on_with_the_same_fills(
    script: dict[int, list[Action]],
    first: list[tuple[int, int, int, int]],
    second: list[tuple[int, int, int, int]],
    config: dict[str, Any],
) -> None:
    """With the same ids, and the same money at the end, at whatever event it was left."""
    fresh = partial(
        paper_over,
        {BITCOIN: first, ETHER: second},
        taker_fee_bps=Decimal(7),
        slippage_bps="3",
        **config,
    )
    instruments = [BITCOIN, ETHER]
    one = fresh()
    whole = await play(one, instruments, script)
    venue, reports = fresh(), []
    for number in range(16):
        heard = await play(venue, instruments, script, start=number, most=1)
        assert whole.events[number : number + 1] == heard.events
        reports += heard.reports
        venue, state = fresh(), copied(venue)
        venue.restore(state)
    reports += (await play(venue, instruments, script, start=16)).reports
    assert whole.reports == reports
    assert await one.execution.balances() == await venue.execution.balances()
    assert await one.execution.fills(0) == await venue.execution.fills(0)
    assert await one.execution.open_orders() == await venue.execution.open_orders()


async def test_snapshot_within_an_event_is_refused() -> None:
    """Half of what it does has been reported."""
    venue = paper_over({BITCOIN: [100] * 3})
    account = venue.execution
    async with (
        account.reports() as reports,
        venue.market_data.subscribe([BITCOIN.id]) as events,
        anyio.create_task_group() as tasks,
    ):
        await account.submit(sent("a", BITCOIN, BUY))
        await reports.receive()
        tasks.start_soon(events.receive)
        assert isinstance(await reports.receive(), OrderFilled)
        with pytest.raises(RefusedError, match="all reports have been handled"):
            venue.snapshot()
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize("state", [{}, {"exchange": 7}])
def test_state_of_something_else_is_refused(state: dict[str, object]) -> None:
    """Before anything is changed."""
    with pytest.raises(DataError, match="no state of a paper account"):
        paper_over({BITCOIN: [100]}).restore(state)


async def test_state_with_another_instrument_is_refused() -> None:
    """What is held could not be valued."""
    venue = paper_over({BITCOIN: [100] * 3, ETHER: [10] * 3})
    await play(venue, [BITCOIN, ETHER], {0: [place("a", ETHER, BUY)]})
    with pytest.raises(DataError, match="instrument that is not here"):
        paper_over({BITCOIN: [100] * 3}).restore(copied(venue))


# --- configuration ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "balances", [("USD",), ("=5",), ("USD=-1",), ("USD=much",), ("USD=1", "USD=2")]
)
def test_balances_are_amounts_of_assets(balances: tuple[str, ...]) -> None:
    """Each once."""
    with pytest.raises(ConfigError) as caught:
        PaperConfig(balances=balances)
    assert "balances" == caught.value.where


def test_interval_is_a_length_of_time() -> None:
    """It is checked before anything is opened."""
    with pytest.raises(ConfigError):
        PaperConfig(interval="soon")
    assert 60_000_000_000 == PaperConfig(interval="1m").interval_ns


@pytest.mark.slow
async def test_account_forgets_the_oldest_orders_and_says_so() -> None:
    """A session of months does not fill the memory; a question about forgotten fills is refused."""
    bars = 2 + RETAINED_NS // MINUTE_NS
    venue = paper_over({BITCOIN: [100] * bars})
    many = RETAINED + 2 * PAGE
    for number in range(PAGE):
        await venue.execution.submit(sent(f"old{number}", BITCOIN, BUY))
    first = (await play(venue, [BITCOIN], {}, most=1)).told(OrderFilled)[-1].fill.ts_event
    now_ns = (await play(venue, [BITCOIN], {}, most=bars - 2)).events[-1].ts_event
    for number in range(many):
        await venue.execution.submit(sent(f"o{number}", BITCOIN, BUY, ts_ns=now_ns))
    heard = await play(venue, [BITCOIN], {})
    last = heard.told(OrderFilled)[-1].fill
    with pytest.raises(UnsupportedOperation, match="until 2023-11-14T22:14:00Z are forgotten"):
        await venue.execution.fills(first)
    assert many == len(await venue.execution.fills(first + 1))
    assert [] == await venue.execution.fills(last.ts_event + 1)
    assert ProvenAbsent() == await venue.execution.order(f"old{PAGE - 1}")
    assert isinstance(await venue.execution.order("o0"), Found)
    twin = paper_over({BITCOIN: [100] * bars})
    twin.restore(copied(venue))
    assert copied(venue) == copied(twin)
    assert await venue.execution.fills(first + 1) == await twin.execution.fills(first + 1)
    assert ProvenAbsent() == await twin.execution.order("old0")


@pytest.mark.parametrize("fee_asset", FeeAsset)
async def test_positions_are_restored_to_the_last_digit(fee_asset: FeeAsset) -> None:
    """Fees in whatever coin included."""
    instrument = evolve(BITCOIN, fee_asset=fee_asset)
    bars = {instrument: [100, 110, 120, 130, 140]}
    venue = paper_over(bars, taker_fee_bps=Decimal(7))
    await play(venue, [instrument], {0: [place("a", instrument, BUY, "3")]}, most=3)
    twin = paper_over(bars, taker_fee_bps=Decimal(7))
    twin.restore(copied(venue))
    assert copied(venue) == copied(twin)
    sale = {0: [place("b", instrument, SELL, "1")]}
    ours = await play(venue, [instrument], sale, start=3)
    theirs = await play(twin, [instrument], sale, start=3)
    assert ours.reports == theirs.reports
    assert copied(venue) == copied(twin)
