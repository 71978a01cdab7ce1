from typing import Any

import numpy as np
import pytest

from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.history.columns import BarColumns
from algopioneer_core.history.joined import JointColumns
from algopioneer_core.reports.chart_series import ChartSeries


def test_lines_hold_equity_price_and_drawdown(run: Any) -> None:
    """The drawdown is in per cent below the peak so far, never positive."""
    series: ChartSeries = run.series
    _, equity = series.equity.points()
    _, closes = series.close.points()
    _, falls = series.drawdown.points()
    assert equity.tolist() == [1_000, 1_100, 990, 1_000, 1_050.5]
    assert closes.tolist() == [100, 110, 99, 120, 115]
    assert pytest.approx(falls.tolist(), abs=1e-4) == [0, 0, -10, -9.0909, -4.5]


def test_the_peak_is_carried_from_chunk_to_chunk(run: Any) -> None:
    """A later chunk falls from the peak of an earlier one."""
    series: ChartSeries = run.series
    later = BarColumns(
        instrument_id=run.series.trades.items[0].instrument_id,
        interval_ns=1,
        **dict.fromkeys(("open", "high", "low", "close", "volume"), np.array([1])),
        ts_ns=np.array([run.result.last_bar_ns + 1]),
        price_decimals=0,
        volume_decimals=0,
    )
    joint = JointColumns((later,))
    series.bars(joint, np.array([550.0]), [])
    series.bars(joint.slice(0, 0), np.empty(0), [])
    assert series.drawdown.points()[1][-1] == pytest.approx(-50)


def test_more_trades_than_a_chart_can_show_are_thinned(trades: tuple[RoundTrip, ...]) -> None:
    """The number of all of them is kept, so that the chart can say so."""
    series = ChartSeries(trades=4)
    for _ in range(10):
        series.round_trip(trades[0])
    assert (series.trades.total, series.trades.every, len(series.trades.items)) == (10, 4, 3)
