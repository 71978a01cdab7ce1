"""Behaviour of instrument files."""

from decimal import Decimal
from pathlib import Path

import pytest

from algopioneer_core.config.instruments import read_instruments
from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.instruments import FeeAsset, Instrument, InstrumentId, InstrumentKind

_ID = InstrumentId("sim", "BTC-PERP")


def _read(folder: Path, text: str) -> Instrument:
    path = folder / "instruments.toml"
    path.write_text(text, encoding="utf-8")
    return read_instruments(path).instrument(_ID)


def test_table_describes_the_instrument(tmp_path: Path) -> None:
    """Every property of a contract can be stated, exactly."""
    instrument = _read(
        tmp_path,
        """
        ["BTC-PERP"]
        kind = "future"
        base = "BTC"
        quote = "USDT"
        price_increment = 0.5
        quantity_increment = "0.001"
        minimum_notional = 5
        multiplier = 100
        inverse = true
        expiry = 2025-03-28T08:00:00Z
        shortable = false
        maker_fee_bps = -1
        taker_fee_bps = 5.5
        fee_asset = "base"
        """,
    )

    assert InstrumentKind.FUTURE is instrument.kind
    assert ("BTC", "USDT") == (instrument.base, instrument.quote)
    assert instrument.price_increment is not None
    assert Decimal("0.5") == instrument.price_increment.step
    assert Decimal("0.001") == instrument.quantity_increment.step
    assert Decimal(100) == instrument.multiplier
    assert instrument.inverse
    assert 1_743_148_800_000_000_000 == instrument.expiry_ns
    assert not instrument.shortable
    assert (Decimal("-0.0001"), Decimal("0.00055")) == (instrument.maker_fee, instrument.taker_fee)
    assert FeeAsset.BASE is instrument.fee_asset


def test_empty_table_is_an_instrument_without_metadata(tmp_path: Path) -> None:
    """What a file does not say is as if there were no file."""
    assert Instrument.undescribed(_ID) == _read(tmp_path, '["BTC-PERP"]\n')


def test_venue_and_symbol_win_over_the_symbol(tmp_path: Path) -> None:
    """One symbol may differ between venues."""
    text = '["BTC-PERP"]\nquote = "EUR"\n["sim:BTC-PERP"]\nquote = "GBP"\n'

    assert "GBP" == _read(tmp_path, text).quote


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('["BTC-PERP"]\nmultiplier = 0\n', "BTC-PERP.multiplier: multiplier must be positive"),
        ('["BTC-PERP"]\nkind = "swap"\n', "BTC-PERP.kind: must be one of spot"),
        ('["BTC-PERP"]\nmultiplyer = 1\n', "did you mean 'multiplier'"),
        ('["BTC-PRP"]\n', "does not describe 'BTC-PERP' .did you mean 'BTC-PRP'"),
        ('["ETH"]\n', r'add a table \["BTC-PERP"\]'),
        ('["BTC-PERP"]\ninverse = true\n', "BTC-PERP: .* is not a contract"),
        ("BTC-PERP = 5\n", "must be a table"),
    ],
)
def test_wrong_file_is_refused_with_its_key(tmp_path: Path, text: str, message: str) -> None:
    """The error names the file and the key."""
    with pytest.raises(ConfigError, match=message) as caught:
        _read(tmp_path, text)

    assert "instruments.toml" in str(caught.value)
