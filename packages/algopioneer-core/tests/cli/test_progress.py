"""Behaviour of the progress bar of a backtest."""

import io
import re

import numpy as np
import pytest
from rich.console import Console

from algopioneer_core.cli.kit import pace_progress
from algopioneer_core.cli.progress import PaceProgress, ProgressSink, StageProgress
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.history.columns import BarColumns
from algopioneer_core.history.joined import JointColumns


class _SlowConsole(Console):
    """A terminal on which an hour passes each time somebody looks at the clock."""

    def __init__(self, *, is_terminal: bool) -> None:
        super().__init__(file=io.StringIO(), force_terminal=is_terminal, get_time=self._later)
        self._hours = 0

    def _later(self) -> float:
        self._hours += 1
        return 3600.0 * self._hours


@pytest.mark.parametrize("is_terminal", [True, False])
def test_progress_is_shown_on_slow_runs_of_a_terminal_only(is_terminal: bool) -> None:
    """A pipe sees nothing."""
    column = np.arange(1, 4)
    chunk = BarColumns(
        instrument_id=InstrumentId("sim", "X"), interval_ns=1, ts_ns=column, open=column,
        high=column, low=column, close=column, volume=column, price_decimals=0, volume_decimals=0,
    )  # fmt: skip
    console = _SlowConsole(is_terminal=is_terminal)
    assert isinstance(console.file, io.StringIO)

    with ProgressSink(6, console) as progress:
        progress.bars(JointColumns((chunk,)), column.astype(np.float64), [])
        progress.bars(JointColumns((chunk,)), column.astype(np.float64), [])

    assert is_terminal is ("bars" in console.file.getvalue())


def test_each_part_of_something_slow_has_a_bar() -> None:
    """With how much of it is done."""
    console = _SlowConsole(is_terminal=True)
    assert isinstance(console.file, io.StringIO)
    with StageProgress(console) as progress:
        progress.move("journal", 1024, 2000)
        progress.move("strategies", 1, 2)
    shown = console.file.getvalue()
    assert "journal" in shown
    assert "1024/2000" in shown


class _Watched(Console):
    """A terminal whose clock stands where it is put."""

    def __init__(self, *, is_terminal: bool = True) -> None:
        self.now_s = 0.0
        super().__init__(
            file=io.StringIO(), force_terminal=is_terminal, width=100, get_time=lambda: self.now_s
        )

    @property
    def shown(self) -> str:
        """What was written, without colours."""
        assert isinstance(self.file, io.StringIO)
        return re.sub(r"\x1b\[[^A-Za-z]*[A-Za-z]", "", self.file.getvalue())


def _searched(console: _Watched, step_s: float) -> str:
    with PaceProgress("pairs tried", unit="cells", per_step=192, console=console) as progress:
        for done in (1, 2, 3):
            console.now_s += step_s
            progress.watch(done, 4)
    return console.shown


def test_a_long_search_tells_its_pace_and_the_time_left() -> None:
    """As many cells as each step has: here a step in two seconds."""
    assert re.search(r"pairs tried .* 3/4 96 cells/s 0:00:02", _searched(_Watched(), 2.0))


def test_short_searches_and_pipes_see_nothing() -> None:
    """Standard error stays clean."""
    assert _searched(_Watched(), 0.1) == ""
    assert _searched(_Watched(is_terminal=False), 2.0) == ""
    assert isinstance(pace_progress("pairs screened", unit="pairs"), PaceProgress)
