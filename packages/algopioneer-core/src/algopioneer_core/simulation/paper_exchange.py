"""
The paper venue without its waiting: orders and market events go in, reports come out.

Everything is decided at once, so the shell around it (`paper`) has nothing to decide. Reports of an
order come as accepted, its fills, its end. A fill's id is made from the order's and a count, so it
is the same in every run and after every restart.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from attrs import evolve

from algopioneer_core.domain.errors import DataError, UnsupportedOperation
from algopioneer_core.domain.errors import OrderRejected as Refused
from algopioneer_core.domain.events import (
    ExecutionReport,
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderRejected,
)
from algopioneer_core.domain.fills import Fill
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND, Bar, Quote, Trade
from algopioneer_core.domain.money import ZERO, Money, Price, Quantity
from algopioneer_core.domain.orders import Order, OrderStatus, Step, advance, apply_fill
from algopioneer_core.domain.times import iso_utc
from algopioneer_core.ports import Balance, FeeRates, MarketDataEvent
from algopioneer_core.simulation.costs import CostModel
from algopioneer_core.simulation.order_book import MakeBook, OrderBook
from algopioneer_core.simulation.order_rules import (
    NO_BUYING_POWER,
    NOT_FREE,
    problem_of_size,
    problem_of_terms,
)
from algopioneer_core.simulation.pages import Pages
from algopioneer_core.simulation.paper_account import PaperAccount
from algopioneer_core.simulation.paper_holds import Holds

__all__ = ["RETAINED", "RETAINED_NS", "PaperExchange"]

RETAINED: Final = 1_024
"""Ended orders, and fills, that can still be asked for: these many at least, and a page more."""
RETAINED_NS: Final = 10 * 60 * NS_PER_SECOND
"""What is younger can be asked for in any case, which makes memory grow with the rate of orders. A
session compares its books every five minutes and asks for a minute more."""
_PRICES: Final = (Bar, Quote, Trade)
_ENDED: Final = "ended"
_FILLS: Final = "fills"
_STEPS: Final[dict[type, Step]] = {
    OrderAccepted: Step.ACCEPT,
    OrderRejected: Step.REJECT,
    OrderCanceled: Step.CANCEL,
    OrderExpired: Step.EXPIRE,
}


class PaperExchange:
    """
    Books and account of a paper venue.

    Memory does not grow with the number of events, nor with that of orders beyond `RETAINED` ended
    ones and those of the last `RETAINED_NS`; an id used before those would be taken for a new one.

    Args:
        instruments: All that can be traded.
        account: The money.
        costs: What fills cost, by instrument.
        make_book: Makes an instrument's book at its first order or event.
        checks_at_once: Whether an order that could not trade at the last price is refused when it
            is submitted, as venues do; else when it meets the market, as a backtest does.
    """

    def __init__(
        self,
        instruments: Iterable[Instrument],
        account: PaperAccount,
        costs: Callable[[Instrument], CostModel],
        make_book: MakeBook,
        *,
        checks_at_once: bool = False,
    ) -> None:
        self.instruments = {each.id: each for each in instruments}
        """All that can be traded, by id."""
        self.account = account
        """The money."""
        self.now_ns = 0
        """Time of the latest event or order, UTC nanoseconds."""
        self._costs = costs
        self._make_book = make_book
        self._checks_at_once = checks_at_once
        self._books: dict[InstrumentId, OrderBook] = {}
        self._working: dict[str, Order] = {}
        self.holds = Holds(account, self._costs_on, self._working, self._spent_on)
        """What the working orders hold back of the account. Read only."""
        self._found: dict[str, Order] = {}  # of those that ended, by id
        self._ended = Pages[Order](RETAINED, lambda each: self._is_young(each.ts_created))
        self._fills = Pages[Fill](RETAINED, lambda each: self._is_young(each.ts_event))
        self._forgotten_ns = -1
        self._matching: list[tuple[InstrumentId, Iterator[ExecutionReport]]] = []
        self.is_matching = False
        """Whether events are being matched: some of what they do is not yet reported."""

    # --- orders ------------------------------------------------------------------------------

    def submit(self, order: Order, *, reuses_id: bool = False) -> ExecutionReport:
        """
        Take *order* and return its acknowledgement.

        Args:
            order: As it was sent.
            reuses_id: Whether its id may be that of an order that has ended.

        Raises:
            Refused: Its id was used before, or the venue's rules or the account do not allow it.
        """
        key = order.client_order_id
        used = self.find(key)
        if used is not None and not (reuses_id and used.status.is_final):
            raise Refused("the client order id was used before", where=key)
        problem = self.problem_of(order) if self._checks_at_once else ""
        if problem:
            raise Refused(problem, where=key)
        self.now_ns = max(self.now_ns, order.ts_created)
        ids = (
            self._found.pop(key).fill_ids if used else frozenset[str]()
        )  # so that none comes twice
        taken = Order(key, order.intent, order.ts_created, OrderStatus.PENDING, fill_ids=ids)
        self._working[key] = taken
        self._book(order.intent.instrument_id).submit(taken, self.now_ns)
        return self._told(OrderAccepted(key, self.now_ns, f"paper-{key}"))

    def problem_of(self, order: Order) -> str:
        """
        Return why the venue would not take *order*, judged at its limit or the last price.

        Empty when it would; nothing is placed either way.
        """
        intent = order.intent
        costs = self._costs_on(intent.instrument_id)
        problem = problem_of_terms(intent, costs.instrument)
        price = intent.limit_price or self.account.mark(intent.instrument_id)
        if problem or price is None:
            return problem
        quantity, is_rest = order.remaining_quantity, bool(order.filled_quantity)
        if quantity is None:
            assert intent.quote_amount is not None
            quantity = costs.affordable(intent.quote_amount, price)
        held = partial(self.account.held, intent.instrument_id)
        problem = problem_of_size(intent, costs.instrument, quantity, price, held, is_rest=is_rest)
        if problem:
            return problem
        if not (intent.reduce_only or self._can_carry(costs, order, quantity, price)):
            return NO_BUYING_POWER
        return "" if self.holds.admit(order, quantity, price) else NOT_FREE

    def amend(self, order: Order) -> None:
        """
        Let a working order be *order* from now on, which has its id, its fills and other terms.

        Only this account's record changes: whoever amends has the order's book to tell of it.

        Raises:
            Refused: It works no longer, or the venue's rules or the account do not allow it.
        """
        key = order.client_order_id
        problem = self.problem_of(order) if key in self._working else "the order has ended"
        if problem:
            raise Refused(problem, where=key)
        self._working[key] = order

    def cancel(self, client_order_id: str) -> list[ExecutionReport]:
        """
        Take an order out and return its end; nothing when it has ended or was never here.

        What the market does to it at this very moment comes first.
        """
        order = self._working.get(client_order_id)
        if order is None:
            return []
        instrument_id = order.intent.instrument_id
        self._match_now(instrument_id)
        reports = self._book(instrument_id).cancel(client_order_id, self.now_ns)
        return [self._told(report) for report in reports]

    def find(self, client_order_id: str) -> Order | None:
        """Return an order as it is now; None when there is none (or it ended long ago)."""
        return self._working.get(client_order_id) or self._found.get(client_order_id)

    def working(self) -> list[Order]:
        """Return the orders that may still trade, oldest first."""
        return list(self._working.values())

    @property
    def has_working(self) -> bool:
        """Whether an order may still trade."""
        return bool(self._working)

    # --- the market --------------------------------------------------------------------------

    def match(self, events: Sequence[MarketDataEvent]) -> Iterator[ExecutionReport]:
        """
        Yield what *events*, which happen at one time, do to the orders.

        What is ordered while this is under way comes too late for them; a cancel comes too late
        for the other instruments' orders.
        """
        self._matching = [
            (event.instrument_id, self._filled_by(event))
            for event in events
            if isinstance(event, _PRICES)
        ]
        self.now_ns = max(self.now_ns, *(event.ts_event for event in events))
        self.is_matching = True
        while self._matching:
            yield from self._matching.pop(0)[1]
        self.is_matching = False

    def _match_now(self, instrument_id: InstrumentId) -> None:
        """Book what the events under way do to an instrument that is not yet looked at."""
        self._matching = [
            (each, iter(list(reports)) if each == instrument_id else reports)
            for each, reports in self._matching
        ]

    def _filled_by(self, event: Bar | Quote | Trade) -> Iterator[ExecutionReport]:
        if event.instrument_id not in self.instruments:
            return
        book = self._book(event.instrument_id)
        if book.is_new(event):
            for report in book.on_event(event):
                if not isinstance(report, OrderAccepted):  # it was, when it was submitted
                    yield self._told(report)
        self.account.mark_price(event.instrument_id, _mark(event))

    def _told(self, report: ExecutionReport) -> ExecutionReport:
        """Book *report*, a fill under its own id, and return it."""
        key = report.client_order_id
        order = self._working[key]
        if isinstance(report, OrderFilled):
            fill = evolve(report.fill, fill_id=f"{key}.{len(order.fill_ids) + 1}")
            report = OrderFilled(fill, report.complete)
            self._keep(apply_fill(order, fill, complete=report.complete))
            self._book_fill(fill)
            return report
        venue_order_id = getattr(report, "venue_order_id", None)
        message = getattr(report, "message", "")
        step = _STEPS[type(report)]
        self._keep(advance(order, step, venue_order_id=venue_order_id, message=message))
        return report

    def _book_fill(self, fill: Fill) -> None:
        self.account.apply(fill)
        for gone in self._fills.append(fill):
            self._forgotten_ns = max(self._forgotten_ns, gone.ts_event)

    def _is_young(self, ts_ns: int) -> bool:
        return ts_ns > self.now_ns - RETAINED_NS

    def _keep(self, order: Order) -> None:
        key = order.client_order_id
        if not order.status.is_final:
            self._working[key] = order
            return
        self._working.pop(key, None)
        self._found[key] = order
        for gone in self._ended.append(order):
            if self._found.get(gone.client_order_id) is gone:  # its id was not used again
                del self._found[gone.client_order_id]

    def _book(self, instrument_id: InstrumentId) -> OrderBook:
        book = self._books.get(instrument_id)
        if book is None:
            instrument = self.instruments[instrument_id]
            costs = self._costs(instrument)
            held = partial(self.account.held, instrument_id)
            is_asked = self.account.is_limited or self._checks_at_once
            can_fill = partial(self._can_fill, costs) if is_asked else None
            book = self._books[instrument_id] = self._make_book(costs, held, can_fill)
        return book

    def _can_fill(self, costs: CostModel, order: Order, quantity: Quantity, price: Price) -> bool:
        """Return whether a working order may trade; holds count where they were promised."""
        allowed = not self._checks_at_once or self.holds.allow(
            order.client_order_id, quantity, price
        )
        return allowed and self._can_carry(costs, order, quantity, price)

    def _can_carry(self, costs: CostModel, order: Order, quantity: Quantity, price: Price) -> bool:
        fee = costs.dearer_fee(quantity, price)
        return self.account.can_carry(costs.instrument, order.intent.side, quantity, price, fee)

    def _costs_on(self, instrument_id: InstrumentId) -> CostModel:
        return self._costs(self.instruments[instrument_id])

    def _spent_on(self, order: Order) -> Money:
        book = self._books.get(order.intent.instrument_id)
        return ZERO if book is None else book.spent_on(order.client_order_id)

    # --- questions ---------------------------------------------------------------------------

    def fills(self, since_ns: int) -> list[Fill]:
        """
        Return the fills since a time, oldest first.

        Raises:
            UnsupportedOperation: Fills of that time are forgotten.
        """
        if since_ns <= self._forgotten_ns:
            raise UnsupportedOperation(
                f"fills until {iso_utc(self._forgotten_ns)} are forgotten",
                remedy="ask for later ones; the journal has them all",
            )
        return [fill for fill in self._fills if fill.ts_event >= since_ns]

    def balances(self) -> list[Balance]:
        """Return what there is of each asset, with what working orders hold back, by asset."""
        held = self.holds.by_asset()
        amounts = self.account.balances
        return [
            Balance(asset, amounts.get(asset, ZERO), held.get(asset, ZERO))
            for asset in sorted({*amounts, *held})
        ]

    def fees(self, instrument_id: InstrumentId) -> FeeRates:
        """Return what fills of an instrument are charged."""
        costs = self._costs_on(instrument_id)
        return FeeRates(maker=costs.maker, taker=costs.taker)

    # --- memory ------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, object]:
        """Return everything, as JSON values and domain objects; taken when nothing is matched."""
        return {
            "now_ns": self.now_ns,
            "account": self.account.snapshot(),
            "books": {str(key): book.snapshot() for key, book in self._books.items()},
            "working": list(self._working.values()),
            "forgotten_ns": self._forgotten_ns,
        }

    def pages(self) -> dict[str, Sequence[object]]:
        """Return what the snapshot lacks because it only grows: ended orders and fills, by page."""
        return {**self._ended.snapshot(_ENDED), **self._fills.snapshot(_FILLS)}

    def restore(self, state: Mapping[str, Any], pages: Mapping[str, Sequence[Any]]) -> None:
        """
        Become what `snapshot` and `pages` described.

        Raises:
            DataError: It has orders or holdings of an instrument that is not here.
        """
        ids = {str(each): each for each in self.instruments}
        strangers = [
            key for key in (*state["books"], *state["account"]["positions"]) if key not in ids
        ]
        if strangers:
            raise DataError("the state has an instrument that is not here", where=strangers[0])
        self.now_ns = state["now_ns"]
        self.account.restore(state["account"])
        for key, book in state["books"].items():
            self._book(ids[key]).restore(book)
        self._working.clear()  # the very same, which the holds are of
        self._working.update((order.client_order_id, order) for order in state["working"])
        self._ended.restore(_ENDED, pages)
        self._fills.restore(_FILLS, pages)
        self._found = {
            order.client_order_id: order
            for order in self._ended
            if order.client_order_id not in self._working
        }
        self._forgotten_ns = state["forgotten_ns"]


def _mark(event: Bar | Quote | Trade) -> Price:
    if isinstance(event, Bar):
        return event.close
    return event.mid if isinstance(event, Quote) else event.price
