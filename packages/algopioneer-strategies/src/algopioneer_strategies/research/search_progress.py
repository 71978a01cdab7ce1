"""How far a search is: on a terminal, once it takes more than a moment."""

from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

__all__ = ["SearchProgress"]

_PATIENCE_S: Final = 1.0
"""What takes less than this shows nothing."""


class _Speed(ProgressColumn):
    """Units per second, of which each step has so many."""

    def __init__(self, unit: str, per_step: int) -> None:
        super().__init__()
        self._unit, self._per_step = unit, per_step

    def render(self, task: Task) -> Text:
        """Return the speed; a dash before anything is known."""
        speed = task.finished_speed or task.speed
        number = "-" if speed is None else f"{speed * self._per_step:,.0f}"
        return Text(f"{number} {self._unit}/s")


class SearchProgress:
    """
    A bar with speed and time left, gone when the block it is used in is left.

    Args:
        told: What is said before the bar.
        unit: What the speed counts, in the plural.
        per_step: How many of these each pair has.
        console: Where to show it; standard error by default.
    """

    def __init__(
        self,
        told: str = "pairs screened",
        *,
        unit: str = "pairs",
        per_step: int = 1,
        console: Console | None = None,
    ) -> None:
        self._console = console or Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            _Speed(unit, per_step),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            refresh_per_second=2,
        )
        self._task = self._progress.add_task(told, total=None)
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

    def watch(self, done: int, total: int) -> None:
        """Show that *done* of *total* pairs are done."""
        self._progress.update(self._task, completed=done, total=total)
        late = self._progress.get_time() - self._since > _PATIENCE_S
        if late and not self._shown and self._console.is_terminal:
            self._progress.start()
            self._shown = True
