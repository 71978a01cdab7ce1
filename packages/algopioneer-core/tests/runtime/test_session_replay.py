"""A recorded session, run again from its journal: the same commands, or the first difference."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path

import anyio
import pytest
from attrs import evolve

from algopioneer_core.domain.commands import StrategyCommand
from algopioneer_core.domain.errors import RefusedError
from algopioneer_core.domain.events import Event, RiskHalted, RiskResumed
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND, Bar, Quote
from algopioneer_core.domain.orders import OrderIntent, OrderType
from algopioneer_core.engine.strategy import StrategyContext
from algopioneer_core.history.columns import ColumnsSource
from algopioneer_core.journal.control import ControlAction, ControlBox
from algopioneer_core.journal.errors import JournalDiverged, JournalFailed
from algopioneer_core.runtime.plan import SessionPlan
from algopioneer_core.runtime.restart_policy import RestartPolicy
from algopioneer_core.runtime.resume import Resume
from algopioneer_core.runtime.session import Session
from algopioneer_core.runtime.session_replay import Replayed, SessionReplay
from algopioneer_core.runtime.stopping import StopRequest
from algopioneer_core.simulation.paper import PaperVenue
from algopioneer_core.simulation.paper_config import PaperConfig
from algopioneer_core.simulation.replay import ReplayVenue
from algopioneer_core.testing.backtests import bars_of
from algopioneer_core.testing.clocks import VIRTUAL_START_NS, VirtualClock
from algopioneer_core.testing.domain import BITCOIN
from algopioneer_core.testing.engine import ScriptedStrategy, wishing_at_bar
from algopioneer_core.testing.journal_storage import MemoryDisk
from algopioneer_core.testing.reference_venue import ReferenceVenue
from algopioneer_core.testing.sessions import (
    Flipper,
    SpreadFlipper,
    journal_rows,
    run_session,
    session_plan,
    strategy_plan,
    with_plan,
)

_A, _B = (Instrument.undescribed(InstrumentId("replay", name)) for name in "AB")
_CLOSES = [10_000 + 37 * number % 101 - number % 7 * 10 for number in range(60)]


def _paper() -> PaperVenue:
    rows = [(close, close + 9, close - 9, close) for close in _CLOSES]
    sources = [ColumnsSource(bars_of(each.id, rows)) for each in (_A, _B)]
    config = PaperConfig(balances=("USD=30000",))
    return PaperVenue(config, ReplayVenue("replay", [_A, _B], sources), [_A, _B])


def _plan(**terms: object) -> SessionPlan:
    return session_plan(
        strategy_plan("flip", lambda: Flipper(_A.id, quantity="10"), _A),
        strategy_plan("pair", lambda: SpreadFlipper(_A.id, _B.id), _A, _B),
        **{"snapshot_every": 25, "record_inputs": True} | terms,
    )


def _replayed(plan: SessionPlan, disk: MemoryDisk) -> Replayed:
    return SessionReplay(plan, disk.plug_in(), jitter=lambda *_: 0.5).run()


async def test_a_replayed_feed_gives_the_same_commands() -> None:
    """Every bar is an input, every decision, order, fill report and trade is compared."""
    disk = MemoryDisk()
    ran = await run_session(_plan(), _paper(), disk)

    found = _replayed(_plan(), disk)

    assert found.orders == sum(each.entry.kind.value == "intent" for each in ran.rows) > 20
    assert found.inputs > 2 * len(_CLOSES)
    assert found.derived > 2 * found.orders
    assert found.starts == 1


async def test_power_cuts_change_nothing() -> None:
    """What was derived again after a cut is in the journal once."""
    disk = MemoryDisk()
    for commits in (4, 5):
        disk.cut_power_in = commits
        with pytest.raises(JournalFailed):
            await run_session(_plan(), _paper(), disk)
    await run_session(_plan(), _paper(), disk)

    assert _replayed(_plan(), disk).orders > 20


async def test_another_strategy_is_named_by_its_first_difference() -> None:
    """The entry, what the journal has there, and what was derived instead."""
    disk = MemoryDisk()
    await run_session(_plan(), _paper(), disk)
    other = with_plan(_plan(), "flip", make=lambda: Flipper(_A.id, quantity="11"))

    with pytest.raises(JournalDiverged) as raised:
        _replayed(other, disk)

    assert '"quantity":"10"' in raised.value.stored
    assert '"quantity":"11"' in raised.value.derived
    assert "entry " in str(raised.value)


async def test_a_strategy_that_does_less_or_more_is_named_too() -> None:
    """A decision that does not come again, and one that nobody made then."""
    disk = MemoryDisk()
    lazy = with_plan(_plan(), "flip", make=lambda: Flipper(BITCOIN.id))
    await run_session(_plan(), _paper(), disk)
    with pytest.raises(JournalDiverged, match="derived again is"):
        _replayed(with_plan(_plan(), "pair", make=lambda: SpreadFlipper(_B.id, _A.id)), disk)
    with pytest.raises(JournalDiverged):
        _replayed(lazy, disk)


async def test_without_recorded_inputs_it_is_refused() -> None:
    """Half of what happened is no replay."""
    disk = MemoryDisk()
    await run_session(_plan(record_inputs=False), _paper(), disk)
    with pytest.raises(RefusedError, match="did not record its inputs"):
        _replayed(_plan(), disk)


async def test_another_session_is_refused() -> None:
    """Its strategies are not those of the journal."""
    disk = MemoryDisk()
    await run_session(_plan(), _paper(), disk)
    with pytest.raises(RefusedError, match="are not those"):
        _replayed(with_plan(_plan(), "flip", fingerprint="changed"), disk)


# --- live --------------------------------------------------------------------------------------


async def _push(venue: ReferenceVenue, clock: VirtualClock, minute: int, price: int) -> None:
    await anyio.sleep(minute * 60 - anyio.current_time())
    now_ns, size = clock.now_ns(), Decimal(1000)
    ticks = price * 100
    venue.push(Bar(BITCOIN.id, now_ns, ticks, ticks, ticks, ticks, 0, 2, 0, now_ns))
    await anyio.sleep(0.1)
    money = Decimal(price)
    venue.push(Quote(BITCOIN.id, now_ns + 10**8, money, money, size, size, now_ns + 10**8))
    await anyio.sleep(0.1)


async def _live(
    disk: MemoryDisk,
    venue: ReferenceVenue,
    clock: VirtualClock,
    plan: SessionPlan,
    minutes: range,
    *,
    nonce: str,
    control: ControlBox | None = None,
    act: Callable[[Session, int], None] = lambda *_: None,
) -> None:
    """Run one start of a live session over some minutes of a market that goes up and down."""
    stop = StopRequest()
    sessions: list[Session] = []
    async with anyio.create_task_group() as tasks:

        async def move() -> None:
            for minute in minutes:
                await _push(venue, clock, minute, 100 + minute % 4 * 3)
                act(sessions[0], minute)
            stop.ask("enough")

        tasks.start_soon(move)
        await run_session(
            plan, venue, disk, clock=clock, stop=stop, nonce=nonce, control=control,
            watch=sessions.append,
        )  # fmt: skip


def _by_hand(session: Session, minute: int) -> None:
    runner = session.floor.runners["flip"]
    now_ns = 1_704_067_200 * NS_PER_SECOND + minute * 60 * NS_PER_SECOND + NS_PER_SECOND
    if minute == 5:
        session.floor.deliver(runner, RiskHalted(now_ns, "by hand", "flip"))
    if minute == 7:
        session.floor.deliver(runner, RiskResumed(now_ns, "flip"))


async def test_a_live_session_with_a_halt_and_a_restart() -> None:
    """Warm-up, missed bars, the end of each start and the ids of the next are those of then."""
    disk, clock = MemoryDisk(), VirtualClock()
    venue = ReferenceVenue(
        [BITCOIN], clock, config=PaperConfig(balances=("USD=100000",), slippage_bps=Decimal(0))
    )
    flipper = strategy_plan("flip", lambda: Flipper(BITCOIN.id, warmup=3), BITCOIN)
    plan = session_plan(flipper, resume=Resume.WALLCLOCK, record_inputs=True)
    await _live(disk, venue, clock, plan, range(1, 12), nonce="first", act=_by_hand)
    await _push(venue, clock, 12, 101)
    await _live(disk, venue, clock, plan, range(13, 22), nonce="second")

    found = _replayed(plan, disk)

    assert (found.starts, found.orders) == (2, len(venue.execution.accepted))
    assert found.orders > 5


async def test_what_was_taken_back_for_an_opposite_order_is_taken_back_again() -> None:
    """The cancel came of no event, but of the order it stood in the way of; the last, of a stop."""
    disk, clock = MemoryDisk(), VirtualClock()
    config = PaperConfig(balances=("USD=100000", "BTC=10"), slippage_bps=Decimal(0))
    venue = ReferenceVenue([BITCOIN], clock, config=config)
    wanted = OrderIntent(instrument_id=BITCOIN.id, side=Side.BUY, quantity=Decimal(1))
    far = evolve(wanted, side=Side.SELL, type=OrderType.LIMIT, limit_price=Decimal(150))
    low = evolve(far, side=Side.BUY, limit_price=Decimal(50))
    plan = session_plan(
        strategy_plan("rests", lambda: wishing_at_bar(1, far), BITCOIN),
        strategy_plan("takes", lambda: wishing_at_bar(2, wanted), BITCOIN),
        strategy_plan("waits", lambda: wishing_at_bar(4, low), BITCOIN),
        resume=Resume.WALLCLOCK,
        record_inputs=True,
    )
    await _live(disk, venue, clock, plan, range(1, 7), nonce="first")

    found = _replayed(plan, disk)

    cancels = [each.entry for each in await journal_rows(disk) if each.entry.kind.value == "cancel"]
    assert [(each.strategy, each.cause is None) for each in cancels] == [
        ("rests", False),
        ("waits", True),
    ]
    assert found.orders == 3


async def test_a_strategy_that_is_given_up_and_revived_by_hand_is_so_again(
    tmp_path: Path,
) -> None:
    """Crashes, restarts, the end of its patience and the second life come at the same events."""

    def fail(event: Event, _: StrategyContext) -> Iterable[StrategyCommand]:
        if isinstance(event, Bar) and event.ts_event < VIRTUAL_START_NS + 150 * NS_PER_SECOND:
            raise ValueError("not this early")
        return ()

    disk, clock = MemoryDisk(), VirtualClock()
    venue = ReferenceVenue([BITCOIN], clock)
    policy = RestartPolicy(budget=1, backoff_s=Decimal(30), backoff_max_s=Decimal(30))
    broken = strategy_plan("bad", lambda: ScriptedStrategy(fail), BITCOIN, restarts=policy)
    plan = session_plan(broken, resume=Resume.WALLCLOCK, record_inputs=True)
    with ControlBox(tmp_path / "session.journal") as box:

        def ask(_: Session, minute: int) -> None:
            if minute == 4:
                box.request(ControlAction.RESUME, ts_ns=1, strategy="bad")

        await _live(disk, venue, clock, plan, range(1, 8), nonce="n", control=box, act=ask)

    found = _replayed(plan, disk)

    rows = await journal_rows(disk)
    kinds = [type(each.entry.body).__name__ for each in rows if each.entry.kind.value == "event"]
    assert kinds.count("StrategyStarted") == 2
    assert kinds.count("StrategyCrashed") == 2
    assert found.starts == 1


async def test_a_flattening_by_hand_is_done_again(tmp_path: Path) -> None:
    """Its orders come of no event, and of the request that is in the journal."""
    disk = MemoryDisk()
    with ControlBox(tmp_path / "session.journal") as box:
        box.request(ControlAction.FLATTEN, ts_ns=1, strategy="flip", reason="enough")
        await run_session(_plan(), _paper(), disk, control=box)
    assert _replayed(_plan(), disk).inputs > 0
    with pytest.raises(RefusedError, match="are not those"):
        _replayed(evolve(_plan(), strategies=()), disk)
