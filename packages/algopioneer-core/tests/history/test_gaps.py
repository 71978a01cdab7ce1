import datetime as dt
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.history.gaps import NO_GAPS, Gap, GapCounter, GapReport
from algopioneer_core.history.intervals import DAY_NS, HOUR_NS, MINUTE_NS


def ns(text: str) -> int:
    """Return a time in UTC nanoseconds."""
    return int(np.datetime64(text, "ns").astype(np.int64))


def report(*closes: str, interval_ns: int = DAY_NS) -> GapReport:
    """Return the gaps of bars with these closes."""
    counter = GapCounter(interval_ns)
    counter.add(np.array([ns(close) for close in closes], np.int64))
    return counter.report()


def test_neighbours_one_interval_apart_are_no_gap() -> None:
    """A series without holes has the empty report."""
    assert report("2024-01-01", "2024-01-02", "2024-01-03") == NO_GAPS
    assert NO_GAPS.describe() == "no gaps"


def test_daily_bars_of_an_exchange_miss_weekends() -> None:
    """From the close of Friday's bar (Saturday 0:00) to that of Monday's two bars are missing."""
    found = report("2024-01-05", "2024-01-06", "2024-01-09")
    assert (found.count, found.weekends, found.missing_bars, found.weekend_bars) == (1, 1, 2, 2)
    assert found.longest == Gap(ns("2024-01-06"), ns("2024-01-09"), 2)
    assert found.longest_other is None
    assert "1 of them weekends" in found.describe()


def test_a_halt_on_a_weekday_is_no_weekend() -> None:
    """A missing hour on a Wednesday counts among the others, with its place in the description."""
    found = report("2024-01-03T10:00", "2024-01-03T11:01", interval_ns=MINUTE_NS)
    assert (found.others, found.weekends, found.other_bars) == (1, 0, 60)
    assert "60 bars, 1h1m after 2024-01-03T10:00Z" in found.describe()


def test_a_fortnight_without_bars_is_no_weekend() -> None:
    """A hole that holds Saturdays but lasts five days or more is an outage."""
    assert report("2024-01-05", "2024-01-20").others == 1


def test_a_saturday_that_is_only_half_missing_is_no_weekend() -> None:
    """The missing stretch must contain the whole Saturday."""
    found = report("2024-01-06T12:00", "2024-01-08T01:00", interval_ns=HOUR_NS)
    assert found.others == 1


def test_the_earliest_of_equally_long_gaps_is_named() -> None:
    """Of two equal gaps the first one is the longest."""
    found = report("2024-01-01", "2024-01-03", "2024-01-05")
    assert found.longest is not None
    assert found.longest.start_ns == ns("2024-01-01")


def naive(closes: list[int], interval_ns: int) -> tuple[int, int, int]:
    """Count gaps, missing bars and weekends one by one, by the calendar of `datetime`."""
    gaps = missing = weekends = 0
    for before, after in pairwise(closes):
        holes = (after - before) // interval_ns - 1
        if holes <= 0:
            continue
        gaps, missing = gaps + 1, missing + holes
        start = dt.datetime.fromtimestamp(before // 10**9, dt.UTC)
        end = dt.datetime.fromtimestamp((after - interval_ns) // 10**9, dt.UTC)
        day = start.replace(hour=0, minute=0) + dt.timedelta(days=start.time() != dt.time(0))
        while day.weekday() != 5:
            day += dt.timedelta(days=1)
        weekends += day + dt.timedelta(days=1) <= end and end - start < dt.timedelta(days=5)
    return gaps, missing, weekends


@given(
    st.lists(st.integers(1, 200), min_size=1, max_size=40),
    st.sampled_from([HOUR_NS, 4 * HOUR_NS, DAY_NS]),
    st.integers(0, 40),
)
def test_counts_equal_a_naive_count_however_the_series_is_cut(
    steps: list[int], interval_ns: int, cut: int
) -> None:
    """Streaming in two parts gives what counting pairs one by one gives."""
    closes = (np.cumsum(np.array(steps, np.int64)) * interval_ns + ns("2024-01-01")).astype(
        np.int64
    )
    counter = GapCounter(interval_ns)
    counter.add(closes[:cut])
    counter.add(closes[cut:])
    found = counter.report()
    assert (found.count, found.missing_bars, found.weekends) == naive(closes.tolist(), interval_ns)
