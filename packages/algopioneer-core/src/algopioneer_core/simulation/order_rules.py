"""What the simulated venue refuses: orders off its grids, below its minimums, or short of stock."""

from collections.abc import Callable
from typing import Final

from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import Instrument
from algopioneer_core.domain.money import Price, Quantity, sub
from algopioneer_core.domain.orders import OrderIntent

__all__ = [
    "NOTHING_TO_REDUCE",
    "NOT_FREE",
    "NOT_SHORTABLE",
    "NO_BUYING_POWER",
    "OFF_GRID",
    "OFF_TICK",
    "TOO_SMALL",
    "problem_of_size",
    "problem_of_terms",
]

NO_BUYING_POWER: Final = "not enough buying power"
NOT_FREE: Final = "what it needs is not free: other orders hold it back"
TOO_SMALL: Final = "the amount buys less than one increment"
OFF_GRID: Final = "the quantity is not a multiple of the increment"
OFF_TICK: Final = "the price is not a multiple of the increment"
NOT_SHORTABLE: Final = "the instrument cannot be sold short"
NOTHING_TO_REDUCE: Final = "there is nothing left to reduce"
_SELL: Final = Side.SELL


def problem_of_terms(intent: OrderIntent, instrument: Instrument) -> str:
    """Return why the venue would not take an order of these prices; empty when it would."""
    grid = instrument.price_increment
    if grid is None:
        return ""
    prices = (intent.limit_price, intent.stop_price)
    return "" if all(each is None or grid.contains(each) for each in prices) else OFF_TICK


def problem_of_size(
    intent: OrderIntent,
    instrument: Instrument,
    quantity: Quantity,
    price: Price,
    held: Callable[[], Quantity],
    *,
    is_rest: bool,
) -> str:
    """
    Return why the venue would not let *quantity* of an order trade at *price*; empty when it would.

    The grid and the minimums are for whole orders: what is left of one that has traded (*is_rest*)
    may be smaller. A reduce-only order for all that is held is let through whatever its size: what
    fees in base or a split leave behind could never be closed otherwise.
    """
    if not quantity:
        return NOTHING_TO_REDUCE if intent.reduce_only else TOO_SMALL
    if intent.side is _SELL and not instrument.shortable and sub(held(), quantity) < 0:
        return NOT_SHORTABLE
    if is_rest or (intent.reduce_only and quantity == held().copy_abs()):
        return ""
    if intent.quantity is not None and instrument.whole_quantity(quantity) != quantity:
        return OFF_GRID
    if quantity < instrument.minimum_quantity:
        return f"the quantity is below the minimum of {instrument.minimum_quantity}"
    minimum = instrument.minimum_notional
    if minimum and instrument.value(quantity, price) < minimum:
        return f"the value is below the minimum of {minimum}"
    return ""
