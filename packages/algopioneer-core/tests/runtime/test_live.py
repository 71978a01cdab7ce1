"""Sessions over a venue whose time goes on: it matches for real and has bad days."""

import copy
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

import anyio
import pytest
from attrs import define, evolve, field

from algopioneer_core.domain.commands import SetTimer, StrategyCommand
from algopioneer_core.domain.errors import RefusedError, VenueUnavailable
from algopioneer_core.domain.events import Event, OrderFilled, OrderRejected
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.market_data import NS_PER_SECOND, Bar, Quote
from algopioneer_core.domain.money import scaled
from algopioneer_core.domain.orders import Order, OrderIntent, OrderStatus, OrderType
from algopioneer_core.engine.strategy import StrategyContext
from algopioneer_core.journal.entries import EntryKind
from algopioneer_core.journal.errors import JournalFailed
from algopioneer_core.runtime.plan import SessionPlan
from algopioneer_core.runtime.reconciliation import DriftRules
from algopioneer_core.runtime.restart_policy import RestartPolicy
from algopioneer_core.runtime.resume import Resume
from algopioneer_core.runtime.session import Session
from algopioneer_core.runtime.stopping import StopRequest
from algopioneer_core.simulation.paper_config import PaperConfig
from algopioneer_core.testing.clocks import VirtualClock, wait_all_blocked
from algopioneer_core.testing.domain import BITCOIN
from algopioneer_core.testing.engine import Decision, ScriptedStrategy
from algopioneer_core.testing.fault_plans import Fault, FaultKind
from algopioneer_core.testing.journal_storage import MemoryDisk
from algopioneer_core.testing.reference_modes import VenueModes
from algopioneer_core.testing.reference_venue import ReferenceVenue
from algopioneer_core.testing.sessions import (
    MINUTE_NS,
    Flipper,
    Notes,
    Ran,
    journal_rows,
    run_session,
    running_session,
    session_plan,
    strategy_plan,
)

_D = Decimal


def _quote(price: str, ts_ns: int) -> Quote:
    spread, size = _D("0.5"), _D(1_000)
    bid, ask = _D(price) - spread, _D(price) + spread
    return Quote(BITCOIN.id, ts_ns, bid, ask, size, size, ts_ns)


def _bar(price: str, ts_ns: int) -> Bar:
    ticks = scaled(_D(price), 2)
    return Bar(BITCOIN.id, ts_ns, ticks, ticks, ticks, ticks, 0, 2, 0, ts_ns)


@define
class _Market:
    """A reference venue whose market a test moves minute by minute."""

    modes: VenueModes = field(factory=VenueModes)
    clock: VirtualClock = field(factory=VirtualClock)
    venue: ReferenceVenue = field(init=False)
    minute: int = 0

    def __attrs_post_init__(self) -> None:
        config = PaperConfig(balances=("USD=100000", "BTC=0"), slippage_bps=_D(0))
        self.venue = ReferenceVenue([BITCOIN], self.clock, modes=self.modes, config=config)

    async def move(self, *prices: str) -> None:
        """Let a minute pass for each price, which closes as a bar and is quoted."""
        for price in prices:
            await self.next_minute()
            self.show(price)
            await wait_all_blocked()
            await anyio.sleep(1)
            self.venue.push(_quote(price, self.clock.now_ns()))
            await wait_all_blocked()

    async def next_minute(self) -> None:
        """Let time go on to the end of the minute."""
        self.minute += 1
        await anyio.sleep(self.minute * 60 - anyio.current_time())

    def show(self, price: str) -> None:
        """Close a bar at *price*, and quote it."""
        now_ns = self.clock.now_ns()
        self.venue.push(_bar(price, now_ns))
        self.venue.push(_quote(price, now_ns))

    @property
    def held(self) -> Decimal:
        return self.venue.books.account.positions().get(BITCOIN.id, _D(0))


def _plan(make: Callable[[], Any] | None = None, **terms: Any) -> SessionPlan:
    strategy = strategy_plan("flip", make or (lambda: Flipper(BITCOIN.id)), BITCOIN)
    return session_plan(strategy, **{"resume": Resume.WALLCLOCK} | terms)


def _buy(**terms: Any) -> OrderIntent:
    return OrderIntent(instrument_id=BITCOIN.id, side=Side.BUY, quantity=_D(1), **terms)


def _at_bars(answers: Iterable[Sequence[StrategyCommand]]) -> Decision:
    """Return what answers each bar with the next of *answers*, and nothing else."""
    left = iter(answers)
    return lambda event, _: next(left, ()) if isinstance(event, Bar) else ()


def _fills(ran: Ran) -> list[Any]:
    return [
        each.entry.body.fill
        for each in ran.rows
        if each.entry.kind is EntryKind.EVENT and isinstance(each.entry.body, OrderFilled)
    ]


async def test_a_live_session_trades_and_its_books_are_the_venues() -> None:
    """Each venue fill is journalled once, and what the strategy holds is what the venue has."""
    market, disk = _Market(), MemoryDisk()
    async with running_session(_plan(), market.venue, disk) as running:
        await market.move("100", "101", "99", "98", "100")
        held = running.engine("flip").portfolio.quantity(BITCOIN.id)

        assert held == market.held == 1

    assert running.ran is not None
    assert len(_fills(running.ran)) == 3
    assert len(market.venue.execution.accepted) == 3
    assert [key for key, _ in running.ran.trades()] == ["flip:1"]
    assert running.notes.trades == dict(running.ran.trades())


async def test_nothing_trades_before_the_venue_was_reconciled() -> None:
    """While the venue is down no strategy is started; afterwards it trades."""
    market, disk = _Market(), MemoryDisk()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(market.venue.apply, Fault(0, FaultKind.OUTAGE, duration_ns=150 * 10**9))
        await wait_all_blocked()
        async with running_session(_plan(), market.venue, disk) as running:
            await market.move("100", "101")

            assert market.venue.execution.accepted == []
            assert not running.engine("flip").portfolio.mark(BITCOIN.id)

            await anyio.sleep(120)
            market.minute = 5
            await market.move("102", "103")

            assert market.held == 1
    assert any("cannot be reconciled" in each for each in running.notes.subjects)


async def test_a_stop_is_heard_while_a_venue_is_down() -> None:
    """A session that could not begin ends at once."""
    market = _Market()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(market.venue.apply, Fault(0, FaultKind.OUTAGE, duration_ns=10**15))
        await wait_all_blocked()
        async with running_session(_plan(), market.venue, MemoryDisk()) as running:
            await anyio.sleep(5)
        ended = anyio.current_time()
        tasks.cancel_scope.cancel()

    assert ended < 20
    assert running.ran is not None
    assert running.ran.result is not None
    assert running.ran.result.reason == "the test is over"


def _rests(event: Event, context: StrategyContext) -> Iterable[StrategyCommand]:
    if isinstance(event, Bar) and not context.has_working_orders:
        price = event.close - 10
        yield OrderIntent(
            instrument_id=BITCOIN.id,
            side=Side.BUY,
            quantity=_D(1),
            type=OrderType.LIMIT,
            limit_price=price,
        )


async def test_a_stop_cancels_what_rests_and_opens_nothing() -> None:
    """Open orders are taken out at the venue before the session ends."""
    market = _Market()
    async with running_session(
        _plan(lambda: ScriptedStrategy(_rests)), market.venue, MemoryDisk()
    ) as running:
        await market.move("100")
        assert len(await market.venue.execution.open_orders()) == 1

    assert await market.venue.execution.open_orders() == []
    assert running.ran is not None
    assert running.ran.result is not None
    assert running.ran.result.open_orders == 0


async def test_what_could_not_be_cancelled_is_said_aloud() -> None:
    """A venue that is down at the stop: the session ends by its deadlines and says what stays."""
    market = _Market()
    plan = _plan(lambda: ScriptedStrategy(_rests), stop_deadline_ns=10 * NS_PER_SECOND)
    async with anyio.create_task_group() as tasks:
        async with running_session(plan, market.venue, MemoryDisk()) as running:
            await market.move("100")
            tasks.start_soon(market.venue.apply, Fault(0, FaultKind.OUTAGE, duration_ns=10**15))
            began = anyio.current_time()
        ended = anyio.current_time()
        tasks.cancel_scope.cancel()

    assert ended - began <= 60
    assert any("may still be open" in each for each in running.notes.subjects)


async def test_a_restart_has_the_books_of_before_and_shows_what_was_missed() -> None:
    """Books come from the snapshots, missed bars without orders and told; ids never repeat."""
    market, disk = _Market(), MemoryDisk()
    async with running_session(_plan(), market.venue, disk) as first:
        await market.move("100", "101")
        cash = first.engine("flip").portfolio.cash
    market.venue.push(_bar("99", market.clock.start_ns + 3 * MINUTE_NS))
    market.venue.push(_bar("98", market.clock.start_ns + 4 * MINUTE_NS))
    market.minute = 5
    await anyio.sleep(300 - anyio.current_time())
    async with running_session(_plan(), market.venue, disk, nonce="n2") as second:
        portfolio = second.engine("flip").portfolio

        assert portfolio.quantity(BITCOIN.id) == market.held == 1
        assert portfolio.cash == cash
        assert second.notes.subjects == ["flip missed 2 bars"]
        assert len(market.venue.execution.accepted) == 1

        await market.move("97")

    assert market.held == 0
    assert len(set(market.venue.execution.accepted)) == 2


async def test_a_strategy_that_was_taken_out_with_a_position_is_not_forgotten() -> None:
    """The session does not start without it: nobody would manage what it holds."""
    market, disk = _Market(), MemoryDisk()
    async with running_session(_plan(), market.venue, disk):
        await market.move("100", "101")
    assert market.held == 1
    other = strategy_plan("other", lambda: Flipper(BITCOIN.id), BITCOIN)
    plan = session_plan(other, resume=Resume.WALLCLOCK)
    with pytest.raises(ExceptionGroup) as refused:
        async with running_session(plan, market.venue, disk, nonce="n2"):
            pass
    assert refused.group_contains(RefusedError, match="'flip' is not in the configuration any more")


async def test_who_is_quiet_is_saved_while_another_trades_without_a_pause() -> None:
    """What a restart must show it again is no more than five minutes, whoever else has commits."""
    quiet = strategy_plan("quiet", ScriptedStrategy, BITCOIN)
    plan = session_plan(*_plan().strategies, quiet, resume=Resume.WALLCLOCK)
    market = _Market()
    async with running_session(plan, market.venue, MemoryDisk()) as running:
        await market.move(*["100", "101"] * 8)
        assert len(market.venue.execution.accepted) > 5
        assert running.session is not None
        saved = running.session.journal.latest_snapshot("strategy:quiet")
        assert saved is not None
        assert market.clock.now_ns() - saved[1]["last_bar_ns"] <= 5 * MINUTE_NS


@pytest.mark.parametrize("commit", range(1, 16, 2))
@pytest.mark.parametrize("keep_last", [False, True])
async def test_after_a_power_cut_there_is_one_order_for_each_intent(
    commit: int, keep_last: bool
) -> None:
    """Whatever the disk has: restarted, the ledger is the venue's and every fill is there once."""
    market, disk = _Market(), MemoryDisk(keep_last=keep_last)
    with pytest.raises(JournalFailed):
        await _until_the_power_goes(market, disk, commit)
    disk.cut_power_in = None
    market.minute = int(anyio.current_time() // 60) + 1
    async with running_session(_plan(), market.venue, disk, nonce="n2") as again:
        await anyio.sleep(30)
        await market.move("100", "102", "90", "89")

        assert again.engine("flip").portfolio.quantity(BITCOIN.id) == market.held

    assert again.ran is not None
    accepted = market.venue.execution.accepted
    assert len(accepted) == len(set(accepted))
    fills = [each.fill_id for each in _fills(again.ran)]
    assert sorted(set(fills)) == sorted(fills)
    theirs = await market.venue.execution.fills(0)
    assert {each.fill_id for each in theirs} == set(fills)


async def _until_the_power_goes(market: _Market, disk: MemoryDisk, commit: int) -> None:
    stop, failure = StopRequest(), None

    async def move_and_stop() -> None:
        await market.move("100", "101", "99", "98", "100", "101", "99")
        stop.ask("the market has gone by")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(move_and_stop)
        await wait_all_blocked()
        disk.cut_power_in = commit
        try:
            await run_session(_plan(), market.venue, disk, stop=stop)
        except JournalFailed as error:
            failure = error
        tasks.cancel_scope.cancel()
    assert failure is not None, f"the session came to its end {disk.cut_power_in} commits too early"
    raise failure


async def test_what_a_reconciliation_only_noted_is_found_again_after_a_power_cut() -> None:
    """Read from an earlier time, fills come again; each is known, and nothing is foreign."""
    market, disk = _Market(), MemoryDisk()
    plan = _plan(drift=DriftRules(every_s=_D(20)))
    async with running_session(plan, market.venue, disk) as running:
        await market.move("100", "101")
        await anyio.sleep(100)
        assert running.session is not None
        saved = running.session.journal.latest_snapshot(f"account:{BITCOIN.id.venue}")
        assert saved is not None
        assert market.clock.now_ns() - saved[1]["fills_until_ns"] > 90 * NS_PER_SECOND
        photo = copy.deepcopy(disk)
    async with running_session(plan, market.venue, photo, nonce="n2") as again:
        await anyio.sleep(30)
        assert again.engine("flip").portfolio.quantity(BITCOIN.id) == market.held != 0
    assert again.ran is not None
    assert len(_fills(again.ran)) == len(await market.venue.execution.fills(0))
    assert again.notes.subjects == []


async def test_a_full_disk_ends_the_session_with_nothing_sent_after_it() -> None:
    """An intent that is not on the disk is not sent, and people hear that nobody trades."""
    market, disk, notes = _Market(), MemoryDisk(), Notes()

    with pytest.raises(JournalFailed):
        await _until_the_disk_is_full(market, disk, notes)
    disk.commits_left = None

    assert market.venue.execution.accepted == []
    assert notes.subjects[-1] == "session test has failed"
    assert not [each for each in await journal_rows(disk) if each.entry.kind is EntryKind.INTENT]


async def _until_the_disk_is_full(market: _Market, disk: MemoryDisk, notes: Notes) -> None:
    async def fill_up() -> None:
        await market.move("100")
        disk.commits_left = 0
        await market.move("101", "102")

    failure: BaseException | None = None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(fill_up)
        try:
            await run_session(_plan(), market.venue, disk, notes=notes)
        except JournalFailed as error:
            failure = error
        tasks.cancel_scope.cancel()
    assert failure is not None
    raise failure


@pytest.mark.parametrize(
    "kind",
    [FaultKind.LOST_REQUEST, FaultKind.LOST_ACK, FaultKind.SERVER_ERROR, FaultKind.RATE_LIMIT,
     FaultKind.DUPLICATE, FaultKind.PARTIAL_FILL],
)  # fmt: skip
@pytest.mark.parametrize(
    "modes",
    [VenueModes(), VenueModes(cumulative_fills=True), VenueModes(read_lag_ns=20 * NS_PER_SECOND)],
)
async def test_bad_days_leave_one_order_for_each_intent(kind: FaultKind, modes: VenueModes) -> None:
    """Whatever befalls the first order, afterwards our books are the venue's."""
    market, disk = _Market(modes), MemoryDisk()
    async with running_session(_plan(), market.venue, disk) as running:
        await market.move("100")
        await market.venue.apply(Fault(0, kind))
        await market.move("101", "102", "103", "104", "105")
        orders = running.engine("flip").orders

        assert not orders.working
        assert running.engine("flip").portfolio.quantity(BITCOIN.id) == market.held

    assert running.ran is not None
    accepted = market.venue.execution.accepted
    assert len(accepted) == len(set(accepted))
    intents = [each for each in running.ran.rows if each.entry.kind is EntryKind.INTENT]
    assert len(accepted) <= len(intents)
    assert sum(each.signed_quantity for each in _fills(running.ran)) == market.held


async def test_a_lost_connection_is_reconciled_before_new_exposure() -> None:
    """What fills while the stream is down is asked for; until the answer, nothing new goes out."""
    market, disk = _Market(), MemoryDisk()
    answers = [(_buy(type=OrderType.LIMIT, limit_price=_D(90)),), (_buy(),), (_buy(),)]
    plan = _plan(lambda: ScriptedStrategy(_at_bars(answers)))
    async with running_session(plan, market.venue, disk) as running:
        await market.move("100")
        portfolio = running.engine("flip").portfolio
        await market.next_minute()
        market.venue.execution.slow_answers()
        market.venue.execution.hang_up()
        market.show("89")  # it fills what rests, and the next wish comes before any answer
        await wait_all_blocked()
        assert [market.held, portfolio.quantity(BITCOIN.id)] == [1, 0]

        await anyio.sleep(10)
        assert [market.held, portfolio.quantity(BITCOIN.id)] == [1, 1]

        await market.move("91")
        await anyio.sleep(10)
        assert [market.held, portfolio.quantity(BITCOIN.id)] == [2, 2]

    assert running.ran is not None
    reports = (each.entry.body for each in running.ran.rows)
    refused = [each.message for each in reports if isinstance(each, OrderRejected)]
    assert refused == [
        "sim takes no new exposure: it has not been reconciled since its private stream came up"
    ]


async def test_foreign_orders_and_positions_are_left_alone() -> None:
    """Somebody else trades in the account: it is told, and nothing of it is touched."""
    market, disk = _Market(), MemoryDisk()
    intent = OrderIntent(instrument_id=BITCOIN.id, side=Side.BUY, quantity=_D(3))
    await market.venue.execution.submit(Order("theirs", intent, 0, OrderStatus.PENDING))
    market.venue.push(_quote("100", market.clock.now_ns()))
    resting = OrderIntent(
        instrument_id=BITCOIN.id,
        side=Side.BUY,
        quantity=_D(1),
        type=OrderType.LIMIT,
        limit_price=_D(5),
    )
    await market.venue.execution.submit(Order("resting", resting, 0, OrderStatus.PENDING))
    assert market.held == 3
    async with running_session(_plan(), market.venue, disk) as running:
        await market.move("100", "101")

        assert running.engine("flip").portfolio.quantity(BITCOIN.id) == 1
        assert market.held == 4

    left = await market.venue.execution.open_orders()
    assert [each.client_order_id for each in left] == ["resting"]
    told = running.notes.subjects
    assert "sim:BTC-USD: the account holds 3 that is not ours" in told
    assert sum("has an order that is not ours" in each for each in told) == 1
    assert not any("unexplained" in each for each in told)


async def test_a_position_that_nobody_can_explain_halts_its_strategies() -> None:
    """A drift above the thresholds, seen twice and the same: nothing new, and a person is told."""
    market, disk = _Market(), MemoryDisk()
    plan = _plan(drift=DriftRules(every_s=Decimal(60)))
    async with running_session(plan, market.venue, disk) as running:
        await market.move("100", "101")
        intent = OrderIntent(instrument_id=BITCOIN.id, side=Side.BUY, quantity=_D(7))
        await market.venue.execution.submit(Order("theirs", intent, 0, OrderStatus.PENDING))
        await market.move("99", "98")
        await anyio.sleep(100)

        assert "sim:BTC-USD: unexplained position" in running.notes.subjects
        assert running.session is not None
        assert running.session.floor.risk.halted("flip") is not None


class _Fails:
    """Raises at a price of 102."""

    def __init__(self) -> None:
        self._flipper = Flipper(BITCOIN.id)
        self.requirements = self._flipper.requirements
        self.snapshot = self._flipper.snapshot
        self.restore = self._flipper.restore

    def on_event(self, event: Event, context: StrategyContext) -> Iterable[StrategyCommand]:
        if isinstance(event, Bar) and event.close == 102:
            raise KeyError("price")
        return self._flipper.on_event(event, context)


async def test_a_strategy_that_crashes_comes_back_and_the_others_trade_on() -> None:
    """After its pause it is restored, shown what it missed, and trades again."""
    market, disk = _Market(), MemoryDisk()
    plan = session_plan(
        strategy_plan("fails", _Fails, BITCOIN, restarts=RestartPolicy(backoff_s=_D(10))),
        strategy_plan("good", lambda: Flipper(BITCOIN.id), BITCOIN),
        resume=Resume.WALLCLOCK,
    )
    async with running_session(plan, market.venue, disk) as running:
        await market.move("100", "101", "102", "103", "104", "99")

    assert "strategy fails crashed" in running.notes.subjects
    assert running.ran is not None
    keys = [key for key, _ in running.ran.trades()]
    assert "good:1" in keys
    assert "fails:1" in keys


async def test_history_comes_before_the_first_decision() -> None:
    """A strategy that needs bars gets those of the venue, and no order follows from them."""
    market, disk = _Market(), MemoryDisk()
    made: list[Flipper] = []

    def make() -> Flipper:
        made.append(Flipper(BITCOIN.id, warmup=2))
        return made[-1]

    await market.move("100", "101", "102")
    async with running_session(_plan(make), market.venue, disk):
        assert made[-1].bars >= 2
        assert market.venue.execution.accepted == []

        await market.move("103")

        assert market.held == 1


async def test_a_venue_without_an_answer_for_history_does_not_end_the_session() -> None:
    """It is asked a few times; then the strategy warms up on the live stream, and that is told."""
    market, disk = _Market(), MemoryDisk()

    async def fails(*_: object) -> list[Bar]:
        raise VenueUnavailable("no candles today")

    market.venue.market_data.bars = fails  # type: ignore[assignment,method-assign]  # a bad day
    plan = _plan(lambda: Flipper(BITCOIN.id, warmup=2))
    async with running_session(plan, market.venue, disk) as running:
        market.minute = 5
        await market.move("100", "101")

    assert running.notes.subjects == ["flip goes on without the bars it lacks"]
    assert market.held == 1


async def test_a_change_that_is_told_while_the_session_opens_is_made_once_it_is_open() -> None:
    """The venue is away at first; nothing is lost of what was told, and nothing breaks."""
    market, disk = _Market(), MemoryDisk()
    more = strategy_plan("more", lambda: Flipper(BITCOIN.id), BITCOIN)
    done: list[str] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(market.venue.apply, Fault(0, FaultKind.OUTAGE, duration_ns=50 * 10**9))
        await wait_all_blocked()
        plan = _plan()
        async with running_session(plan, market.venue, disk) as running:
            assert running.session is not None
            wanted = evolve(plan, strategies=(*plan.strategies, more))
            async with anyio.create_task_group() as beside:

                async def reload() -> None:
                    assert running.session is not None
                    done.extend(await running.session.reload(wanted))

                beside.start_soon(reload)
                await wait_all_blocked()
                assert not done
            assert ["more was added"] == done
            assert list(running.session.floor.runners) == ["flip", "more"]


async def test_a_change_is_refused_where_it_comes_too_early_or_too_late() -> None:
    """Before the session has begun, and once it is stopping; the message says what to do."""
    market, disk, plan, stop = _Market(), MemoryDisk(), _plan(), StopRequest()
    kept: list[Session] = []

    def too_early(session: Session) -> None:
        kept.append(session)
        with pytest.raises(RefusedError, match="only just read"):
            session.reload(plan).send(None)

    async def run() -> None:
        await run_session(plan, market.venue, disk, stop=stop, watch=too_early)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        await anyio.sleep(5)
        stop.ask("enough")
        with pytest.raises(RefusedError, match="is stopping"):
            await kept[0].reload(plan)


async def test_a_stop_ends_a_change_that_waits_for_the_venue() -> None:
    """Its history does not come; the session still ends, and in time."""
    market, disk = _Market(), MemoryDisk()
    plan = _plan()
    more = strategy_plan("more", lambda: Flipper(BITCOIN.id, warmup=5), BITCOIN)
    refused: list[str] = []
    async with anyio.create_task_group() as tasks:
        async with running_session(plan, market.venue, disk) as running:
            tasks.start_soon(market.venue.apply, Fault(0, FaultKind.HALF_OPEN, duration_ns=10**12))
            market.venue.market_data.bars = _never  # type: ignore[method-assign,assignment]  # no answer

            async def reload() -> None:
                assert running.session is not None
                wanted = evolve(plan, strategies=(*plan.strategies, more))
                try:
                    await running.session.reload(wanted)
                except RefusedError as error:
                    refused.append(error.message)

            tasks.start_soon(reload)
            await anyio.sleep(1)
        await anyio.sleep(100)
        assert ["the session is stopping"] == refused
        assert running.ran is not None
        tasks.cancel_scope.cancel()


async def _never(*_: object) -> list[Bar]:
    await anyio.sleep_forever()
    raise AssertionError


async def test_a_timer_that_is_due_at_the_end_does_not_keep_the_process_busy() -> None:
    """
    Once nothing is decided any more, what is due stays due and is not waited for.

    Every look found it due, and the next look came at once: time stood still until the deadline
    of the stop, which in virtual time never came.
    """

    class Timed(ScriptedStrategy):
        """Rests an order that cannot fill, and asks for a moment after the end."""

        def on_event(self, event: Event, context: StrategyContext) -> Iterable[StrategyCommand]:
            """Answer the first bar."""
            if not isinstance(event, Bar):
                return ()
            far = OrderIntent(
                instrument_id=BITCOIN.id,
                side=Side.BUY,
                type=OrderType.LIMIT,
                quantity=_D(1),
                limit_price=_D(1),
            )
            return far, SetTimer("later", context.now_ns + 4 * NS_PER_SECOND)

    market, disk = _Market(), MemoryDisk()
    async with anyio.create_task_group() as tasks:
        async with running_session(_plan(Timed), market.venue, disk) as running:
            await market.move("100")
            # The cancel goes nowhere, so the end has to wait for its deadline.
            fault = Fault(0, FaultKind.HALF_OPEN, duration_ns=100 * 10**9)
            tasks.start_soon(market.venue.apply, fault)
            await wait_all_blocked()
        assert running.ran is not None
