"""
Fills decided on bars: which orders trade in a bar, at what price, and how much of them.

Nothing inside a bar is guessed (SEMANTICS, fills on bars):

- A market order fills at the open (or, with `next-close`, at the close) plus slippage.
- A limit order fills at the open when the open is already at its limit or better; else at its
  limit when the bar trades *through* it. Touching the limit is not enough.
- A stop order whose price the bar reaches fills at the stop, or at the open when the bar opens
  beyond it, plus slippage. A stop-limit order that is reached becomes a limit order at the next
  bar, because what came first inside this one is not known.

An order made at the decision of one bar is seen by the next bar at the earliest, later by
`latency_bars`. The matcher knows one instrument; it decides and reports, and books nothing.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Final

from algopioneer_core.domain.events import (
    ExecutionReport,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderRejected,
)
from algopioneer_core.domain.fills import Fill, Liquidity, Side
from algopioneer_core.domain.market_data import NS_PER_SECOND, Bar
from algopioneer_core.domain.money import ZERO, Money, Price, Quantity, add, mul, sub
from algopioneer_core.domain.orders import Order, OrderIntent, OrderType, TimeInForce
from algopioneer_core.simulation.config import BacktestConfig, FillTiming
from algopioneer_core.simulation.costs import CostModel

__all__ = ["NO_BUYING_POWER", "TOO_SMALL", "BarMatcher", "Purchase"]

NO_BUYING_POWER: Final = "not enough buying power"
TOO_SMALL: Final = "the amount buys less than one increment"

_DAY_NS: Final = 86_400 * NS_PER_SECOND

Purchase = Callable[[Side, Quantity, Price], bool]
"""Asks the account whether it can carry a fill; False refuses it."""


class _Resting:
    """An order that waits in the simulated market."""

    __slots__ = ("eligible", "limit", "order", "spent", "taken", "triggered")

    def __init__(self, order: Order, eligible: int) -> None:
        self.order = order
        self.eligible = eligible
        """Index of the first bar that may fill it."""
        self.taken: Quantity = ZERO
        self.spent: Money = ZERO
        self.triggered = False
        """Whether its stop price was reached in an earlier bar."""


class BarMatcher:
    """
    The simulated market of one instrument.

    Args:
        costs: What fills cost.
        config: Fill timing, latency and volume limit.
        interval_ns: Length of a bar, to tell when it opened.
        can_carry: The account's word on each fill; None refuses nothing.
    """

    def __init__(
        self,
        costs: CostModel,
        config: BacktestConfig,
        interval_ns: int,
        can_carry: Purchase | None = None,
    ) -> None:
        self.resting: list[_Resting] = []
        """Orders that wait, oldest first; empty most of the time. Read only."""
        self._costs = costs
        self._instrument = costs.instrument
        self._at_close = config.fill is FillTiming.NEXT_CLOSE
        self._wait = 1 + config.latency_bars
        self._volume_limit = config.volume_limit
        self._interval_ns = interval_ns
        self._can_carry = can_carry
        self._fills = 0

    def submit(self, order: Order, bar_index: int) -> None:
        """Take *order*, made at the decision of the bar with *bar_index*."""
        self.resting.append(_Resting(order, bar_index + self._wait))

    def cancel(self, client_order_id: str, ts_ns: int) -> list[ExecutionReport]:
        """Take an order out; nothing is reported when it is no longer here."""
        for each in self.resting:
            if each.order.client_order_id == client_order_id:
                self.resting.remove(each)
                return [OrderCanceled(client_order_id, ts_ns)]
        return []

    def cancel_all(self, ts_ns: int, message: str) -> list[ExecutionReport]:
        """Take all orders out, because of *message*."""
        waiting, self.resting = self.resting, []
        return [OrderCanceled(each.order.client_order_id, ts_ns, message) for each in waiting]

    def on_bar(self, bar: Bar, bar_index: int) -> list[ExecutionReport]:
        """Return what happens to the waiting orders in *bar*, oldest order first."""
        reports: list[ExecutionReport] = []
        for each in tuple(self.resting):
            if bar_index >= each.eligible:
                reports.extend(self._work(each, bar))
        return reports

    def fill_now(self, order: Order, price: Price, ts_ns: int) -> ExecutionReport:
        """Return the fill of a market *order* at *price* plus slippage, in full, at *ts_ns*."""
        quantity = order.intent.quantity
        if quantity is None:
            quantity = self._costs.affordable(order.intent.quote_amount or ZERO, price)
        worse = self._costs.market_price(order.intent.side, price)
        return self._filled(order, quantity, worse, Liquidity.TAKER, ts_ns, complete=True)

    # --- one order in one bar ----------------------------------------------------------------

    def _work(self, each: _Resting, bar: Bar) -> list[ExecutionReport]:
        intent = each.order.intent
        if intent.type is OrderType.MARKET:
            price, ts_ns = self._market_point(bar)
            worse = self._costs.market_price(intent.side, price)
            return self._fill(each, bar, worse, Liquidity.TAKER, ts_ns)
        if _is_over(each.order, bar):
            return [self._leave(each, OrderExpired(each.order.client_order_id, bar.ts_event))]
        if intent.stop_price is not None and not each.triggered:
            return self._stop(each, bar, intent.stop_price)
        return self._limit(each, bar, intent)

    def _market_point(self, bar: Bar) -> tuple[Price, int]:
        if self._at_close:
            return bar.close, bar.ts_event
        return bar.open, bar.ts_event - self._interval_ns

    def _stop(self, each: _Resting, bar: Bar, stop: Price) -> list[ExecutionReport]:
        intent = each.order.intent
        buying = intent.side is Side.BUY
        reached = bar.high >= stop if buying else bar.low <= stop
        if not reached:
            return []
        each.triggered = True
        if intent.type is OrderType.STOP_LIMIT:
            return []
        beyond = max(bar.open, stop) if buying else min(bar.open, stop)
        at_open = beyond == bar.open
        price = self._costs.market_price(intent.side, beyond)
        ts_ns = bar.ts_event - self._interval_ns if at_open else bar.ts_event
        return self._fill(each, bar, price, Liquidity.TAKER, ts_ns)

    def _limit(self, each: _Resting, bar: Bar, intent: OrderIntent) -> list[ExecutionReport]:
        limit = intent.limit_price
        assert limit is not None  # noqa: S101 (every order that comes here has one)
        buying = intent.side is Side.BUY
        order_id, opened = each.order.client_order_id, bar.ts_event - self._interval_ns
        if bar.open <= limit if buying else bar.open >= limit:
            if intent.post_only:
                return [self._leave(each, OrderRejected(order_id, opened, "would take"))]
            return self._fill(each, bar, bar.open, Liquidity.TAKER, opened)
        if intent.time_in_force in (TimeInForce.IOC, TimeInForce.FOK):
            return [self._leave(each, OrderCanceled(order_id, opened, "not filled at once"))]
        if bar.low < limit if buying else bar.high > limit:
            return self._fill(each, bar, limit, Liquidity.MAKER, bar.ts_event)
        return []

    # --- fills -------------------------------------------------------------------------------

    def _fill(
        self, each: _Resting, bar: Bar, price: Price, liquidity: Liquidity, ts_ns: int
    ) -> list[ExecutionReport]:
        order, intent = each.order, each.order.intent
        wanted = self._wanted(each, price)
        problem = self._problem(each, wanted, price)
        if problem:
            refusal = OrderCanceled if each.taken else OrderRejected
            return [self._leave(each, refusal(order.client_order_id, ts_ns, problem))]
        quantity = wanted if self._volume_limit is None else min(wanted, self._room(bar))
        complete = quantity == wanted
        once = intent.time_in_force in (TimeInForce.IOC, TimeInForce.FOK)
        if not quantity or (intent.time_in_force is TimeInForce.FOK and not complete):
            return self._unfilled(each, ts_ns, once=once)
        report = self._filled(order, quantity, price, liquidity, ts_ns, complete=complete)
        each.taken = add(each.taken, quantity)
        each.spent = add(each.spent, self._cost_of(report))
        if complete:
            return [self._leave(each, report)]
        return [report, *self._unfilled(each, ts_ns, once=once)]

    def _unfilled(self, each: _Resting, ts_ns: int, *, once: bool) -> list[ExecutionReport]:
        if not once:
            return []
        order_id = each.order.client_order_id
        return [self._leave(each, OrderCanceled(order_id, ts_ns, "not filled at once"))]

    def _wanted(self, each: _Resting, price: Price) -> Quantity:
        intent = each.order.intent
        if intent.quantity is not None:
            return sub(intent.quantity, each.taken)
        amount = intent.quote_amount
        assert amount is not None  # noqa: S101 (an intent has a quantity or an amount)
        return self._costs.affordable(sub(amount, each.spent) if each.spent else amount, price)

    def _problem(self, each: _Resting, wanted: Quantity, price: Price) -> str:
        instrument = self._instrument
        if not wanted:
            return TOO_SMALL
        if wanted < instrument.minimum_quantity and not each.taken:
            return f"the quantity is below the minimum of {instrument.minimum_quantity}"
        minimum = instrument.minimum_notional
        if minimum and not each.taken and instrument.value(wanted, price) < minimum:
            return f"the value is below the minimum of {minimum}"
        if self._can_carry is None or self._can_carry(each.order.intent.side, wanted, price):
            return ""
        return NO_BUYING_POWER

    def _room(self, bar: Bar) -> Quantity:
        assert self._volume_limit is not None  # noqa: S101 (checked by the caller)
        return self._instrument.whole_quantity(mul(bar.volume, self._volume_limit))

    def _filled(
        self,
        order: Order,
        quantity: Quantity,
        price: Price,
        liquidity: Liquidity,
        ts_ns: int,
        *,
        complete: bool,
    ) -> OrderFilled:
        fee, asset = self._costs.fee(quantity, price, liquidity)
        self._fills += 1
        fill = Fill(
            f"f{self._fills}",
            order.client_order_id,
            order.intent.instrument_id,
            order.intent.side,
            quantity,
            price,
            fee,
            asset,
            liquidity,
            ts_ns,
        )
        return OrderFilled(fill, complete)

    def _cost_of(self, report: OrderFilled) -> Decimal:
        fill = report.fill
        value = self._instrument.value(fill.quantity, fill.price)
        return add(value, fill.fee) if fill.fee_asset != self._instrument.base else value

    def _leave(self, each: _Resting, report: ExecutionReport) -> ExecutionReport:
        self.resting.remove(each)
        return report


def _is_over(order: Order, bar: Bar) -> bool:
    """Return whether the order's time in force ended before *bar* closed."""
    intent = order.intent
    if intent.time_in_force is TimeInForce.GTD:
        return intent.expire_ns is not None and bar.ts_event > intent.expire_ns
    if intent.time_in_force is TimeInForce.DAY:
        return (bar.ts_event - 1) // _DAY_NS > order.ts_created // _DAY_NS
    return False
