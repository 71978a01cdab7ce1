"""The account of a reference venue: what it answers, which is not always the truth."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Final

import anyio
import anyio.lowlevel

from algopioneer_core.domain.errors import (
    OrderRejected,
    Outcome,
    RateLimited,
    UnsupportedOperation,
    VenueUnavailable,
)
from algopioneer_core.domain.events import ExecutionReport, OrderFilled
from algopioneer_core.domain.fills import Fill
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND, Quote
from algopioneer_core.domain.money import ZERO, Quantity, mul
from algopioneer_core.domain.order_needs import check_id
from algopioneer_core.domain.orders import Order, OrderStatus
from algopioneer_core.ports import (
    Balance,
    Clock,
    FeeRates,
    Found,
    NotYetKnown,
    OrderLookup,
    ProvenAbsent,
)
from algopioneer_core.simulation.paper_exchange import PaperExchange
from algopioneer_core.simulation.report_hub import ReportHub, ReportStream
from algopioneer_core.testing.fault_plans import FaultKind
from algopioneer_core.testing.reference_modes import VenueModes
from algopioneer_core.testing.reference_reads import AccountReads
from algopioneer_core.testing.reference_totals import FillTotals

__all__ = ["ReferenceAccount"]

_DELAY_NS: Final = 60 * NS_PER_SECOND
"""How old reads are while a fault delays them."""
_HALF: Final = Decimal("0.5")
_SLOW_S: Final = 1.0
"""How late answers are while a fault makes them so."""
_GIVES_UP_S: Final = 10
"""After how long an adapter gives a request up that was swallowed."""


class ReferenceAccount:
    """
    An `Execution` over an exchange, with its modes and faults; made by `ReferenceVenue`.

    Args:
        books: The exchange.
        hub: Its private stream.
        modes: How it behaves on good days.
        clock: Its time.
        befalls: Tells whether a fault is due, and ends it.
    """

    def __init__(
        self,
        books: PaperExchange,
        hub: ReportHub,
        modes: VenueModes,
        clock: Clock,
        befalls: Callable[[FaultKind], bool],
    ) -> None:
        self._books = books
        self._hub = hub
        self._modes = modes
        self._clock = clock
        self._befalls = befalls
        self._capabilities = modes.capabilities()
        self._past = AccountReads()
        self._totals = FillTotals()
        self._asked: dict[str, int] = {}
        self._unsent: list[ExecutionReport] = []
        self._latest: ExecutionReport | None = None
        self._outages = 0
        self._foreign: dict[str, None] = {}
        self._late: list[str] = []  # cancels that a fill may still overtake
        self._held: list[ExecutionReport] = []  # to be told after the next report, or event
        self._delayed_reads = 0
        self._slow = 0
        self._stalls = 0
        self.silences = 0
        """How many faults keep it silent now: what it does not tell is lost."""
        self.losses = 0
        """How many faults swallow requests now."""
        self.closures = 0
        """How many faults keep the market closed now."""
        self.accepted: list[str] = []
        """Ids of all orders that were placed, each as often as it was."""
        self.executed: list[Fill] = []
        """All fills of them as they came about, whatever is told."""
        self.executed_foreign: list[Fill] = []
        """The fills of everybody else in the account."""

    # --- orders ------------------------------------------------------------------------------

    async def submit(self, order: Order) -> None:
        """
        Place *order*; a lost request or answer leaves the caller waiting until his own deadline.

        Raises:
            OrderRejected: It was refused; nothing was placed.
            RateLimited: One request too many; nothing was placed.
            VenueUnavailable: The venue is down (nothing was placed) or fails (unknown).
        """
        await self._reach()
        await self._before(order.client_order_id)
        if self.closures:
            raise OrderRejected("the market is closed", where=order.client_order_id)
        if self._befalls(FaultKind.REJECT):
            raise OrderRejected("refused", where=order.client_order_id, code="REFUSED")
        self._check(order)
        if not self._is_repeated(order):
            self._place(order)
        await self._after(order.client_order_id)

    def _check(self, order: Order) -> None:
        if order.intent.instrument_id not in self._books.instruments:
            raise OrderRejected("there is no such instrument", where=order.client_order_id)
        check_id(order, self._capabilities)

    async def _before(self, where: str) -> None:
        """Have what befalls a request on its way there."""
        if self._befalls(FaultKind.RATE_LIMIT):
            raise RateLimited("too many requests", where=where, retry_after_ns=NS_PER_SECOND)
        if self._befalls(FaultKind.LOST_REQUEST):
            await anyio.sleep_forever()

    async def _after(self, where: str) -> None:
        """Have what befalls an answer on its way back."""
        if self._befalls(FaultKind.LOST_ACK):
            await anyio.sleep_forever()
        if self._slow:
            await anyio.sleep(_SLOW_S)
        if self._befalls(FaultKind.SERVER_ERROR):
            raise VenueUnavailable("server error", where=where, code="500")

    def _is_repeated(self, order: Order) -> bool:
        return not self._modes.ids_reusable and order.client_order_id in self._past

    def _place(self, order: Order) -> None:
        report = self._books.submit(order, reuses_id=self._modes.ids_reusable)
        self._totals.forget(order.client_order_id)
        self.accepted.append(order.client_order_id)
        self.tell(report)

    def place_foreign(self, order: Order) -> None:
        """Place an order of somebody else; see `ReferenceVenue.place_foreign`."""
        self._foreign[order.client_order_id] = None
        self.tell(self._books.submit(order))

    async def cancel(self, client_order_id: str) -> None:
        """Take an order out; its end is a report. Raises as `cancel_all`."""
        await self.cancel_all([client_order_id])

    async def cancel_all(self, client_order_ids: Sequence[str]) -> None:
        """
        Take these orders out and no others; a lost request or answer leaves the caller waiting.

        Raises:
            RateLimited: One request too many; nothing was done.
            VenueUnavailable: The venue is down (nothing was done) or fails (unknown).
        """
        await self._reach()
        where = ", ".join(client_order_ids)
        await self._before(where)
        for client_order_id in client_order_ids:
            if self._rests(client_order_id) and self._befalls(FaultKind.REORDER):
                self._end_first(client_order_id)
            elif not self._befalls(FaultKind.LATE_FILL):
                self._take_out(client_order_id)
            elif self._rests(client_order_id):
                self.reach(client_order_id)
                self._take_out(client_order_id)
            else:  # what takes whatever comes is overtaken by what comes next
                self._late.append(client_order_id)
        await self._after(where)

    def _rests(self, client_order_id: str) -> bool:
        order = self._books.find(client_order_id)
        if order is None or order.status.is_final or order.remaining_quantity is None:
            return False
        return bool(order.intent.stop_price or order.intent.limit_price)

    def reach(self, client_order_id: str) -> None:
        """Let the market come to the price of an order that rests, with size for all of it."""
        order = self._books.find(client_order_id)
        assert order is not None
        assert order.remaining_quantity is not None
        for report in self._meet(order, order.remaining_quantity):
            self.tell(report)

    def _end_first(self, client_order_id: str) -> None:
        """Fill half of an order, take the rest out, and tell of that fill after its end."""
        order = self._books.find(client_order_id)
        assert order is not None
        wanted = order.remaining_quantity or ZERO
        instrument = self._books.instruments[order.intent.instrument_id]
        half = instrument.whole_quantity(mul(wanted, _HALF))
        fills = self._meet(order, half or wanted)
        for report in (*self._books.cancel(client_order_id), *fills):
            self.tell(report)

    def _meet(self, order: Order, size: Quantity) -> list[ExecutionReport]:
        """Let the market come to the price of an order that rests; return what comes of it."""
        price = order.intent.stop_price or order.intent.limit_price
        assert price is not None
        now_ns = self._clock.now_ns()
        quote = Quote(order.intent.instrument_id, now_ns, price, price, size, size, now_ns)
        return list(self._books.match([quote]))

    def _take_out(self, client_order_id: str) -> None:
        for report in self._books.cancel(client_order_id):
            self.tell(report)

    @property
    def holds_back(self) -> bool:
        """Whether something is told, or done, only with the next event or report."""
        return bool(self._held or self._late)

    def end_delays(self) -> None:
        """Tell what was held back, and take out the orders whose cancels a fill has overtaken."""
        held, self._held = self._held, []
        for report in held:
            self._hub.publish(report)
        late, self._late = self._late, []
        for client_order_id in late:
            self._take_out(client_order_id)

    # --- reports -----------------------------------------------------------------------------

    @asynccontextmanager
    async def reports(self) -> AsyncIterator[ReportStream]:
        """Open the private stream."""
        with self._hub.stream() as stream:
            yield stream

    def hang_up(self) -> None:
        """Break the private stream: until it is opened again, reports are told to nobody."""
        self._hub.hang_up()

    def tell(self, report: ExecutionReport) -> None:
        """Note what happened, and report it when the line is up."""
        order = self._books.find(report.client_order_id)
        assert order is not None
        now_ns = self._clock.now_ns()
        self._past.note(now_ns, order)
        if isinstance(report, OrderFilled):
            ours = report.client_order_id not in self._foreign
            (self.executed if ours else self.executed_foreign).append(report.fill)
            self._totals.add(report.fill)
            if not self._modes.cumulative_fills:
                self._past.note_fill(now_ns, report.fill)
        self._unsent.append(report)
        if not self._outages and not self._stalls:
            self._send()

    def _send(self) -> None:
        waiting, self._unsent = self._unsent, []
        for report in waiting:
            shown = self._as_shown(report)
            if shown is not None and not self.silences:
                self._publish(shown)

    def _publish(self, report: ExecutionReport) -> None:
        held, self._held = self._held, []
        if not held and self._befalls(FaultKind.REORDER):
            self._held = [report]
            return
        for each in (report, *held):
            for _ in range(2 if self._befalls(FaultKind.DUPLICATE) else 1):
                self._hub.publish(each)
            self._latest = each

    def stall(self) -> None:
        """Let reports wait."""
        self._stalls += 1

    def flow(self) -> None:
        """Let all that wait go on their way."""
        self._stalls -= 1
        if not self._stalls and not self._outages:
            self._send()

    def _as_shown(self, report: ExecutionReport) -> ExecutionReport | None:
        """Return *report*, a fill as the difference of two totals where those are all it tells."""
        if not isinstance(report, OrderFilled) or not self._modes.cumulative_fills:
            return report
        fill = self._totals.untold(report.fill)
        if fill is None:
            return None  # told with the totals of a later one
        self._past.note_fill(self._clock.now_ns(), fill)
        order = self._books.find(report.client_order_id)
        return OrderFilled(fill, order is not None and order.status is OrderStatus.FILLED)

    def go_down(self) -> None:
        """Break the line: requests fail, reports wait."""
        self._outages += 1

    def come_up(self) -> None:
        """Mend the line: the last report comes again, then what was missed."""
        self._outages -= 1
        if self._outages or self._stalls:
            return
        if self._latest is not None:
            self._hub.publish(self._latest)
        self._send()

    # --- questions ---------------------------------------------------------------------------

    async def order(self, client_order_id: str) -> OrderLookup:
        """
        Say what became of an order, as far as reads show it yet.

        Raises:
            UnsupportedOperation: There is no look-up by our id.
            VenueUnavailable: The venue is down.
        """
        await self._look()
        if not self._modes.lookup:
            raise UnsupportedOperation(
                "orders are not found by our id", remedy="list open orders and fills"
            )
        seen_ns, now_ns = self._seen_ns(), self._clock.now_ns()
        order = self._past.order(client_order_id, seen_ns)
        if order is not None:
            return Found(order)
        proven_ns = self._asked.setdefault(client_order_id, now_ns) + self._modes.absence_after_ns
        if client_order_id in self._past or now_ns < proven_ns:
            return NotYetKnown(max(proven_ns, now_ns + NS_PER_SECOND))
        return ProvenAbsent()

    async def open_orders(self) -> Sequence[Order]:
        """
        Return the orders that reads show as open.

        Raises:
            VenueUnavailable: The venue is down.
        """
        await self._look()
        latest_ns = self._clock.now_ns() - max(self._modes.read_lag_ns, _DELAY_NS)
        return self._past.open_orders(self._seen_ns(), latest_ns)

    async def fills(self, since_ns: int) -> Sequence[Fill]:
        """Return the fills that reads show, under the reports' ids; raises as `open_orders`."""
        await self._look()
        return self._past.fills(self._seen_ns(), since_ns)

    async def positions(self) -> Mapping[InstrumentId, Quantity]:
        """Return what is held; raises as `open_orders`."""
        await self._look()
        return self._books.account.positions()

    async def balances(self) -> Sequence[Balance]:
        """Return what there is; raises as `open_orders`."""
        await self._look()
        return self._books.balances()

    async def fees(self, instrument_id: InstrumentId) -> FeeRates:
        """Return what fills cost; raises as `open_orders`."""
        await self._look()
        return self._books.fees(instrument_id)

    def _seen_ns(self) -> int:
        lag_ns = max(self._modes.read_lag_ns, _DELAY_NS if self._delayed_reads else 0)
        return self._clock.now_ns() - lag_ns

    def slow_reads(self, by: int = 1) -> None:
        """Let look-ups lag until as many calls have taken it back with -1."""
        self._delayed_reads += by

    def slow_answers(self, by: int = 1) -> None:
        """Let requests take long until as many calls have taken it back with -1."""
        self._slow += by

    async def _look(self) -> None:
        await self._reach()
        if self._slow:
            await anyio.sleep(_SLOW_S)

    async def _reach(self) -> None:
        """Let a request arrive, or fail as an adapter's own deadline makes it fail."""
        await anyio.lowlevel.checkpoint()
        if self.losses:
            await anyio.sleep(_GIVES_UP_S)
            raise VenueUnavailable("no answer")
        if self._outages:
            raise VenueUnavailable("connection refused", outcome=Outcome.NOT_PLACED)
