"""
A strategy that nobody of this project's plugins resembles: it quotes, takes back, and grows tired.

It rests a limit order a little below the last close, takes it back half a minute later if nothing
came of it, offers what it got a little above, and leaves at the market when that takes too long.
So a simulation has orders that rest, cancels that race fills, timers and a stop that looks at
quotes, beside strategies that only ever take.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from algopioneer_core.domain.commands import CancelAll, SetTimer, StrategyCommand
from algopioneer_core.domain.events import Event, TimerFired
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import Instrument
from algopioneer_core.domain.market_data import NS_PER_SECOND, Bar
from algopioneer_core.domain.money import ONE, Price, from_scaled, mul, sub
from algopioneer_core.domain.orders import OrderIntent, OrderType
from algopioneer_core.engine.strategy import Requirements, StrategyContext

__all__ = ["Quoter"]

_TIRED: Final = 4
"""Bars after which it leaves at the market."""
_REST_NS: Final = 35 * NS_PER_SECOND
_GIVE_UP: Final = "give up"


class Quoter:
    """
    Quotes one instrument.

    Args:
        instrument: What it trades.
        quantity: How much, base units.
        cents: How far from the close its orders rest.
        every: At every how many bars it enters.
    """

    def __init__(
        self, instrument: Instrument, quantity: Decimal, cents: int, every: int = 1
    ) -> None:
        self._instrument = instrument
        self._quantity = quantity
        self._away = from_scaled(cents, 2)
        self._every = every
        self._bars = 0
        self._held_bars = 0

    def requirements(self) -> Requirements:
        """Need nothing."""
        return Requirements()

    def on_event(self, event: Event, context: StrategyContext) -> Iterable[StrategyCommand]:
        """Quote at each bar, and take back what rested too long."""
        if isinstance(event, TimerFired) and event.name == _GIVE_UP:
            return (CancelAll(self._instrument.id),)
        if not isinstance(event, Bar):
            return ()
        held = context.quantity(self._instrument.id)
        self._held_bars = self._held_bars + 1 if held else 0
        self._bars += 1
        if context.has_working_orders or not (held or self._bars % self._every == 0):
            return ()
        order = self._entry(event.close) if not held else self._exit(held, event.close)
        return order, SetTimer(_GIVE_UP, context.now_ns + _REST_NS)

    def _entry(self, close: Price) -> OrderIntent:
        return self._limit(Side.BUY, self._quantity, sub(close, self._away))

    def _exit(self, held: Decimal, close: Price) -> OrderIntent:
        side, quantity = (Side.SELL if held > 0 else Side.BUY), held.copy_abs()
        if self._held_bars < _TIRED:
            away = mul(self._away, side.sign)
            return self._limit(side, quantity, sub(close, away), reduce_only=True)
        return OrderIntent(
            instrument_id=self._instrument.id,
            side=side,
            quantity=quantity,
            reduce_only=True,
            reason="tired",
        )

    def _limit(
        self, side: Side, quantity: Decimal, price: Price, *, reduce_only: bool = False
    ) -> OrderIntent:
        return OrderIntent(
            instrument_id=self._instrument.id,
            side=side,
            type=OrderType.LIMIT,
            quantity=quantity,
            limit_price=max(price, ONE),
            reduce_only=reduce_only,
        )

    def snapshot(self) -> Mapping[str, object]:
        """Return how long it has held something, and how many bars it saw."""
        return {"held_bars": self._held_bars, "bars": self._bars}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what `snapshot` described."""
        self._held_bars, self._bars = state["held_bars"], state["bars"]
