from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve

from algopioneer_core.domain.events import ExecutionReport, OrderCanceled, OrderExpired, OrderFilled
from algopioneer_core.domain.events import OrderRejected as Rejection
from algopioneer_core.domain.fills import Fill, Liquidity, Side
from algopioneer_core.domain.market_data import Quote
from algopioneer_core.domain.money import ZERO, Increment
from algopioneer_core.domain.orders import OrderType, TimeInForce
from algopioneer_core.simulation.config import BacktestConfig
from algopioneer_core.simulation.costs import CostModel
from algopioneer_core.simulation.order_rules import OFF_TICK
from algopioneer_core.simulation.quote_book import QuoteBook
from algopioneer_core.testing.domain import BITCOIN
from algopioneer_core.testing.paper import sent

BUY, SELL = Side.BUY, Side.SELL
TICKED = evolve(BITCOIN, price_increment=Increment(Decimal("0.5")))


class Quoted:
    """A book that is shown quotes a second apart."""

    def __init__(self, *, latency_ns: int = 0, **config: Any) -> None:
        simulation = BacktestConfig(**config)
        costs = CostModel.of(TICKED, simulation)
        self.book = QuoteBook(costs, simulation, latency_ns, lambda: ZERO)
        self.now_ns = 0

    def order(self, side: Side, quantity: str = "1", **terms: Any) -> None:
        self.book.submit(sent("o", TICKED, side, quantity, **terms), self.now_ns)

    def quote(self, bid: str, ask: str, size: str = "100") -> list[ExecutionReport]:
        self.now_ns += 1_000
        sizes = Decimal(size), Decimal(size)
        quote = Quote(TICKED.id, self.now_ns, Decimal(bid), Decimal(ask), *sizes, self.now_ns)
        assert self.book.is_new(quote)
        return list(self.book.on_event(quote))


def limit(price: str, **terms: Any) -> dict[str, Any]:
    """Return the terms of a limit order."""
    return {"type": OrderType.LIMIT, "limit_price": Decimal(price), **terms}


def only_fill(reports: list[ExecutionReport]) -> Fill:
    """Return the fill that is all there is."""
    (report,) = reports
    assert isinstance(report, OrderFilled)
    return report.fill


@pytest.mark.parametrize(("side", "price"), [(BUY, "101.101"), (SELL, "98.901")])
def test_market_order_takes_the_other_side_with_slippage(side: Side, price: str) -> None:
    """A buyer the ask, a seller the bid."""
    market = Quoted(slippage=Decimal("0.001"))
    market.order(side)
    fill = only_fill(market.quote("99", "101"))
    assert (Decimal(price), Liquidity.TAKER) == (fill.price, fill.liquidity)


def test_latency_keeps_an_order_from_younger_quotes() -> None:
    """It meets the first quote that is old enough."""
    market = Quoted(latency_ns=2_000)
    market.order(BUY)
    assert [] == market.quote("99", "101")
    assert Decimal(201) == only_fill(market.quote("199", "201")).price


@pytest.mark.parametrize(("side", "price"), [(BUY, "102"), (SELL, "98")])
def test_limit_order_that_crosses_takes_at_the_touch(side: Side, price: str) -> None:
    """At the better price, as a taker."""
    market = Quoted()
    market.order(side, **limit(price))
    fill = only_fill(market.quote("99", "101"))
    assert (Decimal(101 if side is BUY else 99), Liquidity.TAKER) == (fill.price, fill.liquidity)


@pytest.mark.parametrize(("side", "price", "later"), [(BUY, "98", "90"), (SELL, "102", "110")])
def test_limit_order_that_rested_is_taken_at_its_own_price(
    side: Side, price: str, later: str
) -> None:
    """Whoever comes to it pays what it asked."""
    market = Quoted()
    market.order(side, **limit(price))
    assert [] == market.quote("99", "101")
    fill = only_fill(market.quote(later, later))
    assert (Decimal(price), Liquidity.MAKER) == (fill.price, fill.liquidity)


def test_post_only_order_is_refused_rather_than_take() -> None:
    """Once it rests, it may be taken."""
    market = Quoted()
    market.order(BUY, **limit("101", post_only=True))
    (report,) = market.quote("99", "101")
    assert isinstance(report, Rejection)
    market.order(BUY, **limit("100", post_only=True))
    assert [] == market.quote("99", "101")
    assert Liquidity.MAKER is only_fill(market.quote("98", "100")).liquidity


@pytest.mark.parametrize("kind", [TimeInForce.IOC, TimeInForce.FOK])
def test_order_for_at_once_is_cancelled_when_it_does_not_cross(kind: TimeInForce) -> None:
    """It never rests."""
    market = Quoted()
    market.order(BUY, **limit("100", time_in_force=kind))
    (report,) = market.quote("99", "101")
    assert isinstance(report, OrderCanceled)
    assert [] == market.book.resting


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (TimeInForce.GTC, [OrderFilled]),
        (TimeInForce.IOC, [OrderFilled, OrderCanceled]),
        (TimeInForce.FOK, [OrderCanceled]),
    ],
)
def test_sizes_count_under_a_volume_limit(kind: TimeInForce, told: list[type]) -> None:
    """What one quote shows is all there is of it."""
    market = Quoted(volume_limit=Decimal(1))
    market.order(BUY, "5", **limit("101", time_in_force=kind))
    assert told == [type(each) for each in market.quote("99", "101", size="3")]


@pytest.mark.parametrize(("side", "stop", "trigger"), [(BUY, "105", "106"), (SELL, "95", "94")])
def test_stop_order_trades_once_its_price_is_reached(side: Side, stop: str, trigger: str) -> None:
    """At the touch that triggered it."""
    market = Quoted()
    market.order(side, type=OrderType.STOP, stop_price=Decimal(stop))
    assert [] == market.quote("99", "101")
    assert Decimal(trigger) == only_fill(market.quote(trigger, trigger)).price


def test_stop_limit_order_rests_once_it_is_triggered() -> None:
    """It does not trade beyond its limit."""
    market = Quoted()
    terms: dict[str, Any] = {"stop_price": Decimal(105), "limit_price": Decimal("105.5")}
    market.order(BUY, type=OrderType.STOP_LIMIT, **terms)
    assert [] == market.quote("105", "106")
    assert Decimal("105.5") == only_fill(market.quote("104", "105")).price


def test_order_that_is_over_expires() -> None:
    """At the first quote after its time."""
    market = Quoted()
    market.order(BUY, **limit("90", time_in_force=TimeInForce.GTD, expire_ns=1_500))
    assert [] == market.quote("99", "101")
    (report,) = market.quote("99", "101")
    assert isinstance(report, OrderExpired)


def test_price_off_the_grid_is_refused() -> None:
    """When the order meets the market."""
    market = Quoted()
    market.order(BUY, **limit("90.3"))
    (report,) = market.quote("99", "101")
    assert isinstance(report, Rejection)
    assert OFF_TICK == report.message
