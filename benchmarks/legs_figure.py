"""
What leg manager and journal buy, in one figure: each entry of the table is killed once on its way.

    python -m benchmarks.legs_figure docs/explanation/legs-restarts.svg

A process is killed within five seconds after its orders went out, and is back five seconds later.
The leg manager goes on with what its journal has. Two plain orders without a journal are sent
again, because nobody knows of the first ones. Everything is seeded: the same file on every machine.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.legs_baseline import HORIZON_S, Outcome, enter, restarts_at

__all__ = ["figure"]

ENTRIES: Final = 1_000
LEFT, TOP, WIDTH, HEIGHT = 60, 40, 380, 240
BARS: Final = 520
SERIES: Final = (
    ("two plain orders, no journal", False, "#c0392b"),
    ("leg manager", True, "#1f618d"),
)
DOUBLED: Final = 1.01
"""A leg of more than its target, and a rounding."""


def curve(outcomes: Sequence[Outcome]) -> str:
    """Return the points of the share of entries that are at least so far apart in the end."""
    ends = sorted(each.final for each in outcomes)
    shares = [
        (step / 100, sum(x >= step / 100 for x in ends) / len(ends)) for step in range(1, 206)
    ]
    return " ".join(
        f"{LEFT + WIDTH * x / 2.05:.1f},{TOP + HEIGHT * (1 - share):.1f}" for x, share in shares
    )


def text(x: float, y: float, words: str, anchor: str = "middle", fill: str = "#222") -> str:
    """Return a label."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}">{words}</text>'


def _frame() -> list[str]:
    bottom, right = TOP + HEIGHT, LEFT + WIDTH
    return [
        f'<path d="M{LEFT} {TOP}V{bottom}H{right}" fill="none" stroke="#222"/>',
        text(LEFT, TOP - 16, f"residual {HORIZON_S} s after entry, at least (legs)", "start"),
        text(BARS - 20, TOP - 16, "entries that held a leg twice", "start"),
        *(text(LEFT - 8, TOP + HEIGHT * (1 - s) + 4, f"{s:.0%}", "end") for s in (0, 0.5, 1)),
        *(text(LEFT + WIDTH * x / 2.05, bottom + 18, f"{x:g}") for x in (0, 0.5, 1, 1.5, 2)),
        f'<path d="M{BARS - 20} {bottom}H{BARS + 200}" fill="none" stroke="#222"/>',
    ]


def figure(entries: int = ENTRIES) -> str:
    """Return the figure as SVG: a curve of residuals, and how many entries were doubled."""
    parts = _frame()
    for number, (name, managed, colour) in enumerate(SERIES):
        outcomes = [
            enter(seed, managed=managed, killed_after_s=restarts_at(seed))
            for seed in range(entries)
        ]
        parts.append(
            f'<polyline points="{curve(outcomes)}" fill="none" stroke="{colour}" stroke-width="2"/>'
        )
        parts.append(text(LEFT + 120, TOP + 20 + 20 * number, name, "start", colour))
        share = sum(each.most > DOUBLED for each in outcomes) / entries
        x, high = BARS + 110 * number, HEIGHT * share
        y = TOP + HEIGHT - high
        parts.append(f'<rect x="{x}" y="{y:.1f}" width="60" height="{high:.1f}" fill="{colour}"/>')
        parts.append(text(x + 30, y - 6, f"{share:.1%}", fill=colour))
    body = "\n".join(parts)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 740 320" '
        'font-family="sans-serif" font-size="13">\n'
        f'<rect width="740" height="320" fill="#fff"/>\n{body}\n</svg>\n'
    )


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(figure(), encoding="utf-8")
