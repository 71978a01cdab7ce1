"""
Commands: what a strategy asks for, and what the engine tells the outside world to do.

A strategy returns wishes (`StrategyCommand`): an `OrderIntent` asks for an order. The engine turns
what exits, legs and risk leave of them into `Command`s, where each order has its identity.
"""

from decimal import Decimal

from attrs import frozen

from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.orders import Order, OrderIntent

__all__ = [
    "Cancel",
    "CancelAll",
    "CloseSpread",
    "Command",
    "Halt",
    "OpenSpread",
    "SetTimer",
    "StrategyCommand",
    "Submit",
]


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
    """Open a two-leg position as one intent: buy one leg and sell the other."""

    long_leg: InstrumentId
    short_leg: InstrumentId
    hedge_ratio: Decimal
    """Quote value of the second configured leg for one unit of value of the first."""
    reason: str = "signal"


@frozen
class CloseSpread:
    """Close the two-leg position this strategy holds."""

    reason: str = "signal"


@frozen
class SetTimer:
    """Deliver `TimerFired(name)` at a time; a name that is set again replaces its earlier time."""

    name: str
    at_ns: int


@frozen
class Halt:
    """Stop opening positions for this strategy until someone resumes it."""

    reason: str


StrategyCommand = OrderIntent | Cancel | CancelAll | OpenSpread | CloseSpread | SetTimer | Halt
"""What a strategy may return."""
Command = Submit | Cancel | SetTimer | Halt
"""What the engine hands to a backtest, the paper venue or a live session."""
