"""Behaviour of files of trades and quotes."""

import gzip
import tracemalloc
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.domain.errors import DataError
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import Quote, Trade
from algopioneer_core.history import csv_rows, spool
from algopioneer_core.history.read_options import ReadOptions
from algopioneer_core.history.tick_files import TickFile, open_ticks, rows_of
from algopioneer_core.history.tick_headers import RowKind

ID = InstrumentId("replay", "BTC-USD")
SECOND_NS = 10**9
TRADES, QUOTES = "time,price,size,id", "time,bid,ask,bid_size,ask_size"


def written(folder: Path, *lines: str, name: str = "ticks.csv") -> Path:
    """Write the lines of a file."""
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def opened(folder: Path, *lines: str, told: RowKind | None = None, **options: Any) -> TickFile:
    """Write the lines and open them."""
    return open_ticks(written(folder, *lines), ID, ReadOptions(**options), told)


def events(ticks: TickFile) -> list[Trade | Quote]:
    """Return all ticks as objects."""
    return [event for chunk in ticks.chunks() for event in chunk.events()]


def test_trades_are_taken_exactly_as_written(tmp_path: Path) -> None:
    """Prices and sizes with all their decimals, several of one time, ids as they are."""
    ticks = opened(tmp_path, TRADES, "1,100.50,2,a", "1,100.25,0.00000001,b", "2.5,1e2,3,c")
    assert [
        Trade(ID, SECOND_NS, Decimal("100.5"), Decimal(2), "a", SECOND_NS),
        Trade(ID, SECOND_NS, Decimal("100.25"), Decimal("1e-8"), "b", SECOND_NS),
        Trade(ID, 5 * SECOND_NS // 2, Decimal(100), Decimal(3), "c", 5 * SECOND_NS // 2),
    ] == events(ticks)
    assert (RowKind.TRADES, 3) == (ticks.kind, ticks.count)
    assert (SECOND_NS, 5 * SECOND_NS // 2) == (ticks.first_ns, ticks.last_ns)


def test_trade_without_an_id_is_named_by_its_line(tmp_path: Path) -> None:
    """So that it is the same in every range."""
    ticks = opened(tmp_path, "time,price,size", "1,5,1", "", "2,5,1", start_ns=2 * SECOND_NS)
    (trade,) = events(ticks)
    assert isinstance(trade, Trade)
    assert "4" == trade.trade_id


def test_quotes_are_taken_exactly_as_written(tmp_path: Path) -> None:
    """A finer ask puts the bids on its grid; a locked market is a market."""
    level = Decimal(101)
    ticks = opened(tmp_path, QUOTES, "1,100,100.125,2,0", "2,101,101,0.5,7")
    assert [
        Quote(ID, SECOND_NS, Decimal(100), Decimal("100.125"), Decimal(2), Decimal(0), SECOND_NS),
        Quote(ID, 2 * SECOND_NS, level, level, Decimal("0.5"), Decimal(7), 2 * SECOND_NS),
    ] == events(ticks)


def test_quotes_may_lack_sizes(tmp_path: Path) -> None:
    """They are then 0: nothing is known of them."""
    (quote,) = events(opened(tmp_path, "Timestamp;Best Bid;Best Ask", "1;9;10"))
    assert Quote(ID, SECOND_NS, Decimal(9), Decimal(10), Decimal(0), Decimal(0), SECOND_NS) == quote


def test_parquet_and_gzip_hold_the_same(tmp_path: Path) -> None:
    """Floats mean their shortest text."""
    plain = events(opened(tmp_path, "ts,price,qty,trade_id", "1,0.1,2.5,7", "2,0.3,1,8"))
    table = pa.table(
        {
            "ts": pa.array([SECOND_NS, 2 * SECOND_NS], pa.timestamp("ns", "UTC")),
            "price": [0.1, 0.3],
            "qty": [2.5, 1.0],
            "trade_id": [7, 8],
        }
    )
    pq.write_table(table, tmp_path / "ticks.parquet")
    packed = tmp_path / "ticks.csv.gz"
    packed.write_bytes(gzip.compress((tmp_path / "ticks.csv").read_bytes()))
    assert plain == events(open_ticks(tmp_path / "ticks.parquet", ID))
    assert plain == events(open_ticks(packed, ID))


def test_rows_of_other_symbols_are_passed_over(tmp_path: Path) -> None:
    """And named where nothing else is there."""
    lines = ("time,symbol,price,size", "1,BTCUSD,5,1", "2,ETHUSD,6,1")
    assert 1 == opened(tmp_path, *lines).count
    with pytest.raises(DataError, match="no row of BTC-USD; the file has ETHUSD"):
        opened(tmp_path, lines[0], lines[2])


def test_range_is_half_open(tmp_path: Path) -> None:
    """What is outside is checked all the same."""
    lines = [TRADES, *(f"{second},5,1,x" for second in range(1, 6))]
    ticks = opened(tmp_path, *lines, start_ns=2 * SECOND_NS, end_ns=4 * SECOND_NS)
    assert [2, 3] == [event.ts_event // SECOND_NS for event in events(ticks)]
    with pytest.raises(DataError, match="no tick lies in the range asked for; they go from 1970"):
        opened(tmp_path, *lines, start_ns=9 * SECOND_NS)


@pytest.mark.parametrize(
    ("header", "row", "message", "fault"),
    [
        (TRADES, "9,x,1,a", "price 'x' is not a number", None),
        (TRADES, "9,NaN,1,a", "price is blank or not a number", "nan"),
        (TRADES, "9,5,,a", "size is blank or not a number", "nan"),
        (TRADES, "9,0,1,a", "a price or a size is not positive", "non-positive"),
        (TRADES, "9,5,0,a", "a price or a size is not positive", "non-positive"),
        (TRADES, "9,5,-1,a", "a price or a size is not positive", "non-positive"),
        (TRADES, "7,5,1,a", "times are not sorted: 1970-01-01T00:00:07Z comes after", None),
        (TRADES, "soon,5,1,a", "time 'soon' is not a time", None),
        (TRADES, "9,5,1", "the row has 3 fields and the header 4", None),
        (QUOTES, "9,5,4,1,1", "the bid is above the ask", "crossed"),
        (QUOTES, "9,-5,4,1,1", "a price is not positive or a size negative", "non-positive"),
        (QUOTES, "9,4,5,1,-1", "a price is not positive or a size negative", "non-positive"),
        (QUOTES, "9,4,inf,1,1", "ask 'inf' is not a finite number", None),
        (QUOTES, "9,4,5,1,none", "ask_size is blank or not a number", "nan"),
    ],
)
def test_fault_is_refused_with_its_line_and_dropped_where_accepted(
    tmp_path: Path, header: str, row: str, message: str, fault: str | None
) -> None:
    """The remedy names the fault that can be accepted, where it can."""
    good = "8,4,5,1,1" if header == QUOTES else "8,5,1,z"
    with pytest.raises(DataError, match=message) as caught:
        opened(tmp_path, header, good, row)
    assert f"{tmp_path / 'ticks.csv'}:3" == caught.value.where
    if fault is not None:
        assert f"--accept {fault}" in (caught.value.remedy or "")
        ticks = opened(tmp_path, header, good, row, accept=[fault])
        assert (1, {fault: 1}) == (ticks.count, dict(ticks.accepted))
        with pytest.raises(DataError, match="nothing is left of 1 rows"):
            opened(tmp_path, header, row, accept=[fault])


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        (TRADES, RowKind.TRADES),
        ("timestamp,price,qty,trade_id", RowKind.TRADES),
        ("id,time,price,volume,side", RowKind.TRADES),
        ("time,px,sz", RowKind.TRADES),
        (QUOTES, RowKind.QUOTES),
        ("ts_event,bid_price,offer_price,bid_qty,offer_qty", RowKind.QUOTES),
        ("time,open,high,low,close,volume", RowKind.BARS),
        ("open time,open,high,low,price,size", RowKind.BARS),
        ("1640995200,1,2,1,2,5", RowKind.BARS),
        ("time,close,volume", RowKind.BARS),
        ("date,price", RowKind.BARS),
        ("date,BTC-USD,ETH-USD", RowKind.BARS),
    ],
)
def test_columns_say_what_rows_are(tmp_path: Path, header: str, kind: RowKind) -> None:
    """Without being told."""
    assert kind is rows_of(written(tmp_path, header), "BTC-USD")


@pytest.mark.parametrize(
    ("header", "kinds"),
    [
        ("time,price,volume", (RowKind.BARS, RowKind.TRADES)),
        ("time,price,size,bid,ask", (RowKind.TRADES, RowKind.QUOTES)),
        ("time,open,high,low,close,bid,ask", (RowKind.BARS, RowKind.QUOTES)),
    ],
)
def test_columns_that_allow_several_are_refused_unless_it_is_told(
    tmp_path: Path, header: str, kinds: tuple[RowKind, ...]
) -> None:
    """Nothing is guessed; telling what the columns do not allow does not help."""
    path = written(tmp_path, header)
    several = " or ".join(kind.value for kind in kinds)
    for told in {None, *RowKind} - {*kinds}:
        with pytest.raises(DataError, match=f"may be {several}") as caught:
            rows_of(path, "BTC-USD", told)
        assert f"{path}:1" == caught.value.where
    assert list(kinds) == [rows_of(path, "BTC-USD", told) for told in kinds]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("price,size", "no column for time"),
        ("time,bid,ask,bid_size", "no column for ask_size"),
        ("time,open,high,low,close", "holds bars, not trades or quotes"),
    ],
)
def test_missing_column_is_named(tmp_path: Path, header: str, message: str) -> None:
    """With what would do."""
    with pytest.raises(DataError, match=message) as caught:
        opened(tmp_path, header, "1,2,3,4,5")
    assert "time," in (caught.value.remedy or "")


@given(
    times=st.lists(st.integers(0, 5), min_size=1, max_size=30).map(sorted), size=st.integers(24, 60)
)
def test_ticks_of_one_time_are_in_one_chunk(
    tmp_path_factory: pytest.TempPathFactory, times: list[int], size: int
) -> None:
    """However the file is cut into blocks, and nothing is lost; the grid may grow on the way."""
    folder = tmp_path_factory.mktemp("ticks")
    rows = [f"{time},{number + 1}.{number},1,{number}" for number, time in enumerate(times)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_rows, "_BLOCK_BYTES", size)
        ticks = opened(folder, TRADES, *rows)
        chunks = [list(chunk.events()) for chunk in ticks.chunks()]
    edges = [(chunk[0].ts_event, chunk[-1].ts_event) for chunk in chunks]
    assert all(last < first for (_, last), (first, _) in pairwise(edges))
    found = [event for chunk in chunks for event in chunk if isinstance(event, Trade)]
    assert [str(number) for number in range(len(times))] == [event.trade_id for event in found]
    assert [Decimal(f"{n + 1}.{n}") for n in range(len(times))] == [each.price for each in found]


@pytest.mark.slow
def test_memory_stays_flat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of many blocks is streamed a few at a time."""
    monkeypatch.setattr(csv_rows, "_BLOCK_BYTES", 1 << 16)
    monkeypatch.setattr(spool, "_MEMORY_BYTES", 1)
    rows = [f"{1_600_000_000 + at},{100 + at % 7}.25,{1 + at % 3}" for at in range(100_000)]
    path = written(tmp_path, "time,price,size", *rows)
    del rows
    tracemalloc.start()
    ticks = open_ticks(path, ID)
    seen = sum(1 for chunk in ticks.chunks() for _ in chunk.events())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 100_000 == seen
    assert peak < 4 << 20
