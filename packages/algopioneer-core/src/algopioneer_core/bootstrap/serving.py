"""Health and metrics of a session over HTTP, where it has a table `[web]`."""

import importlib
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Final

from algopioneer_core.config.session import SessionConfig
from algopioneer_core.domain.errors import RefusedError
from algopioneer_core.runtime.announcements import Say
from algopioneer_core.runtime.session import Session
from algopioneer_core.runtime.status import SessionStatus, session_status
from algopioneer_core.telemetry.events import LogEvent
from algopioneer_core.telemetry.redaction import Redactor

__all__ = ["Shown", "require_web", "shown_on_the_web"]

_WHAT_NEEDS_MORE: Final = ("algopioneer_core.web.application", "algopioneer_core.web.server")


class Shown:
    """
    The session that is shown, once there is one.

    Args:
        say: Takes the lines of its log.
    """

    def __init__(self, say: Say) -> None:
        self.say = say
        self.session: Session | None = None

    def look(self) -> SessionStatus | None:
        """Return the session's status; None while it is being opened."""
        return None if self.session is None else session_status(self.session)


def require_web(config: SessionConfig) -> None:
    """
    Check that what `[web]` needs is installed.

    Raises:
        RefusedError: It is not.
    """
    try:
        for name in _WHAT_NEEDS_MORE if config.web is not None else ():
            importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing, _, _ = str(error.name).partition(".")
        raise RefusedError(
            f"serving health and metrics needs {missing}, which is not installed",
            where=config.place("web"),
            remedy='pip install "algopioneer-core[web]", or leave the table out',
        ) from error


@asynccontextmanager
async def shown_on_the_web(
    config: SessionConfig, say: Say, secrets: Iterable[str]
) -> AsyncIterator[Shown]:
    """
    Serve what the session's table `[web]` asks for, for the block; nothing without one.

    Give the session the `say` that is yielded, and put it into `session` once it is made.

    Args:
        config: The session.
        say: Takes the lines of the log.
        secrets: What must not be shown.

    Raises:
        RefusedError: The address cannot be had, or what is needed is not installed.
    """
    if config.web is None:
        yield Shown(say)
        return
    require_web(config)
    from algopioneer_core.web.application import application
    from algopioneer_core.web.counts import SessionCounts
    from algopioneer_core.web.server import listen, serving, url_of

    counts = SessionCounts(say)
    shown = Shown(counts)
    listening = listen(config.web.host, config.web.port, where=config.place("web"))
    say(LogEvent.WEB_LISTENING, url=url_of(listening))

    def failed(error: Exception) -> None:
        say(LogEvent.WEB_FAILED, error=f"{type(error).__name__}: {error}")

    pages = application(shown.look, counts, Redactor(secrets))
    async with serving(pages, listening, failed):
        yield shown
