"""What our orders are to each other at one account."""

from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve

from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.orders import Order, OrderIntent, OrderType
from algopioneer_core.runtime.own_orders import Yielding, as_sent, crossing_order, yielding
from algopioneer_core.testing.domain import BITCOIN


def _order(
    name: str, side: Side, price: str | None = None, *, stop: str | None = None, **terms: Any
) -> Order:
    if price is not None:
        terms |= {"type": OrderType.LIMIT, "limit_price": Decimal(price)}
    if stop is not None:
        terms |= {"type": OrderType.STOP, "stop_price": Decimal(stop)}
    terms = {"instrument_id": BITCOIN.id} | terms
    return Order(name, OrderIntent(side=side, quantity=Decimal(1), **terms), 0)


_NEW = _order("new", Side.BUY, "100")


@pytest.mark.parametrize(
    "other",
    [
        _order("x", Side.SELL),
        _order("x", Side.SELL, "100"),
        _order("x", Side.SELL, "99"),
        _order("x", Side.SELL, stop="50"),
    ],
    ids=repr,
)
def test_opposite_orders_cross_where_their_prices_meet(other: Order) -> None:
    """Market and stop orders meet every price; whoever asks first."""
    assert crossing_order(_NEW, [other], lambda _: True) is other
    assert crossing_order(other, [_NEW], lambda _: True) is _NEW


@pytest.mark.parametrize(
    "other",
    [
        _order("x", Side.SELL, "101"),
        _order("x", Side.BUY),
        _order("new", Side.SELL),
        _order("x", Side.SELL, instrument_id=InstrumentId("sim", "ETH-USD")),
    ],
    ids=repr,
)
def test_other_orders_do_not(other: Order) -> None:
    """Prices apart, the same side, the order itself, another instrument."""
    assert crossing_order(_NEW, [other], lambda _: True) is None


def test_what_is_not_in_the_market_is_not_waited_for() -> None:
    """An order that was not sent yet waits in its own turn."""
    assert crossing_order(_NEW, [_order("x", Side.SELL)], lambda _: False) is None


_REST = _order("x", Side.SELL, "99")
_STOP = _order("x", Side.SELL, stop="99")
_OUT = _order("x", Side.SELL, "99", reduce_only=True)
_PROTECTION = _order("x", Side.SELL, stop="99", reduce_only=True)
_AT_MARKET = _order("x", Side.SELL)


@pytest.mark.parametrize(
    ("other", "is_leg", "for_entry", "for_way_out"),
    [
        (_REST, False, Yielding.LATE, Yielding.AT_ONCE),
        (_STOP, False, Yielding.LATE, Yielding.AT_ONCE),
        (_REST, True, Yielding.NEVER, Yielding.AT_ONCE),
        (_OUT, False, Yielding.NEVER, Yielding.LATE),
        (_PROTECTION, False, Yielding.NEVER, Yielding.NEVER),
        (_AT_MARKET, False, Yielding.NEVER, Yielding.NEVER),
    ],
)
def test_ways_out_go_before_entries_and_older_entries_give_way_after_a_wait(
    other: Order, is_leg: bool, for_entry: Yielding, for_way_out: Yielding
) -> None:
    """The table of who is taken back for whom."""
    entry, way_out = _order("new", Side.BUY), _order("new", Side.BUY, reduce_only=True)
    assert for_entry is yielding(entry, other, is_leg=is_leg)
    assert for_way_out is yielding(way_out, other, is_leg=is_leg)


def test_reduce_only_is_said_only_where_the_account_is_the_strategys_own() -> None:
    """Where others hold it too, the venue would judge by a position that is not ours."""
    order = _order("out", Side.SELL, reduce_only=True)
    assert as_sent(order, lambda _: False) is order
    shared = as_sent(order, lambda _: True)
    assert not shared.intent.reduce_only
    assert shared == evolve(order, intent=evolve(order.intent, reduce_only=False))
