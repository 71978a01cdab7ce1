"""The figure of a report on two legs: equity, drawdown, spread, z with bands and fills, hedge ratio
and residual, under one time axis."""

from collections.abc import Sequence
from decimal import Decimal
from html import escape
from typing import Final

from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.money import ZERO, add, plain
from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.reports.charts import (
    BLUE,
    GREEN,
    GREY,
    NS_PER_MS,
    ORANGE,
    RED,
    Plotly,
    drawdown_trace,
    equity_traces,
    layout,
    line_trace,
)
from algopioneer_core.reports.figures import amount_text
from algopioneer_core.reports.spread_series import SpreadSeries
from algopioneer_core.simulation.result import BacktestResult

__all__ = ["spread_figure"]

_ROWS: Final = ((0.78, 1.0), (0.66, 0.74), (0.50, 0.62), (0.22, 0.46), (0.11, 0.18), (0.0, 0.07))
"""Vertical shares of the six panels."""
_HEIGHT: Final = 1_300
_BANDS: Final = (("z_entry", BLUE), ("z_exit", GREY), ("z_stop", RED))
"""Parameters of the strategy that are levels of z, both ways."""

_Pair = tuple[RoundTrip, ...]


def spread_figure(result: BacktestResult, series: SpreadSeries) -> Plotly:
    """Return data and layout for `Plotly.newPlot`. Texts are escaped; times are UTC."""
    plain = {"showlegend": False}
    described = layout(_ROWS, _titles(result, series), height=_HEIGHT)
    described["shapes"] = _bands(result)
    described["legend2"]["y"] = -0.04
    return {
        "data": [
            *equity_traces(result, series),
            drawdown_trace(series),
            line_trace(series.spread, "Spread", "#5b6675", "y3", **plain),
            line_trace(series.z, "z", "#5b6675", "y4", **plain),
            *_marks(result, series),
            line_trace(series.hedge_ratio, "Hedge ratio", ORANGE, "y5", **plain),
            line_trace(series.residual, "Residual", RED, "y6", **plain),
        ],
        "layout": described,
    }


def _titles(result: BacktestResult, series: SpreadSeries) -> tuple[str, ...]:
    first, second = map(escape, result.symbols)
    marked = "no trades"
    if series.pairs.total:
        marked = "all trades marked"
    if series.pairs.every > 1:
        marked = f"1 in {series.pairs.every:,} trades marked"
    return (
        f"<b>Equity</b>  {escape(result.currency)}",
        "<b>Drawdown</b>  % below the peak so far",
        f"<b>Spread</b>  ln {first} - hedge ratio * ln {second}",
        f"<b>z</b>  deviations from the mean, with the levels of the rule; {marked}",
        "<b>Hedge ratio</b>",
        "<b>Residual</b>  % of a leg that stood without the other at the close",
    )


def _bands(result: BacktestResult) -> list[Plotly]:
    """Return a line across the z panel at each level that the strategy states."""
    shapes: list[Plotly] = []
    for key, color in _BANDS:
        level = result.parameters.get(key)
        if not isinstance(level, Decimal):
            continue
        shapes += [
            {
                "type": "line",
                "xref": "paper",
                "x0": 0,
                "x1": 1,
                "yref": "y4",
                "y0": value,
                "y1": value,
                "line": {"color": color, "width": 1, "dash": "dot"},
            }
            for value in (float(level), -float(level))
        ]
    return shapes


def _marks(result: BacktestResult, series: SpreadSeries) -> list[Plotly]:
    pairs = series.pairs.items
    longs = [pair for pair in pairs if _is_long(pair, result)]
    shorts = [pair for pair in pairs if not _is_long(pair, result)]
    gains = [pair for pair in pairs if _pnl(pair) > 0]
    rest = [pair for pair in pairs if _pnl(pair) <= 0]
    up, down = ({"symbol": f"triangle-{way}", "size": 8} for way in ("up", "down"))
    marks = (
        _entries(series, longs, "Spread bought", {**up, "color": BLUE}),
        _entries(series, shorts, "Spread sold", {**down, "color": ORANGE}),
        _exits(series, gains, "Closed with a gain", GREEN, result.currency),
        _exits(series, rest, "Closed without a gain", RED, result.currency),
    )
    return [mark for mark in marks if mark["x"]]


def _is_long(pair: _Pair, result: BacktestResult) -> bool:
    """Return whether the first instrument was bought, or the second one sold."""
    leg = pair[0]
    return (leg.side is Side.BUY) == (leg.instrument_id.symbol == result.symbols[0])


def _pnl(pair: _Pair) -> Decimal:
    total = ZERO
    for leg in pair:
        total = add(total, leg.pnl)
    return total


def _entries(series: SpreadSeries, pairs: Sequence[_Pair], name: str, marker: Plotly) -> Plotly:
    texts = [
        "<br>".join(
            f"{leg.side.value} {plain(leg.quantity)} {escape(leg.instrument_id.symbol)} "
            f"at {amount_text(leg.entry_price)}"
            for leg in pair
        )
        for pair in pairs
    ]
    return _points(series, [pair[0].entry_ns for pair in pairs], texts, name, marker)


def _exits(
    series: SpreadSeries, pairs: Sequence[_Pair], name: str, color: str, currency: str
) -> Plotly:
    texts = [
        f"{escape(amount_text(_pnl(pair), currency))}, {escape(pair[0].exit_reason)}"
        for pair in pairs
    ]
    marker = {"symbol": "x-thin", "size": 5, "line": {"color": color, "width": 1.5}}
    return _points(series, [pair[0].exit_ns for pair in pairs], texts, name, marker)


def _points(
    series: SpreadSeries, ts_ns: list[int], texts: list[str], name: str, marker: Plotly
) -> Plotly:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [each // NS_PER_MS for each in ts_ns],
        "y": [float(f"{value:.10g}") for value in series.z_at(ts_ns).tolist()],
        "text": texts,
        "yaxis": "y4",
        "legend": "legend2",
        "marker": marker,
        "hovertemplate": "%{text}",
    }
