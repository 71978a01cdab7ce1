import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.simulation.drawdown import Drawdown, DrawdownTracker

SECOND = 1_000_000_000


def drawdown_of(equity: list[float], *, piece: int | None = None) -> Drawdown:
    """Return the drawdown of *equity* with one bar a second, fed in pieces."""
    tracker = DrawdownTracker()
    step = piece or len(equity)
    for start in range(0, len(equity), step):
        part = np.array(equity[start : start + step])
        times = np.arange(start, start + len(part), dtype=np.int64) * SECOND
        tracker.add(times, part)
    return tracker.finish((len(equity) - 1) * SECOND)


def naive(equity: list[float]) -> Drawdown:
    """Walk the curve bar by bar in plain Python."""
    worst = level = 0.0
    start = lowest = -1
    peak, peak_at = equity[0], 0
    for at, value in enumerate(equity):
        if value >= peak:
            peak, peak_at = value, at
        elif 1.0 - value / peak > worst:
            worst, start, lowest, level = 1.0 - value / peak, peak_at, at, peak
    if lowest < 0:
        return Drawdown(
            depth_pct=0.0, peak_ns=None, trough_ns=None, recovery_ns=None, duration_s=None
        )
    back = next((i for i in range(lowest, len(equity)) if equity[i] >= level), None)
    return Drawdown(
        depth_pct=worst * 100,
        peak_ns=start * SECOND,
        trough_ns=lowest * SECOND,
        recovery_ns=None if back is None else back * SECOND,
        duration_s=float((len(equity) - 1 if back is None else back) - start),
    )


def test_a_fall_that_was_made_good() -> None:
    """From 120 to 90 is a quarter; it took from bar 1 to bar 4."""
    expected = Drawdown(
        depth_pct=25.0,
        peak_ns=1 * SECOND,
        trough_ns=3 * SECOND,
        recovery_ns=4 * SECOND,
        duration_s=3.0,
    )
    assert expected == drawdown_of([100, 120, 110, 90, 130, 125])


def test_a_fall_that_lasts_to_the_end() -> None:
    """Without recovery it lasts to the last bar."""
    drawdown = drawdown_of([100, 50, 60, 70])
    assert drawdown.recovery_ns is None
    assert drawdown.duration_s == 3.0


def test_the_peak_is_the_last_bar_at_its_level() -> None:
    """Time spent at the peak is not time below it."""
    assert drawdown_of([100, 100, 100, 90, 100]).peak_ns == 2 * SECOND


def test_rising_equity_has_a_depth_of_zero_and_no_times() -> None:
    """No fall: the depth is a true zero."""
    expected = Drawdown(
        depth_pct=0.0, peak_ns=None, trough_ns=None, recovery_ns=None, duration_s=None
    )
    assert expected == drawdown_of([1, 2, 2, 3])


def test_a_loss_of_more_than_everything_is_above_100_per_cent() -> None:
    """Debt counts."""
    assert drawdown_of([100, -50]).depth_pct == pytest.approx(150)


@given(
    st.lists(st.integers(1, 30).map(float), min_size=1, max_size=40),
    st.integers(1, 40),
)
def test_any_curve_in_any_pieces_equals_a_plain_walk(equity: list[float], piece: int) -> None:
    """Depth, times and duration are those of a loop over the bars."""
    assert naive(equity) == drawdown_of(equity, piece=piece)
