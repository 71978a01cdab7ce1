"""Joining the bars of several instruments on their close times."""

from collections.abc import Iterator
from unittest.mock import patch

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.domain.errors import DataError, RefusedError
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.history import joined
from algopioneer_core.history.columns import BarColumns, ColumnsSource, Stamp
from algopioneer_core.history.joined import EXAMPLES, JointColumns, join_bars
from algopioneer_core.testing.bars import columns_from_closes

A, B, C = (InstrumentId("test", name) for name in "ABC")
MINUTE_NS = 60 * 10**9


def leg(instrument_id: InstrumentId, minutes: list[int]) -> BarColumns:
    """Return bars that close at these minutes; each closes at its own minute, in ticks."""
    columns = columns_from_closes([minute + 1 for minute in minutes], instrument_id=instrument_id)
    return evolve(columns, ts_ns=np.array(minutes, np.int64) * MINUTE_NS)


class Chunked:
    """A source that streams its bars in chunks of a size of its own."""

    def __init__(self, columns: BarColumns, size: int) -> None:
        self._whole = ColumnsSource(columns)
        self._size = size

    def __getattr__(self, name: str) -> object:
        return getattr(self._whole, name)

    def chunks(self) -> Iterator[BarColumns]:
        whole = self._whole.columns
        for start in range(0, len(whole), self._size):
            yield whole.slice(start, start + self._size)


MINUTES = st.sets(st.integers(1, 40), min_size=1).map(sorted)


@given(minutes=st.lists(MINUTES, min_size=2, max_size=3), data=st.data())
def test_a_join_has_the_times_that_all_legs_have(
    minutes: list[list[int]], data: st.DataObject
) -> None:
    """However the legs are streamed: bars keep their prices, and the rest is counted."""
    common = sorted(set.intersection(*map(set, minutes)))
    sources = [
        Chunked(leg(each, times), data.draw(st.integers(1, 9)))
        for each, times in zip((A, B, C), minutes, strict=False)
    ]
    if not common:
        with pytest.raises(DataError, match="no time in common"):
            join_bars(sources)  # type: ignore[arg-type]  # it forwards what it lacks
        return
    size = data.draw(st.integers(1, 7))
    with patch.object(joined, "CHUNK_BARS", size):
        found = join_bars(sources)  # type: ignore[arg-type]  # as above
        chunks = list(found.chunks())
        assert all(len(chunk) == size for chunk in chunks[:-1])
    bars = [joint for chunk in chunks for joint in chunk.joints()]
    assert [minute * MINUTE_NS for minute in common] == [joint.ts_event for joint in bars]
    for joint in bars:
        assert {joint.ts_event} == {bar.ts_event for bar in joint.bars}
        assert {joint.ts_event // MINUTE_NS + 1} == {bar.close_ticks for bar in joint.bars}
        assert found.instrument_ids == tuple(bar.instrument_id for bar in joint.bars)
    assert (found.count, found.first_ns, found.last_ns) == (
        len(common),
        common[0] * MINUTE_NS,
        common[-1] * MINUTE_NS,
    )
    assert found.load().ts_ns.tolist() == [joint.ts_event for joint in bars]
    for unmatched, times in zip(found.unmatched, minutes, strict=True):
        left = [minute for minute in times if minute not in common]
        assert len(left) == unmatched.count
        assert tuple(minute * MINUTE_NS for minute in left[:EXAMPLES]) == unmatched.first_ns


def test_equal_calendars_are_not_copied() -> None:
    """Where all times match, the legs' own columns are what is streamed."""
    legs = leg(A, [1, 2, 3]), leg(B, [1, 2, 3])
    whole = join_bars([ColumnsSource(each) for each in legs]).load()
    for mine, given_leg in zip(whole.legs, legs, strict=True):
        assert np.shares_memory(mine.close, given_leg.close)
    assert [3, 4] == whole.slice(1, 3).legs[0].close.tolist()


@pytest.mark.parametrize(
    ("sources", "reason"),
    [
        ([ColumnsSource(leg(A, [1]))], "two instruments"),
        ([ColumnsSource(leg(A, [1])), ColumnsSource(leg(A, [1]))], "the same instrument"),
        (
            [ColumnsSource(leg(A, [1])), ColumnsSource(leg(B, [1]), Stamp.OPEN)],
            "stamps the open",
        ),
        (
            [ColumnsSource(leg(A, [1])), ColumnsSource(evolve(leg(B, [1]), interval_ns=1))],
            "bars of",
        ),
    ],
)
def test_legs_that_do_not_go_together_are_refused(
    sources: list[ColumnsSource], reason: str
) -> None:
    """A join of different stamps or intervals would look ahead."""
    with pytest.raises(RefusedError, match=reason):
        join_bars(sources)


def test_joint_columns_are_of_one_length() -> None:
    """And there is a leg."""
    with pytest.raises(DataError, match="differ in length"):
        JointColumns((leg(A, [1, 2]), leg(B, [1])))
    with pytest.raises(DataError, match="no legs"):
        JointColumns(())
