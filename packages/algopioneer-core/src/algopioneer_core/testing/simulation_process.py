"""
The process of a simulation: sessions that live one after the other over one disk and one venue.

A life ends by a power cut (at any time, or in the middle of a commit), by a request to stop, or
because the disk refused, or a strategy blocked the process; whoever looks after it then does what
the message says, and starts it again.
"""

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Final

import anyio

from algopioneer_core.bootstrap.venues import opened_within
from algopioneer_core.domain.errors import RefusedError, VenueError
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.engine.risk_limits import RiskLimits
from algopioneer_core.journal.errors import JournalCorrupt, JournalFailed
from algopioneer_core.journal.journal import Journal, open_journal_on
from algopioneer_core.journal.rows import Heading, Row, SnapshotRow, StorageFailed
from algopioneer_core.ports import Venue
from algopioneer_core.recorders.memory import MemoryRecorder
from algopioneer_core.runtime.plan import SessionPlan
from algopioneer_core.runtime.session import Chance, Session
from algopioneer_core.runtime.stopping import StopRequest
from algopioneer_core.testing.clocks import run_inline
from algopioneer_core.testing.journal_storage import MemoryDisk, MemoryStorage
from algopioneer_core.testing.simulation_books import InvariantBroken
from algopioneer_core.testing.simulation_history import End, Life, numbers
from algopioneer_core.testing.simulation_strategies import Configuration
from algopioneer_core.testing.simulation_troubles import MachineClock
from algopioneer_core.testing.simulation_venue import SimulatedLine, SimulatedVenue
from algopioneer_core.wire.wake import Wake

__all__ = ["Process"]

_PLENTY: Final = 1_000_000
_RESTART_S: Final = 5
"""How long it takes until somebody has looked, and starts it again."""
_OPENING_S: Final = 30
"""How long a session waits for a venue that does not answer when it is started."""


class Process:
    """
    What is run, and dies, and is run again.

    Args:
        seed: Decides the randomness of sessions.
        venue: Where it trades.
        clock: Of the machine.
        configuration: Of the strategies.
        limits: Of all of them.
        look: Called whenever something was handled: looks at every invariant.
    """

    def __init__(
        self,
        seed: int,
        venue: SimulatedVenue,
        clock: MachineClock,
        configuration: Configuration,
        limits: RiskLimits,
        look: Callable[[], None],
    ) -> None:
        self.disk = MemoryDisk()
        self.recorder = MemoryRecorder(keep=_PLENTY)
        self.lives = 0
        """How often a session was started."""
        self.session: Session | None = None
        """The one that runs, or ran last."""
        self.line: SimulatedLine | None = None
        """Of the life that runs; None between two."""
        self.lines_break = numbers(seed, "lines")() < 1 / 2
        self.reload = Wake()
        """Rung when the configuration has changed and is to be read again."""
        self._seed = seed
        self._venue = venue
        self._clock = clock
        self._configuration = configuration
        self._limits = limits
        self._look = look
        self._quarantined: tuple[str, ...] = ()
        self._scope: anyio.CancelScope | None = None
        self._tears = numbers(seed, "tears")

    # --- lives -------------------------------------------------------------------------------

    async def live(self, lives: Sequence[Life]) -> None:
        """
        Run sessions, life after life.

        Raises:
            ExceptionGroup: A session failed for no reason that it may fail for.
        """
        for life in lives:
            lived_before = self.lives
            while anyio.current_time() < life.until_ns / NS_PER_SECOND:
                await self._live_once(life)
                if anyio.current_time() < life.until_ns / NS_PER_SECOND:  # before its time
                    await anyio.sleep(_RESTART_S)
            if self.lives != lived_before:  # else nothing ran, and it did not end either
                await anyio.sleep(life.away_ns / NS_PER_SECOND)

    async def _live_once(self, life: Life) -> None:
        draw = numbers(self._seed, f"line-{self.lives + 1}")
        line = self.line = self._venue.line(self._clock, draw)
        storage = _Storage(self.disk, line)
        try:
            async with open_journal_on(
                storage,
                make_uuid=lambda: f"journal-{self._seed}",
                run_blocking=run_inline,
            ) as journal:
                self.lives += 1
                await self._run(life, line, journal)
        except* JournalFailed:
            if not (line.is_dead or storage.has_refused):
                raise
        except* JournalCorrupt:  # the message says: restore it from a copy
            if self.disk.honest:
                raise
            self.disk.restore_copy()
        except* RefusedError:  # the message says: put the strategy back
            if not self._configuration.restore():
                raise
        finally:
            line.cut()
            self.line = None

    async def _run(self, life: Life, line: SimulatedLine, journal: Journal) -> None:
        stop = StopRequest()
        async with anyio.create_task_group() as tasks:
            self._scope = tasks.cancel_scope
            tasks.start_soon(self._end, life, stop)
            async with AsyncExitStack() as opened:
                venue = await self._opened(opened, line)
                if venue is not None:
                    session = self.session = self._session(venue, journal, stop)
                    tasks.start_soon(self._reload, session)
                    await session.run()
            tasks.cancel_scope.cancel()

    async def _opened(self, stack: AsyncExitStack, line: SimulatedLine) -> Venue | None:
        """Open the venue as a session does that is started: it gives up where nobody answers."""
        opening = opened_within(line.opened(), _OPENING_S, self._venue.name)
        try:
            return await stack.enter_async_context(opening)
        except VenueError:
            return None

    async def _reload(self, session: Session) -> None:
        """Read the configuration again when told, as a session does at a signal."""
        while True:
            await self.reload.wait()
            with suppress(RefusedError):  # too early, or too late: the next start reads it
                await session.reload(self._plan())

    def _session(self, venue: Venue, journal: Journal, stop: StopRequest) -> Session:
        name = f"life-{self.lives}"
        draw = numbers(self._seed, name)
        quarantined, self._quarantined = self._quarantined, ()
        session = Session(
            self._plan(),
            {venue.name: venue},
            journal,
            clock=self._clock,
            chance=Chance(draw=draw, jitter=lambda *_: draw(), nonce=lambda: name),
            recorders={"memory": self.recorder},
            stop=stop,
            quarantined=quarantined,
        )
        session.floor.handled = _Watched(self._look)
        return session

    def _plan(self) -> SessionPlan:
        return SessionPlan(
            name="simulation",
            strategies=self._configuration.plans(),
            numeraire="USD",
            limits=self._limits,
            grace_ns=2 * NS_PER_SECOND,
            max_tick_age_ns=60 * NS_PER_SECOND,
            drift=self._configuration.drift,
        )

    # --- ends --------------------------------------------------------------------------------

    async def _end(self, life: Life, stop: StopRequest) -> None:
        await anyio.sleep_until(life.until_ns / NS_PER_SECOND)
        if life.how is End.STOP:
            stop.ask("the simulation stops it")
        elif life.how is End.CUT:
            self.cut_power()
        else:
            self.disk.keep_last = life.how is End.CUT_AFTER_COMMIT
            self.disk.cut_power_in = 0

    def cut_power(self) -> None:
        """End the life that runs, at once: nothing of it reaches disk or venue any more."""
        self.disk.cut_power(self._tears)
        if self.line is not None:
            self.line.cut()
        if self._scope is not None:
            self._scope.cancel()

    def end_blocked(self, strategy: str) -> None:
        """End the process because *strategy* blocks it: that one is left out at the next start."""
        if self.line is None:
            raise InvariantBroken(f"{strategy} was asked though no session runs")
        self._quarantined = (*self._quarantined, strategy)
        self.cut_power()


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

    def __init__(self, disk: MemoryDisk, line: SimulatedLine) -> None:
        super().__init__(disk, disk.life)
        self._line = line
        self.has_refused = False
        """Whether a commit failed though the power was on."""

    def begin(self, heading: Heading) -> None:
        try:
            super().begin(heading)
        except StorageFailed:
            self._note_failure()
            raise

    def commit(
        self, rows: Sequence[Row], snapshots: Sequence[SnapshotRow], dropped: Sequence[str] = ()
    ) -> None:
        try:
            super().commit(rows, snapshots, dropped)
        except StorageFailed:
            self._note_failure()
            raise

    def _note_failure(self) -> None:
        if self._disk.life == self._life:
            self.has_refused = True
        else:
            self._line.cut()
