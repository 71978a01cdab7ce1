"""The market every benchmark trades in: a seeded random walk of one-minute bars, as columns."""

import numpy as np
from numpy.random import PCG64, Generator

from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.history.columns import BarColumns

__all__ = ["random_walk"]

_MINUTE_NS = 60_000_000_000
_START_NS = 1_600_000_000_000_000_000


def random_walk(bars: int, *, seed: int = 7) -> BarColumns:
    """Return *bars* bars around 30 000.00, with a deviation of 5 basis points a minute."""
    noise = Generator(PCG64(seed)).normal(0, 0.0005, bars)
    noise -= noise.mean()  # it comes back, so that a long run does not end at no price at all
    close = (3_000_000 * np.exp(np.cumsum(noise))).astype(np.int64)
    start = np.concatenate((close[:1], close[:-1]))
    return BarColumns(
        instrument_id=InstrumentId("sim", "BTC-USD"),
        interval_ns=_MINUTE_NS,
        ts_ns=_START_NS + _MINUTE_NS * np.arange(1, bars + 1, dtype=np.int64),
        open=start,
        high=np.maximum(start, close) + 5,
        low=np.minimum(start, close) - 5,
        close=close,
        volume=np.full(bars, 1_000, np.int64),
        price_decimals=2,
        volume_decimals=2,
    )
