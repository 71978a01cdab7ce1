"""
Seeded synthetic markets with stated parameters: random walk, trend, mean reversion, a pair.

The same configuration gives the same bars everywhere: noise is made of whole random words (the sum
of twelve uniforms, mean 0 and variance 1, at most 6 in size) and prices follow from it by addition
and multiplication, which every machine rounds alike; logarithms and normal quantiles, which
machines round differently, are not used. The first n bars do not depend on how many are asked for.

What a bar looks like: it opens at the close before, closes where the process is, and its high and
low lie outside both by up to half of the volatility. Prices are rounded to the grid, half to even,
and are at least one tick.
"""

from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

import numpy as np
from attrs import field, frozen
from numpy.random import PCG64, Generator, SeedSequence
from numpy.typing import NDArray

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.history.columns import CHUNK_BARS, BarColumns, BarSource, Stamp, concat
from algopioneer_core.history.gaps import NO_GAPS, GapReport
from algopioneer_core.history.intervals import MINUTE_NS
from algopioneer_core.history.number_checks import above_zero, not_negative
from algopioneer_core.history.synthetic_markets import (
    MARKETS,
    CointegratedPair,
    MeanReverting,
    RandomWalk,
    SyntheticMarket,
    Trending,
)

__all__ = [
    "MARKETS",
    "START_NS",
    "CointegratedPair",
    "MeanReverting",
    "RandomWalk",
    "SyntheticMarket",
    "SyntheticSource",
    "Trending",
    "synthetic_sources",
]

START_NS: Final = 1_704_067_200 * 1_000_000_000
"""2024-01-01T00:00Z, where a market starts unless it is told otherwise."""

_NOISE_WORDS: Final = 12
_WORDS: Final = 16
"""Random words a bar takes: noise, then high, low and volume (one is spare)."""
_UNIFORM: Final = 2.0**-32
_VOLUME_DECIMALS: Final = 4
_MOST_TICKS: Final = 2.0**53
_LARGEST_VOLUME_LOTS: Final = 1_000_000
"""A hundred base units."""
_LAST_NS: Final = 2**63 - 1

_Floats: TypeAlias = NDArray[np.float64]


@frozen(eq=False, kw_only=True)
class SyntheticSource:
    """
    One instrument of a synthetic market, made as it is streamed; a `BarSource`.

    Raises:
        ConfigError: A number is out of its range, or the market has no such leg.
    """

    instrument_id: InstrumentId
    market: SyntheticMarket
    count: int = field(validator=above_zero)
    """Number of bars."""
    interval_ns: int = field(default=MINUTE_NS, validator=above_zero)
    """Length of a bar in nanoseconds."""
    start_ns: int = field(default=START_NS, validator=not_negative)
    """Open time of the first bar, UTC nanoseconds."""
    seed: int = field(default=7, validator=not_negative)
    stream: int = field(default=0, validator=not_negative)
    """Which of the seed's independent random streams to use."""
    leg: int = field(default=0, validator=not_negative)
    """Which of the market's instruments this is."""
    price_decimals: int = field(default=2, validator=not_negative)
    stamp: Stamp = field(default=Stamp.CLOSE, init=False)
    gaps: GapReport = field(default=NO_GAPS, init=False)

    def __attrs_post_init__(self) -> None:
        if self.leg >= len(self.market.starts):
            raise ConfigError(f"the market has no instrument {self.leg}", where="leg")
        if self.last_ns > _LAST_NS:
            raise ConfigError("the market ends after the year 2261", where="count")

    @property
    def volume_decimals(self) -> int:
        """Decimals of the volume grid."""
        return _VOLUME_DECIMALS

    @property
    def first_ns(self) -> int:
        """Close time of the first bar, UTC nanoseconds."""
        return self.start_ns + self.interval_ns

    @property
    def last_ns(self) -> int:
        """Close time of the last bar, UTC nanoseconds."""
        return self.start_ns + self.count * self.interval_ns

    def chunks(self) -> Iterator[BarColumns]:
        """Stream the bars from the start; the same every time."""
        key = (self.stream,) if self.stream else ()
        generator = Generator(PCG64(SeedSequence(self.seed, spawn_key=key)))
        process = self.market.process()
        last = float(self._ticks(np.array([self.market.starts[self.leg]]))[0])
        legs = len(self.market.starts)
        for at in range(0, self.count, CHUNK_BARS):
            bars = min(CHUNK_BARS, self.count - at)
            words = generator.integers(0, 2**32, (bars, legs, _WORDS), np.uint32)
            closes = self._ticks(process(_noise(words))[:, self.leg])
            yield self._columns(at, last, closes, words[:, self.leg])
            last = float(closes[-1])

    def load(self) -> BarColumns:
        """Return all bars at once."""
        return concat(list(self.chunks()))

    def _ticks(self, prices: _Floats) -> _Floats:
        return np.clip(np.rint(prices * 10.0**self.price_decimals), 1.0, _MOST_TICKS)

    def _columns(
        self, at: int, last: float, closes: _Floats, words: NDArray[np.uint32]
    ) -> BarColumns:
        opens = np.concatenate(([last], closes[:-1]))
        chance = words[:, _NOISE_WORDS:] * _UNIFORM
        reach = 0.5 * self.market.volatility
        upper, lower = np.maximum(opens, closes), np.minimum(opens, closes)
        steps = np.arange(at + 1, at + len(closes) + 1, dtype=np.int64)
        return BarColumns(
            instrument_id=self.instrument_id,
            interval_ns=self.interval_ns,
            ts_ns=self.start_ns + steps * self.interval_ns,
            open=opens.astype(np.int64),
            high=(upper + np.floor(upper * reach * chance[:, 0])).astype(np.int64),
            low=np.maximum(lower - np.floor(lower * reach * chance[:, 1]), 1.0).astype(np.int64),
            close=closes.astype(np.int64),
            volume=1 + np.floor(chance[:, 2] * _LARGEST_VOLUME_LOTS).astype(np.int64),
            price_decimals=self.price_decimals,
            volume_decimals=_VOLUME_DECIMALS,
        )


def _noise(words: NDArray[np.uint32]) -> _Floats:
    """Return the sum of twelve uniforms less 6: mean 0, variance 1 (Irwin and Hall)."""
    sums: NDArray[np.int64] = words[..., :_NOISE_WORDS].sum(axis=-1, dtype=np.int64)
    return np.asarray(sums * _UNIFORM - 6.0, np.float64)


def synthetic_sources(
    market: SyntheticMarket,
    instrument_ids: Sequence[InstrumentId],
    *,
    count: int,
    interval_ns: int = MINUTE_NS,
    start_ns: int = START_NS,
    seed: int = 7,
    price_decimals: int = 2,
) -> tuple[BarSource, ...]:
    """
    Return one source for each of *instrument_ids*, all with the same times.

    A market of one instrument is repeated with independent noise; a pair takes two instruments.

    Raises:
        ConfigError: A number is out of its range, or the number of instruments is no multiple of
            the market's.
    """
    legs = len(market.starts)
    if len(instrument_ids) % legs:
        raise ConfigError(
            f"this market has {legs} instruments, and {len(instrument_ids)} were asked for",
            where="symbols",
            remedy=f"name {legs} symbols",
        )
    return tuple(
        SyntheticSource(
            instrument_id=instrument_id,
            market=market,
            count=count,
            interval_ns=interval_ns,
            start_ns=start_ns,
            seed=seed,
            stream=at // legs,
            leg=at % legs,
            price_decimals=price_decimals,
        )
        for at, instrument_id in enumerate(instrument_ids)
    )
