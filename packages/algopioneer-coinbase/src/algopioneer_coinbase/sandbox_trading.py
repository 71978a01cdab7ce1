"""Orders at the local Coinbase: placed, changed, and ended."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import anyio
from attrs import evolve, field, frozen

from algopioneer_coinbase.sandbox_cancels import cancel_problem, is_order_id
from algopioneer_coinbase.sandbox_edits import (
    Edit,
    EditRefused,
    edit_of,
    finish_edit,
    judge_edit,
)
from algopioneer_coinbase.sandbox_filed import FiledOrder, PendingEdit
from algopioneer_coinbase.sandbox_http import (
    Failure,
    Request,
    body_of,
    error_answer,
    gateway_answer,
)
from algopioneer_coinbase.sandbox_orders import (
    closing_order,
    echo_of,
    estimate,
    read_order,
    warning_of,
)
from algopioneer_coinbase.sandbox_rules import Limits, Refusal, Terms, refusal_of
from algopioneer_coinbase.sandbox_shapes import (
    edit_preview_json,
    order_id,
    placed_json,
    preview_json,
    refused_json,
    status_of,
)
from algopioneer_core.domain.errors import OrderRejected
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.domain.orders import Order, OrderStatus
from algopioneer_core.simulation.sandbox import LocalExchange, PlacedOrder

__all__ = ["Manners", "Trading"]

Json = dict[str, Any]
_CROWDED: Final = "TOO_MANY_OPEN_ORDERS"


@frozen(kw_only=True)
class Manners:
    """What is not confirmed of the venue, and what tests want to vary."""

    duplicate_is_refused: bool = False
    """Whether a client order id that was used is refused; else its order is returned."""
    cancel_after_ns: int = 0
    """How long a cancel is queued before it is done."""
    edit_after_ns: int = 0
    """The same of an edit."""
    read_lag_ns: int = 0
    """How long a new order is not shown by look-ups and lists."""
    holds_data_back: bool = False
    """Whether lists are empty until the holder has confirmed who he is (protocol: pitfalls)."""
    beat_s: int = 1
    """Seconds between two heartbeats of a stream; simulations of hours have fewer of them."""
    private_per_second: int = 30
    public_per_second: int = 10
    connections_per_second: int = 8
    """Websockets that may be opened (protocol: rate limits)."""
    open_orders: int = 500
    """How many may be open in one product; one more is taken and fails (protocol: rate limits)."""
    limits: Limits = field(factory=Limits)


class Trading:
    """
    The part of the protocol that is about orders.

    Args:
        exchange: Takes them.
        products: Their rules, by name.
        manners: How the venue behaves where that is a choice.
    """

    def __init__(
        self,
        exchange: LocalExchange,
        products: Mapping[str, Mapping[str, Any]],
        manners: Manners,
    ) -> None:
        self.exchange = exchange
        self.products = products
        self.manners = manners
        self.on_changed: Callable[[PlacedOrder], None] = lambda _: None
        """Told of an order whose cancel or edit is queued, and of one that was edited."""
        self.refusals: dict[str, str] = {}
        """
        Why the next request of a kind is refused, for codes that are of the account and of no
        order: by `order`, `cancel` and `edit`; by `failure` why the next order that is taken fails.
        """
        self.filed: dict[str, FiledOrder] = {}
        """All orders that were taken, by the exchange's own id, oldest first."""
        self._clock = exchange.clock
        self._instruments = {each.id.symbol: each for each in exchange.books.instruments.values()}
        self._queued: dict[str, FiledOrder] = {}
        self._arrival: anyio.Event | None = None  # of what is queued, while `run` waits for it

    # --- time --------------------------------------------------------------------------------

    async def run(self) -> None:
        """Do what falls due without a request: queued cancels and edits. Until cancelled."""
        while True:
            if not self._queued:
                self._arrival = anyio.Event()
                await self._arrival.wait()
            now_ns = self._clock.now_ns()
            due = (each.due_ns for each in self._queued.values())
            wait_ns = min((each for each in due if each), default=now_ns + NS_PER_SECOND) - now_ns
            await anyio.sleep(min(max(wait_ns, 1_000_000), NS_PER_SECOND) / NS_PER_SECOND)
            self.catch_up()

    def catch_up(self) -> None:
        """Do the cancels and edits that are due."""
        now_ns = self._clock.now_ns()
        for name, filed in tuple(self._queued.items()):
            due_ns = filed.due_ns
            if due_ns is not None and due_ns > now_ns:
                continue
            del self._queued[name]
            if filed.cancel_at_ns is not None:
                self._finish_cancel(filed)
            elif filed.edit is not None:
                finish_edit(filed, self.exchange)
                self.on_changed(filed.placed)

    def _finish_cancel(self, filed: FiledOrder) -> None:
        """End an order; it may be filled at the last moment."""
        filed.cancel_at_ns = None
        client_order_id = filed.placed.order.client_order_id
        if self.exchange.befalls("late_fill"):
            self.exchange.fill_at_limit(client_order_id)
        self.exchange.cancel(client_order_id)

    def status(self, placed: PlacedOrder) -> str:
        """Return an order's status in the venue's words."""
        filed = self.filed.get(order_id(placed))
        return status_of(placed.order) if filed is None else filed.status

    # --- requests ----------------------------------------------------------------------------

    def create(self, request: Request) -> Any:
        """Place an order."""
        body = body_of(request)
        return self._answer(_name_of(body), body)

    def close_position(self, request: Request) -> Any:
        """Place the order that ends a position in a future, or a part of it."""
        body = body_of(request)
        name = _name_of(body)
        if name in self.exchange.placed:  # judged anew, the position would be gone
            return self._answer(name, body)
        try:
            instrument = self._terms(body).instrument
            held = self.exchange.books.account.position(instrument.id).quantity
            order = closing_order(body, instrument, held)
        except Refusal as refusal:
            return refused_json(refusal, echo_of(body))
        return self._answer(name, order)

    def _answer(self, name: str, body: Json) -> Json:
        if self.exchange.befalls("lost_request"):
            raise Failure(gateway_answer("the request is lost"))
        try:
            placed = self._placed(name, body)
        except Refusal as refusal:
            return refused_json(refusal, echo_of(body))
        if self.exchange.befalls("lost_ack"):
            raise Failure(gateway_answer("the acknowledgement is lost"))
        return placed_json(placed, self.filed[order_id(placed)].form)

    def _placed(self, name: str, body: dict[str, Any]) -> PlacedOrder:
        known = self.exchange.placed.get(name)
        if known is not None and self.manners.duplicate_is_refused:
            raise Refusal("DUPLICATE_CLIENT_ORDER_ID")
        if known is not None:
            return known
        if code := self.refusals.pop("order", ""):
            raise Refusal(code)
        if self.exchange.befalls("reject"):
            raise Refusal("COMMANDER_REJECTED_NEW_ORDER")
        intent = read_order(body, self._terms(body))
        number = len(self.exchange.placed) + 1
        order = Order(name, intent, self._clock.now_ns(), OrderStatus.PENDING)
        try:
            placed = self._take(order)
        except OrderRejected as rejected:
            raise refusal_of(rejected.message) from None
        assert placed.number == number
        self.filed[order_id(placed)] = FiledOrder(placed, echo_of(body))
        return placed

    def _take(self, order: Order) -> PlacedOrder:
        """Place an order, or let it fail after it was taken."""
        crowded = self._open_on(order.intent.instrument_id) >= self.manners.open_orders
        reason = self.refusals.pop("failure", "") or (_CROWDED if crowded else "")
        take = partial(self.exchange.fail, reason=reason) if reason else self.exchange.place
        return take(order)

    def _open_on(self, instrument_id: InstrumentId) -> int:
        working = self.exchange.books.working()
        return sum(each.intent.instrument_id == instrument_id for each in working)

    def _terms(self, body: Mapping[str, Any]) -> Terms:
        instrument = self._instruments.get(str(body.get("product_id")))
        if instrument is None:
            raise Refusal("INVALID_PRODUCT_ID")
        return Terms(
            instrument=instrument,
            product=self.products[instrument.id.symbol],
            quote=self.exchange.quotes.get(instrument.id),
            costs=self.exchange.costs(instrument),
            now_ns=self._clock.now_ns(),
            limits=self.manners.limits,
        )

    def preview(self, request: Request) -> Any:
        """Say what would become of an order; nothing is placed."""
        body = body_of(request)
        try:
            terms = self._terms(body)
            intent = read_order(body, terms)
        except Refusal as refusal:
            return preview_json([refusal.preview], [], None)
        order = Order("-", intent, terms.now_ns, OrderStatus.PENDING)
        problem = self.exchange.problem_of(order)
        errors = [refusal_of(problem).preview] if problem else []
        numbers = estimate(intent, terms)
        return preview_json(errors, [warning_of(intent, terms)], terms.quote, **numbers)

    # --- changes -----------------------------------------------------------------------------

    def edit(self, request: Request) -> Any:
        """Queue an edit."""
        try:
            filed, pending = self._judged(edit_of(request))
        except EditRefused as refused:
            return {"success": False, "errors": [refused.error]}
        filed.edit = evolve(pending, due_ns=pending.due_ns + self.manners.edit_after_ns)
        self._queue(filed)
        return {"success": True, "errors": []}

    def edit_preview(self, request: Request) -> Any:
        """Say what would become of an edit; nothing is changed."""
        try:
            filed, pending = self._judged(edit_of(request))
        except EditRefused as refused:
            return edit_preview_json([refused.error], None)
        terms = self._terms_of(filed)
        return edit_preview_json([], terms.quote, **estimate(pending.intent, terms))

    def _judged(self, edit: Edit) -> tuple[FiledOrder, PendingEdit]:
        filed = self.filed.get(edit.order_id)
        if filed is None:
            raise EditRefused("ORDER_NOT_FOUND")
        if code := self.refusals.pop("edit", ""):
            raise EditRefused(code)
        return filed, judge_edit(filed, edit, self._terms_of(filed), self.exchange)

    def _terms_of(self, filed: FiledOrder) -> Terms:
        return self._terms({"product_id": filed.placed.order.intent.instrument_id.symbol})

    def _queue(self, filed: FiledOrder) -> None:
        """Show that something is queued, and do it where it is due at once."""
        self._queued[filed.order_id] = filed
        self.on_changed(filed.placed)
        self.catch_up()
        if self._queued and self._arrival is not None:
            self._arrival.set()

    def cancel(self, request: Request) -> Any:
        """Queue cancels."""
        ids = body_of(request).get("order_ids")
        if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids):
            raise Failure(error_answer(400, "INVALID_ARGUMENT", "order_ids is required"))
        return {"results": [self._cancel_one(each) for each in ids]}

    def _cancel_one(self, name: str) -> Json:
        reason = self._problem_of_cancel(name)
        if not reason:
            filed = self.filed[name]
            filed.cancel_at_ns = self._clock.now_ns() + self.manners.cancel_after_ns
            self._queue(filed)
        return {
            "success": not reason,
            "failure_reason": reason or "UNKNOWN_CANCEL_FAILURE_REASON",
            "order_id": name,
        }

    def _problem_of_cancel(self, name: str) -> str:
        """Return the code by which a cancel is refused; empty when it is taken."""
        filed = self.filed.get(name)
        if filed is None:
            return "UNKNOWN_CANCEL_ORDER" if is_order_id(name) else "INVALID_CANCEL_REQUEST"
        product = self.products[filed.placed.order.intent.instrument_id.symbol]
        return cancel_problem(filed, product) or self.refusals.pop("cancel", "")


def _name_of(body: Mapping[str, Any]) -> str:
    """Return the client order id of a request."""
    name = body.get("client_order_id")
    if not isinstance(name, str) or not name:
        raise Failure(error_answer(400, "INVALID_ARGUMENT", "client_order_id is required"))
    return name
