"""Messages: every recorded and documented payload is read, or it is said why it is not."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from algopioneer_coinbase import messages
from algopioneer_coinbase.messages import CreateResponse, ErrorBody, decode
from algopioneer_coinbase.stream_messages import (
    ErrorMessage,
    HeartbeatsMessage,
    StreamMessage,
    TickerMessage,
    UnknownMessage,
    UserMessage,
    decode_stream,
)
from algopioneer_core.domain.errors import DataError

PAYLOADS = Path(__file__).resolve().parents[4] / "shared" / "payloads" / "coinbase"
READ: dict[str, type[Any]] = {
    "rest_accounts": messages.AccountsPage,
    "rest_cfm_balance_summary": messages.FutureBalancesAnswer,
    "rest_cfm_positions": messages.FuturePositions,
    "rest_error_429-constructed": ErrorBody,
    "rest_error_missing_scopes_403-constructed": ErrorBody,
    "rest_error_not_found-constructed": ErrorBody,
    "rest_error_permission_denied": ErrorBody,
    "rest_fills": messages.FillsPage,
    "rest_key_permissions": messages.KeyPermissions,
    "rest_order": messages.OrderAnswer,
    "rest_order_all_fields": messages.OrderAnswer,
    "rest_order_get_filled": messages.OrderAnswer,
    "rest_orders_batch_cancel": messages.CancelResults,
    "rest_orders_batch_cancel_fail": messages.CancelResults,
    "rest_orders_batch_cancel_success": messages.CancelResults,
    "rest_orders_create_all_fields": CreateResponse,
    "rest_orders_create_insufficient_fund": CreateResponse,
    "rest_orders_create_success": CreateResponse,
    "rest_orders_create_success_legacy_shape": CreateResponse,
    "rest_orders_historical_batch_all_fields": messages.OrdersPage,
    "rest_orders_historical_batch_filled": messages.OrdersPage,
    "rest_orders_list": messages.OrdersPage,
    "rest_product": messages.Product,
    "rest_product_all_fields": messages.Product,
    "rest_product_candles": messages.CandlesPage,
    "rest_candles": messages.CandlesPage,
    "rest_products": messages.ProductsPage,
    "rest_products_future": messages.ProductsPage,
    "rest_time": messages.ServerTime,
    "rest_transaction_summary": messages.TransactionSummary,
}
"""How the body of each answer is read, by the name of the payload without its source."""
NOT_READ = {
    "rest_account": "accounts are read all at once",
    "rest_best_bid_ask": "quotes come from the stream",
    "rest_cfm_position": "positions are read all at once",
    "rest_orders_create_request": "a request, with names that the venue does not take",
    "rest_orders_edit": "orders are not amended",
    "rest_orders_edit_preview": "orders are not amended",
    "rest_orders_preview_all_fields": "orders are not previewed",
    "rest_orders_preview_insufficient_fund": "orders are not previewed",
    "rest_orders_preview_invalid_config": "orders are not previewed",
    "rest_orders_preview_success": "orders are not previewed",
    "rest_portfolios": "a key belongs to one portfolio",
    "rest_product_book": "books come from the stream",
    "rest_product_ticker": "trades come from the stream",
    "rest_product_ticker_market_trades": "trades come from the stream",
    "rest_ticker": "trades come from the stream",
}


def payloads() -> list[Any]:
    """Return all payloads as parameters; one that is skipped where there are none."""
    if not PAYLOADS.is_dir():
        reason = "the recorded payloads are not here"
        return [pytest.param(PAYLOADS, marks=pytest.mark.skip(reason=reason))]
    return [pytest.param(path, id=path.stem) for path in sorted(PAYLOADS.glob("*.json"))]


@pytest.mark.parametrize("path", payloads())
def test_every_payload_is_read_or_it_is_said_why_not(path: Path) -> None:
    """Each is of a kind that is named above, and is read as that kind."""
    name = path.stem.removeprefix("doc_").removeprefix("nautilus_")
    if name.startswith(("ws_subscribe", "ws_unsubscribe")):
        assert json.loads(path.read_bytes())["type"] in ("subscribe", "unsubscribe")
    elif name.startswith("ws_error"):
        assert isinstance(decode_stream(path.read_bytes()), ErrorMessage)
    elif name.startswith("ws_"):
        message = decode_stream(path.read_bytes())
        assert not isinstance(message, UnknownMessage | ErrorMessage)
        assert message.sequence_num >= 0
        assert message.events
    elif name not in NOT_READ:
        assert isinstance(decode(path.read_bytes(), READ[name]), READ[name])


def envelope(channel: str, *events: dict[str, Any], sequence: int = 0) -> bytes:
    """Return a stream message."""
    return json.dumps(
        {
            "channel": channel,
            "client_id": "",
            "timestamp": "2026-04-07T14:30:03.000000Z",
            "sequence_num": sequence,
            "events": list(events),
        }
    ).encode()


TICKER = {
    "type": "ticker",
    "product_id": "BTC-USD",
    "price": "68900.50",
    "volume_24_h": "15328.12345678",
    "best_bid": "68900.00",
    "best_bid_quantity": "1.50000000",
    "best_ask": "68901.00",
    "best_ask_quantity": "0.50000000",
}


def test_a_ticker_keeps_its_numbers_as_text() -> None:
    """Nothing is rounded, and fields that are not used are not read."""
    message = decode_stream(envelope("ticker", {"type": "update", "tickers": [TICKER]}, sequence=7))
    assert isinstance(message, TickerMessage)
    (ticker,) = message.events[0].tickers
    assert (7, "68900.00", "0.50000000") == (
        message.sequence_num,
        ticker.best_bid,
        ticker.best_ask_quantity,
    )


@pytest.mark.parametrize("counter", [42, "3049"])
def test_heartbeats_count_in_either_form(counter: int | str) -> None:
    """Documentation and venue differ in the type."""
    message = decode_stream(
        envelope("heartbeats", {"current_time": "x", "heartbeat_counter": counter})
    )
    assert isinstance(message, HeartbeatsMessage)
    assert counter == message.events[0].heartbeat_counter


def test_user_orders_may_lack_fields() -> None:
    """The venue leaves out what the documentation lists."""
    order = {"order_id": "v1", "product_id": "BTC-USD", "post_only": "false"}
    message = decode_stream(envelope("user", {"type": "update", "orders": [order]}))
    assert isinstance(message, UserMessage)
    assert "" == message.events[0].orders[0].cumulative_quantity


def test_an_unknown_channel_is_no_error_and_keeps_its_place_in_the_sequence() -> None:
    """New channels appear without notice, and their numbers count."""
    assert UnknownMessage(channel="news", sequence_num=3) == decode_stream(
        envelope("news", {}, sequence=3)
    )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[1]",
        b'"ticker"',
        b"{}",
        b'{"type":"weather"}',
        b'{"channel":"ticker"}',
        b'{"channel":"news"}',
        b'{"channel":5}',
        b'{"channel":"ticker","type":"error","timestamp":"","sequence_num":"1","events":[]}',
        b'{"channel":"ticker","timestamp":"","sequence_num":1.5,"events":[]}',
        b'{"channel":"ticker","timestamp":"","sequence_num":1,"events":[{"tickers":[{"price":1}]}]}',
        b'\xff{"channel":"ticker"}',
        b'{"channel":"tick\xff"}',
    ],
)
def test_what_is_no_message_is_refused_with_one_kind_of_error(data: bytes) -> None:
    """Whatever is wrong with it; and what it says is cut short."""
    with pytest.raises(DataError) as caught:
        decode_stream(data)
    assert caught.value.where == "coinbase"
    assert len(caught.value.message) <= 200


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        ({"error": "INSUFFICIENT_FUND"}, "INSUFFICIENT_FUND"),
        (
            {"error": "UNKNOWN_FAILURE_REASON", "new_order_failure_reason": "UNTRADABLE_PRODUCT"},
            "UNTRADABLE_PRODUCT",
        ),
        (
            {"error": "UNKNOWN_FAILURE_REASON", "preview_failure_reason": "PREVIEW_INVALID_SIZE"},
            "PREVIEW_INVALID_SIZE",
        ),
        ({"error": "UNKNOWN_FAILURE_REASON"}, "UNKNOWN_FAILURE_REASON"),
        ({}, "UNKNOWN_FAILURE_REASON"),
    ],
)
def test_the_reason_of_a_rejection_is_the_first_that_says_something(
    failure: dict[str, str], reason: str
) -> None:
    """Three fields may hold it, and an unknown one is none."""
    body = json.dumps({"success": False, "error_response": failure})
    answer = decode(body, CreateResponse)
    assert answer.error_response is not None
    assert reason == answer.error_response.reason


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ('{"errors":[{"id":"rate_limit_exceeded","message":"x"}]}', "rate_limit_exceeded"),
        ('{"error":"NOT_FOUND","message":"x"}', "NOT_FOUND"),
        ("{}", ""),
    ],
)
def test_the_code_of_an_error_is_found_in_both_shapes(body: str, code: str) -> None:
    """The venue has one form of error and its older product another."""
    assert code == decode(body, ErrorBody).code


def test_an_answer_of_another_form_is_refused_by_name() -> None:
    """The error names what was expected."""
    with pytest.raises(DataError, match="CandlesPage"):
        decode(b'{"candles":[{"start":5}]}', messages.CandlesPage)


def test_every_kind_of_stream_message_is_encoded_back_to_the_same() -> None:
    """Reading loses nothing that is read."""
    examples: list[StreamMessage] = [
        decode_stream(envelope("ticker", {"tickers": [TICKER]})),
        decode_stream(envelope("subscriptions", {"subscriptions": {"ticker": ["BTC-USD"]}})),
        decode_stream(envelope("status", {"products": [{"id": "BTC-USD", "status": "online"}]})),
    ]
    for message in examples:
        assert message == decode_stream(msgspec.json.encode(message))
