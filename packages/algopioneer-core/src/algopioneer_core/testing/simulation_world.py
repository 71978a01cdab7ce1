"""
The world of a simulation: a market that moves, a venue that fails, people who interfere, and a
process that lives and dies among them.

Only the venue, its books, the disk, the configuration and the recorder outlast a life.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Final

import anyio

from algopioneer_core.domain.events import RiskHalted, RiskResumed
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.engine.risk_limits import RiskLimits
from algopioneer_core.plugins.manager import PluginHost
from algopioneer_core.runtime.runner import StrategyRunner
from algopioneer_core.testing.clocks import VIRTUAL_START_NS, VirtualClock
from algopioneer_core.testing.fault_plans import Fault, FaultKind
from algopioneer_core.testing.simulation_books import BookKeeper, InvariantBroken
from algopioneer_core.testing.simulation_history import numbers
from algopioneer_core.testing.simulation_market import STEP_NS, PriceWalk
from algopioneer_core.testing.simulation_moods import Moods
from algopioneer_core.testing.simulation_process import DRIFT, Process
from algopioneer_core.testing.simulation_strategies import Configuration
from algopioneer_core.testing.simulation_troubles import (
    MachineClock,
    garbage,
    step_clock,
    trade_foreign,
)
from algopioneer_core.testing.simulation_venue import MakeVenue

__all__ = ["World"]

_HALF: Final = 0.5
_OFTEN_DISHONEST: Final = 0.15
_UNSYNCED: Final = 6
_UNHEARD: Final = (FaultKind.SILENCE, FaultKind.STALL, FaultKind.HALF_OPEN)
"""Faults in which orders end and nobody is told: that is found by comparing, every now and then."""
_BREAKS: Final = (FaultKind.DISCONNECT, FaultKind.OUTAGE, FaultKind.HALF_OPEN)


class World:
    """
    Everything that is there, made from a seed; used for one run.

    Args:
        seed: Decides everything but the incidents.
        host: Where the strategies are found.
        make_venue: Makes the venue.
    """

    def __init__(self, seed: int, host: PluginHost, make_venue: MakeVenue) -> None:
        self.seed = seed
        self.clock = VirtualClock()
        """The true time."""
        self.machine = MachineClock(self.clock)
        draw = self.numbers("world")
        self.venue = make_venue(self.clock, draw)
        max_gross = Decimal(4_000) if draw() < _HALF else None
        self.moods = Moods(
            self.venue.books.account.mark, lambda name: self.process.end_blocked(name)
        )
        self.configuration = Configuration(
            host, self.venue, self.moods, lambda name: self.numbers(f"plan/{name}")
        )
        self.process = Process(
            seed,
            self.venue,
            self.machine,
            self.configuration,
            RiskLimits(max_gross_notional=max_gross),
            self.check,
        )
        self.process.disk.honest = draw() >= _OFTEN_DISHONEST
        self.process.disk.unsynced = _UNSYNCED
        self.books = BookKeeper(self.venue, self.process.disk, max_gross)

    def numbers(self, name: str) -> Callable[[], float]:
        """Return numbers in [0, 1) of their own for one purpose."""
        return numbers(self.seed, name)

    def check(self) -> None:
        """
        Look at every invariant.

        Raises:
            InvariantBroken: One does not hold.
        """
        process = self.process
        floor = process.session.floor if process.line and process.session else None
        self.books.check(floor, self.clock.now_ns())
        if self.moods.misled:
            raise InvariantBroken(self.moods.misled[0])

    async def move_market(self) -> None:
        """Push quotes and bars, step after step, until cancelled."""
        walk = PriceWalk(self.numbers("prices"), self.venue.traded)
        while True:
            now_ns = self.clock.now_ns()
            for event in walk.step(now_ns):
                self.venue.push(event)
            self.check()
            await anyio.sleep_until((now_ns + STEP_NS - VIRTUAL_START_NS) / NS_PER_SECOND)

    # --- incidents ---------------------------------------------------------------------------

    async def befall(self, fault: Fault) -> None:
        """Have *fault*; return when it is over."""
        self._excuse(fault)
        draw, kind = self.numbers(repr(fault)), fault.kind
        if kind in _BY_KIND:
            await _BY_KIND[kind](self, fault, draw)
        elif kind in _BREAKS and self.process.lines_break:
            await self._break_line(fault)
        else:
            await self.venue.apply(fault)

    def _excuse(self, fault: Fault) -> None:
        until_ns = self.clock.now_ns() + fault.duration_ns
        if fault.kind in _UNHEARD:
            until_ns += int(DRIFT.every_s * NS_PER_SECOND)
        self.books.excused_until_ns = max(self.books.excused_until_ns, until_ns)

    async def _break_line(self, fault: Fault) -> None:
        line = self.process.line
        if line is None:
            await self.venue.apply(fault)
            return
        line.go_down()
        await self.venue.apply(fault)
        line.come_up()

    async def _spoil(self, fault: Fault, draw: Callable[[], float]) -> None:
        self.moods.spoil(fault.target, draw)

    async def _block(self, fault: Fault, draw: Callable[[], float]) -> None:
        self.moods.block(fault.target, draw)

    async def _show_garbage(self, _: Fault, draw: Callable[[], float]) -> None:
        event = garbage(self.venue, self.clock.now_ns(), draw)
        if event is not None:
            self.venue.show_garbage(event)

    async def _trade_foreign(self, fault: Fault, draw: Callable[[], float]) -> None:
        await trade_foreign(self.venue, self.clock, f"foreign-{fault.at_ns}", draw)

    async def _step_clock(self, fault: Fault, draw: Callable[[], float]) -> None:
        await step_clock(self.machine, fault, draw)

    async def _fill_disk(self, fault: Fault, _: Callable[[], float]) -> None:
        self.process.disk.commits_left = 0
        await anyio.sleep(fault.duration_ns / NS_PER_SECOND)
        self.process.disk.commits_left = None
        self.books.excused_until_ns = max(self.books.excused_until_ns, self.clock.now_ns())

    async def _fail_sync(self, _: Fault, draw: Callable[[], float]) -> None:
        self.process.disk.sync_fails = True
        self.process.disk.keep_last = draw() < _HALF

    # --- people ------------------------------------------------------------------------------

    async def _order(self, fault: Fault, _: Callable[[], float]) -> None:
        for runner in self._at_work():
            if fault.target in ("", runner.name):
                self._order_one(fault.kind, runner)

    def resume_everything(self) -> None:
        """Let people see to it, at the end, that nothing is halted by hand."""
        for runner in self._at_work():
            self._order_one(FaultKind.RESUME, runner)

    def _at_work(self) -> tuple[StrategyRunner, ...]:
        """Return the strategies people can reach: none before the session has reconciled."""
        line, session = self.process.line, self.process.session
        if line is None or line.is_dead or session is None:
            return ()
        runners = tuple(session.floor.runners.values())
        is_open = not session.floor.is_closed and any(r.guard.is_running for r in runners)
        return runners if is_open else ()

    def _order_one(self, kind: FaultKind, runner: StrategyRunner) -> None:
        assert self.process.session is not None
        floor, name = self.process.session.floor, runner.name
        now_ns = max(floor.now_ns, self.machine.now_ns())
        if kind is FaultKind.RESUME:
            floor.deliver(runner, RiskResumed(now_ns, name))
            floor.supervision.revive(runner, now_ns)
            return
        floor.deliver(runner, RiskHalted(now_ns, "by hand", name))
        if kind is FaultKind.FLATTEN:
            floor.flatten(runner, now_ns, "flatten")

    async def _reload(self, fault: Fault, draw: Callable[[], float]) -> None:
        names = self.configuration.names
        name = fault.target or names[int(draw() * len(names))]
        self.configuration.change(name, draw)
        self.process.reload.ring()


_BY_KIND: Final = {
    FaultKind.STRATEGY_CRASH: World._spoil,
    FaultKind.STRATEGY_BLOCK: World._block,
    FaultKind.GARBAGE: World._show_garbage,
    FaultKind.FOREIGN_ORDER: World._trade_foreign,
    FaultKind.CLOCK_STEP: World._step_clock,
    FaultKind.DISK_FULL: World._fill_disk,
    FaultKind.SYNC_ERROR: World._fail_sync,
    FaultKind.HALT: World._order,
    FaultKind.FLATTEN: World._order,
    FaultKind.RESUME: World._order,
    FaultKind.RELOAD: World._reload,
}
