"""
What working orders hold back of a paper account, and what that leaves for others.

Money and coins that an order may need are promised to it from the moment it is taken until it is
filled, cancelled, expired or amended: no other order may count on them. Nothing is booked for that.
What is held is always the sum over the orders that work now, so it cannot be forgotten or freed
twice.
"""

from collections.abc import Callable, Mapping

from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.money import ZERO, Money, Price, Quantity, add, mul, sub
from algopioneer_core.domain.orders import Order
from algopioneer_core.simulation.costs import CostModel
from algopioneer_core.simulation.paper_account import PaperAccount

__all__ = ["Holds", "hold_of"]


class Holds:
    """
    The promises of one account.

    Args:
        account: Whose money and coins they are.
        costs: What fills cost, by instrument.
        working: The orders that may still trade, by client order id. Read only.
        spent: Tells what an order has paid so far, fees included, in the settlement asset.
    """

    def __init__(
        self,
        account: PaperAccount,
        costs: Callable[[InstrumentId], CostModel],
        working: Mapping[str, Order],
        spent: Callable[[Order], Money],
    ) -> None:
        self._account = account
        self._costs = costs
        self._working = working
        self._spent = spent

    def of(self, order: Order) -> tuple[str, Money]:
        """Return the asset and the amount of it that *order* holds back, or would."""
        spent = ZERO if order.intent.quote_amount is None else self._spent(order)
        return hold_of(order, self._costs(order.intent.instrument_id), spent)

    def by_asset(self, *, without: str = "") -> dict[str, Money]:
        """Return what is held of each asset, but for one order; only assets that have any."""
        held: dict[str, Money] = {}
        for key, order in self._working.items():
            asset, amount = self.of(order) if key != without else ("", ZERO)
            if amount:
                held[asset] = add(held.get(asset, ZERO), amount)
        return held

    def admit(self, order: Order, quantity: Quantity, price: Price) -> bool:
        """
        Return whether the account can promise *order* what it would hold, were it taken now.

        Args:
            order: A new one; or one that works with the terms it shall have: what it holds now is
                free for them.
            quantity: What may trade of it.
            price: At what it may.
        """
        if not self._is_bound(order, quantity):
            return True
        return self._is_free(order, max(self._need(order, quantity, price), self.of(order)[1]))

    def allow(self, client_order_id: str, quantity: Quantity, price: Price) -> bool:
        """Return whether a working order may trade: from its own hold, else from what is free."""
        order = self._working[client_order_id]
        if not self._is_bound(order, quantity):
            return True
        need = self._need(order, quantity, price)
        return need <= self.of(order)[1] or self._is_free(order, need)

    def _is_bound(self, order: Order, quantity: Quantity) -> bool:
        """Return whether *order* may only trade with what is there."""
        side, instrument = order.intent.side, self._costs(order.intent.instrument_id).instrument
        if not instrument.delivers_base:
            return False
        if side is Side.SELL:
            return not instrument.shortable
        return self._account.pays_cash and not self._account.reduces(instrument, side, quantity)

    def _need(self, order: Order, quantity: Quantity, price: Price) -> Money:
        """Return what a fill takes out of the account, at most."""
        if order.intent.side is Side.SELL:
            return quantity
        return _cost(self._costs(order.intent.instrument_id), quantity, price)

    def _is_free(self, order: Order, need: Money) -> bool:
        asset, _ = self.of(order)
        others = self.by_asset(without=order.client_order_id).get(asset, ZERO)
        return add(need, others) <= self._account.balances.get(asset, ZERO)


def hold_of(order: Order, costs: CostModel, spent: Money) -> tuple[str, Money]:
    """
    Return the asset and the amount of it that an order of something delivered holds back.

    A purchase holds what is left of its quote amount, or the value of its rest at the limit with
    the dearer of the two fees (of a market order nothing is known before it trades); a sale holds
    what it sells (by its amount, if it has one, at its limit). Contracts hold nothing: what they
    need is judged as margin.

    Args:
        order: As it is now.
        costs: Of its instrument.
        spent: What it has paid or got so far, fees included.
    """
    intent, instrument = order.intent, costs.instrument
    if not instrument.delivers_base:
        return instrument.settlement_asset, ZERO
    asset = instrument.base if intent.side is Side.SELL else instrument.quote
    return asset, (_of_sale if intent.side is Side.SELL else _of_purchase)(order, costs, spent)


def _of_sale(order: Order, costs: CostModel, spent: Money) -> Quantity:
    rest, limit = order.remaining_quantity, order.intent.limit_price
    if rest is not None:
        return rest
    assert order.intent.quote_amount is not None
    left = sub(order.intent.quote_amount, spent)
    return ZERO if limit is None else costs.affordable(left, limit)


def _of_purchase(order: Order, costs: CostModel, spent: Money) -> Money:
    rest, limit = order.remaining_quantity, order.intent.limit_price
    if rest is None:
        assert order.intent.quote_amount is not None
        return max(sub(order.intent.quote_amount, spent), ZERO)
    return ZERO if limit is None else _cost(costs, rest, limit)


def _cost(costs: CostModel, quantity: Quantity, price: Price) -> Money:
    return add(mul(quantity, price), costs.dearer_fee(quantity, price))
