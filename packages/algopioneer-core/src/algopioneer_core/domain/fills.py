"""
What an order got: one execution at one price.

Some venues report executions one by one, each with an id. Others report only how much of an order
was executed so far; `fill_from_cumulative` takes the difference, so that nothing beyond an adapter
needs to know which kind of venue it is.
"""

import enum
from typing import Final

from attrs import frozen

from algopioneer_core.domain.errors import MoneyError
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.lean import lean
from algopioneer_core.domain.money import (
    ZERO,
    Money,
    Price,
    Quantity,
    add,
    divide_half_even,
    mul,
    neg,
    plain,
    sub,
)

__all__ = [
    "PRICE_PLACES",
    "CumulativeFill",
    "Fill",
    "Liquidity",
    "Side",
    "fill_from_cumulative",
]

PRICE_PLACES: Final = 18
"""Decimals to which the price of a difference between two totals is rounded, half to even."""


class Side(enum.Enum):
    """The direction of an order, a fill or a round trip."""

    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        """1 for a buy, -1 for a sale."""
        return 1 if self is _BUY else -1

    @property
    def opposite(self) -> "Side":
        """The other side."""
        return Side.SELL if self is Side.BUY else Side.BUY


_BUY: Final = Side.BUY  # looking up a member of an enum costs as much as adding two decimals


class Liquidity(enum.Enum):
    """Whether a fill rested in the book before it traded."""

    MAKER = "maker"
    TAKER = "taker"


@lean
@frozen
class Fill:
    """
    One execution, named by the venue's own fill id: the same id is the same fill.

    A venue that reports cumulative amounts is translated by its adapter (`fill_from_cumulative`).

    Raises:
        MoneyError: quantity or price is not positive.
    """

    fill_id: str
    client_order_id: str
    instrument_id: InstrumentId
    side: Side
    quantity: Quantity
    """Base units or contracts, unsigned."""
    price: Price
    fee: Money
    """What the venue took, in `fee_asset`; negative is a rebate."""
    fee_asset: str
    liquidity: Liquidity
    ts_event: int
    """When it was executed, UTC nanoseconds."""

    def __attrs_post_init__(self) -> None:
        if not (self.quantity > ZERO and self.price > ZERO):  # one call for both: made per fill
            name, value = (
                ("price", self.price) if self.quantity > ZERO else ("quantity", self.quantity)
            )
            raise MoneyError(f"a fill's {name} must be positive, not {value}")

    @property
    def signed_quantity(self) -> Quantity:
        """The quantity as it changes a position: positive for a buy."""
        return self.quantity if self.side is _BUY else neg(self.quantity)


@frozen(kw_only=True)
class CumulativeFill:
    """What a venue says was executed of one order so far, in totals."""

    quantity: Quantity = ZERO
    """Base units or contracts, unsigned."""
    value: Money = ZERO
    """Sum of quantity * price, before any multiplier: average price times quantity."""
    fee: Money = ZERO
    """Sum of fees; negative is a rebate."""

    def plus(self, fill: Fill) -> "CumulativeFill":
        """Return the totals after *fill* as well, whose fee must be in the same asset."""
        return CumulativeFill(
            quantity=add(self.quantity, fill.quantity),
            value=add(self.value, mul(fill.quantity, fill.price)),
            fee=add(self.fee, fill.fee),
        )


def fill_from_cumulative(
    before: CumulativeFill,
    now: CumulativeFill,
    *,
    client_order_id: str,
    instrument_id: InstrumentId,
    side: Side,
    fee_asset: str,
    liquidity: Liquidity,
    ts_event: int,
) -> Fill | None:
    """
    Return what was executed between two totals of one order as a single fill.

    None when there is nothing new: a report that was repeated after a reconnect, or one that is
    older than what is known. A fee that changes while the quantity does not is no fill; report it
    as `FeeCharged`.

    The price is the difference in value over the difference in quantity, rounded half to even at
    18 decimals. A venue that rounds its average price can make a small difference worth nothing or
    less; then the average price so far is taken. The id is made from the order and the total, so
    the same total gives the same fill; an order whose fills come from totals must take none from
    the venue's list of single executions, where they have other ids.

    Args:
        before: The totals of the fills counted so far: sum them with `CumulativeFill.plus`.
        now: The totals of the report.
        client_order_id: The order.
        instrument_id: What was traded.
        side: The order's side.
        fee_asset: The asset of both totals' fees.
        liquidity: Whether it rested; where the venue does not say, what the order was made for.
        ts_event: Time of the report, UTC nanoseconds.

    Raises:
        MoneyError: The totals give no positive price at all.
    """
    quantity = sub(now.quantity, before.quantity)
    if quantity <= 0:
        return None
    price = divide_half_even(sub(now.value, before.value), quantity, places=PRICE_PLACES)
    if price <= 0:
        price = divide_half_even(now.value, now.quantity, places=PRICE_PLACES)
    return Fill(
        f"{client_order_id}#{plain(now.quantity)}",
        client_order_id,
        instrument_id,
        side,
        quantity,
        price,
        sub(now.fee, before.fee),
        fee_asset,
        liquidity,
        ts_event,
    )
