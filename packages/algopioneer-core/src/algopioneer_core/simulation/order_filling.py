"""
Fills of a simulated market, whatever decided that there is one.

A market of one instrument decides which order trades and at what price (`matching` on bars,
`quote_matching` on quotes); what is common to both is here: how much trades, what the venue and the
account refuse, what it costs, and what is reported.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Final, Generic, TypeVar

from algopioneer_core.domain.events import (
    ExecutionReport,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
)
from algopioneer_core.domain.fills import Fill, Liquidity, Side
from algopioneer_core.domain.money import ZERO, Money, Price, Quantity, add, mul, neg, sub
from algopioneer_core.domain.orders import Order, OrderIntent, TimeInForce
from algopioneer_core.simulation.config import BacktestConfig
from algopioneer_core.simulation.costs import CostModel
from algopioneer_core.simulation.order_rules import NO_BUYING_POWER, problem_of_size
from algopioneer_core.simulation.resting_orders import RestingOrder

__all__ = ["NOT_AT_ONCE", "WOULD_TAKE", "OrderFiller", "Purchase"]

NOT_AT_ONCE: Final = "not filled at once"
WOULD_TAKE: Final = "would take"
_BUY: Final = Side.BUY

Purchase = Callable[[Order, Quantity, Price], bool]
"""Asks the account whether it can carry a fill of an order; False refuses it."""

_EventT = TypeVar("_EventT")


class OrderFiller(Generic[_EventT]):
    """
    The waiting orders of one instrument, and their fills; it books nothing.

    Args:
        costs: What fills cost.
        config: Volume limit.
        held: Tells the signed quantity the account holds now.
        can_carry: The account's word on each fill; None refuses nothing.
    """

    def __init__(
        self,
        costs: CostModel,
        config: BacktestConfig,
        held: Callable[[], Quantity],
        can_carry: Purchase | None = None,
    ) -> None:
        self.resting: list[RestingOrder] = []
        """Orders that wait, oldest first; empty most of the time. Always this list; read only."""
        self._costs = costs
        self._instrument = costs.instrument
        self._volume_limit = config.volume_limit
        self._held = held
        self._can_carry = can_carry
        self._fills = 0

    def cancel(self, client_order_id: str, ts_ns: int) -> list[ExecutionReport]:
        """Take an order out; nothing is reported when it is no longer here."""
        for each in self.resting:
            if each.order.client_order_id == client_order_id:
                self.resting.remove(each)
                return [OrderCanceled(client_order_id, ts_ns)]
        return []

    def spent_on(self, client_order_id: str) -> Money:
        """Return value and fees of what an order has traded, in the settlement asset."""
        spent = (
            each.spent for each in self.resting if each.order.client_order_id == client_order_id
        )
        return next(spent, ZERO)

    def cancel_all(self, ts_ns: int, message: str) -> list[ExecutionReport]:
        """Take all orders out, because of *message*."""
        waiting = tuple(self.resting)
        self.resting.clear()
        return [OrderCanceled(each.order.client_order_id, ts_ns, message) for each in waiting]

    def fill_now(self, order: Order, price: Price, ts_ns: int) -> ExecutionReport:
        """Return the fill of a liquidating *order*, in full, at *price* plus slippage."""
        quantity = order.intent.quantity
        assert quantity is not None
        worse = self._costs.market_price(order.intent.side, price)
        return self._filled(order, quantity, worse, Liquidity.TAKER, ts_ns, complete=True)

    # --- one fill ----------------------------------------------------------------------------

    def _fill(
        self, each: RestingOrder, event: _EventT, price: Price, liquidity: Liquidity, ts_ns: int
    ) -> list[ExecutionReport]:
        order, intent = each.order, each.order.intent
        wanted = self._wanted(each, price)
        problem = problem_of_size(
            intent, self._instrument, wanted, price, self._held, is_rest=bool(each.taken)
        )
        if self._can_carry is not None and not (problem or self._can_carry(order, wanted, price)):
            problem = NO_BUYING_POWER
        if problem:
            refusal = OrderCanceled if each.taken else OrderRejected
            return [self._leave(each, refusal(order.client_order_id, ts_ns, problem))]
        quantity = (
            wanted if self._volume_limit is None else min(wanted, self._room(event, intent.side))
        )
        complete = quantity == wanted
        if not quantity or (not complete and intent.time_in_force is TimeInForce.FOK):
            return self._unfilled(each, ts_ns)
        report = self._filled(order, quantity, price, liquidity, ts_ns, complete=complete)
        if complete:
            return [self._leave(each, report)]
        each.taken = add(each.taken, quantity)
        each.spent = add(each.spent, self._cost_of(report))
        return [report, *self._unfilled(each, ts_ns)]

    def _unfilled(self, each: RestingOrder, ts_ns: int) -> list[ExecutionReport]:
        if not each.at_once:
            return []
        order_id = each.order.client_order_id
        return [self._leave(each, OrderCanceled(order_id, ts_ns, NOT_AT_ONCE))]

    def _wanted(self, each: RestingOrder, price: Price) -> Quantity:
        """Return what is still to be filled; a reduce-only order is cut to what is held."""
        intent, amount = each.order.intent, each.order.intent.quote_amount
        if amount is not None:
            left = sub(amount, each.spent) if each.spent else amount
            wanted = self._costs.affordable(left, price)
        else:
            assert intent.quantity is not None
            wanted = sub(intent.quantity, each.taken) if each.taken else intent.quantity
        return min(wanted, self._reducible(intent)) if intent.reduce_only else wanted

    def _reducible(self, intent: OrderIntent) -> Quantity:
        held = self._held()
        return max(neg(held) if intent.side is _BUY else held, ZERO)

    def _room(self, event: _EventT, side: Side) -> Quantity:
        """Return the most that one order may take of what *event* shows, under the volume limit."""
        assert self._volume_limit is not None
        return self._instrument.whole_quantity(mul(self._shown(event, side), self._volume_limit))

    def _shown(self, event: _EventT, side: Side) -> Quantity:
        raise NotImplementedError

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
        intent, costs = order.intent, self._costs
        in_base = costs.takes_base and intent.side is _BUY and self._held() >= 0
        fee, asset = costs.fee(quantity, price, liquidity, in_base=in_base)
        self._fills += 1
        fill = Fill(
            f"f{self._fills}",
            order.client_order_id,
            intent.instrument_id,
            intent.side,
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
        return (
            add(value, fill.fee) if fill.fee_asset == self._instrument.settlement_asset else value
        )

    def _leave(self, each: RestingOrder, report: ExecutionReport) -> ExecutionReport:
        self.resting.remove(each)
        return report
