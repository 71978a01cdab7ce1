"""What a replay has shown already, as finished bars."""

from algopioneer_core.domain.market_data import Bar
from algopioneer_core.history.bar_builder import BarBuilder
from algopioneer_core.history.columns import BarSource
from algopioneer_core.history.ticks import TickSource

__all__ = ["bars_between", "built_bars"]


def bars_between(source: BarSource, start_ns: int, end_ns: int) -> list[Bar]:
    """Return the bars of *source* that close in [start_ns, end_ns)."""
    found: list[Bar] = []
    for chunk in source.chunks():
        if chunk.ts_ns[0] >= end_ns:
            break
        first, stop = chunk.ts_ns.searchsorted([start_ns, end_ns]).tolist()
        found += chunk.slice(first, stop).bars()
    return found


def built_bars(source: TickSource, interval_ns: int, start_ns: int, end_ns: int) -> list[Bar]:
    """Return the bars of the ticks in *source* that close in [start_ns, end_ns), built anew."""
    builder = BarBuilder(source.instrument_id, interval_ns)
    found: list[Bar | None] = []
    for chunk in source.chunks():
        first, stop = chunk.ts_ns.searchsorted([start_ns - interval_ns, end_ns]).tolist()
        found += [builder.add(event) for event in chunk.slice(first, stop).events()]
        if stop < len(chunk):
            break
    found.append(builder.close_until(end_ns - 1))
    return [bar for bar in found if bar is not None and start_ns <= bar.ts_event < end_ns]
