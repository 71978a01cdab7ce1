"""
When a backtest pays funding, and on what.

A payment is on what was held at its time, to the moment: what filled at the open of the bar in
which it falls counts, what filled at that bar's close (or somewhere inside it) does not yet. Where
the two times are equal, an order that was decided at the close of a bar cannot have filled before a
payment at that same moment, and a payment at a bar's close comes after all fills of that bar.

The worth is reckoned at the venue's price where the file has it, else at the last close that is not
later than the payment. The strategy hears of a payment before it sees the bar.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final

import numpy as np
from attrs import frozen

from algopioneer_core.domain.account_events import FundingPaid
from algopioneer_core.domain.fills import Fill
from algopioneer_core.domain.funding import FundingRate, funding_received
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import Bar
from algopioneer_core.domain.money import (
    ZERO,
    Money,
    Price,
    Quantity,
    add,
    from_scaled,
    sub,
    total,
)
from algopioneer_core.engine.portfolio import Portfolio
from algopioneer_core.history.joined import JointColumns
from algopioneer_core.simulation.config import FillTiming

__all__ = ["NEVER_NS", "FundingDesk", "ScheduledFunding", "schedule_funding"]

NEVER_NS: Final = 2**63
"""Later than any time."""


class FundingDesk:
    """
    Makes the payments of a run of the event engine, in the order of time.

    Args:
        rates: By ascending time; of the portfolio's instruments.
        portfolio: Whose positions are paid for.
    """

    def __init__(self, rates: Sequence[FundingRate], portfolio: Portfolio) -> None:
        self._rates = rates
        self._portfolio = portfolio
        self._next = 0
        self.next_ns = rates[0].ts_ns if rates else NEVER_NS
        """When the next payment is due, UTC nanoseconds."""
        self.received: dict[str, Money] = {}
        """What was received so far, by asset; negative is paid."""

    def due(self, bars: Iterable[Bar], now_ns: int, fills: Sequence[Fill]) -> list[FundingPaid]:
        """
        Return the payments up to now.

        Args:
            bars: Those that close now; the portfolio is not marked with them yet.
            now_ns: Their close, UTC nanoseconds.
            fills: Those of these bars; the portfolio has them already.
        """
        closes = {bar.instrument_id: bar for bar in bars}
        payments: list[FundingPaid] = []
        while self.next_ns <= now_ns:
            rate = self._rates[self._next]
            paid = self._payment(rate, closes if rate.ts_ns == now_ns else {}, now_ns, fills)
            if paid is not None:
                payments.append(paid)
                before = self.received.get(paid.asset, ZERO)
                self.received[paid.asset] = add(before, paid.amount)
            self._next += 1
            later = self._next < len(self._rates)
            self.next_ns = self._rates[self._next].ts_ns if later else NEVER_NS
        return payments

    def _payment(
        self,
        rate: FundingRate,
        closes: Mapping[InstrumentId, Bar],
        now_ns: int,
        fills: Sequence[Fill],
    ) -> FundingPaid | None:
        instrument = self._portfolio.instruments[rate.instrument_id]
        quantity = self._held_at(rate, now_ns, fills)
        if not quantity:
            return None
        bar = closes.get(instrument.id)
        mark = self._portfolio.mark(instrument.id) if bar is None else bar.close
        price = mark if rate.price is None else rate.price
        assert price is not None  # what is held was decided on at a close
        amount = funding_received(instrument, quantity, price, rate.rate)
        return FundingPaid(instrument.id, rate.ts_ns, amount, instrument.settlement_asset)

    def _held_at(self, rate: FundingRate, now_ns: int, fills: Sequence[Fill]) -> Quantity:
        held = self._portfolio.quantity(rate.instrument_id)
        if rate.ts_ns == now_ns:
            return held
        later = [
            fill.signed_quantity
            for fill in fills
            if fill.instrument_id == rate.instrument_id and fill.ts_event >= rate.ts_ns
        ]
        return sub(held, total(*later)) if later else held


@frozen
class ScheduledFunding:
    """A payment of the vector engine, in bars."""

    leg: int
    """0 for the first instrument, 1 for the second."""
    bar: int
    """Bar at whose close it is booked."""
    held_at: int
    """Bar at whose close stood what it is paid on: `bar`, or the one before; -1 is before any."""
    price: Price
    """What the worth is reckoned at."""
    rate: Decimal


def schedule_funding(
    rates: Iterable[FundingRate], joint: JointColumns, timing: FillTiming
) -> list[ScheduledFunding]:
    """Return the payments of *rates* in a run over *joint*, where all orders are market orders."""
    legs = {leg.instrument_id: number for number, leg in enumerate(joint.legs)}
    times, interval_ns = joint.ts_ns, joint.legs[0].interval_ns
    scheduled = []
    for each in rates:
        bar = int(np.searchsorted(times, each.ts_ns))
        if bar == len(times):
            continue  # after the end
        close_ns, number = int(times[bar]), legs[each.instrument_id]
        at_close = each.ts_ns == close_ns
        in_bar = each.ts_ns > close_ns - interval_ns and timing is FillTiming.NEXT_OPEN
        leg, known = joint.legs[number], bar if at_close else max(bar - 1, 0)
        scheduled.append(
            ScheduledFunding(
                leg=number,
                bar=bar,
                held_at=bar if at_close or in_bar else bar - 1,
                price=each.price or from_scaled(int(leg.close[known]), leg.price_decimals),
                rate=each.rate,
            )
        )
    return scheduled
