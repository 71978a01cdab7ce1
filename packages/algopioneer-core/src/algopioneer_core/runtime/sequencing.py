"""
Our own opposite orders, one after the other: who waits, who is taken back, and for how long.

Before an order is sent, whatever of ours it would trade with has to be out of the market. A way out
goes first: it has an opposite entry taken back at once, and a resting exit once it has waited. An
entry waits too; then it has a resting entry taken back, but never an exit, nor an order of a
spread, whose other leg may be filled. `own_orders.yielding` is the table of that. Each wait is
bounded, and told in the log once.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Final, Protocol

import anyio

from algopioneer_core.domain.orders import Order, OrderStatus
from algopioneer_core.runtime.announcements import Say
from algopioneer_core.runtime.own_orders import Yielding, crossing_order, yielding
from algopioneer_core.telemetry.events import LogEvent

__all__ = ["Owners", "Sequencer"]

_DURING_THE_WAIT: Final = (Yielding.AT_ONCE,)
_AFTER_THE_WAIT: Final = (Yielding.AT_ONCE, Yielding.LATE)


class Owners(Protocol):
    """Who has made our orders: the strategies of the session."""

    def name_of(self, client_order_id: str) -> str:
        """Return the strategy whose order it is."""

    def is_leg(self, client_order_id: str) -> bool:
        """Return whether it is an order of a spread."""

    def take_back(self, client_order_id: str, cause: int) -> None:
        """
        Ask for the end of an order.

        Args:
            client_order_id: Ours, in the market.
            cause: The journal's sequence of the intent that it stands in the way of.
        """


class Sequencer:
    """
    Clears the way for the orders to one venue.

    Args:
        owners: Of our orders.
        current: Returns an order as its engine knows it now.
        working: Returns all orders of ours that may still trade at the venue.
        is_in_market: Whether the order with an id has been sent already.
        changed: Waits until an order may have changed.
        wait_s: How long an order waits, and again once it has had another one taken back; a way
            out half as long.
        say: Takes the lines of the log.
    """

    def __init__(
        self,
        owners: Owners,
        *,
        current: Callable[[str], Order],
        working: Callable[[], Iterable[Order]],
        is_in_market: Callable[[str], bool],
        changed: Callable[[], Awaitable[object]],
        wait_s: float,
        say: Say,
    ) -> None:
        self._owners = owners
        self._current = current
        self._working = working
        self._is_in_market = is_in_market
        self._changed = changed
        self._wait_s = wait_s
        self._say = say

    async def clear(self, order: Order, sequence: int) -> str:
        """
        Wait, twice at most, until *order* would trade with none of ours.

        Args:
            order: About to be sent.
            sequence: Of its intent, in the journal.

        Returns:
            What still stands in the way, in words; empty when nothing does, or when *order* itself
            was withdrawn meanwhile.
        """
        other = self._crossed(order)
        if other is None:
            return ""
        self._tell(LogEvent.ORDER_WAITING, order, behind=other.client_order_id)
        asked: dict[str, None] = {}
        await self._wait(order, sequence, _DURING_THE_WAIT, asked)
        other = self._crossed(order)
        if other is not None and self._yielding(order, other) is Yielding.LATE:
            await self._wait(order, sequence, _AFTER_THE_WAIT, asked)
            other = self._crossed(order)
        return "" if other is None else self._words_for(other)

    async def _wait(
        self, order: Order, sequence: int, giving_way: tuple[Yielding, ...], asked: dict[str, None]
    ) -> None:
        # A way out goes in any case, and before whoever ordered it loses patience with it.
        wait_s = self._wait_s / 2 if order.intent.reduce_only else self._wait_s
        with anyio.move_on_after(wait_s):
            while (other := self._crossed(order)) is not None:
                key = other.client_order_id
                if key not in asked and self._yielding(order, other) in giving_way:
                    asked[key] = None
                    self._tell(LogEvent.ORDER_YIELDED, other, to=order.client_order_id)
                    self._owners.take_back(key, sequence)
                await self._changed()

    def _yielding(self, order: Order, other: Order) -> Yielding:
        return yielding(order, other, is_leg=self._owners.is_leg(other.client_order_id))

    def _crossed(self, order: Order) -> Order | None:
        """Return the order of ours that *order* would trade with; none for one withdrawn."""
        if self._current(order.client_order_id).status is not OrderStatus.PENDING:
            return None
        return crossing_order(order, self._working(), self._is_in_market)

    def _words_for(self, other: Order) -> str:
        key = other.client_order_id
        return f"our own order {key} of {self._owners.name_of(key)}"

    def _tell(self, event: LogEvent, order: Order, **other: object) -> None:
        key, instrument = order.client_order_id, str(order.intent.instrument_id)
        self._say(
            event,
            strategy=self._owners.name_of(key),
            instrument=instrument,
            order=key,
            **other,
        )
