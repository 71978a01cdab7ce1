import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings

from algopioneer_core.domain.errors import DataError, OutputError
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.history.bar_files import ReadOptions, open_bars, write_parquet
from algopioneer_core.history.columns import BarColumns, Stamp
from algopioneer_core.history.intervals import DAY_NS
from algopioneer_core.history.synthetic import RandomWalk, SyntheticSource
from algopioneer_core.testing.bars import TEST_ID, bar_columns, columns_from_closes

NEW_YEAR = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)


def written(folder: Path, **columns: Any) -> Path:
    """Write a table as another program would."""
    path = folder / "bars.parquet"
    pq.write_table(pa.table(columns), path)
    return path


def prices(*values: Any) -> dict[str, Any]:
    """Return four price columns of the same values."""
    return {name: pa.array(values) for name in ("open", "high", "low", "close")}


@given(bar_columns(1, 30, with_gaps=True))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_bars_written_here_read_back_to_the_same_integers(tmp_path: Path, bars: BarColumns) -> None:
    """Times, prices, volumes, decimals and interval survive, however few bars there are."""
    path = tmp_path / "bars.parquet"
    write_parquet(bars, path)
    source = open_bars(path, bars.instrument_id)
    back = source.load()
    assert list(back.bars()) == list(bars.bars())
    assert (back.interval_ns, source.stamp) == (bars.interval_ns, Stamp.CLOSE)
    assert source.accepted == {}


def test_the_largest_integers_survive(tmp_path: Path) -> None:
    """All 63 bits, with more decimals than volumes usually keep."""
    bars = columns_from_closes([2**63 - 1, 1], price_decimals=18)
    bars = attrs.evolve(bars, volume=bars.close, volume_decimals=18)
    write_parquet(bars, tmp_path / "bars.parquet")
    back = open_bars(tmp_path / "bars.parquet", TEST_ID).load()
    assert list(back.bars()) == list(bars.bars())


def test_a_source_is_written_chunk_by_chunk(tmp_path: Path) -> None:
    """A stream of more than one chunk gives the same file content as its bars."""
    source = SyntheticSource(instrument_id=TEST_ID, market=RandomWalk(), count=70_000)
    write_parquet(source, tmp_path / "bars.parquet")
    back = open_bars(tmp_path / "bars.parquet", TEST_ID)
    assert (back.load().close == source.load().close).all()
    assert pq.ParquetFile(tmp_path / "bars.parquet").num_row_groups == 2


def test_a_file_of_another_symbol_is_refused(tmp_path: Path) -> None:
    """The file says whose bars it holds."""
    write_parquet(columns_from_closes([1, 2]), tmp_path / "bars.parquet")
    with pytest.raises(DataError, match="holds bars of BTC-USD, not of ETH-USD"):
        open_bars(tmp_path / "bars.parquet", InstrumentId("test", "ETH-USD"))


@pytest.mark.parametrize(
    "times",
    [
        pa.array([NEW_YEAR, NEW_YEAR + dt.timedelta(days=1)], pa.timestamp("us", tz="UTC")),
        pa.array([dt.date(2024, 1, 1), dt.date(2024, 1, 2)]),
        pa.array(["2024-01-01", "2024-01-02"]),
        pa.array(["2024-01-01", "2024-01-02"], pa.large_string()),
        pa.array(["2024-01-01", "2024-01-02"]).dictionary_encode(),
        pa.array([1704067200000, 1704153600000]),
    ],
)
def test_files_of_other_origin_are_read(tmp_path: Path, times: Any) -> None:
    """Times of any type; floats by their shortest text."""
    path = written(tmp_path, date=times, **prices(46319.1, 46320.25))
    source = open_bars(path, TEST_ID)
    assert source.first_ns == (1704067200 + 86_400) * 10**9
    assert source.load().close.tolist() == [4_631_910, 4_632_025]
    assert source.interval_ns == DAY_NS


def test_nulls_and_nan_are_blanks(tmp_path: Path) -> None:
    """Both are refused with the row's number, and dropped on request."""
    times = pa.array(["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04"])
    path = written(tmp_path, date=times, **prices(1.5, None, float("nan"), 2.5))
    with pytest.raises(DataError, match=r"bars.parquet:row 2: open is blank"):
        open_bars(path, TEST_ID)
    options = ReadOptions(accept=frozenset({"nan"}), interval_ns=DAY_NS)
    source = open_bars(path, TEST_ID, options)
    assert source.load().close.tolist() == [15, 25]
    assert source.accepted == {"nan": 2}


def test_long_files_with_a_dictionary_of_symbols_are_read(tmp_path: Path) -> None:
    """Rows of the symbol only, nulls among the symbols included."""
    symbols = pa.array(["A", None, "BTCUSD", "BTCUSD"]).dictionary_encode()
    times = pa.array([1704067200, 1704067200, 1704067200, 1704067260])
    path = written(tmp_path, ts=times, symbol=symbols, **prices(9, 9, 1, 2))
    assert open_bars(path, TEST_ID).load().close.tolist() == [1, 2]


def test_decimals_with_needless_scale_are_reduced(tmp_path: Path) -> None:
    """Eighteen decimals of a database are the two that are used."""
    values = pa.array([Decimal("50000.25"), Decimal("50001.00")], pa.decimal128(38, 18))
    columns = dict.fromkeys(("open", "high", "low", "close"), values)
    source = open_bars(written(tmp_path, ts=pa.array([1704067200, 1704067260]), **columns), TEST_ID)
    assert source.price_decimals == 2
    assert source.load().close.tolist() == [5_000_025, 5_000_100]


def test_a_header_like_a_bar_is_still_a_header(tmp_path: Path) -> None:
    """Parquet files always have column names, even numbers."""
    names = [str(at) for at in range(5)]
    pq.write_table(pa.table({name: pa.array([1]) for name in names}), tmp_path / "bars.parquet")
    with pytest.raises(DataError, match="there is no column for time"):
        open_bars(tmp_path / "bars.parquet", TEST_ID)


def test_a_place_that_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    """The folder is missing: one line with a remedy, and no half file."""
    with pytest.raises(OutputError, match="cannot be written"):
        write_parquet(columns_from_closes([1]), tmp_path / "none" / "bars.parquet")


def test_a_failed_write_leaves_no_draft(tmp_path: Path) -> None:
    """What broke off in the middle does not stay behind, and the old file is kept."""
    path = tmp_path / "bars.parquet"
    write_parquet(columns_from_closes([1, 2]), path)

    class Broken(SyntheticSource):
        def chunks(self) -> Any:
            yield columns_from_closes([5])
            raise DataError("the source broke off")

    with pytest.raises(DataError, match="broke off"):
        write_parquet(Broken(instrument_id=TEST_ID, market=RandomWalk(), count=5), path)
    assert [each.name for each in tmp_path.iterdir()] == ["bars.parquet"]
    assert open_bars(path, TEST_ID).count == 2
