"""The simulated account of two legs: what it holds, what it can carry, and when it is ruined."""

from decimal import Decimal

from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.money import Money, Price, Quantity, add, mul, sub, total
from algopioneer_core.domain.orders import Order
from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.engine.portfolio import Portfolio
from algopioneer_core.simulation.account import INITIAL_MARGIN
from algopioneer_core.simulation.config import MarginModel
from algopioneer_core.simulation.trade_statistics import TradeStatistics, turnover_of

__all__ = ["SpreadMarginCheck", "SpreadTrades"]


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

    def __call__(self, order: Order, quantity: Quantity, price: Price) -> bool:
        """Return whether equity covers the margin once *quantity* of *order* traded at *price*."""
        held = self._portfolio.quantity(self._id)
        after = add(held, quantity) if order.intent.side is Side.BUY else sub(held, quantity)
        if after.copy_abs() <= held.copy_abs() and (not after or (after > 0) == (held > 0)):
            return True
        portfolio = self._portfolio
        equity, exposure = self._unpositioned(), Decimal(0)
        for position in portfolio.positions.values():
            instrument = position.instrument
            own = instrument.id == self._id
            mark = price if own else portfolio.mark(instrument.id)
            if mark is None:
                continue  # never traded: nothing is held of it
            asset = instrument.settlement_asset
            worth = portfolio.worth(
                instrument.value(after if own else position.quantity, mark), asset
            )
            exposure = add(exposure, worth.copy_abs())
            if instrument.delivers_base:
                value = instrument.value(position.quantity, mark)
            else:
                value = position.unrealised(mark)
            equity = add(equity, portfolio.worth(value, asset))
        return equity >= mul(exposure, self._rate)

    def _unpositioned(self) -> Money:
        """Return what is held besides positions, coins at their mark."""
        portfolio = self._portfolio
        assets = dict.fromkeys(each.settlement_asset for each in portfolio.instruments.values())
        return total(
            portfolio.cash,
            *(
                portfolio.worth(portfolio.coins(each), each)
                for each in assets
                if each != portfolio.numeraire
            ),
        )


class SpreadTrades:
    """
    Counts round trips of pairs: one from flat to flat, however many each leg made meanwhile.

    What a leg made in coins counts at the coin's mark when the pair ends.

    Args:
        as_spread: Whether the instruments are one position; else each round trip counts.
    """

    def __init__(self, *, as_spread: bool = True) -> None:
        self.statistics = TradeStatistics()
        """Counts each pair once."""
        self._as_spread = as_spread
        self._legs: list[RoundTrip] = []

    def add(self, trade: RoundTrip, portfolio: Portfolio) -> None:
        """Take a finished round trip of one leg."""
        self._legs.append(trade)
        held = (position.quantity for position in portfolio.positions.values())
        if not self._as_spread or not any(held):
            self._count(portfolio)

    def _count(self, portfolio: Portfolio) -> None:
        pnl = fees = turnover = Decimal(0)
        for leg in self._legs:
            instrument = portfolio.instruments[leg.instrument_id]
            traded = turnover_of(leg, inverse=instrument.inverse)
            asset, worth = instrument.settlement_asset, portfolio.worth
            pnl, fees = add(pnl, worth(leg.pnl, asset)), add(fees, worth(leg.fees, asset))
            turnover = add(turnover, worth(traded, asset))
        self._legs.clear()
        self.statistics.count(pnl, fees, turnover)
