"""A bell that tasks wait for and anybody may ring."""

from collections.abc import Callable

import anyio

__all__ = ["Wake"]


class Wake:
    """Rung any number of times, it wakes all who wait; with nobody waiting, the next who comes."""

    __slots__ = ("_event", "_make_event", "_rung")

    def __init__(self) -> None:
        self._event: anyio.Event | None = None
        self._make_event: Callable[[], anyio.Event] = anyio.Event
        self._rung = False

    @property
    def is_rung(self) -> bool:
        """Whether the next `wait` returns at once, without letting others run."""
        return self._rung

    def ring(self) -> None:
        """Wake all who wait now, or else the next who comes."""
        self._rung = True
        if self._event is not None:
            self._event.set()
            self._event = None

    async def wait(self) -> None:
        """Wait for a ring since the last wait; a cancellation leaves the ring for the next wait."""
        if not self._rung:
            if self._event is None:
                self._event = self._make_event()
                self._make_event = type(self._event)  # anyio asks each time which loop there is
            await self._event.wait()
        self._rung = False
