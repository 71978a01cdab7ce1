from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve

from algopioneer_core.domain.events import (
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
)
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import FeeAsset
from algopioneer_core.domain.money import ZERO, Increment
from algopioneer_core.domain.orders import Order, OrderIntent, OrderType, TimeInForce
from algopioneer_core.simulation.config import FeeModel
from algopioneer_core.testing.domain import BITCOIN
from algopioneer_core.testing.simulated_market import (
    SimulatedMarket,
    kinds,
    message,
    only_fill,
)

BUY, SELL = Side.BUY, Side.SELL
LIMIT, STOP, STOP_LIMIT = OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT


# --- volume ----------------------------------------------------------------------------------


def test_volume_limit_fills_in_parts() -> None:
    """Each bar gives its share, and the last part completes the order."""
    market = SimulatedMarket(volume_limit=Decimal("0.1"))
    market.order(BUY, "25")
    fills = [only_fill(market.bar(100 + step)) for step in range(3)]
    assert [Decimal(10), Decimal(10), Decimal(5)] == [fill.quantity for fill in fills]
    assert [] == market.bar(100)


def test_bar_without_volume_fills_nothing() -> None:
    """The order is acknowledged and waits for a bar with volume."""
    market = SimulatedMarket(volume_limit=Decimal("0.1"))
    market.order(BUY)
    assert [OrderAccepted] == kinds(market.bar(100, volume=0))
    assert [OrderFilled] == kinds(market.bar(100))


@pytest.mark.parametrize(
    ("in_force", "expected"),
    [
        (TimeInForce.IOC, [OrderFilled, OrderCanceled]),
        (TimeInForce.FOK, [OrderCanceled]),
    ],
)
def test_orders_for_at_once_are_cancelled_where_volume_is_short(
    in_force: TimeInForce, expected: list[type]
) -> None:
    """One takes what there is, the other all or nothing."""
    market = SimulatedMarket(volume_limit=Decimal("0.1"))
    market.order(BUY, "25", time_in_force=in_force)
    assert expected == kinds(market.bar(100))
    assert [] == market.bar(100)


def test_quote_sized_order_never_spends_more_than_its_amount_over_all_parts() -> None:
    """What the parts cost, fees included, is taken off before the rest is sized."""
    market = SimulatedMarket(volume_limit=Decimal("0.1"), fees=FeeModel(taker=Decimal("0.01")))
    market.order(BUY, None, quote_amount=Decimal(1500))
    fills = [only_fill(market.bar(100)), only_fill(market.bar(120))]
    spent = sum(fill.quantity * fill.price + fill.fee for fill in fills)
    assert Decimal(10) == fills[0].quantity
    assert Decimal(1500) - Decimal("0.00000122") < spent <= Decimal(1500)
    assert [] == market.bar(100)


def test_rest_of_a_quote_sized_order_that_buys_nothing_is_cancelled() -> None:
    """It has traded, so it is not called rejected."""
    whole = evolve(BITCOIN, quantity_increment=Increment(Decimal(1)))
    market = SimulatedMarket(whole, volume_limit=Decimal("0.1"))
    market.order(BUY, None, quote_amount=Decimal(1100))
    assert Decimal(10) == only_fill(market.bar(100)).quantity
    assert "the amount buys less than one increment" == message(market.bar(200))


# --- what is refused -------------------------------------------------------------------------

LOTS = evolve(
    BITCOIN,
    quantity_increment=Increment(Decimal("0.5")),
    price_increment=Increment(Decimal(5)),
    minimum_quantity=Decimal(2),
    minimum_notional=Decimal(300),
)


@pytest.mark.parametrize(
    ("quantity", "terms", "reason"),
    [
        ("2.3", {}, "the quantity is not a multiple of the increment"),
        ("1.5", {}, "the quantity is below the minimum of 2"),
        ("2.5", {}, "the value is below the minimum of 300"),
        (None, {"quote_amount": Decimal(9)}, "the amount buys less than one increment"),
        ("4", {"type": LIMIT, "limit_price": Decimal(99)}, "the price is not a multiple of the"),
        ("4", {"type": STOP, "stop_price": Decimal(99)}, "the price is not a multiple of the"),
        ("4", {"reduce_only": True}, "there is nothing left to reduce"),
    ],
)
def test_orders_against_the_instruments_rules_are_rejected(
    quantity: str | None, terms: dict[str, Any], reason: str
) -> None:
    """Grids and minimums are the venue's, and it refuses rather than round."""
    market = SimulatedMarket(LOTS)
    market.order(BUY, quantity, **terms)
    reports = market.bar(100)
    assert message(reports).startswith(reason)
    assert [OrderRejected] == kinds(reports)


def test_order_that_keeps_all_rules_is_filled() -> None:
    """Right at the minimums nothing is refused."""
    market = SimulatedMarket(LOTS)
    market.order(BUY, "3")
    assert Decimal(3) == only_fill(market.bar(100)).quantity


def test_whole_units_only_refuses_a_fraction_on_the_grid() -> None:
    """An instrument that is not fractionable trades in units, whatever its increment says."""
    market = SimulatedMarket(evolve(BITCOIN, fractionable=False))
    market.order(BUY, "1.5")
    assert message(market.bar(100)).startswith("the quantity is not a multiple")
    market.order(BUY, None, quote_amount=Decimal(250))
    assert Decimal(2) == only_fill(market.bar(100)).quantity


def test_account_that_cannot_carry_a_fill_refuses_it() -> None:
    """It is asked with the price that would be paid."""
    market = SimulatedMarket(can_carry=False, slippage=Decimal("0.1"))
    market.order(BUY)
    assert "not enough buying power" == message(market.bar(100))
    assert [(BUY, Decimal(1), Decimal("110.0"))] == market.asked


def test_what_cannot_be_sold_short_is_sold_down_to_zero_only() -> None:
    """A sale that fits is filled, one that would go below is refused."""
    market = SimulatedMarket(evolve(BITCOIN, shortable=False), held="3")
    market.order(SELL, "2")
    market.order(SELL, "2")
    fill, refusal = market.bar(100)
    assert isinstance(fill, OrderFilled)
    assert "the instrument cannot be sold short" == message([refusal])


@pytest.mark.parametrize(("held", "side"), [("2", SELL), ("-2", BUY)])
def test_reduce_only_order_is_cut_to_what_is_held(held: str, side: Side) -> None:
    """The excess is cut off, and the order is complete."""
    market = SimulatedMarket(held=held)
    market.order(side, "5", reduce_only=True)
    reports = market.bar(100)
    assert Decimal(2) == only_fill(reports).quantity
    assert isinstance(reports[0], OrderFilled)
    assert reports[0].complete
    assert ZERO == market.held


def test_second_of_two_closing_orders_finds_nothing_left() -> None:
    """A position cannot be turned around by closing it twice in one bar."""
    market = SimulatedMarket(held="2")
    market.order(SELL, "2", reduce_only=True)
    market.order(SELL, "2", reduce_only=True)
    fill, refusal = market.bar(100)
    assert isinstance(fill, OrderFilled)
    assert "there is nothing left to reduce" == message([refusal])


def test_closing_all_that_is_held_is_let_through_off_the_grid() -> None:
    """What fees in base leave behind can be sold, though it is off grid and below the minimums."""
    market = SimulatedMarket(LOTS, held="0.3333")
    market.order(SELL, "0.3333", reduce_only=True)
    assert Decimal("0.3333") == only_fill(market.bar(100)).quantity


# --- fees ------------------------------------------------------------------------------------


def test_maker_and_taker_pay_their_own_fee_and_the_fee_per_unit() -> None:
    """Fractions are of notional; the amount for each unit comes on top of both."""
    market = SimulatedMarket(
        fees=FeeModel(taker=Decimal("0.01"), maker_rebate=Decimal("0.001"), per_unit=Decimal(1))
    )
    market.order(BUY, "2")
    market.order(BUY, "2", type=LIMIT, limit_price=Decimal(95))
    taken, made = market.bar(100, 101, 90, 95)
    assert (Decimal(4), "USD") == (only_fill([taken]).fee, only_fill([taken]).fee_asset)
    assert Decimal("1.81") == only_fill([made]).fee


def test_fee_in_base_is_taken_from_what_a_purchase_delivers() -> None:
    """A sale delivers no base, and buying back a short none to keep: they pay in quote."""
    in_base = evolve(BITCOIN, fee_asset=FeeAsset.BASE)
    charged = FeeModel(taker=Decimal("0.01"))
    for held, side, expected in (
        ("0", BUY, ("0.02", "BTC")),
        ("5", SELL, ("2", "USD")),
        ("-2", BUY, ("2", "USD")),
    ):
        market = SimulatedMarket(in_base, held=held, fees=charged)
        market.order(side, "2")
        fill = only_fill(market.bar(100))
        assert (Decimal(expected[0]), expected[1]) == (fill.fee, fill.fee_asset)


def test_liquidation_fills_at_once_with_slippage_and_fee() -> None:
    """It asks nobody: the run is over."""
    market = SimulatedMarket(
        can_carry=False, slippage=Decimal("0.01"), fees=FeeModel(taker=Decimal("0.1"))
    )
    intent = OrderIntent(instrument_id=BITCOIN.id, side=SELL, quantity=Decimal(2))
    sold = market.matcher.fill_now(Order("o", intent, 0), Decimal(100), 9)
    fill = only_fill([sold])
    assert (Decimal(99), Decimal("19.8"), 9) == (fill.price, fill.fee, fill.ts_event)
