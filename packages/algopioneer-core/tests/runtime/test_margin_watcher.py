"""Contracts whose cover becomes small: told, then nothing more is opened, then all is closed."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import anyio

from algopioneer_core.domain.commands import StrategyCommand
from algopioneer_core.domain.errors import VenueUnavailable
from algopioneer_core.domain.events import Event
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import Instrument
from algopioneer_core.domain.market_data import Bar, Quote
from algopioneer_core.domain.money import scaled
from algopioneer_core.domain.orders import OrderIntent
from algopioneer_core.engine.margin import MarginRules, MarginState
from algopioneer_core.engine.strategy import StrategyContext
from algopioneer_core.runtime.resume import Resume
from algopioneer_core.simulation.paper_config import PaperConfig
from algopioneer_core.testing.clocks import VirtualClock, wait_all_blocked
from algopioneer_core.testing.domain import BITCOIN, LINEAR_PERPETUAL
from algopioneer_core.testing.engine import ScriptedStrategy
from algopioneer_core.testing.journal_storage import MemoryDisk
from algopioneer_core.testing.reference_venue import ReferenceVenue
from algopioneer_core.testing.sessions import running_session, session_plan, strategy_plan

_D = Decimal
RULES = MarginRules(warn_at=_D("0.5"), reduce_at=_D("0.25"), flatten_at=_D("0.1"), free_at=_D(0))


class Covered(ReferenceVenue):
    """A venue that says how contracts are covered, or does not answer."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        config = PaperConfig(balances=("USD=100000",), slippage_bps=_D(0))
        super().__init__([BITCOIN, LINEAR_PERPETUAL], self.clock, config=config)
        self.equity: str | None = "1000"
        self.asked = 0

    @property
    def execution(self) -> Any:
        """The account, which can say one thing more."""
        return _Account(super().execution, self)

    async def move(self, instrument: Instrument, price: int = 100) -> None:
        """Let a minute pass, which closes as a bar and is quoted."""
        await anyio.sleep(60)
        now_ns, ticks, bid = self.clock.now_ns(), scaled(_D(price), 2), _D(price)
        size = _D(1000)
        self.push(Bar(instrument.id, now_ns, ticks, ticks, ticks, ticks, 0, 2, 0, now_ns))
        self.push(Quote(instrument.id, now_ns, bid, bid, size, size, now_ns))
        await wait_all_blocked()
        await anyio.sleep(1)
        now_ns = self.clock.now_ns()
        self.push(Quote(instrument.id, now_ns, bid, bid, size, size, now_ns))
        await wait_all_blocked()

    def held(self, instrument: Instrument) -> Decimal:
        return self.books.account.held(instrument.id)


class _Account:
    def __init__(self, account: Any, venue: Covered) -> None:
        self._account = account
        self._venue = venue

    def __getattr__(self, name: str) -> Any:
        return getattr(self._account, name)

    async def margin(self) -> MarginState | None:
        self._venue.asked += 1
        if self._venue.equity is None:
            raise VenueUnavailable("it is down")
        equity = _D(self._venue.equity)
        return MarginState(asset="USD", equity=equity, maintenance=_D(90), free=_D(9))


def _grows(instrument: Instrument) -> ScriptedStrategy:
    """Return a strategy that buys one more at each bar."""
    buy = OrderIntent(instrument_id=instrument.id, side=Side.BUY, quantity=_D(1))

    def decide(event: Event, context: StrategyContext) -> Iterable[StrategyCommand]:
        del context
        return [buy] if isinstance(event, Bar) else ()

    return ScriptedStrategy(decide)


def _plan(instrument: Instrument) -> Any:
    plan = strategy_plan("grow", lambda: _grows(instrument), instrument)
    return session_plan(plan, resume=Resume.WALLCLOCK, margin=RULES)


async def test_contracts_are_closed_before_the_venue_does_it() -> None:
    """Each stage is told once; what it did holds after the price has come back."""
    venue, traded = Covered(), LINEAR_PERPETUAL
    async with running_session(_plan(traded), venue, MemoryDisk()) as running:
        await venue.move(traded)
        assert venue.held(traded) == 1
        venue.equity = "150"
        await venue.move(traded)
        assert venue.held(traded) == 2
        venue.equity = "110"
        await venue.move(traded)
        assert venue.held(traded) == 2  # nothing more is opened
        venue.equity = "95"
        await venue.move(traded)
        await venue.move(traded)
        assert venue.held(traded) == 0
        venue.equity = "1000"
        await venue.move(traded)
        assert venue.held(traded) == 0
    told = [each for each in running.notes.alerts if "the margin at sim is small" in each.subject]
    assert len(told) == 3
    assert "95 USD stand behind its contracts, of which 90 must be kept" in told[2].text
    assert "5.26% may still be lost; 9 is free to cover more" in told[2].text


async def test_a_margin_that_cannot_be_read_is_told_once() -> None:
    """After some failures; it is asked for on."""
    venue, traded = Covered(), LINEAR_PERPETUAL
    venue.equity = None
    async with running_session(_plan(traded), venue, MemoryDisk()) as running:
        for _ in range(3):
            await venue.move(traded)
        venue.equity = "95"
        await venue.move(traded)
        await venue.move(traded)
        assert venue.held(traded) == 0
    assert running.notes.subjects.count("the margin at sim cannot be read") == 1


async def test_what_is_delivered_needs_no_margin() -> None:
    """Nobody is asked about it, and nothing is closed."""
    venue = Covered()
    venue.equity = "95"
    async with running_session(_plan(BITCOIN), venue, MemoryDisk()):
        await venue.move(BITCOIN)
        assert venue.held(BITCOIN) == 1
    assert venue.asked == 0
