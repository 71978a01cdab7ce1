"""The report's figure: equity, drawdown and price under one time axis, as plotly describes it."""

from collections.abc import Callable, Sequence
from html import escape
from typing import Any, Final

from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.money import plain
from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.reports.chart_series import ChartSeries
from algopioneer_core.reports.decimation import MinMaxLine
from algopioneer_core.reports.figures import amount_text
from algopioneer_core.reports.tables import pnl_pct
from algopioneer_core.simulation.result import BacktestResult

__all__ = [
    "BLUE",
    "GREEN",
    "GREY",
    "NS_PER_MS",
    "ORANGE",
    "RED",
    "Plotly",
    "drawdown_trace",
    "equity_traces",
    "figure",
    "layout",
    "line_trace",
]

NS_PER_MS: Final = 1_000_000
BLUE, GREY, RED, GREEN, ORANGE = "#1f5fbf", "#9aa4b2", "#c8402f", "#138a5e", "#d9822b"
_INK, _GRID = "#1c2430", "#e8ebf0"
_DWARFS: Final = 3
"""From how many times the highest equity on buy and hold would make a flat line of it."""
_ROWS: Final = ((0.60, 1.0), (0.42, 0.55), (0.0, 0.37))
"""Vertical shares of equity, drawdown and price."""

Plotly = dict[str, Any]
"""plotly's own JSON: free-form by nature."""


def figure(result: BacktestResult, series: ChartSeries) -> Plotly:
    """Return data and layout for `Plotly.newPlot`. Texts are escaped; times are UTC."""
    return {
        "data": [
            *equity_traces(result, series),
            drawdown_trace(series),
            *_price_traces(result, series),
        ],
        "layout": layout(_ROWS, _titles(result, series)),
    }


def _points(line: MinMaxLine) -> tuple[list[int], list[float]]:
    times, values = line.points()
    return (times // NS_PER_MS).tolist(), [float(f"{value:.10g}") for value in values.tolist()]


def line_trace(line: MinMaxLine, name: str, color: str, axis: str, **more: object) -> Plotly:
    """Return *line* as a trace on *axis* (`y`, `y2`...); *more* is plotly's own."""
    times, values = _points(line)
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": times,
        "y": values,
        "yaxis": axis,
        "line": {"color": color, "width": 1.4},
        **more,
    }


def equity_traces(result: BacktestResult, series: ChartSeries) -> list[Plotly]:
    """Return buy and hold, and the equity, in the first panel."""
    hover = f"%{{y:,.2f}} {escape(result.currency)}"
    held = line_trace(series.close, "Buy and hold", GREY, "y", hovertemplate=hover)
    if held["y"]:
        units = float(result.initial_capital) / held["y"][0]
        held["y"] = [float(f"{value * units:.10g}") for value in held["y"]]
    held["line"] = {"color": GREY, "width": 1.2}
    equity = line_trace(
        series.equity,
        escape(result.strategy),
        BLUE,
        "y",
        hovertemplate=hover,
    )
    if held["y"] and max(held["y"]) > _DWARFS * max(equity["y"]):
        held |= {"visible": "legendonly", "name": "Buy and hold (click to show)"}
    return [held, equity]


def drawdown_trace(series: ChartSeries) -> Plotly:
    """Return the drawdown in the second panel."""
    return line_trace(
        series.drawdown,
        "Drawdown",
        RED,
        "y2",
        hovertemplate="%{y:.2f} %",
        fill="tozeroy",
        fillcolor="rgba(200,64,47,0.14)",
        showlegend=False,
    )


def _price_traces(result: BacktestResult, series: ChartSeries) -> list[Plotly]:
    price = line_trace(
        series.close,
        "Close",
        "#5b6675",
        "y3",
        hovertemplate=f"%{{y:,}} {escape(result.currency)}",
        showlegend=False,
    )
    trades = series.trades.items
    longs = [trade for trade in trades if trade.side is Side.BUY]
    shorts = [trade for trade in trades if trade.side is Side.SELL]
    gains = [trade for trade in trades if trade.pnl > 0]
    rest = [trade for trade in trades if trade.pnl <= 0]
    marks = (
        _entries(longs, "Buy to open", "triangle-up", BLUE),
        _entries(shorts, "Sell to open", "triangle-down", ORANGE),
        _exits(gains, "Closed with a gain", GREEN, result.currency),
        _exits(rest, "Closed without a gain", RED, result.currency),
    )
    return [price, *(mark for mark in marks if mark["x"])]


def _marks(
    trades: Sequence[RoundTrip],
    name: str,
    marker: Plotly,
    time: Callable[[RoundTrip], int],
    price: Callable[[RoundTrip], str],
    text: Callable[[RoundTrip], str],
) -> Plotly:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [time(trade) // NS_PER_MS for trade in trades],
        "y": [float(price(trade)) for trade in trades],
        "text": [text(trade) for trade in trades],
        "yaxis": "y3",
        "legend": "legend2",
        "marker": marker,
        "hovertemplate": "%{text}",
    }


def _entries(trades: Sequence[RoundTrip], name: str, symbol: str, color: str) -> Plotly:
    return _marks(
        trades,
        name,
        {"symbol": symbol, "size": 8, "color": color, "line": {"color": "white", "width": 0.5}},
        lambda trade: trade.entry_ns,
        lambda trade: plain(trade.entry_price),
        lambda trade: f"{plain(trade.quantity)} at {amount_text(trade.entry_price)}",
    )


def _exits(trades: Sequence[RoundTrip], name: str, color: str, currency: str) -> Plotly:
    def text(trade: RoundTrip) -> str:
        share = pnl_pct(trade)
        part = "" if share is None else f" ({plain(share)} %)"
        return (
            f"at {amount_text(trade.exit_price)}: {escape(amount_text(trade.pnl, currency))}"
            f"{part}, {escape(trade.exit_reason)}"
        )

    return _marks(
        trades,
        name,
        {"symbol": "x-thin", "size": 5, "color": color, "line": {"color": color, "width": 1.5}},
        lambda trade: trade.exit_ns,
        lambda trade: plain(trade.exit_price),
        text,
    )


def _titles(result: BacktestResult, series: ChartSeries) -> tuple[str, str, str]:
    unit = escape(result.currency)
    marked = "no trades"
    if series.trades.total:
        marked = "all trades marked"
    if series.trades.every > 1:
        marked = f"1 in {series.trades.every:,} trades marked"
    symbols = escape(", ".join(result.symbols))
    return (
        f"<b>Equity</b>  {unit}",
        "<b>Drawdown</b>  % below the peak so far",
        f"<b>{symbols}</b>  {unit}; {marked}",
    )


def layout(
    rows: Sequence[tuple[float, float]], titles: Sequence[str], *, height: int = 900
) -> Plotly:
    """
    Return the layout of panels over one time axis; the second one is in per cent.

    Args:
        rows: Vertical share of each panel, from the top one to the bottom one.
        titles: Of each panel, escaped.
        height: Of all, in pixels.
    """
    described: Plotly = {
        "height": height,
        "margin": {"l": 8, "r": 8, "t": 72, "b": 70},
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "font": {"family": "system-ui, sans-serif", "size": 12, "color": _INK},
        "hovermode": "x",
        "hoverlabel": {"namelength": -1},
        "dragmode": "zoom",
        "legend": {"orientation": "h", "x": 1, "xanchor": "right", "y": 1, "yanchor": "bottom"},
        "legend2": {"orientation": "h", "x": 0, "y": -0.06, "yanchor": "top"},
        "xaxis": {
            "type": "date",
            "anchor": f"y{len(rows)}",
            "gridcolor": _GRID,
            "automargin": True,
            "title": {"text": "UTC", "font": {"size": 11}, "standoff": 4},
        },
        "annotations": [
            {
                "text": text,
                "x": 0,
                "y": top,
                "xref": "paper",
                "yref": "paper",
                "xanchor": "left",
                "yanchor": "bottom",
                "showarrow": False,
                "yshift": 3,
                "font": {"size": 13},
            }
            for text, (_, top) in zip(titles, rows, strict=True)
        ],
    }
    for number, domain in enumerate(rows, start=1):
        described[f"yaxis{number if number > 1 else ''}"] = {
            "domain": domain,
            "anchor": "x",
            "gridcolor": _GRID,
            "zeroline": False,
            "automargin": True,
            "tickformat": ",~r" if number == 2 else ",",
        }
    return described
