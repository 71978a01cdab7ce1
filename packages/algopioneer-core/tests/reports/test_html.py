import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from algopioneer_core.domain.errors import OutputError
from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.reports.chart_series import ChartSeries
from algopioneer_core.reports.charts import figure
from algopioneer_core.reports.html import render_report, write_report

VOID = {"meta", "br", "img", "link", "input", "hr"}
LOADING = {"src", "href", "srcset", "action", "data", "poster", "background", "cite"}


class Page(HTMLParser):
    """Reads a page strictly: elements must close in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.scripts: list[str] = []
        self.policy = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loads += [(tag, value) for name, value in attrs if name in LOADING]
        if dict(attrs).get("http-equiv") == "Content-Security-Policy":
            self.policy = dict(attrs)["content"] or ""
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert tag == self.open.pop()

    def handle_data(self, data: str) -> None:
        (self.scripts if self.open[-1:] == ["script"] else self.texts).append(data)


@pytest.fixture
def page(run: Any) -> Page:
    """The report of the small run."""
    page = Page()
    page.feed(render_report(run.result, run.series))
    page.close()
    return page


def chart_of(page: Page) -> dict[str, Any]:
    """Return the figure a page draws."""
    found = re.search(r"const figure = (.*);\n", page.scripts[-1])
    assert found is not None
    chart: dict[str, Any] = json.loads(found[1])
    return chart


def test_the_page_is_well_formed_and_loads_nothing(page: Page) -> None:
    """No element refers to another file, and the policy forbids all requests."""
    assert page.open == []
    assert page.loads == []
    assert "default-src 'none'" in page.policy
    assert "http" not in page.policy


def test_the_program_is_inside_and_does_not_upload(page: Page) -> None:
    """plotly comes with the page, and its share button is switched off."""
    assert len(page.scripts[0]) > 1_000_000
    assert "showSendToCloud: false" in page.scripts[-1]


def test_text_from_outside_is_escaped(page: Page) -> None:
    """A symbol or a reason with markup is shown, not obeyed."""
    assert "moving-average on <A&B>" in page.texts
    assert "Bars were stamped by their <open>." in page.texts
    drawn = json.dumps(chart_of(page))
    assert "&lt;/script&gt;&lt;b&gt;signal&lt;/b&gt;" in drawn
    assert "<b>signal" not in drawn


def test_the_page_states_figures_settings_and_assumptions(page: Page) -> None:
    """What was earned, with what, and what to keep in mind."""
    for text in ("50.50", "+5.05 %", "buy and hold +15.00 %", "short window", "bars.csv"):
        assert text in page.texts


def test_charts_show_equity_drawdown_price_and_fills(run: Any) -> None:
    """Entries by direction, exits by outcome, each at its price."""
    chart = figure(run.result, run.series)
    traces = {trace["name"]: trace for trace in chart["data"]}
    assert list(traces) == [
        "Buy and hold",
        "moving-average",
        "Drawdown",
        "Close",
        "Buy to open",
        "Sell to open",
        "Closed with a gain",
        "Closed without a gain",
    ]
    assert traces["Buy and hold"]["y"] == [1_000, 1_100, 990, 1_200, 1_150]
    assert (
        traces["Buy to open"]["y"],
        traces["Closed without a gain"]["y"],
    ) == ([110.0], [99.0])
    assert run.result.first_bar_ns // 1_000_000 == traces["Close"]["x"][0]
    assert "all trades marked" in chart["layout"]["annotations"][2]["text"]


def test_a_chart_that_leaves_trades_out_says_so(run: Any, trades: tuple[RoundTrip, ...]) -> None:
    """One in how many is marked."""
    series = ChartSeries(trades=2)
    for _ in range(5):
        series.round_trip(trades[0])
    text = figure(run.result, series)["layout"]["annotations"][2]["text"]
    assert "1 in 4 trades marked" in text


def test_a_run_without_trades_has_no_marks(run: Any) -> None:
    """And says so."""
    chart = figure(run.result, ChartSeries())
    assert len(chart["data"]) == 4
    assert "no trades" in chart["layout"]["annotations"][2]["text"]


def test_the_report_is_written_whole(run: Any, tmp_path: Path) -> None:
    """Or an error names where it could not be."""
    write_report(tmp_path / "report.html", run.result, run.series)
    assert (tmp_path / "report.html").read_text(encoding="utf-8").endswith("</html>\n")
    with pytest.raises(OutputError, match="missing"):
        write_report(tmp_path / "missing" / "report.html", run.result, run.series)
