"""Sectors: a table for the default symbols, a file for others."""

from pathlib import Path

import pytest

from algopioneer_core.domain.errors import ConfigError
from algopioneer_strategies.research.sectors import COINS, EQUITIES, read_sectors, sectors_of


def test_default_symbols_have_sectors_however_they_are_written() -> None:
    """Venues separate a coin from its currency each in their own way."""
    assert ("consumer staples", "store of value", "store of value", None) == sectors_of(
        ["KO", "BTC/USD", "btcusd", "NOBODY"]
    )
    assert not EQUITIES.keys() & COINS.keys()


def test_a_file_goes_before_the_table(tmp_path: Path) -> None:
    """Others are still looked up in the table."""
    path = tmp_path / "sectors.csv"
    path.write_text("symbol,sector\nKO,soda\nMINE,soda\n", encoding="utf-8")
    assert ("soda", "soda", "consumer staples") == sectors_of(
        ["KO", "MINE", "PEP"], read_sectors(path)
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("symbol,kind\nKO,soda\n", "the columns symbol and sector are not both there"),
        ("symbol,sector\nKO,soda\nKO,drink\n", r"sectors.csv:3: KO has no sector, or two"),
        ("symbol,sector\nKO,\n", r"sectors.csv:2: KO has no sector, or two"),
        ("symbol,sector\n,soda\n", r"sectors.csv:2: a row names no symbol"),
        (None, "cannot be read: No such file"),
    ],
)
def test_a_file_with_a_fault_is_refused(tmp_path: Path, text: str | None, message: str) -> None:
    """With its line."""
    path = tmp_path / "sectors.csv"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        read_sectors(path)
