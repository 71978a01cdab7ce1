"""From bars of several instruments to the joint bars a multi-leg strategy decides on."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import Bar, JointBar

__all__ = ["JointBars"]

_MOST_WAITING: Final = 1_000
"""Times that wait for a leg; when a leg stays silent for longer, the oldest are skipped."""


class JointBars:
    """
    Waits for the bars of all instruments that close at the same time.

    A time at which a leg is absent is skipped, exactly as the backtest's inner join skips it: once
    a later time is complete, or *grace_ns* after the close, whichever comes first. A bar that comes
    after that is late and counted, not used.

    Args:
        instrument_ids: In the configured order.
        grace_ns: How long a leg's bar may be late, in nanoseconds; None waits for a later time.
    """

    def __init__(self, instrument_ids: Sequence[InstrumentId], grace_ns: int | None = None) -> None:
        self._ids = tuple(instrument_ids)
        self._grace_ns = grace_ns
        self._waiting: dict[int, dict[InstrumentId, Bar]] = {}
        self._done_ns = 0
        self.skipped = 0
        """Times that some leg had no bar for."""
        self.late = 0
        """Bars that came after their time was decided, or twice."""

    def put(self, bar: Bar) -> JointBar | None:
        """Take in *bar*; return the joint bar that it completes, if it does."""
        if bar.ts_event <= self._done_ns:
            self.late += 1
            return None
        bars = self._waiting.setdefault(bar.ts_event, {})
        if bar.instrument_id in bars:
            self.late += 1
            return None
        bars[bar.instrument_id] = bar
        if len(bars) < len(self._ids):
            if len(self._waiting) > _MOST_WAITING:
                self._close(min(self._waiting), complete=False)
            return None
        self._close(bar.ts_event, complete=True)
        return JointBar(bar.ts_event, tuple(bars[each] for each in self._ids))

    def expire(self, now_ns: int) -> None:
        """Give up the times whose grace is over."""
        if self._grace_ns is not None and self._waiting:
            over = [ts_ns for ts_ns in self._waiting if now_ns - ts_ns > self._grace_ns]
            if over:
                self._close(max(over), complete=False)

    def _close(self, ts_ns: int, *, complete: bool) -> None:
        gone = [each for each in self._waiting if each <= ts_ns]
        for each in gone:
            del self._waiting[each]
        self.skipped += len(gone) - complete
        self._done_ns = ts_ns

    def snapshot(self) -> dict[str, object]:
        """Return the bars that wait and what was decided, as JSON values and domain objects."""
        waiting = [bar for bars in self._waiting.values() for bar in bars.values()]
        counts = [self.skipped, self.late]
        return {"done_ns": self._done_ns, "waiting": waiting, "counts": counts}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what `snapshot` described."""
        self._done_ns = state["done_ns"]
        self.skipped, self.late = state["counts"]
        self._waiting = {}
        for bar in state["waiting"]:
            self._waiting.setdefault(bar.ts_event, {})[bar.instrument_id] = bar
