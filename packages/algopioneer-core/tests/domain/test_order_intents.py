"""Order intents: what may be wished, and what contradicts itself."""

from decimal import Decimal
from typing import Any

import pytest

from algopioneer_core.domain.errors import OrderError
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.orders import OrderIntent, OrderType, TimeInForce
from algopioneer_core.testing.domain import BITCOIN

PRICES: dict[str, Any] = {"limit_price": Decimal(5), "stop_price": Decimal(4)}


def intent(**terms: Any) -> OrderIntent:
    """Return the wish to buy ten bitcoin, with *terms* replaced."""
    usual = {"instrument_id": BITCOIN.id, "side": Side.BUY, "quantity": Decimal(10)}
    wanted: dict[str, Any] = usual | terms
    return OrderIntent(**wanted)


@pytest.mark.parametrize(
    "terms",
    [
        {},
        {"quantity": None, "quote_amount": Decimal(100)},
        {"time_in_force": TimeInForce.IOC},
        {"time_in_force": TimeInForce.GTD, "expire_ns": 5},
        {"type": OrderType.LIMIT, "limit_price": Decimal(5)},
        {"type": OrderType.LIMIT, "limit_price": Decimal(5), "post_only": True},
        {"type": OrderType.STOP, "stop_price": Decimal(5)},
        {"type": OrderType.STOP_LIMIT, **PRICES},
        {"type": OrderType.STOP_LIMIT, "post_only": True, **PRICES},
    ],
)
def test_sensible_wish_is_kept(terms: dict[str, Any]) -> None:
    """Every type of order can be asked for with its own prices."""
    made = intent(**terms)
    assert terms == {name: getattr(made, name) for name in terms}


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ({"quantity": None}, "either a positive quantity or a positive quote amount"),
        ({"quote_amount": Decimal(5)}, "either"),
        ({"quantity": Decimal(0)}, "either"),
        ({"quantity": Decimal(-1)}, "either"),
        ({"quantity": None, "quote_amount": Decimal(0)}, "either"),
        ({"limit_price": Decimal(5)}, "a market order takes no limit price"),
        ({"stop_price": Decimal(5)}, "a market order takes no limit price or stop price"),
        ({"time_in_force": TimeInForce.IOC, "stop_price": Decimal(5)}, "takes no stop price"),
        ({"expire_ns": 5}, "good till date"),
        ({"time_in_force": TimeInForce.GTD}, "good till date"),
        ({"time_in_force": TimeInForce.DAY, "expire_ns": 5}, "good till date"),
        ({"post_only": True}, "market order cannot be post only"),
        ({"type": OrderType.LIMIT}, "a limit order needs a positive limit price"),
        ({"type": OrderType.LIMIT, "limit_price": Decimal(0)}, "positive limit price"),
        ({"type": OrderType.LIMIT, **PRICES}, "a limit order takes no stop price"),
        ({"type": OrderType.STOP}, "a stop order needs a positive stop price"),
        ({"type": OrderType.STOP, **PRICES}, "takes no limit price"),
        ({"type": OrderType.STOP_LIMIT, "stop_price": Decimal(5)}, "positive limit price"),
        ({"type": OrderType.STOP_LIMIT, "limit_price": Decimal(5)}, "positive stop price"),
        (
            {
                "type": OrderType.LIMIT,
                "limit_price": Decimal(5),
                "post_only": True,
                "time_in_force": TimeInForce.FOK,
            },
            "cannot be post only",
        ),
    ],
)
def test_contradictory_wish_is_refused(terms: dict[str, Any], message: str) -> None:
    """The error names the instrument and what is wrong with the order."""
    with pytest.raises(OrderError, match=message) as caught:
        intent(**terms)
    assert "sim:BTC-USD" == caught.value.where
