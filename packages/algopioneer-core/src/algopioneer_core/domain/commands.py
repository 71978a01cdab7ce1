"""
Commands: what a strategy asks for, and what the engine tells the outside world to do.

A strategy returns wishes (`StrategyCommand`): an `OrderIntent` asks for an order. The engine turns
what exits, legs and risk leave of them into `Command`s, where each order has its identity.
"""

from decimal import Decimal

from attrs import frozen

from algopioneer_core.domain.errors import OrderError
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.lean import lean
from algopioneer_core.domain.money import ONE
from algopioneer_core.domain.orders import Order, OrderIntent
from algopioneer_core.domain.spreads import SpreadSize

__all__ = [
    "Cancel",
    "CancelAll",
    "CloseSpread",
    "Command",
    "Halt",
    "OpenSpread",
    "RollSpread",
    "SetTimer",
    "StrategyCommand",
    "Submit",
]


@lean
@frozen
class Submit:
    """Send this order to its venue."""

    order: Order


@frozen
class Cancel:
    """Take one order back."""

    client_order_id: str


@frozen
class CancelAll:
    """Take back all working orders of this strategy, of one instrument or of all."""

    instrument_id: InstrumentId | None = None


@frozen(kw_only=True)
class OpenSpread:
    """
    Open a two-leg position as one intent: buy one leg and sell the other.

    Raises:
        OrderError: Both legs are the same instrument, or the hedge ratio is not positive.
    """

    buy: InstrumentId
    sell: InstrumentId
    size: SpreadSize
    hedge_ratio: Decimal = ONE
    """Value of the strategy's second instrument against one unit of value of its first; positive.
    Used for beta-neutral sizes; frozen with the position."""
    reason: str = "signal"

    def __attrs_post_init__(self) -> None:
        if self.buy == self.sell:
            raise OrderError("a spread needs two instruments", where=self.buy)
        if self.hedge_ratio <= 0:
            raise OrderError(
                f"the hedge ratio of a spread must be positive, not {self.hedge_ratio}",
                where=f"{self.buy} / {self.sell}",
            )


@frozen
class CloseSpread:
    """Close the two-leg position this strategy holds."""

    reason: str = "signal"
    stop: bool = False
    """Whether it is a stop: it waits for no exit policy's consent and no cooldown."""


@frozen
class RollSpread:
    """Move the second leg of the two-leg position held into another contract of its chain."""

    to: InstrumentId
    """Of the strategy's instruments; expires later than what is held."""
    reason: str = "roll"


@frozen
class SetTimer:
    """Deliver `TimerFired(name)` at a time; a name that is set again replaces its earlier time."""

    name: str
    at_ns: int


@frozen
class Halt:
    """Stop opening positions for this strategy until someone resumes it."""

    reason: str


StrategyCommand = (
    OrderIntent | Cancel | CancelAll | OpenSpread | RollSpread | CloseSpread | SetTimer | Halt
)
"""What a strategy may return."""
Command = Submit | Cancel | SetTimer | Halt
"""What the engine hands to a backtest, the paper venue or a live session."""
