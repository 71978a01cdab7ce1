"""Products as instruments: grids, minimums, status, and the two names of one market."""

from decimal import Decimal
from typing import Any

import pytest

from algopioneer_coinbase.messages import FutureDetails, Product
from algopioneer_coinbase.symbols import Symbols, listing_of, status_of
from algopioneer_core.domain.errors import DataError, UnsupportedOperation
from algopioneer_core.domain.events import InstrumentStatus
from algopioneer_core.domain.instruments import InstrumentId, InstrumentKind
from algopioneer_core.domain.money import Increment


def spot(name: str = "BTC-USD", **fields: Any) -> Product:
    """Return a spot product."""
    base, _, quote = name.partition("-")
    known: dict[str, Any] = {
        "product_id": name,
        "product_type": "SPOT",
        "status": "online",
        "base_currency_id": base,
        "quote_currency_id": quote,
        "base_increment": "0.00000001",
        "quote_increment": "0.01",
        "price_increment": "0.01",
        "base_min_size": "0.00000001",
        "base_max_size": "3400",
        "quote_min_size": "1",
        "quote_max_size": "150000000",
    }
    return Product(**{**known, **fields})


def future(**fields: Any) -> Product:
    """Return a US future: one contract is a hundredth of a bitcoin."""
    known: dict[str, Any] = {
        "product_id": "BIT-24APR26-CDE",
        "product_type": "FUTURE",
        "quote_currency_id": "USD",
        "base_increment": "1",
        "quote_increment": "0.01",
        "price_increment": "5",
        "base_min_size": "1",
        "base_max_size": "5000",
        "quote_min_size": "0",
        "future_product_details": FutureDetails(
            venue="cde",
            contract_expiry="2026-04-24T15:00:00Z",
            contract_size="0.01",
            contract_root_unit="BTC",
        ),
    }
    return Product(**{**known, **fields})


def test_a_spot_product_is_an_instrument_with_its_grids_and_minimums() -> None:
    """And it cannot be sold short."""
    listing = listing_of(spot())
    assert listing is not None
    instrument = listing.instrument
    assert ("coinbase:BTC-USD", "BTC", "USD", InstrumentKind.SPOT) == (
        instrument.id,
        instrument.base,
        instrument.quote,
        instrument.kind,
    )
    assert Increment(Decimal("0.01")) == instrument.price_increment == instrument.quote_increment
    assert Increment(Decimal("0.00000001")) == instrument.quantity_increment
    assert (Decimal(1), Decimal("0.00000001")) == (
        instrument.minimum_notional,
        instrument.minimum_quantity,
    )
    assert not instrument.shortable
    assert Decimal(3400) == listing.maximum_quantity


def test_the_price_grid_falls_back_to_the_quotes() -> None:
    """Older products state one only."""
    listing = listing_of(spot(price_increment="", quote_increment="0.001"))
    assert listing is not None
    assert Increment(Decimal("0.001")) == listing.instrument.price_increment


def test_a_us_future_has_multiplier_expiry_and_whole_contracts() -> None:
    """It can be sold short, and its value is price times contracts times size."""
    listing = listing_of(future())
    assert listing is not None
    instrument = listing.instrument
    assert InstrumentKind.FUTURE is instrument.kind
    assert ("BTC", "USD") == (instrument.base, instrument.settlement_asset)
    assert 1_777_042_800_000_000_000 == instrument.expiry_ns
    assert Decimal(1400) == instrument.value(Decimal(2), Decimal(70_000))
    assert instrument.shortable
    assert not instrument.fractionable


@pytest.mark.parametrize(
    "product",
    [
        spot(status="delisted"),
        spot(product_type="EQUITY"),
        future(future_product_details=FutureDetails(venue="intx")),
        future(future_product_details=None),
    ],
)
def test_what_is_not_traded_here_is_left_out(product: Product) -> None:
    """Delisted products, other kinds, and contracts of other venues."""
    assert listing_of(product) is None


@pytest.mark.parametrize(
    ("flags", "status"),
    [
        ({}, InstrumentStatus.TRADING),
        ({"status": "offline"}, InstrumentStatus.HALTED),
        ({"status": "delisted"}, InstrumentStatus.DELISTED),
        ({"is_disabled": True}, InstrumentStatus.HALTED),
        ({"trading_disabled": True}, InstrumentStatus.HALTED),
        ({"view_only": True}, InstrumentStatus.HALTED),
        ({"auction_mode": True}, InstrumentStatus.HALTED),
        ({"cancel_only": True, "limit_only": True}, InstrumentStatus.CANCEL_ONLY),
        ({"limit_only": True}, InstrumentStatus.LIMIT_ONLY),
        ({"post_only": True}, InstrumentStatus.POST_ONLY),
    ],
)
def test_the_strictest_flag_is_the_status(flags: dict[str, Any], status: InstrumentStatus) -> None:
    """What may be done with a product is spread over seven flags and a word."""
    assert status is status_of(spot(**flags))


@pytest.mark.parametrize("field", ["base_increment", "quote_increment", "base_min_size"])
def test_a_product_that_is_not_described_is_an_error_that_names_it(field: str) -> None:
    """A wrong grid would be a wrong order."""
    with pytest.raises(DataError, match="product BTC-USD"):
        listing_of(spot(**{field: "-"}))


def test_the_stream_calls_both_names_of_a_market_by_one() -> None:
    """BTC-USDC is shown as BTC-USD; who asked for both gets both."""
    symbols = Symbols.of([spot(), spot("BTC-USDC", alias="BTC-USD"), spot("ETH-USD")])
    usd, usdc = (InstrumentId("coinbase", f"BTC-{each}") for each in ("USD", "USDC"))
    assert {"BTC-USD": [usdc]} == symbols.stream_names([usdc])
    assert {"BTC-USD": [usd, usdc]} == symbols.stream_names([usd, usdc, usd])
    assert ("BTC-USDC", usdc) == (symbols.id_of("BTC-USDC").symbol, symbols.id_of("BTC-USDC"))


def test_a_stranger_is_refused() -> None:
    """Before anything is sent."""
    symbols = Symbols.of([spot()])
    with pytest.raises(UnsupportedOperation, match="coinbase:DOGE-USD"):
        symbols.listing(InstrumentId("coinbase", "DOGE-USD"))
    assert "coinbase:DOGE-USD" == symbols.id_of("DOGE-USD")
