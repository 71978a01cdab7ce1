import hashlib

import numpy as np
import pytest
from numpy.typing import NDArray

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.history.columns import CHUNK_BARS, BarColumns, BarSource
from algopioneer_core.history.gaps import GapCounter
from algopioneer_core.history.intervals import HOUR_NS, MINUTE_NS
from algopioneer_core.history.synthetic import (
    MARKETS,
    START_NS,
    CointegratedPair,
    MeanReverting,
    RandomWalk,
    SyntheticMarket,
    SyntheticSource,
    Trending,
    synthetic_sources,
)

A, B = InstrumentId("test", "A-USD"), InstrumentId("test", "B-USD")


def made(market: SyntheticMarket, count: int = 20_000, seed: int = 7) -> BarColumns:
    """Return the first instrument of a market."""
    return synthetic_sources(market, [A, B], count=count, seed=seed)[0].load()


def returns(columns: BarColumns) -> NDArray[np.float64]:
    """Return the returns of consecutive closes."""
    closes = columns.close_float()
    return np.asarray(np.diff(closes) / closes[:-1])


@pytest.mark.parametrize("name", list(MARKETS))
def test_every_market_makes_sound_bars(name: str) -> None:
    """Times are on the grid, prices positive, highs and lows outside open and close."""
    columns = made(MARKETS[name]())
    assert (np.diff(columns.ts_ns) == MINUTE_NS).all()
    assert int(columns.ts_ns[0]) == START_NS + MINUTE_NS
    assert (columns.high >= np.maximum(columns.open, columns.close)).all()
    assert (columns.low <= np.minimum(columns.open, columns.close)).all()
    assert (columns.low >= 1).all()
    assert (columns.volume >= 1).all()
    assert (columns.open[1:] == columns.close[:-1]).all()


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("random-walk", "cd068f400502182f"),
        ("trending", "dd8286a91641a2b1"),
        ("mean-reverting", "1b0cc38ca58cc4d2"),
        ("cointegrated", "75398d93e5a66d7d"),
    ],
)
def test_a_seed_gives_the_same_bytes_everywhere(name: str, digest: str) -> None:
    """The bars of a seed are pinned: a change of the generator is a change for every user."""
    columns = made(MARKETS[name](), count=1_000)
    text = hashlib.sha256()
    for column in (columns.ts_ns, columns.open, columns.high, columns.low, columns.volume):
        text.update(column.astype("<i8").tobytes())
    assert text.hexdigest()[:16] == digest


def test_another_seed_and_another_stream_give_other_prices() -> None:
    """Seeds differ, and two instruments of one walk are independent."""
    first, second = (
        source.load() for source in synthetic_sources(RandomWalk(), [A, B], count=5_000)
    )
    assert (made(RandomWalk(), 5_000, seed=8).close != first.close).any()
    assert abs(np.corrcoef(returns(first), returns(second))[0, 1]) < 0.05


def test_the_first_bars_do_not_depend_on_how_many_follow() -> None:
    """A longer market starts as the shorter one, also across a chunk's edge."""
    short, long = made(CointegratedPair(), 1_000), made(CointegratedPair(), CHUNK_BARS + 5)
    assert (long.slice(0, 1_000).close == short.close).all()
    assert int(long.open[CHUNK_BARS]) == int(long.close[CHUNK_BARS - 1])


def test_a_source_streams_what_it_says() -> None:
    """Count, first and last time, and chunk sizes agree with the bars; twice the same."""
    source: BarSource = SyntheticSource(
        instrument_id=A, market=RandomWalk(), count=CHUNK_BARS + 1, interval_ns=HOUR_NS
    )
    chunks = list(source.chunks())
    assert [len(chunk) for chunk in chunks] == [CHUNK_BARS, 1]
    assert (source.first_ns, source.last_ns) == (
        int(chunks[0].ts_ns[0]),
        int(chunks[-1].ts_ns[-1]),
    )
    assert {chunk.volume_decimals for chunk in chunks} == {source.volume_decimals}
    assert (source.load().close == source.load().close).all()
    counter = GapCounter(HOUR_NS)
    counter.add(source.load().ts_ns)
    assert counter.report() == source.gaps


def test_a_walk_has_the_volatility_asked_for_and_no_memory() -> None:
    """Deviation of returns within 3 %, mean and first autocorrelation near zero."""
    steps = returns(made(RandomWalk(start_price=1_000, volatility=0.002)))
    assert steps.std() == pytest.approx(0.002, rel=0.03)
    assert abs(steps.mean()) < 5 * 0.002 / np.sqrt(len(steps))
    assert abs(np.corrcoef(steps[1:], steps[:-1])[0, 1]) < 0.03


def test_a_trend_drifts_as_asked() -> None:
    """The mean return is the drift, in both directions."""
    for drift in (0.0004, -0.0004):
        steps = returns(made(Trending(start_price=10_000, drift=drift), count=10_000))
        assert steps.mean() == pytest.approx(drift, abs=5 * 0.001 / 100)


def test_a_mean_reverting_price_stays_near_its_mean_and_is_pulled_back() -> None:
    """The stationary deviation and the regression on the deviation are those of the process."""
    market = MeanReverting(start_price=1_000, volatility=0.001, reversion=0.05)
    deviation = made(market, 60_000).close_float() / 1_000 - 1
    assert deviation.std() == pytest.approx(0.001 / np.sqrt(1 - 0.95**2), rel=0.1)
    slope = np.polyfit(deviation[:-1], np.diff(deviation), 1)[0]
    assert slope == pytest.approx(-0.05, rel=0.15)


def test_a_pair_shares_its_walk_and_its_spread_reverts() -> None:
    """Legs wander, the log ratio stays around its mean."""
    market = CointegratedPair(start_price=1_000, ratio=3.0, reversion=0.05)
    a, b = (source.load() for source in synthetic_sources(market, [A, B], count=60_000))
    spread = np.log(a.close_float() / b.close_float())
    assert (a.ts_ns == b.ts_ns).all()
    assert spread.mean() == pytest.approx(np.log(3.0), abs=0.001)
    assert spread.std() == pytest.approx(0.001 / np.sqrt(1 - 0.95**2), rel=0.1)
    assert np.log(b.close_float()).std() > 10 * spread.std()


def test_a_pair_needs_two_instruments() -> None:
    """One symbol for a pair is refused."""
    with pytest.raises(ConfigError, match="2 instruments, and 1 were asked for"):
        synthetic_sources(CointegratedPair(), [A], count=10)


def test_prices_never_leave_the_grid() -> None:
    """Falling prices stay at one tick, exploding ones at the largest exact float."""
    fallen = made(Trending(start_price=0.01, drift=-0.05), 500)
    risen = made(Trending(drift=0.09), 1_000)
    held = made(MeanReverting(volatility=0.09, reversion=0.001), 5_000)
    assert int(fallen.low.min()) == 1
    assert int(risen.close.max()) == 2**53
    assert int(held.low.min()) >= 95


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: RandomWalk(volatility=0.1), "volatility"),
        (lambda: RandomWalk(start_price=0), "start_price"),
        (lambda: Trending(drift=0.2), "drift"),
        (lambda: MeanReverting(reversion=0), "reversion"),
        (lambda: CointegratedPair(ratio=-1), "ratio"),
        (lambda: SyntheticSource(instrument_id=A, market=RandomWalk(), count=0), "count"),
        (lambda: SyntheticSource(instrument_id=A, market=RandomWalk(), count=9, seed=-1), "seed"),
        (lambda: SyntheticSource(instrument_id=A, market=RandomWalk(), count=9, leg=1), "leg"),
        (lambda: SyntheticSource(instrument_id=A, market=RandomWalk(), count=10**10), "count"),
    ],
)
def test_a_parameter_out_of_range_is_named(make: object, field: str) -> None:
    """Every refused parameter says where it stands."""
    assert callable(make)
    with pytest.raises(ConfigError) as caught:
        make()
    assert caught.value.where == field
