"""The bar of a search says how fast it is and how long it will take, to people only."""

import io
import re

import pytest
from rich.console import Console

from algopioneer_strategies.research import search_progress
from algopioneer_strategies.research.search_progress import SearchProgress


def shown(*, is_terminal: bool) -> str:
    """Return what a search over a thousand pairs writes."""
    console = Console(file=io.StringIO(), force_terminal=is_terminal, width=100)
    with SearchProgress(console=console) as progress:
        for done in (100, 400, 900, 1000):
            progress.watch(done, 1000)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_terminal_sees_pairs_per_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the screen has taken a while."""
    monkeypatch.setattr(search_progress, "_PATIENCE_S", -1.0)
    text = shown(is_terminal=True)
    assert "pairs/s" in text
    assert "1000/1000" in text


def test_a_grid_says_cells_per_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many for each pair as it has: here a pair a second."""
    now = [0.0]
    monkeypatch.setattr(search_progress, "_PATIENCE_S", -1.0)
    console = Console(file=io.StringIO(), force_terminal=True, width=100, get_time=lambda: now[0])
    with SearchProgress("pairs tried", unit="cells", per_step=192, console=console) as progress:
        for done in (1, 2, 3):
            now[0] += 1.0
            progress.watch(done, 4)
    assert isinstance(console.file, io.StringIO)
    text = re.sub(r"\x1b\[[^A-Za-z]*[A-Za-z]", "", console.file.getvalue())  # without colours
    assert re.search(r"pairs tried .* 3/4 192 cells/s 0:00:01", text)


def test_short_screens_and_pipes_see_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard error stays clean."""
    assert "" == shown(is_terminal=True)
    monkeypatch.setattr(search_progress, "_PATIENCE_S", -1.0)
    assert "" == shown(is_terminal=False)
