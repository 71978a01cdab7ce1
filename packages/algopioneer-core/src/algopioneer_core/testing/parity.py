"""Recorded sessions for tests of parity: small ones, on paper, over bars written by hand."""

import itertools
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import Bar
from algopioneer_core.history.columns import ColumnsSource
from algopioneer_core.history.venue_bars import columns_of
from algopioneer_core.journal.control import ControlBox
from algopioneer_core.parity.backtested import Rules
from algopioneer_core.parity.compare import Verdict
from algopioneer_core.parity.judge import judge
from algopioneer_core.parity.recorded import recorded_sessions
from algopioneer_core.parity.seen_bars import Series, series_of
from algopioneer_core.runtime.history import join
from algopioneer_core.runtime.plan import StrategyPlan
from algopioneer_core.simulation.paper import PaperVenue
from algopioneer_core.simulation.paper_config import PaperConfig
from algopioneer_core.simulation.replay import ReplayVenue
from algopioneer_core.testing.journal_storage import MemoryDisk
from algopioneer_core.testing.sessions import MINUTE_NS, run_session, session_plan

__all__ = ["PAPER", "Market", "judged", "record", "wandering_bars"]

PAPER: Final = PaperConfig(
    balances=("USD=100000",), taker_fee_bps=Decimal(10), slippage_bps=Decimal("2.5")
)
"""An account with costs."""
_SPEED: Final = 60
"""A bar each second of the virtual clock."""
_START_NS: Final = 1_700_000_040 * 1_000_000_000

Market = Sequence[Sequence[Bar]]
"""Bars of each instrument."""


def wandering_bars(instrument_id: InstrumentId, count: int = 60, seed: int = 37) -> list[Bar]:
    """Return one-minute bars of a price that goes up and down and is never still."""
    closes = [10_000 + seed * number % 101 - number % 7 * 10 for number in range(count + 1)]
    return [
        Bar(
            instrument_id,
            (ts_ns := _START_NS + (number + 1) * MINUTE_NS),
            first,
            max(first, last) + 9,
            min(first, last) - 9,
            last,
            1_000,
            2,
            0,
            ts_ns,
        )
        for number, (first, last) in enumerate(itertools.pairwise(closes))
    ]


async def record(
    plan: StrategyPlan,
    market: Market,
    paper: PaperConfig = PAPER,
    *,
    control: ControlBox | None = None,
) -> MemoryDisk:
    """Trade *market* on paper, in lockstep; return the disk with the journal of that session."""
    disk = MemoryDisk()
    instruments: list[Instrument] = list(plan.instruments)
    sources = [
        ColumnsSource(
            columns_of(
                bars, bars[0].instrument_id, MINUTE_NS, start_ns=0, end_ns=bars[-1].ts_event + 1
            )
        )
        for bars in market
    ]
    replay = ReplayVenue(instruments[0].id.venue, instruments, sources, speed=_SPEED)
    session = session_plan(plan, record_inputs=True)
    await run_session(session, PaperVenue(paper, replay, instruments), disk, control=control)
    return disk


def judged(
    plan: StrategyPlan,
    disk: MemoryDisk,
    market: Market | None = None,
    paper: PaperConfig = PAPER,
    **rules: Any,
) -> Verdict:
    """
    Run the session on *disk* in the backtester, and compare.

    Args:
        plan: The strategy.
        disk: Has the session's journal.
        market: The bars there were; None for those that the session saw.
        paper: What the backtester is to charge and how it is to fill.
        rules: Other fields of `Rules`.
    """
    [recorded] = recorded_sessions(disk.plug_in()).values()
    terms = Rules(market=paper.simulation(), **rules)
    return judge(plan, recorded, terms, _series(plan, market))


def _series(plan: StrategyPlan, market: Market | None) -> Series | None:
    if market is None:
        return None
    ids = plan.instrument_ids
    return series_of(join(dict(zip(ids, market, strict=True)), ids))
