"""
Events: the closed union of what can happen, and what the journal stores.

Market data, execution reports, account changes, and the session's own milestones. All times are
UTC nanoseconds (`ts_event`: when it happened, where it happened). Amounts are signed from our
side: what we receive is positive. The union is closed on purpose: a handler that forgets a kind
of event is found by the type checker.
"""

import enum
from decimal import Decimal

from attrs import frozen

from algopioneer_core.domain.fills import Fill
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import Bar, JointBar, Quote, Trade
from algopioneer_core.domain.money import Money, Price, Quantity

__all__ = [
    "AccountEvent",
    "AccountSnapshot",
    "BorrowCharged",
    "CancelRejected",
    "DividendPaid",
    "Event",
    "ExecutionReport",
    "FeeCharged",
    "FeedDown",
    "FeedGap",
    "FeedUp",
    "FillBusted",
    "FillCorrected",
    "FundingPaid",
    "InstrumentStatus",
    "InstrumentStatusChanged",
    "Liquidated",
    "MarketClosed",
    "MarketOpened",
    "OrderAbsent",
    "OrderAccepted",
    "OrderCanceled",
    "OrderExpired",
    "OrderFilled",
    "OrderRejected",
    "OrderUnknown",
    "RiskHalted",
    "RiskResumed",
    "SessionEvent",
    "Settled",
    "Split",
    "StrategyCrashed",
    "StrategyRestarted",
    "StrategyStarted",
    "TimerFired",
    "Transferred",
]


# --- execution reports -----------------------------------------------------------------------


@frozen
class OrderAccepted:
    """The venue has the order."""

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


@frozen
class OrderFilled:
    """Part of an order, or all of it, was executed."""

    fill: Fill
    complete: bool | None = None
    """Whether the venue says nothing remains; None when it does not say."""

    @property
    def client_order_id(self) -> str:
        """The order that was filled."""
        return self.fill.client_order_id

    @property
    def ts_event(self) -> int:
        """When it was executed."""
        return self.fill.ts_event


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
    """The venue did not take the order out (filled meanwhile, unknown to it, …)."""

    client_order_id: str
    ts_event: int
    message: str = ""


ExecutionReport = (
    OrderAccepted
    | OrderRejected
    | OrderFilled
    | OrderCanceled
    | OrderExpired
    | OrderUnknown
    | OrderAbsent
    | CancelRejected
)
"""What a venue says about our orders."""


# --- account changes without an order --------------------------------------------------------


@frozen
class AccountSnapshot:
    """What the venue says we have: balances by asset and positions by instrument."""

    venue: str
    ts_event: int
    balances: tuple[tuple[str, Money], ...]
    positions: tuple[tuple[InstrumentId, Quantity], ...]


@frozen
class FeeCharged:
    """A fee that did not come with a fill (posted late, rollover, subscription)."""

    instrument_id: InstrumentId
    ts_event: int
    amount: Money
    """Positive is a cost."""
    asset: str


@frozen
class FundingPaid:
    """Funding of a perpetual: what we received, negative when we paid."""

    instrument_id: InstrumentId
    ts_event: int
    amount: Money
    asset: str


@frozen
class BorrowCharged:
    """Interest on borrowed stock or coin; positive is a cost."""

    instrument_id: InstrumentId
    ts_event: int
    amount: Money
    asset: str


@frozen
class DividendPaid:
    """A dividend: what we received, negative when we were short and paid it."""

    instrument_id: InstrumentId
    ts_event: int
    amount: Money
    asset: str


@frozen
class Split:
    """Every `denominator` units became `numerator` units."""

    instrument_id: InstrumentId
    ts_event: int
    numerator: int
    denominator: int


@frozen
class Settled:
    """A contract expired, and what was open was closed at the settlement price."""

    instrument_id: InstrumentId
    ts_event: int
    price: Price


@frozen
class Transferred:
    """An asset was deposited (positive) or withdrawn (negative) by the owner."""

    venue: str
    ts_event: int
    asset: str
    amount: Money


@frozen
class Liquidated:
    """The venue closed a position by force; the fill is not of any order of ours."""

    fill: Fill

    @property
    def ts_event(self) -> int:
        """When it was executed."""
        return self.fill.ts_event


@frozen
class FillBusted:
    """The venue cancelled an execution after the fact."""

    fill: Fill
    """The fill as it was first reported."""
    ts_event: int


@frozen
class FillCorrected:
    """The venue changed an execution after the fact."""

    original: Fill
    corrected: Fill
    """Has the original's fill id."""
    ts_event: int


AccountEvent = (
    AccountSnapshot
    | FeeCharged
    | FundingPaid
    | BorrowCharged
    | DividendPaid
    | Split
    | Settled
    | Transferred
    | Liquidated
    | FillBusted
    | FillCorrected
)
"""What changes an account without an order of ours."""


# --- the session -----------------------------------------------------------------------------


class InstrumentStatus(enum.Enum):
    """Whether an instrument can be traded, as its venue says."""

    TRADING = "trading"
    CANCEL_ONLY = "cancel_only"
    POST_ONLY = "post_only"
    LIMIT_ONLY = "limit_only"
    HALTED = "halted"
    DELISTED = "delisted"


@frozen
class TimerFired:
    """A timer set by `SetTimer` has run out."""

    name: str
    ts_event: int


@frozen
class FeedUp:
    """A market data stream is connected and subscribed."""

    venue: str
    ts_event: int


@frozen
class FeedDown:
    """A market data stream was lost."""

    venue: str
    ts_event: int
    reason: str = ""


@frozen
class FeedGap:
    """Messages of one instrument were missed; what is known of its book is stale."""

    instrument_id: InstrumentId
    ts_event: int


@frozen
class MarketOpened:
    """Trading hours of a venue began."""

    venue: str
    ts_event: int


@frozen
class MarketClosed:
    """Trading hours of a venue ended."""

    venue: str
    ts_event: int


@frozen
class InstrumentStatusChanged:
    """The venue changed what may be done with an instrument."""

    instrument_id: InstrumentId
    ts_event: int
    status: InstrumentStatus


@frozen
class RiskHalted:
    """A limit, a person or a failure stopped new exposure."""

    ts_event: int
    reason: str
    strategy: str | None = None
    """The strategy that was halted; None for the whole session."""


@frozen
class RiskResumed:
    """New exposure is allowed again."""

    ts_event: int
    strategy: str | None = None


@frozen
class StrategyStarted:
    """A strategy runs for the first time in this session."""

    strategy: str
    ts_event: int
    capital: Decimal


@frozen
class StrategyCrashed:
    """A strategy raised an exception or hung."""

    strategy: str
    ts_event: int
    error: str


@frozen
class StrategyRestarted:
    """A crashed strategy runs again, from its journalled state."""

    strategy: str
    ts_event: int
    attempt: int


SessionEvent = (
    TimerFired
    | FeedUp
    | FeedDown
    | FeedGap
    | MarketOpened
    | MarketClosed
    | InstrumentStatusChanged
    | RiskHalted
    | RiskResumed
    | StrategyStarted
    | StrategyCrashed
    | StrategyRestarted
)
"""Milestones of the session itself."""

Event = Bar | JointBar | Quote | Trade | ExecutionReport | AccountEvent | SessionEvent
"""Everything that can happen."""
