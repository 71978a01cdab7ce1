"""The simulated account: what it can carry, and when it is ruined (SEMANTICS, account)."""

from decimal import Decimal
from typing import Final

from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import Instrument
from algopioneer_core.domain.money import ZERO, Price, Quantity, add, mul, sub
from algopioneer_core.domain.orders import Order
from algopioneer_core.engine.portfolio import Portfolio
from algopioneer_core.simulation.config import MarginModel

__all__ = ["INITIAL_MARGIN", "MarginCheck"]

INITIAL_MARGIN: Final = {
    MarginModel.NONE: ZERO,
    MarginModel.REGT: Decimal("0.5"),
    MarginModel.FULL: Decimal(1),
}
"""Equity needed for each unit of gross exposure after a fill that raises it. Regulation T: half
(12 CFR 220.12, initial margin of long and short stock; maintenance calls are not simulated)."""


class MarginCheck:
    """
    Says whether the account can carry a fill.

    Equity and exposure are judged at the fill's price, before its own fee. What reduces a position
    is always carried.
    """

    def __init__(self, portfolio: Portfolio, instrument: Instrument, margin: MarginModel) -> None:
        self._portfolio = portfolio
        self._instrument = instrument
        self._rate = INITIAL_MARGIN[margin]

    def __call__(self, order: Order, quantity: Quantity, price: Price) -> bool:
        """Return whether equity covers the margin once *quantity* of *order* traded at *price*."""
        held = self._portfolio.quantity(self._instrument.id)
        after = add(held, quantity) if order.intent.side is Side.BUY else sub(held, quantity)
        if after.copy_abs() <= held.copy_abs() and (not after or (after > 0) == (held > 0)):
            return True
        exposure = self._instrument.value(after, price).copy_abs()
        return self._equity(held, price) >= mul(exposure, self._rate)

    def _equity(self, held: Quantity, price: Price) -> Decimal:
        portfolio, instrument = self._portfolio, self._instrument
        if instrument.delivers_base:
            return add(portfolio.cash, instrument.value(held, price))
        return add(portfolio.cash, portfolio.positions[instrument.id].unrealised(price))
