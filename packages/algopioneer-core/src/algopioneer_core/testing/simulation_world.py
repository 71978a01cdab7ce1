"""
The world of a simulation: a market that moves, a venue that fails, and a process that lives and
dies over it.

Only the venue, its books, the disk and the recorder outlast a life. A life ends by a power cut (at
any time, or in the middle of a commit, which then reached the disk or did not), or by a request to
stop; another begins from the journal after a while.
"""

import enum
import random  # noqa: TID251 - every stream of numbers is seeded here, and nowhere else
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final

import anyio
from attrs import frozen

from algopioneer_core.domain.events import RiskHalted, RiskResumed
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.engine.risk_limits import RiskLimits
from algopioneer_core.journal.errors import JournalFailed
from algopioneer_core.journal.journal import Journal, open_journal_on
from algopioneer_core.journal.rows import Row, SnapshotRow, StorageFailed
from algopioneer_core.plugins.manager import PluginHost
from algopioneer_core.recorders.memory import MemoryRecorder
from algopioneer_core.runtime.plan import SessionPlan
from algopioneer_core.runtime.reconciliation import DriftRules
from algopioneer_core.runtime.runner import StrategyRunner
from algopioneer_core.runtime.session import Chance, Session
from algopioneer_core.runtime.stopping import StopRequest
from algopioneer_core.runtime.wake import Wake
from algopioneer_core.simulation.paper_config import PaperConfig, PaperMargin
from algopioneer_core.testing.clocks import VIRTUAL_START_NS, VirtualClock, run_inline
from algopioneer_core.testing.fault_plans import Fault, FaultKind
from algopioneer_core.testing.journal_storage import MemoryDisk, MemoryStorage
from algopioneer_core.testing.reference_modes import VenueModes
from algopioneer_core.testing.reference_venue import ReferenceVenue
from algopioneer_core.testing.simulation_books import BookKeeper
from algopioneer_core.testing.simulation_line import Line
from algopioneer_core.testing.simulation_market import INSTRUMENTS, STEP_NS, PriceWalk
from algopioneer_core.testing.simulation_strategies import Moods, strategy_plans

__all__ = ["End", "Life", "World"]

_PLENTY: Final = 1_000_000
_HALF: Final = 0.5
_BETWEEN_ORDERS_NS: Final = 600 * NS_PER_SECOND
_HALT, _FLATTEN, _RESUME = range(3)


@frozen
class Life:
    """One life of the process."""

    until_ns: int
    """When its end comes, from the start of the simulation."""
    how: "End"
    away_ns: int = 0
    """How long nothing runs after it."""


class End(enum.Enum):
    """How a life ends."""

    STOP = "stop"
    CUT = "cut"
    CUT_BEFORE_COMMIT = "cut before a commit"
    CUT_AFTER_COMMIT = "cut after a commit"


class World:
    """
    Everything that is there, made from a seed; used for one run.

    Args:
        seed: Decides everything.
        host: Where the strategies are found.
    """

    def __init__(self, seed: int, host: PluginHost) -> None:
        self.seed = seed
        self.clock = VirtualClock()
        draw = self.stream("world")
        self.modes = VenueModes(
            cumulative_fills=draw() < _HALF,
            read_lag_ns=(0, 2, 20)[int(draw() * 3)] * NS_PER_SECOND,
            ids_reusable=draw() < _HALF,
            lookup=True,
        )
        self.venue = ReferenceVenue(
            INSTRUMENTS,
            self.clock,
            modes=self.modes,
            config=PaperConfig(balances=(f"USD={_PLENTY}",), slippage_bps=Decimal(0)),
            margin=PaperMargin.NONE,
        )
        self.disk = MemoryDisk()
        self.recorder = MemoryRecorder(keep=_PLENTY)
        self.moods = Moods(self.stream("moods"))
        self.max_gross = Decimal(4_000) if draw() < _HALF else None
        self.books = BookKeeper(self.venue, self.disk, self.max_gross)
        self.lives = 0
        self.session: Session | None = None
        """The session that runs, or ran last."""
        self.line: Line | None = None
        """Of the life that runs; None between two."""
        self._host = host
        self._breaks_streams = draw() < _HALF
        self.has_people = draw() < _HALF
        """Whether somebody halts, flattens and resumes."""

    def stream(self, name: str) -> Callable[[], float]:
        """Return numbers in [0, 1) of their own for one purpose."""
        return random.Random(f"{self.seed}/{name}").random  # noqa: S311 - to repeat, not to hide

    # --- what goes on by itself --------------------------------------------------------------

    async def move_market(self) -> None:
        """Push quotes and bars, step after step, until cancelled."""
        walk = PriceWalk(self.stream("prices"))
        while True:
            now_ns = self.clock.now_ns()
            for event in walk.step(now_ns):
                self.venue.push(event)
            self.check()
            await anyio.sleep_until((now_ns + STEP_NS - VIRTUAL_START_NS) / NS_PER_SECOND)

    async def befall(self, fault: Fault) -> None:
        """Have *fault*; return when it is over."""
        until_ns = self.clock.now_ns() + fault.duration_ns
        self.books.excused_until_ns = max(self.books.excused_until_ns, until_ns)
        if fault.kind is FaultKind.STRATEGY_CRASH:
            self.moods.spoil(fault.target)
            return
        line = self.line if fault.kind in (FaultKind.DISCONNECT, FaultKind.OUTAGE) else None
        if line is None or not self._breaks_streams:
            await self.venue.apply(fault)
            return
        line.go_down()
        await self.venue.apply(fault)
        line.come_up()

    async def interfere(self, until_ns: int) -> None:
        """Halt, flatten and resume strategies as people do; return at *until_ns*, all resumed."""
        draw = self.stream("people")
        while (now_ns := self.clock.now_ns() - VIRTUAL_START_NS) < until_ns:
            waits_ns = min(int(draw() * _BETWEEN_ORDERS_NS) + 1, until_ns - now_ns)
            await anyio.sleep(waits_ns / NS_PER_SECOND)
            what, who = int(draw() * 3), draw()
            for runner in self._at_work():
                if what == _RESUME or draw() < who:
                    self._order(what, runner)
        for runner in self._at_work():
            self._order(_RESUME, runner)

    def _at_work(self) -> tuple[StrategyRunner, ...]:
        """Return the strategies people can reach: none before the session has reconciled."""
        if self.line is None or self.line.is_dead or self.session is None:
            return ()
        runners = tuple(self.session.floor.runners.values())
        is_open = not self.session.floor.is_closed and any(r.guard.is_running for r in runners)
        return runners if is_open else ()

    def _order(self, what: int, runner: StrategyRunner) -> None:
        assert self.session is not None
        floor, now_ns, name = self.session.floor, self.clock.now_ns(), runner.name
        if what == _RESUME:
            floor.deliver(runner, RiskResumed(now_ns, name))
            return
        floor.deliver(runner, RiskHalted(now_ns, "by hand", name))
        if what == _FLATTEN:
            floor.flatten(runner, now_ns, "flatten")

    def check(self) -> None:
        """Look at every invariant."""
        floor = self.session.floor if self.line and self.session else None
        self.books.check(floor, self.clock.now_ns())

    # --- lives -------------------------------------------------------------------------------

    async def live(self, lives: Sequence[Life]) -> None:
        """
        Run the session, life after life.

        Raises:
            ExceptionGroup: A session failed though nobody had cut its power.
        """
        for life in lives:
            if self.clock.now_ns() - VIRTUAL_START_NS < life.until_ns:
                await self._live_once(life)
                await anyio.sleep(life.away_ns / NS_PER_SECOND)

    async def _live_once(self, life: Life) -> None:
        self.lives += 1
        line = self.line = Line(self.venue)
        self.books.excused_until_ns = max(self.books.excused_until_ns, self.clock.now_ns())
        storage = _Storage(self.disk, line)
        try:
            async with open_journal_on(
                storage, make_uuid=lambda: f"journal-{self.seed}", run_blocking=run_inline
            ) as journal:
                await self._run(life, line, journal)
        except* JournalFailed:
            if not line.is_dead:
                raise
        finally:
            self.line = None

    async def _run(self, life: Life, line: Line, journal: Journal) -> None:
        stop = StopRequest()
        session = self.session = self._session(line, journal, stop)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._end, life, line, stop, tasks.cancel_scope)
            await session.run()
            tasks.cancel_scope.cancel()

    def _session(self, line: Line, journal: Journal, stop: StopRequest) -> Session:
        name, draw = f"life-{self.lives}", self.stream(f"life-{self.lives}")
        session = Session(
            self._plan(),
            {line.name: line},
            journal,
            clock=self.clock,
            chance=Chance(draw=draw, jitter=lambda *_: draw(), nonce=lambda: name),
            recorders={"memory": self.recorder},
            stop=stop,
        )
        session.floor.handled = _Watched(self.check)
        return session

    def _plan(self) -> SessionPlan:
        return SessionPlan(
            name="simulation",
            strategies=strategy_plans(self._host, self.moods, self.stream("plans")),
            numeraire="USD",
            limits=RiskLimits(max_gross_notional=self.max_gross),
            grace_ns=2 * NS_PER_SECOND,
            drift=DriftRules(every_s=Decimal(60)),
        )

    async def _end(
        self, life: Life, line: Line, stop: StopRequest, scope: anyio.CancelScope
    ) -> None:
        await anyio.sleep_until(life.until_ns / NS_PER_SECOND)
        if life.how is End.STOP:
            stop.ask("the simulation stops it")
        elif life.how is End.CUT:
            self.disk.cut_power()
            line.cut()
            scope.cancel()
        else:
            self.disk.keep_last = life.how is End.CUT_AFTER_COMMIT
            self.disk.cut_power_in = 0


class _Watched(Wake):
    """A bell that looks at the world at each ring."""

    __slots__ = ("_look",)

    def __init__(self, look: Callable[[], None]) -> None:
        super().__init__()
        self._look = look

    def ring(self) -> None:
        super().ring()
        self._look()


class _Storage(MemoryStorage):
    """A storage whose power is that of a line: when it goes, nothing reaches the venue either."""

    def __init__(self, disk: MemoryDisk, line: Line) -> None:
        super().__init__(disk, disk.life)
        self._line = line

    def commit(
        self, rows: Sequence[Row], snapshots: Sequence[SnapshotRow], dropped: Sequence[str] = ()
    ) -> None:
        try:
            super().commit(rows, snapshots, dropped)
        except StorageFailed:
            self._line.cut()
            raise
