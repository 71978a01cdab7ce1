"""Orders at the local Coinbase: placed, cancelled, and looked up."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import anyio
from attrs import define, field, frozen

from algopioneer_coinbase.sandbox_http import (
    Failure,
    Request,
    body_of,
    error_answer,
    gateway_answer,
    page_of,
    times_of,
)
from algopioneer_coinbase.sandbox_orders import echo_of, estimate, read_order
from algopioneer_coinbase.sandbox_rules import Limits, Refusal, Terms, refusal_of
from algopioneer_coinbase.sandbox_shapes import (
    fill_json,
    order_id,
    order_json,
    preview_json,
    status_of,
)
from algopioneer_core.domain.errors import OrderRejected
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.domain.money import ZERO
from algopioneer_core.domain.orders import Order, OrderStatus
from algopioneer_core.simulation.paper_holds import hold_of
from algopioneer_core.simulation.sandbox import LocalExchange, PlacedOrder

__all__ = ["Manners", "Trading"]

_CROWDED: Final = "TOO_MANY_OPEN_ORDERS"
_UNPROVEN: Final = {"proof_token_required": True}


@frozen(kw_only=True)
class Manners:
    """What is not confirmed of the venue, and what tests want to vary."""

    duplicate_is_refused: bool = False
    """Whether a client order id that was used is refused; else its order is returned."""
    cancel_after_ns: int = 0
    """How long a cancel is queued before it is done."""
    read_lag_ns: int = 0
    """How long a new order is not shown by look-ups and lists."""
    holds_data_back: bool = False
    """Whether lists are empty until the holder has confirmed who he is (protocol: pitfalls)."""
    private_per_second: int = 30
    public_per_second: int = 10
    open_orders: int = 500
    """How many may be open in one product; one more is taken and fails (protocol: rate limits)."""
    limits: Limits = field(factory=Limits)


@define(eq=False)
class _Filed:
    """An order with what REST needs of it beyond the exchange's own."""

    placed: PlacedOrder
    form: Mapping[str, Any]
    cancel_at_ns: int | None = None


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
        self.on_queued: Callable[[PlacedOrder], None] = lambda _: None
        """Told of an order whose cancel is queued."""
        self.refuse_with = ""
        """Why the next order is refused: for codes that are of the account and not of the order."""
        self._clock = exchange.clock
        self._instruments = {each.id.symbol: each for each in exchange.books.instruments.values()}
        self._filed: dict[str, _Filed] = {}  # by the exchange's own order id

    # --- time --------------------------------------------------------------------------------

    async def run(self) -> None:
        """Do what falls due without a request: queued cancels. Until cancelled."""
        while True:
            due = [each.cancel_at_ns for each in self._filed.values() if each.cancel_at_ns]
            wait_ns = min(due, default=self._clock.now_ns() + NS_PER_SECOND) - self._clock.now_ns()
            await anyio.sleep(min(max(wait_ns, 1_000_000), NS_PER_SECOND) / NS_PER_SECOND)
            self.finish_cancels()

    def finish_cancels(self) -> None:
        """End the orders whose queued cancel is due; one may be filled at the last moment."""
        now_ns = self._clock.now_ns()
        for filed in self._filed.values():
            if filed.cancel_at_ns is None or filed.cancel_at_ns > now_ns:
                continue
            filed.cancel_at_ns = None
            client_order_id = filed.placed.order.client_order_id
            if self.exchange.befalls("late_fill"):
                self.exchange.fill_at_limit(client_order_id)
            self.exchange.cancel(client_order_id)

    def status(self, placed: PlacedOrder) -> str:
        """Return an order's status in the venue's words."""
        filed = self._filed.get(order_id(placed))
        queued = filed is not None and filed.cancel_at_ns is not None
        return (
            "CANCEL_QUEUED"
            if queued and not placed.order.status.is_final
            else status_of(placed.order)
        )

    # --- requests ----------------------------------------------------------------------------

    def create(self, request: Request) -> Any:
        """Place an order."""
        body = body_of(request)
        name = body.get("client_order_id")
        if not isinstance(name, str) or not name:
            raise Failure(error_answer(400, "INVALID_ARGUMENT", "client_order_id is required"))
        if self.exchange.befalls("lost_request"):
            raise Failure(gateway_answer("the request is lost"))
        try:
            placed = self._placed(name, body)
        except Refusal as refusal:
            return _refused(refusal, body)
        if self.exchange.befalls("lost_ack"):
            raise Failure(gateway_answer("the acknowledgement is lost"))
        return {
            "success": True,
            "success_response": {
                "order_id": order_id(placed),
                "product_id": placed.order.intent.instrument_id.symbol,
                "side": placed.order.intent.side.name,
                "client_order_id": name,
                "attached_order_id": "",
            },
            "order_configuration": echo_of(body),
        }

    def _placed(self, name: str, body: dict[str, Any]) -> PlacedOrder:
        known = self.exchange.placed.get(name)
        if known is not None and self.manners.duplicate_is_refused:
            raise Refusal("DUPLICATE_CLIENT_ORDER_ID")
        if known is not None:
            return known
        if self.refuse_with:
            code, self.refuse_with = self.refuse_with, ""
            raise Refusal(code)
        if self.exchange.befalls("reject"):
            raise Refusal("COMMANDER_REJECTED_NEW_ORDER")
        intent = read_order(body, self._terms(body))
        number = len(self.exchange.placed) + 1
        order = Order(name, intent, self._clock.now_ns(), OrderStatus.PENDING)
        try:
            crowded = self._open_on(intent.instrument_id) >= self.manners.open_orders
            take = partial(self.exchange.fail, reason=_CROWDED) if crowded else self.exchange.place
            placed = take(order)
        except OrderRejected as rejected:
            raise refusal_of(rejected.message) from None
        assert placed.number == number
        self._filed[order_id(placed)] = _Filed(placed, echo_of(body))
        return placed

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
            now_ns = self._clock.now_ns()
            problem = self.exchange.problem_of(Order("-", intent, now_ns, OrderStatus.PENDING))
            if problem:
                raise refusal_of(problem)
        except Refusal as refusal:
            return preview_json([refusal.preview], None)
        return preview_json([], terms.quote, **estimate(intent, terms))

    def cancel(self, request: Request) -> Any:
        """Queue cancels."""
        ids = body_of(request).get("order_ids")
        if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids):
            raise Failure(error_answer(400, "INVALID_ARGUMENT", "order_ids is required"))
        results = [self._cancel_one(each) for each in ids]
        self.finish_cancels()
        return {"results": results}

    def _cancel_one(self, name: str) -> dict[str, Any]:
        filed = self._filed.get(name)
        reason = "UNKNOWN_CANCEL_ORDER"
        if filed is not None and filed.placed.order.status is OrderStatus.FILLED:
            reason = "ORDER_IS_FULLY_FILLED"
        elif filed is not None and filed.cancel_at_ns is not None:
            reason = "DUPLICATE_CANCEL_REQUEST"
        elif filed is not None and not filed.placed.order.status.is_final:
            filed.cancel_at_ns = self._clock.now_ns() + self.manners.cancel_after_ns
            self.on_queued(filed.placed)
            reason = ""
        return {
            "success": not reason,
            "failure_reason": reason or "UNKNOWN_CANCEL_FAILURE_REASON",
            "order_id": name,
        }

    def _visible(self) -> list[_Filed]:
        """Return what look-ups show, newest first."""
        until_ns = self._clock.now_ns() - self.manners.read_lag_ns
        if self.exchange.faults["delayed_read"]:
            until_ns -= 60 * NS_PER_SECOND
        return [
            each for each in reversed(self._filed.values()) if each.placed.placed_ns <= until_ns
        ]

    def _row(self, filed: _Filed) -> dict[str, Any]:
        placed = filed.placed
        instrument = self._instruments[placed.order.intent.instrument_id.symbol]
        hold = ZERO
        if not placed.order.status.is_final:
            _, hold = hold_of(placed.order, self.exchange.costs(instrument))
        row = order_json(placed, filed.form, self.status(placed), hold)
        kind = self.products[instrument.id.symbol]["product_type"]
        return {**row, "product_type": kind}

    def order(self, request: Request) -> Any:
        """Show one order."""
        name = request.path.rpartition("/")[2]
        filed = next((each for each in self._visible() if order_id(each.placed) == name), None)
        if filed is None:
            raise Failure(error_answer(404, "NOT_FOUND", f"order with id {name} not found"))
        return {"order": self._row(filed)}

    def orders(self, request: Request) -> Any:
        """List orders, newest first."""
        query = request.query
        start, end = times_of(request, "start_date", "end_date")
        rows = [
            self._row(each)
            for each in self._visible()
            if each.placed.placed_ns >= start and (not end or each.placed.placed_ns < end)
        ]
        for name, key in (
            ("order_ids", "order_id"),
            ("product_ids", "product_id"),
            ("order_status", "status"),
        ):
            rows = [row for row in rows if name not in query or row[key] in query[name]]
        if self.manners.holds_data_back:
            return {"orders": [], "sequence": "0", "has_next": False, "cursor": "", **_UNPROVEN}
        page, cursor = page_of(rows, request, 100)
        return {"orders": page, "sequence": "0", "has_next": bool(cursor), "cursor": cursor}

    def fills(self, request: Request) -> Any:
        """List fills, newest first."""
        query = request.query
        start, end = times_of(request, "start_sequence_timestamp", "end_sequence_timestamp")
        fills = [
            (fill.ts_event, fill_json(each.placed, fill))
            for each in self._visible()
            for fill in each.placed.fills
            if fill.ts_event >= start and (not end or fill.ts_event < end)
        ]
        rows = [row for _, row in sorted(fills, key=lambda pair: -pair[0])]
        for name, key in (("order_ids", "order_id"), ("product_ids", "product_id")):
            rows = [row for row in rows if name not in query or row[key] in query[name]]
        if self.manners.holds_data_back:
            return {"fills": [], "cursor": "", **_UNPROVEN}
        page, cursor = page_of(rows, request, 100)
        return {"fills": page, "cursor": cursor}


def _refused(refusal: Refusal, body: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "success": False,
        "error_response": {
            "error": refusal.code,
            "message": refusal.message,
            "error_details": "",
            "preview_failure_reason": refusal.preview,
        },
        "order_configuration": echo_of(body),
    }
