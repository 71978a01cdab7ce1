"""The simulated account of two legs: what it holds, what it can carry, and when it is ruined."""

from collections.abc import Sequence
from decimal import Decimal

from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import Bar
from algopioneer_core.domain.money import Money, Price, Quantity, add, mul, sub
from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.engine.portfolio import Portfolio
from algopioneer_core.simulation.account import INITIAL_MARGIN
from algopioneer_core.simulation.config import MarginModel
from algopioneer_core.simulation.trade_statistics import TradeStatistics, turnover_of

__all__ = ["SpreadMarginCheck", "SpreadTrades", "account_holding", "account_worth"]


def account_holding(portfolio: Portfolio) -> tuple[Money, tuple[Quantity, ...]]:
    """
    Return cash and quantities such that equity = cash + the sum over the legs of
    quantity * multiplier * price, or - quantity * multiplier / price for an inverse contract.
    """
    cash = portfolio.cash
    positions = tuple(portfolio.positions.values())
    for position in positions:
        if position.instrument.inverse:
            cash = add(cash, position.cost)
        elif not position.instrument.delivers_base:  # a contract was not paid for
            cash = sub(cash, position.cost)
    return cash, tuple(position.quantity for position in positions)


def account_worth(
    instruments: Sequence[Instrument],
    cash: Money,
    quantities: Sequence[Quantity],
    bars: Sequence[Bar],
) -> Money:
    """Return the exact equity of a holding at the closes of *bars*."""
    for instrument, quantity, bar in zip(instruments, quantities, bars, strict=True):
        if quantity:
            value = instrument.value(quantity, bar.close)
            cash = sub(cash, value) if instrument.inverse else add(cash, value)
    return cash


class SpreadMarginCheck:
    """
    Says whether the account can carry a fill of one leg, with what it holds of the others.

    The leg is judged at the fill's price, the others at their last closes, before the fill's own
    fee. What reduces a position is always carried.
    """

    def __init__(
        self, portfolio: Portfolio, instrument_id: InstrumentId, margin: MarginModel
    ) -> None:
        self._portfolio = portfolio
        self._id = instrument_id
        self._rate = INITIAL_MARGIN[margin]

    def __call__(self, side: Side, quantity: Quantity, price: Price) -> bool:
        """Return whether equity covers the margin once *quantity* was traded at *price*."""
        held = self._portfolio.quantity(self._id)
        after = add(held, quantity) if side is Side.BUY else sub(held, quantity)
        if after.copy_abs() <= held.copy_abs() and (not after or (after > 0) == (held > 0)):
            return True
        equity, exposure = self._portfolio.cash, Decimal(0)
        for position in self._portfolio.positions.values():
            instrument = position.instrument
            own = instrument.id == self._id
            mark = price if own else self._portfolio.mark(instrument.id)
            if mark is None:
                continue  # never traded: nothing is held of it
            worth = instrument.value(after if own else position.quantity, mark)
            exposure = add(exposure, worth.copy_abs())
            if instrument.delivers_base:
                equity = add(equity, instrument.value(position.quantity, mark))
            else:
                equity = add(equity, position.unrealised(mark))
        return equity >= mul(exposure, self._rate)


class SpreadTrades:
    """Counts round trips of pairs: one from flat to flat, however many each leg made meanwhile."""

    def __init__(self) -> None:
        self.statistics = TradeStatistics()
        """Counts each pair once."""
        self._legs: list[RoundTrip] = []

    def add(self, trade: RoundTrip, portfolio: Portfolio) -> None:
        """Take a finished round trip of one leg."""
        self._legs.append(trade)
        if not any(position.quantity for position in portfolio.positions.values()):
            self._count(portfolio)

    def _count(self, portfolio: Portfolio) -> None:
        pnl = fees = turnover = Decimal(0)
        for leg in self._legs:
            instrument = portfolio.instruments[leg.instrument_id]
            pnl, fees = add(pnl, leg.pnl), add(fees, leg.fees)
            turnover = add(turnover, turnover_of(leg, inverse=instrument.inverse))
        self._legs.clear()
        self.statistics.count(pnl, fees, turnover)
