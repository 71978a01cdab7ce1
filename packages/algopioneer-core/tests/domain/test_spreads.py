"""Spreads: which sizes and which pairs of legs can be asked for."""

from decimal import Decimal
from typing import Any

import pytest

from algopioneer_core.domain.commands import OpenSpread
from algopioneer_core.domain.errors import ConfigError, OrderError
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.spreads import Neutrality, SpreadSize
from algopioneer_core.testing.domain import BITCOIN

ETHER = InstrumentId("sim", "ETH-USD")


@pytest.mark.parametrize(
    "size",
    [{"fraction": Decimal("0.5")}, {"fraction": Decimal(1)}, {"notional": Decimal("0.01")}],
)
def test_size_is_a_fraction_or_an_amount(size: dict[str, Any]) -> None:
    """Either is kept as it is given; sides are equal in money unless said otherwise."""
    made = SpreadSize(**size)
    assert size == {name: getattr(made, name) for name in size}
    assert Neutrality.DOLLAR is made.neutrality


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ({}, "either a fraction of equity or a notional"),
        ({"fraction": Decimal(1), "notional": Decimal(1)}, "either"),
        ({"fraction": Decimal(0)}, "position_size: the fraction of equity must be above 0"),
        ({"fraction": Decimal("1.01")}, "at most 1"),
        ({"notional": Decimal(0)}, "notional: the notional must be positive"),
        ({"notional": Decimal(-5)}, "give an amount of quote currency above zero"),
    ],
)
def test_size_out_of_range_is_refused(size: dict[str, Any], message: str) -> None:
    """The error names the option and the range."""
    with pytest.raises(ConfigError, match=message):
        SpreadSize(**size)


def test_spread_of_two_instruments_is_kept() -> None:
    """One leg is bought, the other sold, at a hedge ratio of one unless said otherwise."""
    spread = OpenSpread(buy=BITCOIN.id, sell=ETHER, size=SpreadSize(fraction=Decimal(1)))
    assert (BITCOIN.id, ETHER, Decimal(1)) == (spread.buy, spread.sell, spread.hedge_ratio)


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ({"sell": BITCOIN.id}, "sim:BTC-USD: a spread needs two instruments"),
        ({"hedge_ratio": Decimal(0)}, "the hedge ratio of a spread must be positive"),
        ({"hedge_ratio": Decimal(-1)}, "must be positive, not -1"),
    ],
)
def test_impossible_spread_is_refused(terms: dict[str, Any], message: str) -> None:
    """One instrument cannot be both legs, and a hedge is not turned around by its ratio."""
    usual: dict[str, Any] = {
        "buy": BITCOIN.id,
        "sell": ETHER,
        "size": SpreadSize(fraction=Decimal(1)),
    }
    with pytest.raises(OrderError, match=message):
        OpenSpread(**usual | terms)
