"""How a session is asked to end."""

import anyio

__all__ = ["StopRequest"]


class StopRequest:
    """Asked once, it ends a session in good order; the first reason stays."""

    def __init__(self) -> None:
        self.reason = ""
        """Why; empty while nobody has asked."""
        self._event = anyio.Event()

    def ask(self, reason: str) -> None:
        """Ask for the end."""
        self.reason = self.reason or reason
        self._event.set()

    @property
    def is_asked(self) -> bool:
        """Whether somebody has asked."""
        return self._event.is_set()

    async def wait(self) -> None:
        """Wait until somebody asks."""
        await self._event.wait()
