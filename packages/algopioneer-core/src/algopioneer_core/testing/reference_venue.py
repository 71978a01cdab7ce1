"""
A venue in memory that behaves as the real ones do, on good days and on bad ones.

Orders really match, on the quotes that a test pushes, as far as their sizes reach. What makes it
real are its modes, each taken from a venue (docs/reference/capabilities.md), and the faults that it
can be told to have:

    venue = ReferenceVenue([BITCOIN], clock, modes=VenueModes(read_lag_ns=60 * 10**9))
    venue.push(quote)
    await venue.apply(Fault(0, FaultKind.LOST_ACK))

`venue.books` tells the truth whatever the venue answers: count accepted orders and fills there.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import cache, partial
from typing import Final

import anyio
import anyio.lowlevel
from attrs import evolve

from algopioneer_core.domain.capabilities import Capabilities
from algopioneer_core.domain.errors import ConfigError, UnsupportedOperation
from algopioneer_core.domain.events import FeedDown, FeedUp, MarketClosed, MarketOpened
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND, Bar, Quote
from algopioneer_core.domain.money import mul
from algopioneer_core.domain.orders import Order
from algopioneer_core.ports import Clock, MarketDataEvent, MarketSession
from algopioneer_core.simulation.buffered_stream import BufferedStream
from algopioneer_core.simulation.costs import CostModel
from algopioneer_core.simulation.paper_account import PaperAccount
from algopioneer_core.simulation.paper_config import PaperConfig, PaperMargin
from algopioneer_core.simulation.paper_exchange import PaperExchange
from algopioneer_core.simulation.quote_book import QuoteBook
from algopioneer_core.simulation.report_hub import ReportHub
from algopioneer_core.testing.fault_plans import Fault, FaultKind
from algopioneer_core.testing.reference_account import ReferenceAccount
from algopioneer_core.testing.reference_modes import VenueModes

__all__ = ["REFERENCE_FAULTS", "ReferenceMarket", "ReferenceVenue"]

_AT_NEXT: Final = (
    FaultKind.LOST_REQUEST,
    FaultKind.LOST_ACK,
    FaultKind.REJECT,
    FaultKind.RATE_LIMIT,
    FaultKind.SERVER_ERROR,
    FaultKind.PARTIAL_FILL,
    FaultKind.DUPLICATE,
    FaultKind.REORDER,
    FaultKind.LATE_FILL,
)
REFERENCE_FAULTS: Final = (
    *_AT_NEXT,
    FaultKind.DISCONNECT,
    FaultKind.OUTAGE,
    FaultKind.DELAYED_READ,
    FaultKind.SILENCE,
    FaultKind.STALL,
    FaultKind.HALF_OPEN,
    FaultKind.SLOW,
    FaultKind.MARKET_CLOSED,
)
"""What `ReferenceVenue.apply` knows; draw plans of these kinds only."""


class ReferenceVenue:
    """
    A `Venue` with an exchange of its own.

    Args:
        instruments: What it trades; all of one venue.
        clock: Its time.
        modes: How it behaves on good days.
        config: Balances and costs; fees and slippage are nil unless stated.
        margin: What the account must have; cash unless stated.
    """

    def __init__(
        self,
        instruments: Sequence[Instrument],
        clock: Clock,
        *,
        modes: VenueModes | None = None,
        config: PaperConfig | None = None,
        margin: PaperMargin = PaperMargin.CASH,
    ) -> None:
        modes, config = modes or VenueModes(), config or PaperConfig(slippage_bps=Decimal(0))
        simulation = evolve(config, volume_limit=Decimal(1)).simulation()
        self._name = instruments[0].id.venue
        self._capabilities = modes.capabilities()
        self._armed: list[FaultKind] = []
        self.books = PaperExchange(
            instruments,
            PaperAccount(instruments, config.amounts, margin),
            cache(lambda instrument: CostModel.of(instrument, simulation)),
            lambda costs, held, can_carry: QuoteBook(costs, simulation, 0, held, can_carry),
            checks_at_once=True,
        )
        """The exchange itself: the truth."""
        self._market = ReferenceMarket(self._name, self.books, clock)
        self._account = ReferenceAccount(self.books, ReportHub(), modes, clock, self.befalls)

    @property
    def name(self) -> str:
        """The venue part of its instrument ids."""
        return self._name

    @property
    def capabilities(self) -> Capabilities:
        """What its modes leave."""
        return self._capabilities

    @property
    def market_data(self) -> "ReferenceMarket":
        """Its markets."""
        return self._market

    @property
    def execution(self) -> ReferenceAccount:
        """Its account."""
        return self._account

    def push(self, event: MarketDataEvent) -> None:
        """Let *event* happen, unless the market is closed: match it, tell of fills, show it."""
        if self._account.closures:
            return
        if isinstance(event, Quote) and event.bid and self._is_partial(event):
            event = self._half(event)
        for report in self.books.match([event]):
            self._account.tell(report)
        self._account.end_delays()
        self._market.show(event)

    def reach(self, client_order_id: str) -> None:
        """Let the market come to the price of an order that rests, with size for all of it."""
        self._account.reach(client_order_id)

    def place_foreign(self, order: Order) -> None:
        """
        Let somebody else trade in the account: no order of ours, and none that a session sent.

        Raises:
            OrderRejected: The venue's rules or the account do not allow it.
        """
        self._account.place_foreign(order)

    def _is_partial(self, quote: Quote) -> bool:
        waits = any(o.intent.instrument_id == quote.instrument_id for o in self.books.working())
        return waits and self.befalls(FaultKind.PARTIAL_FILL)

    def _half(self, quote: Quote) -> Quote:
        """Return *quote* with half of what the oldest order wants, on both sides."""
        instrument = self.books.instruments[quote.instrument_id]
        order = next(
            o for o in self.books.working() if o.intent.instrument_id == quote.instrument_id
        )
        wanted = order.remaining_quantity or quote.ask_size
        half = instrument.whole_quantity(mul(wanted, Decimal("0.5")))
        return quote._replace(bid_size=half, ask_size=half)

    # --- bad days ----------------------------------------------------------------------------

    async def apply(self, fault: Fault) -> None:
        """
        Have *fault*; return when it is over, or at once where it waits for the next occasion.

        Raises:
            ConfigError: It is none of `REFERENCE_FAULTS`.
        """
        if fault.kind not in REFERENCE_FAULTS:
            raise ConfigError(f"the reference venue has no {fault.kind.value}", where="fault")
        if fault.kind in _AT_NEXT:
            self._armed.append(fault.kind)
            await anyio.lowlevel.checkpoint()
            return
        begin, end = self._lasting(fault.kind)
        begin()
        await anyio.sleep(fault.duration_ns / NS_PER_SECOND)
        end()

    def _lasting(self, kind: FaultKind) -> tuple[Callable[[], None], Callable[[], None]]:
        """Return what begins and what ends a fault that lasts."""
        account = self._account
        if kind is FaultKind.DELAYED_READ:
            return account.slow_reads, partial(account.slow_reads, -1)
        if kind is FaultKind.SLOW:
            return account.slow_answers, partial(account.slow_answers, -1)
        if kind is FaultKind.MARKET_CLOSED:
            return self._close, self._open
        if kind in (FaultKind.SILENCE, FaultKind.HALF_OPEN):
            loses = kind is FaultKind.HALF_OPEN
            return partial(self._fall_silent, loses=loses), partial(self._speak, loses=loses)
        if kind is FaultKind.STALL:
            return self._stall, self._flow
        return self._go_down, self._come_up

    def _go_down(self) -> None:
        self._market.go_down()
        self._account.go_down()

    def _come_up(self) -> None:
        self._account.come_up()
        self._market.come_up()

    def _fall_silent(self, *, loses: bool) -> None:
        self._market.silences += 1
        self._account.silences += 1
        self._account.losses += loses

    def _speak(self, *, loses: bool) -> None:
        self._account.losses -= loses
        self._account.silences -= 1
        self._market.silences -= 1

    def _stall(self) -> None:
        self._market.stall()
        self._account.stall()

    def _flow(self) -> None:
        self._account.flow()
        self._market.flow()

    def _close(self) -> None:
        self._account.closures += 1
        if self._account.closures == 1:
            self._market.say_closed()

    def _open(self) -> None:
        self._account.closures -= 1
        if not self._account.closures:
            self._market.say_open()

    def be_calm(self) -> None:
        """Forget the faults that wait for the next occasion; those that last go on."""
        self._armed.clear()

    def befalls(self, kind: FaultKind) -> bool:
        """Return whether *kind* is due; it is then over."""
        if kind not in self._armed:
            return False
        self._armed.remove(kind)
        return True


class ReferenceMarket:
    """The market data of a reference venue."""

    def __init__(self, venue: str, books: PaperExchange, clock: Clock) -> None:
        self._venue = venue
        self._books = books
        self._clock = clock
        self._feeds: list[tuple[frozenset[str], BufferedStream[MarketDataEvent]]] = []
        self._bars: list[Bar] = []
        self._outages = 0
        self._stalled = 0
        self._waiting: list[MarketDataEvent] = []
        self.silences = 0
        """How many faults keep it silent now: what it does not send is lost."""

    async def instruments(self) -> Sequence[Instrument]:
        """Return what it trades."""
        await anyio.lowlevel.checkpoint()
        return tuple(self._books.instruments.values())

    @asynccontextmanager
    async def subscribe(
        self, instrument_ids: Sequence[InstrumentId]
    ) -> AsyncIterator[BufferedStream[MarketDataEvent]]:
        """
        Open a stream of everything that is pushed of these instruments.

        Raises:
            UnsupportedOperation: It does not trade one of them.
        """
        for each in instrument_ids:
            self._check(each)
        stream = BufferedStream[MarketDataEvent]()
        feed = frozenset(instrument_ids), stream
        self._feeds.append(feed)
        try:
            yield stream
        finally:
            self._feeds.remove(feed)
            stream.close()

    async def bars(
        self, instrument_id: InstrumentId, interval_ns: int, start_ns: int, end_ns: int
    ) -> Sequence[Bar]:
        """
        Return the bars that were pushed, those that close at whole intervals.

        Raises:
            UnsupportedOperation: It does not trade the instrument.
        """
        await anyio.lowlevel.checkpoint()
        self._check(instrument_id)
        return [
            bar
            for bar in self._bars
            if bar.instrument_id == instrument_id
            and start_ns <= bar.ts_event < end_ns
            and not bar.ts_event % interval_ns
        ]

    async def market_hours(self, start_ns: int, end_ns: int) -> Sequence[MarketSession]:
        """Return one session: it never closes."""
        await anyio.lowlevel.checkpoint()
        return [MarketSession(start_ns, end_ns)]

    def _check(self, instrument_id: InstrumentId) -> None:
        if instrument_id not in self._books.instruments:
            raise UnsupportedOperation("there is no such instrument", where=instrument_id)

    def show(self, event: MarketDataEvent) -> None:
        """Send *event* to whoever wants it, unless the line is down."""
        if isinstance(event, Bar):
            self._bars.append(event)
        if not self._outages and not self.silences:
            self._send(event)

    def show_garbage(self, event: MarketDataEvent) -> None:
        """Send what never happened; the line permitting."""
        if not self._outages and not self.silences:
            self._send(event)

    def _send(self, event: MarketDataEvent) -> None:
        if self._stalled:
            self._waiting.append(event)
            return
        about = getattr(event, "instrument_id", None)
        for wanted, feed in self._feeds:
            if about is None or about in wanted:
                feed.put(event)

    def go_down(self) -> None:
        """Break the line."""
        self._outages += 1
        if self._outages == 1:
            self._send(FeedDown(self._venue, self._clock.now_ns(), "connection lost"))

    def come_up(self) -> None:
        """Mend the line."""
        self._outages -= 1
        if not self._outages:
            self._send(FeedUp(self._venue, self._clock.now_ns()))

    def stall(self) -> None:
        """Let what is sent wait."""
        self._stalled += 1

    def flow(self) -> None:
        """Let it go on its way, all that waits at once."""
        self._stalled -= 1
        if not self._stalled:
            waiting, self._waiting = self._waiting, []
            for event in waiting:
                self._send(event)

    def say_closed(self) -> None:
        """Tell that trading hours have ended."""
        self._tell_hours(MarketClosed)

    def say_open(self) -> None:
        """Tell that trading hours have begun."""
        self._tell_hours(MarketOpened)

    def _tell_hours(self, kind: type[MarketClosed | MarketOpened]) -> None:
        if not self._outages and not self.silences:
            self._send(kind(self._venue, self._clock.now_ns()))
