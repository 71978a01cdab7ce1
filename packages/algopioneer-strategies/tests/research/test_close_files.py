"""Closes of many symbols are read from every shape of file, and faults are told by line."""

from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from algopioneer_core.domain.errors import AlgopioneerError, ConfigError
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.history.columns import BarColumns, Stamp
from algopioneer_core.history.intervals import DAY_NS, HOUR_NS
from algopioneer_core.history.parquet_rows import write_parquet
from algopioneer_strategies.research.close_files import FileCloses, read_closes
from algopioneer_strategies.research.symbol_lists import Wanted

WIDE = (
    "Date,KO,PEP\n2024-01-02,60.5,170\n2024-01-03,,171\n2024-01-04,61, 172 \n"
    "2024-01-05,62,173\n2024-01-06,63,174\n"
)
LONG = (
    "time,symbol,open,high,low,close\n"
    "2024-01-02,KO,1,1,1,60.5\n2024-01-02,PEP,1,1,1,170\n"
    "2024-01-03,PEP,1,1,1,171\n2024-01-04,KO,1,1,1,61\n2024-01-04,PEP,1,1,1,172\n"
    "2024-01-05,KO,1,1,1,62\n2024-01-05,PEP,1,1,1,173\n"
    "2024-01-06,KO,1,1,1,63\n2024-01-06,PEP,1,1,1,174\n"
)
SECOND = 1_704_153_600_000_000_000
"""2 January 2024."""


def written(path: Path, text: str) -> Path:
    """Write a file and return its path."""
    path.write_text(text, encoding="utf-8")
    return path


def seen(found: FileCloses) -> dict[str, tuple[list[int], list[float]]]:
    """Return days since the second of January and closes, by symbol."""
    return {
        each.symbol: (((each.times_ns - SECOND) // DAY_NS).tolist(), each.closes.tolist())
        for each in found.closes
    }


KO_AND_PEP = {
    "KO": ([1, 3, 4, 5], [60.5, 61.0, 62.0, 63.0]),
    "PEP": ([1, 2, 3, 4, 5], [170.0, 171.0, 172.0, 173.0, 174.0]),
}


@pytest.mark.parametrize("text", [WIDE, LONG], ids=["wide", "long"])
def test_wide_and_long_files_are_the_same(tmp_path: Path, text: str) -> None:
    """A blank is a bar that is not there; days stamped by their open close a day later."""
    found = read_closes([written(tmp_path / "closes.csv", text)], interval_ns=None)
    assert KO_AND_PEP == seen(found)


def test_a_folder_has_a_symbol_in_each_file(tmp_path: Path) -> None:
    """Named by the file; other files are none of ours."""
    written(tmp_path / "PEP.csv", "date,close\n2024-01-02,170\n2024-01-03,171\n2024-01-04,172\n")
    written(tmp_path / "KO.csv", "date,close\n2024-01-02,60.5\n2024-01-03,60\n2024-01-04,61\n")
    written(tmp_path / "notes.md", "none")
    found = read_closes([tmp_path])
    assert {"KO": [60.5, 60.0, 61.0], "PEP": [170.0, 171.0, 172.0]} == {
        each.symbol: each.closes.tolist() for each in found.closes
    }
    assert DAY_NS == found.interval_ns


def test_bars_without_a_header_have_their_close_in_fifth_place(tmp_path: Path) -> None:
    """As exchanges write them."""
    rows = "".join(f"{1_704_153_600 + 3600 * at},1,9,1,{at + 2},5\n" for at in range(3))
    found = read_closes([written(tmp_path / "BTC-USD.csv", rows)])
    assert ("BTC-USD", [2.0, 3.0, 4.0]) == (
        found.closes[0].symbol,
        found.closes[0].closes.tolist(),
    )
    assert HOUR_NS == found.interval_ns


def test_closing_stamps_are_taken_as_they_are(tmp_path: Path) -> None:
    """`--stamp close` moves nothing."""
    found = read_closes([written(tmp_path / "closes.csv", WIDE)], stamp=Stamp.CLOSE)
    assert [0, 1, 2, 3, 4] == seen(found)["PEP"][0]


def test_files_written_by_a_download_say_what_they_are(tmp_path: Path) -> None:
    """Symbol, interval and stamp are in the file."""
    prices = np.array([600, 610], np.int64)
    bars = BarColumns(
        instrument_id=InstrumentId("sim", "KO"),
        interval_ns=DAY_NS,
        ts_ns=np.array([SECOND, SECOND + DAY_NS]),
        open=prices,
        high=prices,
        low=prices,
        close=prices,
        volume=np.zeros(2, np.int64),
        price_decimals=1,
        volume_decimals=0,
    )
    write_parquet(bars, tmp_path / "any.parquet")
    found = read_closes([tmp_path / "any.parquet"])
    assert {"KO": ([0, 1], [60.0, 61.0])} == seen(found)
    assert DAY_NS == found.interval_ns


def test_parquet_of_other_origin(tmp_path: Path) -> None:
    """Floats with a NaN and decimals, wide."""
    days = pa.array([SECOND // 10**9 + 86_400 * day for day in range(5)])
    table = pa.table(
        {
            "date": pa.compute.cast(days, pa.timestamp("s")),
            "KO": [60.5, float("nan"), 61.0, 62.0, 63.0],
            "PEP": pa.array([Decimal(at) for at in range(170, 175)], pa.decimal128(9, 2)),
        }
    )
    pq.write_table(table, tmp_path / "closes.parquet")
    assert KO_AND_PEP == seen(read_closes([tmp_path / "closes.parquet"]))


def test_symbols_are_chosen_in_the_order_asked_for(tmp_path: Path) -> None:
    """Written without case and separators."""
    path = written(tmp_path / "closes.csv", WIDE)
    assert ["PEP", "KO"] == [
        each.symbol for each in read_closes([path], wanted=Wanted(("pep", "ko"))).closes
    ]
    with pytest.raises(ConfigError, match="XOM is in none of the files; they have KO, PEP"):
        read_closes([path], wanted=Wanted(("XOM",)))
    listed = read_closes([path], wanted=Wanted(("XOM", "KO"), is_list=True))
    assert ["KO"] == [each.symbol for each in listed.closes]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Date,KO\n2024-01-02,60\n2024-01-03,-1\n", r"closes.csv:3: KO -1 is not a positive price"),
        ("Date,KO\n2024-01-02,sixty\n", r"closes.csv:2: KO 'sixty' is not a number"),
        ("Date,KO\n2024-01-02,inf\n", r"closes.csv:2: KO inf is not a positive price"),
        ("Date,KO\nyesterday,60\n", r"closes.csv:2: time 'yesterday' is not a time"),
        ("Date,KO\n2024-01-02,\n", r"no rows below the header|no close"),
        ("Date,KO\n2024-01-02,1\n2024-01-02,2\n2024-01-03,3\n", r"closes.csv: KO: two closes at"),
        ("KO,PEP\n1,2\n", r"closes.csv:1: there is no column for time"),
        ("Date,KO,KO\n2024-01-02,1,2\n", r"a name of its own for each symbol"),
        ("Date,KO\n2024-01-02,1\n", r"cannot be told from fewer than two closes"),
    ],
)
def test_faults_are_told_with_their_place(tmp_path: Path, text: str, message: str) -> None:
    """Never a traceback."""
    with pytest.raises(AlgopioneerError, match=message):
        read_closes([written(tmp_path / "closes.csv", text)])


def test_a_symbol_in_two_files_is_refused(tmp_path: Path) -> None:
    """Which one is meant is not guessed."""
    one, other = (written(tmp_path / name, WIDE) for name in ("one.csv", "other.csv"))
    with pytest.raises(AlgopioneerError, match=r"other.csv: KO is in two files: .*one.csv has it"):
        read_closes([one, other])


def test_bars_of_two_lengths_are_refused(tmp_path: Path) -> None:
    """One calendar has one length of bar, the one asked for."""
    hours = "".join(f"2024-01-02T0{at}:00,{at + 1}\n" for at in range(4))
    written(tmp_path / "KO.csv", f"time,close\n{hours}")
    written(tmp_path / "PEP.csv", "time,close\n2024-01-02,170\n2024-01-03,171\n")
    with pytest.raises(AlgopioneerError, match="PEP: bars are of 1d, not of 1h"):
        read_closes([tmp_path])
    with pytest.raises(AlgopioneerError, match="KO: bars are of 1h, not of 30m"):
        read_closes([tmp_path / "KO.csv"], interval_ns=HOUR_NS // 2)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    """With what would do."""
    with pytest.raises(AlgopioneerError, match="no file of bars in this folder"):
        read_closes([tmp_path])
