"""Markets and sinks for tests of backtests."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final, TypeAlias

import numpy as np

from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.history.columns import BarColumns
from algopioneer_core.history.joined import JointColumns
from algopioneer_core.simulation.sinks import Float64Array, Holding

__all__ = ["EquityRow", "RowsSink", "bars_of"]

_MINUTE_NS: Final = 60 * NS_PER_SECOND
_START_NS: Final = 1_700_000_040 * NS_PER_SECOND
"""A whole minute in November 2023."""

EquityRow: TypeAlias = tuple[int, float, Decimal, tuple[Decimal, ...]]
"""(close time, equity as a float, cash, signed quantity of each instrument) of one bar."""


def bars_of(
    instrument_id: InstrumentId,
    prices: Sequence[tuple[int, int, int, int]],
    *,
    volume: int = 1_000,
    decimals: int = 2,
    volume_decimals: int = 0,
) -> BarColumns:
    """
    Return one-minute bars of given prices.

    Args:
        instrument_id: What they are of.
        prices: Open, high, low and close of each bar, in ticks.
        volume: Of each bar, in lots.
        decimals: Of the prices.
        volume_decimals: Of the volume.
    """
    columns = np.array(prices, np.int64).reshape(-1, 4).T
    return BarColumns(
        instrument_id=instrument_id,
        interval_ns=_MINUTE_NS,
        ts_ns=_START_NS + _MINUTE_NS * np.arange(1, len(prices) + 1, dtype=np.int64),
        open=columns[0],
        high=columns[1],
        low=columns[2],
        close=columns[3],
        volume=np.full(len(prices), volume, np.int64),
        price_decimals=decimals,
        volume_decimals=volume_decimals,
    )


class RowsSink:
    """A result sink that keeps everything, row by row."""

    def __init__(self) -> None:
        self.trades: list[RoundTrip] = []
        """Round trips, in the order in which they came."""
        self.rows: list[EquityRow] = []
        """One for each bar."""

    def bars(self, chunk: JointColumns, equity: Float64Array, segments: Sequence[Holding]) -> None:
        """Keep a row for each bar of *chunk*."""
        stops = [each.start for each in segments[1:]] + [len(chunk)]
        times, worth = chunk.ts_ns.tolist(), equity.tolist()
        for (start, cash, quantities, _), stop in zip(segments, stops, strict=True):
            self.rows += [(times[at], worth[at], cash, quantities) for at in range(start, stop)]

    def round_trip(self, trade: RoundTrip) -> None:
        """Keep *trade*."""
        self.trades.append(trade)
