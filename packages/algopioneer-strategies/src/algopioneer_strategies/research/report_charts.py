"""The charts of one pair, as plotly describes them; texts are escaped, times are UTC."""

import math
from collections.abc import Sequence
from html import escape
from typing import Any, Final

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from algopioneer_core.domain.errors import AlgopioneerError
from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.simulation.annualisation import bars_per_year
from algopioneer_strategies.research.evaluation import PairEvaluation
from algopioneer_strategies.research.screen import Screen, ScreenRule, screen
from algopioneer_strategies.research.search import FoundPair
from algopioneer_strategies.research.universe import AlignedCloses

__all__ = ["heat_map", "pair_figure", "thinned"]

_NS_PER_MS: Final = 1_000_000
_POINTS: Final = 1500
"""Points of a line, about: more than a screen has room for."""
_WINDOWS: Final = 30
"""Windows that p-value and half-life are looked at in."""
_BLUE, _GREY, _RED, _GREEN, _ORANGE = "#1f5fbf", "#9aa4b2", "#c8402f", "#138a5e", "#d9822b"
_PANELS: Final = (
    "Equity: in sample (grey, the best cell) and out of sample",
    "Prices, 1 at the first bar",
    "Spread at the hedge ratio of the screen",
    "z that was traded, its entry levels, and fills",
    "Hedge ratio that was traded",
    "p-value of cointegration in rolling windows",
    "Half-life in rolling windows, bars",
)
_GAP: Final = 0.03

Plotly = dict[str, Any]


def pair_figure(found: FoundPair, closes: AlignedCloses, rule: ScreenRule) -> Plotly:
    """
    Return data and layout of a pair's charts under one time axis.

    Args:
        found: The pair.
        closes: The closes of its universe.
        rule: How the screen tested it, for the rolling windows.
    """
    drawn = _Drawn(found, found.evaluation)
    return {
        "data": [
            *drawn.equity(),
            *drawn.prices(),
            *drawn.spread(),
            *drawn.z(),
            *drawn.hedge(),
            *_drift(found, closes, rule),
        ],
        "layout": _layout(),
    }


def _line(
    ts_ns: NDArray[np.int64],
    values: NDArray[np.float64],
    name: str,
    color: str,
    axis: int,
    **more: object,
) -> Plotly:
    """Return a line in the panel *axis*, thinned where the screen has no room; NaN is a gap."""
    places = thinned(values)
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": (ts_ns[places] // _NS_PER_MS).tolist(),
        "y": [None if math.isnan(y) else float(f"{y:.8g}") for y in values[places].tolist()],
        "yaxis": "y" if axis == 1 else f"y{axis}",
        "line": {"color": color, "width": 1.3},
        "showlegend": False,
        **more,
    }


def thinned(values: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the places of the lowest and highest value of each stretch, in order; all of few."""
    if len(values) <= _POINTS:
        return np.arange(len(values))
    chosen: set[int] = set()
    for part in np.array_split(np.arange(len(values)), _POINTS // 2):
        known = part[np.isfinite(values[part])]
        kept = (
            part[:1] if not len(known) else known[[values[known].argmin(), values[known].argmax()]]
        )
        chosen.update(kept.tolist())
    return np.array(sorted(chosen))


@frozen(eq=False)
class _Drawn:
    """The charts of what was traded."""

    found: FoundPair
    evaluation: PairEvaluation

    def equity(self) -> list[Plotly]:
        """Return the best cell in sample, and the walk-forward out of sample."""
        evaluation = self.evaluation
        out = evaluation.confirmed
        lines = [_line(out.ts_ns, out.equity, "Out of sample", _BLUE, 1)]
        winner = evaluation.search.winner
        if winner is None:
            return lines
        inside = np.cumprod(winner + 1.0, dtype=np.float64) * float(out.equity[0])
        ts_ns = evaluation.joint.ts_ns[evaluation.split - len(inside) : evaluation.split]
        return [_line(ts_ns, inside, "In sample", _GREY, 1), *lines]

    def prices(self) -> list[Plotly]:
        """Return both legs' closes over their first."""
        joint = self.evaluation.joint
        return [
            _line(
                joint.ts_ns,
                leg.close_float() / float(leg.close_float()[0]),
                escape(leg.instrument_id.symbol),
                color,
                2,
            )
            for leg, color in zip(joint.legs, (_BLUE, _ORANGE), strict=False)
        ]

    def spread(self) -> list[Plotly]:
        """Return ln leg1 - hedge ratio ln leg2."""
        first, second = (np.log(leg.close_float()) for leg in self.evaluation.joint.legs[:2])
        values = first - self.found.screened.hedge_ratio * second
        return [_line(self.evaluation.joint.ts_ns, values, "Spread", _BLUE, 3)]

    def z(self) -> list[Plotly]:
        """Return z, the levels of each test window, and where trades began and ended."""
        out = self.evaluation.confirmed
        level = np.full(len(out.z), np.nan)
        first = self.evaluation.walk.first_bar
        for each in self.evaluation.walk.folds:
            if each.choice is not None:
                start, stop = (bar - first for bar in each.fold.test)
                level[start:stop] = float(each.choice.cell.z_entry)
        return [
            _line(out.ts_ns, out.z, "z", _BLUE, 4),
            _line(out.ts_ns, level, "Entry level", _GREY, 4),
            _line(out.ts_ns, -level, "Entry level", _GREY, 4),
            self._fills(out.first_leg, out.ts_ns, out.z),
        ]

    def _fills(
        self, trips: Sequence[RoundTrip], ts_ns: NDArray[np.int64], z: NDArray[np.float64]
    ) -> Plotly:
        times = [trip.entry_ns for trip in trips] + [trip.exit_ns for trip in trips]
        places = np.minimum(np.searchsorted(ts_ns, times), len(ts_ns) - 1)
        entries = len(trips)
        return {
            "type": "scatter",
            "mode": "markers",
            "name": "Fills",
            "x": [each // _NS_PER_MS for each in times],
            "y": [None if math.isnan(y) else float(f"{y:.6g}") for y in z[places].tolist()],
            "yaxis": "y4",
            "marker": {
                "size": 7,
                "color": [_GREEN] * entries + [_RED] * entries,
                "symbol": ["circle"] * entries + ["x"] * entries,
            },
            "text": ["entry"] * entries + ["exit"] * entries,
            "showlegend": False,
        }

    def hedge(self) -> list[Plotly]:
        """Return the hedge ratio at each bar, as the strategy saw it."""
        out = self.evaluation.confirmed
        return [_line(out.ts_ns, out.hedge_ratio, "Hedge ratio", _BLUE, 5)]


def _drift(found: FoundPair, closes: AlignedCloses, rule: ScreenRule) -> list[Plotly]:
    """Return p-value and half-life of the pair in windows half as long as what the screen saw."""
    pair = found.screened
    both = closes.only([closes.symbols.index(pair.leg1), closes.symbols.index(pair.leg2)])
    length = found.evaluation.split // 2
    ends = np.unique(np.linspace(length, len(both), _WINDOWS).astype(int))
    rows = [_window(both.between(int(end) - length, int(end)), rule) for end in ends]
    p_values, half_lives = np.array(rows, np.float64).T
    ts_ns = both.times_ns[ends - 1]
    return [
        _line(ts_ns, p_values, "p-value", _BLUE, 6, mode="lines+markers"),
        _line(ts_ns, half_lives, "Half-life", _BLUE, 7, mode="lines+markers"),
    ]


def _window(closes: AlignedCloses, rule: ScreenRule) -> tuple[float, float]:
    """Return p-value and half-life in a window; NaN where they are undefined."""
    try:
        found: Screen = screen(closes, ScreenRule(lags=rule.lags, cointegration=rule.cointegration))
    except AlgopioneerError:
        return math.nan, math.nan  # a leg stood still, or both were one
    for pair in found.every_pair():
        half_life = math.nan if pair.half_life is None else pair.half_life
        return (math.nan if pair.p_value is None else pair.p_value), half_life
    return math.nan, math.nan


def _layout() -> Plotly:
    height = (1 + _GAP) / len(_PANELS)
    layout: Plotly = {
        "height": 1250,
        "margin": {"l": 60, "r": 16, "t": 24, "b": 36},
        "font": {"family": "system-ui, sans-serif", "size": 12, "color": "#1c2430"},
        "plot_bgcolor": "white",
        "paper_bgcolor": "white",
        "hovermode": "x",
        "xaxis": {"type": "date", "anchor": f"y{len(_PANELS)}", "gridcolor": "#e8ebf0"},
        "annotations": [],
    }
    for number, title in enumerate(_PANELS, 1):
        top = 1 - (number - 1) * height
        axis = "yaxis" if number == 1 else f"yaxis{number}"
        layout[axis] = {
            "domain": [max(0.0, top - height + _GAP + 0.012), top - 0.012],
            "gridcolor": "#e8ebf0",
            "zeroline": False,
        }
        layout["annotations"].append(
            {
                "text": title,
                "xref": "paper",
                "yref": "paper",
                "x": 0,
                "y": top,
                "xanchor": "left",
                "yanchor": "middle",
                "showarrow": False,
            }
        )
    layout["yaxis6"] |= {"range": [0, 1]}
    return layout


def heat_map(evaluation: PairEvaluation) -> Plotly | None:
    """
    Return the in-sample Sharpe ratio a year by window and entry, best over exits and hedges.

    Returns:
        None where nothing was tried.
    """
    grid = evaluation.search.grid
    if grid is None:
        return None
    ts_ns = evaluation.joint.ts_ns[: evaluation.split]
    yearly = bars_per_year(len(ts_ns) - 1, int(ts_ns[0]), int(ts_ns[-1])) or 1.0
    windows = sorted({cell.window for cell in grid.cells})
    entries = sorted({cell.z_entry for cell in grid.cells})
    best = np.full((len(windows), len(entries)), np.nan)
    for cell, sharpe in zip(grid.cells, grid.sharpe.tolist(), strict=True):
        place = windows.index(cell.window), entries.index(cell.z_entry)
        best[place] = np.fmax(best[place], sharpe * math.sqrt(yearly))
    rows = [[None if math.isnan(y) else round(y, 3) for y in row] for row in best.tolist()]
    return {
        "data": [
            {
                "type": "heatmap",
                "x": [str(entry) for entry in entries],
                "y": [str(window) for window in windows],
                "z": rows,
                "colorscale": "RdBu",
                "zmid": 0,
                "reversescale": True,  # blue is a gain
            }
        ],
        "layout": {
            "height": 320,
            "margin": {"l": 60, "r": 16, "t": 24, "b": 44},
            "xaxis": {"title": {"text": "entry level of z"}, "type": "category"},
            "yaxis": {"title": {"text": "window"}, "type": "category"},
        },
    }
