"""From fills to round trips: when a position began, what it cost, and when it was flat again."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from attrs import evolve

from algopioneer_core.domain.fills import Fill, Side
from algopioneer_core.domain.instruments import Instrument
from algopioneer_core.domain.money import (
    ZERO,
    Increment,
    Money,
    Price,
    Quantity,
    add,
    divide_half_even,
    mul,
    neg,
    sub,
)
from algopioneer_core.domain.positions import (
    AVERAGE_PLACES,
    COST_PLACES,
    Position,
    average_price,
)
from algopioneer_core.domain.round_trips import RoundTrip

__all__ = ["OpenRoundTrip"]

_SHOWN: Final = Increment(Decimal((0, (1,), -AVERAGE_PLACES)))
_BUY: Final = Side.BUY
_SELL: Final = Side.SELL


class _Way:
    """The fills of one direction, in sums."""

    __slots__ = ("price", "quantity", "value")

    def __init__(self) -> None:
        self.quantity: Quantity = ZERO
        self.value: Money = ZERO
        self.price: Price | None = ZERO
        """The one price of all fills; None when they had several."""

    def take(self, instrument: Instrument, quantity: Quantity, price: Price) -> None:
        if not self.quantity:
            self.price = price
        elif price != self.price:
            self.price = None
        self.quantity = add(self.quantity, quantity)
        self.value = add(self.value, instrument.value(quantity, price))

    def give_back(self, instrument: Instrument, quantity: Quantity, price: Price) -> None:
        self.quantity = sub(self.quantity, quantity)
        self.value = sub(self.value, instrument.value(quantity, price))
        if price != self.price:
            self.price = None

    def split(self, numerator: int, denominator: int) -> None:
        units = mul(self.quantity, Decimal(numerator))
        self.quantity = divide_half_even(units, Decimal(denominator), places=COST_PLACES)
        self.price = None

    def snapshot(self) -> list[str | None]:
        return [
            str(self.quantity),
            str(self.value),
            None if self.price is None else str(self.price),
        ]

    def restore(self, state: Sequence[str | None]) -> None:
        quantity, value, price = (None if each is None else Decimal(each) for each in state)
        assert quantity is not None
        assert value is not None
        self.quantity, self.value, self.price = quantity, value, price

    def average(self, instrument: Instrument) -> Price:
        """Return the average price; zero where nothing was traded."""
        if not self.quantity:
            return ZERO
        if self.price is not None and _SHOWN.contains(self.price):
            return self.price  # the usual case, and a division less
        return average_price(instrument, self.quantity, self.value)


class OpenRoundTrip:
    """
    The round trip of one instrument that is under way, if any.

    `record` is called for each fill with the position before and after it, and answers with the
    round trip that the fill finished. A fill that turns a position around ends one round trip and
    begins the next; its fee is split between them by quantity.

    What changes a position without a trade (a transfer, a fee in base) can begin or end a round
    trip too (`adjust`); where nothing was traded on one of the two ways, that way's price is zero.
    A fee that is charged while the round trip is open belongs to it; funding, interest and
    dividends do not, they are in the account's cash alone.
    """

    __slots__ = ("_entries", "_exits", "_fees", "_instrument", "_realised", "entry_ns")

    def __init__(self, instrument: Instrument) -> None:
        self._instrument = instrument
        self._begin(0, ZERO, ZERO)

    def _begin(self, entry_ns: int, realised: Money, fees: Money) -> None:
        self.entry_ns = entry_ns
        """When it began, UTC nanoseconds; 0 while flat."""
        self._realised = realised
        self._fees = fees
        self._entries = _Way()
        self._exits = _Way()

    def record(
        self, before: Position, after: Position, fill: Fill, reason: str
    ) -> RoundTrip | None:
        """Count *fill*; return the round trip that it finished, or None."""
        held, left, quantity = before.quantity, after.quantity, fill.quantity
        if not held:
            self._begin(fill.ts_event, before.realised, before.fees)
            self._entries.take(self._instrument, quantity, fill.price)
            return None if left else self._end(before, after, fill, reason)
        if (held > ZERO) == (fill.side is _BUY):
            self._entries.take(self._instrument, quantity, fill.price)
            closed = quantity
        else:
            closed = min(held.copy_abs(), quantity)
            self._exits.take(self._instrument, closed, fill.price)
        if not left:
            return self._end(before, after, fill, reason)
        if (held > ZERO) == (left > ZERO):
            return None
        if closed < quantity:
            return self._turn(before, after, fill, closed, reason)
        return self._end(before, after, fill, reason)

    def undo(
        self, before: Position, after: Position, fill: Fill, ts_ns: int, reason: str
    ) -> RoundTrip | None:
        """
        Take back a fill that was busted at *ts_ns*; return the round trip that this finished.

        A fill of the round trip that is open is taken out of it. One of an earlier round trip,
        which has been reported as it was, counts as the opposite trade now.
        """
        held, left = before.quantity, after.quantity
        way = self._entries if (held > 0) == (fill.side is _BUY) else self._exits
        ours = held and fill.ts_event >= self.entry_ns and way.quantity >= fill.quantity
        mirrored = evolve(fill, side=fill.side.opposite, fee=neg(fill.fee), ts_event=ts_ns)
        if not ours or (left and (held > 0) != (left > 0)):
            return self.record(before, after, mirrored, reason)
        way.give_back(self._instrument, fill.quantity, fill.price)
        if left:
            return None
        if not self._exits.quantity:  # nothing has happened after all
            self._begin(0, ZERO, ZERO)
            return None
        return self._end(before, after, mirrored, reason)

    def adjust(
        self, before: Position, after: Position, ts_ns: int, reason: str
    ) -> RoundTrip | None:
        """Take note of a position that changed without a trade; return what this finished."""
        held, left = before.quantity, after.quantity
        if held and (not left or (held > 0) != (left > 0)):
            trip = self._trip(_side(held), held, ts_ns, after.realised, after.fees, reason)
            self._restart(after, ts_ns)
            return trip
        if left and not held:
            self._restart(after, ts_ns)
        return None

    def split(self, numerator: int, denominator: int) -> None:
        """Count in new units from now on, of which *denominator* old ones made *numerator*."""
        self._entries.split(numerator, denominator)
        self._exits.split(numerator, denominator)

    def snapshot(self) -> dict[str, object]:
        """Return what is remembered of the open round trip, as JSON values."""
        return {
            "entry_ns": self.entry_ns,
            "realised": str(self._realised),
            "fees": str(self._fees),
            "entries": self._entries.snapshot(),
            "exits": self._exits.snapshot(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what `snapshot` described."""
        self._begin(state["entry_ns"], Decimal(state["realised"]), Decimal(state["fees"]))
        self._entries.restore(state["entries"])
        self._exits.restore(state["exits"])

    def _turn(
        self, before: Position, after: Position, fill: Fill, closed: Quantity, reason: str
    ) -> RoundTrip:
        fee = sub(after.fees, before.fees)
        share = divide_half_even(mul(fee, closed), fill.quantity, places=COST_PLACES)
        fees, held = add(before.fees, share), before.quantity
        trip = self._trip(_side(held), held, fill.ts_event, after.realised, fees, reason)
        self._begin(fill.ts_event, after.realised, fees)
        self._entries.take(self._instrument, sub(fill.quantity, closed), fill.price)
        return trip

    def _end(self, before: Position, after: Position, fill: Fill, reason: str) -> RoundTrip:
        held = before.quantity or fill.signed_quantity
        trip = self._trip(_side(held), held, fill.ts_event, after.realised, after.fees, reason)
        self._restart(after, fill.ts_event)
        return trip

    def _restart(self, after: Position, ts_ns: int) -> None:
        """Be flat, or in a position that came without a trade."""
        if after.quantity:
            self._begin(ts_ns, after.realised, after.fees)
        else:
            self.entry_ns = 0  # whatever opens the next one begins it anew

    def _trip(
        self, side: Side, held: Quantity, ts_ns: int, realised: Money, fees: Money, reason: str
    ) -> RoundTrip:
        entries, exits, instrument = self._entries, self._exits, self._instrument
        paid = sub(fees, self._fees)
        return RoundTrip(
            instrument.id,
            side,
            exits.quantity or held.copy_abs(),
            self.entry_ns,
            ts_ns,
            entries.average(instrument),
            exits.average(instrument),
            sub(sub(realised, self._realised), paid),
            paid,
            entries.value,
            reason,
        )


def _side(held: Quantity) -> Side:
    return _BUY if held > ZERO else _SELL
