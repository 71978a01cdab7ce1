"""
The orders of one instrument at a paper venue that fills them on bars.

A backtest counts bars from the decision to the fill; a venue hears of orders at any time. So a new
order waits here until the first bar that can be said to come after it, and only then takes its
place in the simulated market.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from algopioneer_core.domain.events import ExecutionReport, OrderCanceled
from algopioneer_core.domain.market_data import Bar, Quote, Trade
from algopioneer_core.domain.money import Money, Quantity
from algopioneer_core.domain.orders import Order
from algopioneer_core.simulation.config import BacktestConfig
from algopioneer_core.simulation.costs import CostModel
from algopioneer_core.simulation.matching import BarMatcher
from algopioneer_core.simulation.order_filling import Purchase
from algopioneer_core.simulation.resting_orders import RestingOrder

__all__ = ["BarBook"]


class BarBook:
    """
    Fills the orders of one instrument on its bars.

    Args:
        costs: What fills cost.
        config: Fill timing, latency and volume limit.
        interval_ns: Length of a bar.
        held: Tells the signed quantity the account holds now.
        can_carry: The account's word on each fill; None refuses nothing.
    """

    def __init__(
        self,
        costs: CostModel,
        config: BacktestConfig,
        interval_ns: int,
        held: Callable[[], Quantity],
        can_carry: Purchase | None = None,
    ) -> None:
        self._matcher = BarMatcher(costs, config, interval_ns, held, can_carry)
        self._interval_ns = interval_ns
        self._arrivals: list[tuple[Order, int]] = []  # with the time it was sent
        self._index = 0  # bars so far
        self._last_ns = 0  # close of the latest

    def submit(self, order: Order, now_ns: int) -> None:
        """Take *order*, sent at *now_ns*."""
        self._arrivals.append((order, now_ns))

    def cancel(self, client_order_id: str, now_ns: int) -> list[ExecutionReport]:
        """Take an order out; nothing is reported when it is not here."""
        for arrival in self._arrivals:
            if arrival[0].client_order_id == client_order_id:
                self._arrivals.remove(arrival)
                return [OrderCanceled(client_order_id, now_ns)]
        return self._matcher.cancel(client_order_id, now_ns)

    def spent_on(self, client_order_id: str) -> Money:
        """Return value and fees of what an order has traded, in the settlement asset."""
        return self._matcher.spent_on(client_order_id)

    def is_new(self, event: Bar | Quote | Trade) -> bool:
        """Return whether *event* has not been through here yet, and may fill orders."""
        return type(event) is Bar and event.ts_event > self._last_ns

    def on_event(self, event: Bar | Quote | Trade) -> Iterator[ExecutionReport]:
        """Yield what happens to the orders; book each report before asking for the next."""
        assert type(event) is Bar
        self._index += 1
        self._let_in(event)
        self._last_ns = event.ts_event
        return self._matcher.on_bar(event, self._index)

    def _let_in(self, bar: Bar) -> None:
        """Put what was sent before *bar* into the market, as ordered at the bar before it."""
        opened = bar.ts_event - self._interval_ns
        for arrival in tuple(self._arrivals):
            order, sent_ns = arrival
            if sent_ns <= max(self._last_ns, opened) and sent_ns < bar.ts_event:
                self._arrivals.remove(arrival)
                self._matcher.submit(order, self._index - 1)

    # --- memory ------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, object]:
        """Return everything, as JSON values, decimals and orders."""
        return {
            "index": self._index,
            "last_ns": self._last_ns,
            "arrivals": [[order, sent_ns] for order, sent_ns in self._arrivals],
            "resting": [each.snapshot() for each in self._matcher.resting],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what `snapshot` described."""
        self._index, self._last_ns = state["index"], state["last_ns"]
        self._arrivals = [(order, sent_ns) for order, sent_ns in state["arrivals"]]
        self._matcher.resting[:] = [RestingOrder.restored(each) for each in state["resting"]]
