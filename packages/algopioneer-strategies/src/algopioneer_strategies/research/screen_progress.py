"""How far a screen is: on a terminal, once it takes more than a moment."""

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

__all__ = ["ScreenProgress"]

_PATIENCE_S: Final = 1.0
"""Screens shorter than this show nothing."""


class _Speed(ProgressColumn):
    """Pairs per second."""

    def render(self, task: Task) -> Text:
        """Return the speed; a dash before anything is known."""
        speed = task.finished_speed or task.speed
        return Text("- pairs/s" if speed is None else f"{speed:,.0f} pairs/s")


class ScreenProgress:
    """
    A bar with pairs per second and the time left, gone when the block it is used in is left.

    Args:
        console: Where to show it; standard error by default.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            _Speed(),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            refresh_per_second=2,
        )
        self._task = self._progress.add_task("pairs", total=None)
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
        """Show that *done* of *total* pairs are tested."""
        self._progress.update(self._task, completed=done, total=total)
        late = self._progress.get_time() - self._since > _PATIENCE_S
        if late and not self._shown and self._console.is_terminal:
            self._progress.start()
            self._shown = True
