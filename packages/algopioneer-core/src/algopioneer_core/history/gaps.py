"""
Gaps: times on the bar grid for which there is no bar.

A gap lies between two neighbouring bars whose closes are more than one interval apart. It counts
as a *weekend* when the missing stretch contains a whole Saturday (UTC) and is shorter than five
days, so that long weekends of stock exchanges are weekends and an outage of a fortnight is not.
Every other gap is a halt, a holiday, or missing data: the report counts, it does not judge.
"""

from typing import Final, Self

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from algopioneer_core.history.intervals import DAY_NS, format_interval

__all__ = ["NO_GAPS", "Gap", "GapCounter", "GapReport"]

_LONGEST_WEEKEND_NS: Final = 5 * DAY_NS
_FIRST_SATURDAY_NS: Final = 2 * DAY_NS
"""1970-01-03 was a Saturday."""


@frozen
class Gap:
    """One stretch without bars."""

    start_ns: int
    """Close of the last bar before, UTC nanoseconds."""
    end_ns: int
    """Close of the first bar after, UTC nanoseconds."""
    missing_bars: int
    """Whole intervals without a bar, rounded down where times are off the grid."""


@frozen
class GapReport:
    """What is missing in a series of bars."""

    count: int
    """Number of gaps, weekends included."""
    missing_bars: int
    """Sum of the bars missing in all gaps."""
    weekends: int
    """How many of the gaps are weekends (see the module's rule)."""
    weekend_bars: int
    """How many of the missing bars are in weekends."""
    longest: Gap | None
    """The gap with the most missing bars, the earliest of equals; None without gaps."""
    longest_other: Gap | None
    """The same among gaps that are not weekends."""

    @property
    def others(self) -> int:
        """Number of gaps that are not weekends."""
        return self.count - self.weekends

    @property
    def other_bars(self) -> int:
        """Bars missing outside weekends."""
        return self.missing_bars - self.weekend_bars

    @classmethod
    def none(cls) -> Self:
        """Return the report of a series without gaps."""
        return cls(0, 0, 0, 0, None, None)

    def describe(self) -> str:
        """Return the report as one line for people."""
        if not self.count:
            return "no gaps"
        text = f"{self.count} gaps, {self.missing_bars} bars missing"
        if self.weekends:
            text += f"; {self.weekends} of them weekends ({self.weekend_bars} bars)"
        gap = self.longest_other or self.longest
        assert gap is not None  # there is one where gaps were counted
        start = np.datetime_as_string(np.datetime64(gap.start_ns, "ns"), unit="m")
        length = format_interval(gap.end_ns - gap.start_ns)
        kind = "longest besides weekends" if self.longest_other and self.weekends else "longest"
        return f"{text}; {kind}: {gap.missing_bars} bars, {length} after {start}Z"


NO_GAPS: Final = GapReport.none()
"""The report of a series without gaps."""


class GapCounter:
    """
    Finds gaps while bars stream by; memory does not grow with their number.

    Args:
        interval_ns: Length of a bar; positive.
    """

    def __init__(self, interval_ns: int) -> None:
        self._interval_ns = interval_ns
        self._last_ns: int | None = None
        self._count = self._missing = self._weekends = self._weekend_bars = 0
        self._longest: Gap | None = None
        self._longest_other: Gap | None = None

    def add(self, closes_ns: NDArray[np.int64]) -> None:
        """Take the next close times; strictly increasing, also across calls."""
        if not len(closes_ns):
            return
        if self._last_ns is not None:
            closes_ns = np.concatenate((np.array([self._last_ns]), closes_ns))
        self._last_ns = int(closes_ns[-1])
        missing = np.diff(closes_ns) // self._interval_ns - 1
        at = np.flatnonzero(missing > 0)
        if len(at):
            self._count_gaps(closes_ns[at], closes_ns[at + 1], missing[at])

    def _count_gaps(
        self, starts: NDArray[np.int64], ends: NDArray[np.int64], missing: NDArray[np.int64]
    ) -> None:
        weekend = _is_weekend(starts, ends - self._interval_ns)
        self._count += len(missing)
        self._missing += int(missing.sum())
        self._weekends += int(weekend.sum())
        self._weekend_bars += int(missing[weekend].sum())
        self._longest = _longer(self._longest, starts, ends, missing)
        other = ~weekend
        self._longest_other = _longer(
            self._longest_other, starts[other], ends[other], missing[other]
        )

    def report(self) -> GapReport:
        """Return what was found so far."""
        return GapReport(
            count=self._count,
            missing_bars=self._missing,
            weekends=self._weekends,
            weekend_bars=self._weekend_bars,
            longest=self._longest,
            longest_other=self._longest_other,
        )


def _is_weekend(starts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which stretches [start, end) hold a whole Saturday and are shorter than five days."""
    week = 7 * DAY_NS
    saturday = starts + (_FIRST_SATURDAY_NS - starts) % week
    return (saturday + DAY_NS <= ends) & (ends - starts < _LONGEST_WEEKEND_NS)


def _longer(
    known: Gap | None,
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    missing: NDArray[np.int64],
) -> Gap | None:
    if not len(missing):
        return known
    at = int(missing.argmax())
    gap = Gap(int(starts[at]), int(ends[at]), int(missing[at]))
    return gap if known is None or gap.missing_bars > known.missing_bars else known
