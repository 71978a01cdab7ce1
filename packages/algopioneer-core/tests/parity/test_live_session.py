"""A session by the wall clock: warmed up from history, stopped, and started again after a while."""

from typing import Final

import anyio
import pytest
from attrs import define, field

from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.history.columns import ColumnsSource
from algopioneer_core.history.venue_bars import columns_of
from algopioneer_core.parity.causes import Cause
from algopioneer_core.parity.recorded import recorded_sessions
from algopioneer_core.runtime.resume import Resume
from algopioneer_core.runtime.stopping import StopRequest
from algopioneer_core.simulation.paper import PaperVenue
from algopioneer_core.simulation.replay import ReplayVenue
from algopioneer_core.testing.clocks import VirtualClock
from algopioneer_core.testing.journal_storage import MemoryDisk
from algopioneer_core.testing.parity import PAPER, judged, wandering_bars
from algopioneer_core.testing.sessions import (
    MINUTE_NS,
    Flipper,
    run_session,
    session_plan,
    strategy_plan,
)

pytestmark = pytest.mark.parametrize("virtual_backend", ["trio"], indirect=True)

A: Final = Instrument.undescribed(InstrumentId("replay", "A"))
PLAN: Final = strategy_plan("flip", lambda: Flipper(A.id, quantity="10", warmup=5), A)
START_NS: Final = VirtualClock().start_ns
BARS: Final = [
    bar._replace(ts_event=close_ns, ts_recv=close_ns)
    for number, bar in enumerate(wandering_bars(A.id))
    if (close_ns := START_NS + (number - 7) * MINUTE_NS)
]
"""The first of them have gone by when the session starts."""


@define
class Life:
    """A session over a market that goes on when nothing runs; its journal stays."""

    disk: MemoryDisk = field(factory=MemoryDisk)

    async def live(self, minutes: float) -> None:
        """Run the session from now on for so long, or to the end of the market."""
        now_ns = VirtualClock().now_ns()
        end_ns = BARS[-1].ts_event + 1
        source = ColumnsSource(columns_of(BARS, A.id, MINUTE_NS, start_ns=0, end_ns=end_ns))
        replay = ReplayVenue("replay", [A], [source], speed=1, begin_ns=now_ns)
        plan = session_plan(PLAN, record_inputs=True, resume=Resume.WALLCLOCK)
        stop = StopRequest()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_stop_after, minutes, stop)
            venue = PaperVenue(PAPER, replay, [A])
            nonce = f"n{now_ns // NS_PER_SECOND}"
            await run_session(plan, venue, self.disk, stop=stop, clock=VirtualClock(), nonce=nonce)
            tasks.cancel_scope.cancel()


async def _stop_after(minutes: float, stop: StopRequest) -> None:
    await anyio.sleep(minutes * 60)
    stop.ask("enough for now")


async def test_a_session_that_warmed_up_is_its_backtest() -> None:
    """What it was shown beforehand led to no order, there or here."""
    life = Life()
    await life.live(minutes=200)
    [recorded] = recorded_sessions(life.disk.plug_in()).values()
    assert len(recorded.warm_up) > 4
    verdict = judged(PLAN, life.disk, [BARS])
    assert (verdict.divergence, verdict.notes) == (None, ())
    assert verdict.fills > 20


async def test_bars_that_went_by_while_nothing_ran_are_a_data_gap() -> None:
    """The session was shown them when it came back, and could not trade in them any more."""
    life = Life()
    await life.live(minutes=15.5)
    await anyio.sleep(6 * 60)
    await life.live(minutes=200)
    [recorded] = recorded_sessions(life.disk.plug_in()).values()
    assert len(recorded.shown_later) > 3
    found = judged(PLAN, life.disk, [BARS]).divergence
    assert found is not None
    assert found.cause is Cause.DATA_GAP
    assert "too late to act on it" in found.why
