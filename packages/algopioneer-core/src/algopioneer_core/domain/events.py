"""
Events: the closed union of what can happen, and what the journal stores.

Market data, execution reports, account changes, and the session's own milestones. All times are
UTC nanoseconds (`ts_event`: when it happened, where it happened). Amounts are signed from our
side: what we receive is positive. The union is closed on purpose: a handler that forgets a kind
of event is found by the type checker.
"""

import enum

from attrs import frozen

from algopioneer_core.domain.account_events import (
    AccountEvent,
    AccountSnapshot,
    BorrowCharged,
    DividendPaid,
    FeeCharged,
    FillBusted,
    FillCorrected,
    FundingPaid,
    Liquidated,
    Settled,
    Split,
    Transferred,
)
from algopioneer_core.domain.execution_reports import (
    CancelRejected,
    ExecutionReport,
    OrderAbsent,
    OrderAccepted,
    OrderCanceled,
    OrderCompleted,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
)
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import Bar, JointBar, Quote, Trade
from algopioneer_core.domain.money import Money

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
    "OrderCompleted",
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
    capital: Money
    """What it may trade with, in its numeraire."""


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
