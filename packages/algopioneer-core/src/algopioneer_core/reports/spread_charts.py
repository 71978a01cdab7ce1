"""
The figure of a report on two legs: equity, drawdown, spread, z with bands and fills, hedge ratio
and residual, under one time axis.

A strategy without a z (a basis is judged by its size) has its fills marked on the spread, and no
panels of z and hedge ratio.
"""

from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from html import escape
from typing import Final

from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.money import ONE, ZERO, add, mul, plain
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
from algopioneer_core.reports.decimation import MinMaxLine
from algopioneer_core.reports.figures import amount_text
from algopioneer_core.reports.spread_series import SpreadSeries
from algopioneer_core.simulation.result import BacktestResult
from algopioneer_core.simulation.valuation import Valuation

__all__ = ["spread_figure"]

_ROWS: Final = ((0.78, 1.0), (0.66, 0.74), (0.50, 0.62), (0.22, 0.46), (0.11, 0.18), (0.0, 0.07))
"""Vertical shares of the six panels."""
_HEIGHT: Final = 1_300
_ROWS_WITHOUT_Z: Final = ((0.68, 1.0), (0.52, 0.63), (0.14, 0.47), (0.0, 0.09))
_HEIGHT_WITHOUT_Z: Final = 1_000
_BANDS: Final = (("z_entry", BLUE), ("z_exit", GREY), ("z_stop", RED))
"""Parameters of the strategy that are levels of z, both ways."""
_LINE: Final = "#5b6675"
_RESIDUAL: Final = "<b>Residual</b>  % of a leg that stood without the other at the close"
_PLAIN: Final = {"showlegend": False}

_Pair = tuple[RoundTrip, ...]


def spread_figure(result: BacktestResult, series: SpreadSeries) -> Plotly:
    """Return data and layout for `Plotly.newPlot`. Texts are escaped; times are UTC."""
    described = _with_z if len(series.z.points()[0]) else _without_z
    return described(result, series)


def _with_z(result: BacktestResult, series: SpreadSeries) -> Plotly:
    first, second = map(escape, result.symbols)
    titles = (
        *_common_titles(result),
        f"<b>Spread</b>  ln {first} - hedge ratio * ln {second}",
        f"<b>z</b>  deviations from the mean, with the levels of the rule; {_marked(series)}",
        "<b>Hedge ratio</b>",
        _RESIDUAL,
    )
    panels = layout(_ROWS, titles, height=_HEIGHT)
    panels["shapes"] = _bands(result)
    panels["legend2"]["y"] = -0.04
    panels["yaxis6"]["rangemode"] = "nonnegative"
    return {
        "data": [
            *equity_traces(result, series),
            drawdown_trace(series),
            line_trace(series.spread, "Spread", _LINE, "y3", **_PLAIN),
            line_trace(series.z, "z", _LINE, "y4", **_PLAIN),
            *_marks(result, series, series.z, "y4"),
            line_trace(series.hedge_ratio, "Hedge ratio", ORANGE, "y5", **_PLAIN),
            line_trace(series.residual, "Residual", RED, "y6", **_PLAIN),
        ],
        "layout": panels,
    }


def _without_z(result: BacktestResult, series: SpreadSeries) -> Plotly:
    titles = (
        *_common_titles(result),
        f"<b>Spread</b>  as the strategy measures it; {_marked(series)}",
        _RESIDUAL,
    )
    panels = layout(_ROWS_WITHOUT_Z, titles, height=_HEIGHT_WITHOUT_Z)
    panels["yaxis4"]["rangemode"] = "nonnegative"
    return {
        "data": [
            *equity_traces(result, series),
            drawdown_trace(series),
            line_trace(series.spread, "Spread", _LINE, "y3", **_PLAIN),
            *_marks(result, series, series.spread, "y3"),
            line_trace(series.residual, "Residual", RED, "y4", **_PLAIN),
        ],
        "layout": panels,
    }


def _common_titles(result: BacktestResult) -> tuple[str, str]:
    return f"<b>Equity</b>  {escape(result.currency)}", "<b>Drawdown</b>  % below the peak so far"


def _marked(series: SpreadSeries) -> str:
    """Return how many of the trades are marked."""
    if series.pairs.every > 1:
        return f"1 in {series.pairs.every:,} trades marked"
    return "all trades marked" if series.pairs.total else "no trades"


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


def _marks(
    result: BacktestResult, series: SpreadSeries, line: MinMaxLine, axis: str
) -> list[Plotly]:
    """Return the marks of fills, lying on *line*."""
    pairs = series.pairs.items
    longs = [pair for pair in pairs if _is_long(pair, result)]
    shorts = [pair for pair in pairs if not _is_long(pair, result)]
    pnl = partial(_pnl, valuation=series.valuation)
    gains = [(pair, pnl(pair)) for pair in pairs if pnl(pair) > 0]
    rest = [(pair, pnl(pair)) for pair in pairs if pnl(pair) <= 0]
    up, down = ({"symbol": f"triangle-{way}", "size": 8} for way in ("up", "down"))
    marks = (
        _entries(longs, "Spread bought", {**up, "color": BLUE}),
        _entries(shorts, "Spread sold", {**down, "color": ORANGE}),
        _exits(gains, "Closed with a gain", GREEN, result.currency),
        _exits(rest, "Closed without a gain", RED, result.currency),
    )
    return [_placed(mark, line, axis) for mark in marks if mark["x"]]


def _placed(mark: Plotly, line: MinMaxLine, axis: str) -> Plotly:
    heights = line.at([each * NS_PER_MS for each in mark["x"]])
    return {**mark, "y": [float(f"{value:.10g}") for value in heights.tolist()], "yaxis": axis}


def _is_long(pair: _Pair, result: BacktestResult) -> bool:
    """Return whether the first instrument was bought, or the second one sold."""
    leg = pair[0]
    return (leg.side is Side.BUY) == (leg.instrument_id.symbol == result.symbols[0])


def _pnl(pair: _Pair, valuation: Valuation | None) -> Decimal:
    """Return the gain of both legs; what was made in coins at the price at which they were left."""
    gain = ZERO
    for leg in pair:
        gain = add(gain, mul(leg.pnl, _rate(leg, pair, valuation)))
    return gain


def _rate(leg: RoundTrip, pair: _Pair, valuation: Valuation | None) -> Decimal:
    if valuation is None:
        return ONE
    ids = [each.id for each in valuation.instruments]
    if not valuation.in_coins[ids.index(leg.instrument_id)]:
        return ONE
    priced = [each for each in pair if each.instrument_id == ids[valuation.pricing]]
    return (priced or [leg])[0].exit_price


def _entries(pairs: Sequence[_Pair], name: str, marker: Plotly) -> Plotly:
    texts = [
        "<br>".join(
            f"{leg.side.value} {plain(leg.quantity)} {escape(leg.instrument_id.symbol)} "
            f"at {amount_text(leg.entry_price)}"
            for leg in pair
        )
        for pair in pairs
    ]
    return _points([pair[0].entry_ns for pair in pairs], texts, name, marker)


def _exits(pairs: Sequence[tuple[_Pair, Decimal]], name: str, color: str, currency: str) -> Plotly:
    texts = [
        f"{escape(amount_text(pnl, currency))}, {escape(pair[0].exit_reason)}"
        for pair, pnl in pairs
    ]
    marker = {"symbol": "x-thin", "size": 5, "line": {"color": color, "width": 1.5}}
    return _points([pair[0].exit_ns for pair, _ in pairs], texts, name, marker)


def _points(ts_ns: list[int], texts: list[str], name: str, marker: Plotly) -> Plotly:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [each // NS_PER_MS for each in ts_ns],
        "text": texts,
        "legend": "legend2",
        "marker": marker,
        "hovertemplate": "%{text}",
    }
