"""The bar of a screen says how fast it is and how long it will take, to people only."""

import io

import pytest
from rich.console import Console

from algopioneer_strategies.research import screen_progress
from algopioneer_strategies.research.screen_progress import ScreenProgress


def shown(*, is_terminal: bool) -> str:
    """Return what a screen of a thousand pairs writes."""
    console = Console(file=io.StringIO(), force_terminal=is_terminal, width=100)
    with ScreenProgress(console) as progress:
        for done in (100, 400, 900, 1000):
            progress.watch(done, 1000)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_terminal_sees_pairs_per_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the screen has taken a while."""
    monkeypatch.setattr(screen_progress, "_PATIENCE_S", -1.0)
    text = shown(is_terminal=True)
    assert "pairs/s" in text
    assert "1000/1000" in text


def test_short_screens_and_pipes_see_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard error stays clean."""
    assert "" == shown(is_terminal=True)
    monkeypatch.setattr(screen_progress, "_PATIENCE_S", -1.0)
    assert "" == shown(is_terminal=False)
