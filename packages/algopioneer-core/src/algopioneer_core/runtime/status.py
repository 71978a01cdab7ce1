"""
How a running session stands, at one moment: what the terminal shows and a health check answers.

`session_status` only reads, and takes what it reads with it: the result is frozen and can be drawn
in another thread while trading goes on.
"""

import enum
from collections.abc import Mapping

from attrs import frozen

from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.domain.money import Money, Quantity, sub
from algopioneer_core.journal.journal import Journal
from algopioneer_core.ports import Alert
from algopioneer_core.runtime.execution import ExecutionPump
from algopioneer_core.runtime.runner import StrategyRunner
from algopioneer_core.runtime.session import Session
from algopioneer_core.runtime.session_result import equity_of, held_in
from algopioneer_core.wire.breaker import BreakerState

__all__ = [
    "FeedStatus",
    "JournalStatus",
    "SessionStatus",
    "StrategyState",
    "StrategyStatus",
    "VenueStatus",
    "session_status",
]


class StrategyState(enum.Enum):
    """What a strategy is doing."""

    WAITING = "waiting"
    """It has not been started yet."""
    RUNNING = "running"
    HALTED = "halted"
    """It decides, and only reductions pass."""
    CRASHED = "crashed"
    """It will be started again."""
    GIVEN_UP = "given up"
    """It will not; its position stays under exits, legs and risk."""
    LEAVING = "leaving"
    """It was removed and leaves its position."""


@frozen(kw_only=True)
class StrategyStatus:
    """One strategy."""

    name: str
    state: StrategyState
    note: str
    """Why it is halted, or in how many seconds it is started again; empty otherwise."""
    held: Mapping[InstrumentId, Quantity]
    """Signed, in base units or contracts; what is flat is left out."""
    equity: Money | None
    """In the settlement asset of its instruments; None where a price is missing."""
    pnl: Money | None
    """Equity less the capital it was given, in the same asset; None where a price is missing."""
    day_pnl: Money | None
    """Of the trading day; None where it is not followed or not known."""
    legs: str
    """State of its spread; empty for one that trades single instruments."""
    orders: int
    """Orders that may still trade."""
    conflated: int
    """Quotes that were replaced before it saw them."""


@frozen(kw_only=True)
class VenueStatus:
    """One venue."""

    name: str
    problem: str
    """Why it takes no new exposure; empty when it does."""
    breaker: str
    """State of its circuit breaker."""
    sent: int
    """Orders that were handed to it in this session."""


@frozen(kw_only=True)
class FeedStatus:
    """The market data of one instrument."""

    instrument_id: InstrumentId
    age_ns: int | None
    """How old the latest quote, trade or bar that was handed on is; None before the first."""
    passed: int
    """Quotes, trades and bars that were handed on."""
    shed: int
    """Those that were not fit to be."""


@frozen(kw_only=True)
class JournalStatus:
    """The journal."""

    entries: int
    """Sequence of the entry that was written last."""
    waiting: int
    """Entries that are not on the disk yet."""
    problem: str
    """Why it takes no more; empty while it does."""


@frozen(kw_only=True)
class SessionStatus:
    """A session."""

    name: str
    now_ns: int
    """The session's time, UTC nanoseconds: the market's where it is replayed; 0 before the first
    event."""
    stopping: str
    """Why it is ending; empty while it is not."""
    halted: str
    """Why the whole session is halted; empty while it is not."""
    strategies: tuple[StrategyStatus, ...]
    venues: tuple[VenueStatus, ...]
    feeds: tuple[FeedStatus, ...]
    journal: JournalStatus
    handled: int
    """Events handled, over all strategies."""
    trades: int
    """Round trips finished in this session."""
    shed: Mapping[str, int]
    """Market data that was not handed on, by reason."""
    day_pnl: Money | None
    """Of all strategies, in the session's numeraire; None where it is not followed or known."""
    alerts: tuple[Alert, ...]
    """The last few, the oldest first."""

    @property
    def problems(self) -> tuple[str, ...]:
        """What is not as it should be, each in a few words; empty when everything runs."""
        return (
            *([f"stopping: {self.stopping}"] if self.stopping else ()),
            *([f"halted: {self.halted}"] if self.halted else ()),
            *(_words(each) for each in self.strategies if each.state is not StrategyState.RUNNING),
            *(f"venue {each.name}: {each.problem}" for each in self.venues if each.problem),
            *(
                f"venue {each.name}: its circuit breaker is {each.breaker}"
                for each in self.venues
                if each.breaker != BreakerState.CLOSED.value
            ),
            *([f"journal: {self.journal.problem}"] if self.journal.problem else ()),
        )

    @property
    def is_healthy(self) -> bool:
        """Whether everything runs and every venue takes new exposure."""
        return not self.problems


def _words(strategy: StrategyStatus) -> str:
    note = f" ({strategy.note})" if strategy.note else ""
    return f"strategy {strategy.name}: {strategy.state.value}{note}"


def session_status(session: Session) -> SessionStatus:
    """Return how *session* stands now; touches nothing."""
    floor = session.floor
    return SessionStatus(
        name=session.plan.name,
        now_ns=floor.now_ns,
        stopping=session.stop.reason,
        halted=floor.risk.halted() or "",
        strategies=tuple(_strategy(session, each) for each in floor.runners.values()),
        venues=tuple(
            _venue(name, pump)
            for name, pump in floor.pumps.items()
            if isinstance(pump, ExecutionPump)
        ),
        feeds=tuple(_feed(session, each) for each in _traded(session)),
        journal=_journal(session.journal),
        handled=floor.gate.handled,
        trades=session.trades,
        shed={reason.value: count for reason, count in floor.router.shedder.shed.items()},
        day_pnl=floor.risk.day_pnl(),
        alerts=tuple(session.alarm.latest),
    )


def _strategy(session: Session, runner: StrategyRunner) -> StrategyStatus:
    engine, risk = runner.engine, session.floor.risk
    state, note = _state(runner, risk.halted(runner.name), session.floor.now_ns)
    equity = equity_of(engine.portfolio)
    return StrategyStatus(
        name=runner.name,
        state=state,
        note=note,
        held=held_in(engine.portfolio),
        equity=equity,
        pnl=None if equity is None else sub(equity, runner.plan.capital),
        day_pnl=risk.day_pnl(runner.name),
        legs="" if engine.legs is None else engine.legs.state.value,
        orders=len(engine.orders.working),
        conflated=runner.inbox.conflated,
    )


def _state(runner: StrategyRunner, halted: str | None, now_ns: int) -> tuple[StrategyState, str]:
    if runner.given_up:
        return StrategyState.GIVEN_UP, halted or ""
    if runner.draining:
        return StrategyState.LEAVING, ""
    if runner.restart_ns is not None:
        seconds = max(0, runner.restart_ns - now_ns) / NS_PER_SECOND
        return StrategyState.CRASHED, f"starts again in {seconds:.0f} s"
    if halted is not None:
        return StrategyState.HALTED, halted
    return (StrategyState.RUNNING if runner.guard.is_running else StrategyState.WAITING), ""


def _traded(session: Session) -> dict[InstrumentId, None]:
    """Return all instruments that strategies trade, in the configured order."""
    runners = session.floor.runners.values()
    return {each: None for runner in runners for each in runner.plan.instrument_ids}


def _feed(session: Session, instrument_id: InstrumentId) -> FeedStatus:
    seen = session.floor.router.shedder.statistics(instrument_id)
    return FeedStatus(
        instrument_id=instrument_id,
        age_ns=max(0, session.now_ns() - seen.last_ns) if seen.last_ns else None,
        passed=seen.quotes + seen.trades + seen.bars,
        shed=seen.shed,
    )


def _journal(journal: Journal) -> JournalStatus:
    return JournalStatus(
        entries=journal.last_sequence,
        waiting=max(0, journal.last_sequence - journal.committed),
        problem=journal.problem,
    )


def _venue(name: str, pump: ExecutionPump) -> VenueStatus:
    return VenueStatus(
        name=name,
        problem=pump.health.problem,
        breaker=pump.breaker.state.value,
        sent=pump.sent,
    )
