"""Exposure: the worst that a position and its open orders can come to."""

import itertools
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId, InstrumentKind
from algopioneer_core.engine.exposure import (
    Exposure,
    has_exposure,
    quote_value,
    reducible,
    worst_notional,
)

D = Decimal
BTC = Instrument.undescribed(InstrumentId("test", "BTC-USD"))
FUTURE = Instrument(
    id=InstrumentId("test", "ES"),
    base="ES",
    quote="USD",
    kind=InstrumentKind.FUTURE,
    multiplier=D(50),
)
INVERSE = Instrument(
    id=InstrumentId("test", "BTC-PERP"),
    base="BTC",
    quote="USD",
    kind=InstrumentKind.PERPETUAL,
    multiplier=D(100),
    inverse=True,
)


def test_value_counts_the_multiplier_and_an_inverse_contract_needs_no_price() -> None:
    """In quote currency, with the quantity's sign."""
    assert quote_value(BTC, D(-2), D(30)) == -60
    assert quote_value(FUTURE, D(2), D(30)) == 3000
    assert quote_value(INVERSE, D(3), None) == 300


def test_value_without_a_price_is_unknown_unless_there_is_nothing_to_value() -> None:
    """Nothing is worth nothing at any price."""
    assert quote_value(BTC, D(1), None) is None
    assert quote_value(BTC, D(0), None) == 0
    assert worst_notional(Exposure(BTC, working_sells=D(1)), None) is None
    assert worst_notional(Exposure(BTC, working_buys=D(1)), None) is None
    assert worst_notional(Exposure(BTC), None) == 0


@pytest.mark.parametrize(
    ("exposure", "expected"),
    [
        (Exposure(BTC, D(2), working_buys=D(1), working_sells=D(3)), 30),
        (Exposure(BTC, D(-2), working_buys=D(1), working_sells=D(3)), 50),
        (Exposure(BTC, D(1), working_buy_amount=D(25)), 35),
        (Exposure(BTC, D(1), working_sell_amount=D(25)), 15),
        (Exposure(BTC, D(-1), working_buy_amount=D(5)), 10),
    ],
)
def test_worst_case_takes_each_side_by_itself(exposure: Exposure, expected: int) -> None:
    """An open exit does not make room before it has filled."""
    assert worst_notional(exposure, D(10)) == expected


def test_one_more_order_counts_on_its_side() -> None:
    """A sale against a long position adds nothing until it is larger than the position."""
    held = Exposure(BTC, D(2))
    assert worst_notional(held, D(10), added=D(5)) == 25
    assert worst_notional(held, D(10), added=D(-20)) == 20
    assert worst_notional(held, D(10), added=D(-50)) == 30


@given(
    st.integers(-5, 5),
    st.lists(st.integers(-4, 4), max_size=6),
    st.lists(st.integers(-40, 40), max_size=2),
)
def test_worst_case_is_the_worst_of_all_ways_in_which_orders_may_fill(
    held: int, orders: list[int], amounts: list[int]
) -> None:
    """Found by trying every subset of the open orders."""
    price = 10
    exposure = Exposure(
        BTC,
        D(held),
        D(sum(each for each in orders if each > 0)),
        D(-sum(each for each in orders if each < 0)),
        D(sum(each for each in amounts if each > 0)),
        D(-sum(each for each in amounts if each < 0)),
    )
    parts = [each * price for each in orders] + amounts
    worst = max(
        abs(held * price + sum(subset))
        for size in range(len(parts) + 1)
        for subset in itertools.combinations(parts, size)
    )
    assert worst_notional(exposure, D(price)) == worst
    assert has_exposure(exposure) == bool(held or any(parts))


@pytest.mark.parametrize(
    ("exposure", "side", "expected"),
    [
        (Exposure(BTC, D(5)), Side.SELL, "5"),
        (Exposure(BTC, D(5)), Side.BUY, "0"),
        (Exposure(BTC, D(-5)), Side.BUY, "5"),
        (Exposure(BTC, D(-5)), Side.SELL, "0"),
        (Exposure(BTC), Side.SELL, "0"),
        (Exposure(BTC, D(5), working_sells=D(2)), Side.SELL, "3"),
        (Exposure(BTC, D(-5), working_buys=D(7)), Side.BUY, "0"),
        (Exposure(BTC, D(5), working_buys=D(9)), Side.SELL, "5"),
        (Exposure(BTC, D(5), working_sell_amount=D(20)), Side.SELL, "3"),
        (Exposure(BTC, D(-5), working_buy_amount=D(200)), Side.BUY, "0"),
    ],
)
def test_reducible_is_what_open_exits_have_left(
    exposure: Exposure, side: Side, expected: str
) -> None:
    """Entries do not count: they may never fill."""
    assert reducible(exposure, side, D(10)) == D(expected)


def test_open_amount_that_cannot_be_told_in_units_leaves_nothing_to_reduce() -> None:
    """Without a price the open exit may close anything."""
    exposure = Exposure(BTC, D(5), working_sell_amount=D(1))
    assert reducible(exposure, Side.SELL, None) == 0


def test_open_amount_is_rounded_up_to_the_next_unit() -> None:
    """Ten dollars at three a piece close at most 3.33333334."""
    exposure = Exposure(BTC, D(5), working_sell_amount=D(10))
    assert reducible(exposure, Side.SELL, D(3)) == D("1.66666666")
