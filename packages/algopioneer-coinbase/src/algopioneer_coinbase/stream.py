"""
The websockets without their waiting: what to say, and what is meant by what comes.

A session lives as long as its connection: after a loss, make a new one. Its sequence counts all
messages of the connection over all channels (protocol: sequence numbers): one that is missing
means that anything may be missing, and the connection is worth nothing any more.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from algopioneer_coinbase.messages import CandleRow
from algopioneer_coinbase.numbers import amount, positive, seconds_ns, time_ns
from algopioneer_coinbase.stream_messages import (
    CandlesMessage,
    ErrorMessage,
    Level2Event,
    Level2Message,
    StreamMessage,
    SubscriptionsMessage,
    Ticker,
    TickerMessage,
    TradeRow,
    TradesMessage,
    UnknownMessage,
    UserMessage,
    UserOrder,
    decode_stream,
)
from algopioneer_core.domain.errors import DataError, VenueError, VenueUnavailable
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND, Bar, Quote, Trade
from algopioneer_core.domain.money import ZERO, scaled
from algopioneer_core.ports import MarketDataEvent

__all__ = [
    "FIVE_MINUTES_NS",
    "MARKET_CHANNELS",
    "MarketStream",
    "SequenceGap",
    "StreamRefused",
    "UserStream",
    "bar_of",
]

FIVE_MINUTES_NS: Final = 300 * NS_PER_SECOND
"""Length of the bars that are pushed; there are no others."""
MARKET_CHANNELS: Final = ("ticker", "market_trades", "candles")
"""What is subscribed of a market unless its book is wanted too."""
_BAR_GRACE_NS: Final = 5 * NS_PER_SECOND
"""How long after its end a bar may still change: trades come in batches, some late."""
_ORDERS_IN_A_MESSAGE: Final = 50
_HEARTBEATS: Final = "heartbeats"
Token = Callable[[], str]
"""Makes a token for one message."""


class SequenceGap(VenueUnavailable):
    """Messages of the connection are missing."""

    def __init__(self, expected: int, got: int) -> None:
        super().__init__(
            f"message {expected} of the stream is missing: {got} came", where="coinbase"
        )


class StreamRefused(VenueError):
    """The venue refused a subscription; the same one would be refused again."""


class _Session:
    """What the sessions have in common: saying hello, and the sequence."""

    def __init__(
        self, channels: Sequence[str], products: Sequence[str], token: Token | None
    ) -> None:
        self._channels = (*channels, _HEARTBEATS)
        self._products = list(products)
        self._token = token
        self._expected = 0
        self._confirmed: set[str] = set()
        self.unknown_channels = 0
        """Messages of channels that are not known here."""

    def hello(self) -> list[str]:
        """
        Return the subscriptions to send, each within five seconds of the connection.

        One channel a message; heartbeats keep the connection from being closed when the market is
        quiet (protocol: keepalive).
        """
        return [self._subscribe(each) for each in self._channels]

    def _subscribe(self, channel: str) -> str:
        message: dict[str, object] = {"type": "subscribe"}
        if channel != _HEARTBEATS and self._products:
            message["product_ids"] = self._products
        message["channel"] = channel
        if self._token is not None:
            message["jwt"] = self._token()
        return json.dumps(message)

    @property
    def is_subscribed(self) -> bool:
        """Whether the venue has confirmed all channels."""
        return self._confirmed.issuperset(self._channels)

    def _read(self, data: bytes | str) -> StreamMessage | None:
        """
        Return a message in its turn; None for one that comes again.

        Raises:
            SequenceGap: One before it is missing.
            StreamRefused: It refuses something.
            DataError: It is no message.
        """
        message = decode_stream(data)
        if isinstance(message, ErrorMessage):
            raise StreamRefused(f"the venue refuses: {message.message[:200]}", where="coinbase")
        if message.sequence_num < self._expected:
            return None
        if message.sequence_num > self._expected:
            raise SequenceGap(self._expected, message.sequence_num)
        self._expected += 1
        if isinstance(message, SubscriptionsMessage):
            for event in message.events:
                self._confirmed = set(event.subscriptions)
        return message


class MarketStream(_Session):
    """
    One connection's market data.

    Args:
        names: What the stream calls each instrument that is wanted (`Symbols.stream_names`).
        token: Signs subscriptions; None is anonymous.
        with_book: Take quotes from the book (`level2`), which changes between trades, and not from
            tickers, which come with trades.
    """

    def __init__(
        self,
        names: Mapping[str, Sequence[InstrumentId]],
        token: Token | None = None,
        *,
        with_book: bool = False,
    ) -> None:
        channels = ("level2", *MARKET_CHANNELS[1:]) if with_book else MARKET_CHANNELS
        super().__init__(channels, list(names), token)
        self._names = names
        self._books: dict[str, _Book] = {}
        self._running: dict[str, tuple[int, CandleRow]] = {}  # with the time at which each opened
        self._closed_ns: dict[str, int] = {}

    def receive(self, data: bytes | str, ts_recv: int) -> list[MarketDataEvent]:
        """
        Return what a message means, in order of time; mostly one event or none.

        Args:
            data: As it came.
            ts_recv: When it came, UTC nanoseconds.

        Raises:
            SequenceGap: A message before it is missing; open a new connection.
            StreamRefused: A subscription is refused.
            DataError: It is no message, or has prices that are none.
        """
        message = self._read(data)
        if message is None:
            return []
        if isinstance(message, UnknownMessage | ErrorMessage):
            self.unknown_channels += 1
            return []
        read = _READERS.get(type(message))
        if read is not None:
            return list(read(self, message, time_ns(message.timestamp), ts_recv))
        return list(self.close_bars(time_ns(message.timestamp), ts_recv))

    def _on_tickers(self, message: TickerMessage, sent_ns: int, ts_recv: int) -> Iterator[Quote]:
        for event in message.events:
            for ticker in event.tickers:
                yield from self._quotes_of_ticker(ticker, sent_ns, ts_recv)

    def _on_trades(self, message: TradesMessage, _: int, ts_recv: int) -> Iterator[Trade]:
        for event in message.events:
            if event.type != "snapshot":  # those are of before
                yield from self._trades(event.trades, ts_recv)

    def _on_candles(self, message: CandlesMessage, _: int, ts_recv: int) -> Iterator[Bar]:
        for event in message.events:
            yield from self._bars(event.candles, ts_recv)

    def _on_book(self, message: Level2Message, sent_ns: int, ts_recv: int) -> Iterator[Quote]:
        for event in message.events:
            yield from self._quotes_of_book(event, sent_ns, ts_recv)

    # --- quotes ------------------------------------------------------------------------------

    def _quotes_of_ticker(self, ticker: Ticker, sent_ns: int, ts_recv: int) -> list[Quote]:
        ids = self._names.get(ticker.product_id, ())
        if not ids or not (ticker.best_bid and ticker.best_ask):  # one side of the book is empty
            return []
        bid, ask = positive(ticker.best_bid), positive(ticker.best_ask)
        bid_size, ask_size = (
            amount(text) if text else ZERO
            for text in (ticker.best_bid_quantity, ticker.best_ask_quantity)
        )
        if bid > ask or bid_size < 0 or ask_size < 0:
            raise DataError(f"a ticker of {ticker.product_id} contradicts itself", where="coinbase")
        return [Quote(each, sent_ns, bid, ask, bid_size, ask_size, ts_recv) for each in ids]

    def _quotes_of_book(self, change: Level2Event, sent_ns: int, ts_recv: int) -> list[Quote]:
        ids = self._names.get(change.product_id, ())
        if not ids:
            return []
        book = self._books.get(change.product_id)
        if change.type == "snapshot":
            book = self._books[change.product_id] = _Book()
        if book is None:  # changes of nothing that is known
            return []
        before = book.best
        book.apply(change)
        after = book.best
        if after is None or after == before:
            return []
        return [Quote(each, sent_ns, *after, ts_recv) for each in ids]

    # --- trades and bars ---------------------------------------------------------------------

    def _trades(self, rows: Iterable[TradeRow], ts_recv: int) -> list[Trade]:
        """Return trades oldest first: their order within a message is not promised."""
        trades = [
            Trade(
                each,
                time_ns(row.time),
                positive(row.price),
                positive(row.size),
                row.trade_id,
                ts_recv,
            )
            for row in rows
            for each in self._names.get(row.product_id, ())
        ]
        return sorted(
            trades, key=lambda trade: (trade.ts_event, len(trade.trade_id), trade.trade_id)
        )

    def _bars(self, rows: Iterable[CandleRow], ts_recv: int) -> list[Bar]:
        """Return the bars that newer ones show to be finished."""
        finished: list[Bar] = []
        for row in sorted(rows, key=lambda row: (len(row.start), row.start)):
            start_ns, running = seconds_ns(row.start), self._running.get(row.product_id)
            if start_ns < self._closed_ns.get(row.product_id, 0):
                continue
            if running is not None and running[0] < start_ns:
                finished += self._finish(row.product_id, ts_recv)
            elif running is None:  # the first: bars that had ended before are not of this stream
                self._closed_ns[row.product_id] = start_ns
            self._running[row.product_id] = start_ns, row
        return finished

    def close_bars(self, now_ns: int, ts_recv: int) -> list[Bar]:
        """Return the bars that are over by the venue's time, of markets where nobody trades."""
        last_ns = now_ns - FIVE_MINUTES_NS - _BAR_GRACE_NS
        over = [product for product, (start, _) in self._running.items() if start <= last_ns]
        return [bar for product in over for bar in self._finish(product, ts_recv)]

    def _finish(self, product: str, ts_recv: int) -> list[Bar]:
        start_ns, row = self._running.pop(product)
        self._closed_ns[product] = start_ns + FIVE_MINUTES_NS
        return [
            bar_of(row, each, FIVE_MINUTES_NS, ts_recv=ts_recv)
            for each in self._names.get(product, ())
        ]


_READERS: Final[dict[type, Callable[[MarketStream, Any, int, int], Iterable[MarketDataEvent]]]] = {
    TickerMessage: MarketStream._on_tickers,
    TradesMessage: MarketStream._on_trades,
    CandlesMessage: MarketStream._on_candles,
    Level2Message: MarketStream._on_book,
}
"""Not in the session itself, which would hold itself alive after its connection."""


class _Side:
    """One side of a book, with its best price at hand."""

    def __init__(self, better: Callable[[Iterable[Decimal]], Decimal]) -> None:
        self.levels: dict[Decimal, Decimal] = {}
        self.best: Decimal | None = None
        self._better = better

    def put(self, price: Decimal, quantity: Decimal) -> None:
        """Set what a price has; only the loss of the best one makes all others be looked at."""
        if quantity:
            self.levels[price] = quantity
            self.best = price if self.best is None else self._better((self.best, price))
            return
        self.levels.pop(price, None)
        if price == self.best:
            self.best = self._better(self.levels) if self.levels else None


class _Book:
    """All price levels of one market (protocol: level2)."""

    def __init__(self) -> None:
        self._bids, self._asks = _Side(max), _Side(min)

    def apply(self, change: Level2Event) -> None:
        """Take in quantities, which are absolute; none removes a level."""
        for update in change.updates:
            if update.side not in ("bid", "offer"):
                raise DataError(f"a book has a side {update.side[:40]!r}", where="coinbase")
            price, quantity = positive(update.price_level), amount(update.new_quantity)
            if quantity < 0:
                raise DataError("a book has less than nothing at a price", where="coinbase")
            (self._bids if update.side == "bid" else self._asks).put(price, quantity)

    @property
    def best(self) -> tuple[Decimal, Decimal, Decimal, Decimal] | None:
        """Bid, ask and their sizes; None while a side is empty or the sides cross."""
        bid, ask = self._bids.best, self._asks.best
        if bid is None or ask is None or bid > ask:
            return None
        return bid, ask, self._bids.levels[bid], self._asks.levels[ask]


class UserStream(_Session):
    """
    One connection's private data: orders in totals.

    Args:
        token: Signs subscriptions.
    """

    def __init__(self, token: Token) -> None:
        super().__init__(("user",), (), token)
        self.is_complete = False
        """Whether all of the snapshot has come: a message with fewer than fifty orders ends it."""

    def receive(self, data: bytes | str) -> list[UserOrder]:
        """
        Return the orders that a message shows.

        Raises:
            SequenceGap: A message before it is missing; open a new connection.
            StreamRefused: The key is not accepted.
            DataError: It is no message.
        """
        message = self._read(data)
        if not isinstance(message, UserMessage):
            return []
        for event in message.events:
            if event.type == "snapshot" and len(event.orders) < _ORDERS_IN_A_MESSAGE:
                self.is_complete = True
        return [order for event in message.events for order in event.orders]


def bar_of(row: CandleRow, instrument_id: InstrumentId, interval_ns: int, *, ts_recv: int) -> Bar:
    """
    Return a bar, stamped with its close.

    Raises:
        DataError: A number is none, or the prices contradict each other.
    """
    prices = [positive(text) for text in (row.open, row.high, row.low, row.close)]
    first, high, low, last = prices
    volume = amount(row.volume)
    if not low <= min(first, last) <= max(first, last) <= high or volume < 0:
        raise DataError(f"the bar of {instrument_id} at {row.start} contradicts itself")
    decimals = max(_decimals(price) for price in prices)
    volume_decimals = _decimals(volume)
    return Bar(
        instrument_id,
        seconds_ns(row.start) + interval_ns,
        scaled(first, decimals),
        scaled(high, decimals),
        scaled(low, decimals),
        scaled(last, decimals),
        scaled(volume, volume_decimals),
        decimals,
        volume_decimals,
        ts_recv,
    )


def _decimals(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)
    return max(0, -exponent)
