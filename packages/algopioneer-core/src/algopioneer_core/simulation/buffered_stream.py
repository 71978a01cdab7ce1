"""A stream that keeps what is put into it until it is read."""

from collections import deque
from typing import TypeVar

import anyio
import anyio.lowlevel

from algopioneer_core.simulation.ending_stream import OneReaderStream

__all__ = ["BufferedStream"]

_T = TypeVar("_T")


class BufferedStream(OneReaderStream[_T]):
    """One reader's items, in the order in which they were put; there is no limit to them."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: deque[_T] = deque()
        self._news: anyio.Event | None = None
        self._is_closed = False

    def put(self, item: _T) -> None:
        """Add *item* behind those that wait."""
        self._waiting.append(item)
        self.wake()

    def close(self) -> None:
        """End the stream: what waits is gone, and a reader that waits gets the end."""
        self._is_closed = True
        self._waiting.clear()
        self.wake()

    def wake(self) -> None:
        """Let whoever waits for news look again."""
        if self._news is not None:
            self._news.set()
            self._news = None

    def take(self) -> _T:
        """
        Return the next item, which is there already.

        Raises:
            anyio.WouldBlock: It is not.
            anyio.EndOfStream: The stream was closed.
        """
        if self._waiting:
            return self._waiting.popleft()
        raise anyio.EndOfStream if self._is_closed else anyio.WouldBlock

    async def news(self) -> None:
        """Wait until something is put, the stream is closed, or somebody calls `wake`."""
        if self._news is None:
            self._news = anyio.Event()
        await self._news.wait()

    async def _next(self) -> _T:
        self.ask()
        await anyio.lowlevel.checkpoint()
        while True:
            try:
                return self.take()
            except anyio.WouldBlock:
                await self.news()

    def ask(self) -> None:
        """Take note that the reader has handled what it got, and asks for more."""
