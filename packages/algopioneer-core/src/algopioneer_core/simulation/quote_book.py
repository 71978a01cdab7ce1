"""
The orders of one instrument at a paper venue that fills them on quotes.

- A market order takes the other side of the first quote it can meet, plus slippage.
- A limit order that meets a quote at its limit or better when it arrives takes it (a post-only one
  is refused). One that rests trades at its own limit once the other side comes to it: whoever
  brings that quote would have taken from it.
- A stop order is triggered when the side it would take reaches its stop price.

An order meets a quote that is at least the latency younger than it. Sizes of quotes count only
under a volume limit.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from algopioneer_core.domain.events import (
    ExecutionReport,
    OrderCanceled,
    OrderExpired,
    OrderRejected,
)
from algopioneer_core.domain.fills import Liquidity, Side
from algopioneer_core.domain.market_data import Bar, Quote, Trade
from algopioneer_core.domain.money import Price, Quantity
from algopioneer_core.domain.orders import Order, OrderType
from algopioneer_core.simulation.config import BacktestConfig
from algopioneer_core.simulation.costs import CostModel
from algopioneer_core.simulation.order_filling import (
    NOT_AT_ONCE,
    WOULD_TAKE,
    OrderFiller,
    Purchase,
)
from algopioneer_core.simulation.order_rules import problem_of_terms
from algopioneer_core.simulation.resting_orders import RestingOrder

__all__ = ["QuoteBook", "TradeBook"]

_BUY: Final = Side.BUY


class QuoteBook(OrderFiller[Quote]):
    """
    Fills the orders of one instrument on its quotes.

    Args:
        costs: What fills cost.
        config: Volume limit.
        latency_ns: By how much a quote must be younger than an order to meet it.
        held: Tells the signed quantity the account holds now.
        can_carry: The account's word on each fill; None refuses nothing.
    """

    def __init__(
        self,
        costs: CostModel,
        config: BacktestConfig,
        latency_ns: int,
        held: Callable[[], Quantity],
        can_carry: Purchase | None = None,
    ) -> None:
        super().__init__(costs, config, held, can_carry)
        self._latency_ns = latency_ns
        self._last_ns = 0

    def submit(self, order: Order, now_ns: int) -> None:
        """Take *order*, sent at *now_ns*."""
        self.resting.append(RestingOrder(order, now_ns + self._latency_ns))

    def amend(self, order: Order) -> None:
        """Let one that waits here be *order* from now on: it meets the next quote as a new one."""
        for each in self.resting:
            if each.order.client_order_id == order.client_order_id:
                each.order, each.in_book = order, False

    def is_new(self, event: Bar | Quote | Trade) -> bool:
        """Return whether *event* is a quote and not older than one that was here."""
        return type(event) is Quote and event.ts_event >= self._last_ns

    def on_event(self, event: Bar | Quote | Trade) -> Iterator[ExecutionReport]:
        """Yield what happens to the orders; book each report before asking for the next."""
        assert type(event) is Quote
        self._last_ns = event.ts_event
        for each in tuple(self.resting):
            if event.ts_event >= each.eligible and each in self.resting:
                yield from self._work(each, event)

    # --- one order at one quote --------------------------------------------------------------

    def _work(self, each: RestingOrder, quote: Quote) -> list[ExecutionReport]:
        order, intent, now_ns = each.order, each.order.intent, quote.ts_event
        if each.is_over(now_ns):
            return [self._leave(each, OrderExpired(order.client_order_id, now_ns))]
        problem = "" if each.in_book else problem_of_terms(intent, self._instrument)
        if problem:
            return [self._leave(each, OrderRejected(order.client_order_id, now_ns, problem))]
        touch = quote.ask if intent.side is _BUY else quote.bid
        if intent.stop_price is not None and not each.triggered:
            beyond = (
                touch >= intent.stop_price if intent.side is _BUY else touch <= intent.stop_price
            )
            if not beyond:
                return []
            each.triggered = True
        if intent.type in (OrderType.MARKET, OrderType.STOP):
            worse = self._costs.market_price(intent.side, touch)
            return self._fill(each, quote, worse, Liquidity.TAKER, now_ns)
        assert intent.limit_price is not None
        return self._limit(each, quote, touch, intent.limit_price)

    def _limit(
        self, each: RestingOrder, quote: Quote, touch: Price, limit: Price
    ) -> list[ExecutionReport]:
        order_id, now_ns, rested = each.order.client_order_id, quote.ts_event, each.in_book
        each.in_book = True
        crosses = touch <= limit if each.order.intent.side is _BUY else touch >= limit
        if crosses and rested:
            return self._fill(each, quote, limit, Liquidity.MAKER, now_ns)
        if crosses and each.order.intent.post_only:
            return [self._leave(each, OrderRejected(order_id, now_ns, WOULD_TAKE))]
        if crosses:
            return self._fill(each, quote, touch, Liquidity.TAKER, now_ns)
        if each.at_once:
            return [self._leave(each, OrderCanceled(order_id, now_ns, NOT_AT_ONCE))]
        return []

    def _shown(self, quote: Quote, side: Side) -> Quantity:
        return quote.ask_size if side is _BUY else quote.bid_size

    # --- memory ------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, object]:
        """Return everything, as JSON values, decimals and orders."""
        return {
            "last_ns": self._last_ns,
            "resting": [each.snapshot() for each in self.resting],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what `snapshot` described."""
        self._last_ns = state["last_ns"]
        self.resting[:] = [RestingOrder.restored(each) for each in state["resting"]]


class TradeBook(QuoteBook):
    """
    Fills the orders of one instrument on its trades, where nothing better is known of it.

    A trade counts as a quote without a spread: bid and ask are its price, both sizes its own.
    """

    def is_new(self, event: Bar | Quote | Trade) -> bool:
        """Return whether *event* is a trade and not older than one that was here."""
        return type(event) is Trade and event.ts_event >= self._last_ns

    def on_event(self, event: Bar | Quote | Trade) -> Iterator[ExecutionReport]:
        """Yield what happens to the orders; book each report before asking for the next."""
        assert type(event) is Trade
        price, size = event.price, event.quantity
        return super().on_event(
            Quote(event.instrument_id, event.ts_event, price, price, size, size, event.ts_recv)
        )
