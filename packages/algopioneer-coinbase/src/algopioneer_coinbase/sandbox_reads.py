"""What the local Coinbase says of its markets: products, bars, trades and books."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from algopioneer_coinbase.sandbox_http import (
    Failure,
    Request,
    error_answer,
    first_of,
    number_of,
    seconds_of,
)
from algopioneer_coinbase.sandbox_market_shapes import book_json, spread_json, trade_json
from algopioneer_coinbase.sandbox_shapes import candle_json
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND, Quote, Trade
from algopioneer_core.domain.money import plain
from algopioneer_core.domain.times import iso_utc
from algopioneer_core.simulation.sandbox import LocalExchange

__all__ = ["MarketReads"]

_GRANULARITIES: Final = {
    "ONE_MINUTE": 60,
    "FIVE_MINUTE": 300,
    "FIFTEEN_MINUTE": 900,
    "THIRTY_MINUTE": 1800,
    "ONE_HOUR": 3600,
    "TWO_HOUR": 7200,
    "FOUR_HOUR": 14400,
    "SIX_HOUR": 21600,
    "ONE_DAY": 86400,
}
_MOST_CANDLES: Final = 350
_MOST_TRADES: Final = 100
_ABSURD_TRADES: Final = 1_000
"""More than this many trades are not cut to the most there are: the venue fails (protocol: ticker
/ top of book / book / trades)."""


class MarketReads:
    """
    Answers to what everybody may ask.

    Args:
        exchange: What is read.
        products: Their descriptions, by name.
    """

    def __init__(self, exchange: LocalExchange, products: Mapping[str, Mapping[str, Any]]) -> None:
        self._exchange = exchange
        self._products = products
        self._instruments = {each.id.symbol: each for each in exchange.books.instruments.values()}
        self._trades: dict[InstrumentId, deque[Trade]] = {}
        exchange.listen(lambda *_: None, self._remember)

    def _remember(self, event: Quote | Trade) -> None:
        if isinstance(event, Trade):
            trades = self._trades.setdefault(event.instrument_id, deque(maxlen=_MOST_TRADES))
            trades.appendleft(event)

    # --- answers -----------------------------------------------------------------------------

    def time(self, _: Request) -> Any:
        """Tell the time."""
        now_ns = self._exchange.clock.now_ns()
        return {
            "iso": iso_utc(now_ns - now_ns % NS_PER_SECOND),
            "epochSeconds": str(now_ns // NS_PER_SECOND),
            "epochMillis": str(now_ns // 1_000_000),
        }

    def products(self, request: Request) -> Any:
        """List products, of all kinds or of one."""
        rows = [
            self._priced(each)
            for each in self._products.values()
            if _is_wanted(request, "product_ids", each["product_id"])
            and _is_wanted(request, "product_type", each["product_type"])
            and _is_wanted(request, "contract_expiry_type", _expiry_type_of(each))
        ]
        start = number_of(request, "offset", 0)
        rows = rows[start : start + number_of(request, "limit", 1_000)]
        return {"products": rows, "num_products": len(rows), "pagination": None}

    def product(self, request: Request) -> Any:
        """Show one product."""
        return self._priced(self._products[self._listed(_last(request)).id.symbol])

    def candles(self, request: Request) -> Any:
        """List bars, newest first; more than the most is an error and no shorter list."""
        instrument = self._listed(_last_but_one(request))
        seconds = _GRANULARITIES.get(first_of(request, "granularity"))
        if seconds is None:
            raise Failure(error_answer(400, "INVALID_ARGUMENT", "granularity is invalid"))
        start, end = (seconds_of(request, name) for name in ("start", "end"))
        interval_ns = seconds * NS_PER_SECOND
        limit = number_of(request, "limit", _MOST_CANDLES)
        # Both ends are asked for, so as many buckets as steps and one more.
        if max((end - start) // interval_ns + 1, limit) > _MOST_CANDLES:
            text = "start and end argument is invalid - number of candles requested should be "
            raise Failure(error_answer(400, "INVALID_ARGUMENT", f"{text}less than {_MOST_CANDLES}"))
        rows = self._exchange.candles[self._book_of(instrument)].rows(interval_ns, start, end + 1)
        return {"candles": [candle_json(each) for each in rows[: -limit - 1 : -1]]}

    def trades(self, request: Request) -> Any:
        """List the latest trades, or those of a time; newest first, an alias's under its name."""
        instrument = self._listed(_last_but_one(request))
        limit = number_of(request, "limit", 0)
        if not limit:
            raise Failure(error_answer(400, "INVALID_ARGUMENT", "limit is required"))
        if limit > _ABSURD_TRADES:
            raise Failure(error_answer(500, "INTERNAL", "internal error"))
        book = self._book_of(instrument)
        quote, name = self._exchange.quotes.get(book), instrument.id.symbol
        rows = list(self._trades_of(book, request))[:limit]
        return {
            "trades": [
                trade_json(each, name, bid="", ask="", exchange="coinbase") for each in rows
            ],
            "best_bid": plain(quote.bid) if quote else "",
            "best_ask": plain(quote.ask) if quote else "",
        }

    def _trades_of(self, book: InstrumentId, request: Request) -> Iterator[Trade]:
        """Yield the trades that are remembered of a time; without one, all of them."""
        start, end = (
            seconds_of(request, name) if name in request.query else unbounded
            for name, unbounded in (("start", 0), ("end", self._exchange.clock.now_ns()))
        )
        return (each for each in self._trades.get(book, ()) if start <= each.ts_event <= end)

    def book(self, request: Request) -> Any:
        """Show a book: the best level of each side is all that there is."""
        instrument = self._listed(first_of(request, "product_id"))
        quote = self._exchange.quotes.get(self._book_of(instrument))
        return {
            "pricebook": book_json(instrument.id.symbol, quote, self._exchange.clock.now_ns()),
            **spread_json(quote),
        }

    def best(self, request: Request) -> Any:
        """Show the best level of each side of several books, or of all."""
        names = request.query.get("product_ids", []) or list(self._instruments)
        return {"pricebooks": list(self._books(names))}

    def _books(self, names: Iterable[str]) -> Iterator[dict[str, Any]]:
        for name in names:
            quote = self._exchange.quotes.get(self._book_of(self._listed(name)))
            yield book_json(name, quote, self._exchange.clock.now_ns())

    # --- what stands behind a name ------------------------------------------------------------

    def _priced(self, product: Mapping[str, Any]) -> dict[str, Any]:
        instrument = self._instruments[product["product_id"]]
        price = self._exchange.candles[instrument.id].last_price
        return {**product, "price": "" if price is None else plain(price)}

    def _listed(self, name: str) -> Instrument:
        instrument = self._instruments.get(name)
        if instrument is None:
            raise Failure(error_answer(404, "NOT_FOUND", f"Product {name} not supported"))
        return instrument

    def _book_of(self, instrument: Instrument) -> InstrumentId:
        """Return the id under which an instrument's market lies: an alias has none of its own."""
        alias = self._products[instrument.id.symbol]["alias"]
        return self._instruments[alias].id if alias in self._instruments else instrument.id


def _is_wanted(request: Request, name: str, value: str) -> bool:
    """Return whether a query asks for a value, or for none in particular."""
    return value in request.query.get(name, [value])


def _expiry_type_of(product: Mapping[str, Any]) -> str:
    details = product.get("future_product_details") or {"contract_expiry_type": ""}
    return str(details["contract_expiry_type"])


def _last(request: Request) -> str:
    return request.path.rpartition("/")[2]


def _last_but_one(request: Request) -> str:
    return request.path.split("/")[-2]
