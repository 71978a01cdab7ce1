"""
What a screen can find: the share of planted pairs it discovers, by length of history and half-life.

    python -m benchmarks.discovery_power docs/explanation/discovery-power.svg

Each universe has twenty series, ten of them in five pairs whose spreads come back with a stated
half-life. Innovations of a spread are a quarter of a walk's, and lags are chosen by AIC. Three ways
to look: all 190 pairs at p < 0.05 in either direction; all 190 pairs at q <= 0.10; and the thirty
pairs inside five sectors of four at q <= 0.10. Everything is seeded: the same file everywhere.

    python -m benchmarks.discovery_power --noise

prints instead how often unrelated pairs are rejected when one leg carries noise that fades.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from algopioneer_strategies.research.cointegration import all_pairs, engle_granger
from algopioneer_strategies.research.lag_choice import LagCriterion, LagRule
from algopioneer_strategies.research.multiple_testing import benjamini_hochberg, two_looks
from algopioneer_strategies.research.tiles import LocalTiles

__all__ = ["Found", "figure", "look"]

Floats = NDArray[np.float64]
SYMBOLS: Final = 20
PLANTED: Final = 5
SECTOR: Final = 4
"""Symbols of a sector; the first two of each are a pair."""
RULE: Final = LagRule(LagCriterion.AIC)
BARS: Final = (250, 500, 1000, 2000)
HALF_LIVES: Final = (5, 10, 20, 40)
COLOURS: Final = ("#c0392b", "#d68910", "#1e8449", "#1f618d")


class Found(NamedTuple):
    """What one way to look finds, in universes together."""

    true: float
    """Share of the planted pairs."""
    false: float
    """Pairs of a universe that are none."""


def universe(bars: int, half_life: float, seed: int, noisiness: float = 0.25) -> Floats:
    """
    Return twenty log prices, of which the first two of each four are held together.

    Args:
        bars: How many closes.
        half_life: Of the spreads, in bars.
        seed: Of all noise.
        noisiness: Innovations of a spread, as a share of those of a walk.
    """
    noise = np.random.Generator(np.random.PCG64(seed)).standard_normal((SYMBOLS + PLANTED, bars))
    prices = np.cumsum(noise[:SYMBOLS], axis=1)
    keep = 0.5 ** (1.0 / half_life)
    spreads = np.zeros((PLANTED, bars))
    for at in range(1, bars):
        spreads[:, at] = keep * spreads[:, at - 1] + noisiness * noise[SYMBOLS:, at]
    prices[1::SECTOR] = prices[0::SECTOR] + spreads
    return prices


def look(bars: int, half_life: float, universes: int) -> tuple[Found, Found, Found]:
    """Return what is found naively, by q over all pairs, and by q inside sectors."""
    pairs = all_pairs(SYMBOLS)
    inside = pairs[:, 0] // SECTOR == pairs[:, 1] // SECTOR
    planted = inside & (pairs[:, 0] % SECTOR == 0) & (pairs[:, 1] % SECTOR == 1)
    hits = np.zeros((3, len(pairs)))
    for seed in range(universes):
        prices = universe(bars, half_life, seed)
        one, other = engle_granger(prices, pairs, RULE, tiles=LocalTiles(1)).p_values
        p_values = two_looks(one, other)
        hits[0] += np.minimum(one, other) < 0.05
        hits[1] += benjamini_hochberg(p_values) <= 0.10
        hits[2, inside] += benjamini_hochberg(p_values[inside]) <= 0.10
    naive, every, sectors = (
        Found(float(row[planted].mean()), float(row[~planted].sum())) for row in hits / universes
    )
    return naive, every, sectors


def noise_table(universes: int = 40) -> str:
    """Return how often unrelated pairs have p < 0.05 in a direction, by how noisy a leg is."""
    pairs = all_pairs(SYMBOLS)
    noisy = (pairs % SECTOR == 1).any(axis=1) & (pairs[:, 0] // SECTOR != pairs[:, 1] // SECTOR)
    lines = ["noisiness  lags 1   AIC  (500 closes, half-life 5 bars)"]
    for noisiness in (0.0, 0.25, 0.5, 1.0):
        rates = [
            np.mean(
                [
                    engle_granger(
                        universe(500, 5, seed, noisiness), pairs[noisy], rule, tiles=LocalTiles(1)
                    ).p_values.min(axis=0)
                    < 0.05
                    for seed in range(universes)
                ]
            )
            for rule in (LagRule(LagCriterion.FIXED, 1), RULE)
        ]
        lines.append(f"{noisiness:9g} {rates[0]:7.1%} {rates[1]:6.1%}")
    return "\n".join(lines)


# --- the figure ------------------------------------------------------------------------------

PANELS: Final = (
    "p < 0.05, 190 pairs",
    "q at most 0.10, 190 pairs",
    "q at most 0.10, 30 in sectors",
)
LEFT, TOP, WIDTH, HEIGHT, GAP = 50, 60, 210, 220, 40


def text(x: float, y: float, words: str, anchor: str = "middle", fill: str = "#222") -> str:
    """Return a label."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}">{words}</text>'


def _panel(number: int, curves: Sequence[Sequence[Found]]) -> list[str]:
    left, bottom = LEFT + number * (WIDTH + GAP), TOP + HEIGHT
    step = WIDTH / (len(BARS) - 1)
    false = np.mean([point.false for curve in curves for point in curve])
    parts = [
        f'<path d="M{left} {TOP}V{bottom}H{left + WIDTH}" fill="none" stroke="#222"/>',
        text(left, TOP - 28, PANELS[number], "start"),
        text(left, TOP - 10, f"{false:.2f} false pairs a universe", "start", "#777"),
        *(text(left + step * at, bottom + 18, str(bars)) for at, bars in enumerate(BARS)),
        *(text(left - 6, bottom - HEIGHT * s + 4, f"{s:.0%}", "end") for s in (0, 0.5, 1)),
    ]
    for curve, colour in zip(curves, COLOURS, strict=True):
        points = " ".join(
            f"{left + step * at:.1f},{bottom - HEIGHT * point.true:.1f}"
            for at, point in enumerate(curve)
        )
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
        )
    return parts


def figure(universes: int = 40) -> str:
    """Return the figure as SVG: power against length of history, one curve a half-life."""
    looks = [[look(bars, half_life, universes) for bars in BARS] for half_life in HALF_LIVES]
    parts = [text(LEFT, 16, "planted pairs found, by closes in the history; half-life", "start")]
    for at, (half_life, colour) in enumerate(zip(HALF_LIVES, COLOURS, strict=True)):
        parts.append(text(LEFT + 390 + 70 * at, 16, f"{half_life} bars", "start", colour))
    for number in range(len(PANELS)):
        parts += _panel(number, [[point[number] for point in curve] for curve in looks])
    body = "\n".join(parts)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 320" '
        'font-family="sans-serif" font-size="13">\n'
        f'<rect width="800" height="320" fill="#fff"/>\n{body}\n</svg>\n'
    )


if __name__ == "__main__":
    if sys.argv[1] == "--noise":
        print(noise_table())
    else:
        Path(sys.argv[1]).write_text(figure(), encoding="utf-8")
