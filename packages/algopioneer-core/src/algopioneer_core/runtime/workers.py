"""
Tasks that are given one piece of work after another.

To start a task for each costs more than most of the work does: whoever has done his is given the
next, and a task is started only where all are busy.
"""

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import anyio.abc

from algopioneer_core.wire.wake import Wake

__all__ = ["Workers"]

_T = TypeVar("_T")


class Workers(Generic[_T]):
    """
    As many workers as there was ever work for at one time.

    What a piece of work raises ends the group, as it would in a task of its own; cancelling the
    group ends all of them.

    Args:
        tasks: Where they run.
        work: Does one piece.
    """

    def __init__(self, tasks: anyio.abc.TaskGroup, work: Callable[[_T], Awaitable[object]]) -> None:
        self._tasks = tasks
        self._work = work
        self._idle: list[_Hand[_T]] = []

    def give(self, piece: _T) -> None:
        """Have *piece* done, beside whatever else is being done; never waits."""
        if self._idle:
            self._idle.pop().take(piece)
        else:
            self._tasks.start_soon(self._serve, piece)

    async def _serve(self, first: _T) -> None:
        hand = _Hand(first)
        while True:
            await self._work(hand.piece)
            self._idle.append(hand)
            await hand.bell.wait()


class _Hand(Generic[_T]):
    """What one worker has to do."""

    def __init__(self, piece: _T) -> None:
        self.piece = piece
        self.bell = Wake()

    def take(self, piece: _T) -> None:
        self.piece = piece
        self.bell.ring()
