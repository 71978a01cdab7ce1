import gc
import gzip
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.history import csv_rows, spool
from algopioneer_core.history.bar_files import FileSource, ReadOptions, open_bars
from algopioneer_core.history.columns import CHUNK_BARS, BarColumns, BarSource, Stamp, concat
from algopioneer_core.history.gaps import GapCounter
from algopioneer_core.history.intervals import DAY_NS, HOUR_NS, MINUTE_NS
from algopioneer_core.testing.bars import TEST_ID, bar_columns, columns_from_closes

HEADER = "timestamp,open,high,low,close,volume"
START_NS = 1_704_067_200 * 10**9
"""2024-01-01T00:00Z"""
ROWS = (
    "2024-01-01 00:00,1.5,2.25,1,2,10.5",
    "2024-01-01 00:01,2,3,1.75,2.5,0",
    "2024-01-01 00:02,2.5,2.5,2.5,2.5,7",
)


def opened(folder: Path, *lines: str, name: str = "bars.csv", **options: object) -> FileSource:
    """Write the lines and open them."""
    path = folder / name
    path.write_bytes("\n".join(lines).encode() + b"\n")
    symbol = options.pop("symbol", "BTC-USD")
    return open_bars(path, InstrumentId("test", str(symbol)), ReadOptions(**options))  # type: ignore[arg-type]


def as_csv(bars: BarColumns) -> list[str]:
    """Write bars as text with all their decimals, stamped by the open."""
    price, volume = bars.price_decimals, bars.volume_decimals
    lines = [HEADER]
    for bar in bars.bars():
        prices = (bar.open, bar.high, bar.low, bar.close)
        cells = [str(bar.ts_event - bars.interval_ns), *(f"{each:.{price}f}" for each in prices)]
        lines.append(",".join([*cells, f"{bar.volume:.{volume}f}"]))
    return lines


def test_a_plain_file_gives_its_bars(tmp_path: Path) -> None:
    """Prices are exact on the coarsest grid, times are closes, the interval is inferred."""
    source: BarSource = opened(tmp_path, HEADER, *ROWS)
    bars = source.load()
    assert (source.count, source.interval_ns, source.stamp) == (3, MINUTE_NS, Stamp.OPEN)
    assert (source.price_decimals, source.volume_decimals) == (2, 1)
    assert bars.ts_ns.tolist() == [START_NS + minute * MINUTE_NS for minute in (1, 2, 3)]
    assert bars.open.tolist() == [150, 200, 250]
    assert bars.high.tolist() == [225, 300, 250]
    assert bars.low.tolist() == [100, 175, 250]
    assert bars.close.tolist() == [200, 250, 250]
    assert bars.volume.tolist() == [105, 0, 70]
    assert source.gaps.count == 0


def test_a_file_stamped_by_the_close_is_not_shifted(tmp_path: Path) -> None:
    """The same file read as stamped by the close is one interval earlier."""
    source = opened(tmp_path, HEADER, *ROWS, stamp="close")
    assert (source.first_ns, source.last_ns) == (START_NS, START_NS + 2 * MINUTE_NS)
    assert source.notes[0] == "times in the file are read as the close of their bar"


@pytest.mark.parametrize(
    "header",
    [
        "Timestamp,Open,High,Low,Close,Volume",
        "date,o,h,l,c,v",
        "Open time,Open,High,Low,Close,Volume",
        "DATETIME;OPEN;HIGH;LOW;CLOSE;VOL",
        "unix\topen\thigh\tlow\tclose\tvolume",
        "ts_event,open,high,low,close,volume",
        "time, Open Price, High Price, Low Price, Close Price, Qty",
        "\ufefftime,open,high,low,close,volume",
        '"time","open","high","low","close","volume"',
        "Date,Open,High,Low,Close,Volume BTC",
        ",open,high,low,close,volume",
    ],
)
def test_headers_as_found_in_the_wild_are_recognised(tmp_path: Path, header: str) -> None:
    """Case, synonyms, delimiters, quotes, blanks and a byte order mark make no difference."""
    delimiter = next(sign for sign in ";\t," if sign in header)
    rows = [row.replace(",", delimiter) for row in ROWS]
    assert opened(tmp_path, header, *rows).load().volume.tolist() == [105, 0, 70]


def test_columns_may_come_in_any_order_among_others(tmp_path: Path) -> None:
    """Unknown columns are ignored."""
    source = opened(
        tmp_path,
        "trades,close,low,high,open,vwap,date,volume usd,volume btc,volume eth",
        "x,4,1,5,2,?,2024-01-01,7,8,9",
        "x,4,1,5,2,?,2024-01-02,7,8,9",
    )
    bars = source.load()
    assert (bars.open[0], bars.high[0], bars.low[0], bars.close[0]) == (2, 5, 1, 4)
    assert (bars.volume[0], source.interval_ns) == (8, DAY_NS)


def test_the_user_may_name_the_columns(tmp_path: Path) -> None:
    """Chosen columns go before recognition."""
    lines = ("when,open,high,low,close,settle", "2024-01-01,2,9,1,3,4", "2024-01-02,2,9,1,3,5")
    source = opened(tmp_path, *lines, columns={"time": "When", "close": "settle"})
    assert source.load().close.tolist() == [4, 5]


@pytest.mark.parametrize(
    ("row", "volume"),
    [
        ("{},2,3,1,2", 0),
        ("{},2,3,1,2,5", 5),
        ("{},2,3,1,2,5,77", 5),
        ("{},2,3,1,2,1.9,5,77", 5),
        ("{},2,3,1,2,5,1704067259999,11,3,4,5,0", 5),
    ],
)
def test_files_of_exchanges_without_header_are_recognised(
    tmp_path: Path, row: str, volume: int
) -> None:
    """Bare bars, with volume, and what exchanges append."""
    bars = opened(tmp_path, row.format(1704067200000), row.format(1704067260000)).load()
    assert bars.ts_ns.tolist() == [START_NS + MINUTE_NS, START_NS + 2 * MINUTE_NS]
    assert (bars.open[0], bars.high[0], bars.low[0], bars.close[0]) == (2, 3, 1, 2)
    assert bars.volume.tolist() == [volume, volume]


def test_a_long_file_gives_the_rows_of_the_symbol(tmp_path: Path) -> None:
    """Rows of others are passed over, even faulty ones; separators in symbols do not matter."""
    source = opened(
        tmp_path,
        "ts_event,symbol,open,high,low,close,volume",
        "2024-01-01 00:00,ETHUSD,9,9,9,9,9",
        "2024-01-01 00:00,BTCUSD,1,1,1,1,1",
        "2024-01-01 00:01,ETHUSD,-1,?,,9,9",
        "2024-01-01 00:01,BTCUSD,2,2,2,2,1",
    )
    assert source.load().close.tolist() == [1, 2]


def test_a_wide_file_gives_the_closes_of_the_symbol(tmp_path: Path) -> None:
    """A column named as the symbol is its close, also when others are named C and O."""
    lines = ("Date,C,O,V", "2024-01-01,40.5,50,200", "2024-01-02,41,51,201")
    source = opened(tmp_path, *lines, symbol="C")
    bars = source.load()
    assert bars.close.tolist() == bars.open.tolist() == bars.high.tolist() == [405, 410]
    assert bars.volume.tolist() == [0, 0]
    assert source.closes_only
    assert "closes only" in source.notes[1]


def test_a_file_of_closes_keeps_its_volume(tmp_path: Path) -> None:
    """Time, close and volume are enough."""
    source = opened(tmp_path, "date,price,volume", "2024-01-01,4,7", "2024-01-02,5,8")
    assert source.load().low.tolist() == [4, 5]
    assert source.load().volume.tolist() == [7, 8]


@pytest.mark.parametrize("name", ["bars.csv.gz", "BARS.CSV.GZ", "bars.txt.gz"])
def test_compressed_files_are_read(tmp_path: Path, name: str) -> None:
    """A gzip file is its content."""
    path = tmp_path / name
    path.write_bytes(gzip.compress("\n".join((HEADER, *ROWS)).encode()))
    assert open_bars(path, TEST_ID).count == 3


def test_line_ends_of_other_systems_and_blank_lines_are_fine(tmp_path: Path) -> None:
    """Carriage returns, blank lines anywhere, spaces on them, no newline at the end."""
    path = tmp_path / "bars.csv"
    path.write_bytes("\r\n".join(["", HEADER, "", ROWS[0], "  ", *ROWS[1:]]).encode())
    assert open_bars(path, TEST_ID).load().close.tolist() == [200, 250, 250]


def test_a_stated_interval_is_taken(tmp_path: Path) -> None:
    """One row is enough then, and a longer distance is a gap."""
    assert opened(tmp_path, HEADER, ROWS[0], interval_ns=HOUR_NS).last_ns == START_NS + HOUR_NS
    source = opened(tmp_path, HEADER, ROWS[0], ROWS[2], interval_ns=MINUTE_NS)
    assert (source.gaps.count, source.gaps.missing_bars) == (1, 1)


def test_the_most_common_distance_is_the_interval(tmp_path: Path) -> None:
    """Gaps do not disturb the inference, and are reported."""
    days = (1, 2, 3, 8, 9, 20)
    rows = [f"2024-01-{day:02d},1,1,1,1,0" for day in days]
    source = opened(tmp_path, HEADER, *rows)
    assert source.interval_ns == DAY_NS
    assert (source.gaps.count, source.gaps.missing_bars) == (2, 4 + 10)
    assert any("2 gaps, 14 bars missing" in note for note in source.notes)


def test_a_range_is_half_open_on_close_times(tmp_path: Path) -> None:
    """A bar that closes at the start is in, one that closes at the end is not."""
    at = START_NS + MINUTE_NS
    source = opened(tmp_path, HEADER, *ROWS, start_ns=at, end_ns=at + 2 * MINUTE_NS)
    assert (source.count, source.first_ns, source.last_ns) == (2, at, at + MINUTE_NS)
    assert source.load().ts_ns.tolist() == [at, at + MINUTE_NS]
    only_first = opened(tmp_path, HEADER, *ROWS, end_ns=at + 1)
    assert only_first.load().ts_ns.tolist() == [at]


def test_a_finer_grid_may_be_asked_for(tmp_path: Path) -> None:
    """The integers grow with the decimals."""
    bars = opened(tmp_path, HEADER, *ROWS, price_decimals=4).load()
    assert bars.close.tolist() == [20_000, 25_000, 25_000]


def test_float_residue_in_volumes_is_cut_and_said(tmp_path: Path) -> None:
    """Volumes keep eight decimals; the result says that the file has more."""
    row = "2024-01-01 00:03,1,1,1,1,380591.00179999997"
    source = opened(tmp_path, HEADER, *ROWS, row)
    assert source.load().volume.tolist()[-1] == 38_059_100_179_999
    assert "volumes are cut at 8 decimals" in source.notes[1]


def test_volumes_too_large_for_the_decimals_of_others_lose_decimals(tmp_path: Path) -> None:
    """A huge volume somewhere coarsens the grid of all; prices are not touched."""
    rows = ("2024-01-01,1.25,1.25,1.25,1.25,0.12345678", "2024-01-02,1,1,1,1,99999999999999.5")
    source = opened(tmp_path, HEADER, *rows)
    assert source.volume_decimals == 4
    assert source.load().volume.tolist() == [1234, 999_999_999_999_995_000]
    assert source.load().close.tolist() == [125, 100]
    assert source.has_cut_volumes


def test_volumes_of_distant_blocks_share_a_grid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A huge volume in a late block coarsens those of earlier ones."""
    monkeypatch.setattr(csv_rows, "_BLOCK_BYTES", 50)
    rows = ("2024-01-01,1,1,1,1,0.12345678", "2024-01-02,1,1,1,1,99999999999999")
    source = opened(tmp_path, HEADER, *rows)
    assert source.volume_decimals == 4
    assert source.load().volume.tolist() == [1234, 999_999_999_999_990_000]
    assert source.has_cut_volumes


def test_bars_kept_on_disk_are_those_kept_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file too large for memory streams the same bars, even after it was deleted."""
    rows = minute_rows(500)
    expected = opened(tmp_path, HEADER, *rows).load()
    monkeypatch.setattr(spool, "_MEMORY_BYTES", 1)
    monkeypatch.setattr(csv_rows, "_BLOCK_BYTES", 1_000)
    source = opened(tmp_path, HEADER, *rows)
    source.path.unlink()
    for _ in range(2):
        assert list(source.load().bars()) == list(expected.bars())
    chunks = source.chunks()
    del source
    gc.collect()
    assert sum(len(chunk) for chunk in chunks) == 500


def minute_rows(count: int, price: str = "1.5") -> list[str]:
    """Return bars of consecutive minutes."""
    return [
        f"{(START_NS + at * MINUTE_NS) // 10**9},{price},2,1,{price},{at % 7}"
        for at in range(count)
    ]


def test_long_files_stream_in_whole_chunks_again_and_again(tmp_path: Path) -> None:
    """Several blocks of text, grids that become finer late, two streams at once."""
    count = 2 * CHUNK_BARS + 10
    rows = minute_rows(count)
    rows[-1] = rows[-1].replace("1.5", "1.5078125")
    source = opened(tmp_path, HEADER, *rows)
    first, second = source.chunks(), source.chunks()
    pairs = list(zip(first, second, strict=True))
    assert [len(one) for one, _ in pairs] == [CHUNK_BARS, CHUNK_BARS, 10]
    assert all((one.close == other.close).all() for one, other in pairs)
    whole = source.load()
    assert len(whole) == source.count == count
    assert {int(value) for value in whole.close} == {15_000_000, 15_078_125}
    assert (np.diff(whole.ts_ns) == MINUTE_NS).all()
    assert int(whole.volume.sum()) == sum(at % 7 for at in range(count))


@given(bar_columns(2, 30, with_gaps=True))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_bars_survive_the_way_through_text(tmp_path: Path, bars: BarColumns) -> None:
    """Text written with all decimals reads back to the same values; streaming equals loading."""
    source = opened(tmp_path, *as_csv(bars), interval_ns=bars.interval_ns)
    back = source.load()
    assert back.ts_ns.tolist() == bars.ts_ns.tolist()
    assert [bar[1:2] for bar in back.bars()] == [bar[1:2] for bar in bars.bars()]
    for ours, theirs in zip(back.bars(), bars.bars(), strict=True):
        assert (ours.open, ours.high, ours.low) == (theirs.open, theirs.high, theirs.low)
        assert (ours.close, ours.volume) == (theirs.close, theirs.volume)
    assert concat(list(source.chunks())).close.tolist() == back.close.tolist()
    counter = GapCounter(bars.interval_ns)
    counter.add(bars.ts_ns)
    assert source.gaps == counter.report()


@given(st.lists(st.integers(1, 5), min_size=2, max_size=40))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_gap_counts_equal_a_naive_count(tmp_path: Path, steps: list[int]) -> None:
    """For any holes, count and missing bars are what counting minutes gives."""
    bars = columns_from_closes([1] * len(steps))
    bars.ts_ns[:] = START_NS + np.cumsum(steps) * MINUTE_NS
    source = opened(tmp_path, *as_csv(bars), interval_ns=MINUTE_NS)
    assert source.gaps.count == sum(step > 1 for step in steps[1:])
    assert source.gaps.missing_bars == sum(step - 1 for step in steps[1:])


def test_options_refuse_what_they_do_not_know() -> None:
    """A misspelt fault suggests the nearest; roles, ranges and numbers are checked."""
    with pytest.raises(ConfigError, match="did you mean duplicates"):
        ReadOptions(accept={"duplicate"})
    with pytest.raises(ConfigError, match="choose from bad-ranges"):
        ReadOptions(accept={"?"})
    with pytest.raises(ConfigError, match="'opens' is not a column's role"):
        ReadOptions(columns={"opens": "x"})
    with pytest.raises(ConfigError, match="interval_ns: must be positive"):
        ReadOptions(interval_ns=0)
    with pytest.raises(ConfigError, match="from 0 to 18"):
        ReadOptions(price_decimals=19)
    with pytest.raises(ConfigError, match="before its end"):
        ReadOptions(start_ns=5, end_ns=5)


def test_reading_does_not_import_pandas(tmp_path: Path) -> None:
    """Where pandas is installed its import would cost more than the reading."""
    path = tmp_path / "bars.csv"
    path.write_text("\n".join([HEADER, *ROWS, "2024-01-01 00:03,,1,1,1,1e-3"]))
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from algopioneer_core.domain.instruments import InstrumentId\n"
        "from algopioneer_core.history.bar_files import ReadOptions, open_bars, write_parquet\n"
        f"path = Path({str(path)!r})\n"
        "options = ReadOptions(accept={'nan', 'unsorted'})\n"
        "source = open_bars(path, InstrumentId('a', 'b'), options)\n"
        "write_parquet(source, path.with_suffix('.parquet'))\n"
        "open_bars(path.with_suffix('.parquet'), InstrumentId('a', 'b')).load()\n"
        "print(source.count, 'pandas' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["3", "False"]


SHARED = Path(__file__).parents[4] / ".." / "shared" / "data"


def shared(name: str) -> Path:
    """Return a file of real data, or skip the test."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{name} is not beside the repository")
    return path


def test_a_month_of_real_minutes_is_read() -> None:
    """The bitcoin perpetual of January 2022: every minute is there."""
    source = open_bars(shared("btc-perp-2022-01-1m.csv"), InstrumentId("file", "BTC-PERP"))
    bars = source.load()
    assert (source.count, source.interval_ns, source.gaps.count) == (45_031, MINUTE_NS, 0)
    assert source.first_ns == 1_640_991_660 * 10**9 + MINUTE_NS
    assert bars.open[0] * 10 ** (-bars.price_decimals) == pytest.approx(46_319.0)


def test_decades_of_real_days_are_read() -> None:
    """A wide file of twenty equities: closes of one of them, weekends counted."""
    path = shared("us-equities-20-daily-1990-2022.csv.gz")
    source = open_bars(path, InstrumentId("file", "AAPL"))
    assert (source.count, source.interval_ns, source.price_decimals) == (8_313, DAY_NS, 3)
    assert int(source.load().close[0]) == 264
    assert source.gaps.longest_other is not None
    assert source.gaps.longest_other.missing_bars == 6
