"""Files of funding rates are read as written, or refused with file and line."""

import gzip
from decimal import Decimal
from pathlib import Path

import pytest

from algopioneer_core.domain.carry import FundingRate
from algopioneer_core.domain.errors import ConfigError, DataError
from algopioneer_core.history.carry_files import read_funding
from algopioneer_core.testing.domain import BITCOIN, INVERSE_PERPETUAL, LINEAR_PERPETUAL

HOUR = 3_600_000_000_000
START = 1_704_067_200_000_000_000  # 2024-01-01
PERP = LINEAR_PERPETUAL.id


def written(folder: Path, text: str, name: str = "funding.csv") -> Path:
    """Return a file of *text*."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_rates_are_read_exactly_and_sorted_by_time(tmp_path: Path) -> None:
    """Exports often begin with the newest row; rows of other symbols are passed over."""
    path = written(
        tmp_path,
        "time,symbol,rate,mark_price\n"
        f"2024-01-01T08:00:00Z,{PERP.symbol},-0.00012345,42000.5\n"
        f"2024-01-01T00:00:00Z,{PERP},0.0001,\n"
        "\n"
        "2024-01-01T00:00:00Z,OTHER,0.0001,5\n",
    )
    assert (
        FundingRate(PERP, START, Decimal("0.0001")),
        FundingRate(PERP, START + 8 * HOUR, Decimal("-0.00012345"), Decimal("42000.5")),
    ) == read_funding(path, [BITCOIN, LINEAR_PERPETUAL])


def test_the_names_of_venues_are_understood(tmp_path: Path) -> None:
    """Kraken's relative rate is taken and its absolute one is not; no symbol where one will do."""
    path = written(
        tmp_path, "timestamp;fundingRate;relativeFundingRate\n2024-01-01T00:00:00Z;1.5;2e-05\n"
    )
    (rate,) = read_funding(path, [LINEAR_PERPETUAL])
    assert Decimal("0.00002") == rate.rate
    path = written(tmp_path, "fundingTime,symbol,fundingRate\n1704067200000,BTC,0.0001\n")
    with pytest.raises(DataError, match="has no rate of"):
        read_funding(path, [LINEAR_PERPETUAL])


def test_a_compressed_file_is_read(tmp_path: Path) -> None:
    """And one that is cut off is refused."""
    path = tmp_path / "funding.csv.gz"
    path.write_bytes(gzip.compress(b"time,rate\n2024-01-01,0.0001\n"))
    assert 1 == len(read_funding(path, [LINEAR_PERPETUAL]))
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match="damaged or cut off"):
        read_funding(path, [LINEAR_PERPETUAL])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "there is no column 'time'"),
        ("time,amount\n", "there is no column 'rate'"),
        ("time,rate\n2024-01-01\n", "has 1 cells, fewer than the header"),
        ("time,rate\nsoon,0.0001\n", "has the time 'soon', which is not a time"),
        ("time,rate\n2024-01-01,much\n", "has the rate 'much', which is not a number"),
        ("time,rate\n2024-01-01,nan\n", "has the rate 'nan', which is not a number"),
        ("time,rate\n2024-01-01,0.5\n", "has the rate 0.5, which is no fraction"),
        ("time,rate,price\n2024-01-01,0,-1\n", "has the price -1, which is not positive"),
        ("time,rate\n2024-01-01,0\n2024-01-01,0\n", "is the second rate of"),
        ("time,rate\n", "has no rate of"),
    ],
)
def test_what_cannot_be_trusted_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """With the file and, for a row, its line."""
    path = written(tmp_path, text)
    with pytest.raises(DataError, match=message) as caught:
        read_funding(path, [LINEAR_PERPETUAL])
    assert (caught.value.where or "").startswith(str(path))
    assert caught.value.remedy or "cells" in message


def test_a_file_that_cannot_be_used_at_all_is_refused(tmp_path: Path) -> None:
    """It is not there, is not text, or nothing traded pays funding."""
    with pytest.raises(DataError, match="cannot be read"):
        read_funding(tmp_path / "none.csv", [LINEAR_PERPETUAL])
    path = tmp_path / "binary.csv"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="is not UTF-8 text"):
        read_funding(path, [LINEAR_PERPETUAL])
    path = written(tmp_path, "time,rate\n2024-01-01,0\n")
    with pytest.raises(ConfigError, match="none of the instruments is a perpetual"):
        read_funding(path, [BITCOIN])
    with pytest.raises(DataError, match="several perpetuals are traded"):
        read_funding(path, [LINEAR_PERPETUAL, INVERSE_PERPETUAL])
