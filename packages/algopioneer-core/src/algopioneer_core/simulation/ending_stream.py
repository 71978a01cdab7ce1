"""What iteration over a simulated stream is."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from typing import Generic, TypeVar

import anyio

__all__ = ["EndingStream"]

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
