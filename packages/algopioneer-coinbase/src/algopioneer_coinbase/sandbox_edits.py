"""
Edits at the local Coinbase: an order that rests gets another price and another size.

An edit is judged as the new order that it would be, by the codes of previews, and before and after
that by the codes of edits (protocol: edit). Where one is queued, the order is as it was meanwhile.
"""

from collections.abc import Mapping
from typing import Any, Final

from attrs import evolve, frozen

from algopioneer_coinbase.sandbox_filed import FiledOrder, PendingEdit
from algopioneer_coinbase.sandbox_http import Failure, Request, body_of, error_answer
from algopioneer_coinbase.sandbox_orders import read_order
from algopioneer_coinbase.sandbox_rules import Refusal, Terms, refusal_of
from algopioneer_core.domain.errors import OrderRejected
from algopioneer_core.domain.orders import OrderIntent
from algopioneer_core.domain.times import iso_utc
from algopioneer_core.simulation.sandbox import LocalExchange

__all__ = ["Edit", "EditRefused", "edit_of", "finish_edit", "judge_edit"]

Json = dict[str, Any]
_WITH_STOP: Final = "stop_limit_stop_limit_gtc"
_EDITABLE: Final = ("limit_limit_gtc", _WITH_STOP)


class EditRefused(Exception):
    """The order is not changed, for the reason that one of two codes names."""

    def __init__(self, edit: str = "", preview: str = "") -> None:
        super().__init__(edit or preview)
        self.error = {
            "edit_failure_reason": edit or "UNKNOWN_EDIT_ORDER_FAILURE_REASON",
            "preview_failure_reason": preview or "UNKNOWN_PREVIEW_FAILURE_REASON",
        }


@frozen
class Edit:
    """What an order shall be changed to, in the words of the request."""

    order_id: str
    price: str
    size: str
    """The new total: what is filled counts towards it."""
    stop_price: str = ""


def edit_of(request: Request) -> Edit:
    """
    Return what a request asks for.

    Raises:
        Failure: A field is missing, or is no text.
    """
    body = body_of(request)
    for name in ("order_id", "price", "size"):
        if not isinstance(body.get(name), str) or not body[name]:
            raise Failure(error_answer(400, "INVALID_ARGUMENT", f"{name} is required"))
    stop_price = body.get("stop_price") or ""
    if not isinstance(stop_price, str):
        raise Failure(error_answer(400, "INVALID_ARGUMENT", "stop_price is invalid"))
    return Edit(body["order_id"], body["price"], body["size"], stop_price)


def judge_edit(filed: FiledOrder, edit: Edit, terms: Terms, exchange: LocalExchange) -> PendingEdit:
    """
    Return what an edit makes of an order; due now.

    Args:
        filed: The order.
        edit: What it shall be.
        terms: What it is judged by.
        exchange: Knows what the account can pay.

    Raises:
        EditRefused: It cannot be that.
        Failure: A stop price was given to an order that has none.
    """
    _check_order(filed)
    form = _edited_form(filed, edit)
    try:
        intent = read_order(_request_of(filed, form), terms)
        _check_change(filed, intent)
        problem = exchange.problem_of(evolve(filed.placed.order, intent=intent))
        if problem:
            raise refusal_of(problem)
    except Refusal as refusal:
        raise EditRefused(preview=refusal.preview) from None
    row = {
        "price": edit.price,
        "size": edit.size,
        "replace_accept_timestamp": iso_utc(terms.now_ns),
    }
    return PendingEdit(intent, form, row, terms.now_ns)


def _check_order(filed: FiledOrder) -> None:
    """Refuse to edit an order of the wrong kind, or in a state in which none is edited."""
    ((kind, _),) = filed.form.items()
    rules: tuple[tuple[bool, str], ...] = (
        (kind not in _EDITABLE, "ONLY_LIMIT_ORDER_EDITS_SUPPORTED"),
        (filed.edit is not None, "ORDER_IS_ALREADY_BEING_REPLACED"),
        (filed.status != "OPEN", "ONLY_OPEN_ORDERS_CAN_BE_EDITED"),
        (filed.placed.order.intent.quantity is None, "SIZE_IN_QUOTE_EDITS_NOT_ALLOWED"),
    )
    for applies, code in rules:
        if applies:
            raise EditRefused(code)


def _edited_form(filed: FiledOrder, edit: Edit) -> Mapping[str, Any]:
    ((kind, form),) = filed.form.items()
    changes = {"base_size": edit.size, "limit_price": edit.price}
    if edit.stop_price:
        if kind != _WITH_STOP:
            raise Failure(error_answer(400, "INVALID_ARGUMENT", "the order has no stop_price"))
        changes["stop_price"] = edit.stop_price
    return {kind: {**form, **changes}}


def _request_of(filed: FiledOrder, form: Mapping[str, Any]) -> Json:
    """Return the request of a new order that has an edited configuration."""
    return {"side": filed.placed.order.intent.side.name, "order_configuration": form}


def _check_change(filed: FiledOrder, intent: OrderIntent) -> None:
    order = filed.placed.order
    if intent == order.intent:
        raise EditRefused("EDIT_REQUEST_EQUAL_TO_ORIGINAL_REQUEST")
    # One of just what is filled leaves nothing to rest; whether the venue takes it is unconfirmed.
    if intent.quantity is not None and intent.quantity <= order.filled_quantity:
        raise EditRefused("CANNOT_EDIT_TO_BELOW_FILLED_SIZE")


def finish_edit(filed: FiledOrder, exchange: LocalExchange) -> None:
    """Do an edit that is due. What became impossible while it was queued leaves the order alone."""
    edit, filed.edit = filed.edit, None
    order = filed.placed.order
    assert edit is not None
    assert edit.intent.quantity is not None
    if order.status.is_final or edit.intent.quantity <= order.filled_quantity:
        return
    try:
        exchange.amend(order.client_order_id, edit.intent)
    except OrderRejected:
        return
    filed.form = edit.form
    filed.edits.append(edit.row)
