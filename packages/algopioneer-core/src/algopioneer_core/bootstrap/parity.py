"""From a session file and its journal to the backtest of each strategy, and to what differs."""

import functools
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from attrs import evolve

from algopioneer_core.bootstrap.parity_rules import parity_rules
from algopioneer_core.bootstrap.session import open_account, open_market
from algopioneer_core.bootstrap.session_config import CheckedSession, CheckedVenue, check_session
from algopioneer_core.bootstrap.session_plan import session_plan
from algopioneer_core.bootstrap.venues import run_waiting
from algopioneer_core.config.session import SessionConfig
from algopioneer_core.domain.errors import ConfigError, RefusedError, UnsupportedOperation
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import Bar
from algopioneer_core.journal.sqlite_storage import SqliteStorage
from algopioneer_core.parity.compare import Verdict
from algopioneer_core.parity.judge import judge
from algopioneer_core.parity.recorded import Recorded, recorded_sessions
from algopioneer_core.parity.seen_bars import Series, series_of
from algopioneer_core.plugins.manager import PluginHost
from algopioneer_core.ports import Venue, pushed_of
from algopioneer_core.runtime.bar_intake import BarIntake, BarOrigin
from algopioneer_core.runtime.history import join
from algopioneer_core.runtime.plan import SessionPlan, StrategyPlan
from algopioneer_core.runtime.resume import Resume
from algopioneer_core.settings import nearest
from algopioneer_core.simulation.replay import ReplayMarket

__all__ = ["HISTORY", "JOURNAL", "ParityWatcher", "session_parity"]

HISTORY: Final = "history"
"""Bars as the venues have them now: finished, and without gaps of our own."""
JOURNAL: Final = "journal"
"""Bars as the session saw them."""
ParityWatcher = Callable[[str, int, int], None]
"""Told of a part of the comparison (`journal`, `strategies`) how much of how much is done."""


def session_parity(
    config: SessionConfig,
    host: PluginHost,
    *,
    journal: Path | None = None,
    strategies: Sequence[str] = (),
    bars: str = HISTORY,
    watch: ParityWatcher = lambda *_: None,
) -> tuple[Verdict, ...]:
    """
    Run a recorded session in the backtester and compare it, strategy by strategy.

    Its venues are opened to be asked what they trade, what that costs, and for bars.

    Args:
        config: The session.
        host: The loaded plugins.
        journal: The file; that of the session unless given.
        strategies: Names of those to compare; all of the session unless given.
        bars: `HISTORY` or `JOURNAL`: what the backtester is given.
        watch: Told how far it is.

    Raises:
        RefusedError: The session did not record its inputs, has another strategy, or cannot be
            run in the backtester.
        ConfigError: There is no such strategy.
        JournalError: The journal is not there, is not a journal, or is damaged.
        VenueError: A venue does not answer, or has no such bars.
    """
    checked = check_session(config, host)
    wanted = _wanted(checked, strategies)
    path = Path(config.journal_path) if journal is None else journal
    with SqliteStorage(path, read_only=True) as storage:
        recorded = recorded_sessions(storage, watch=functools.partial(watch, "journal"))
    _check_names(recorded, wanted, str(path))
    if not strategies:
        _check_all_known(recorded, wanted, checked)
    return run_waiting(functools.partial(_compared, checked, wanted, recorded, bars, watch))


def _wanted(checked: CheckedSession, names: Sequence[str]) -> list[str]:
    known = [each.table.name for each in checked.strategies]
    for name in names:
        if name not in known:
            near = nearest(name, known)
            raise ConfigError(
                f"there is no strategy {name!r} in the session",
                where="--strategy",
                remedy=f"did you mean {near!r}?" if near else f"there are: {', '.join(known)}",
            )
    return list(dict.fromkeys(names)) or known


def _check_names(recorded: Mapping[str, Recorded], wanted: Sequence[str], where: str) -> None:
    for name in wanted:
        if name not in recorded:
            raise RefusedError(
                f"there is no bar in it that strategy {name!r} decided on",
                where=where,
                remedy="name another strategy with --strategy, or the journal of its session",
            )


def _check_all_known(
    recorded: Mapping[str, Recorded], known: Sequence[str], checked: CheckedSession
) -> None:
    strange = recorded.keys() - set(known)
    if strange:
        raise RefusedError(
            f"strategy {min(strange)!r} of the journal is not in the session",
            where=checked.config.name,
            remedy="compare with the session file as it was, or name a strategy with --strategy",
        )


async def _compared(
    checked: CheckedSession,
    names: Sequence[str],
    recorded: Mapping[str, Recorded],
    bars: str,
    watch: ParityWatcher,
) -> tuple[Verdict, ...]:
    async with AsyncExitStack() as stack:
        opened = _Opened()
        for each in checked.venues:
            await opened.add(each, stack)
        # With the legs' patience of a replay: there is no deadline that a bar could meet.
        plan = await session_plan(evolve(checked, resume=Resume.CURSOR), opened.venues)
        plans = {each.name: each for each in plan.strategies}
        verdicts: list[Verdict] = []
        for name in names:
            watch("strategies", len(verdicts), len(names))
            verdicts.append(
                await _verdict(checked, plan, plans[name], recorded[name], opened, bars)
            )
        return tuple(verdicts)


class _Opened:
    """The venues of a session, and the markets behind paper accounts."""

    def __init__(self) -> None:
        self.venues: dict[str, Venue] = {}
        self.markets: dict[str, Venue] = {}

    async def add(self, venue: CheckedVenue, stack: AsyncExitStack) -> None:
        """Open a venue, and the paper account over it where it has one; *stack* closes them."""
        name = venue.table.name
        self.markets[name] = market = await open_market(venue, stack)
        self.venues[name] = await open_account(venue, market, stack)


async def _verdict(
    checked: CheckedSession,
    session: SessionPlan,
    plan: StrategyPlan,
    recorded: Recorded,
    opened: _Opened,
    bars: str,
) -> Verdict:
    there = None if bars == JOURNAL else await _history(plan, recorded, opened)
    rules = await parity_rules(checked, session, plan, opened.venues)
    return judge(plan, recorded, rules, there)


# --- bars ------------------------------------------------------------------------------------


async def _history(plan: StrategyPlan, recorded: Recorded, opened: _Opened) -> Series:
    """Return the bars that the venues have now, of the time the session saw."""
    first_ns, end_ns = recorded.first_ns, recorded.last_ns + 1
    bars = {
        each: await _bars(plan, each, opened.markets[each.venue], first_ns, end_ns)
        for each in plan.instrument_ids
    }
    return series_of(join(bars, plan.instrument_ids))


async def _bars(
    plan: StrategyPlan, instrument_id: InstrumentId, venue: Venue, first_ns: int, end_ns: int
) -> Sequence[Bar]:
    """Return the bars of one instrument that close in [first_ns, end_ns), as the session has them:
    put together from shorter ones where the venue pushes such."""
    length = plan.interval_ns
    origin = plan.bar_origins[instrument_id]
    if origin is not BarOrigin.SHORTER:
        return await _asked(venue, instrument_id, length, first_ns, end_ns)
    (shorter,) = pushed_of(venue, instrument_id).bar_intervals_ns
    parts = await _asked(venue, instrument_id, shorter, first_ns - length + 1, end_ns)
    intake = BarIntake(length, {instrument_id: origin})
    return [bar for part in parts for bar in intake.put(part) if first_ns <= bar.ts_event < end_ns]


async def _asked(
    venue: Venue, instrument_id: InstrumentId, interval_ns: int, start_ns: int, end_ns: int
) -> Sequence[Bar]:
    market = venue.market_data
    try:
        if isinstance(market, ReplayMarket):
            return market.whole(instrument_id, interval_ns, start_ns, end_ns)
        return await market.bars(instrument_id, interval_ns, start_ns, end_ns)
    except UnsupportedOperation as error:
        raise UnsupportedOperation(
            f"the venue has no history to compare with: {error.message}",
            where=error.where,
            remedy="compare with what the session recorded: --bars journal",
        ) from error
