"""What the local Coinbase has against a cancel, by the venue's exact codes (protocol: cancel)."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from algopioneer_coinbase.sandbox_filed import FiledOrder
from algopioneer_coinbase.sandbox_rules import is_in_session
from algopioneer_core.domain.orders import OrderStatus

__all__ = ["cancel_problem", "is_order_id"]


def is_order_id(name: str) -> bool:
    """Return whether *name* has the form of an order id: that of a UUID."""
    try:
        UUID(name)
    except ValueError:
        return False
    return True


def cancel_problem(filed: FiledOrder, product: Mapping[str, Any]) -> str:
    """
    Return the code by which a cancel of an order is refused; empty when it is taken.

    The reference gives the codes and not their occasions, which are read from their names. Where
    several hold, what became of the order comes before what its market allows.
    """
    status = filed.placed.order.status
    rules: tuple[tuple[bool, str], ...] = (
        (status is OrderStatus.FILLED, "ORDER_IS_FULLY_FILLED"),
        (status.is_final, "UNKNOWN_CANCEL_ORDER"),
        (filed.edit is not None, "ORDER_IS_BEING_REPLACED"),
        (filed.cancel_at_ns is not None, "DUPLICATE_CANCEL_REQUEST"),
        (product["status"] == "delisted", "INVALID_CANCEL_PRODUCT_ID"),
        (not is_in_session(product), "INVALID_CANCEL_FCM_TRADING_SESSION"),
        (product["trading_disabled"], "NOT_ALLOWED_TO_CANCEL"),
    )
    return next((code for applies, code in rules if applies), "")
