"""From fills to round trips: when a position began, what it cost, and when it was flat again."""

from algopioneer_core.domain.fills import Fill, Side
from algopioneer_core.domain.instruments import Instrument
from algopioneer_core.domain.money import (
    ZERO,
    Money,
    Quantity,
    add,
    divide_half_even,
    mul,
    sub,
)
from algopioneer_core.domain.positions import COST_PLACES, Position, average_price
from algopioneer_core.domain.round_trips import RoundTrip

__all__ = ["OpenRoundTrip"]


class OpenRoundTrip:
    """
    The round trip of one instrument that is under way, if any.

    `record` is called for each fill with the position before and after it, and answers with the
    round trip that the fill finished. A fill that turns a position around ends one round trip and
    begins the next; its fee is split between them by quantity.
    """

    __slots__ = (
        "_entered",
        "_entry_value",
        "_exit_value",
        "_exited",
        "_fees",
        "_instrument",
        "_realised",
        "entry_ns",
    )

    def __init__(self, instrument: Instrument) -> None:
        self._instrument = instrument
        self._begin(ZERO)

    def _begin(self, realised: Money) -> None:
        self.entry_ns = 0
        self._entered: Quantity = ZERO
        self._entry_value: Money = ZERO
        self._exited: Quantity = ZERO
        self._exit_value: Money = ZERO
        self._fees: Money = ZERO
        self._realised = realised

    def record(
        self, before: Position, after: Position, fill: Fill, reason: str
    ) -> RoundTrip | None:
        """Count *fill*; return the round trip that it finished, or None."""
        fee = sub(after.fees, before.fees)
        held, signed = before.quantity, fill.signed_quantity
        if not held or (held > 0) == (signed > 0):
            self._enter(fill, fill.quantity, fee)
            return None
        closed = min(held.copy_abs(), fill.quantity)
        if closed == fill.quantity:
            self._exit(fill, closed, fee)
            return None if after.quantity else self._finish(before, after, fill, reason)
        share = divide_half_even(mul(fee, closed), fill.quantity, places=COST_PLACES)
        self._exit(fill, closed, share)
        finished = self._finish(before, after, fill, reason)
        self._enter(fill, sub(fill.quantity, closed), sub(fee, share))
        return finished

    def _enter(self, fill: Fill, quantity: Quantity, fee: Money) -> None:
        if not self._entered:
            self.entry_ns = fill.ts_event
        self._entered = add(self._entered, quantity)
        self._entry_value = add(
            self._entry_value, self._instrument.value(quantity, fill.price)
        )
        self._fees = add(self._fees, fee)

    def _exit(self, fill: Fill, quantity: Quantity, fee: Money) -> None:
        self._exited = add(self._exited, quantity)
        self._exit_value = add(self._exit_value, self._instrument.value(quantity, fill.price))
        self._fees = add(self._fees, fee)

    def _finish(self, before: Position, after: Position, fill: Fill, reason: str) -> RoundTrip:
        instrument = self._instrument
        gain = sub(after.realised, self._realised)
        trip = RoundTrip(
            instrument.id,
            Side.BUY if before.quantity > 0 else Side.SELL,
            self._exited,
            self.entry_ns,
            fill.ts_event,
            average_price(instrument, self._entered, self._entry_value),
            average_price(instrument, self._exited, self._exit_value),
            sub(gain, self._fees),
            self._fees,
            self._entry_value,
            reason,
        )
        self._begin(after.realised)
        return trip
