"""
`report.html`: one file that needs nothing else.

plotly's program is inside it, a content security policy forbids it to load anything, and all text
is escaped. It can be mailed, archived and opened without a network in ten years.
"""

import json
from html import escape
from pathlib import Path
from string import Template

from algopioneer_core.domain.times import iso_utc
from algopioneer_core.history.intervals import format_interval
from algopioneer_core.reports.chart_series import ChartSeries
from algopioneer_core.reports.charts import figure
from algopioneer_core.reports.figures import (
    Section,
    amount_text,
    assumptions,
    figure_sections,
    number_text,
    percent_text,
    setting_sections,
)
from algopioneer_core.reports.output import write_text
from algopioneer_core.reports.spread_charts import spread_figure
from algopioneer_core.reports.spread_series import SpreadSeries
from algopioneer_core.simulation.result import BacktestResult

__all__ = ["render_report", "write_report"]

_PAGE = Path(__file__).with_name("report.html.template")


def write_report(path: Path, result: BacktestResult, series: ChartSeries) -> None:
    """
    Write the report of *result* to *path*, whole or not at all; about 5 MB.

    Raises:
        OutputError: It cannot be written.
    """
    write_text(path, render_report(result, series))


def render_report(result: BacktestResult, series: ChartSeries) -> str:
    """Return the report as one self-contained HTML document."""
    from plotly.offline import get_plotlyjs

    page = Template(_PAGE.read_text(encoding="utf-8"))
    described = (
        spread_figure(result, series)
        if isinstance(series, SpreadSeries)
        else figure(result, series)
    )
    chart = json.dumps(described, allow_nan=False, separators=(",", ":"))
    return page.substitute(
        title=escape(f"{result.strategy} on {', '.join(result.symbols)}"),
        subtitle=escape(_subtitle(result)),
        tiles=_tiles(result),
        figures="".join(map(_table, figure_sections(result))),
        settings="".join(map(_table, setting_sections(result))),
        assumptions="".join(f"<li>{escape(text)}</li>" for text in assumptions(result)),
        chart=chart.replace("<", "\\u003c"),  # no text may end the script element
        plotly=get_plotlyjs(),
    )


def _subtitle(result: BacktestResult) -> str:
    first, last = (iso_utc(ts_ns)[:10] for ts_ns in (result.first_bar_ns, result.last_bar_ns))
    return f"{result.bars:,} bars of {format_interval(result.interval_ns)}, {first} to {last} (UTC)"


def _tiles(result: BacktestResult) -> str:
    equity, trades = result.performance.equity, result.performance.trades
    profit = result.net_profit
    tone = "gain" if profit > 0 else "loss" if profit < 0 else ""
    tiles = (
        ("Net profit", amount_text(profit), tone, f"{result.currency}, after all costs"),
        (
            "Return",
            percent_text(equity.return_pct, signed=True),
            tone,
            f"buy and hold {percent_text(equity.buy_and_hold_return_pct, signed=True)}",
        ),
        (
            "Maximum drawdown",
            percent_text(equity.drawdown.depth_pct),
            "",
            f"in the market {percent_text(equity.exposure_pct)}",
        ),
        (
            "Sharpe ratio",
            number_text(equity.sharpe_ratio),
            "",
            f"Sortino {number_text(equity.sortino_ratio)}",
        ),
        (
            "Trades",
            f"{trades.totals.total:,}",
            "",
            f"won {percent_text(trades.win_rate_pct)}",
        ),
        (
            "Fees paid",
            amount_text(trades.totals.fees),
            "",
            f"{result.currency}; turnover {amount_text(trades.totals.turnover)}",
        ),
    )
    return "".join(
        f'<div class="tile"><h2>{escape(label)}</h2><p class="value {tone}">{escape(value)}</p>'
        f"<p>{escape(beside)}</p></div>"
        for label, value, tone, beside in tiles
    )


def _table(section: Section) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(label)}</th><td>{escape(value)}</td></tr>'
        for label, value in section.rows
    )
    return f"<section><h2>{escape(section.title)}</h2><table>{rows}</table></section>"
