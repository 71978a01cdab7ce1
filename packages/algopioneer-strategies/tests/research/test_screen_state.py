"""A screen that is interrupted goes on where it stopped."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from algopioneer_core.domain.errors import OutputError
from algopioneer_strategies.research import cointegration
from algopioneer_strategies.research.lag_choice import LagCriterion, LagRule
from algopioneer_strategies.research.screen import ScreenRule, screen
from algopioneer_strategies.research.screen_state import ScreenState
from algopioneer_strategies.research.universe import AlignedCloses

Walks = Callable[..., NDArray[np.float64]]
RULE = ScreenRule(lags=LagRule(LagCriterion.FIXED, 1))


@pytest.fixture
def closes(walks: Walks, monkeypatch: pytest.MonkeyPatch) -> AlignedCloses:
    """Return eight walks, whose 28 pairs come in tiles of 6, 16 and 6, in batches of three."""
    monkeypatch.setattr(cointegration, "_BATCH", 3)
    monkeypatch.setattr(cointegration, "_TILE", (4, 4))
    return AlignedCloses(tuple("ABCDEFGH"), 1, np.arange(200), walks(8, 200))


def interrupted_at(pairs: int) -> Callable[[int, int], None]:
    """Return a watcher that types Ctrl-C when so many pairs are done."""

    def watch(done: int, total: int) -> None:
        if done >= pairs:
            raise KeyboardInterrupt

    return watch


def test_an_interrupted_screen_goes_on(closes: AlignedCloses, tmp_path: Path) -> None:
    """What is done is not done again, and the end is that of an uninterrupted one."""
    kept = ScreenState(tmp_path / "state")
    with pytest.raises(KeyboardInterrupt):
        screen(closes, RULE, watch=interrupted_at(12), kept=kept)
    seen: list[tuple[int, int]] = []
    found = screen(closes, RULE, watch=lambda *told: seen.append(told), kept=kept)
    whole = screen(closes, RULE)
    assert [(28, 28)] == seen  # two tiles were done; the last was thrown away
    assert found.tests is not None
    assert whole.tests is not None
    assert np.array_equal(whole.tests.statistics, found.tests.statistics)
    assert np.array_equal(whole.q_values, found.q_values)
    kept.forget()
    assert [] == list(tmp_path.iterdir())


def test_another_search_begins_at_the_beginning(
    closes: AlignedCloses, walks: Walks, tmp_path: Path
) -> None:
    """Other prices, other lags, or a file that is none: everything is tested."""
    kept = ScreenState(tmp_path / "state")
    with pytest.raises(KeyboardInterrupt):
        screen(closes, RULE, watch=interrupted_at(12), kept=kept)
    others = AlignedCloses(closes.symbols, 1, closes.times_ns, walks(8, 200, seed=9))
    two_lags = ScreenRule(lags=LagRule(LagCriterion.FIXED, 2))
    for prices, rule in ((others, RULE), (closes, two_lags)):
        seen: list[tuple[int, int]] = []
        screen(prices, rule, watch=lambda *told, to=seen: to.append(told), kept=kept)
        assert (6, 28) == seen[0]
    kept.path.write_bytes(b"PK no archive")
    assert 28 == screen(closes, RULE, kept=kept).test_count


def test_nothing_done_is_nothing_kept(closes: AlignedCloses, tmp_path: Path) -> None:
    """An interruption before the first batch leaves no file."""
    kept = ScreenState(tmp_path / "state")
    tests = cointegration.untested(cointegration.all_pairs(8))
    kept.keep(tests, closes, RULE.lags)
    assert [] == list(tmp_path.iterdir())


def test_a_state_that_cannot_be_kept_is_told(closes: AlignedCloses, tmp_path: Path) -> None:
    """With the place and the remedy."""
    kept = ScreenState(tmp_path / "nowhere" / "state")
    with pytest.raises(OutputError, match="--state"):
        screen(closes, RULE, watch=interrupted_at(12), kept=kept)
