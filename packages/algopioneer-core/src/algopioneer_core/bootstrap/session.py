"""From a checked configuration to a session that trades."""

import functools
import signal
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, AsyncExitStack
from typing import Any

import anyio
import anyio.to_thread

from algopioneer_core.bootstrap.host import load_host
from algopioneer_core.bootstrap.quarantine import quarantine, take_quarantined
from algopioneer_core.bootstrap.session_config import (
    CheckedSession,
    CheckedVenue,
    check_session,
)
from algopioneer_core.bootstrap.session_plan import session_plan
from algopioneer_core.bootstrap.surroundings import SystemClock, chance, new_uuid
from algopioneer_core.bootstrap.venues import made_venue, run_waiting
from algopioneer_core.config.session import SessionConfig, read_session
from algopioneer_core.domain.errors import AlgopioneerError, RefusedError
from algopioneer_core.journal.journal import open_journal
from algopioneer_core.plugins.manager import PluginHost
from algopioneer_core.ports import Notifier, Recorder, Venue
from algopioneer_core.runtime.session import Session, SessionResult
from algopioneer_core.runtime.stopping import StopRequest
from algopioneer_core.runtime.watchdog import watchdog
from algopioneer_core.telemetry.events import LogEvent
from algopioneer_core.telemetry.logging import get_logger, open_log
from algopioneer_core.telemetry.redaction import secrets_in

__all__ = ["SessionWatcher", "run_session", "start_session"]

SessionWatcher = Callable[[Session], Any]
"""Called once with a session that is about to run: a view attaches itself there."""


def run_session(
    config: SessionConfig,
    host: PluginHost,
    *,
    stop: StopRequest | None = None,
    watch: SessionWatcher = lambda _: None,
) -> SessionResult:
    """
    Run the session that *config* describes, to its end.

    Args:
        config: The session.
        host: The loaded plugins.
        stop: Ends it when asked.
        watch: Called with the session before it runs.

    Raises:
        AlgopioneerError: It is refused, or fails.
    """
    checked = check_session(config, host)
    start = functools.partial(start_session, checked, stop=stop, watch=watch)
    return run_waiting(start, backend=config.session.backend.value)


async def start_session(
    checked: CheckedSession,
    *,
    stop: StopRequest | None = None,
    watch: SessionWatcher = lambda _: None,
) -> SessionResult:
    """
    Open journal, venues, recorders and notifiers, run the session, and close them all.

    Raises:
        AlgopioneerError: It is refused, or fails.
    """
    config, clock = checked.config, SystemClock()
    async with AsyncExitStack() as stack:
        secrets = secrets_in(checked.plugin_configs)
        stack.enter_context(open_log(config.log, clock=clock, secrets=secrets))
        journal = await stack.enter_async_context(
            open_journal(config.journal_path, make_uuid=new_uuid)
        )
        recorders = await _open_recorders(checked, stack)
        notifiers = await _open_notifiers(checked, stack)
        venues = {each.table.name: await _open_venue(each, stack) for each in checked.venues}
        session = Session(
            await session_plan(checked, venues),
            venues,
            journal,
            clock=clock,
            chance=chance(config.session.seed, journal.uuid),
            recorders=recorders,
            notifiers=notifiers,
            stop=stop,
            quarantined=take_quarantined(config.journal_path),
        )
        watch(session)
        reload = functools.partial(_reload, checked, venues, session)
        return await _logged(checked, session, reload)


async def _logged(
    checked: CheckedSession, session: Session, reload: Callable[[], Awaitable[None]]
) -> SessionResult:
    """Run *session* and say in the log when it began and ended."""
    log = get_logger(session=checked.config.name)
    log.info(
        LogEvent.SESSION_STARTED,
        resume=checked.resume,
        strategies=[each.table.name for each in checked.strategies],
        live=any(each.paper is None for each in checked.venues),
    )
    with _watched(checked, session):
        result = await _run_until_told(session, reload)
    log.info(LogEvent.SESSION_STOPPED, reason=result.reason, trades=result.trades)
    return result


def _watched(checked: CheckedSession, session: Session) -> AbstractContextManager[None]:
    """Interrupt strategies that do not come back, for as long as the block lasts."""
    return watchdog(
        session.watched,
        fatal_after_s=float(checked.config.session.fatal_after_s),
        on_fatal=functools.partial(quarantine, checked.config.journal_path),
    )


async def _run_until_told(session: Session, reload: Callable[[], Awaitable[None]]) -> SessionResult:
    """Run *session*; the first SIGINT or SIGTERM ends it in good order, the second at once."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_obey_signals, session.stop, reload)
        result = await session.run()
        tasks.cancel_scope.cancel()
    return result


async def _obey_signals(stop: StopRequest, reload: Callable[[], Awaitable[None]]) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
        async for number in signals:
            if number == signal.SIGHUP:
                await reload()
            elif stop.is_asked:
                raise KeyboardInterrupt
            else:
                stop.ask(f"told to stop by {signal.Signals(number).name}")


async def _reload(checked: CheckedSession, venues: Mapping[str, Venue], session: Session) -> None:
    """Read the session's file again and bring its strategies to it; what is wrong is told."""
    log = get_logger(session=checked.config.name)
    try:
        if checked.config.path is None:
            raise RefusedError(
                "there is no file to read again", remedy="start with: algopioneer run --config FILE"
            )
        again = read_session(checked.config.path, checked.config.environment)
        _refuse_other_venues(checked.config, again)
        plan = await session_plan(check_session(again, load_host(again.allow)), venues)
        log.info(LogEvent.CONFIG_RELOADED, done=await session.reload(plan))
    except AlgopioneerError as error:
        log.error(LogEvent.CONFIG_REFUSED, error=str(error))


def _refuse_other_venues(now: SessionConfig, again: SessionConfig) -> None:
    if [each.name for each in now.venues] != [each.name for each in again.venues]:
        raise RefusedError(
            "venues cannot be added or removed while the session runs",
            where=again.place("venue"),
            remedy="stop the session and start it again",
        )


# --- opening ---------------------------------------------------------------------------------


async def _open_venue(venue: CheckedVenue, stack: AsyncExitStack) -> Venue:
    opened = await stack.enter_async_context(made_venue(venue.spec, venue.config))
    if venue.paper is None:
        return opened
    paper = made_venue(venue.paper, venue.paper_config, shadow=opened)
    return await stack.enter_async_context(paper)


async def _open_recorders(checked: CheckedSession, stack: AsyncExitStack) -> dict[str, Recorder]:
    return {
        part.name: await stack.enter_async_context(
            part.spec.load_factory()(part.config, anyio.to_thread.run_sync)
        )
        for part in checked.recorders
    }


async def _open_notifiers(checked: CheckedSession, stack: AsyncExitStack) -> dict[str, Notifier]:
    return {
        part.name: await stack.enter_async_context(part.spec.load_factory()(part.config))
        for part in checked.notifiers
    }
