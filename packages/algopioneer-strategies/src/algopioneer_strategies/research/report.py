"""
`report.html` of a search: one file that needs nothing else, and says first what it cost to find.

plotly's program is inside it, a content security policy forbids it to load anything, and all text
is escaped.
"""

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from algopioneer_core.domain.times import iso_utc
from algopioneer_core.history.intervals import format_interval
from algopioneer_strategies.research.discovery import Discovery
from algopioneer_strategies.research.report_charts import Plotly, heat_map, pair_figure
from algopioneer_strategies.research.search import FoundPair

__all__ = ["render_report"]

_PAGE = Path(__file__).with_name("report.html.template")


def render_report(
    discovery: Discovery, found: Sequence[FoundPair], *, head: str, ts_ns: int
) -> str:
    """
    Return the report as one self-contained HTML document.

    Args:
        discovery: The screen.
        found: Its survivors, traded.
        head: Chain head of the ledger that all of it is written down in.
        ts_ns: When it was made.
    """
    from plotly.offline import get_plotlyjs

    figures: dict[str, Plotly] = {}
    sections = []
    for number, each in enumerate(found):
        figures[f"pair{number}"] = pair_figure(each, discovery.closes, discovery.screen.rule)
        heat = heat_map(each.evaluation)
        if heat is not None:
            figures[f"heat{number}"] = heat
        sections.append(_section(number, each, discovery))
    text = json.dumps(figures, allow_nan=False, separators=(",", ":"))
    page = Template(_PAGE.read_text(encoding="utf-8"))
    return page.substitute(
        title="Discovered pairs",
        subtitle=escape(_subtitle(discovery)),
        summary="".join(f"<li>{escape(line)}</li>" for line in _summary(discovery, found)),
        sections="".join(sections) or "<div class='card'><p>No pair survives.</p></div>",
        made=escape(f"Made {iso_utc(ts_ns)}; chain head of the ledger {head}."),
        figures=text.replace("<", "\\u003c"),  # no text may end the script element
        plotly=get_plotlyjs(),
    )


def _subtitle(discovery: Discovery) -> str:
    closes = discovery.closes
    first, last = (iso_utc(int(closes.times_ns[at]))[:10] for at in (0, -1))
    return (
        f"{len(closes.symbols)} symbols, {len(closes):,} bars of "
        f"{format_interval(closes.interval_ns)}, {first} to {last} (UTC)"
    )


def _summary(discovery: Discovery, found: Sequence[FoundPair]) -> list[str]:
    screen, closes = discovery.screen, discovery.closes
    split = iso_utc(int(closes.times_ns[discovery.split - 1]))[:10]
    return [
        f"The screen saw the bars until {split}; the {len(closes) - discovery.split:,} behind it "
        "were held out, and are what out of sample means here.",
        f"Tests run: {screen.test_count}. Pairs with p < 0.05 in a direction, which is what one "
        f"sees who does not count: {screen.naive}. With a q-value up to {screen.rule.fdr:g}: "
        f"{screen.discoveries}. Survivors: {len(screen.survivors)}.",
        f"Pairs written: {sum(each.refusal is None for each in found)}.",
        "Fills are at the next close, with fee and slippage on all four; sizes are a share of "
        "equity; borrowing, funding and dividends are not counted.",
    ]


def _section(number: int, found: FoundPair, discovery: Discovery) -> str:
    pair = found.screened
    verdict = found.refusal
    text = "Written." if verdict is None else f"Not written: {verdict}."
    rows = "".join(
        f'<tr><th scope="row">{escape(label)}</th><td>{escape(value)}</td></tr>'
        for label, value in _honesty(found, discovery)
    )
    return (
        f'<div class="card"><h2>{escape(pair.leg1)} / {escape(pair.leg2)}</h2>'
        f"<p>{escape(text)}</p>"
        f'<div class="columns"><section class="honesty"><h3>How far this can be trusted</h3>'
        f"<table>{rows}</table></section><section><h3>In-sample Sharpe ratio a year</h3>"
        f'<div id="heat{number}"></div></section></div><div id="pair{number}">'
        "<noscript>The charts need JavaScript.</noscript></div></div>"
    )


def _honesty(found: FoundPair, discovery: Discovery) -> list[tuple[str, str]]:
    pair, evaluation = found.screened, found.evaluation
    odds, figures = evaluation.honesty, evaluation.confirmed.figures
    recorded, clustered = odds.by_recorded, odds.by_effective
    needed = _number(odds.track_record, 0)
    return [
        ("Out-of-sample return", f"{figures.return_pct:.2f} %"),
        ("Out-of-sample Sharpe ratio a year", _number(figures.sharpe_ratio)),
        ("Largest drawdown", f"{figures.drawdown.depth_pct:.2f} %"),
        ("Round trips", str(len(evaluation.confirmed.first_leg))),
        ("Walk-forward efficiency", _number(evaluation.walk.efficiency)),
        ("Tests of the screen", str(discovery.screen.test_count)),
        ("q-value (Benjamini-Hochberg)", _number(pair.q_value, 4)),
        ("q-value (Benjamini-Yekutieli)", _number(pair.q_value_by, 4)),
        ("Trials recorded", f"{odds.trials} ({odds.effective} different in this pair)"),
        ("Best Sharpe ratio by luck, per bar", _number(recorded and recorded.by_luck, 4)),
        ("Deflated Sharpe ratio", _number(recorded and recorded.deflated)),
        ("the same by the effective number", _number(clustered and clustered.deflated)),
        ("Probability of overfitting", _number(odds.overfitting)),
        ("Probability that the Sharpe ratio is above 0", _number(odds.above_zero)),
        ("Track record needed for 95 %", f"{needed} of {odds.bars} bars"),
    ]


def _number(value: Any, places: int = 2) -> str:
    return "undefined" if value is None else f"{value:.{places}f}"
