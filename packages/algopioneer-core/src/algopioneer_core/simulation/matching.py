"""
Fills decided on bars: which orders trade in a bar, at what price, and how much of them.

Nothing inside a bar is guessed (SEMANTICS, fills on bars):

- A market order fills at the open (or, with `next-close`, at the close) plus slippage.
- A limit order fills at the open when the open is already at its limit or better; else at its
  limit when the bar trades *through* it. Touching the limit is not enough.
- A stop order whose price the bar reaches fills at the stop, or at the open when the bar opens
  beyond it, plus slippage. A stop-limit order that is reached becomes a limit order at the next
  bar, because what came first inside this one is not known.
- An order that expires inside a bar can trade at that bar's open only.

An order made at the decision of one bar is seen by the next bar at the earliest, later by
`latency_bars`. The matcher knows one instrument; it decides and reports, and books nothing.
"""

from collections.abc import Callable, Iterator
from typing import Final

from algopioneer_core.domain.events import (
    ExecutionReport,
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderRejected,
)
from algopioneer_core.domain.fills import Liquidity, Side
from algopioneer_core.domain.market_data import Bar
from algopioneer_core.domain.money import Price, Quantity
from algopioneer_core.domain.orders import Order, OrderType, TimeInForce
from algopioneer_core.simulation.config import BacktestConfig, FillTiming
from algopioneer_core.simulation.costs import CostModel
from algopioneer_core.simulation.order_filling import (
    NOT_AT_ONCE,
    WOULD_TAKE,
    OrderFiller,
    Purchase,
)
from algopioneer_core.simulation.order_rules import problem_of_terms
from algopioneer_core.simulation.resting_orders import RestingOrder

__all__ = ["BarMatcher"]

_MARKET: Final = OrderType.MARKET
_GTC: Final = TimeInForce.GTC
_BUY: Final = Side.BUY
_TAKER: Final = Liquidity.TAKER


class BarMatcher(OrderFiller[Bar]):
    """
    The simulated market of one instrument.

    Args:
        costs: What fills cost.
        config: Fill timing, latency and volume limit.
        interval_ns: Length of a bar, to tell when it opened.
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
        super().__init__(costs, config, held, can_carry)
        self._at_close = config.fill is FillTiming.NEXT_CLOSE
        self._wait = 1 + config.latency_bars
        self._interval_ns = interval_ns

    def submit(self, order: Order, bar_index: int) -> None:
        """Take *order*, made at the decision of the bar with *bar_index*."""
        self.resting.append(RestingOrder(order, bar_index + self._wait))

    def on_bar(self, bar: Bar, bar_index: int) -> Iterator[ExecutionReport]:
        """
        Yield what happens to the waiting orders in *bar*, oldest order first.

        Book each report before asking for the next: what the account may do depends on it. An order
        that is cancelled meanwhile is passed over.
        """
        for each in tuple(self.resting):
            if bar_index >= each.eligible and each in self.resting:
                yield from self._work(each, bar)

    # --- one order in one bar ----------------------------------------------------------------

    def _work(self, each: RestingOrder, bar: Bar) -> list[ExecutionReport]:
        order, intent = each.order, each.order.intent
        if intent.type is _MARKET and intent.time_in_force is _GTC and not each.taken:
            return self._market(each, bar) or self._acknowledge(each, bar)
        opened = bar.ts_event - self._interval_ns
        if each.is_over(opened):
            return [self._leave(each, OrderExpired(order.client_order_id, opened))]
        problem = "" if each.accepted else problem_of_terms(intent, self._instrument)
        if problem:
            return [self._leave(each, OrderRejected(order.client_order_id, opened, problem))]
        if intent.expire_ns is not None and intent.expire_ns < bar.ts_event:
            return self._at_open_only(each, bar, intent.expire_ns)
        return self._rules(each, bar) or self._acknowledge(each, bar)

    def _rules(self, each: RestingOrder, bar: Bar) -> list[ExecutionReport]:
        intent = each.order.intent
        if intent.stop_price is not None and not each.triggered:
            return self._stop(each, bar, intent.stop_price)
        if intent.limit_price is not None:
            return self._limit(each, bar, intent.limit_price)
        return self._market(each, bar)

    def _at_open_only(self, each: RestingOrder, bar: Bar, expire_ns: int) -> list[ExecutionReport]:
        """Work an order that expires inside *bar*: only its open is known to come before that."""
        start = bar.open_ticks
        reports: list[ExecutionReport] = []
        if each.order.intent.type is not _MARKET or not self._at_close:
            reports += self._rules(each, bar._replace(high_ticks=start, low_ticks=start))
        if each in self.resting:
            expired = OrderExpired(each.order.client_order_id, expire_ns)
            reports.append(self._leave(each, expired))
        return reports

    def _acknowledge(self, each: RestingOrder, bar: Bar) -> list[ExecutionReport]:
        """Report once that an order waits, when nothing else is to be said of it."""
        if each.accepted or each.taken or each not in self.resting:
            return []
        each.accepted = True
        return [OrderAccepted(each.order.client_order_id, bar.ts_event - self._interval_ns)]

    def _market(self, each: RestingOrder, bar: Bar) -> list[ExecutionReport]:
        if self._at_close:
            price, ts_ns = bar.close, bar.ts_event
        else:
            price, ts_ns = bar.open, bar.ts_event - self._interval_ns
        worse = self._costs.market_price(each.order.intent.side, price)
        return self._fill(each, bar, worse, _TAKER, ts_ns)

    def _stop(self, each: RestingOrder, bar: Bar, stop: Price) -> list[ExecutionReport]:
        intent = each.order.intent
        buying = intent.side is _BUY
        if bar.high < stop if buying else bar.low > stop:
            return []
        each.triggered = True
        if intent.type is OrderType.STOP_LIMIT:
            return []
        beyond = max(bar.open, stop) if buying else min(bar.open, stop)
        at_open = beyond == bar.open
        price = self._costs.market_price(intent.side, beyond)
        ts_ns = bar.ts_event - self._interval_ns if at_open else bar.ts_event
        return self._fill(each, bar, price, _TAKER, ts_ns)

    def _limit(self, each: RestingOrder, bar: Bar, limit: Price) -> list[ExecutionReport]:
        intent, was_in_book = each.order.intent, each.in_book
        each.in_book = True
        buying = intent.side is _BUY
        order_id, opened = each.order.client_order_id, bar.ts_event - self._interval_ns
        if bar.open <= limit if buying else bar.open >= limit:
            if not intent.post_only:
                return self._fill(each, bar, bar.open, _TAKER, opened)
            if was_in_book:  # whoever trades there takes from this order
                return self._fill(each, bar, limit, Liquidity.MAKER, opened)
            return [self._leave(each, OrderRejected(order_id, opened, WOULD_TAKE))]
        if each.at_once:
            return [self._leave(each, OrderCanceled(order_id, opened, NOT_AT_ONCE))]
        if bar.low < limit if buying else bar.high > limit:
            return self._fill(each, bar, limit, Liquidity.MAKER, bar.ts_event)
        return []

    def _shown(self, bar: Bar, _side: Side) -> Quantity:
        return bar.volume
