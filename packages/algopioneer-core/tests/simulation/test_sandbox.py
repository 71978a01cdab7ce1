"""What all local exchanges share: matching at once, bars of any length, faults, a driven market."""

from decimal import Decimal
from typing import Any

import pytest

from algopioneer_core.domain.errors import DataError, OrderRejected
from algopioneer_core.domain.events import ExecutionReport, OrderAccepted, OrderFilled
from algopioneer_core.domain.fills import Liquidity, Side
from algopioneer_core.domain.market_data import NS_PER_SECOND, Bar, Quote, Trade
from algopioneer_core.domain.orders import Order, OrderIntent, OrderStatus, OrderType, TimeInForce
from algopioneer_core.simulation.paper_config import PaperConfig
from algopioneer_core.simulation.sandbox import LocalExchange, PlacedOrder
from algopioneer_core.simulation.sandbox_candles import MINUTE_NS, CandleStore
from algopioneer_core.simulation.sandbox_market import Ticks, drive
from algopioneer_core.testing.clocks import VIRTUAL_START_NS, VirtualClock
from algopioneer_core.testing.domain import BITCOIN

HOUR_NS = 60 * MINUTE_NS
GTC = TimeInForce.GTC


def exchange() -> LocalExchange:
    """Return an exchange with a thousand dollars and a quote of 100 to 101, five on each side."""
    made = LocalExchange(
        [BITCOIN],
        VirtualClock(),
        PaperConfig(balances=("USD=1000",), slippage_bps=Decimal(0), taker_fee_bps=Decimal(10)),
    )
    made.push(quote(100, 101))
    return made


def quote(bid: int, ask: int, size: int = 5) -> Quote:
    """Return a quote of now."""
    now_ns, shown = VirtualClock().now_ns(), Decimal(size)
    return Quote(BITCOIN.id, now_ns, Decimal(bid), Decimal(ask), shown, shown, now_ns)


def order(name: str, quantity: int = 1, **terms: Any) -> Order:
    """Return a purchase."""
    intent: dict[str, Any] = {"instrument_id": BITCOIN.id, "side": Side.BUY, **terms}
    return Order(name, OrderIntent(quantity=Decimal(quantity), **intent), 0, OrderStatus.PENDING)


async def test_an_order_trades_at_once_with_the_latest_quote() -> None:
    """Without waiting for another one, and everybody is told in order."""
    local = exchange()
    told: list[ExecutionReport] = []
    local.listen(lambda _, report: told.append(report), lambda _: None)
    placed = local.place(order("a"))
    assert OrderStatus.FILLED is placed.order.status
    assert [OrderAccepted, OrderFilled] == [type(report) for report in told]
    (fill,) = placed.fills
    assert (Decimal(101), Decimal("0.101"), Liquidity.TAKER) == (
        fill.price,
        fill.fee,
        fill.liquidity,
    )
    assert Decimal("898.899") == local.books.account.balances["USD"]


async def test_more_than_is_shown_fills_in_part() -> None:
    """What is left of a limit order rests; of an order for now it is cancelled."""
    local = exchange()
    terms = {"type": OrderType.LIMIT, "limit_price": Decimal(101)}
    rests = local.place(order("a", 7, **terms))
    assert Decimal(2) == rests.order.remaining_quantity
    local.cancel("a")
    assert (OrderStatus.CANCELED, Decimal(5)) == (rests.order.status, rests.order.filled_quantity)
    local.push(quote(100, 101, size=2))
    at_once = local.place(order("b", 4, time_in_force=TimeInForce.IOC, **terms))
    assert (OrderStatus.CANCELED, Decimal(2)) == (
        at_once.order.status,
        at_once.order.filled_quantity,
    )


async def test_a_resting_order_can_be_hit_before_its_cancel() -> None:
    """The market comes to its limit, and is afterwards where it was."""
    local = exchange()
    placed = local.place(order("a", type=OrderType.LIMIT, limit_price=Decimal(90)))
    local.fill_at_limit("a")
    assert (OrderStatus.FILLED, Decimal(90)) == (placed.order.status, placed.fills[0].price)
    assert Decimal(100) == local.quotes[BITCOIN.id].bid
    local.fill_at_limit("a")
    assert 1 == len(placed.fills)


async def test_what_is_refused_is_not_placed() -> None:
    """Too much for the account, and an id that was used."""
    local = exchange()
    with pytest.raises(OrderRejected):
        local.place(order("a", 100))
    local.place(order("b"))
    with pytest.raises(OrderRejected):
        local.place(order("b"))
    assert ["b"] == list(local.placed)


def limit(price: int, quantity: int = 1, **terms: Any) -> OrderIntent:
    """Return a purchase at a limit."""
    limited = {"type": OrderType.LIMIT, "limit_price": Decimal(price), **terms}
    return order("-", quantity, **limited).intent


async def test_an_amended_order_is_judged_with_what_it_has_traded() -> None:
    """Its fills count towards the new quantity, and what it held is free for the new terms."""
    local = exchange()
    placed = local.place(order("a", 7, type=OrderType.LIMIT, limit_price=Decimal(101)))
    assert Decimal(2) == placed.order.remaining_quantity
    local.push(quote(102, 103))
    local.amend("a", limit(99, 6))
    assert (OrderStatus.PARTIALLY_FILLED, Decimal(1)) == (
        placed.order.status,
        placed.order.remaining_quantity,
    )
    held = {each.asset: (each.total, each.held) for each in local.books.balances()}
    assert (Decimal("494.495"), Decimal("99.099")) == held["USD"]
    local.amend("a", limit(103, 6))  # crosses: it takes at once
    assert (OrderStatus.FILLED, Decimal(103)) == (placed.order.status, placed.fills[-1].price)
    assert [Liquidity.TAKER] * 2 == [each.liquidity for each in placed.fills]


async def test_an_amended_order_waits_for_its_new_price() -> None:
    """As a maker there, and no longer at the old one."""
    local = exchange()
    placed = local.place(order("a", type=OrderType.LIMIT, limit_price=Decimal(95)))
    local.amend("a", limit(90, 2))
    local.push(quote(94, 95))
    assert not placed.fills
    local.push(quote(89, 90))
    (fill,) = placed.fills
    assert (Decimal(90), Decimal(2), Liquidity.MAKER) == (fill.price, fill.quantity, fill.liquidity)


async def test_what_cannot_be_amended_stays_as_it_was() -> None:
    """More than the account has; and one that has ended."""
    local = exchange()
    placed = local.place(order("a", type=OrderType.LIMIT, limit_price=Decimal(95)))
    with pytest.raises(OrderRejected, match="buying power"):
        local.amend("a", limit(95, 11))
    assert Decimal(1) == placed.order.intent.quantity
    local.push(quote(94, 95))
    assert OrderStatus.FILLED is placed.order.status
    with pytest.raises(OrderRejected, match="has ended"):
        local.amend("a", limit(90))


async def test_faults_wait_for_their_occasion_and_are_then_over() -> None:
    """Each as often as it was armed."""
    local = exchange()
    local.arm("lost_ack")
    assert [True, False, False] == [
        local.befalls("lost_ack"),
        local.befalls("lost_ack"),
        local.befalls("reject"),
    ]


def candles(*minutes: tuple[int, int]) -> CandleStore:
    """Return a store of trades at minutes."""
    store = CandleStore()
    for number, price in minutes:
        store.add(number * MINUTE_NS, Decimal(price), Decimal(1))
    return store


def test_longer_bars_are_made_of_minutes() -> None:
    """Aligned, half-open, without bars where nothing was traded."""
    store = candles((0, 10), (4, 12), (5, 9), (16, 11))
    five = 5 * MINUTE_NS
    rows = store.rows(five, 0, 60 * MINUTE_NS)
    assert [(0, 10, 12, 10, 12, 2), (five, 9, 9, 9, 9, 1), (3 * five, 11, 11, 11, 11, 1)] == [
        tuple(int(part) for part in row) for row in rows
    ]
    assert rows[1:2] == store.rows(five, 1, 3 * five)
    assert rows[-1] == store.running(five)
    assert Decimal(2) == store.volume_since(five)


def test_an_empty_store_has_no_running_bar_and_no_price() -> None:
    """Before the first trade."""
    assert CandleStore().running(MINUTE_NS) is None
    assert CandleStore().last_price is None


def bar(closed_ns: int, *prices: int) -> Bar:
    """Return a bar of open, high, low and close."""
    first, high, low, last = prices
    return Bar(BITCOIN.id, closed_ns, first, high, low, last, 8, 0, 0, closed_ns)


def test_history_comes_in_order_and_in_whole_minutes() -> None:
    """What does not is refused."""
    store = CandleStore()
    store.load(bar(HOUR_NS, 1, 4, 1, 2), HOUR_NS)
    with pytest.raises(DataError, match="too late"):
        store.load(bar(HOUR_NS, 1, 4, 1, 2), HOUR_NS)
    with pytest.raises(DataError, match="whole minutes"):
        store.load(bar(3 * HOUR_NS, 1, 4, 1, 2), NS_PER_SECOND)
    assert Decimal(2) == store.last_price


@pytest.mark.parametrize(
    ("prices", "path"),
    [((100, 103, 99, 102), [100, 99, 103, 102]), ((102, 103, 99, 100), [102, 103, 99, 100])],
)
def test_four_trades_stand_for_a_bar(prices: tuple[int, ...], path: list[int]) -> None:
    """In the order that its direction suggests, each with a quote around it."""
    ticks = list(Ticks([BITCOIN], MINUTE_NS).of(bar(MINUTE_NS, *prices)))
    assert path == [int(trade.price) for trade, _ in ticks]
    for trade, shown in ticks:
        assert shown.bid < trade.price < shown.ask
        assert Decimal(2) == trade.quantity
    assert [0, 15, 30, 45] == [trade.ts_event // NS_PER_SECOND for trade, _ in ticks]


async def test_a_driven_market_takes_its_time() -> None:
    """Two minutes at sixty times the speed are two seconds, and make the bars they came from."""
    local, seen = exchange(), list[Quote | Trade]()
    local.listen(_ignore, seen.append)
    local.load([bar(VIRTUAL_START_NS, 90, 91, 89, 90)], MINUTE_NS)
    bars = [bar(VIRTUAL_START_NS + n * MINUTE_NS, 100, 103, 99, 102) for n in (1, 2)]
    await drive(local, bars, MINUTE_NS, speed=60)
    assert VIRTUAL_START_NS + 2 * NS_PER_SECOND == local.clock.now_ns()
    assert 16 == len(seen)
    made = local.candles[BITCOIN.id].running(MINUTE_NS)
    assert made is not None
    assert [100, 103, 99, 102] == [int(price) for price in made[1:5]]


def _ignore(_: PlacedOrder, __: ExecutionReport) -> None:
    """Hear of orders, and do nothing."""


async def test_the_next_order_may_meet_half_of_what_it_wants() -> None:
    """The rest trades with the quote after; an order of one unit cannot be halved."""
    local = exchange()
    local.arm("partial_fill")
    resting = {"type": OrderType.LIMIT, "limit_price": Decimal(101), "time_in_force": GTC}
    placed = local.place(order("a", 4, **resting))
    assert Decimal(2) == placed.order.filled_quantity
    local.push(quote(100, 101))
    assert [Decimal(2), Decimal(2)] == [each.quantity for each in placed.fills]
    assert OrderStatus.FILLED is local.place(order("b")).order.status


async def test_orders_wait_while_fills_are_delayed() -> None:
    """They are taken, meet no quote, and trade with the first one after it."""
    local = exchange()
    local.arm("delayed_fill")
    placed = local.place(order("a"))
    local.push(quote(100, 101))
    assert OrderStatus.OPEN is placed.order.status
    assert local.befalls("delayed_fill")
    local.push(quote(102, 103))
    assert [Decimal(103)] == [each.price for each in placed.fills]
