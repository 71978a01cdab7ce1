"""The report on two legs: what it collects, and the figure it draws."""

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from attrs import evolve

from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.reports.html import render_report
from algopioneer_core.reports.spread_charts import spread_figure
from algopioneer_core.reports.spread_series import SpreadSeries
from algopioneer_core.simulation.result import BacktestResult
from algopioneer_core.simulation.spread_readings import Readings
from algopioneer_core.simulation.valuation import Valuation
from algopioneer_core.testing.domain import BITCOIN, INVERSE_PERPETUAL

A, B = InstrumentId("test", "A<b>"), InstrumentId("test", "B")
HOUR_NS = 3_600 * 10**9


def trip(leg: InstrumentId, side: Side, pnl: str, hours: tuple[int, int]) -> RoundTrip:
    """Return a leg's trade of one unit."""
    entry_ns, exit_ns = (hour * HOUR_NS for hour in hours)
    one = Decimal(1)
    return RoundTrip(leg, side, one, entry_ns, exit_ns, one, one, Decimal(pnl), one, one, "z_stop")


def readings(z: list[float]) -> Readings:
    """Return readings of as many hours, the hedge ratio unknown in the first."""
    count = len(z)
    ratio = np.full(count, 1.5)
    ratio[0] = np.nan
    times = np.arange(count, dtype=np.int64) * HOUR_NS
    return Readings(times, np.arange(count) / 8.0, np.array(z), ratio, np.zeros(count))


@pytest.fixture
def series() -> SpreadSeries:
    """Return a pair bought from hour 1 to 3 with a gain, and one sold from 3 to 5 at a loss."""
    series = SpreadSeries()
    series.round_trip(trip(A, Side.BUY, "3", (1, 3)))
    series.round_trip(trip(B, Side.SELL, "-1", (1, 3)))
    series.round_trip(trip(A, Side.SELL, "-4", (3, 5)))
    series.round_trip(trip(B, Side.BUY, "1", (3, 5)))
    series.readings(readings([np.nan, -2.5, -1.0, 2.25, 1.0, 0.0]))
    return series


@pytest.fixture
def result(run: Any) -> BacktestResult:
    """Return a result of two legs with levels."""
    found: BacktestResult = run.result
    levels = {"z_entry": Decimal(2), "z_exit": Decimal("0.5"), "z_stop": None}
    return evolve(found, symbols=(A.symbol, B.symbol), parameters=levels)


def test_what_was_not_seen_is_left_out(series: SpreadSeries) -> None:
    """A line begins where there is something to draw."""
    assert [-2.5, -1, 2.25, 1, 0] == series.z.points()[1].tolist()
    assert [1.5] * 5 == series.hedge_ratio.points()[1].tolist()
    assert 6 == len(series.spread.points()[0]) == len(series.residual.points()[0])


def test_legs_that_end_together_are_one_mark(series: SpreadSeries) -> None:
    """A round trip of the pair is marked once, wherever the legs' own prices are."""
    assert [2, 2] == [len(pair) for pair in series.pairs.items]
    assert 2 == series.pairs.total


def test_marks_lie_on_the_line_of_z(result: BacktestResult, series: SpreadSeries) -> None:
    """Bought where z was low, sold where it was high; colour tells gain from loss."""
    marks = {
        trace["name"]: (trace["x"], trace["y"], trace["text"])
        for trace in spread_figure(result, series)["data"]
        if trace["mode"] == "markers"
    }
    hour = HOUR_NS // 10**6
    assert marks["Spread bought"][:2] == ([hour], [-2.5])
    assert marks["Spread sold"][:2] == ([3 * hour], [2.25])
    assert marks["Closed with a gain"][:2] == ([3 * hour], [2.25])
    assert marks["Closed without a gain"][:2] == ([5 * hour], [0])
    assert "A&lt;b&gt;" in marks["Spread bought"][2][0]
    assert "-3.00" in marks["Closed without a gain"][2][0]


def test_bands_are_drawn_both_ways_where_levels_are_set(
    result: BacktestResult, series: SpreadSeries
) -> None:
    """A stop that is off has no line."""
    shapes = spread_figure(result, series)["layout"]["shapes"]
    assert [2, -2, 0.5, -0.5] == [shape["y0"] for shape in shapes]


def test_a_run_without_trades_or_readings_has_a_report(result: BacktestResult) -> None:
    """Four panels, and nothing that would load or break the page."""
    empty = SpreadSeries()
    figure = spread_figure(result, empty)
    assert 4 == len(figure["layout"]["annotations"])
    assert all(trace["mode"] == "lines" for trace in figure["data"])
    assert [0.0] == empty.z.at([5]).tolist()
    page = render_report(result, empty)
    assert "no trades" in page
    assert "A<b>" not in page


def test_many_trades_are_thinned_and_said_to_be(result: BacktestResult) -> None:
    """The title tells how many are marked."""
    series = SpreadSeries(trades=4)
    for hour in range(10):
        series.round_trip(trip(A, Side.BUY, "1", (hour, hour + 1)))
        series.round_trip(trip(B, Side.SELL, "1", (hour, hour + 1)))
    titles = [each["text"] for each in spread_figure(result, series)["layout"]["annotations"]]
    assert "1 in 4 trades marked" in titles[2]


def test_fills_are_marked_on_the_spread_where_there_is_no_z(
    result: BacktestResult, series: SpreadSeries
) -> None:
    """A basis is judged by its size: panels of z and hedge ratio would be empty or a flat line."""
    basis = SpreadSeries()
    basis.round_trip(trip(A, Side.BUY, "3", (1, 3)))
    basis.round_trip(trip(B, Side.SELL, "-1", (1, 3)))
    basis.readings(readings([np.nan] * 6))
    figure = spread_figure(result, basis)
    assert 4 == len(figure["layout"]["annotations"])
    assert "shapes" not in figure["layout"]
    marks = [trace for trace in figure["data"] if trace["mode"] == "markers"]
    assert [("y3", [1 / 8]), ("y3", [3 / 8])] == [(each["yaxis"], each["y"]) for each in marks]
    assert 6 == len(spread_figure(result, series)["layout"]["annotations"])


def test_a_gain_in_coins_is_told_in_money(result: BacktestResult) -> None:
    """A leg that lost 5 dollars against one that gained 3 coins, left at 2 dollars each."""
    legs = [evolve(BITCOIN, id=A), evolve(INVERSE_PERPETUAL, id=B)]
    series = SpreadSeries(Valuation.of(legs))
    spot = trip(A, Side.BUY, "-5", (1, 3))
    series.round_trip(evolve(spot, exit_price=Decimal(2)))
    series.round_trip(trip(B, Side.SELL, "3", (1, 3)))
    texts = {each["name"]: each.get("text") for each in spread_figure(result, series)["data"]}
    assert texts["Closed with a gain"] == ["1.00 USD, z_stop"]
    series.round_trip(trip(B, Side.SELL, "3", (4, 5)))  # alone: at its own price
    assert 2 == len(spread_figure(result, series)["data"][-2]["text"])


def test_buy_and_hold_does_not_flatten_the_equity(result: BacktestResult) -> None:
    """Where it ran away from the strategy it is shown on request."""
    series = SpreadSeries()
    times = np.array([1, 2], np.int64)
    series.equity.add(times, np.array([1_000.0, 1_100.0]))
    series.close.add(times, np.array([1.0, 2.9]))
    assert "visible" not in spread_figure(result, series)["data"][0]
    series.close.add(times + 2, np.array([3.0, 9.0]))
    assert "legendonly" == spread_figure(result, series)["data"][0]["visible"]
