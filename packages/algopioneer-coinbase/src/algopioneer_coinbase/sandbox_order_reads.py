"""What the local Coinbase says of the account's orders and fills: one, and lists of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from algopioneer_coinbase.sandbox_filed import FiledOrder
from algopioneer_coinbase.sandbox_http import Failure, Request, error_answer, page_of, times_of
from algopioneer_coinbase.sandbox_shapes import fill_json, order_json
from algopioneer_coinbase.sandbox_trading import Trading
from algopioneer_core.domain.market_data import NS_PER_SECOND

__all__ = ["OrderReads"]

Json = dict[str, Any]
_UNPROVEN: Final = {"proof_token_required": True}
_LATE_NS: Final = 60 * NS_PER_SECOND
"""How old an order must be to be shown while a fault delays what is read."""
_OF_ORDERS: Final = {
    "order_ids": "order_id",
    "product_ids": "product_id",
    "order_side": "side",
    "order_types": "order_type",
    "time_in_forces": "time_in_force",
    "product_type": "product_type",
    "order_placement_source": "order_placement_source",
}
"""
What lists of orders are narrowed by, and the field that is meant (protocol: endpoints). The status
is not among them: it is looked at first, for it leaves few.
"""
_OF_FILLS: Final = {
    "order_ids": "order_id",
    "product_ids": "product_id",
    "order_side": "side",
    "order_types": "order_type",
    "product_types": "product_type",
}
"""The same of fills: fields of their orders; but for the one below."""
_TRADES: Final = {"trade_ids": "trade_id"}


class OrderReads:
    """
    Answers to questions about orders.

    Args:
        trading: Has filed them.
    """

    def __init__(self, trading: Trading) -> None:
        self._trading = trading
        self._exchange = trading.exchange
        self._rows: dict[FiledOrder, tuple[tuple[object, ...], Json]] = {}
        self._fill_rows: dict[FiledOrder, list[Json]] = {}

    def order(self, request: Request) -> Any:
        """Show one order."""
        name = request.path.rpartition("/")[2]
        filed = next(iter(self._visible([name])), None)
        if filed is None:
            raise Failure(error_answer(404, "NOT_FOUND", f"order with id {name} not found"))
        return {"order": self._row(filed)}

    def orders(self, request: Request) -> Any:
        """List orders, newest first."""
        start, end = times_of(request, "start_date", "end_date")
        statuses = request.query.get("order_status")
        rows = [
            row
            for each in self._visible(request.query.get("order_ids"))
            if _is_within(each.placed.placed_ns, start, end)
            and (statuses is None or each.status in statuses)  # spares most of them their row
            and _is_asked_for(row := self._row(each), request, _OF_ORDERS)
        ]
        if self._trading.manners.holds_data_back:
            return {"orders": [], "sequence": "0", "has_next": False, "cursor": "", **_UNPROVEN}
        page, cursor = page_of(rows, request, 100)
        return {"orders": page, "sequence": "0", "has_next": bool(cursor), "cursor": cursor}

    def fills(self, request: Request) -> Any:
        """List fills, newest first."""
        rows = [row for _, row in sorted(self._fills(request), key=lambda pair: -pair[0])]
        if self._trading.manners.holds_data_back:
            return {"fills": [], "cursor": "", **_UNPROVEN}
        page, cursor = page_of(rows, request, 100)
        return {"fills": page, "cursor": cursor}

    def _fills(self, request: Request) -> Iterator[tuple[int, Json]]:
        """Yield the fills that are asked for, each with its time."""
        start, end = times_of(request, "start_sequence_timestamp", "end_sequence_timestamp")
        for each in self._visible(request.query.get("order_ids")):
            within = [
                (fill.ts_event, row)
                for fill, row in zip(each.placed.fills, self._rows_of_fills(each), strict=True)
                if _is_within(fill.ts_event, start, end) and _is_asked_for(row, request, _TRADES)
            ]
            if within and _is_asked_for(self._row(each), request, _OF_FILLS):
                yield from within

    def _visible(self, order_ids: Sequence[str] | None) -> Iterable[FiledOrder]:
        """Return what look-ups show of the orders with these ids, or of all; newest first."""
        until_ns = self._exchange.clock.now_ns() - self._trading.manners.read_lag_ns
        if self._exchange.faults["delayed_read"]:
            until_ns -= _LATE_NS
        filed = self._trading.filed
        named = filed if order_ids is None else [each for each in filed if each in order_ids]
        shown = [filed[each] for each in named]
        return (each for each in reversed(shown) if each.placed.placed_ns <= until_ns)

    # --- rows --------------------------------------------------------------------------------

    def _row(self, filed: FiledOrder) -> Json:
        """Return an order as it is shown; written anew where it has changed since it last was."""
        order = filed.placed.order
        kind = self._trading.products[order.intent.instrument_id.symbol]["product_type"]
        hold = self._exchange.hold_of(order)
        now = (order, filed.form, filed.status, hold, kind, len(filed.edits))
        before, row = self._rows.get(filed, ((), {}))
        if now != before:
            written = order_json(filed.placed, filed.form, filed.status, hold)
            row = {**written, "product_type": kind, "edit_history": list(filed.edits)}
            self._rows[filed] = now, row
        return row

    def _rows_of_fills(self, filed: FiledOrder) -> list[Json]:
        """Return all fills of an order as they are shown; one never changes."""
        rows = self._fill_rows.setdefault(filed, [])
        rows += (fill_json(filed.placed, fill) for fill in filed.placed.fills[len(rows) :])
        return rows


def _is_within(time_ns: int, start_ns: int, end_ns: int) -> bool:
    """Return whether a time is not before a start and before an end; 0 is no end."""
    return start_ns <= time_ns and (not end_ns or time_ns < end_ns)


def _is_asked_for(row: Mapping[str, Any], request: Request, names: Mapping[str, str]) -> bool:
    query = request.query
    return all(row[key] in query[name] for name, key in names.items() if name in query)
