"""
Backtest, paper session on the virtual clock, and replay of its journal: one row of decisions.

Everything a strategy asks for, its orders and their fills, to the nanosecond and the last digit.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal

import pytest
from attrs import frozen

from algopioneer_core.domain.instruments import Instrument, InstrumentId, InstrumentKind
from algopioneer_core.domain.market_data import Bar
from algopioneer_core.domain.money import Increment
from algopioneer_core.engine.strategy import Strategy
from algopioneer_core.parity.backtested import Rules, backtested
from algopioneer_core.parity.decisions import DecisionKind
from algopioneer_core.parity.recorded import recorded_sessions
from algopioneer_core.parity.seen_bars import series_of
from algopioneer_core.runtime.history import join
from algopioneer_core.runtime.session_replay import SessionReplay
from algopioneer_core.simulation.spread_backtest import PATIENT_RULES
from algopioneer_core.testing.parity import PAPER, record, wandering_bars
from algopioneer_core.testing.sessions import session_plan, strategy_plan
from algopioneer_strategies.basis import Basis
from algopioneer_strategies.basis_config import BasisConfig
from algopioneer_strategies.config import MovingAverageConfig
from algopioneer_strategies.moving_average import MovingAverage
from algopioneer_strategies.pairs import Pairs
from algopioneer_strategies.pairs_config import PairsConfig

pytestmark = pytest.mark.parametrize("virtual_backend", ["trio"], indirect=True)

A, B = (Instrument.undescribed(InstrumentId("replay", name)) for name in ("A-USD", "B-USD"))
PERPETUAL = Instrument(
    id=InstrumentId("replay", "A-PERP"),
    base="A",
    quote="USD",
    kind=InstrumentKind.PERPETUAL,
    quantity_increment=Increment(Decimal("0.01")),
    multiplier=Decimal("0.1"),
)
COUNT = 160


@frozen
class Case:
    """A strategy and what it trades."""

    make: Callable[[], Strategy]
    instruments: tuple[Instrument, ...]
    market: Sequence[Sequence[Bar]]


def _future(spot: Sequence[Bar]) -> list[Bar]:
    """Return a contract whose premium over *spot* comes and goes."""
    premiums = [12 * (number // 3 * 5 % 19) - 60 for number in range(len(spot))]
    return [
        bar._replace(
            instrument_id=PERPETUAL.id,
            open_ticks=bar.open_ticks + premium,
            high_ticks=bar.high_ticks + 200,
            low_ticks=bar.low_ticks - 200,
            close_ticks=bar.close_ticks + premium,
        )
        for bar, premium in zip(spot, premiums, strict=True)
    ]


def _moving_average() -> Case:
    config = MovingAverageConfig(short_window=2, long_window=5, allow_short=True)
    return Case(lambda: MovingAverage(config, A.id), (A,), [wandering_bars(A.id, COUNT)])


def _pairs() -> Case:
    config = PairsConfig(window=12, z_entry=Decimal("1.2"))
    market = [wandering_bars(A.id, COUNT), wandering_bars(B.id, COUNT, seed=43)]
    return Case(lambda: Pairs.make(config, (A, B)), (A, B), market)


def _basis() -> Case:
    config = BasisConfig(
        entry_bps=Decimal(5),
        exit_bps=Decimal(-10),
        spot_fee_bps=Decimal(4),
        future_fee_bps=Decimal(4),
    )
    spot = wandering_bars(A.id, COUNT)
    legs = (A, PERPETUAL)
    return Case(lambda: Basis.make(config, legs), legs, [spot, _future(spot)])


@pytest.mark.parametrize(
    "case", [_moving_average(), _pairs(), _basis()], ids=["ma", "pairs", "basis"]
)
async def test_three_ways_give_the_same_commands_and_fills(case: Case) -> None:
    """The journal's decisions are the backtest's, and are derived again from its inputs."""
    legs = PATIENT_RULES if len(case.instruments) == 2 else None
    plan = strategy_plan("it", case.make, *case.instruments, legs=legs)
    disk = await record(plan, case.market)
    [session] = recorded_sessions(disk.plug_in()).values()
    on_paper = session.transcript.until(session.last_ns)

    ids = plan.instrument_ids
    bars = series_of(join(dict(zip(ids, case.market, strict=True)), ids))
    tested = backtested(plan, bars, 0, Rules(market=PAPER.simulation()))
    assert tested.until(session.last_ns) == on_paper

    replayed = SessionReplay(
        session_plan(plan, record_inputs=True), disk.plug_in(), jitter=lambda *_: 0.5
    ).run()
    kinds = [each.kind for each in on_paper]
    assert replayed.orders == kinds.count(DecisionKind.ORDER)
    assert kinds.count(DecisionKind.FILL) > 20
