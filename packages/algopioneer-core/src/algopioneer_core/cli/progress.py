"""Progress bars for what takes over a second; on a terminal only."""

from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.history.joined import JointColumns
from algopioneer_core.simulation.sinks import Float64Array, Holding

__all__ = ["DownloadProgress", "PaceProgress", "ProgressSink", "StageProgress"]

_PATIENCE_S: Final = 1.0
"""Runs shorter than this show nothing."""


class _Bars:
    """
    Bars of progress on standard error, shown once they have taken a while, and only on a terminal.

    Use it as a context manager, so that they are gone when the run ends or fails.

    Args:
        console: Where to show them.
        columns: What is shown before the time left, beside how much is done.
    """

    def __init__(
        self, console: Console | None = None, columns: Sequence[ProgressColumn] = ()
    ) -> None:
        self._console = console or Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            *columns,
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            refresh_per_second=2,
        )
        self._since = self._progress.get_time()
        self._shown = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._shown:
            self._progress.stop()

    def _show_if_late(self) -> None:
        late = self._progress.get_time() - self._since > _PATIENCE_S
        if late and not self._shown and self._console.is_terminal:
            self._progress.start()
            self._shown = True


class StageProgress(_Bars):
    """How far something of several parts is: a bar for each of them."""

    def __init__(self, console: Console | None = None) -> None:
        super().__init__(console)
        self._tasks: dict[str, TaskID] = {}

    def move(self, part: str, done: int, total: int) -> None:
        """Show that *done* of *total* of a part are done."""
        if part not in self._tasks:
            self._tasks[part] = self._progress.add_task(part)
        self._progress.update(self._tasks[part], completed=done, total=total)
        self._show_if_late()


class _Pace(ProgressColumn):
    """Units per second, of which each step has so many."""

    def __init__(self, unit: str, per_step: int) -> None:
        super().__init__()
        self._unit, self._per_step = unit, per_step

    def render(self, task: Task) -> Text:
        """Return the pace; a dash before anything is known."""
        pace = task.finished_speed or task.speed
        number = "-" if pace is None else f"{pace * self._per_step:,.0f}"
        return Text(f"{number} {self._unit}/s")


class PaceProgress(_Bars):
    """
    How far something long is, how fast, and how much time is left: see `kit.pace_progress`.

    Args:
        told: What is said before the bar.
        unit: What the pace counts, in the plural.
        per_step: How many of these each step has.
        console: Where to show it.
    """

    def __init__(
        self, told: str, *, unit: str, per_step: int = 1, console: Console | None = None
    ) -> None:
        super().__init__(console, [_Pace(unit, per_step)])
        self._task = self._progress.add_task(told, total=None)

    def watch(self, done: int, total: int) -> None:
        """Show that *done* of *total* steps are done."""
        self._progress.update(self._task, completed=done, total=total)
        self._show_if_late()


class DownloadProgress(StageProgress):
    """How far a download is: a bar for each instrument."""

    def watch(self, instrument_id: InstrumentId, done: int, total: int) -> None:
        """Show that *done* of *total* bars of an instrument were asked for."""
        self.move(instrument_id, done, total)


class ProgressSink(_Bars):
    """
    A result sink that shows how far a run has come.

    Args:
        bars: How many bars there are.
        console: Where to show it.
    """

    def __init__(self, bars: int, console: Console | None = None) -> None:
        super().__init__(console)
        self._task = self._progress.add_task("bars", total=bars)

    def bars(
        self,
        chunk: JointColumns,
        equity: Float64Array,  # noqa: ARG002 - a sink's signature
        segments: Sequence[Holding],  # noqa: ARG002 - as above
    ) -> None:
        """Move on by the bars of *chunk*."""
        self._progress.advance(self._task, len(chunk))
        self._show_if_late()

    def round_trip(self, trade: RoundTrip) -> None:
        """Take no notice."""
