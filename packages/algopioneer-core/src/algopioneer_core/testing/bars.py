"""Bars for tests: builders for examples written by hand, and a Hypothesis strategy."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from hypothesis import strategies as st

from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.history.columns import BarColumns
from algopioneer_core.history.intervals import MINUTE_NS
from algopioneer_core.history.synthetic import START_NS

__all__ = ["TEST_ID", "bar_columns", "columns_from_closes", "columns_from_rows"]

TEST_ID: Final = InstrumentId("test", "BTC-USD")
"""The instrument of bars that a test does not care to name."""


def columns_from_closes(
    closes: Sequence[int],
    *,
    instrument_id: InstrumentId = TEST_ID,
    interval_ns: int = MINUTE_NS,
    start_ns: int = START_NS,
    price_decimals: int = 2,
) -> BarColumns:
    """
    Return gapless bars that close at *closes* ticks, each opening at the close before it.

    The first opens at its own close; highs and lows are the larger and the smaller of both prices,
    volumes one unit. The first bar opens at *start_ns*.
    """
    opens = [*closes[:1], *closes[:-1]]
    rows = [(o, max(o, c), min(o, c), c) for o, c in zip(opens, closes, strict=True)]
    return columns_from_rows(
        rows,
        instrument_id=instrument_id,
        interval_ns=interval_ns,
        start_ns=start_ns,
        price_decimals=price_decimals,
    )


def columns_from_rows(
    rows: Sequence[tuple[int, int, int, int]],
    *,
    volumes: Sequence[int] | None = None,
    instrument_id: InstrumentId = TEST_ID,
    interval_ns: int = MINUTE_NS,
    start_ns: int = START_NS,
    price_decimals: int = 2,
    volume_decimals: int = 0,
) -> BarColumns:
    """Return gapless bars of (open, high, low, close) ticks; volumes are one unit unless given."""
    prices = np.array(rows, np.int64).reshape(-1, 4)
    steps = np.arange(1, len(rows) + 1, dtype=np.int64)
    lots = [10**volume_decimals] * len(rows) if volumes is None else volumes
    return BarColumns(
        instrument_id=instrument_id,
        interval_ns=interval_ns,
        ts_ns=start_ns + steps * interval_ns,
        open=prices[:, 0].copy(),
        high=prices[:, 1].copy(),
        low=prices[:, 2].copy(),
        close=prices[:, 3].copy(),
        volume=np.array(lots, np.int64),
        price_decimals=price_decimals,
        volume_decimals=volume_decimals,
    )


@st.composite
def bar_columns(
    draw: st.DrawFn,
    min_size: int = 1,
    max_size: int = 50,
    *,
    with_gaps: bool = False,
    max_ticks: int = 10_000,
) -> BarColumns:
    """
    Draw bars: any prices from one tick on (neighbours unrelated, ties likely), any decimals.

    Args:
        draw: Given by Hypothesis.
        min_size: Fewest bars.
        max_size: Most bars.
        with_gaps: Whether bars may be missing between others.
        max_ticks: Highest price; small ones make ties between prices likely.
    """
    size = draw(st.integers(min_size, max_size))
    price = st.integers(1, draw(st.sampled_from([5, 100, max_ticks])))
    quads = draw(st.lists(st.tuples(price, price, price, price), min_size=size, max_size=size))
    rows = [(o, max(a, b, o, c), min(a, b, o, c), c) for o, a, b, c in quads]
    volumes = draw(st.lists(st.integers(0, 10**9), min_size=size, max_size=size))
    interval_ns = draw(st.sampled_from([1, 1_000_000_000, MINUTE_NS, 60 * MINUTE_NS]))
    columns = columns_from_rows(
        rows,
        volumes=volumes,
        interval_ns=interval_ns,
        price_decimals=draw(st.integers(0, 8)),
        volume_decimals=draw(st.integers(0, 8)),
    )
    if with_gaps:
        skips = draw(st.lists(st.sampled_from([0, 0, 0, 1, 7]), min_size=size, max_size=size))
        columns.ts_ns[:] += np.cumsum(np.array(skips, np.int64)) * interval_ns
    return columns
