"""
Live sessions in virtual time: the real runtime and adapter, a local Coinbase that outlives them.

A world has the exchange with its market and its faults, a disk, and the cable between the exchange
and whoever lives. A life ends by a power cut: at that instant cable and disk are dead, and no
clean-up reaches either. The next one begins from what the disk has.
"""

import functools
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Final

import anyio
import httpx
from attrs import define, evolve, field

from algopioneer_coinbase.config import CoinbaseConfig
from algopioneer_coinbase.sandbox import DEFAULT_CONFIG, CoinbaseSandbox, Manners
from algopioneer_coinbase.sandbox_auth import ApiKey
from algopioneer_coinbase.sandbox_faults import apply_fault
from algopioneer_coinbase.sandbox_market import synthetic_market
from algopioneer_coinbase.signing import read_private_key
from algopioneer_coinbase.venue import Surroundings, open_coinbase
from algopioneer_core.bootstrap.session_config import CheckedSession
from algopioneer_core.bootstrap.session_plan import session_plan
from algopioneer_core.domain.events import OrderFilled, RiskResumed
from algopioneer_core.domain.fills import Fill
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.ledger import Account
from algopioneer_core.domain.money import ZERO, add
from algopioneer_core.journal.entries import EntryKind, StoredEntry
from algopioneer_core.journal.errors import JournalFailed
from algopioneer_core.journal.journal import open_journal_on
from algopioneer_core.journal.rows import Query, entry_of
from algopioneer_core.runtime.session import Chance, Session
from algopioneer_core.runtime.stopping import StopRequest
from algopioneer_core.simulation.sandbox_market import drive
from algopioneer_core.testing.clocks import VirtualClock, run_inline
from algopioneer_core.testing.fault_plans import FaultPlan, play
from algopioneer_core.testing.journal_storage import MemoryDisk
from algopioneer_core.testing.network import Conditions, Network
from algopioneer_core.wire.tasks import tasks_for_block
from tests.live_coinbase import ledger

_KEY: Final = "organizations/test-organization/apiKeys/test-api-key"
_SECRET: Final = "k0BUni0p0vZG1BdpVjS6ogBJ7kxm630AJ2dN+tuputA="
MARKET_SPEED: Final = 12
"""A minute's bar of the market takes five seconds."""
_LOOK_S: Final = 30
CONFIG: Final = CoinbaseConfig(
    api_key=_KEY,
    api_secret=_SECRET,
    rest_url="https://coinbase.test",
    market_url="ws://market.coinbase.test:80",
    user_url="ws://user.coinbase.test:80",
)


class Cable(httpx.AsyncBaseTransport):
    """What carries the requests of one life."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner
        self.is_cut = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry a request, unless the cable is cut; an answer that is under way is lost then."""
        response = None if self.is_cut else await self._inner.handle_async_request(request)
        if response is None or self.is_cut:
            raise httpx.ConnectError("the cable is cut", request=request)
        return response


@define(eq=False)
class LiveWorld:
    """
    One exchange, one disk, and the lives of a session, one after the other.

    Args:
        opening: What the account has at the start, by asset.
        seed: Of market and randomness.
        manners: How the exchange behaves where that is a choice.
    """

    opening: Mapping[str, Decimal]
    seed: int
    manners: Manners = field(factory=Manners)
    clock: VirtualClock = field(factory=VirtualClock)
    disk: MemoryDisk = field(factory=MemoryDisk)
    network: Network = field(init=False)
    sandbox: CoinbaseSandbox = field(init=False)
    session: Session | None = None
    """The latest."""
    lives: int = 0

    def __attrs_post_init__(self) -> None:
        self.network = Network(random.Random(self.seed).random)
        config = evolve(DEFAULT_CONFIG, balances=tuple(f"{k}={v}" for k, v in self.opening.items()))
        key = ApiKey(_KEY, read_private_key(_SECRET))
        self.sandbox = CoinbaseSandbox(self.clock, key, config=config, manners=self.manners)

    @property
    def fills(self) -> int:
        """How many executions the exchange has."""
        return sum(len(each.fills) for each in self.sandbox.exchange.placed.values())

    @asynccontextmanager
    async def going_on(self, faults: FaultPlan) -> AsyncIterator[None]:
        """Let the market move, the exchange serve, and things go wrong."""
        market = synthetic_market(self.clock.now_ns(), self.seed)
        self.sandbox.exchange.load(market.history, market.interval_ns)
        names = ("market", "user")
        hosts = [self.network.listen(f"{name}.coinbase.test", 80) for name in names]
        async with hosts[0], hosts[1], tasks_for_block() as tasks:
            for host in hosts:
                tasks.start_soon(self.sandbox.streams.listen, host)
            tasks.start_soon(self.sandbox.run)
            tasks.start_soon(
                functools.partial(
                    drive,
                    self.sandbox.exchange,
                    market.future,
                    market.interval_ns,
                    speed=MARKET_SPEED,
                )
            )
            tasks.start_soon(
                functools.partial(play, faults, functools.partial(apply_fault, self.sandbox))
            )
            yield

    # --- lives -------------------------------------------------------------------------------

    async def live_and_be_cut(self, checked: CheckedSession, is_time: Callable[[], bool]) -> None:
        """Run the session until *is_time* at the exchange; then the power goes."""
        with anyio.CancelScope() as life:
            cable = Cable(self.sandbox.transport())

            async def cut() -> None:
                await self._until(is_time)
                self.disk.cut_power()
                cable.is_cut = True
                self.network.conditions = Conditions(half_open=True)
                life.cancel()

            try:
                await self._live(checked, cable, StopRequest(), cut)
            except* JournalFailed:
                assert cable.is_cut
        self.network.reset()
        self.network.conditions = Conditions()

    async def live_and_stop(self, checked: CheckedSession, is_time: Callable[[], bool]) -> None:
        """Run the session until *is_time* at the exchange; then it is asked to stop."""
        stop = StopRequest()

        async def ask() -> None:
            await self._until(is_time)
            stop.ask("the test stops it")

        await self._live(checked, Cable(self.sandbox.transport()), stop, ask)

    async def _until(self, is_time: Callable[[], bool]) -> None:
        """Wait for a moment, which may be in the middle of what the exchange does."""
        come = anyio.Event()

        def look(*_: object) -> None:
            if is_time():
                come.set()

        self.sandbox.exchange.listen(look, look)
        with anyio.fail_after(4 * 3600):
            await come.wait()

    async def _live(
        self,
        checked: CheckedSession,
        cable: Cable,
        stop: StopRequest,
        end: Callable[[], object],
    ) -> None:
        self.lives += 1
        name, numbers = f"life-{self.lives}", random.Random(f"{self.seed}/{self.lives}")
        surroundings = Surroundings(
            clock=self.clock,
            draw=numbers.random,
            nonce=lambda: f"{numbers.getrandbits(128):032x}",
            dial=self.network.dial,
            transport=cable,
        )
        async with (
            open_journal_on(
                self.disk.plug_in(), make_uuid=lambda: "0" * 32, run_blocking=run_inline
            ) as journal,
            open_coinbase(CONFIG, surroundings) as venue,
            anyio.create_task_group() as tasks,
        ):
            venues = {venue.name: venue}
            session = self.session = Session(
                await session_plan(checked, venues),
                venues,
                journal,
                clock=self.clock,
                chance=Chance(
                    draw=numbers.random, jitter=lambda *_: numbers.random(), nonce=lambda: name
                ),
                stop=stop,
            )
            tasks.start_soon(self._look_after, session, stop)
            tasks.start_soon(end)  # type: ignore[arg-type]
            await session.run()
            tasks.cancel_scope.cancel()

    async def _look_after(self, session: Session, stop: StopRequest) -> None:
        """Resume what has halted, as a person does who has looked at the venue."""
        while not stop.is_asked:
            await anyio.sleep(_LOOK_S)
            for runner in session.floor.runners.values():
                if runner.guard.is_running and not session.floor.is_closed:
                    now_ns = self.clock.now_ns()
                    session.floor.deliver(runner, RiskResumed(now_ns, runner.name))

    # --- what is compared ----------------------------------------------------------------------

    def entries(self) -> list[StoredEntry]:
        """Return what the disk has of the journal."""
        storage = self.disk.plug_in()
        return [entry_of(row, where=storage.name) for row in storage.rows(Query())]

    def check_books(self) -> None:
        """Hold journal and ledgers against the exchange's books, to the last digit."""
        bodies = [each.entry.body for each in self.entries() if each.entry.kind is EntryKind.EVENT]
        journalled = [body.fill for body in bodies if isinstance(body, OrderFilled)]
        self._check_fills(journalled)
        books = self.sandbox.exchange.books
        instruments = {each.symbol: listed for each, listed in books.instruments.items()}
        cash, contracts = ledger(self.opening, journalled, instruments)
        assert cash == books.account.balances
        assert contracts == {
            each.symbol: quantity
            for each, quantity in books.account.positions().items()
            if not books.instruments[each].delivers_base
        }
        assert not books.working()
        self._check_ledgers()

    def _check_fills(self, journalled: Sequence[Fill]) -> None:
        ids = [each.fill_id for each in journalled]
        assert len(ids) == len(set(ids)), "a fill is journalled twice"
        assert sorted(_what(each) for each in journalled) == sorted(
            _what(each) for placed in self.sandbox.exchange.placed.values() for each in placed.fills
        )

    def _check_ledgers(self) -> None:
        """Add up what all strategies hold and have, and hold it against the account."""
        assert self.session is not None
        held: dict[InstrumentId, Decimal] = {}
        gained = ZERO
        for runner in self.session.floor.runners.values():
            portfolio = runner.engine.portfolio
            assert not runner.engine.orders.working
            begun_with = -portfolio.ledger.balance(Account.CAPITAL, "USD")
            gained = add(gained, portfolio.cash - begun_with)
            for key, position in portfolio.positions.items():
                held[key] = add(held.get(key, ZERO), position.quantity)
        account = self.sandbox.exchange.books.account
        assert account.balances["USD"] - self.opening["USD"] == gained
        for key, quantity in held.items():
            instrument = self.sandbox.exchange.books.instruments[key]
            before = self.opening.get(instrument.base, ZERO) if instrument.delivers_base else ZERO
            assert account.held(key) == before + quantity


def _what(fill: Fill) -> tuple[str, str, str, Decimal, Decimal, Decimal]:
    name, side = fill.client_order_id, fill.side.name
    return name, fill.instrument_id.symbol, side, fill.quantity, fill.price, fill.fee
