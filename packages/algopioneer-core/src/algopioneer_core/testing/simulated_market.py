"""A simulated market of one instrument that is driven bar by bar, for tests of fills."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from algopioneer_core.domain.events import (
    ExecutionReport,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
)
from algopioneer_core.domain.fills import Fill, Side
from algopioneer_core.domain.instruments import Instrument
from algopioneer_core.domain.market_data import NS_PER_SECOND, Bar
from algopioneer_core.domain.money import Price, Quantity, add
from algopioneer_core.domain.orders import Order, OrderIntent, OrderStatus
from algopioneer_core.simulation.config import BacktestConfig
from algopioneer_core.simulation.costs import CostModel
from algopioneer_core.simulation.matching import BarMatcher
from algopioneer_core.testing.domain import BITCOIN

__all__ = ["MINUTE", "SimulatedMarket", "kinds", "message", "only_fill"]

MINUTE: Final = 60 * NS_PER_SECOND
"""The length of its bars, in nanoseconds."""


class SimulatedMarket:
    """A matcher with a tiny account: books what it reports, one minute a bar."""

    def __init__(
        self,
        instrument: Instrument = BITCOIN,
        *,
        held: str = "0",
        can_carry: bool = True,
        start_ns: int = 86_400 * NS_PER_SECOND,
        **config: Any,
    ) -> None:
        self.instrument = instrument
        self.held: Quantity = Decimal(held)
        self.asked: list[tuple[Side, Quantity, Price]] = []
        self._can_carry = can_carry
        settings = BacktestConfig(**config)
        self.matcher = BarMatcher(
            CostModel.of(instrument, settings), settings, MINUTE, lambda: self.held, self._carry
        )
        self.index = 0
        self.start_ns = start_ns
        self._orders = 0

    def _carry(self, order: Order, quantity: Quantity, price: Price) -> bool:
        self.asked.append((order.intent.side, quantity, price))
        return self._can_carry

    def order(self, side: Side, quantity: str | None = "1", **terms: Any) -> str:
        """Submit an order at the decision of the bar that was seen last; return its id."""
        self._orders += 1
        name = f"o{self._orders}"
        size = None if quantity is None else Decimal(quantity)
        intent = OrderIntent(instrument_id=self.instrument.id, side=side, quantity=size, **terms)
        order = Order(name, intent, self.start_ns, OrderStatus.PENDING)
        self.matcher.submit(order, self.index)
        return name

    def bar(self, *prices: int, volume: int = 100) -> list[ExecutionReport]:
        """Let a bar of these prices (open, high, low, close) pass; return the reports."""
        start, high, low, close = prices if len(prices) == 4 else prices * 4
        self.index += 1
        ts_ns = self.start_ns + self.index * MINUTE
        bar = Bar(self.instrument.id, ts_ns, start, high, low, close, volume, 0, 0, ts_ns)
        reports = []
        for report in self.matcher.on_bar(bar, self.index):
            if isinstance(report, OrderFilled):
                self.held = add(self.held, report.fill.signed_quantity)
            reports.append(report)
        return reports

    def opened_ns(self) -> int:
        """Return when the last bar opened."""
        return self.start_ns + (self.index - 1) * MINUTE


def only_fill(reports: Sequence[ExecutionReport]) -> Fill:
    """Return the fill that is all there is in *reports*."""
    (report,) = reports
    assert isinstance(report, OrderFilled)
    return report.fill


def kinds(reports: Sequence[ExecutionReport]) -> list[type]:
    """Return the class of each report."""
    return [type(report) for report in reports]


def message(reports: Sequence[ExecutionReport]) -> str:
    """Return the reason of the one refusal in *reports*."""
    (report,) = reports
    assert isinstance(report, OrderRejected | OrderCanceled)
    return report.message
