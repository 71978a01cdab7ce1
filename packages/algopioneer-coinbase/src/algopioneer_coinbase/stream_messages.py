"""
Messages of Coinbase Advanced Trade's websockets, as far as they are read here.

A message is read in one step: its channel decides its form. As with answers (`messages`), numbers
stay text, fields that are not named are ignored, and so are whole channels that are not known.
"""

from typing import Any, Final, TypeAlias

import msgspec
from msgspec import Struct

from algopioneer_coinbase.messages import CandleRow, malformed

__all__ = [
    "BookUpdate",
    "CandleEvent",
    "CandlesMessage",
    "ErrorMessage",
    "FuturesBalanceEvent",
    "FuturesBalanceMessage",
    "Heartbeat",
    "HeartbeatsMessage",
    "Level2Event",
    "Level2Message",
    "StatusEvent",
    "StatusMessage",
    "StatusProduct",
    "StreamMessage",
    "SubscriptionsEvent",
    "SubscriptionsMessage",
    "Ticker",
    "TickerBatchMessage",
    "TickerEvent",
    "TickerMessage",
    "TradeRow",
    "TradesEvent",
    "TradesMessage",
    "UnknownMessage",
    "UserEvent",
    "UserMessage",
    "UserOrder",
    "decode_stream",
]


class _Stream(Struct, frozen=True, kw_only=True, gc=False, tag_field="channel"):
    """What all messages of a stream have (protocol: envelope)."""

    timestamp: str
    sequence_num: int


class Ticker(Struct, frozen=True, kw_only=True, gc=False):
    """Best bid and ask after a trade."""

    product_id: str
    price: str = ""
    best_bid: str = ""
    best_bid_quantity: str = ""
    best_ask: str = ""
    best_ask_quantity: str = ""


class TickerEvent(Struct, frozen=True, kw_only=True, gc=False):
    """Tickers that come together."""

    tickers: list[Ticker]
    type: str = ""


class TickerMessage(_Stream, frozen=True, kw_only=True, gc=False, tag="ticker"):
    """Channel `ticker`."""

    events: list[TickerEvent]


class TickerBatchMessage(_Stream, frozen=True, kw_only=True, gc=False, tag="ticker_batch"):
    """Channel `ticker_batch`: has no bid and ask, so it is checked and not used."""

    events: list[TickerEvent]


class TradeRow(Struct, frozen=True, kw_only=True, gc=False):
    """A public trade; `side` is the side that rested."""

    trade_id: str
    product_id: str
    price: str
    size: str
    time: str
    side: str = ""


class TradesEvent(Struct, frozen=True, kw_only=True, gc=False):
    """Trades that come together."""

    trades: list[TradeRow]
    type: str = ""


class TradesMessage(_Stream, frozen=True, kw_only=True, gc=False, tag="market_trades"):
    """Channel `market_trades`."""

    events: list[TradesEvent]


class CandleEvent(Struct, frozen=True, kw_only=True, gc=False):
    """Bars that come together."""

    candles: list[CandleRow]
    type: str = ""


class CandlesMessage(_Stream, frozen=True, kw_only=True, gc=False, tag="candles"):
    """Channel `candles`: five minutes each, the running one again and again."""

    events: list[CandleEvent]


class BookUpdate(Struct, frozen=True, kw_only=True, gc=False):
    """The quantity that a price level has now; none removes it."""

    side: str
    price_level: str
    new_quantity: str


class Level2Event(Struct, frozen=True, kw_only=True, gc=False):
    """A whole book, or changes to it."""

    type: str
    product_id: str
    updates: list[BookUpdate]


class Level2Message(_Stream, frozen=True, kw_only=True, gc=False, tag="l2_data"):
    """Channel `level2`, whose messages are named `l2_data`."""

    events: list[Level2Event]


class Heartbeat(Struct, frozen=True, kw_only=True, gc=False):
    """Sent each second; its time is in a format of Go's and is not read."""

    heartbeat_counter: int | str


class HeartbeatsMessage(_Stream, frozen=True, kw_only=True, gc=False, tag="heartbeats"):
    """Channel `heartbeats`."""

    events: list[Heartbeat]


class SubscriptionsEvent(Struct, frozen=True, kw_only=True, gc=False):
    """All subscriptions of the connection, by channel."""

    subscriptions: dict[str, list[str]]


class SubscriptionsMessage(_Stream, frozen=True, kw_only=True, gc=False, tag="subscriptions"):
    """The answer to a subscription and to its end."""

    events: list[SubscriptionsEvent]


class StatusProduct(Struct, frozen=True, kw_only=True, gc=False):
    """The state of one market."""

    id: str
    status: str = ""


class StatusEvent(Struct, frozen=True, kw_only=True, gc=False):
    """States that come together."""

    products: list[StatusProduct]


class StatusMessage(_Stream, frozen=True, kw_only=True, gc=False, tag="status"):
    """Channel `status`."""

    events: list[StatusEvent]


class UserOrder(Struct, frozen=True, kw_only=True, gc=False):
    """An order as the private stream shows it: in totals."""

    order_id: str
    product_id: str
    client_order_id: str = ""
    order_side: str = ""
    status: str = ""
    cumulative_quantity: str = ""
    leaves_quantity: str = ""
    filled_value: str = ""
    avg_price: str = ""
    total_fees: str = ""
    creation_time: str = ""
    cancel_reason: str = ""
    reject_reason: str = ""
    reject_Reason: str = ""  # noqa: N815 - the documentation's other spelling


class UserEvent(Struct, frozen=True, kw_only=True, gc=False):
    """Orders that come together; positions come with every message and are asked for by REST."""

    type: str
    orders: list[UserOrder] = []


class UserMessage(_Stream, frozen=True, kw_only=True, gc=False, tag="user"):
    """Channel `user`."""

    events: list[UserEvent]


class FuturesBalanceEvent(Struct, frozen=True, kw_only=True, gc=False):
    """Money of US futures; only what is read."""

    fcm_balance_summary: dict[str, Any]


class FuturesBalanceMessage(
    _Stream, frozen=True, kw_only=True, gc=False, tag="futures_balance_summary"
):
    """Channel `futures_balance_summary`."""

    events: list[FuturesBalanceEvent]


class ErrorMessage(Struct, frozen=True, kw_only=True, gc=False):
    """A message without a channel: something that was asked for is refused."""

    message: str = ""


class UnknownMessage(Struct, frozen=True, kw_only=True, gc=False):
    """A message of a channel that is not known here; it is counted and otherwise ignored."""

    channel: str
    sequence_num: int


_Known: TypeAlias = (
    TickerMessage
    | TickerBatchMessage
    | TradesMessage
    | CandlesMessage
    | Level2Message
    | HeartbeatsMessage
    | SubscriptionsMessage
    | StatusMessage
    | UserMessage
    | FuturesBalanceMessage
)
StreamMessage: TypeAlias = _Known | ErrorMessage | UnknownMessage
"""Everything that may come over a websocket."""


class _Any(Struct, frozen=True, kw_only=True, gc=False):
    channel: str = ""
    type: str = ""
    message: str = ""
    sequence_num: int = -1


_CHANNELS: Final = frozenset(
    str(each.__struct_config__.tag)
    for each in (
        TickerMessage,
        TickerBatchMessage,
        TradesMessage,
        CandlesMessage,
        Level2Message,
        HeartbeatsMessage,
        SubscriptionsMessage,
        StatusMessage,
        UserMessage,
        FuturesBalanceMessage,
    )
)
_STREAM: Final[msgspec.json.Decoder[_Known]] = msgspec.json.Decoder(_Known)
_ANY: Final = msgspec.json.Decoder(_Any)


def decode_stream(data: bytes | str) -> StreamMessage:
    """
    Return the message that a websocket delivered.

    Raises:
        DataError: It is not JSON, or not of the form that its channel has.
    """
    try:
        return _STREAM.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return _decode_other(data, error)


def _decode_other(data: bytes | str, cause: Exception) -> ErrorMessage | UnknownMessage:
    """Return a message that has no channel, or an unknown one; raise for all others."""
    try:
        other = _ANY.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise malformed("stream message", error) from None
    if other.type == "error" and not other.channel:
        return ErrorMessage(message=other.message)
    if other.channel and other.channel not in _CHANNELS and other.sequence_num >= 0:
        return UnknownMessage(channel=other.channel, sequence_num=other.sequence_num)
    raise malformed(f"message of channel {other.channel[:40]!r}", cause) from None
