"""How a session is asked to end."""

from typing import Final

import anyio

from algopioneer_core.engine.risk import RiskGate

__all__ = ["STOPPING", "StopRequest", "resume_after_stop"]

STOPPING: Final = "the session is stopping"
"""Why nothing is opened while a session winds down."""


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


def resume_after_stop(risk: RiskGate) -> None:
    """Lift the halt of a session that ended while it was winding down; any other stays."""
    if risk.halted() == STOPPING:
        risk.resume()
