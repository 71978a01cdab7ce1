"""
What a venue says about our orders, one class for each kind of report.

An adapter translates every message about an order into one of these; `orders` says what each does
to the order's state. All times are UTC nanoseconds, and are the venue's where it gives one.
"""

from attrs import frozen

from algopioneer_core.domain.fills import Fill
from algopioneer_core.domain.lean import lean

__all__ = [
    "CancelRejected",
    "ExecutionReport",
    "OrderAbsent",
    "OrderAccepted",
    "OrderCanceled",
    "OrderCompleted",
    "OrderExpired",
    "OrderFilled",
    "OrderRejected",
    "OrderUnknown",
]


@frozen
class OrderAccepted:
    """The venue has the order: it acknowledged it, or shows it among the open ones."""

    client_order_id: str
    ts_event: int
    venue_order_id: str | None = None


@frozen
class OrderRejected:
    """The venue refused the order."""

    client_order_id: str
    ts_event: int
    message: str = ""
    """The venue's reason, mapped by its adapter."""


@lean
@frozen
class OrderFilled:
    """Part of an order, or all of it, was executed."""

    fill: Fill
    complete: bool | None = None
    """Whether the venue says with it that nothing remains; None when it does not say."""

    @property
    def client_order_id(self) -> str:
        """The order that was filled."""
        return self.fill.client_order_id

    @property
    def ts_event(self) -> int:
        """When it was executed."""
        return self.fill.ts_event


@frozen
class OrderCompleted:
    """
    Nothing of the order remains, said without a fill.

    Some venues say so in a message of its own, after the last fill or before it. An order of a
    fixed quantity is complete by its fills; one that is sized in quote currency needs to be told.
    """

    client_order_id: str
    ts_event: int


@frozen
class OrderCanceled:
    """The order, or what was left of it, was taken out of the market."""

    client_order_id: str
    ts_event: int
    message: str = ""


@frozen
class OrderExpired:
    """The order reached the end of its time in force."""

    client_order_id: str
    ts_event: int


@frozen
class OrderUnknown:
    """The answer was lost: the order may or may not exist."""

    client_order_id: str
    ts_event: int
    message: str = ""


@frozen
class OrderAbsent:
    """The venue was proven not to have the order."""

    client_order_id: str
    ts_event: int


@frozen
class CancelRejected:
    """
    The venue has the order and did not take it out (filled meanwhile, market closed, …).

    "No such order" is not this but `OrderUnknown`: the order may have ended, or never arrived.
    """

    client_order_id: str
    ts_event: int
    message: str = ""


ExecutionReport = (
    OrderAccepted
    | OrderRejected
    | OrderFilled
    | OrderCompleted
    | OrderCanceled
    | OrderExpired
    | OrderUnknown
    | OrderAbsent
    | CancelRejected
)
"""What a venue says about our orders."""
