"""Two strategies of one session on opposite sides of a market never trade with each other."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import anyio
import pytest

from algopioneer_core.domain.errors import UnknownOrder
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.market_data import Bar, Quote
from algopioneer_core.domain.orders import OrderIntent, OrderStatus, OrderType
from algopioneer_core.journal.entries import EntryKind
from algopioneer_core.runtime.resume import Resume
from algopioneer_core.simulation.paper_config import PaperConfig
from algopioneer_core.telemetry.events import LogEvent
from algopioneer_core.testing.clocks import VirtualClock, wait_all_blocked
from algopioneer_core.testing.domain import BITCOIN
from algopioneer_core.testing.engine import ScriptedStrategy, wishing_at_bar
from algopioneer_core.testing.journal_storage import MemoryDisk
from algopioneer_core.testing.reference_venue import ReferenceVenue
from algopioneer_core.testing.sessions import running_session, session_plan, strategy_plan


def _wish_at(number: int, **terms: Any) -> Callable[[], ScriptedStrategy]:
    """Return what makes a strategy that wishes for one unit at its bar of that number."""
    wanted = OrderIntent(instrument_id=BITCOIN.id, quantity=Decimal(1), **terms)
    return lambda: wishing_at_bar(number, wanted)


async def _move(venue: ReferenceVenue, minute: int) -> None:
    """Let the minute end at a price of 100, and give everybody a second."""
    await anyio.sleep(minute * 60 - anyio.current_time())
    now_ns = VirtualClock().now_ns()
    venue.push(Bar(BITCOIN.id, now_ns, 10_000, 10_000, 10_000, 10_000, 0, 2, 0, now_ns))
    bid, ask, size = Decimal(99), Decimal(101), Decimal(1_000)
    venue.push(Quote(BITCOIN.id, now_ns, bid, ask, size, size, now_ns))
    await wait_all_blocked()
    await anyio.sleep(1)
    venue.push(Quote(BITCOIN.id, VirtualClock().now_ns(), bid, ask, size, size, now_ns))
    await wait_all_blocked()


async def test_an_entry_at_market_goes_once_another_strategys_resting_entry_is_taken_back() -> None:
    """It waits its time, is said to wait once, and trades with the market alone."""
    config = PaperConfig(balances=("USD=100000", "BTC=10"), slippage_bps=Decimal(0))
    venue, disk = ReferenceVenue([BITCOIN], VirtualClock(), config=config), MemoryDisk()
    rests = _wish_at(1, side=Side.SELL, type=OrderType.LIMIT, limit_price=Decimal(110))
    plan = session_plan(
        strategy_plan("rests", rests, BITCOIN),
        strategy_plan("takes", _wish_at(2, side=Side.BUY), BITCOIN),
        resume=Resume.WALLCLOCK,
    )
    async with running_session(plan, venue, disk) as running:
        await _move(venue, 1)
        [resting] = running.engine("rests").orders.working
        await _move(venue, 2)
        [taking] = running.engine("takes").orders.working

        assert venue.execution.accepted == [resting]

        await _move(venue, 3)
        held = running.engine("takes").portfolio.quantity(BITCOIN.id)
        ended = running.engine("rests").orders.get(resting).status

        assert (held, ended) == (1, OrderStatus.CANCELED)

    assert venue.execution.accepted == [resting, taking]
    said = [
        (event, fields["strategy"], fields["order"])
        for event, fields in running.notes.lines
        if event in (LogEvent.ORDER_WAITING, LogEvent.ORDER_YIELDED)
    ]
    assert said == [
        (LogEvent.ORDER_WAITING, "takes", taking),
        (LogEvent.ORDER_YIELDED, "rests", resting),
    ]
    assert running.ran is not None
    rows = running.ran.rows
    [cancel] = [each for each in rows if each.entry.kind is EntryKind.CANCEL]
    [cause] = [each for each in rows if each.sequence == cancel.entry.cause]
    assert (cancel.entry.key, cause.entry.key) == (resting, taking)


async def test_the_floor_knows_whose_orders_are_whose() -> None:
    """What is nobody's has no name, is no leg, and is not taken back."""
    venue = ReferenceVenue([BITCOIN], VirtualClock())
    rests = _wish_at(1, side=Side.BUY, type=OrderType.LIMIT, limit_price=Decimal(90))
    plan = session_plan(strategy_plan("rests", rests, BITCOIN), resume=Resume.WALLCLOCK)
    async with running_session(plan, venue, MemoryDisk()) as running:
        await _move(venue, 1)
        assert running.session is not None
        floor = running.session.floor
        [resting] = running.engine("rests").orders.working

        assert (floor.name_of(resting), floor.name_of("nobody")) == ("rests", "")
        assert (floor.is_leg(resting), floor.is_leg("nobody")) == (False, False)

        floor.take_back("nobody", 1)
        for _ in range(2):
            floor.take_back(resting, 1)
        await wait_all_blocked()

        assert await venue.execution.open_orders() == []
        with pytest.raises(UnknownOrder):
            running.engine("rests").cancel_order("nobody")
