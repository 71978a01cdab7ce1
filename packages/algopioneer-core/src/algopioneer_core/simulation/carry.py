"""
When a backtest pays funding, borrowing and dividends, and on what.

A payment is on what was held at its time, to the moment: what filled at the open of the bar in
which it falls counts, what filled at that bar's close (or somewhere inside it) does not yet. Where
the two times are equal, an order that was decided at the close of a bar cannot have filled before a
payment at that same moment, and a payment at a bar's close comes after all fills of that bar.

The worth is reckoned at the venue's price where the file has it, else at the last close that is not
later than the payment. The strategy hears of a payment before it sees the bar.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np
from attrs import frozen

from algopioneer_core.domain.carry import (
    Carry,
    CarryEvent,
    carry_concerns,
    carry_event,
    carry_received,
)
from algopioneer_core.domain.fills import Fill
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import Bar
from algopioneer_core.domain.money import Price, Quantity, from_scaled, sub, total
from algopioneer_core.engine.portfolio import Portfolio
from algopioneer_core.history.joined import JointColumns
from algopioneer_core.simulation.carry_totals import CarryReceived
from algopioneer_core.simulation.config import FillTiming

__all__ = ["NEVER_NS", "CarryDesk", "ScheduledCarry", "schedule_carry"]

NEVER_NS: Final = 2**63
"""Later than any time."""


class CarryDesk:
    """
    Makes the payments of a run of the event engine, in the order of time.

    Args:
        carries: By ascending time; of the portfolio's instruments.
        portfolio: Whose positions are paid for.
    """

    def __init__(self, carries: Sequence[Carry], portfolio: Portfolio) -> None:
        self._carries = carries
        self._portfolio = portfolio
        self._next = 0
        self.next_ns = carries[0].ts_ns if carries else NEVER_NS
        """When the next payment is due, UTC nanoseconds."""
        self.received = CarryReceived()
        """What was received so far."""

    def due(self, bars: Iterable[Bar], now_ns: int, fills: Sequence[Fill]) -> list[CarryEvent]:
        """
        Return the payments up to now.

        Args:
            bars: Those that close now; the portfolio is not marked with them yet.
            now_ns: Their close, UTC nanoseconds.
            fills: Those of these bars; the portfolio has them already.
        """
        closes = {bar.instrument_id: bar for bar in bars}
        events: list[CarryEvent] = []
        while self.next_ns <= now_ns:
            carry = self._carries[self._next]
            event = self._payment(carry, closes if carry.ts_ns == now_ns else {}, now_ns, fills)
            if event is not None:
                events.append(event)
            self._next += 1
            later = self._next < len(self._carries)
            self.next_ns = self._carries[self._next].ts_ns if later else NEVER_NS
        return events

    def _payment(
        self,
        carry: Carry,
        closes: Mapping[InstrumentId, Bar],
        now_ns: int,
        fills: Sequence[Fill],
    ) -> CarryEvent | None:
        instrument = self._portfolio.instruments[carry.instrument_id]
        quantity = self._held_at(carry, now_ns, fills)
        if not carry_concerns(carry, quantity):
            return None
        bar = closes.get(instrument.id)
        mark = self._portfolio.mark(instrument.id) if bar is None else bar.close
        assert mark is not None  # what is held was decided on at a close
        amount = carry_received(carry, instrument, quantity, mark)
        self.received.add(carry, amount, instrument.settlement_asset)
        return carry_event(carry, amount, instrument.settlement_asset)

    def _held_at(self, carry: Carry, now_ns: int, fills: Sequence[Fill]) -> Quantity:
        held = self._portfolio.quantity(carry.instrument_id)
        if carry.ts_ns == now_ns:
            return held
        later = [
            fill.signed_quantity
            for fill in fills
            if fill.instrument_id == carry.instrument_id and fill.ts_event >= carry.ts_ns
        ]
        return sub(held, total(*later)) if later else held


@frozen
class ScheduledCarry:
    """A payment of the vector engine, in bars."""

    leg: int
    """0 for the first instrument, 1 for the second."""
    bar: int
    """Bar at whose close it is booked."""
    held_at: int
    """Bar at whose close stood what it is paid on: `bar`, or the one before; -1 is before any."""
    mark: Price
    """The last close that is not later than the payment."""
    carry: Carry


def schedule_carry(
    carries: Iterable[Carry], joint: JointColumns, timing: FillTiming
) -> list[ScheduledCarry]:
    """Return the payments of *carries* in a run over *joint*; all orders are market orders."""
    legs = {leg.instrument_id: number for number, leg in enumerate(joint.legs)}
    times, interval_ns = joint.ts_ns, joint.legs[0].interval_ns
    scheduled = []
    for each in carries:
        bar = int(np.searchsorted(times, each.ts_ns))
        if bar == len(times):
            continue  # after the end
        close_ns, number = int(times[bar]), legs[each.instrument_id]
        at_close = each.ts_ns == close_ns
        in_bar = each.ts_ns > close_ns - interval_ns and timing is FillTiming.NEXT_OPEN
        leg, known = joint.legs[number], bar if at_close else max(bar - 1, 0)
        scheduled.append(
            ScheduledCarry(
                leg=number,
                bar=bar,
                held_at=bar if at_close or in_bar else bar - 1,
                mark=from_scaled(int(leg.close[known]), leg.price_decimals),
                carry=each,
            )
        )
    return scheduled
