from decimal import Decimal
from itertools import pairwise

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.domain.errors import DataError
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import Bar
from algopioneer_core.engine.sizing import Sizing
from algopioneer_core.history.columns import (
    BarColumns,
    BarSource,
    ColumnsSource,
    Signals,
    Stamp,
    SupportsSignals,
    concat,
    rechunk,
    rescaled,
)
from algopioneer_core.history.intervals import MINUTE_NS
from algopioneer_core.testing.bars import bar_columns, columns_from_closes, columns_from_rows

SIZING = Sizing(fraction=Decimal(1))


def same(a: BarColumns, b: BarColumns) -> bool:
    """Return whether two sets of columns hold the same bars."""
    return list(a.bars()) == list(b.bars())


def test_bars_carry_every_field_of_their_row() -> None:
    """The fast lane makes whole bars, with exact decimals on request."""
    columns = columns_from_rows([(100, 130, 90, 120)], volumes=[7], volume_decimals=1)
    (bar,) = columns.bars()
    assert type(bar) is Bar
    assert bar.ts_event == bar.ts_recv == int(columns.ts_ns[0])
    assert (bar.open, bar.high) == (Decimal("1.00"), Decimal("1.30"))
    assert (bar.low, bar.close, bar.volume) == (Decimal("0.90"), Decimal("1.20"), Decimal("0.7"))
    assert bar.instrument_id is columns.instrument_id
    assert all(type(value) is int for value in bar[1:])


def test_bars_are_complete_beyond_one_batch() -> None:
    """More bars than are made at a time come out once each, in order."""
    columns = columns_from_closes(range(1, 20_001))
    assert [bar.close_ticks for bar in columns.bars()] == list(range(1, 20_001))


def test_a_slice_is_a_view() -> None:
    """Cutting copies nothing."""
    columns = columns_from_closes([1, 2, 3, 4])
    part = columns.slice(1, 3)
    assert part.close.tolist() == [2, 3]
    assert np.shares_memory(part.close, columns.close)


def test_closes_as_floats_are_the_nearest_ones() -> None:
    """Ticks divided by a power of ten give the float one would write."""
    assert columns_from_closes([1, 10, 12_345]).close_float().tolist() == [0.01, 0.1, 123.45]


def test_columns_of_different_length_are_refused() -> None:
    """A column that lost a value is noticed when the bars are made."""
    columns = columns_from_closes([1, 2])
    with pytest.raises(DataError, match="1 bars and the times have 2"):
        attrs.evolve(columns, low=columns.low[:1])


def test_negative_decimals_are_refused() -> None:
    """A grid coarser than whole units has no place here."""
    with pytest.raises(DataError, match="price_decimals must not be negative"):
        columns_from_closes([1], price_decimals=-1)


@given(bar_columns(0, 40), st.integers(1, 7), st.lists(st.integers(0, 40), max_size=5))
def test_rechunking_keeps_the_bars_and_makes_whole_chunks(
    columns: BarColumns, size: int, cuts: list[int]
) -> None:
    """However a stream was cut, it comes out in equal chunks with the same bars."""
    edges = [0, *sorted(min(cut, len(columns)) for cut in cuts), len(columns)]
    parts = [columns.slice(a, b) for a, b in pairwise(edges)]
    chunks = list(rechunk(parts, size))
    assert [bar for chunk in chunks for bar in chunk.bars()] == list(columns.bars())
    assert all(len(chunk) == size for chunk in chunks[:-1])
    assert all(0 < len(chunk) <= size for chunk in chunks[-1:])


def test_parts_that_do_not_belong_together_are_not_joined() -> None:
    """Nothing, another instrument, and overlapping times are refused."""
    columns = columns_from_closes([1, 2])
    other = attrs.evolve(columns, instrument_id=InstrumentId("x", "Y"))
    with pytest.raises(DataError, match="no bars to join"):
        concat([])
    with pytest.raises(DataError, match="different instruments"):
        concat([columns, other])
    with pytest.raises(DataError, match="overlap"):
        concat([columns, columns])


def test_rescaling_is_exact_or_refused() -> None:
    """A finer grid multiplies; a coarser one, or one past 64 bits, is refused."""
    numbers = np.array([1, -2], np.int64)
    assert rescaled(numbers, 1, 3).tolist() == [100, -200]
    assert rescaled(numbers, 2, 2) is numbers
    assert rescaled(np.zeros(1, np.int64), 0, 30).tolist() == [0]
    with pytest.raises(DataError, match="do not fit"):
        rescaled(numbers, 2, 1)
    with pytest.raises(DataError, match="do not fit"):
        rescaled(numbers, 0, 19)


def test_columns_in_memory_are_a_source() -> None:
    """A source over columns states them, streams them, and counts their gaps."""
    columns = columns_from_closes([5, 6, 7])
    columns.ts_ns[2] += MINUTE_NS
    source: BarSource = ColumnsSource(columns)
    assert (source.count, source.interval_ns, source.gaps.missing_bars) == (3, MINUTE_NS, 1)
    assert (source.first_ns, source.last_ns) == (int(columns.ts_ns[0]), int(columns.ts_ns[2]))
    assert (source.price_decimals, source.volume_decimals) == (2, 0)
    assert source.instrument_id == columns.instrument_id
    assert source.stamp is Stamp.CLOSE
    assert same(concat(list(source.chunks())), source.load())


def test_a_source_has_at_least_one_bar() -> None:
    """No bars are no source."""
    with pytest.raises(DataError, match="there are no bars"):
        ColumnsSource(columns_from_closes([]))


def test_signals_of_different_length_are_refused() -> None:
    """Four arrays speak of the same bars."""
    flags = np.zeros(2, np.bool_)
    assert len(Signals(flags, flags, flags, flags, SIZING)) == 2
    with pytest.raises(DataError, match="differ in length"):
        Signals(flags, flags, flags, flags[:1], SIZING)


def test_offering_signals_is_told_from_the_method() -> None:
    """An object with `signals` is recognised, another is not."""

    class Vector:
        def signals(self, bars: BarColumns) -> Signals:
            flags = np.zeros(len(bars), np.bool_)
            return Signals(flags, flags, flags, flags, SIZING)

    assert isinstance(Vector(), SupportsSignals)
    assert not isinstance(object(), SupportsSignals)


@given(bar_columns(1, 30, with_gaps=True))
def test_drawn_bars_keep_the_rules_of_bars(columns: BarColumns) -> None:
    """The strategy for tests makes what files are checked for."""
    assert (np.diff(columns.ts_ns) > 0).all()
    assert (columns.low >= 1).all()
    assert (columns.high >= np.maximum(columns.open, columns.close)).all()
    assert (columns.low <= np.minimum(columns.open, columns.close)).all()
    assert (columns.volume >= 0).all()
