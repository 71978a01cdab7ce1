"""Bars of the past that a strategy needs or has missed, joined to the live stream."""

from collections.abc import Mapping, Sequence

from algopioneer_core.domain.errors import UnsupportedOperation
from algopioneer_core.domain.events import Event
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import Bar, JointBar
from algopioneer_core.ports import Venue
from algopioneer_core.runtime.runner import StrategyRunner

__all__ = ["join", "missed_bars", "span"]


def span(runner: StrategyRunner, needed: int, now_ns: int) -> tuple[int, int]:
    """
    Return the first and the last close time, both included, of the bars a strategy lacks.

    One that has seen bars lacks those since; a fresh one lacks as many as it needs.

    Args:
        runner: The strategy.
        needed: Bars it wants before its first decision.
        now_ns: The present time: bars that close later are not finished.
    """
    interval = runner.plan.interval_ns
    if runner.last_bar_ns:
        return runner.last_bar_ns + 1, now_ns
    return now_ns - (needed + 1) * interval, now_ns


def join(bars: Mapping[InstrumentId, Sequence[Bar]], order: Sequence[InstrumentId]) -> list[Event]:
    """Return bars as the engine sees them: one instrument's own, several joined by their time."""
    if len(order) == 1:
        return list(bars[order[0]])
    by_time = [{bar.ts_event: bar for bar in bars[each]} for each in order]
    common = [ts_ns for ts_ns in by_time[0] if all(ts_ns in each for each in by_time[1:])]
    return [JointBar(ts_ns, tuple(each[ts_ns] for each in by_time)) for ts_ns in sorted(common)]


async def missed_bars(
    runner: StrategyRunner, venues: Mapping[str, Venue], needed: int, now_ns: int
) -> list[Event]:
    """
    Fetch what *runner* lacks, as it is to be shown: oldest first.

    Where a venue has no history, there is none: the strategy warms up on the live stream.

    Raises:
        VenueError: A venue does not answer.
    """
    first_ns, last_ns = span(runner, needed, now_ns)
    bars: dict[InstrumentId, Sequence[Bar]] = {}
    for each in runner.plan.instrument_ids:
        market = venues[each.venue].market_data
        try:
            bars[each] = await market.bars(each, runner.plan.interval_ns, first_ns, last_ns + 1)
        except UnsupportedOperation:
            return []
    return join(bars, runner.plan.instrument_ids)
