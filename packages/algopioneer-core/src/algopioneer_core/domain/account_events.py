"""
What changes an account without an order of ours: fees, funding, corporate actions, transfers.

Amounts are signed from our side unless a class says otherwise: what we receive is positive. All
times are UTC nanoseconds (`ts_event`: when it happened, where it happened).
"""

from attrs import frozen

from algopioneer_core.domain.fills import Fill
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.money import Money, Price, Quantity

__all__ = [
    "AccountEvent",
    "AccountSnapshot",
    "BorrowCharged",
    "DividendPaid",
    "FeeCharged",
    "FillBusted",
    "FillCorrected",
    "FundingPaid",
    "Liquidated",
    "Settled",
    "Split",
    "Transferred",
]


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
    """The fill as it was last reported."""
    corrected: Fill
    """What it should have been, with the same fill id."""
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
