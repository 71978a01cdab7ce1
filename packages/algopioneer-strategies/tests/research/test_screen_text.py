"""What a screen says to people."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from attrs import evolve
from numpy.typing import NDArray
from rich.console import Console

from algopioneer_strategies.research.screen import Screen, ScreenRule, screen
from algopioneer_strategies.research.screen_text import print_screen
from algopioneer_strategies.research.universe import AlignedCloses, Coverage

Walks = Callable[..., NDArray[np.float64]]


def said(found: Screen, *coverage: Coverage) -> list[str]:
    """Return the lines for a pipe."""
    console = Console(file=io.StringIO(), width=200)
    print_screen(found, found.survivors, coverage, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


@pytest.fixture
def closes(walks: Walks) -> AlignedCloses:
    """Return walks, one of them twice, noise, and the sum of a walk."""
    found = walks(5, 400, seed=3)
    found[1] = 1.0 + found[0]
    found[3] = 0.05 * np.random.Generator(np.random.PCG64(1)).standard_normal(400)
    found[4] = np.cumsum(found[4] - 4.0)
    return AlignedCloses(tuple("ABCDE"), 3_600_000_000_000, np.arange(400) + 1, found)


def test_what_can_be_no_leg_is_named(closes: AlignedCloses) -> None:
    """Who was left out, who is stationary, who wanders twice, who is collinear with whom."""
    absent = Coverage("Z", 3, 0.1, 0, 1, 9, 1, left_out="it has 10.0% of the calendar's bars")
    lines = said(screen(closes, ScreenRule(fdr=0.001)), absent)
    assert "left out: Z, it has 10.0% of the calendar's bars" in lines
    assert "D is stationary by itself: no pair with it survives" in lines
    assert "E: its changes wander too: no pair with it survives" in lines
    assert "collinear, not tested: A and B" in lines
    assert any(line.startswith("9 tests (both directions are one); ") for line in lines)
    assert "no pair survives" == lines[-1]


def test_ties_are_told(closes: AlignedCloses) -> None:
    """Where rounding chose the lags, statsmodels may choose others."""
    found = screen(closes, ScreenRule())
    assert found.tests is not None
    found.tests.tied[0, -1] = True
    assert "in 1 directions two numbers of lags were equally good" in said(found)


def test_nothing_tested_is_said_to_be_so(closes: AlignedCloses) -> None:
    """Pairs that are left were measured, not proven; they have no q-value."""
    found = screen(closes, ScreenRule(cointegration=False, max_half_life=1e9, min_half_life=1e-9))
    lines = said(evolve(found, survivors=found.every_pair()[:1]))
    assert "10 pairs measured, none tested; 1 are left" in lines
    assert ["A", "B", "-", "-", "-", "1.00"] == lines[-1].split("  ")[:6]
