"""
The plugs: what a venue, a recorder, a store, a notifier or a clock must be able to do.

Every extension point is a small Protocol, fitted to three real venues (see
`docs/reference/capabilities.md`). A port never pretends: there is no method with a default that
reports success, and what a venue cannot do raises `UnsupportedOperation` and is declared in its
`Capabilities`. A port takes no timeout: the caller owns the deadline and says what a cancellation
means. All times are UTC nanoseconds.

`Strategy` and `ExitPolicy`, which never wait, are defined by the engine and named here so that all
extension points can be found in one place.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar, TypeVarTuple, runtime_checkable

from attrs import frozen

from algopioneer_core.domain.capabilities import Capabilities, Pushed
from algopioneer_core.domain.events import (
    AccountEvent,
    ExecutionReport,
    FeedDown,
    FeedGap,
    FeedUp,
    InstrumentStatusChanged,
    MarketClosed,
    MarketOpened,
)
from algopioneer_core.domain.fills import Fill
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import Bar, Quote, Trade
from algopioneer_core.domain.money import ZERO, Money, Quantity
from algopioneer_core.domain.orders import Order
from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.engine.exits import ExitPolicy
from algopioneer_core.engine.strategy import Strategy

__all__ = [
    "Alert",
    "Balance",
    "Clock",
    "Execution",
    "ExitPolicy",
    "FeeRates",
    "Found",
    "MarketData",
    "MarketDataEvent",
    "MarketSession",
    "NotYetKnown",
    "Notifier",
    "OrderLookup",
    "ProvenAbsent",
    "ReceiveStream",
    "Recorder",
    "RunBlocking",
    "StateStore",
    "Strategy",
    "SupportsPushed",
    "SupportsSnapshot",
    "Venue",
    "pushed_of",
]

MarketDataEvent = (
    Quote
    | Trade
    | Bar
    | FeedUp
    | FeedDown
    | FeedGap
    | MarketOpened
    | MarketClosed
    | InstrumentStatusChanged
)
"""What a market data stream may deliver."""

_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)
_Ts = TypeVarTuple("_Ts")


class ReceiveStream(Protocol[_T_co]):
    """
    Items in the order in which they came; anyio's receive streams fit.

    Iteration ends when the sender is done, and raises when the stream broke.
    """

    async def receive(self) -> _T_co:
        """Wait for the next item. A cancellation loses none: it is delivered next time."""

    def __aiter__(self) -> AsyncIterator[_T_co]:
        """Iterate over the items to come."""


# --- market data -----------------------------------------------------------------------------


@frozen
class MarketSession:
    """One stretch of trading hours."""

    opens_ns: int
    closes_ns: int
    extended: bool = False
    """Whether it is outside the main session."""


class MarketData(Protocol):
    """What a venue says about its markets."""

    async def instruments(self) -> Sequence[Instrument]:
        """
        Return everything that can be traded, with its increments and minimums.

        Raises:
            VenueUnavailable: It cannot be reached.
        """

    def subscribe(
        self, instrument_ids: Sequence[InstrumentId]
    ) -> AbstractAsyncContextManager[ReceiveStream[MarketDataEvent]]:
        """
        Open a stream of quotes, trades and finished bars; leaving the block unsubscribes.

        A lost connection is a `FeedDown`, followed by `FeedUp` once everything is subscribed again;
        what was missed is a `FeedGap`. When the stream begins or is up again, a venue with trading
        hours says if it is open. Quotes may be conflated, bars never. Events of one kind come in
        order of time; a bar comes once it is over, perhaps after a quote of the next one.

        Raises:
            UnsupportedOperation: An instrument or a kind of data is not offered.
        """

    async def bars(
        self, instrument_id: InstrumentId, interval_ns: int, start_ns: int, end_ns: int
    ) -> Sequence[Bar]:
        """
        Return the finished bars that close in [start_ns, end_ns), each once, in order of time.

        Paging, order of rows, stamps and the bar that is still running are hidden here.

        Raises:
            UnsupportedOperation: The interval is not offered, or history does not reach back as
                far: less is never returned in silence.
        """

    async def market_hours(self, start_ns: int, end_ns: int) -> Sequence[MarketSession]:
        """Return the sessions that overlap [start_ns, end_ns): one, where a market never closes."""


# --- execution -------------------------------------------------------------------------------


@frozen
class Found:
    """The venue has the order."""

    order: Order
    """As the venue tells it; its fills come through `fills` and the reports."""


@frozen
class ProvenAbsent:
    """
    The venue does not have the order and never will.

    It takes all of: the submit deadline and the venue's lag have passed; neither open nor ended
    orders nor fills show it; balances agree.
    """


@frozen
class NotYetKnown:
    """Nothing is proven yet: ask again, and send nothing meanwhile."""

    ask_again_ns: int
    """When another question may bring more, UTC nanoseconds."""


OrderLookup = Found | ProvenAbsent | NotYetKnown
"""The three answers to "what became of this order?"."""


@frozen
class Balance:
    """What the account has of one asset."""

    asset: str
    total: Money
    held: Money = ZERO
    """What of the total open orders hold back."""


@frozen
class FeeRates:
    """Present fees as fractions of notional; a negative maker fee is a rebate."""

    maker: Money
    taker: Money


class Execution(Protocol):
    """What an account at a venue can be asked to do, and what it tells."""

    async def submit(self, order: Order) -> None:
        """
        Send *order*; return once the venue has acknowledged that it has it. Fills come as reports.

        If this is cancelled the order may or may not exist: it is unknown until `order` has
        answered. The same id is sent again only where the venue declares `IdempotentSubmit.ALWAYS`.

        Raises:
            OrderRejected: The venue refused it; nothing was placed.
            RateLimited: Nothing was placed; it may be sent again after the time it names.
            VenueUnavailable: The outcome is unknown, unless the error says otherwise.
        """

    async def cancel(self, client_order_id: str) -> None:
        """
        Ask for the order's end; return when the request was taken. The end itself is a report.

        An order that has ended meanwhile is no error: what became of it is a report too.

        Raises:
            VenueUnavailable: The order may or may not end.
        """

    async def cancel_all(self, client_order_ids: Sequence[str]) -> None:
        """
        Ask for the end of these orders, which are ours, and of nobody else's in the account.

        If this is cancelled, any part of them may have ended.
        """

    async def order(self, client_order_id: str) -> OrderLookup:
        """Say what became of an order; "not found" alone is `NotYetKnown`."""

    async def open_orders(self) -> Sequence[Order]:
        """Return all open orders of the account, foreign ones included, by the venue's own ids."""

    async def positions(self) -> Mapping[InstrumentId, Quantity]:
        """Return the signed quantity of each instrument held; coins for each that sells them."""

    async def balances(self) -> Sequence[Balance]:
        """Return what the account has, one entry for each asset."""

    async def fills(self, since_ns: int) -> Sequence[Fill]:
        """
        Return all fills executed since a time, oldest first.

        Asked with overlap: the same fill always has the same id. Where the stream is cumulative,
        this list is the authority for ids, liquidity and fees.
        """

    async def fees(self, instrument_id: InstrumentId) -> FeeRates:
        """Return the account's present fees; a published table where the venue tells no more."""

    def reports(
        self,
    ) -> AbstractAsyncContextManager[ReceiveStream[ExecutionReport | AccountEvent]]:
        """
        Open the private stream; leaving the block closes it.

        No report is dropped or reordered while it is open. After a reconnect, reports may repeat.

        Raises:
            AuthenticationFailed: The key is not accepted.
        """


class Venue(Protocol):
    """An opened exchange or broker. Its plugin's factory gives an async context manager of it."""

    @property
    def name(self) -> str:
        """The venue part of its instrument ids."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can do; what is not declared is unsupported."""

    @property
    def market_data(self) -> MarketData:
        """Its markets."""

    @property
    def execution(self) -> Execution:
        """The account; every method raises UnsupportedOperation where there is none."""


@runtime_checkable
class SupportsSnapshot(Protocol):
    """
    What a venue that is simulated offers besides, so that a session can go on where it ended.

    A session keeps it in its journal. After `restore`, the same further calls give the same further
    market events, reports and fills, with the same ids. What only grows (fills) may stand under
    `pages`: lists by name, each written when it is longer, and left out once it is not needed.
    """

    def snapshot(self) -> Mapping[str, object]:
        """Return the whole state, as values that JSON has; taken between two market events."""

    def restore(self, state: Mapping[str, object]) -> None:
        """
        Go back to a state that `snapshot` returned; called once, before anything is subscribed.

        Raises:
            DataError: The state is not one of this venue, or of other data.
        """


@runtime_checkable
class SupportsPushed(Protocol):
    """A venue that knows what it pushes, instrument by instrument: one over files."""

    def pushed(self, instrument_id: InstrumentId) -> Pushed:
        """Return what is pushed of an instrument of the venue."""


def pushed_of(venue: Venue, instrument_id: InstrumentId) -> Pushed:
    """Return what *venue* pushes of an instrument: as it says itself, else as it declares."""
    if isinstance(venue, SupportsPushed):
        return venue.pushed(instrument_id)
    return venue.capabilities.pushed()


# --- services --------------------------------------------------------------------------------


class Recorder(Protocol):
    """Writes finished round trips somewhere."""

    async def record(self, key: str, trade: RoundTrip) -> None:
        """
        Write *trade*. The same *key* is the same trade: writing it again changes nothing.

        If this is cancelled the trade may or may not have been written; it is offered again.
        """

    async def flush(self) -> None:
        """Return once everything recorded so far is durable."""


class StateStore(Protocol):
    """Keeps states under keys; `testing.contracts.StateStoreContract` says what else holds."""

    async def save(self, key: str, state: Mapping[str, object]) -> None:
        """Replace what is kept under *key*, wholly or, with an `AlgopioneerError`, not at all."""

    async def load(self, key: str) -> Mapping[str, object] | None:
        """Return what is kept under *key*; None when there is nothing."""

    async def delete(self, key: str) -> None:
        """Forget what is kept under *key*; nothing to forget is no error."""


@frozen
class Alert:
    """Something a person should know."""

    ts_ns: int
    subject: str
    """One line: what happened, to which strategy or venue."""
    text: str = ""
    """Figures and what to do."""
    urgent: bool = False


class Notifier(Protocol):
    """Tells people."""

    async def notify(self, alert: Alert) -> None:
        """
        Deliver *alert*; return when it was taken.

        Raises:
            VenueUnavailable: It could not be delivered; the caller logs it.
        """


class Clock(Protocol):
    """Says what time it is; the only source of wall-clock time outside tests."""

    def now_ns(self) -> int:
        """Return the present time, UTC nanoseconds."""


class RunBlocking(Protocol):
    """Runs a function that blocks: `anyio.to_thread.run_sync`; inline where time is simulated."""

    def __call__(self, function: Callable[[*_Ts], _T], /, *args: *_Ts) -> Awaitable[_T]:
        """
        Call `function(*args)` where it may block, and return or raise what it does.

        A cancellation waits for the function's end: what it changed is whole.
        """
