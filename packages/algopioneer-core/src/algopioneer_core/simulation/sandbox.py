"""
The part of a local exchange that all venues share: accounts, books, bars, clock and faults.

A venue's package puts its own protocol over this and adds nothing to how orders trade. Orders
really match, on the quotes that are pushed, as far as their sizes reach: at once when they can, as
at a venue with a book, else when a later quote comes to them.

    exchange = LocalExchange([BITCOIN], clock, PaperConfig(balances=("USD=10000",)))
    exchange.push(quote, trade)
    placed = exchange.place(order)

`exchange.books` and `exchange.placed` tell the truth whatever the protocol answers.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from functools import cache
from typing import Final

from attrs import define, evolve, field

from algopioneer_core.domain.events import ExecutionReport, OrderFilled, OrderRejected
from algopioneer_core.domain.fills import Fill
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import Bar, Quote, Trade
from algopioneer_core.domain.money import ZERO, Money, Quantity, mul
from algopioneer_core.domain.orders import Order, OrderIntent, OrderStatus
from algopioneer_core.ports import Clock
from algopioneer_core.simulation.costs import CostModel
from algopioneer_core.simulation.order_filling import Purchase
from algopioneer_core.simulation.paper_account import PaperAccount
from algopioneer_core.simulation.paper_config import PaperConfig, PaperMargin
from algopioneer_core.simulation.paper_exchange import PaperExchange
from algopioneer_core.simulation.quote_book import QuoteBook
from algopioneer_core.simulation.sandbox_candles import CandleStore

__all__ = ["LocalExchange", "MarketListener", "PlacedOrder", "ReportListener"]


@define(eq=False)
class PlacedOrder:
    """An order that the exchange took, and what became of it."""

    number: int
    """Counts the orders of the exchange from 1: a protocol makes its order id of it."""
    order: Order
    """As it is now."""
    placed_ns: int
    fills: list[Fill] = field(factory=list)
    changed_ns: int = 0
    """When something was last reported of it, UTC nanoseconds."""


ReportListener = Callable[[PlacedOrder, ExecutionReport], None]
"""Told of everything that happens to orders; must not place or cancel any itself."""
MarketListener = Callable[[Quote | Trade], None]
"""Told of everything that happens in the market, when its fills have been told."""


_DELAYED: Final = "delayed_fill"
"""A fault that every local exchange knows: while it lasts, orders wait."""
_IN_PARTS: Final = "partial_fill"
"""Another: the next order that comes meets half of what it wants."""
_HALF: Final = Decimal("0.5")


class LocalExchange:
    """
    An exchange in memory, without a protocol.

    Args:
        instruments: What it trades; all of one venue.
        clock: Its time.
        config: Balances and costs; slippage is what quotes have, so state none.
        margin: What the account must have before it may raise its exposure.
    """

    def __init__(
        self,
        instruments: Sequence[Instrument],
        clock: Clock,
        config: PaperConfig,
        *,
        margin: PaperMargin = PaperMargin.CASH,
    ) -> None:
        simulation = evolve(config, volume_limit=Decimal(1)).simulation()
        self._simulation = simulation
        self._order_books: dict[InstrumentId, QuoteBook] = {}
        self.clock = clock
        """Its time."""
        self.costs: Callable[[Instrument], CostModel] = cache(
            lambda instrument: CostModel.of(instrument, simulation)
        )
        """What fills of an instrument cost."""
        self.books = PaperExchange(
            instruments,
            PaperAccount(instruments, config.amounts, margin),
            self.costs,
            self._make_book,
            checks_at_once=True,
        )
        """Orders and money."""
        self.placed: dict[str, PlacedOrder] = {}
        """All orders that were taken, by client order id, oldest first."""
        self.quotes: dict[InstrumentId, Quote] = {}
        """The latest of each instrument."""
        self.trades: dict[InstrumentId, Trade] = {}
        """The latest of each instrument."""
        self.candles = {each.id: CandleStore() for each in instruments}
        """Bars of each instrument, the running one included."""
        self.faults: Counter[str] = Counter()
        """Faults that wait for their occasion, by name (`testing.fault_plans.FaultKind`)."""
        self._report_listeners: list[ReportListener] = []
        self._market_listeners: list[MarketListener] = []

    def _make_book(
        self, costs: CostModel, held: Callable[[], Quantity], can_carry: Purchase | None
    ) -> QuoteBook:
        book = QuoteBook(costs, self._simulation, 0, held, can_carry)
        self._order_books[costs.instrument.id] = book
        return book

    # --- orders ------------------------------------------------------------------------------

    def place(self, order: Order) -> PlacedOrder:
        """
        Take *order* and match it with the latest quote.

        Raises:
            OrderRejected: Its id was used, or the rules or the account do not allow it.
        """
        now_ns = self.clock.now_ns()
        report = self.books.submit(evolve(order, ts_created=now_ns))
        placed = PlacedOrder(len(self.placed) + 1, order, now_ns)
        self.placed[order.client_order_id] = placed
        self._told(report)
        self._match(placed)
        return placed

    def fail(self, order: Order, reason: str) -> PlacedOrder:
        """Take *order* and reject it afterwards, as venues do that answer first."""
        now_ns = self.clock.now_ns()
        rejected = evolve(order, status=OrderStatus.REJECTED, message=reason)
        placed = PlacedOrder(len(self.placed) + 1, rejected, now_ns, changed_ns=now_ns)
        self.placed[order.client_order_id] = placed
        for listen in self._report_listeners:
            listen(placed, OrderRejected(order.client_order_id, now_ns, reason))
        return placed

    def problem_of(self, order: Order) -> str:
        """Return why `place` would refuse *order*; empty when it would not. Nothing is placed."""
        return self.books.problem_of(order)

    def hold_of(self, order: Order) -> Money:
        """
        Return what *order* holds back: of the quote when it buys, of the base when it sells.

        Nothing when it has ended, and of a contract, which is judged by its margin.
        """
        return ZERO if order.status.is_final else self.books.holds.of(order)[1]

    def amend(self, client_order_id: str, intent: OrderIntent) -> PlacedOrder:
        """
        Let a working order want *intent* from now on, and match it with the latest quote.

        What it has traded counts towards the new quantity. Nobody is told of the change itself.

        Raises:
            OrderRejected: It works no longer, or the rules or the account do not allow it; then it
                is as it was.
        """
        placed = self.placed[client_order_id]
        amended = evolve(placed.order, intent=intent)
        self.books.amend(amended)
        self._order_books[intent.instrument_id].amend(amended)
        placed.order, placed.changed_ns = amended, self.clock.now_ns()
        self._match(placed)
        return placed

    def cancel(self, client_order_id: str) -> None:
        """Take an order out; nothing happens to one that has ended."""
        self.books.now_ns = max(self.books.now_ns, self.clock.now_ns())
        for report in self.books.cancel(client_order_id):
            self._told(report)

    def fill_at_limit(self, client_order_id: str) -> None:
        """Let somebody trade with a resting order: the market comes to its price and returns."""
        order = self.placed[client_order_id].order
        limit = order.intent.stop_price or order.intent.limit_price
        rest = order.remaining_quantity
        before = self.quotes.get(order.intent.instrument_id)
        if limit is None or not rest or before is None or order.status.is_final:
            return
        now_ns = self.clock.now_ns()
        touching = before._replace(
            ts_event=now_ns, ts_recv=now_ns, bid=limit, ask=limit, bid_size=rest, ask_size=rest
        )
        self.push(touching)
        self.push(before._replace(ts_event=now_ns, ts_recv=now_ns))

    # --- the market --------------------------------------------------------------------------

    def push(self, *events: Quote | Trade) -> None:
        """Let *events* happen: match them, tell of the fills, then of the events."""
        for event in events:
            if isinstance(event, Trade):
                self.trades[event.instrument_id] = event
                self.candles[event.instrument_id].add(event.ts_event, event.price, event.quantity)
            else:
                self.quotes[event.instrument_id] = event
            if not self.faults[_DELAYED]:
                for report in self.books.match([event]):
                    self._told(report)
            for listen in self._market_listeners:
                listen(event)

    def load(self, bars: Iterable[Bar], interval_ns: int) -> None:
        """Take *bars* as what was before; the last close is the price orders are judged at."""
        for bar in bars:
            self.candles[bar.instrument_id].load(bar, interval_ns)
            self.books.account.mark_price(bar.instrument_id, bar.close)

    def _match(self, placed: PlacedOrder) -> None:
        """Match a new order with the latest quote, where it does not have to wait for another."""
        quote = self.quotes.get(placed.order.intent.instrument_id)
        if quote is None or self.faults[_DELAYED]:
            return
        quote = quote._replace(ts_event=self.clock.now_ns())
        wanted = placed.order.intent.quantity
        if wanted is not None and self.befalls(_IN_PARTS):
            instrument = self.books.instruments[quote.instrument_id]
            half = instrument.whole_quantity(mul(wanted, _HALF)) or wanted
            quote = quote._replace(bid_size=half, ask_size=half)
        for report in self.books.match([quote]):
            self._told(report)

    # --- listening ---------------------------------------------------------------------------

    def listen(self, reports: ReportListener, market: MarketListener) -> None:
        """Tell of everything from now on."""
        self._report_listeners.append(reports)
        self._market_listeners.append(market)

    def _told(self, report: ExecutionReport) -> None:
        placed = self.placed[report.client_order_id]
        order = self.books.find(report.client_order_id)
        assert order is not None
        placed.order, placed.changed_ns = order, report.ts_event
        if isinstance(report, OrderFilled):
            placed.fills.append(report.fill)
        for listen in self._report_listeners:
            listen(placed, report)

    # --- faults ------------------------------------------------------------------------------

    def arm(self, fault: str) -> None:
        """Let *fault* happen at its next occasion; a protocol says which it knows."""
        self.faults[fault] += 1

    def befalls(self, fault: str) -> bool:
        """Return whether *fault* is due; one of them is then over."""
        if not self.faults[fault]:
            return False
        self.faults[fault] -= 1
        return True
