"""
Incidents that other systems had in production, had again here, and survived.

Each is named after the public report of it; what is told of it is what the report says went wrong.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from decimal import Decimal

import anyio

from algopioneer_core.domain.commands import CancelAll, StrategyCommand
from algopioneer_core.domain.events import Event, RiskHalted
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.market_data import NS_PER_SECOND, Bar, Quote
from algopioneer_core.domain.orders import OrderIntent, OrderStatus, OrderType
from algopioneer_core.engine.strategy import StrategyContext
from algopioneer_core.journal.entries import EntryKind
from algopioneer_core.ports import Alert
from algopioneer_core.runtime.plan import SessionPlan
from algopioneer_core.runtime.reconciliation import DriftRules
from algopioneer_core.runtime.resume import Resume
from algopioneer_core.runtime.runner import StrategyRunner
from algopioneer_core.runtime.session import Session
from algopioneer_core.simulation.paper_config import PaperConfig
from algopioneer_core.testing.clocks import VirtualClock, wait_all_blocked
from algopioneer_core.testing.domain import BITCOIN
from algopioneer_core.testing.engine import ScriptedStrategy
from algopioneer_core.testing.fault_plans import Fault, FaultKind
from algopioneer_core.testing.journal_storage import MemoryDisk
from algopioneer_core.testing.reference_venue import ReferenceVenue
from algopioneer_core.testing.sessions import (
    Flipper,
    Notes,
    Ran,
    RunningSession,
    running_session,
    session_plan,
    strategy_plan,
)

_D = Decimal


class Rester(ScriptedStrategy):
    """Rests a limit order far below at the first bar, and takes it back at the third."""

    def __init__(self) -> None:
        super().__init__()
        self._bars = 0

    def on_event(self, event: Event, context: StrategyContext) -> Iterable[StrategyCommand]:
        """Answer the first and the third bar."""
        if not isinstance(event, Bar):
            return ()
        self._bars += 1
        if self._bars == 3:
            return (CancelAll(BITCOIN.id),)
        return (_resting(),) if self._bars == 1 else ()


def _resting() -> OrderIntent:
    return OrderIntent(
        instrument_id=BITCOIN.id,
        side=Side.BUY,
        type=OrderType.LIMIT,
        quantity=_D(1),
        limit_price=_D(90),
    )


class Live:
    """A session at a reference venue, minute by minute."""

    def __init__(self, disk: MemoryDisk | None = None) -> None:
        self.clock = VirtualClock()
        config = PaperConfig(balances=("USD=100000", "BTC=0"), slippage_bps=_D(0))
        self.venue = ReferenceVenue([BITCOIN], self.clock, config=config)
        self.disk = disk or MemoryDisk()
        self.notes = Notes()
        self._running = RunningSession()
        self._minute = 0

    @property
    def session(self) -> Session | None:
        """The session that runs, or ran last."""
        return self._running.session

    @property
    def ran(self) -> Ran | None:
        """What is left of it."""
        return self._running.ran

    @property
    def runner(self) -> StrategyRunner:
        """The strategy as the runtime knows it."""
        assert self.session is not None
        return self.session.floor.runners["one"]

    @property
    def held(self) -> tuple[Decimal, Decimal]:
        """What we think is held, and what the venue has."""
        theirs = self.venue.books.account.positions().get(BITCOIN.id, _D(0))
        return self.runner.engine.portfolio.quantity(BITCOIN.id), theirs

    async def move(self, *prices: int) -> None:
        """Let a minute pass for each price: it is quoted, closes as a bar, and is quoted again."""
        for price in prices:
            self._minute += 1
            await anyio.sleep(self._minute * 60 - anyio.current_time())
            self.quote(price)
            now_ns = self.clock.now_ns()
            self.venue.push(Bar(BITCOIN.id, now_ns, price, price, price, price, 1, 0, 0, now_ns))
            await wait_all_blocked()
            await anyio.sleep(1)
            self.quote(price)
            await wait_all_blocked()

    def quote(self, price: int) -> None:
        """Let the market be at *price*, without a bar."""
        now_ns, value = self.clock.now_ns(), _D(price)
        self.venue.push(Quote(BITCOIN.id, now_ns, value, value, _D(100), _D(100), now_ns))

    @asynccontextmanager
    async def running(self, plan: SessionPlan, *, nonce: str = "first") -> AsyncIterator[None]:
        """Run a session for the block, and stop it in good order."""
        opened = running_session(plan, self.venue, self.disk, notes=self.notes, nonce=nonce)
        async with opened as self._running:
            yield

    async def befall(self, kind: FaultKind, seconds: int = 0) -> None:
        """Have a fault, and return when it is over."""
        await self.venue.apply(Fault(0, kind, duration_ns=seconds * NS_PER_SECOND))


def _plan(make: type[ScriptedStrategy] | None = None) -> SessionPlan:
    one = strategy_plan("one", make or (lambda: Flipper(BITCOIN.id)), BITCOIN)
    rules = DriftRules(every_s=_D(60))
    return session_plan(one, resume=Resume.WALLCLOCK, drift=rules)


async def test_an_outage_makes_no_accepted_order_a_failed_one() -> None:
    """
    hummingbot#8457: six accepted orders met a DNS outage; status requests and cancels failed, the
    orders were marked failed and forgotten, and what they traded was a position nobody knew.
    """
    live = Live()
    async with live.running(_plan(Rester)):
        await live.move(100)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(live.befall, FaultKind.OUTAGE, 150)
            await live.move(100, 100)  # the cancel falls into the outage
            live.quote(89)  # and so does the fill
            await anyio.sleep(5)
        await live.move(100, 100)
        assert live.held == (_D(1), _D(1))
    assert live.ran is not None
    assert [_D(1)] == [each[3] for each in live.ran.fills()]


async def test_a_restart_invents_no_fill() -> None:
    """
    nautilus_trader#4736: a restart over an open position added a made-up fill, equal and opposite
    to the real one; the strategy believed that it was flat and could have opened a second position.
    """
    live = Live()
    async with live.running(_plan()):
        await live.move(100, 101)
        assert live.held == (_D(1), _D(1))
    assert live.ran is not None
    before = live.ran.fills()
    async with live.running(_plan(), nonce="second"):
        await live.move(102, 103)
        assert live.held == (_D(1), _D(1))
    assert live.ran.fills() == before
    assert 1 == len(live.venue.execution.accepted)


async def test_a_fill_that_a_living_stream_never_tells_is_found() -> None:
    """
    Lean.Brokerages.TradeStation#95: the order stream dropped fills while its heartbeats went on; no
    timeout noticed, and the orders stayed open in the books for good.
    """
    live = Live()
    async with live.running(_plan()):
        await live.move(100)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(live.befall, FaultKind.SILENCE, 63)
            live.venue.market_data.speak()  # prices go on: only the account is silent
            await live.move(101)
            assert live.held == (_D(0), _D(1))
            live.venue.market_data.fall_silent()
        await anyio.sleep(60)
        assert live.held == (_D(1), _D(1))
        assert not live.runner.engine.orders.working
    assert live.ran is not None
    assert 1 == len(live.ran.fills())


class _Broken(Notes):
    """A notifier that fails whenever it is needed."""

    async def notify(self, alert: Alert) -> None:
        """Fail."""
        raise RuntimeError(f"cannot tell of {alert.subject}")


async def test_a_kill_switch_that_fails_on_its_way_still_halts() -> None:
    """
    hummingbot#2534: an exception on the way of the kill switch was swallowed; it neither stopped
    anything nor said so. Here the halt is in the books before anybody is told of it.
    """
    live = Live()
    live.notes = _Broken()
    async with live.running(_plan()):
        await live.move(100)
        assert live.session is not None
        floor = live.session.floor
        floor.deliver(live.runner, RiskHalted(live.clock.now_ns(), "kill switch"))
        await live.move(101, 99, 102)
        assert "kill switch" == floor.risk.halted()
        assert [] == live.venue.execution.accepted
    assert live.ran is not None
    denied = [each for each in live.ran.rows if each.entry.kind is EntryKind.DENIED]
    assert {"halted"} == {each.entry.body["limit"] for each in denied}


async def test_a_cancel_without_an_answer_is_no_cancelled_order() -> None:
    """
    nautilus_trader#4152: cancels that were never answered became made-up ends of orders once the
    retries were used up, while the orders were still open at the venue, and traded.
    """
    live = Live()
    async with live.running(_plan(Rester)):
        await live.move(100, 100)
        for _ in range(20):
            await live.befall(FaultKind.LOST_REQUEST)
        await live.move(100)
        await anyio.sleep(40)
        (order,) = live.runner.engine.orders.working.values()
        assert order.status in (OrderStatus.PENDING_CANCEL, OrderStatus.UNKNOWN, OrderStatus.OPEN)
        live.quote(89)
        await anyio.sleep(1)
        assert live.held == (_D(1), _D(1))
    assert live.ran is not None
    assert 1 == len(live.ran.fills())
