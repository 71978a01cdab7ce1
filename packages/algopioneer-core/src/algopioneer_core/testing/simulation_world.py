"""
The world of a simulation: a market that moves, a venue that fails, people who interfere, and a
process that lives and dies among them.

Only the venue, its books, the disk, the configuration and the recorder outlast a life.
"""

from collections.abc import Callable, Container
from decimal import Decimal
from typing import Final

import anyio

from algopioneer_core.domain.events import Event, RiskHalted, RiskResumed
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.domain.orders import Order
from algopioneer_core.engine.risk_limits import RiskLimits
from algopioneer_core.plugins.manager import PluginHost
from algopioneer_core.runtime.runner import StrategyRunner
from algopioneer_core.testing.clocks import VIRTUAL_START_NS, VirtualClock, own_time
from algopioneer_core.testing.fault_plans import Fault, FaultKind
from algopioneer_core.testing.simulation_books import BookKeeper, InvariantBroken
from algopioneer_core.testing.simulation_history import numbers
from algopioneer_core.testing.simulation_market import INTERVAL_NS, STEP_NS, PriceWalk
from algopioneer_core.testing.simulation_moods import Moods
from algopioneer_core.testing.simulation_process import Process
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
_OFTEN_DENSE: Final = 0.15
_OFTEN_QUOTED: Final = 0.2
_WAITED_FOR_NS: Final = 2 * STEP_NS
"""How soon the next quotes come where somebody waits for them."""
_UNSYNCED: Final = 6
_UNHEARD: Final = (FaultKind.SILENCE, FaultKind.STALL, FaultKind.HALF_OPEN)
"""Faults in which orders end and nobody is told: that is found by comparing, every now and then."""
_BREAKS: Final = (FaultKind.DISCONNECT, FaultKind.OUTAGE, FaultKind.HALF_OPEN)


class World:
    """
    Everything that is there, made from a seed; made and used in one run.

    Args:
        seed: Decides everything but the incidents.
        host: Where the strategies are found.
        make_venue: Makes the venue.
        is_calm: Whether quotes are few and most strategies trade seldom.
    """

    def __init__(
        self, seed: int, host: PluginHost, make_venue: MakeVenue, *, is_calm: bool = False
    ) -> None:
        self.seed = seed
        self.clock = VirtualClock(read=own_time())
        """The true time."""
        self.machine = MachineClock(self.clock)
        draw = self.numbers("world")
        self.venue = make_venue(self.clock, draw)
        max_gross = Decimal(4_000) if draw() < _HALF else None
        self.moods = Moods(
            self.venue.books.account.mark, lambda name: self.process.end_blocked(name)
        )
        self.configuration = Configuration(
            host,
            self.venue,
            self.moods,
            lambda name: self.numbers(f"plan/{name}"),
            is_calm=is_calm,
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
        self._streams = not is_calm
        self._is_dense = self.numbers("density")() < _OFTEN_DENSE
        self._quoted = self._always_quoted(draw)
        self._audited = 0
        """How many lives have begun with an audit."""
        self._accepted = 0
        self._stirred_until_ns = 0
        self._never = anyio.Event()
        """Not set; to wait for it costs half of what `anyio.sleep_forever` does."""
        self._pause: anyio.CancelScope | None = None
        """Until the next minute; None while quotes come at each step."""

    def numbers(self, name: str) -> Callable[[], float]:
        """Return numbers in [0, 1) of their own for one purpose."""
        return numbers(self.seed, name)

    def check(self) -> None:
        """
        Look at every invariant; at the beginning of a life, count everything anew for it.

        Raises:
            InvariantBroken: One does not hold.
        """
        process = self.process
        floor = process.session.floor if process.line and process.session else None
        now_ns = self.clock.now_ns()
        look = self.books.check if process.lives == self._audited else self.books.audit
        self._audited = process.lives
        look(floor, now_ns)
        if self.moods.misled:
            raise InvariantBroken(self.moods.misled[0])
        if self._pause is not None and self._is_waited_for(now_ns):
            self._pause.deadline = _seconds(_next(now_ns, _WAITED_FOR_NS))
            self._pause = None

    # --- the market --------------------------------------------------------------------------

    async def move_market(self) -> None:
        """Push quotes and bars, step after step, until cancelled."""
        walk = PriceWalk(self.numbers("prices"), self.numbers("sizes"), self.venue.traded)
        while True:
            now_ns = self.clock.now_ns()
            for event in walk.show(now_ns, self._quoted_now(now_ns)):
                self.venue.push(event)
            self.check()
            await self._until_next_quotes(now_ns)

    async def _until_next_quotes(self, now_ns: int) -> None:
        every_ns = STEP_NS if self._streams else INTERVAL_NS
        waited_for = not self._streams and self._is_waited_for(now_ns)
        next_s = _seconds(_next(now_ns, _WAITED_FOR_NS if waited_for else every_ns))
        with anyio.CancelScope(deadline=next_s) as scope:
            self._pause = None if self._streams or waited_for else scope
            await self._never.wait()

    def _quoted_now(self, now_ns: int) -> Container[InstrumentId] | None:
        """Return what is quoted at this step; None for everything."""
        stirs = now_ns == self._stirred_until_ns or self._is_waited_for(now_ns)
        is_dense = self._is_dense and stirs and not self._rests_only
        if self._streams or is_dense or self.venue.holds_back:
            return None
        working = (each.intent.instrument_id for each in self.venue.books.working())
        return {**self._quoted, **dict.fromkeys(working), **self.books.uneven_instruments}

    @property
    def _rests_only(self) -> bool:
        """Whether what works are orders that wait for their price, and nothing else is open."""
        orders = self.venue.books.working()
        return bool(orders) and not self.books.is_uneven and all(_rests(each) for each in orders)

    def _is_waited_for(self, now_ns: int) -> bool:
        """
        Return whether the next quotes matter to somebody.

        They do while orders work, legs are uneven, or the venue holds something back until then;
        on a dense day also at the next step after an order, whatever became of it.
        """
        stirs = self._is_dense and self._has_accepted()
        if stirs or self.venue.books.has_working or self.venue.holds_back:
            self._stirred_until_ns = _next(now_ns, _WAITED_FOR_NS)
        return now_ns < self._stirred_until_ns or self.books.is_uneven

    def _has_accepted(self) -> bool:
        """Return whether an order was accepted since it was last asked."""
        before, self._accepted = self._accepted, len(self.venue.accepted)
        return before != self._accepted

    def _always_quoted(self, draw: Callable[[], float]) -> dict[InstrumentId, None]:
        """Return what is quoted at each minute, though nobody waits for it."""
        built = self.configuration.built_from_quotes if self.venue.pushes_bars else None
        often = {each.id: draw() < _OFTEN_QUOTED and self._is_dense for each in self.venue.traded}
        return {key: None for key in often if often[key] or built is None or key in built}

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
            until_ns += int(self.configuration.drift.every_s * NS_PER_SECOND)
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
        if fault.kind is FaultKind.RESUME and not fault.target:
            self.resume_everything()
            return
        for runner in self._at_work():
            if fault.target in ("", runner.name):
                self._order_one(fault.kind, runner)

    def resume_everything(self) -> None:
        """Let people lift all halts, and start again what was given up."""
        for runner in self._at_work():
            self._deliver(runner, RiskResumed(self._now_ns()))
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
        floor, name, now_ns = self.process.session.floor, runner.name, self._now_ns()
        if kind is FaultKind.RESUME:
            # Who resumes a pair lets it try everything once more, and gives it the time for that.
            self.books.excused_until_ns = max(self.books.excused_until_ns, self.clock.now_ns())
            floor.deliver(runner, RiskResumed(now_ns, name))
            floor.supervision.revive(runner, now_ns)
            return
        floor.deliver(runner, RiskHalted(now_ns, "by hand", name))
        if kind is FaultKind.FLATTEN:
            floor.flatten(runner, now_ns, "flatten")

    def _deliver(self, runner: StrategyRunner, event: Event) -> None:
        assert self.process.session is not None
        self.process.session.floor.deliver(runner, event)

    def _now_ns(self) -> int:
        assert self.process.session is not None
        return max(self.process.session.floor.now_ns, self.machine.now_ns())

    async def _reload(self, fault: Fault, draw: Callable[[], float]) -> None:
        names = self.configuration.names
        name = fault.target or names[int(draw() * len(names))]
        self.configuration.change(name, draw)
        self.process.reload.ring()


def _rests(order: Order) -> bool:
    return order.intent.limit_price is not None


def _next(now_ns: int, every_ns: int) -> int:
    return now_ns - now_ns % every_ns + every_ns


def _seconds(now_ns: int) -> float:
    """Return a time as anyio's clock shows it."""
    return (now_ns - VIRTUAL_START_NS) / NS_PER_SECOND


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
