"""What is traded at the local Coinbase: a synthetic market that ends now, or bars of files."""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Final

from attrs import frozen

from algopioneer_coinbase.symbols import VENUE
from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND, Bar
from algopioneer_core.history.bar_files import open_bars
from algopioneer_core.history.columns import BarSource
from algopioneer_core.history.synthetic import SyntheticSource
from algopioneer_core.history.synthetic_markets import CointegratedPair, RandomWalk
from algopioneer_core.simulation.sandbox_candles import MINUTE_NS

__all__ = ["Market", "file_market", "synthetic_market"]

_HISTORY_BARS: Final = 3 * 1440
"""Three days of minutes lie before the start."""
_FUTURE_BARS: Final = 366 * 1440
"""A year to come."""
_WHOLE: Final = 10_000
_HIGHEST_PREMIUM_BPS: Final = 120
_PREMIUM_SWING_BARS: Final = 48
"""Bars from one highest premium of the future over spot to the next."""
_ALIAS: Final = "BTC-USDC"
_CONTRACT: Final = "BIT-27DEC30-CDE"


@frozen
class Market:
    """What was before, and what comes."""

    history: Sequence[Bar]
    """In order of time."""
    future: Iterator[Bar]
    """In order of time, those of one time together."""
    interval_ns: int


def synthetic_market(now_ns: int, seed: int) -> Market:
    """
    Return three days of history that end with the minute before *now_ns*, and a year to come.

    BTC-USD and ETH-USD wander together, SOL-USD by itself. BTC-USDC is BTC-USD; the future costs
    up to 1.2 % more than it, a premium that comes and goes within 48 minutes.
    """
    start_ns = now_ns - now_ns % MINUTE_NS - _HISTORY_BARS * MINUTE_NS
    pair = CointegratedPair(start_price=3_000.0, ratio=20.0)
    sources = [
        SyntheticSource(
            instrument_id=InstrumentId(VENUE, name),
            market=market,
            count=_HISTORY_BARS + _FUTURE_BARS,
            start_ns=start_ns,
            seed=seed,
            stream=stream,
            leg=leg,
        )
        for name, market, stream, leg in (
            ("BTC-USD", pair, 0, 0),
            ("ETH-USD", pair, 0, 1),
            ("SOL-USD", RandomWalk(start_price=150.0), 1, 0),
        )
    ]
    bars = _with_mirrors(_merged(sources))
    return _split(bars, now_ns, MINUTE_NS)


def _with_mirrors(bars: Iterator[Bar]) -> Iterator[Bar]:
    for bar in bars:
        yield bar
        if bar.instrument_id.symbol == "BTC-USD":
            yield _mirrored(bar, _ALIAS, 0)
            yield _mirrored(bar, _CONTRACT, _premium_bps(bar.ts_event))


def _premium_bps(ts_ns: int) -> int:
    """Return what the future costs above spot: rising from none to the most, and back."""
    half = _PREMIUM_SWING_BARS // 2
    step = ts_ns // MINUTE_NS % _PREMIUM_SWING_BARS
    return _HIGHEST_PREMIUM_BPS * (half - abs(step - half)) // half


def _mirrored(bar: Bar, symbol: str, premium_bps: int) -> Bar:
    prices = {
        name: getattr(bar, name) * (_WHOLE + premium_bps) // _WHOLE
        for name in ("open_ticks", "high_ticks", "low_ticks", "close_ticks")
    }
    return bar._replace(instrument_id=InstrumentId(VENUE, symbol), **prices)


def file_market(files: Mapping[str, Path], now_ns: int) -> Market:
    """
    Return the bars of files, moved in time so that the first half of them ends now.

    Args:
        files: By product.
        now_ns: The present time.

    Raises:
        ConfigError: The files have bars of different lengths, or of no whole minutes.
        DataError: A file cannot be read.
    """
    sources = [open_bars(path, InstrumentId(VENUE, name)) for name, path in files.items()]
    lengths = {source.interval_ns for source in sources}
    if len(lengths) != 1:
        raise ConfigError(
            "the files have bars of different lengths",
            where="--bars",
            remedy="give files of one length, for instance all of 1m",
        )
    (interval_ns,) = lengths
    if interval_ns % MINUTE_NS:
        raise ConfigError(
            f"bars of {interval_ns / NS_PER_SECOND:g} seconds are no whole minutes",
            where="--bars",
            remedy="give bars of 1m or longer",
        )
    source = sources[0]
    middle_ns = source.first_ns + (source.count // 2) * interval_ns
    shift_ns = now_ns - now_ns % interval_ns - middle_ns
    bars = (
        bar._replace(ts_event=bar.ts_event + shift_ns, ts_recv=bar.ts_recv + shift_ns)
        for bar in _merged(sources)
    )
    return _split(bars, now_ns, interval_ns)


def _split(bars: Iterator[Bar], now_ns: int, interval_ns: int) -> Market:
    """Return the bars until now as history, and all others as what comes."""
    history: list[Bar] = []
    for bar in bars:
        if bar.ts_event > now_ns:
            return Market(history, chain([bar], bars), interval_ns)
        history.append(bar)
    return Market(history, iter(()), interval_ns)


def _merged(sources: Sequence[BarSource]) -> Iterator[Bar]:
    """Yield bars by time; at equal times in the order of the sources."""
    streams = [
        ((bar.ts_event, number, bar) for chunk in source.chunks() for bar in chunk.bars())
        for number, source in enumerate(sources)
    ]
    return (bar for _, _, bar in heapq.merge(*streams))
