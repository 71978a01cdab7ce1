"""How a session stands, read while it runs: each state, and the name of whatever is wrong."""

from collections.abc import Callable, Iterable
from decimal import Decimal

import anyio
import pytest

from algopioneer_core.domain.commands import StrategyCommand
from algopioneer_core.domain.events import Event, RiskHalted
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND, Bar, Quote
from algopioneer_core.domain.orders import OrderIntent
from algopioneer_core.engine.strategy import StrategyContext
from algopioneer_core.runtime.restart_policy import RestartPolicy
from algopioneer_core.runtime.resume import Resume
from algopioneer_core.runtime.runner import StrategyRunner
from algopioneer_core.runtime.status import (
    SessionStatus,
    StrategyState,
    session_status,
)
from algopioneer_core.simulation.paper_config import PaperConfig
from algopioneer_core.testing.clocks import VirtualClock, wait_all_blocked
from algopioneer_core.testing.domain import BITCOIN
from algopioneer_core.testing.engine import ScriptedStrategy, wishing_at_bar
from algopioneer_core.testing.fault_plans import Fault, FaultKind
from algopioneer_core.testing.journal_storage import MemoryDisk
from algopioneer_core.testing.reference_venue import ReferenceVenue
from algopioneer_core.testing.sessions import (
    RunningSession,
    SpreadFlipper,
    running_session,
    session_plan,
    strategy_plan,
)
from algopioneer_core.testing.simulation_market import REFERENCE

S = StrategyState
BUY = OrderIntent(instrument_id=BITCOIN.id, side=Side.BUY, quantity=Decimal(2))


def _status(running: RunningSession) -> SessionStatus:
    assert running.session is not None
    return session_status(running.session)


def _fails(event: Event, _: StrategyContext) -> Iterable[StrategyCommand]:
    if isinstance(event, Bar):
        raise ValueError("not this one")
    return ()


def _venue() -> ReferenceVenue:
    config = PaperConfig(balances=("USD=100000",), slippage_bps=Decimal(0))
    return ReferenceVenue([BITCOIN], VirtualClock(), config=config)


async def _bar(venue: ReferenceVenue, instrument_id: InstrumentId = BITCOIN.id) -> None:
    """Let a bar of 100 and quotes of 101 come by."""
    now_ns, price, size = VirtualClock().now_ns(), Decimal(101), Decimal(1_000)
    venue.push(Bar(instrument_id, now_ns, 10_000, 10_000, 10_000, 10_000, 0, 2, 0, now_ns))
    for _ in range(2):
        now_ns = VirtualClock().now_ns()
        venue.push(Quote(instrument_id, now_ns, price, price, size, size, now_ns))
        await wait_all_blocked()
        await anyio.sleep(1)


async def test_a_session_that_trades_shows_position_worth_and_feed() -> None:
    """Everything is in order, so there is no problem; a price of two seconds ago is so old."""
    venue = _venue()
    plan = session_plan(
        strategy_plan("buys", lambda: wishing_at_bar(1, BUY), BITCOIN), resume=Resume.WALLCLOCK
    )
    async with running_session(plan, venue, MemoryDisk()) as running:
        before = _status(running)
        await anyio.sleep(60 - anyio.current_time())
        await _bar(venue)
        status = _status(running)
        await anyio.sleep(2)
        [feed] = _status(running).feeds

    [first] = before.feeds
    assert (first.age_ns, first.passed) == (None, 0)
    [buys] = status.strategies
    assert (buys.state, buys.note, buys.legs, buys.orders) == (S.RUNNING, "", "", 0)
    assert buys.held == {BITCOIN.id: Decimal(2)}
    assert (buys.equity, buys.pnl) == (Decimal(10_000), Decimal(0))
    [shown] = status.venues
    assert (shown.name, shown.problem, shown.breaker, shown.sent) == ("sim", "", "closed", 1)
    assert (feed.instrument_id, feed.passed, feed.shed) == (BITCOIN.id, 3, 0)
    assert feed.age_ns == 3 * NS_PER_SECOND
    assert status.journal.problem == ""
    assert status.journal.entries > before.journal.entries
    assert (status.problems, status.is_healthy) == ((), True)


async def test_the_state_of_a_spread_is_shown() -> None:
    """By the word of the leg manager's table."""
    coin, twin = REFERENCE.coin, REFERENCE.twin
    venue = ReferenceVenue([coin, twin], VirtualClock())
    pair = strategy_plan("pair", lambda: SpreadFlipper(coin.id, twin.id), coin, twin)
    plan = session_plan(pair, resume=Resume.WALLCLOCK)
    async with running_session(plan, venue, MemoryDisk()) as running:
        [shown] = _status(running).strategies
    assert shown.legs == "flat"


def _halted(runner: StrategyRunner, deliver: Callable[..., None]) -> None:
    deliver(runner, RiskHalted(VirtualClock().now_ns(), "lunch", runner.name))


def _given_up(runner: StrategyRunner, _: Callable[..., None]) -> None:
    runner.given_up = True


def _leaving(runner: StrategyRunner, _: Callable[..., None]) -> None:
    runner.draining = True


def _waiting(runner: StrategyRunner, _: Callable[..., None]) -> None:
    runner.guard.take_out()


@pytest.mark.parametrize(
    ("act", "state", "note"),
    [
        (_halted, S.HALTED, "lunch"),
        (_given_up, S.GIVEN_UP, ""),
        (_leaving, S.LEAVING, ""),
        (_waiting, S.WAITING, ""),
    ],
)
async def test_a_strategy_that_does_not_run_is_named(
    act: Callable[[StrategyRunner, Callable[..., None]], None], state: StrategyState, note: str
) -> None:
    """With its state, and why where that is known."""
    plan = session_plan(strategy_plan("one", ScriptedStrategy, BITCOIN), resume=Resume.WALLCLOCK)
    async with running_session(plan, _venue(), MemoryDisk()) as running:
        assert running.session is not None
        floor = running.session.floor
        act(floor.runners["one"], floor.deliver)
        status = _status(running)

    [shown] = status.strategies
    assert (shown.state, shown.note) == (state, note)
    words = f"strategy one: {state.value}" + (f" ({note})" if note else "")
    assert status.problems == (words,)
    assert not status.is_healthy


async def test_a_crashed_strategy_says_when_it_comes_back() -> None:
    """In whole seconds from the latest event."""
    venue = _venue()
    policy = RestartPolicy(backoff_s=Decimal(60))
    broken = strategy_plan("bad", lambda: ScriptedStrategy(_fails), BITCOIN, restarts=policy)
    plan = session_plan(broken, resume=Resume.WALLCLOCK)
    async with running_session(plan, venue, MemoryDisk()) as running:
        await anyio.sleep(60 - anyio.current_time())
        await _bar(venue)
        [shown] = _status(running).strategies
    assert (shown.state, shown.note) == (S.CRASHED, "starts again in 29 s")


async def test_a_venue_that_takes_no_new_exposure_and_a_stop_are_named() -> None:
    """Each by what stands in the way: here it is down while the session opens."""
    venue = _venue()
    plan = session_plan(strategy_plan("one", ScriptedStrategy, BITCOIN), resume=Resume.WALLCLOCK)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(venue.apply, Fault(0, FaultKind.OUTAGE, duration_ns=10**15))
        await wait_all_blocked()
        async with running_session(plan, venue, MemoryDisk()) as running:
            opening = _status(running)
        stopped = _status(running)
        tasks.cancel_scope.cancel()

    waiting, down = opening.problems
    assert waiting == "strategy one: waiting"
    assert down.startswith("venue sim: ")
    assert "stopping: the test is over" in stopped.problems
