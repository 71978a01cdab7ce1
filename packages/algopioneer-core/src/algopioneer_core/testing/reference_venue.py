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

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import cache, partial
from typing import Final

import anyio
import anyio.lowlevel
from attrs import evolve

from algopioneer_core.domain.capabilities import Capabilities
from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.instruments import Instrument
from algopioneer_core.domain.market_data import NS_PER_SECOND, Quote
from algopioneer_core.domain.money import mul
from algopioneer_core.domain.orders import Order
from algopioneer_core.ports import Clock, MarketDataEvent
from algopioneer_core.simulation.costs import CostModel
from algopioneer_core.simulation.paper_account import PaperAccount
from algopioneer_core.simulation.paper_config import PaperConfig, PaperMargin
from algopioneer_core.simulation.paper_exchange import PaperExchange
from algopioneer_core.simulation.quote_book import QuoteBook
from algopioneer_core.simulation.report_hub import ReportHub
from algopioneer_core.testing.fault_plans import Fault, FaultKind
from algopioneer_core.testing.reference_account import ReferenceAccount
from algopioneer_core.testing.reference_market import ReferenceMarket
from algopioneer_core.testing.reference_modes import VenueModes

__all__ = ["REFERENCE_FAULTS", "ReferenceVenue"]

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
    def market_data(self) -> ReferenceMarket:
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
        self._market.fall_silent()
        self._account.silences += 1
        self._account.losses += loses

    def _speak(self, *, loses: bool) -> None:
        self._account.losses -= loses
        self._account.silences -= 1
        self._market.speak()

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
