"""From a checked configuration to a session that trades."""

import functools
import hashlib
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from decimal import Decimal
from typing import Any, Final

import anyio
import anyio.to_thread

from algopioneer_core.bootstrap.session_config import (
    CheckedSession,
    CheckedStrategy,
    CheckedVenue,
    check_session,
)
from algopioneer_core.bootstrap.surroundings import SystemClock, chance, new_uuid
from algopioneer_core.bootstrap.venues import made_venue, run_waiting
from algopioneer_core.config.session import SessionConfig
from algopioneer_core.config.session_options import ExitOn
from algopioneer_core.domain.errors import ConfigError, RefusedError
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.domain.money import BPS, ZERO, Money, mul
from algopioneer_core.engine.exits import ExitCosts
from algopioneer_core.journal.journal import open_journal
from algopioneer_core.plugins.manager import PluginHost
from algopioneer_core.ports import Notifier, Recorder, SupportsBarInterval, Venue
from algopioneer_core.runtime.plan import SessionPlan, StrategyPlan
from algopioneer_core.runtime.resume import Resume
from algopioneer_core.runtime.session import Session, SessionResult
from algopioneer_core.runtime.stopping import StopRequest
from algopioneer_core.settings import nearest
from algopioneer_core.telemetry.events import LogEvent
from algopioneer_core.telemetry.logging import get_logger, open_log
from algopioneer_core.telemetry.redaction import secrets_in

__all__ = ["SessionWatcher", "run_session", "start_session"]

SessionWatcher = Callable[[Session], Any]
"""Called once with a session that is about to run: a view attaches itself there."""
_LIVE_SLIPPAGE: Final = mul(Decimal(5), BPS)
"""What the way out is taken to slip by where no paper account says it."""


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
            await _plan(checked, venues),
            venues,
            journal,
            clock=clock,
            chance=chance(config.session.seed, journal.uuid),
            recorders=recorders,
            notifiers=notifiers,
            stop=stop,
        )
        watch(session)
        return await _logged(checked, session)


async def _logged(checked: CheckedSession, session: Session) -> SessionResult:
    """Run *session* and say in the log when it began and ended."""
    log = get_logger(session=checked.config.name)
    log.info(
        LogEvent.SESSION_STARTED,
        resume=checked.resume,
        strategies=[each.table.name for each in checked.strategies],
        live=any(each.paper is None for each in checked.venues),
    )
    result = await _run_until_told(session)
    log.info(LogEvent.SESSION_STOPPED, reason=result.reason, trades=result.trades)
    return result


async def _run_until_told(session: Session) -> SessionResult:
    """Run *session*; the first SIGINT or SIGTERM ends it in good order, the second at once."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_obey_signals, session.stop)
        result = await session.run()
        tasks.cancel_scope.cancel()
    return result


async def _obey_signals(stop: StopRequest) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for number in signals:
            if stop.is_asked:
                raise KeyboardInterrupt
            stop.ask(f"told to stop by {signal.Signals(number).name}")


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


# --- the plan --------------------------------------------------------------------------------


async def _plan(checked: CheckedSession, venues: Mapping[str, Venue]) -> SessionPlan:
    config, options = checked.config, checked.config.session
    traded = {each.name: await each.market_data.instruments() for each in venues.values()}
    capital = await _capital(config, venues)
    strategies = [
        await _strategy(each, checked, venues, traded, capital) for each in checked.strategies
    ]
    return SessionPlan(
        name=config.name,
        strategies=tuple(strategies),
        numeraire=options.numeraire,
        limits=config.risk,
        strategy_limits={
            each.table.name: each.table.risk
            for each in checked.strategies
            if not each.table.risk.is_off
        },
        resume=checked.resume,
        record_inputs=config.journal.record_inputs,
        snapshot_every=config.journal.snapshot_every,
        grace_ns=(
            None if checked.resume is Resume.CURSOR else int(options.bar_grace_s * NS_PER_SECOND)
        ),
        stop_deadline_ns=int(options.stop_deadline_s * NS_PER_SECOND),
        fatal_after_ns=int(options.fatal_after_s * NS_PER_SECOND),
        run_for_ns=options.run_for_ns,
    )


async def _capital(config: SessionConfig, venues: Mapping[str, Venue]) -> Money:
    """Return what shares of capital are shares of: as configured, or what the accounts have."""
    if config.session.capital is not None:
        return config.session.capital
    if all(each.capital is not None for each in config.strategies):
        return ZERO
    total = ZERO
    for venue in venues.values():
        for balance in await venue.execution.balances():
            if balance.asset == config.session.numeraire:
                total += balance.total
    if total <= 0:
        raise RefusedError(
            f"the account has no {config.session.numeraire} for strategies to have a share of",
            where=config.place("session.capital"),
            remedy="state the capital, or give each strategy an amount",
        )
    return total


async def _strategy(
    strategy: CheckedStrategy,
    checked: CheckedSession,
    venues: Mapping[str, Venue],
    traded: Mapping[str, Sequence[Instrument]],
    capital: Money,
) -> StrategyPlan:
    table = strategy.table
    instruments = tuple(
        _instrument(each, traded[each.venue], table.place("instruments"))
        for each in table.instruments
    )
    share = table.capital_share
    return StrategyPlan(
        name=table.name,
        make=functools.partial(strategy.spec.load_factory(), strategy.config, instruments),
        instruments=instruments,
        interval_ns=table.interval_ns or _interval(table.instruments, venues, table),
        capital=(table.capital or ZERO) if share is None else mul(share, capital),
        exits=strategy.make_exits(),
        exit_costs=await _exit_costs(instruments, checked, venues),
        exit_on_quotes=checked.config.session.exit_on is ExitOn.QUOTE,
        legs=strategy.legs,
        restarts=table.restart,
        on_exhausted=table.on_exhausted,
        on_remove=table.on_remove,
        history=table.history,
        fingerprint=_fingerprint(strategy),
    )


def _instrument(wanted: InstrumentId, traded: Sequence[Instrument], where: str) -> Instrument:
    for each in traded:
        if each.id == wanted:
            return each
    near = nearest(wanted.symbol, [each.id.symbol for each in traded])
    raise ConfigError(
        f"venue {wanted.venue!r} does not trade {wanted.symbol!r}",
        where=where,
        remedy=f"did you mean {near!r}?" if near else "see the venue's own list of symbols",
    )


def _interval(ids: Sequence[InstrumentId], venues: Mapping[str, Venue], table: Any) -> int:
    """Return the length of the bars that the venues push, where they all push the same."""
    found: set[int] = set()
    for each in ids:
        venue = venues[each.venue]
        if isinstance(venue, SupportsBarInterval):
            found.add(venue.bar_interval_ns(each))
        else:
            found.update(venue.capabilities.stream_bar_intervals_ns)
    if len(found) != 1:
        raise ConfigError(
            "it is not said how long its bars are",
            where=table.place("interval"),
            remedy='state it: interval = "1m"',
        )
    return found.pop()


async def _exit_costs(
    instruments: Sequence[Instrument], checked: CheckedSession, venues: Mapping[str, Venue]
) -> ExitCosts:
    """Return the dearest way out among the legs: an exit policy knows one set of costs."""
    rates = [await venues[each.id.venue].execution.fees(each.id) for each in instruments]
    paper = [checked.venue(each.id.venue).paper_config for each in instruments]
    slippages = [_LIVE_SLIPPAGE if each is None else mul(each.slippage_bps, BPS) for each in paper]
    return ExitCosts(fee=max(each.taker for each in rates), slippage=max(slippages))


def _fingerprint(strategy: CheckedStrategy) -> str:
    """Return what changes when anything of the strategy's configuration does."""
    table = strategy.table
    words = (
        strategy.config,
        table.kind,
        table.instruments,
        table.interval_ns,
        table.capital,
        table.capital_share,
        table.exits,
        strategy.legs,
        table.risk,
    )
    return hashlib.sha256(repr(words).encode()).hexdigest()[:16]
