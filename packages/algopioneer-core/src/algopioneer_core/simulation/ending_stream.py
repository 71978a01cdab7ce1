"""What iteration over a simulated stream is."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from typing import Generic, TypeVar

import anyio

__all__ = ["EndingStream", "OneReaderStream"]

_T = TypeVar("_T")


class EndingStream(ABC, Generic[_T]):
    """A `ReceiveStream` whose iteration ends where `receive` says that there are no more."""

    @abstractmethod
    async def receive(self) -> _T:
        """
        Wait for the next item; a cancellation leaves it for the next call.

        Raises:
            anyio.EndOfStream: There are no more.
        """

    def __aiter__(self) -> AsyncIterator[_T]:
        return self

    async def __anext__(self) -> _T:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None


class OneReaderStream(EndingStream[_T]):
    """One that a single task reads at a time; another one that comes meanwhile is told so."""

    def __init__(self) -> None:
        self._is_asked = False

    async def receive(self) -> _T:
        """
        Wait for the next item and return it; a cancellation leaves it for the next call.

        Raises:
            anyio.EndOfStream: There are no more.
            anyio.BusyResourceError: Another task waits for it already.
        """
        if self._is_asked:
            raise anyio.BusyResourceError("reading from")
        self._is_asked = True
        try:
            return await self._next()
        finally:
            self._is_asked = False

    @abstractmethod
    async def _next(self) -> _T:
        """Wait for the next item, which nobody else waits for."""
