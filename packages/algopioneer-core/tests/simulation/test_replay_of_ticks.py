"""Behaviour of a replay of trades and quotes, and of a paper account over it."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import pytest

from algopioneer_core.domain.capabilities import Capability, Pushed, Support
from algopioneer_core.domain.errors import ConfigError, UnsupportedOperation
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND, Bar, Quote, Trade
from algopioneer_core.history.bar_files import open_bars
from algopioneer_core.history.intervals import MINUTE_NS
from algopioneer_core.history.read_options import ReadOptions
from algopioneer_core.history.tick_files import open_ticks
from algopioneer_core.ports import MarketDataEvent, pushed_of
from algopioneer_core.simulation.paper import PaperVenue
from algopioneer_core.simulation.paper_config import MatchOn, PaperConfig
from algopioneer_core.simulation.replay import ReplayVenue
from algopioneer_core.testing.paper import sent

AA, BB, CC = (InstrumentId("replay", symbol) for symbol in ("AA-USD", "BB-USD", "CC-USD"))
FILES = {
    AA: "time,price,size\n10,5,1\n60,7,1\n60,6,1\n61,8,2\n130,9,1\n",
    BB: "time,bid,ask\n59,10,12\n60,11,13\n150,10,14\n",
    CC: "close time,open,high,low,close\n60,3,4,3,4\n120,4,4,3,3\n180,4,6,4,5\n",
}


def replay(folder: Path, *ids: InstrumentId, **settings: Any) -> ReplayVenue:
    """Return a replay of some of the files above."""
    sources = []
    for each in ids:
        path = folder / f"{each.symbol}.csv"
        path.write_text(FILES[each])
        is_bars = each is CC
        options = ReadOptions(stamp="close") if is_bars else None
        sources.append(open_bars(path, each, options) if is_bars else open_ticks(path, each))
    instruments = [Instrument.undescribed(each) for each in ids]
    return ReplayVenue("replay", instruments, sources, **settings)


def named(event: MarketDataEvent) -> tuple[str, str, int]:
    """Return kind, first letter and second of an event."""
    assert isinstance(event, Bar | Trade | Quote)
    return type(event).__name__, event.instrument_id.symbol[0], event.ts_event // NS_PER_SECOND


async def watch(venue: ReplayVenue, most: int = 99) -> list[tuple[str, str, int]]:
    """Return what comes of the feed, or so much of it."""
    seen: list[tuple[str, str, int]] = []
    ids = [each.id for each in await venue.market_data.instruments()]
    async with venue.market_data.subscribe(ids) as events:
        while len(seen) < most:
            try:
                seen.append(named(await events.receive()))
            except anyio.EndOfStream:
                break
    return seen


async def test_ticks_and_bars_come_by_time_and_at_equal_times_in_the_configured_order(
    tmp_path: Path,
) -> None:
    """All ticks of one instrument and time together."""
    assert [
        ("Trade", "A", 10),
        ("Quote", "B", 59),
        ("Bar", "C", 60),
        ("Trade", "A", 60),
        ("Trade", "A", 60),
        ("Quote", "B", 60),
        ("Trade", "A", 61),
        ("Bar", "C", 120),
        ("Trade", "A", 130),
        ("Quote", "B", 150),
        ("Bar", "C", 180),
    ] == await watch(replay(tmp_path, CC, AA, BB))


@pytest.mark.parametrize("cursor", range(12))
async def test_restored_feed_goes_on_after_what_was_delivered(cursor: int, tmp_path: Path) -> None:
    """Also between two ticks of one time."""
    whole = await watch(replay(tmp_path, CC, AA, BB))
    venue, other = replay(tmp_path, CC, AA, BB), replay(tmp_path, CC, AA, BB)
    before = await watch(venue, cursor)
    other.restore(venue.snapshot())
    assert whole == before + await watch(other)


async def test_ticks_before_the_beginning_are_history(tmp_path: Path) -> None:
    """From which bars of any length are built; what has not gone by is not in them."""
    venue = replay(tmp_path, AA, begin_ns=61 * NS_PER_SECOND)
    bars = venue.market_data.bars
    (first,) = await bars(AA, MINUTE_NS, 0, 2**62)
    assert (Decimal(5), Decimal(5), MINUTE_NS) == (first.open, first.close, first.ts_event)
    assert [("Trade", "A", 61), ("Trade", "A", 130)] == await watch(venue)
    first, second = await bars(AA, MINUTE_NS, 0, 2**62)
    assert (Decimal(7), Decimal(8), Decimal(6), Decimal(4)) == (
        second.open,
        second.close,
        second.low,
        second.volume,
    )
    assert [second] == await bars(AA, MINUTE_NS, MINUTE_NS + 1, 2**62)
    assert [] == await bars(AA, MINUTE_NS, MINUTE_NS + 1, 2 * MINUTE_NS)


async def test_declares_what_the_files_hold(tmp_path: Path) -> None:
    """Of the whole venue and of each instrument."""
    venue = replay(tmp_path, AA, BB, CC)
    assert Pushed(trades=True) == venue.pushed(AA)
    assert Pushed(quotes=True) == venue.pushed(BB)
    assert Pushed(bar_intervals_ns=(MINUTE_NS,)) == venue.pushed(CC)
    only = replay(tmp_path, AA).capabilities
    assert Support.UNSUPPORTED is only.supports(Capability.BARS_STREAM)
    assert Support.UNSUPPORTED is only.supports(Capability.QUOTES)
    assert Support.NATIVE is only.supports(Capability.TRADES)
    assert Support.EMULATED is only.supports(Capability.BARS_HISTORY)
    with pytest.raises(UnsupportedOperation, match="nothing of it"):
        replay(tmp_path, AA).pushed(BB)


def test_ticks_cannot_be_aligned(tmp_path: Path) -> None:
    """They have no common times."""
    with pytest.raises(ConfigError, match="only bars can be aligned"):
        replay(tmp_path, CC, AA, aligned=True)


# --- paper -----------------------------------------------------------------------------------


def paper(folder: Path, *ids: InstrumentId, **config: Any) -> PaperVenue:
    """Return a paper account over a replay."""
    instruments = [Instrument.undescribed(each) for each in ids]
    settings = PaperConfig(slippage_bps=Decimal(0), **config)
    return PaperVenue(settings, replay(folder, *ids), instruments)


async def fills_of(venue: PaperVenue, *ids: InstrumentId) -> dict[str, tuple[int, Decimal]]:
    """Buy one of each at once; return second and price of the fills by symbol."""
    for each in ids:
        await venue.execution.submit(sent(each.symbol, Instrument.undescribed(each), Side.BUY))
    async with venue.market_data.subscribe(ids) as events:
        async for _ in events:
            pass
    return {
        fill.instrument_id.symbol: (fill.ts_event // NS_PER_SECOND, fill.price)
        for fill in await venue.execution.fills(0)
    }


async def test_orders_fill_on_quotes_where_there_are_quotes(tmp_path: Path) -> None:
    """On bars where there are bars, and on trades where nothing else is known."""
    venue = paper(tmp_path, AA, BB, CC, maker_fee_bps=Decimal(0), taker_fee_bps=Decimal(0))
    assert Pushed(quotes=True) == pushed_of(venue, BB)
    assert {
        "AA-USD": (10, Decimal(5)),
        "BB-USD": (59, Decimal(12)),
        "CC-USD": (0, Decimal(3)),
    } == await fills_of(venue, AA, BB, CC)


async def test_latency_counts_on_ticks(tmp_path: Path) -> None:
    """An order meets the first trade or quote that is so much younger."""
    venue = paper(tmp_path, AA, BB, latency_ms=59_500)
    prices = await fills_of(venue, AA, BB)
    assert {"AA-USD": (60, Decimal(7)), "BB-USD": (60, Decimal(13))} == prices


@pytest.mark.parametrize(("match_on", "wrong"), [(MatchOn.BARS, AA), (MatchOn.QUOTES, CC)])
def test_what_is_not_in_a_file_cannot_be_matched_on(
    match_on: MatchOn, wrong: InstrumentId, tmp_path: Path
) -> None:
    """Said of the instrument, when the account is opened."""
    with pytest.raises(ConfigError, match=f"no {match_on.value} of {wrong.symbol}"):
        paper(tmp_path, BB if wrong is CC else CC, wrong, match_on=match_on)
