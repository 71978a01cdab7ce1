"""The engine's own implementation of the view that strategies read."""

from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.money import Money, Price
from algopioneer_core.domain.orders import Order
from algopioneer_core.domain.positions import Position
from algopioneer_core.engine.order_manager import OrderManager
from algopioneer_core.engine.portfolio import Portfolio

__all__ = ["EngineContext"]


class EngineContext:
    """One mutable object, shown to the strategy as a read-only `StrategyContext`."""

    __slots__ = ("_orders", "_portfolio", "now_ns", "quantity")

    def __init__(self, portfolio: Portfolio, orders: OrderManager) -> None:
        self._portfolio = portfolio
        self._orders = orders
        self.now_ns = 0
        self.quantity = portfolio.quantity  # the one question asked on every bar: no detour

    @property
    def equity(self) -> Money:
        """See `StrategyContext.equity`."""
        return self._portfolio.equity

    @property
    def cash(self) -> Money:
        """See `StrategyContext.cash`."""
        return self._portfolio.cash

    @property
    def has_working_orders(self) -> bool:
        """See `StrategyContext.has_working_orders`."""
        return bool(self._orders.working)

    def instrument(self, instrument_id: InstrumentId) -> Instrument:
        """See `StrategyContext.instrument`."""
        return self._portfolio.instruments[instrument_id]

    def position(self, instrument_id: InstrumentId) -> Position:
        """See `StrategyContext.position`."""
        return self._portfolio.positions[instrument_id]

    def mark(self, instrument_id: InstrumentId) -> Price | None:
        """See `StrategyContext.mark`."""
        return self._portfolio.mark(instrument_id)

    def working_orders(self) -> tuple[Order, ...]:
        """See `StrategyContext.working_orders`."""
        return tuple(self._orders.working.values())
