"""Bars of the past: which are lacking, and how those of several legs are joined."""

from collections.abc import Sequence
from typing import Any, cast

import anyio.lowlevel
import pytest

from algopioneer_core.domain.errors import UnsupportedOperation
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import Bar, JointBar
from algopioneer_core.ports import Venue
from algopioneer_core.runtime.history import join, missed_bars, span
from algopioneer_core.runtime.runner import StrategyRunner
from algopioneer_core.testing.engine import ScriptedStrategy
from algopioneer_core.testing.floors import FloorStage
from algopioneer_core.testing.sessions import MINUTE_NS, SpreadFlipper, strategy_plan

A, B = (Instrument.undescribed(InstrumentId("sim", name)) for name in "AB")


def _bar(instrument: Instrument, minute: int) -> Bar:
    ts_ns = minute * MINUTE_NS
    return Bar(instrument.id, ts_ns, 100, 100, 100, 100, 0, 2, 0, ts_ns)


def _runner(*instruments: Instrument) -> StrategyRunner:
    make: Any = ScriptedStrategy if len(instruments) == 1 else lambda: SpreadFlipper(A.id, B.id)
    return FloorStage().floor.add(strategy_plan("one", make, *instruments))


class _Market:
    """A venue whose history has the minutes it is told, or that has none."""

    def __init__(self, minutes: dict[InstrumentId, list[int]]) -> None:
        self.minutes = minutes
        self.asked: list[tuple[InstrumentId, int, int, int]] = []

    @property
    def market_data(self) -> "_Market":
        """Its market data."""
        return self

    async def bars(
        self, instrument_id: InstrumentId, interval_ns: int, start_ns: int, end_ns: int
    ) -> Sequence[Bar]:
        """Return the bars that close in a stretch of time; its end is not in it."""
        await anyio.lowlevel.checkpoint()
        self.asked.append((instrument_id, interval_ns, start_ns, end_ns))
        if not self.minutes:
            raise UnsupportedOperation("there is no history here")
        instrument = A if instrument_id == A.id else B
        found = [_bar(instrument, minute) for minute in self.minutes[instrument_id]]
        return [each for each in found if start_ns <= each.ts_event < end_ns]


async def _missed(runner: StrategyRunner, market: _Market, needed: int, minute: int) -> list[Any]:
    venues = {"sim": cast("Venue", market)}
    return await missed_bars(runner, venues, needed, minute * MINUTE_NS)


def test_one_that_has_seen_bars_lacks_those_since() -> None:
    """Whatever it needed at first; a fresh one lacks as many as it needs, and one to spare."""
    runner = _runner(A)
    assert span(runner, 5, 20 * MINUTE_NS) == (14 * MINUTE_NS, 20 * MINUTE_NS)
    runner.last_bar_ns = 18 * MINUTE_NS
    assert span(runner, 5, 20 * MINUTE_NS) == (18 * MINUTE_NS + 1, 20 * MINUTE_NS)


def test_legs_meet_by_their_times() -> None:
    """A time at which one has no bar is passed over, as live; a single leg's bars are its own."""
    first, second = [_bar(A, n) for n in (3, 1, 2)], [_bar(B, n) for n in (1, 3, 4)]
    joined = join({A.id: first, B.id: second}, (A.id, B.id))
    assert joined == [
        JointBar(MINUTE_NS, (_bar(A, 1), _bar(B, 1))),
        JointBar(3 * MINUTE_NS, (_bar(A, 3), _bar(B, 3))),
    ]
    assert join({A.id: first}, (A.id,)) == first


async def test_what_is_missed_is_fetched_for_every_leg() -> None:
    """The bar that closes now is in it."""
    market = _Market({A.id: [8, 9, 10], B.id: [8, 10, 11]})
    found = await _missed(_runner(A, B), market, 2, 10)
    assert [each.ts_event // MINUTE_NS for each in found] == [8, 10]
    wanted = MINUTE_NS, 7 * MINUTE_NS, 10 * MINUTE_NS + 1
    assert market.asked == [(A.id, *wanted), (B.id, *wanted)]


@pytest.mark.parametrize("instruments", [(A,), (A, B)])
async def test_where_there_is_no_history_nothing_is_missed(
    instruments: tuple[Instrument, ...],
) -> None:
    """The strategy warms up on the live stream."""
    market = _Market({})
    assert await _missed(_runner(*instruments), market, 2, 10) == []
    assert len(market.asked) == 1
