from decimal import Decimal
from typing import Any, Final

import pytest
from attrs import evolve

from algopioneer_core.domain.events import (
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
)
from algopioneer_core.domain.fills import Liquidity, Side
from algopioneer_core.domain.market_data import NS_PER_SECOND, Bar
from algopioneer_core.domain.money import Increment
from algopioneer_core.domain.orders import OrderType, TimeInForce
from algopioneer_core.simulation.config import FillTiming
from algopioneer_core.testing.domain import BITCOIN
from algopioneer_core.testing.simulated_market import (
    MINUTE,
    SimulatedMarket,
    kinds,
    message,
    only_fill,
)

DAY: Final = 86_400 * NS_PER_SECOND
BUY, SELL = Side.BUY, Side.SELL
LIMIT, STOP, STOP_LIMIT = OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT


# --- market orders ---------------------------------------------------------------------------


def test_market_order_fills_at_the_next_open() -> None:
    """It is stamped with the time of that open and takes liquidity."""
    market = SimulatedMarket()
    market.order(BUY)
    fill = only_fill(market.bar(100, 120, 90, 110))
    assert (Decimal(100), Liquidity.TAKER) == (fill.price, fill.liquidity)
    assert market.opened_ns() == fill.ts_event


def test_market_order_fills_at_the_next_close_when_so_configured() -> None:
    """It is stamped with the time of that close."""
    market = SimulatedMarket(fill=FillTiming.NEXT_CLOSE)
    market.order(BUY)
    fill = only_fill(market.bar(100, 120, 90, 110))
    assert Decimal(110) == fill.price
    assert market.opened_ns() + MINUTE == fill.ts_event


@pytest.mark.parametrize(("side", "price"), [(BUY, "100.05"), (SELL, "99.95")])
def test_slippage_makes_every_market_price_worse(side: Side, price: str) -> None:
    """A buy pays more and a sale gets less, and neither is rounded to a tick."""
    market = SimulatedMarket(
        evolve(BITCOIN, price_increment=Increment(Decimal(1))), slippage=Decimal("0.0005")
    )
    market.order(side)
    assert Decimal(price) == only_fill(market.bar(100)).price


def test_latency_makes_an_order_wait_for_more_bars() -> None:
    """With a latency of two bars the third bar after the decision fills it."""
    market = SimulatedMarket(latency_bars=2)
    market.order(BUY)
    assert [[], []] == [market.bar(100), market.bar(101)]
    assert Decimal(102) == only_fill(market.bar(102)).price


def test_orders_are_filled_in_the_order_in_which_they_came() -> None:
    """Fill ids count up, whatever the kinds of the orders."""
    market = SimulatedMarket()
    names = [market.order(BUY), market.order(SELL, type=LIMIT, limit_price=Decimal(90))]
    fills = [each.fill for each in market.bar(100) if isinstance(each, OrderFilled)]
    assert [(names[0], "f1"), (names[1], "f2")] == [
        (each.client_order_id, each.fill_id) for each in fills
    ]


def test_an_order_cancelled_by_an_answer_to_an_earlier_fill_is_passed_over() -> None:
    """One order fills, the account takes the other one out: it does not fill in the same bar."""
    market = SimulatedMarket()
    first, second = market.order(BUY), market.order(BUY)
    stream = market.matcher.on_bar(Bar(BITCOIN.id, MINUTE, 1, 1, 1, 1, 1, 0, 0, MINUTE), 1)
    assert first == next(stream).client_order_id
    assert [OrderCanceled] == kinds(market.matcher.cancel(second, 0))
    assert [] == list(stream)
    assert [] == market.matcher.cancel(second, 0)


def test_cancel_all_takes_everything_out_with_its_reason() -> None:
    """Afterwards no bar fills anything."""
    market = SimulatedMarket()
    market.order(BUY)
    market.order(SELL)
    reports = market.matcher.cancel_all(7, "no later bar")
    assert [("o1", "no later bar"), ("o2", "no later bar")] == [
        (each.client_order_id, each.message) for each in reports if isinstance(each, OrderCanceled)
    ]
    assert [] == market.bar(100)


# --- limit orders ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("side", "bar", "price", "liquidity"),
    [
        (BUY, (100, 101, 99, 100), "100", Liquidity.TAKER),  # opens at the limit
        (BUY, (97, 99, 96, 98), "97", Liquidity.TAKER),  # opens better
        (BUY, (105, 106, 99, 104), "100", Liquidity.MAKER),  # trades through
        (SELL, (100, 101, 99, 100), "100", Liquidity.TAKER),
        (SELL, (103, 104, 102, 103), "103", Liquidity.TAKER),
        (SELL, (95, 101, 94, 96), "100", Liquidity.MAKER),
    ],
)
def test_limit_order_fills_at_the_open_or_through_the_limit(
    side: Side, bar: tuple[int, ...], price: str, liquidity: Liquidity
) -> None:
    """At the open when that is no worse, as a taker; else at the limit, as a maker."""
    market = SimulatedMarket(slippage=Decimal("0.01"))
    market.order(side, type=LIMIT, limit_price=Decimal(100))
    fill = only_fill(market.bar(*bar))
    assert (Decimal(price), liquidity) == (fill.price, fill.liquidity)
    at_open = liquidity is Liquidity.TAKER
    assert market.opened_ns() + (0 if at_open else MINUTE) == fill.ts_event


@pytest.mark.parametrize(("side", "bar"), [(BUY, (105, 106, 100, 104)), (SELL, (95, 100, 94, 96))])
def test_touching_a_limit_is_not_enough(side: Side, bar: tuple[int, ...]) -> None:
    """The order is acknowledged once and rests, for as many bars as touch it."""
    market = SimulatedMarket()
    market.order(side, type=LIMIT, limit_price=Decimal(100))
    assert [OrderAccepted] == kinds(market.bar(*bar))
    assert [] == market.bar(*bar)


def test_post_only_order_that_would_take_is_rejected() -> None:
    """It may not fill at an open that is already at its limit."""
    market = SimulatedMarket()
    market.order(BUY, type=LIMIT, limit_price=Decimal(100), post_only=True)
    assert "would take" == message(market.bar(100))


def test_post_only_order_that_rests_is_taken_at_its_limit() -> None:
    """When a later bar opens beyond it, others take from it: its own price, as a maker."""
    market = SimulatedMarket()
    market.order(BUY, type=LIMIT, limit_price=Decimal(100), post_only=True)
    assert [OrderAccepted] == kinds(market.bar(105))
    fill = only_fill(market.bar(95))
    assert (Decimal(100), Liquidity.MAKER) == (fill.price, fill.liquidity)


@pytest.mark.parametrize("in_force", [TimeInForce.IOC, TimeInForce.FOK])
def test_limit_order_that_must_fill_at_once_is_cancelled_otherwise(in_force: TimeInForce) -> None:
    """That the bar trades through it later does not help."""
    market = SimulatedMarket()
    market.order(BUY, type=LIMIT, limit_price=Decimal(100), time_in_force=in_force)
    assert "not filled at once" == message(market.bar(105, 106, 90, 95))


# --- stop orders -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("side", "bar", "price", "at_open"),
    [
        (BUY, (98, 102, 97, 101), "101", False),  # reached inside: at the stop
        (BUY, (105, 107, 104, 106), "106.05", True),  # opens beyond: at the open
        (BUY, (98, 100, 97, 99), "101", False),  # touching triggers a stop
        (SELL, (102, 103, 98, 99), "99", False),
        (SELL, (95, 96, 94, 95), "94.05", True),
    ],
)
def test_stop_order_fills_at_the_stop_or_the_worse_open(
    side: Side, bar: tuple[int, ...], price: str, *, at_open: bool
) -> None:
    """Slippage comes on top: one per cent here."""
    market = SimulatedMarket(slippage=Decimal("0.01"))
    market.order(side, type=STOP, stop_price=Decimal(100))
    fill = only_fill(market.bar(*bar))
    assert (Decimal(price), Liquidity.TAKER) == (fill.price, fill.liquidity)
    assert market.opened_ns() + (0 if at_open else MINUTE) == fill.ts_event


def test_stop_order_waits_until_it_is_reached() -> None:
    """A bar that stays away does nothing but acknowledge it."""
    market = SimulatedMarket()
    market.order(BUY, type=STOP, stop_price=Decimal(100))
    assert [OrderAccepted] == kinds(market.bar(98, 99, 97, 98))


def test_what_volume_leaves_of_a_triggered_stop_follows_at_market() -> None:
    """Once triggered it stays so, and the next bar fills the rest wherever it opens."""
    market = SimulatedMarket(volume_limit=Decimal("0.5"))
    market.order(BUY, "3", type=STOP, stop_price=Decimal(100))
    assert Decimal(2) == only_fill(market.bar(98, 102, 97, 101, volume=4)).quantity
    rest = only_fill(market.bar(80, volume=4))
    assert (Decimal(1), Decimal(80)) == (rest.quantity, rest.price)


def test_stop_limit_order_becomes_a_limit_order_one_bar_later() -> None:
    """In the bar that reaches the stop nobody knows what came after it."""
    market = SimulatedMarket()
    market.order(
        BUY, type=STOP_LIMIT, stop_price=Decimal(100), limit_price=Decimal(99), post_only=True
    )
    assert [OrderAccepted] == kinds(market.bar(98, 102, 90, 101))
    fill = only_fill(market.bar(101, 102, 98, 100))
    assert (Decimal(99), Liquidity.MAKER) == (fill.price, fill.liquidity)


# --- how long orders wait --------------------------------------------------------------------


def test_day_order_expires_with_the_day_of_its_first_bar() -> None:
    """Made at the last close of a day it is good for the next day, and gone the day after."""
    market = SimulatedMarket(start_ns=DAY - MINUTE)
    market.bar(100)  # closes the day
    market.order(BUY, type=LIMIT, limit_price=Decimal(50), time_in_force=TimeInForce.DAY)
    assert [OrderAccepted] == kinds(market.bar(100))
    market.index += 1438
    assert [] == market.bar(100)  # the last bar of that day
    assert [OrderExpired("o1", 2 * DAY)] == market.bar(40)


def test_market_order_for_the_day_expires_too() -> None:
    """What a volume limit leaves of it does not wait for ever."""
    market = SimulatedMarket(start_ns=2 * DAY - 2 * MINUTE, volume_limit=Decimal("0.1"))
    market.order(BUY, "50", time_in_force=TimeInForce.DAY)
    assert [OrderFilled] == kinds(market.bar(100))
    assert [OrderFilled] == kinds(market.bar(100))
    assert [OrderExpired] == kinds(market.bar(100))


def gtd(market: SimulatedMarket, side: Side, expire_ns: int, **terms: Any) -> None:
    """Submit an order that is good till *expire_ns*."""
    market.order(side, time_in_force=TimeInForce.GTD, expire_ns=expire_ns, **terms)


def test_order_that_expires_inside_a_bar_can_trade_at_its_open() -> None:
    """The open comes before the expiry; what the bar does later is not guessed."""
    market = SimulatedMarket()
    expire_ns = market.start_ns + 30 * NS_PER_SECOND
    gtd(market, BUY, expire_ns, type=LIMIT, limit_price=Decimal(100))
    gtd(market, BUY, expire_ns, type=LIMIT, limit_price=Decimal(95))
    gtd(market, BUY, expire_ns, type=STOP, stop_price=Decimal(105))
    gtd(market, BUY, expire_ns, type=STOP, stop_price=Decimal(99))
    gtd(market, BUY, expire_ns)
    expected = [OrderFilled, OrderExpired, OrderExpired, OrderFilled, OrderFilled]
    assert expected == kinds(market.bar(100, 110, 90, 100))


def test_order_whose_time_has_come_expires_before_the_bar() -> None:
    """An order good until a bar's very open does not trade in it."""
    market = SimulatedMarket()
    gtd(market, BUY, market.start_ns + MINUTE, type=LIMIT, limit_price=Decimal(95))
    assert [OrderAccepted] == kinds(market.bar(100))
    assert [OrderExpired("o1", market.start_ns + MINUTE)] == market.bar(90)


def test_market_order_at_the_close_has_expired_by_then() -> None:
    """With fills at the close, an expiry inside the bar comes first."""
    market = SimulatedMarket(fill=FillTiming.NEXT_CLOSE)
    gtd(market, BUY, market.start_ns + 1)
    assert [OrderExpired] == kinds(market.bar(100))
