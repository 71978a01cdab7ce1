"""Orders that wait in the simulated market, and how long each may wait."""

from collections.abc import Mapping
from typing import Any, Final

from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.domain.money import ZERO, Money, Quantity
from algopioneer_core.domain.orders import Order, TimeInForce

__all__ = ["RestingOrder"]

_DAY_NS: Final = 86_400 * NS_PER_SECOND
_AT_ONCE: Final = (TimeInForce.IOC, TimeInForce.FOK)


class RestingOrder:
    """
    An order that waits in the simulated market.

    Args:
        order: As it was submitted.
        eligible: Index of the first bar that may fill it.
    """

    __slots__ = ("_day", "accepted", "eligible", "in_book", "order", "spent", "taken", "triggered")

    def __init__(self, order: Order, eligible: int) -> None:
        self.order = order
        self.eligible = eligible
        """Index of the first bar that may fill it."""
        self.accepted = False
        """Whether the market has acknowledged it."""
        self.taken: Quantity = ZERO
        """What was filled of it."""
        self.spent: Money = ZERO
        """Value and fees of that, in the settlement asset."""
        self.triggered = False
        """Whether its stop price was reached."""
        self.in_book = False
        """Whether it rests as a limit order since an earlier bar, so that others take from it."""
        self._day: int | None = None

    @property
    def at_once(self) -> bool:
        """Whether what cannot be filled at once is cancelled."""
        return self.order.intent.time_in_force in _AT_ONCE

    def is_over(self, opened_ns: int) -> bool:
        """
        Return whether its time in force has ended when a bar opens at *opened_ns*.

        A day order is good for the day (UTC) of the first bar that could fill it: made at the close
        of one day, it is meant for the next. Call it with every bar from that one on.
        """
        intent = self.order.intent
        if intent.time_in_force is TimeInForce.DAY:
            day = opened_ns // _DAY_NS
            self._day = day if self._day is None else self._day
            return day > self._day
        return intent.expire_ns is not None and opened_ns >= intent.expire_ns

    def snapshot(self) -> dict[str, object]:
        """Return everything about it, as JSON values, decimals and the order."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> "RestingOrder":
        """Return what `snapshot` described."""
        each = cls(state["order"], state["eligible"])
        for name in cls.__slots__:
            setattr(each, name, state[name])
        return each
