"""Instruments: names, kinds, values of linear and inverse contracts."""

import os
import pickle
import subprocess
import sys
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.domain.errors import ConfigError, MoneyError
from algopioneer_core.domain.instruments import (
    INVERSE_VALUE_PLACES,
    Instrument,
    InstrumentId,
    InstrumentKind,
)
from algopioneer_core.domain.money import Increment, neg
from algopioneer_core.testing.domain import (
    BITCOIN,
    INVERSE_PERPETUAL,
    LINEAR_PERPETUAL,
    instruments,
    prices,
    quantities,
)


def undescribed(symbol: str) -> Instrument:
    """Return what is assumed of a symbol."""
    return Instrument.undescribed(InstrumentId("file", symbol))


def changed(field: str, value: object) -> dict[str, Any]:
    """Return the one argument that replaces a field."""
    return {field: value}


@pytest.mark.parametrize(
    ("text", "venue", "symbol"),
    [
        ("coinbase:BTC-USD", "coinbase", "BTC-USD"),
        (" kraken : XBT/USD ", "kraken", "XBT/USD"),
        ("alpaca:A:B", "alpaca", "A:B"),
        ("BTC-USD", "file", "BTC-USD"),
    ],
)
def test_instrument_id_is_read_from_text(text: str, venue: str, symbol: str) -> None:
    """The first colon parts venue and symbol; the default venue fills in."""
    assert InstrumentId(venue, symbol) == InstrumentId.parse(text, default_venue="file")


@pytest.mark.parametrize("text", ["", ":", "coinbase:", ":BTC-USD", "BTC-USD"])
def test_instrument_id_needs_both_parts(text: str) -> None:
    """A missing part is refused with the way to write it."""
    with pytest.raises(ConfigError, match="write it as venue:symbol"):
        InstrumentId.parse(text)


@pytest.mark.parametrize(("venue", "symbol"), [("", "X"), ("v", ""), ("v:w", "X")])
def test_instrument_id_has_one_way_to_be_written(venue: str, symbol: str) -> None:
    """Two different ids never have the same text."""
    with pytest.raises(ConfigError, match="is not an instrument"):
        InstrumentId(venue, symbol)


@given(
    st.text("abc", min_size=1),
    st.text("ABC-/:", min_size=1).filter(lambda text: text.strip() == text),
)
def test_instrument_id_survives_its_text(venue: str, symbol: str) -> None:
    """Parsing what was written gives the same id, with the same hash."""
    original = InstrumentId(venue, symbol)
    again = InstrumentId.parse(str(original))
    assert original == again
    assert hash(original) == hash(again)


def test_instrument_id_cannot_be_changed() -> None:
    """It is a key, and keys stay what they are."""
    with pytest.raises(AttributeError, match="cannot be changed: venue"):
        BITCOIN.id.venue = "elsewhere"


def test_instrument_id_is_found_after_it_travelled_to_another_process() -> None:
    """Its hash is not taken along, because text is hashed anew in each process."""
    written = pickle.dumps(InstrumentId("coinbase", "BTC-USD")).hex()
    program = (
        "import pickle; from algopioneer_core.domain.instruments import InstrumentId as Id;"
        f"print(pickle.loads(bytes.fromhex('{written}')) in {{Id('coinbase', 'BTC-USD')}})"
    )
    for seed in "12":
        run = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
        assert "True" == run.stdout.strip()


@pytest.mark.parametrize(
    ("symbol", "base", "quote"),
    [
        ("BTC-USD", "BTC", "USD"),
        ("ETH/USDT", "ETH", "USDT"),
        ("SOL_EUR", "SOL", "EUR"),
        ("AAPL", "AAPL", "USD"),
        ("BRK-B", "BRK-B", "USD"),
        ("BTC-PERP", "BTC-PERP", "USD"),
        ("-USD", "-USD", "USD"),
    ],
)
def test_undescribed_symbol_names_base_and_quote(symbol: str, base: str, quote: str) -> None:
    """A pair is taken apart; anything else is its own base, priced in dollars."""
    assert (base, quote) == (undescribed(symbol).base, undescribed(symbol).quote)


@given(instruments(), quantities(), prices())
def test_value_equals_its_formula(
    instrument: Instrument, quantity: Decimal, price: Decimal
) -> None:
    """Linear: quantity x multiplier x price, exactly. Inverse: divided, rounded once."""
    size = Fraction(quantity) * Fraction(instrument.multiplier)
    value = Fraction(instrument.value(quantity, price))
    if instrument.inverse:
        scale = 10**INVERSE_VALUE_PLACES
        assert Fraction(round(size / Fraction(price) * scale), scale) == value
    else:
        assert size * Fraction(price) == value
    assert -value == Fraction(instrument.value(neg(quantity), price))


def test_settlement_asset_is_where_gains_arrive() -> None:
    """Quote for what is linear, base for what is inverse."""
    assert ("USD", "USD", "BTC") == (
        BITCOIN.settlement_asset,
        LINEAR_PERPETUAL.settlement_asset,
        INVERSE_PERPETUAL.settlement_asset,
    )


def test_only_spot_and_equity_deliver_base() -> None:
    """A contract is opened, not delivered."""
    assert {InstrumentKind.SPOT, InstrumentKind.EQUITY} == {
        kind for kind in InstrumentKind if evolve(BITCOIN, kind=kind).delivers_base
    }


@given(quantities())
def test_whole_quantity_is_what_the_venue_accepts(quantity: Decimal) -> None:
    """Rounded toward zero to the increment, and to whole units where there are no fractions."""
    fine = evolve(BITCOIN, quantity_increment=Increment(Decimal("0.25")))
    whole = evolve(fine, fractionable=False)
    quarters = Fraction(quantity) // Fraction(1, 4)
    assert quarters / 4 == Fraction(fine.whole_quantity(quantity))
    assert int(Fraction(quantity)) == Fraction(whole.whole_quantity(quantity))
    assert neg(whole.whole_quantity(quantity)) == whole.whole_quantity(neg(quantity))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("minimum_quantity", "-1", "minimum_quantity must not be negative"),
        ("minimum_notional", "-1", "minimum_notional must not be negative"),
        ("multiplier", "0", "multiplier must be positive"),
    ],
)
def test_rules_must_make_sense(field: str, value: str, message: str) -> None:
    """Negative minimums and empty contracts are refused."""
    with pytest.raises(MoneyError, match=message):
        evolve(LINEAR_PERPETUAL, **changed(field, Decimal(value)))


@pytest.mark.parametrize(
    "wrong",
    [
        {"inverse": True},
        {"multiplier": Decimal(10)},
        {"expiry_ns": 1},
        {"kind": InstrumentKind.PERPETUAL, "expiry_ns": 1},
    ],
)
def test_kind_must_fit_the_rest(wrong: dict[str, Any]) -> None:
    """What is delivered is no contract, and only futures expire; the error names the instrument."""
    with pytest.raises(ConfigError, match=r"sim:BTC-USD.*state its kind"):
        evolve(BITCOIN, **wrong)


def test_future_may_expire() -> None:
    """The date of a future is kept."""
    future = evolve(LINEAR_PERPETUAL, kind=InstrumentKind.FUTURE, expiry_ns=5)
    assert 5 == future.expiry_ns
