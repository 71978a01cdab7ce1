"""What working orders hold back of a paper account."""

from collections.abc import Callable, Iterable, Mapping

from algopioneer_core.domain.fills import Liquidity, Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.money import ZERO, Money, add, mul, sub
from algopioneer_core.domain.orders import Order
from algopioneer_core.simulation.costs import CostModel

__all__ = ["held_back", "hold_of"]


def held_back(
    orders: Iterable[Order],
    instruments: Mapping[InstrumentId, Instrument],
    costs: Callable[[Instrument], CostModel],
) -> dict[str, Money]:
    """Return what *orders* hold back of each asset; only assets of which something is held."""
    held: dict[str, Money] = {}
    for order in orders:
        asset, amount = hold_of(order, costs(instruments[order.intent.instrument_id]))
        if amount:
            held[asset] = add(held.get(asset, ZERO), amount)
    return held


def hold_of(order: Order, costs: CostModel) -> tuple[str, Money]:
    """
    Return the asset and the amount of it that an order of something delivered holds back.

    A purchase holds its quote amount, or its value at the limit with the taker's fee (of a market
    order nothing is known before it trades); a sale holds what it sells. Contracts hold nothing:
    what they need is judged as margin.
    """
    intent, instrument = order.intent, costs.instrument
    if not instrument.delivers_base:
        return instrument.settlement_asset, ZERO
    rest = order.remaining_quantity
    if intent.side is Side.SELL:
        return instrument.base, rest or ZERO
    if rest is None:
        assert intent.quote_amount is not None
        spent = order.filled_value
        return instrument.quote, max(sub(intent.quote_amount, spent), ZERO)
    if intent.limit_price is None:
        return instrument.quote, ZERO
    fee, _ = costs.fee(rest, intent.limit_price, Liquidity.TAKER)
    return instrument.quote, add(mul(rest, intent.limit_price), fee)
