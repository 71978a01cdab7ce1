"""Bars, joint bars, quotes: integers inside, exact decimals when read."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.domain.market_data import Bar, JointBar, Quote, Trade
from algopioneer_core.testing.domain import BITCOIN, prices

ticks = st.integers(1, 10**12)


def bar(ts_recv: int = 7) -> Bar:
    """Return a bar whose decimals are easily seen."""
    return Bar(BITCOIN.id, 6, 1010, 1250, 990, 1100, 5, 2, 1, ts_recv)


def test_bar_reads_as_decimals() -> None:
    """Prices and volume are the integers at their numbers of decimals."""
    each = bar()
    assert ["10.10", "12.50", "9.90", "11.00", "0.5"] == [
        str(value) for value in (each.open, each.high, each.low, each.close, each.volume)
    ]


@given(ticks, st.integers(0, 12))
def test_bar_prices_are_exact(number: int, decimals: int) -> None:
    """No digit is lost between the integer and the decimal."""
    each = bar()._replace(close_ticks=number, price_decimals=decimals)
    assert Fraction(number, 10**decimals) == Fraction(each.close)


def test_joint_bar_arrives_with_its_last_bar() -> None:
    """A decision on several instruments waits for the slowest."""
    assert 9 == JointBar(6, (bar(8), bar(9), bar(7))).ts_recv


@given(prices(), prices())
def test_mid_is_half_way_exactly(bid: Decimal, ask: Decimal) -> None:
    """The middle is not rounded."""
    quote = Quote(BITCOIN.id, 1, bid, ask, Decimal(1), Decimal(1), 2)
    assert (Fraction(bid) + Fraction(ask)) / 2 == Fraction(quote.mid)


def test_market_data_cannot_be_changed() -> None:
    """Whoever receives an event can trust that nobody alters it later."""
    trade = Trade(BITCOIN.id, 1, Decimal(1), Decimal(1), "t", 1)
    with pytest.raises(AttributeError):
        trade.price = Decimal(2)  # type: ignore[misc]  # the mistake under test
