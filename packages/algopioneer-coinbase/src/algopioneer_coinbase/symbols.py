"""
Products and instruments: names, grids, minimums, and which of them are one market.

Books in USD and in USDC are unified (protocol: symbols and USDC). `BTC-USDC` is another name of
`BTC-USD`: the stream calls it by the latter, and an order decides by its product from which wallet
it is paid. Both are instruments here, because what they are settled in differs.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from attrs import field, frozen

from algopioneer_coinbase.messages import Product
from algopioneer_coinbase.numbers import optional_amount, time_ns
from algopioneer_core.domain.errors import ConfigError, DataError, UnsupportedOperation
from algopioneer_core.domain.events import InstrumentStatus
from algopioneer_core.domain.instruments import Instrument, InstrumentId, InstrumentKind
from algopioneer_core.domain.money import ONE, ZERO, Increment

__all__ = ["VENUE", "Listing", "Symbols", "listing_of", "status_of"]

VENUE: Final = "coinbase"
"""The venue's part of all instrument ids."""
_KINDS: Final = {"SPOT": InstrumentKind.SPOT, "FUTURE": InstrumentKind.FUTURE}
_US_FUTURES: Final = "cde"
"""Coinbase Derivatives Exchange; contracts of other venues are not traded through this API."""


@frozen
class Listing:
    """An instrument, and what its product says beyond that."""

    instrument: Instrument
    status: InstrumentStatus
    stream_symbol: str
    """What market data calls it: for a -USDC product that is an alias, the -USD one."""
    maximum_quantity: Decimal | None
    maximum_quote: Decimal | None


def status_of(product: Product) -> InstrumentStatus:
    """
    Return what may be done with a product (protocol: product).

    A future has an empty status; a spot product that is not `online` is not traded.
    """
    if product.status == "delisted":
        return InstrumentStatus.DELISTED
    closed = product.is_disabled or product.trading_disabled or product.view_only
    if closed or product.status not in ("online", ""):
        return InstrumentStatus.HALTED
    flags = (
        (product.cancel_only, InstrumentStatus.CANCEL_ONLY),
        (product.post_only, InstrumentStatus.POST_ONLY),
        (product.limit_only, InstrumentStatus.LIMIT_ONLY),
        (product.auction_mode, InstrumentStatus.HALTED),
    )
    return next((status for is_set, status in flags if is_set), InstrumentStatus.TRADING)


def listing_of(product: Product) -> Listing | None:
    """
    Return a product as an instrument; None for what is not traded through here.

    Those are delisted products, and kinds other than spot and US futures.

    Raises:
        DataError: A number of it cannot be read, or a grid is missing.
    """
    kind = _KINDS.get(product.product_type)
    details = product.future_product_details
    status = status_of(product)
    foreign = kind is InstrumentKind.FUTURE and (details is None or details.venue != _US_FUTURES)
    if kind is None or foreign or status is InstrumentStatus.DELISTED:
        return None
    try:
        instrument = _spot(product) if details is None else _future(product)
        return Listing(
            instrument,
            status,
            product.alias or product.product_id,
            optional_amount(product.base_max_size),
            optional_amount(product.quote_max_size),
        )
    except (ConfigError, DataError) as error:  # a number that is none, or terms that no market has
        raise DataError(error.message, where=f"product {product.product_id}") from None


def _spot(product: Product) -> Instrument:
    return Instrument(
        id=InstrumentId(VENUE, product.product_id),
        base=product.base_currency_id,
        quote=product.quote_currency_id,
        # Off the grid is refused and not rounded; the price grid falls back to the quote's.
        price_increment=_grid(product.price_increment or product.quote_increment),
        quantity_increment=_grid(product.base_increment),
        quote_increment=_grid(product.quote_increment),
        minimum_quantity=optional_amount(product.base_min_size) or ZERO,
        # On the large markets base_min_size is one increment: this is the minimum that binds.
        minimum_notional=optional_amount(product.quote_min_size) or ZERO,
        shortable=False,
    )


def _future(product: Product) -> Instrument:
    details = product.future_product_details
    assert details is not None
    return Instrument(
        id=InstrumentId(VENUE, product.product_id),
        base=details.contract_root_unit or product.product_id.partition("-")[0],
        quote=product.quote_currency_id,
        kind=InstrumentKind.FUTURE,
        price_increment=_grid(product.price_increment or product.quote_increment),
        quantity_increment=_grid(product.base_increment),
        minimum_quantity=optional_amount(product.base_min_size) or ZERO,
        minimum_notional=optional_amount(product.quote_min_size) or ZERO,
        multiplier=optional_amount(details.contract_size) or ONE,
        expiry_ns=time_ns(details.contract_expiry) or None,
        fractionable=False,
    )


def _grid(text: str) -> Increment:
    step = optional_amount(text)
    if step is None or step <= 0:
        raise DataError(f"an increment of {text!r} is none")
    return Increment(step)


@frozen
class Symbols:
    """All that can be traded, by id and by the names that the streams use."""

    listings: dict[InstrumentId, Listing]
    _ids: dict[str, InstrumentId] = field(init=False, repr=False, eq=False)

    @_ids.default
    def _by_symbol(self) -> dict[str, InstrumentId]:
        return {each.symbol: each for each in self.listings}

    @classmethod
    def of(cls, products: Iterable[Product]) -> "Symbols":
        """
        Return the instruments among *products*.

        Raises:
            DataError: A product that can be traded is not described.
        """
        listings = (listing_of(each) for each in products)
        return cls({each.instrument.id: each for each in listings if each is not None})

    def listing(self, instrument_id: InstrumentId) -> Listing:
        """
        Return an instrument's listing.

        Raises:
            UnsupportedOperation: It is not traded here.
        """
        listing = self.listings.get(instrument_id)
        if listing is None:
            raise UnsupportedOperation(
                "there is no such instrument",
                where=instrument_id,
                remedy="products are named BASE-QUOTE in capitals; a future by its contract",
            )
        return listing

    def id_of(self, product_id: str) -> InstrumentId:
        """
        Return the id of a product, also of one that is not (or no longer) listed.

        Raises:
            DataError: The venue names none.
        """
        if not product_id:
            raise DataError("the venue names no product", where=VENUE)
        return self._ids.get(product_id) or InstrumentId(VENUE, product_id)

    def stream_names(self, ids: Iterable[InstrumentId]) -> dict[str, list[InstrumentId]]:
        """Return what market data calls each of *ids*; one name may stand for two of them."""
        names: dict[str, list[InstrumentId]] = {}
        for each in dict.fromkeys(ids):
            names.setdefault(self.listing(each).stream_symbol, []).append(each)
        return names
