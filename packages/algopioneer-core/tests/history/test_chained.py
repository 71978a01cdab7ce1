"""Joining one instrument with contracts that come and go."""

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.domain.errors import DataError, RefusedError
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.history.chained import chain_bars
from algopioneer_core.history.columns import BarColumns, ColumnsSource
from algopioneer_core.testing.bars import columns_from_closes

SPOT, NEAR, FAR = (InstrumentId("test", name) for name in ("SPOT", "NEAR", "FAR"))
MINUTE_NS = 60 * 10**9
MINUTES = st.sets(st.integers(1, 30), min_size=1).map(sorted)


def leg(instrument_id: InstrumentId, minutes: list[int]) -> BarColumns:
    """Return bars that close at these minutes; each closes at its own minute, in ticks."""
    columns = columns_from_closes([minute + 1 for minute in minutes], instrument_id=instrument_id)
    return evolve(columns, ts_ns=np.array(minutes, np.int64) * MINUTE_NS)


@given(MINUTES, MINUTES, MINUTES)
def test_a_joint_bar_holds_the_bars_there_are(
    spot: list[int], near: list[int], far: list[int]
) -> None:
    """At each time of the first instrument at which some contract has a bar."""
    legs = [leg(*each) for each in ((SPOT, spot), (NEAR, near), (FAR, far))]
    sources = [ColumnsSource(each) for each in legs]
    if not (set(spot) & set(near) and set(spot) & set(far)):
        with pytest.raises(DataError, match="no time in common"):
            chain_bars(sources)
        return
    source = chain_bars(sources)
    times = sorted(set(spot) & (set(near) | set(far)))
    joints = [joint for chunk in source.chunks() for joint in chunk.joints()]
    assert [minute * MINUTE_NS for minute in times] == [joint.ts_event for joint in joints]
    for minute, joint in zip(times, joints, strict=True):
        there = [name for name, has in ((SPOT, spot), (NEAR, near), (FAR, far)) if minute in has]
        assert there == [bar.instrument_id for bar in joint.bars]
        assert {minute + 1} == {bar.close_ticks for bar in joint.bars}
    assert [len(set(each) - set(times)) for each in (spot, near, far)] == [
        each.count for each in source.unmatched
    ]
    assert (len(times), times[0] * MINUTE_NS) == (source.count, source.first_ns)


def test_columns_are_filled_with_the_last_price() -> None:
    """What is held is worth its last close; before the first bar nobody holds anything."""
    near, far = leg(NEAR, [1, 2]), leg(FAR, [2, 4])
    whole = chain_bars([ColumnsSource(each) for each in (leg(SPOT, [1, 2, 3, 4]), near, far)])
    joint = whole.load()
    assert [2, 3, 3] == joint.legs[1].close.tolist()
    assert [int(far.open[0]), 3, 5] == joint.legs[2].close.tolist()
    assert 0 == joint.legs[1].volume[2]
    assert [SPOT] == [each.instrument_id for each in joint.steady()]
    (last,) = joint.slice(2, 3).joints()
    assert [SPOT, FAR] == [bar.instrument_id for bar in last.bars]


def test_what_cannot_be_joined_is_refused() -> None:
    """As for two legs."""
    with pytest.raises(RefusedError, match="the bars of two"):
        chain_bars([ColumnsSource(leg(SPOT, [1]))])
