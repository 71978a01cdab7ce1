"""
When a pair may be entered, and where each entry would leave again: all that depends on no money.

Found for all bars at once, before the walk of the vector engine looks at the first fill.
"""

from bisect import bisect_left
from typing import Final, Self

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from algopioneer_core.simulation.spread_signals import SpreadSignals

__all__ = ["SpreadPlan"]

_SIGNAL: Final = "signal"
_Z_STOP: Final = "z_stop"
_TIME_STOP: Final = "time_stop"


@frozen(eq=False)
class SpreadPlan:
    """The possible entries of a run in the order of time, and where each would leave again."""

    bars: int
    """Bars of the run."""
    wait: int
    """Bars from a decision to its fill; at least 1."""
    signal: list[int]
    """Bar whose decision enters; the last bar of the run decides nothing."""
    direction: list[int]
    """1 for a long spread, -1 for a short one."""
    leave: list[int]
    """First bar from the entry's fill on that leaves by stop or rule; `bars` when none does."""
    after: list[int]
    """Position of the first entry that may follow when that is its way out, and no stop."""
    is_stop: list[bool]
    """Whether it leaves by the stop."""
    signals: SpreadSignals
    calm: NDArray[np.intp]
    """The bars that are calm."""

    @classmethod
    def of(cls, signals: SpreadSignals, wait: int) -> Self:
        """Return the plan of *signals*, where a decision is filled *wait* bars later."""
        bars = len(signals)
        decided = max(bars - 1, 0)
        signal = np.flatnonzero((signals.enter_long | signals.enter_short)[:decided])
        is_long = signals.enter_long[signal]
        fill = signal + wait
        stop = _next(signals.stop, fill, bars)
        rule = np.empty_like(stop)
        rule[is_long] = _next(signals.leave_long, fill[is_long], bars)
        rule[~is_long] = _next(signals.leave_short, fill[~is_long], bars)
        leave = np.minimum(stop, rule)
        return cls(
            bars=bars,
            wait=wait,
            signal=signal.tolist(),
            direction=np.where(is_long, 1, -1).tolist(),
            leave=leave.tolist(),
            after=np.searchsorted(signal, leave + wait).tolist(),
            is_stop=(stop <= rule).tolist(),
            signals=signals,
            calm=np.flatnonzero(signals.calm),
        )

    def exit_of(self, position: int) -> tuple[int, str]:
        """Return the bar that decides to leave the entry at *position*, and why it does."""
        leave = self.leave[position]
        reason = _Z_STOP if self.is_stop[position] else _SIGNAL
        if self.signals.hold_limit is None:
            return leave, reason
        signal = self.signal[position]
        limit = self.signals.hold_limit(signal)
        if limit is None:
            return leave, reason
        end = max(signal + limit, signal + self.wait)
        if end < leave or (end == leave and reason == _SIGNAL):
            return end, _TIME_STOP
        return leave, reason

    def next_position(self, position: int, leave: int, reason: str) -> int:
        """Return the position of the first entry that may follow one that leaves at *leave*."""
        if reason == _SIGNAL:
            return self.after[position]
        free = max(leave + self.wait, self._first_calm_after(leave))
        return bisect_left(self.signal, free, lo=position)

    def _first_calm_after(self, bar: int) -> int:
        """Return the first calm bar after *bar*; `bars` when there is none."""
        place = int(np.searchsorted(self.calm, bar, side="right"))
        return int(self.calm[place]) if place < len(self.calm) else self.bars


def _next(flags: NDArray[np.bool_], start: NDArray[np.intp], bars: int) -> NDArray[np.intp]:
    """Return for each *start* the first bar from it on where a flag is set; *bars* for none."""
    found = np.flatnonzero(flags)
    if not len(found):
        return np.full(len(start), bars)
    places = np.searchsorted(found, start)
    return np.where(places < len(found), found.take(places, mode="clip"), bars)
