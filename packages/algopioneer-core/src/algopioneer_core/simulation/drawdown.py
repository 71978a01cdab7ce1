"""The largest fall of equity below its highest value so far, and when it was made good."""

import math

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from algopioneer_core.domain.market_data import NS_PER_SECOND

__all__ = ["Drawdown", "DrawdownTracker"]


@frozen(kw_only=True)
class Drawdown:
    """
    The maximum drawdown of a run; the first one where several are equally deep.

    Defined as in Magdon-Ismail and Atiya, *Maximum Drawdown*, Risk, 2004, in per cent of the peak.

    Without any fall below a peak the depth is 0 and all times are None.
    """

    depth_pct: float
    """Largest fall from the running peak, in per cent of that peak; 0 or positive, above 100 when
    equity went below zero."""
    peak_ns: int | None
    """Close of the last bar at the peak it fell from, UTC nanoseconds."""
    trough_ns: int | None
    """Close of the lowest bar."""
    recovery_ns: int | None
    """Close of the first bar back at the peak or above; None when the run ended before."""
    duration_s: float | None
    """Seconds from the peak to the recovery, or to the end of the run."""


class DrawdownTracker:
    """Follows the running peak in constant memory. Peaks are of closes, not of prices within."""

    def __init__(self) -> None:
        self._peak = -math.inf
        self._peak_ns = 0
        self._worst = 0.0
        self._worst_peak = 0.0
        self._worst_peak_ns: int | None = None
        self._trough_ns: int | None = None
        self._recovery_ns: int | None = None

    def add(self, ts_ns: NDArray[np.int64], equity: NDArray[np.float64]) -> None:
        """Take the equity at the next closes; at least one, the first of all positive."""
        peaks = np.maximum.accumulate(equity)
        if self._peak > peaks[0]:
            np.maximum(peaks, self._peak, out=peaks)
        falls = equity / peaks
        deepest = int(falls.argmin())
        depth = 1.0 - float(falls[deepest])
        if self._trough_ns is not None and self._recovery_ns is None:
            self._recovery_ns = _first_at(ts_ns, equity, self._worst_peak, 0)
        if depth > self._worst:
            self._worst, self._worst_peak = depth, float(peaks[deepest])
            self._trough_ns = int(ts_ns[deepest])
            self._worst_peak_ns = self._last_peak(ts_ns, equity, peaks, deepest + 1)
            self._recovery_ns = _first_at(ts_ns, equity, self._worst_peak, deepest)
        self._peak_ns = self._last_peak(ts_ns, equity, peaks, len(equity))
        self._peak = float(peaks[-1])

    def _last_peak(
        self,
        ts_ns: NDArray[np.int64],
        equity: NDArray[np.float64],
        peaks: NDArray[np.float64],
        stop: int,
    ) -> int:
        """Return when equity last stood at its peak before index *stop*."""
        at_peak = equity[:stop] == peaks[:stop]
        back = int(at_peak[::-1].argmax())
        return int(ts_ns[stop - 1 - back]) if at_peak[stop - 1 - back] else self._peak_ns

    def finish(self, last_ns: int) -> Drawdown:
        """Return the maximum drawdown of all bars so far, the last of which closed at *last_ns*."""
        end_ns = last_ns if self._recovery_ns is None else self._recovery_ns
        peak_ns = self._worst_peak_ns
        return Drawdown(
            depth_pct=self._worst * 100,
            peak_ns=peak_ns,
            trough_ns=self._trough_ns,
            recovery_ns=self._recovery_ns,
            duration_s=None if peak_ns is None else (end_ns - peak_ns) / NS_PER_SECOND,
        )


def _first_at(
    ts_ns: NDArray[np.int64], equity: NDArray[np.float64], level: float, start: int
) -> int | None:
    """Return the first time from index *start* on at which equity is at *level* or above."""
    reached = equity[start:] >= level
    index = int(reached.argmax())
    return int(ts_ns[start + index]) if reached[index] else None
