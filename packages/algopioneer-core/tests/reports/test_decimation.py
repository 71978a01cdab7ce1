import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.random import PCG64, Generator
from numpy.typing import NDArray

from algopioneer_core.reports.decimation import MAX_STRETCHES, MinMaxLine, Sampled


def line_of(
    values: NDArray[np.float64], *, stretches: int = 8, piece: int | None = None
) -> MinMaxLine:
    """Return a line over *values*, one a nanosecond, fed in pieces."""
    line = MinMaxLine(stretches=stretches)
    times = np.arange(len(values), dtype=np.int64)
    for start in range(0, len(values), piece or max(len(values), 1)):
        stop = start + (piece or len(values))
        line.add(times[start:stop], values[start:stop])
    return line


def test_a_short_line_keeps_every_point() -> None:
    """Nothing is thinned before it must be."""
    times, values = line_of(np.array([3.0, 1.0, 2.0])).points()
    assert times.tolist() == [0, 1, 2]
    assert values.tolist() == [3.0, 1.0, 2.0]


def test_an_empty_line_has_no_points() -> None:
    """A run may have no bars."""
    line = line_of(np.empty(0))
    line.add(np.empty(0, np.int64), np.empty(0))
    assert len(line.points()[0]) == 0


def test_a_spike_survives() -> None:
    """One bar in a hundred thousand, up or down."""
    values = np.ones(100_000)
    values[54_321], values[77_777] = 9.0, -9.0
    times, kept = line_of(values, stretches=100).points()
    assert (kept.max(), kept.min()) == (9.0, -9.0)
    assert times[kept.argmax()] == 54_321
    assert len(times) <= 2 * 100 + 4


@given(
    st.integers(1, 300),
    st.integers(1, 50),
    st.integers(0, 2**32),
    st.sampled_from([2, 4, 8]),
)
def test_any_line_keeps_order_ends_and_extremes(
    count: int, piece: int, seed: int, stretches: int
) -> None:
    """All points are true points, in order, whatever the pieces; no stretch loses its extremes."""
    values = Generator(PCG64(seed)).integers(-9, 9, count).astype(np.float64)
    line = line_of(values, stretches=stretches, piece=piece)
    times, kept = line.points()
    whole_times, whole = line_of(values, stretches=stretches).points()
    assert (whole_times.tolist(), whole.tolist()) == (times.tolist(), kept.tolist())
    assert (values[times] == kept).all()
    assert (np.diff(times) > 0).all()
    assert (0, count - 1) == (times[0], times[-1])
    assert len(times) <= 2 * stretches + 4
    width = line.bars_per_stretch
    for start in range(0, count, width):
        inside = (times >= start) & (times < start + width)
        stretch = values[start : start + width]
        assert (stretch.min(), stretch.max()) == (kept[inside].min(), kept[inside].max())


def test_a_million_bars_keep_some_thousand_points() -> None:
    """Memory and the page stay small."""
    line = line_of(np.sin(np.arange(1_000_000.0)), stretches=MAX_STRETCHES, piece=65_536)
    assert len(line.points()[0]) <= 2 * MAX_STRETCHES + 4


@pytest.mark.parametrize(
    ("count", "every", "kept"),
    [(0, 1, []), (4, 1, [0, 1, 2, 3]), (5, 2, [0, 2, 4]), (9, 4, [0, 4, 8])],
)
def test_samples_are_thinned_evenly(count: int, every: int, kept: list[int]) -> None:
    """Every second, then every fourth, counted from the first."""
    sampled: Sampled[int] = Sampled(limit=4)
    for number in range(count):
        sampled.add(number)
    assert (count, every, tuple(kept)) == (sampled.total, sampled.every, sampled.items)


@given(st.integers(0, 500), st.integers(2, 9))
def test_samples_never_pass_their_limit(count: int, limit: int) -> None:
    """What is kept is every n-th thing."""
    sampled: Sampled[int] = Sampled(limit=limit)
    for number in range(count):
        sampled.add(number)
    assert tuple(range(0, count, sampled.every)) == sampled.items
    assert len(sampled.items) <= limit
