"""What the venue has against what we think it has."""

from decimal import Decimal

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.domain.fills import Fill, Liquidity, Side
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.money import add
from algopioneer_core.domain.orders import Order, OrderIntent, OrderStatus
from algopioneer_core.runtime.reconciliation import (
    Drift,
    DriftAction,
    DriftRules,
    compare_orders,
    compare_positions,
    may_be_on_its_way,
    missing_fills,
)
from algopioneer_core.testing.domain import BITCOIN, amounts

_D = Decimal
_ID = BITCOIN.id
_RULES = DriftRules(tolerate=_D(1), correct=_D(100))


def _order(key: str) -> Order:
    intent = OrderIntent(instrument_id=_ID, side=Side.BUY, quantity=_D(1))
    return Order(key, intent, 0, OrderStatus.OPEN)


@given(amounts(), amounts(), amounts())
def test_a_drift_is_what_neither_we_nor_others_explain(
    ours: Decimal, foreign: Decimal, unexplained: Decimal
) -> None:
    """There is one exactly where the venue has another quantity than the sum."""
    theirs = add(add(ours, foreign), unexplained)
    found = compare_positions({_ID: ours}, {_ID: foreign}, {_ID: theirs}, {_ID: _D(1)}, _RULES)

    assert [each.unexplained for each in found] == ([unexplained] if unexplained else [])
    for each in found:
        assert each.is_ghost == (bool(ours) and (unexplained > 0) != (ours > 0))
        assert ("ghost" in each.text()) == each.is_ghost
        size = abs(unexplained)
        wanted = (
            DriftAction.TOLERATE
            if size <= 1
            else DriftAction.CORRECT
            if size <= 100
            else DriftAction.HALT
        )
        assert each.action is wanted


def test_without_a_price_every_drift_is_serious() -> None:
    """What it is worth is not known, so it fails closed."""
    [drift] = compare_positions({_ID: _D(0)}, {}, {_ID: _D("0.000001")}, {}, _RULES)

    assert drift.action is DriftAction.HALT


def test_what_we_do_not_trade_is_not_judged() -> None:
    """Positions in other instruments are somebody else's."""
    other = InstrumentId("sim", "ETH-USD")

    assert compare_positions({_ID: _D(0)}, {}, {other: _D(5)}, {}, _RULES) == []


@pytest.mark.parametrize(
    ("unexplained", "side", "quantity", "is_explained"),
    [
        ("-1", Side.SELL, "1", True),
        ("-2", Side.SELL, "1", False),
        ("-1", Side.BUY, "1", False),
        ("1", Side.BUY, "3", True),
        ("1", Side.BUY, None, True),
    ],
)
def test_a_drift_may_be_a_fill_that_is_still_to_be_told_of(
    unexplained: str, side: Side, quantity: str | None, is_explained: bool
) -> None:
    """Where what works is on its side, and as large: a list of fills lags behind positions."""
    drift = Drift(_ID, _D(0), _D(0), _D(unexplained), DriftAction.HALT)
    intent = OrderIntent(
        instrument_id=_ID,
        side=side,
        quantity=None if quantity is None else _D(quantity),
        quote_amount=_D(5) if quantity is None else None,
    )
    order = Order("a", intent, 0, OrderStatus.OPEN)
    assert may_be_on_its_way(drift, [order]) is is_explained
    assert not may_be_on_its_way(drift, [])


@given(
    st.sets(st.sampled_from("abcdef")),
    st.sets(st.sampled_from("abcdefxyz")),
    st.sets(st.sampled_from("abcdef")),
)
def test_orders_are_confirmed_gone_or_foreign(
    ours: set[str], there: set[str], in_flight: set[str]
) -> None:
    """Every order is in one class at most, and one in flight is never taken for gone."""
    compared = compare_orders(
        [_order(key) for key in sorted(ours)], [_order(key) for key in sorted(there)], in_flight
    )

    assert [each.client_order_id for each in compared.confirmed] == sorted(ours & there)
    assert list(compared.gone) == sorted(ours - there - in_flight)
    assert [each.client_order_id for each in compared.foreign] == sorted(there - ours)


def test_only_fills_that_were_not_counted_are_missing() -> None:
    """Fills of orders that are not ours are left alone."""

    def fill(number: str, key: str) -> Fill:
        return Fill(number, key, _ID, Side.BUY, _D(1), _D(1), _D(0), "USD", Liquidity.TAKER, 1)

    known = {"a": evolve(_order("a"), fill_ids=frozenset({"1"}))}
    found = missing_fills([fill("1", "a"), fill("2", "a"), fill("3", "theirs")], known)

    assert [each.fill_id for each in found] == ["2"]
