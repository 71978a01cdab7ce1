"""A bell that one task waits for and anybody may ring."""

import anyio

__all__ = ["Wake"]


class Wake:
    """Rung any number of times, it wakes its waiter once; rings while nobody waits are kept."""

    __slots__ = ("_event", "_rung")

    def __init__(self) -> None:
        self._event: anyio.Event | None = None
        self._rung = False

    def ring(self) -> None:
        """Wake the waiter, now or when it comes."""
        self._rung = True
        if self._event is not None:
            self._event.set()

    async def wait(self) -> None:
        """Wait for a ring since the last wait; a cancellation leaves the ring for the next wait."""
        if not self._rung:
            self._event = anyio.Event()
            try:
                await self._event.wait()
            finally:
                self._event = None
        self._rung = False
