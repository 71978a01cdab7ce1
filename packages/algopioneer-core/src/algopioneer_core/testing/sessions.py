"""Sessions for tests: strategies of a few lines, a journal in memory, and what is left of a run."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, Final

import anyio
from attrs import define, evolve, field, frozen

from algopioneer_core.domain.commands import CloseSpread, OpenSpread, StrategyCommand
from algopioneer_core.domain.events import Event, OrderFilled
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND, Bar, JointBar
from algopioneer_core.domain.orders import OrderIntent
from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.domain.spreads import SpreadSize
from algopioneer_core.engine.strategy import Requirements, StrategyContext
from algopioneer_core.journal.control import ControlBox
from algopioneer_core.journal.entries import EntryKind, StoredEntry
from algopioneer_core.ports import Alert, Clock, Notifier, Recorder, Venue
from algopioneer_core.runtime.plan import SessionPlan, StrategyPlan
from algopioneer_core.runtime.resume import Resume
from algopioneer_core.runtime.session import Chance, Session
from algopioneer_core.runtime.session_result import SessionResult
from algopioneer_core.runtime.stopping import StopRequest
from algopioneer_core.telemetry.events import LogEvent
from algopioneer_core.testing.clocks import VirtualClock, run_inline, wait_all_blocked
from algopioneer_core.testing.journal_storage import MemoryDisk, journal_on

__all__ = [
    "MINUTE_NS",
    "Flipper",
    "Notes",
    "Ran",
    "RunningSession",
    "SpreadFlipper",
    "journal_rows",
    "run_session",
    "running_session",
    "session_plan",
    "strategy_plan",
    "with_plan",
]

MINUTE_NS: Final = 60 * NS_PER_SECOND


class Flipper:
    """Goes long after a rise and flat after a fall; what it knows is the last close and a count."""

    def __init__(
        self, instrument_id: InstrumentId, *, quantity: str = "1", warmup: int = 0
    ) -> None:
        self._id = instrument_id
        self._quantity = Decimal(quantity)
        self._warmup = warmup
        self._last: int | None = None
        self.bars = 0

    def requirements(self) -> Requirements:
        """Ask for as many bars as it was made with."""
        return Requirements(warmup_bars=self._warmup)

    def on_event(self, event: Event, context: StrategyContext) -> Iterable[StrategyCommand]:
        """Decide on a bar."""
        if not isinstance(event, Bar):
            return ()
        last, self._last = self._last, event.close_ticks
        self.bars += 1
        if last is None or context.has_working_orders:
            return ()
        held = context.quantity(self._id)
        if event.close_ticks > last and not held:
            return [self._order(Side.BUY, self._quantity)]
        if event.close_ticks < last and held:
            return [self._order(Side.SELL, held, reduce_only=True)]
        return ()

    def _order(self, side: Side, quantity: Decimal, **terms: Any) -> OrderIntent:
        return OrderIntent(instrument_id=self._id, side=side, quantity=quantity, **terms)

    def snapshot(self) -> Mapping[str, object]:
        """Return what it knows."""
        return {"last": self._last, "bars": self.bars}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Know it again."""
        self._last, self.bars = state["last"], state["bars"]


class SpreadFlipper:
    """Buys the first leg against the second at every third joint bar, and closes at the next."""

    def __init__(self, first: InstrumentId, second: InstrumentId) -> None:
        self._legs = first, second
        self._bars = 0

    def requirements(self) -> Requirements:
        """Need nothing."""
        return Requirements()

    def on_event(self, event: Event, context: StrategyContext) -> Iterable[StrategyCommand]:
        """Decide on a joint bar."""
        del context
        if not isinstance(event, JointBar):
            return ()
        self._bars += 1
        if self._bars % 3 == 1:
            size = SpreadSize(fraction=Decimal("0.5"))
            return [OpenSpread(buy=self._legs[0], sell=self._legs[1], size=size)]
        return [CloseSpread()] if self._bars % 3 == 0 else ()

    def snapshot(self) -> Mapping[str, object]:
        """Return what it knows."""
        return {"bars": self._bars}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Know it again."""
        self._bars = state["bars"]


def strategy_plan(
    name: str, make: Callable[[], Any], *instruments: Instrument, **terms: Any
) -> StrategyPlan:
    """Return the plan of a strategy on one-minute bars, with ten thousand to trade with."""
    usual: dict[str, Any] = {"interval_ns": MINUTE_NS, "capital": Decimal(10_000)}
    return StrategyPlan(name=name, make=make, instruments=instruments, **usual | terms)


def session_plan(*strategies: StrategyPlan, **terms: Any) -> SessionPlan:
    """Return the plan of a session; it resumes by cursor unless *terms* say otherwise."""
    usual: dict[str, Any] = {"name": "test", "numeraire": "USD", "resume": Resume.CURSOR}
    return SessionPlan(strategies=strategies, **usual | terms)


class Notes:
    """A notifier, a recorder and a log that keep what they get."""

    def __init__(self) -> None:
        self.alerts: list[Alert] = []
        self.trades: dict[str, RoundTrip] = {}
        self.lines: list[tuple[LogEvent, Mapping[str, object]]] = []

    async def notify(self, alert: Alert) -> None:
        """Keep an alert."""
        self.alerts.append(alert)

    @property
    def subjects(self) -> list[str]:
        """What the alerts are about, in order."""
        return [each.subject for each in self.alerts]

    async def record(self, key: str, trade: RoundTrip) -> None:
        """Keep a trade, once."""
        self.trades.setdefault(key, trade)

    def say(self, event: LogEvent, /, **fields: object) -> None:
        """Keep a line."""
        self.lines.append((event, fields))

    async def flush(self) -> None:
        """Nothing waits."""


@frozen(kw_only=True)
class Ran:
    """What is left of a session."""

    result: SessionResult | None
    """How it ended; None when it failed."""
    rows: list[StoredEntry]
    """Its journal."""
    notes: Notes

    def fills(self) -> list[tuple[Any, ...]]:
        """Return the fills of the journal: time, instrument, side, quantity, price, fee, order."""
        found = [
            each.entry.body.fill
            for each in self.rows
            if each.entry.kind is EntryKind.EVENT and isinstance(each.entry.body, OrderFilled)
        ]
        return [
            (
                fill.ts_event,
                fill.instrument_id,
                fill.side,
                fill.quantity,
                fill.price,
                fill.fee,
                fill.client_order_id,
                fill.fill_id,
            )
            for fill in found
        ]

    def trades(self) -> list[tuple[str, RoundTrip]]:
        """Return the finished trades of the journal, with their keys."""
        return [
            (each.entry.key, each.entry.body)
            for each in self.rows
            if each.entry.kind is EntryKind.TRADE
        ]


async def run_session(
    plan: SessionPlan,
    venues: Venue | Sequence[Venue],
    disk: MemoryDisk | None = None,
    *,
    notes: Notes | None = None,
    stop: StopRequest | None = None,
    clock: Clock | None = None,
    control: ControlBox | None = None,
    nonce: str = "nonce",
    watch: Callable[[Session], None] = lambda _: None,
) -> Ran:
    """
    Run a session with its journal on *disk*, and return what is left of it.

    Raises:
        BaseException: What it failed with, out of its groups.
    """
    disk, notes = disk or MemoryDisk(), notes or Notes()
    opened = [venues] if not isinstance(venues, Sequence) else venues
    recorders: dict[str, Recorder] = {"notes": notes}
    notifiers: dict[str, Notifier] = {"notes": notes}
    try:
        async with journal_on(disk) as journal:
            session = Session(
                plan,
                {each.name: each for each in opened},
                journal,
                clock=clock or VirtualClock(),
                chance=Chance(draw=lambda: 0.5, jitter=lambda *_: 0.5, nonce=lambda: nonce),
                recorders=recorders,
                notifiers=notifiers,
                stop=stop,
                control=control,
                run_blocking=run_inline,
                say=notes.say,
            )
            watch(session)
            result = await session.run()
    except BaseExceptionGroup as group:
        raise _first(group) from None
    return Ran(result=result, rows=await journal_rows(disk), notes=notes)


@define
class RunningSession:
    """A session that is under way: what a test looks at meanwhile, and afterwards."""

    stop: StopRequest = field(factory=StopRequest)
    notes: Notes = field(factory=Notes)
    session: Session | None = None
    """None until it has begun."""
    ran: Ran | None = None
    """None until it has ended."""

    def engine(self, name: str) -> Any:
        """Return a strategy's engine."""
        assert self.session is not None
        return self.session.floor.runners[name].engine


@asynccontextmanager
async def running_session(
    plan: SessionPlan,
    venue: Venue,
    disk: MemoryDisk,
    *,
    notes: Notes | None = None,
    nonce: str = "nonce",
    control: ControlBox | None = None,
) -> AsyncIterator[RunningSession]:
    """Run a session for the block, which begins once it is open; a stop is asked at its end."""
    running = RunningSession(notes=notes or Notes())

    def note(session: Session) -> None:
        running.session = session

    async def run() -> None:
        running.ran = await run_session(
            plan,
            venue,
            disk,
            notes=running.notes,
            stop=running.stop,
            nonce=nonce,
            control=control,
            watch=note,
        )

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        await wait_all_blocked()
        await anyio.sleep(0.5)
        yield running
        running.stop.ask("the test is over")


async def journal_rows(disk: MemoryDisk) -> list[StoredEntry]:
    """Return what the journal on *disk* has, once it is on."""
    async with journal_on(disk) as journal:
        return list(journal.read())


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def with_plan(plan: SessionPlan, strategy: str, **changes: Any) -> SessionPlan:
    """Return *plan* with one of its strategies changed."""
    return evolve(
        plan,
        strategies=tuple(
            evolve(each, **changes) if each.name == strategy else each for each in plan.strategies
        ),
    )
