"""What one engine shows to the risk gate: its own books, and its open orders as if filled."""

from collections.abc import Iterable

from algopioneer_core.domain.errors import RefusedError
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.money import ONE, ZERO, Money, Price, add, mul, sub
from algopioneer_core.domain.orders import Order
from algopioneer_core.engine.exposure import Exposure, Mark, worst_notional
from algopioneer_core.engine.order_manager import OrderManager
from algopioneer_core.engine.portfolio import Portfolio

__all__ = ["OwnExposure"]


class OwnExposure:
    """
    The `ExposureView` of one strategy.

    Args:
        strategy: The strategy's name, unique in the session.
        portfolio: Its books.
        orders: Its orders.
    """

    def __init__(self, strategy: str, portfolio: Portfolio, orders: OrderManager) -> None:
        self.strategy = strategy
        self._portfolio = portfolio
        self._orders = orders

    @property
    def equity(self) -> Money | None:
        """Equity in the portfolio's numeraire; None while a position has no price."""
        try:
            return self._portfolio.equity
        except RefusedError:
            return None

    def exposure(self, instrument_id: InstrumentId) -> Exposure:
        """Return position and open orders in one instrument."""
        position = self._portfolio.positions[instrument_id]
        instrument = position.instrument
        buys = sells = buy_amount = sell_amount = ZERO
        for order in self._orders.working.values():
            if order.intent.instrument_id != instrument_id:
                continue
            quantity = order.remaining_quantity or ZERO
            amount = _open_amount(order, instrument, self._portfolio.mark(instrument_id))
            if order.intent.side is Side.BUY:
                buys, buy_amount = add(buys, quantity), add(buy_amount, amount)
            else:
                sells, sell_amount = add(sells, quantity), add(sell_amount, amount)
        return Exposure(instrument, position.quantity, buys, sells, buy_amount, sell_amount)

    def exposures(self) -> Iterable[Exposure]:
        """Return those of all instruments of the strategy."""
        return [self.exposure(instrument_id) for instrument_id in self._portfolio.instruments]

    def mark(self, instrument_id: InstrumentId) -> Mark | None:
        """Return the price that values the instrument, and its time; None before the first."""
        price, ts_ns = self._portfolio.mark(instrument_id), self._portfolio.mark_ns(instrument_id)
        return None if price is None or ts_ns is None else Mark(price, ts_ns)

    def buying_power(self, instrument_id: InstrumentId) -> Money | None:
        """
        Return equity less the largest value that positions and open orders can come to.

        That is the buying power of an account without leverage: what is long is paid for, what is
        short is covered, and each contract stands for its full value. It is in the instrument's
        quote currency, as all of them have to be; None where they are not, or a price is missing.
        A venue's own figure, with its margin, is put in its place by a session that has one.
        """
        asked = self._portfolio.instruments[instrument_id]
        mark, free = self._portfolio.mark(instrument_id), self.equity
        if mark is None or free is None:
            return None
        if asked.inverse and asked.base == self._portfolio.numeraire:
            free = mul(free, mark)
        for exposure in self.exposures():
            instrument = exposure.instrument
            worst = worst_notional(exposure, self._portfolio.mark(instrument.id))
            if worst is None or instrument.quote != asked.quote:
                return None
            free = sub(free, worst)
        return free


def _open_amount(order: Order, instrument: Instrument, mark: Price | None) -> Money:
    """
    Return what a quote-sized *order* may still trade, in quote currency; zero for any other.

    Fees that were paid are not taken off, so it is at most too much. The amount for an inverse
    contract is one of base: it is valued at the mark (an order that was approved had one).
    """
    amount = order.intent.quote_amount
    if amount is None:
        return ZERO
    if instrument.inverse:
        amount = mul(amount, mark or ONE)
        return max(sub(amount, mul(order.filled_quantity, instrument.multiplier)), ZERO)
    return max(sub(amount, mul(order.filled_value, instrument.multiplier)), ZERO)
