"""From a checked configuration to a session that trades."""

import functools
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractContextManager, AsyncExitStack
from typing import Any

import anyio
import anyio.to_thread

from algopioneer_core.bootstrap.flattening import without_minds
from algopioneer_core.bootstrap.host import load_host
from algopioneer_core.bootstrap.quarantine import quarantine, take_quarantined
from algopioneer_core.bootstrap.reload_answers import answered_reloads
from algopioneer_core.bootstrap.serving import shown_on_the_web
from algopioneer_core.bootstrap.session_config import (
    CheckedSession,
    CheckedVenue,
    check_session,
)
from algopioneer_core.bootstrap.session_plan import require_strategies, session_plan
from algopioneer_core.bootstrap.signals import keep_early_reload, obey_signals
from algopioneer_core.bootstrap.surroundings import SystemClock, chance, new_uuid
from algopioneer_core.bootstrap.venues import made_venue, run_waiting
from algopioneer_core.config.session import SessionConfig, read_session
from algopioneer_core.domain.errors import AlgopioneerError, RefusedError
from algopioneer_core.journal.control import DONE, ControlAction, ControlBox
from algopioneer_core.journal.journal import open_journal
from algopioneer_core.notifiers.log import LogNotifier
from algopioneer_core.plugins.manager import PluginHost
from algopioneer_core.ports import Notifier, Recorder, Venue
from algopioneer_core.runtime.plan import SessionPlan
from algopioneer_core.runtime.session import Session
from algopioneer_core.runtime.session_result import SessionResult
from algopioneer_core.runtime.stopping import StopRequest
from algopioneer_core.runtime.watchdog import watchdog
from algopioneer_core.telemetry.events import LEVELS, LogEvent
from algopioneer_core.telemetry.logging import get_logger, open_log
from algopioneer_core.telemetry.redaction import secrets_in

__all__ = [
    "SessionWatcher",
    "open_account",
    "open_market",
    "open_venue",
    "run_session",
    "start_session",
]

SessionWatcher = Callable[[Session], Coroutine[Any, Any, None]]
"""Runs beside a session until it ends: a view of it."""


async def _nobody(_: Session) -> None:
    """Watch nothing."""


def run_session(
    config: SessionConfig,
    host: PluginHost,
    *,
    stop: StopRequest | None = None,
    watch: SessionWatcher = _nobody,
    flatten_within_s: float | None = None,
) -> SessionResult:
    """
    Run the session that *config* describes, to its end.

    Args:
        config: The session.
        host: The loaded plugins.
        stop: Ends it when asked.
        watch: Runs beside it.
        flatten_within_s: Only close what is held, cancel what works, and end: at the latest after
            so many seconds. None to trade.

    Raises:
        AlgopioneerError: It is refused, or fails.
    """
    checked = check_session(config, host)
    start = functools.partial(
        start_session, checked, stop=stop, watch=watch, flatten_within_s=flatten_within_s
    )
    return run_waiting(start, backend=config.session.backend.value)


async def start_session(
    checked: CheckedSession,
    *,
    stop: StopRequest | None = None,
    watch: SessionWatcher = _nobody,
    flatten_within_s: float | None = None,
) -> SessionResult:
    """
    Open journal, venues, recorders and notifiers, run the session, and close them all.

    Raises:
        AlgopioneerError: It is refused, or fails.
    """
    config, clock = checked.config, SystemClock()
    async with AsyncExitStack() as stack:
        secrets = tuple(secrets_in(checked.plugin_configs))
        stack.enter_context(open_log(config.log, clock=clock, secrets=secrets))
        shown = await stack.enter_async_context(shown_on_the_web(config, _say, secrets))
        early = stack.enter_context(keep_early_reload())
        journal = await stack.enter_async_context(
            open_journal(config.journal_path, make_uuid=new_uuid)
        )
        box = stack.enter_context(ControlBox(config.journal_path))
        recorders = await _open_recorders(checked, stack)
        notifiers = await _open_notifiers(checked, stack)
        venues = {each.table.name: await open_venue(each, stack) for each in checked.venues}
        plan = await session_plan(checked, venues)
        if flatten_within_s is not None:
            box.request(ControlAction.FLATTEN, ts_ns=clock.now_ns(), reason="flatten --offline")
            plan = without_minds(plan)
        require_strategies(plan)
        session = Session(
            plan,
            venues,
            journal,
            clock=clock,
            chance=chance(config.session.seed, journal.uuid),
            recorders=recorders,
            notifiers=notifiers,
            control=box,
            stop=stop,
            until_flat=flatten_within_s is not None,
            quarantined=take_quarantined(config.journal_path),
            say=shown.say,
        )
        shown.session = session
        reload = functools.partial(_reload, checked, venues, session, box)
        async with anyio.create_task_group() as beside:
            beside.start_soon(obey_signals, session.stop, box, clock, reload, early)
            beside.start_soon(watch, session)
            beside.start_soon(_say_stopping, session.stop)
            if flatten_within_s is not None:
                beside.start_soon(_end_after, flatten_within_s, session.stop)
            result = await _logged(checked, session)
            beside.cancel_scope.cancel()
        return result


def _say(event: LogEvent, /, **fields: object) -> None:
    getattr(get_logger(), LEVELS.get(event, "info"))(event, **fields)


async def _say_stopping(stop: StopRequest) -> None:
    await stop.wait()
    _say(LogEvent.SESSION_STOPPING, reason=stop.reason)


async def _end_after(seconds: float, stop: StopRequest) -> None:
    await anyio.sleep(seconds)
    stop.ask(f"not everything could be closed within {seconds:g} s")


async def _logged(checked: CheckedSession, session: Session) -> SessionResult:
    """Run *session* and say in the log when it began and ended."""
    log = get_logger(session=checked.config.name)
    log.info(
        LogEvent.SESSION_STARTED,
        resume=checked.resume,
        strategies=[each.table.name for each in checked.strategies],
        live=any(each.paper is None for each in checked.venues),
    )
    with _watched(checked, session):
        result = await session.run()
    log.info(LogEvent.SESSION_STOPPED, reason=result.reason, trades=result.trades)
    return result


def _watched(checked: CheckedSession, session: Session) -> AbstractContextManager[None]:
    """Interrupt strategies that do not come back, for as long as the block lasts."""
    return watchdog(
        session.watched,
        fatal_after_s=float(checked.config.session.fatal_after_s),
        on_fatal=functools.partial(quarantine, checked.config.journal_path),
    )


async def _reload(
    checked: CheckedSession, venues: Mapping[str, Venue], session: Session, box: ControlBox
) -> None:
    """
    Read the session's file again and bring its strategies to it.

    What is wrong is told, in the log and to those who have asked for it in *box* before.
    """
    log = get_logger(session=checked.config.name)
    with answered_reloads(box) as answer:
        try:
            done = await session.reload(await _plan_again(checked, venues))
        except AlgopioneerError as error:
            log.error(LogEvent.CONFIG_REFUSED, error=str(error))
            answer.text = str(error)
        else:
            log.info(LogEvent.CONFIG_RELOADED, done=done)
            answer.text = f"{DONE}{'; '.join(done) or 'nothing had changed'}"


async def _plan_again(checked: CheckedSession, venues: Mapping[str, Venue]) -> SessionPlan:
    """Return the plan of what the session's file says now."""
    again = _read_again(checked.config)
    _refuse_other_venues(checked.config, again)
    plan = await session_plan(check_session(again, load_host(again.allow)), venues)
    require_strategies(plan)
    return plan


def _read_again(config: SessionConfig) -> SessionConfig:
    if config.again is not None:
        return config.again()
    if config.path is None:
        raise RefusedError(
            "there is no file to read again", remedy="start with: algopioneer run --config FILE"
        )
    return read_session(config.path, config.environment)


def _refuse_other_venues(now: SessionConfig, again: SessionConfig) -> None:
    if [each.name for each in now.venues] != [each.name for each in again.venues]:
        raise RefusedError(
            "venues cannot be added or removed while the session runs",
            where=again.place("venue"),
            remedy="stop the session and start it again",
        )


# --- opening ---------------------------------------------------------------------------------


async def open_venue(venue: CheckedVenue, stack: AsyncExitStack) -> Venue:
    """Open a venue, and the paper account over it where it has one; *stack* closes them."""
    return await open_account(venue, await open_market(venue, stack), stack)


async def open_market(venue: CheckedVenue, stack: AsyncExitStack) -> Venue:
    """Open a venue without its paper account; *stack* closes it."""
    return await stack.enter_async_context(made_venue(venue.spec, venue.config))


async def open_account(venue: CheckedVenue, market: Venue, stack: AsyncExitStack) -> Venue:
    """Open the paper account over *market*, which is returned where there is none."""
    if venue.paper is None:
        return market
    paper = made_venue(venue.paper, venue.paper_config, shadow=market)
    return await stack.enter_async_context(paper)


async def _open_recorders(checked: CheckedSession, stack: AsyncExitStack) -> dict[str, Recorder]:
    return {
        part.name: await stack.enter_async_context(
            part.spec.load_factory()(part.config, anyio.to_thread.run_sync)
        )
        for part in checked.recorders
    }


async def _open_notifiers(checked: CheckedSession, stack: AsyncExitStack) -> dict[str, Notifier]:
    """Open what is configured; where nothing is, alerts go to the log."""
    if not checked.notifiers:
        return {"log": LogNotifier()}
    return {
        part.name: await stack.enter_async_context(part.spec.load_factory()(part.config))
        for part in checked.notifiers
    }
