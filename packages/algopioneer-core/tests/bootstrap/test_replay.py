"""Behaviour of opening the simulated venues from their settings."""

from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from algopioneer_core.bootstrap.venues import open_venue
from algopioneer_core.config.replay import ReplayConfig
from algopioneer_core.config.runs import Settings
from algopioneer_core.domain.errors import ConfigError, DataError
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import Bar, Quote, Trade
from algopioneer_core.plugins.manager import load_plugins
from algopioneer_core.ports import Venue
from algopioneer_core.settings import NumberOrWord

WIDE = """Date,AA,BB
2024-01-01,10,20
2024-01-02,11,21
2024-01-03,12,22
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder in which the test runs; it has a file for two symbols, and trades."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wide.csv").write_text(WIDE)
    (tmp_path / "prints.csv").write_text("time,price,volume\n1704067200,11,2\n")
    return tmp_path


async def open_replay(stack: AsyncExitStack, **settings: Any) -> Venue:
    """Open the bundled replay."""
    spec = load_plugins().venues.get("replay")
    return await stack.enter_async_context(open_venue(spec, Settings("venue.day", settings), {}))


async def closes(venue: Venue) -> list[tuple[str, str]]:
    """Return symbol and close of every bar of the feed."""
    ids = [each.id for each in await venue.market_data.instruments()]
    async with venue.market_data.subscribe(ids) as events:
        bars = [event async for event in events]
    return [(bar.instrument_id, str(bar.close)) for bar in bars if isinstance(bar, Bar)]


async def test_one_wide_file_serves_several_symbols(folder: Path) -> None:
    """Under the venue's name, in the order in which they are named."""
    async with AsyncExitStack() as stack:
        settings = {"name": "day", "data": ["wide.csv"], "symbols": ["BB", "AA"]}
        venue = await open_replay(stack, **settings, interval="1d")
        feed = await closes(venue)
    assert [("day:BB", "20"), ("day:AA", "10")] == feed[:2]
    assert 6 == len(feed)


async def test_paper_account_is_opened_over_a_replay(folder: Path) -> None:
    """Both by their specs, as a session does it."""
    async with AsyncExitStack() as stack:
        data = ["AA=wide.csv"]
        shadow = await open_replay(stack, data=data, interval="1d", begin="2024-01-04")
        spec = load_plugins().venues.get("paper")
        asked = Settings("venue.day.paper", {"balances": ["USD=77"]})
        venue = await stack.enter_async_context(open_venue(spec, asked, {}, shadow=shadow))
        (balance,) = await venue.execution.balances()
        feed = await closes(venue)
    assert ("USD", Decimal(77)) == (balance.asset, balance.total)
    assert [("replay:AA", "12")] == feed


async def test_described_instruments_keep_their_rules(folder: Path) -> None:
    """From the same file that a backtest takes."""
    (folder / "rules.toml").write_text('["AA"]\nkind = "equity"\nshortable = false\n')
    async with AsyncExitStack() as stack:
        settings = {"data": ["AA=wide.csv"], "interval": "1d", "instruments": "rules.toml"}
        venue = await open_replay(stack, **settings)
        (instrument,) = await venue.market_data.instruments()
    assert (InstrumentId("replay", "AA"), False) == (instrument.id, instrument.shortable)


async def test_ticks_and_bars_are_told_apart_by_their_columns(folder: Path) -> None:
    """What the columns leave open is told by `rows`."""
    (folder / "book.csv").write_text("time,bid,ask\n1704067201,11,12\n")
    async with AsyncExitStack() as stack:
        data = ["AA=wide.csv", "CC=prints.csv", "DD=book.csv"]
        venue = await open_replay(stack, data=data, interval="1d", rows="trades")
        ids = [each.id for each in await venue.market_data.instruments()]
        async with venue.market_data.subscribe(ids) as events:
            kinds = [type(event) async for event in events]
    assert [Trade, Quote, Bar, Bar, Bar] == kinds


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"data": ["CC=prints.csv"]}, DataError, "the rows may be bars or trades"),
        ({"data": ["CC=prints.csv"], "rows": "ticks"}, ConfigError, "rows"),
        (
            {"data": ["CC=prints.csv"], "rows": "trades", "interval": "1m"},
            ConfigError,
            "trades and quotes have no length",
        ),
        (
            {"data": ["CC=prints.csv"], "rows": "trades", "aligned": True},
            ConfigError,
            "only bars can be aligned",
        ),
        ({"data": ["wide.csv"]}, ConfigError, "not said what the files are of"),
        ({"data": ["AA=absent.csv"]}, DataError, "no such file"),
        ({"data": ["AA=wide.csv"], "speed": "fast"}, ConfigError, "positive number or max"),
        ({"data": ["AA=wide.csv"], "speed": "0"}, ConfigError, "positive number or max"),
        ({"data": ["AA=wide.csv"], "interval": "soon"}, ConfigError, "not a length of time"),
        ({"data": ["AA=wide.csv"], "from": "2024-02-01", "to": "2024-01-01"}, ConfigError, "after"),
        ({}, ConfigError, "data"),
    ],
)
async def test_mistakes_are_named(
    folder: Path, settings: dict[str, Any], error: type[Exception], message: str
) -> None:
    """Before anything is replayed."""
    async with AsyncExitStack() as stack:
        with pytest.raises(error, match=message):
            await open_replay(stack, **settings)


def test_speed_is_a_factor_or_as_fast_as_possible() -> None:
    """And no begin is none."""
    assert 60 == ReplayConfig(data=("x",), speed=NumberOrWord("60")).factor
    assert float("inf") == ReplayConfig(data=("x",)).factor
    assert None is ReplayConfig(data=("x",)).begin_ns
