"""The sans-I/O streams: sequence, snapshots, bars, books; and what damage does to them."""

import contextlib
import json
import random
import re
import string
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import pytest

from algopioneer_coinbase.messages import (
    CandlesPage,
    CreateResponse,
    FillsPage,
    OrdersPage,
    ProductsPage,
    decode,
)
from algopioneer_coinbase.order_forms import fill_of, order_of
from algopioneer_coinbase.sandbox_products import DEFAULT_PRODUCTS
from algopioneer_coinbase.stream import (
    FIVE_MINUTES_NS,
    MarketStream,
    SequenceGap,
    StreamRefused,
    UserStream,
    bar_of,
)
from algopioneer_coinbase.symbols import Symbols
from algopioneer_core.domain.errors import DataError, VenueError
from algopioneer_core.domain.fills import Fill
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import Bar, Quote, Trade
from algopioneer_core.ports import MarketDataEvent

BITCOIN, USDC = (InstrumentId("coinbase", f"BTC-{quote}") for quote in ("USD", "USDC"))
PAYLOADS = Path(__file__).resolve().parents[4] / "shared" / "payloads" / "coinbase"
START = 1_712_192_400
"""The first second of five minutes."""


def envelope(channel: str, sequence: int, *events: dict[str, Any], at: str = "14:30:03") -> str:
    """Return a stream message."""
    return json.dumps(
        {
            "channel": channel,
            "client_id": "",
            "timestamp": f"2024-04-04T{at}Z",
            "sequence_num": sequence,
            "events": list(events),
        }
    )


def ticker(bid: str = "100", ask: str = "101", product: str = "BTC-USD") -> dict[str, Any]:
    """Return an event with one ticker."""
    sizes = {"best_bid_quantity": "2", "best_ask_quantity": "3"}
    return {"tickers": [{"product_id": product, "best_bid": bid, "best_ask": ask, **sizes}]}


def candle(start: int, close: str = "10", product: str = "BTC-USD") -> dict[str, Any]:
    """Return an event with one bar."""
    row = {"start": str(start), "open": "10", "high": "12", "low": "9", "close": close}
    return {"candles": [{**row, "volume": "5", "product_id": product}]}


def book(kind: str, *levels: tuple[str, str, str]) -> dict[str, Any]:
    """Return an event of a book."""
    updates = [
        {"side": side, "price_level": price, "new_quantity": quantity, "event_time": ""}
        for side, price, quantity in levels
    ]
    return {"type": kind, "product_id": "BTC-USD", "updates": updates}


def stream(**options: Any) -> MarketStream:
    """Return a session that wants BTC-USD."""
    return MarketStream({"BTC-USD": [BITCOIN]}, **options)


def fed(session: MarketStream, *messages: str) -> list[MarketDataEvent]:
    """Return what messages mean."""
    return [event for text in messages for event in session.receive(text, 7)]


def test_hello_subscribes_one_channel_a_message_with_a_token_each() -> None:
    """Heartbeats take no products; tokens are made anew."""
    tokens = iter("abcd")
    said = [json.loads(text) for text in stream(token=lambda: next(tokens)).hello()]
    assert ["ticker", "market_trades", "candles", "heartbeats"] == [
        each["channel"] for each in said
    ]
    assert list("abcd") == [each["jwt"] for each in said]
    assert [["BTC-USD"]] * 3 + [None] == [each.get("product_ids") for each in said]
    assert "jwt" not in json.loads(stream().hello()[0])


def test_hello_has_the_keys_of_the_documented_subscriptions() -> None:
    """Compared with the examples of the documentation."""
    if not PAYLOADS.is_dir():
        pytest.skip("the documented payloads are not here")
    for text in (*stream(token=lambda: "x").hello(), *UserStream(lambda: "x").hello()):
        said = json.loads(text)
        example = json.loads((PAYLOADS / f"ws_subscribe_{said['channel']}.json").read_bytes())
        assert set(said) <= {*example, "jwt", "product_ids"}
        assert said["type"] == example["type"]


def test_a_ticker_is_a_quote_of_every_instrument_of_that_name() -> None:
    """BTC-USD and its other name."""
    session = MarketStream({"BTC-USD": [BITCOIN, USDC]})
    events = fed(session, envelope("ticker", 0, ticker()))
    assert [(BITCOIN, 1_712_241_003 * 10**9, 7), (USDC, 1_712_241_003 * 10**9, 7)] == [
        (each.instrument_id, each.ts_event, each.ts_recv)
        for each in events
        if isinstance(each, Quote)
    ]


@pytest.mark.parametrize("event", [ticker(bid=""), ticker(product="ETH-USD")])
def test_half_a_quote_and_a_strangers_are_none(event: dict[str, Any]) -> None:
    """An empty side of the book, or a product that was not asked for."""
    assert [] == fed(stream(), envelope("ticker", 0, event))


@pytest.mark.parametrize(
    "event",
    [
        ticker(bid="102"),
        ticker(bid="0"),
        ticker(ask="-1"),
        ticker(ask="NaN"),
        ticker(ask="1e40"),
        {"tickers": [{**ticker()["tickers"][0], "best_ask_quantity": "-1"}]},
    ],
)
def test_a_price_that_is_none_is_refused(event: dict[str, Any]) -> None:
    """Never passed on; and the message keeps its place in the sequence."""
    session = stream()
    with pytest.raises(DataError):
        session.receive(envelope("ticker", 0, event), 7)
    assert 1 == len(fed(session, envelope("ticker", 1, ticker())))


def test_a_missing_message_is_found_on_any_channel() -> None:
    """One sequence over all channels of a connection."""
    session = stream()
    fed(session, envelope("ticker", 0, ticker()), envelope("heartbeats", 1))
    with pytest.raises(SequenceGap, match="message 2"):
        session.receive(envelope("news", 3), 7)


@pytest.mark.parametrize("after", ["ticker", "market_trades", "candles", "l2_data", "heartbeats"])
@pytest.mark.parametrize("lost", ["ticker", "market_trades", "candles", "l2_data", "heartbeats"])
def test_a_gap_is_found_whatever_is_lost_and_whatever_follows(lost: str, after: str) -> None:
    """Each kind of message tells of a lost one of each kind; without the loss none complains."""
    events = {
        "ticker": ticker(),
        "market_trades": {"type": "update", "trades": []},
        "candles": candle(START),
        "l2_data": book("snapshot", ("bid", "100", "2"), ("offer", "101", "3")),
        "heartbeats": {"heartbeat_counter": 5, "current_time": "x"},
    }
    whole, torn = stream(with_book=True), stream(with_book=True)
    first, second = envelope(lost, 1, events[lost]), envelope(after, 2, events[after])
    fed(whole, envelope("heartbeats", 0), first, second)
    fed(torn, envelope("heartbeats", 0))
    with pytest.raises(SequenceGap, match="message 1"):
        torn.receive(second, 7)


def test_a_gap_of_the_private_stream_is_found_too() -> None:
    """By an order, and by a heartbeat."""
    order = {"type": "update", "orders": [{"order_id": "a", "product_id": "b"}]}
    for following in (envelope("user", 2, order), envelope("heartbeats", 2)):
        session = UserStream(lambda: "x")
        session.receive(envelope("heartbeats", 0))
        with pytest.raises(SequenceGap, match="message 1"):
            session.receive(following)


def test_a_message_that_comes_again_is_passed_over() -> None:
    """A lower number is known."""
    session = stream()
    message = envelope("ticker", 0, ticker())
    assert 1 == len(fed(session, message, message))


def test_an_error_frame_is_a_refusal() -> None:
    """It has no channel, and the same request would be refused again."""
    with pytest.raises(StreamRefused, match="authentication failure"):
        stream().receive('{"type":"error","message":"authentication failure"}', 7)


def test_it_is_subscribed_once_all_channels_are_confirmed() -> None:
    """The venue lists all that are active."""
    session = stream()
    names = ["ticker", "market_trades", "candles"]
    active = {name: ["BTC-USD"] for name in names}
    fed(session, envelope("subscriptions", 0, {"subscriptions": active}))
    assert not session.is_subscribed
    fed(session, envelope("subscriptions", 1, {"subscriptions": {**active, "heartbeats": []}}))
    assert session.is_subscribed


def test_trades_come_oldest_first_and_not_from_before() -> None:
    """Whatever their order in a message; a snapshot is of the past."""
    rows = [
        {"trade_id": str(number), "product_id": "BTC-USD", "price": "10", "size": "1", "time": time}
        for number, time in (
            (11, "2024-04-04T14:30:02Z"),
            (9, "2024-04-04T14:30:01Z"),
            (10, "2024-04-04T14:30:02Z"),
        )
    ]
    session = stream()
    assert [] == fed(session, envelope("market_trades", 0, {"type": "snapshot", "trades": rows}))
    trades = fed(session, envelope("market_trades", 1, {"type": "update", "trades": rows}))
    assert ["9", "10", "11"] == [each.trade_id for each in trades if isinstance(each, Trade)]


def test_a_bar_is_finished_when_a_later_one_starts() -> None:
    """The last that was said of it; what had ended before the first is not of this stream."""
    session = stream()
    events = fed(
        session,
        envelope("candles", 0, candle(START)),
        envelope("candles", 1, candle(START - 300)),
        envelope("candles", 2, candle(START, close="11")),
        envelope("candles", 3, candle(START + 300)),
        envelope("candles", 4, candle(START, close="9")),
    )
    (bar,) = events
    assert isinstance(bar, Bar)
    assert START * 10**9 + FIVE_MINUTES_NS == bar.ts_event
    assert (Decimal(11), Decimal(5)) == (bar.close, bar.volume)


def test_a_bar_is_finished_by_the_venues_time_where_nobody_trades() -> None:
    """A few seconds later, because trades may come late."""
    session = stream()
    first = 1_712_241_000  # 14:30:00
    fed(session, envelope("candles", 0, candle(first)))
    assert [] == fed(session, envelope("heartbeats", 1, at="14:35:04"))
    (bar,) = fed(session, envelope("heartbeats", 2, at="14:35:05"))
    assert first * 10**9 + FIVE_MINUTES_NS == bar.ts_event
    assert [] == fed(session, envelope("candles", 3, candle(first, close="9")))


@pytest.mark.parametrize("close", ["13", "8", "0"])
def test_a_bar_that_contradicts_itself_is_refused(close: str) -> None:
    """Its close is outside its range."""
    session = stream()
    fed(session, envelope("candles", 0, candle(START, close=close)))
    with pytest.raises(DataError):
        session.receive(envelope("candles", 1, candle(START + 300)), 7)


def test_a_book_is_kept_from_its_snapshot_on() -> None:
    """A quote for each change of the best prices or their sizes, and for no other."""
    session = stream(with_book=True)
    assert "level2" == json.loads(session.hello()[0])["channel"]
    events = fed(
        session,
        envelope("l2_data", 0, book("update", ("bid", "99", "1"))),
        envelope("l2_data", 1, book("snapshot", ("bid", "100", "2"), ("offer", "101", "3"))),
        envelope("l2_data", 2, book("update", ("bid", "99", "1"))),
        envelope("l2_data", 3, book("update", ("bid", "100", "0"))),
        envelope("l2_data", 4, book("update", ("offer", "100.5", "4"))),
        envelope("l2_data", 5, book("update", ("offer", "100.5", "0.00000000"))),
    )
    assert ["100 101 3", "99 101 3", "99 100.5 4", "99 101 3"] == [
        f"{each.bid} {each.ask} {each.ask_size}" for each in events if isinstance(each, Quote)
    ]


@pytest.mark.parametrize("level", [("ask", "1", "1"), ("bid", "1", "-1"), ("bid", "0", "1")])
def test_a_book_with_impossible_levels_is_refused(level: tuple[str, str, str]) -> None:
    """A side of another name, less than nothing, no price."""
    session = stream(with_book=True)
    with pytest.raises(DataError):
        session.receive(envelope("l2_data", 0, book("snapshot", level)), 7)


@pytest.mark.parametrize("orders", [0, 49, 50, 51, 100])
def test_the_private_snapshot_ends_with_a_message_that_is_not_full(orders: int) -> None:
    """Fifty orders a message."""
    rows = [{"order_id": str(number), "product_id": "BTC-USD"} for number in range(orders)]
    session, seen = UserStream(lambda: "x"), 0
    for sequence, start in enumerate(range(0, orders + 1, 50)):
        assert not session.is_complete
        part = {"type": "snapshot", "orders": rows[start : start + 50]}
        seen += len(session.receive(envelope("user", sequence, part)))
    assert session.is_complete
    assert orders == seen


# --- damage ----------------------------------------------------------------------------------

SAMPLES = (
    envelope("ticker", 0, ticker()),
    envelope("market_trades", 0, {"type": "update", "trades": []}),
    envelope("candles", 0, candle(START), candle(START + 300)),
    envelope("l2_data", 0, book("snapshot", ("bid", "100", "2"), ("offer", "101", "3"))),
    envelope("user", 0, {"type": "update", "orders": [{"order_id": "a", "product_id": "b"}]}),
    envelope("heartbeats", 0, {"heartbeat_counter": "5", "current_time": "x"}),
)
TEXTS = string.digits + string.ascii_letters + '{}[]",:.-+ eEN\\\x00é'


def mutated(text: str, chance: random.Random) -> bytes:
    """Return *text* with one to four changes: bytes replaced, cut, doubled or put in."""
    data = bytearray(text.encode())
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(data) + 1)
        kind = chance.randrange(4)
        if kind == 0:
            data[at : at + 1] = chance.choice(TEXTS).encode()
        elif kind == 1:
            del data[at : at + chance.randint(1, 12)]
        elif kind == 2:
            data[at:at] = data[max(0, at - chance.randint(1, 12)) : at]
        else:
            data[at:at] = bytes([chance.randrange(256)])
    return bytes(data)


def check_sound(event: object) -> None:
    """Fail where an event has a price that no market has."""
    if isinstance(event, Quote):
        assert 0 < event.bid <= event.ask < 10**24
        assert min(event.bid_size, event.ask_size) >= 0
    elif isinstance(event, Trade):
        assert 0 < event.price < 10**24
        assert event.quantity > 0
    elif isinstance(event, Bar):
        assert 0 < event.low_ticks <= min(event.open_ticks, event.close_ticks)
        assert event.high_ticks >= max(event.open_ticks, event.close_ticks)


def numbers_in(data: bytes) -> set[Decimal]:
    """Return every number that a message states as text."""
    found: set[Decimal] = set()
    for text in re.findall(r'"([^"\s]+)"', data.decode(errors="replace")):
        with contextlib.suppress(InvalidOperation):
            found.add(Decimal(text))
    return found


def prices_of(event: object) -> set[Decimal]:
    """Return the prices of an event."""
    if isinstance(event, Quote):
        return {event.bid, event.ask}
    if isinstance(event, Bar):
        return {event.open, event.high, event.low, event.close}
    return {event.price} if isinstance(event, Trade | Fill) else set()


def check_events(events: Sequence[object], data: bytes) -> None:
    """Fail where a price is none, or is not one that the message itself states."""
    if not events:
        return
    said = numbers_in(data)
    for event in events:
        check_sound(event)
        assert prices_of(event) <= said


@pytest.mark.parametrize("count", [5_000, pytest.param(100_000, marks=pytest.mark.long)])
def test_damaged_messages_are_refused_by_one_kind_of_error(count: int) -> None:
    """Or ignored; never another exception, never a price that is none or was not said."""
    chance = random.Random(20_240_404)
    samples = [
        path.read_text() for path in PAYLOADS.glob("*ws_*.json") if "subscribe_" not in path.name
    ]
    samples += SAMPLES
    refused = priced = 0
    for number in range(count):
        data = mutated(samples[number % len(samples)], chance)
        try:
            events = stream(with_book=bool(number % 2)).receive(data, 7)
            check_events(events, data)
            priced += bool(events)
        except (DataError, VenueError):
            refused += 1
        try:
            UserStream(lambda: "x").receive(data)
        except (DataError, VenueError):
            refused += 1
    assert 0 < refused < 2 * count
    assert priced > count // 100  # the check of prices has had prices to check


ORDER: dict[str, Any] = {
    "order_id": "1",
    "client_order_id": "2",
    "product_id": "BTC-USD",
    "side": "BUY",
    "status": "OPEN",
    "order_configuration": {"limit_limit_gtc": {"base_size": "2", "limit_price": "90"}},
    "created_time": "2024-01-15T10:30:00.123456Z",
    "filled_size": "1",
    "filled_value": "90",
}
FILL: dict[str, Any] = {
    "entry_id": "1",
    "trade_id": "2",
    "order_id": "3",
    "trade_time": "2024-01-15T10:30:00Z",
    "trade_type": "FILL",
    "price": "45123.45",
    "size": "0.005",
    "commission": "1.14",
    "product_id": "BTC-USD",
    "side": "SELL",
}
ANSWERS: list[tuple[str, type[Any]]] = [
    (json.dumps({"products": [DEFAULT_PRODUCTS[0], DEFAULT_PRODUCTS[-1]]}), ProductsPage),
    (json.dumps(candle(START)), CandlesPage),
    ('{"success":true,"success_response":{"order_id":"1","client_order_id":"2"}}', CreateResponse),
    (json.dumps({"orders": [ORDER], "has_next": False, "cursor": ""}), OrdersPage),
    (json.dumps({"fills": [FILL], "cursor": ""}), FillsPage),
]


def meant(answer: Any) -> list[object]:
    """Return what an answer comes to in the words of the domain."""
    symbols = Symbols({})
    if isinstance(answer, ProductsPage):
        Symbols.of(answer.products)
    if isinstance(answer, CandlesPage):
        return [bar_of(each, BITCOIN, FIVE_MINUTES_NS, ts_recv=0) for each in answer.candles]
    if isinstance(answer, OrdersPage):
        return [order_of(each, symbols) for each in answer.orders]
    if isinstance(answer, FillsPage):
        return [fill_of(each, "a", symbols) for each in answer.fills]
    return []


@pytest.mark.parametrize("count", [5_000, pytest.param(100_000, marks=pytest.mark.long)])
def test_damaged_answers_are_refused_by_one_kind_of_error(count: int) -> None:
    """The same for what REST brings: read as its kind, or a `DataError`; no price of its own."""
    chance = random.Random(20_240_405)
    refused = priced = 0
    for number in range(count):
        text, kind = ANSWERS[number % len(ANSWERS)]
        data = mutated(text, chance)
        try:
            events = meant(decode(data, kind))
            check_events(events, data)
            priced += any(prices_of(each) for each in events)
        except DataError:
            refused += 1
    assert 0 < refused < count
    assert priced > count // 200
