"""A paper session over trades, quotes and bars, killed at random moments: nothing changes."""

import random
from decimal import Decimal
from pathlib import Path

import anyio
import pytest

from algopioneer_core.domain.market_data import Bar
from tests.killed_sessions import events_of, fills_of, kill_when_written, run_to_end, trades_of

KILLS = 5
SESSION = """
[journal]
path = "paper.journal"
snapshot_every = 997
record_inputs = true

[venue.replay]
data = ["AA-USD=prints.csv", "BB-USD=quotes.csv", "CC-USD=bars.csv"]

[venue.replay.paper]
balances = ["USD=30000"]
taker_fee_bps = 5
latency_ms = 250

[risk]
daily_loss_fraction = "off"

[[recorder]]
kind = "csv"
path = "trades.csv"
""" + "".join(
    f"""
[[strategy]]
kind = "moving-average"
name = "{name}"
instruments = ["replay:{name}-USD"]
interval = "1m"
capital = 5000
short_window = 3
long_window = 8
"""
    for name in ("AA", "BB", "CC")
)
START_S = 1_704_067_200
SECONDS = 20_000


def _write_markets(folder: Path) -> None:
    """Write trades at odd moments, quotes of which several have one time, and bars."""
    chance = random.Random(5)
    prices = {"AA": 10_000, "BB": 20_000, "CC": 30_000}
    trades, quotes = ["time,price,size,id"], ["time,bid,ask,bid_size,ask_size"]
    bars = ["time,open,high,low,close,volume"]
    for second in range(SECONDS):
        for name in prices:
            prices[name] += chance.randint(-9, 9)
        now = START_S + second
        price = Decimal(prices["AA"]) / 100
        trades.append(f"{now}.{chance.randint(0, 9)},{price},{chance.randint(1, 9)},t{second}")
        for _ in range(chance.randint(0, 2)):
            bid = Decimal(prices["BB"] - chance.randint(1, 3)) / 100
            ask = Decimal(prices["BB"] + chance.randint(1, 3)) / 100
            quotes.append(f"{now},{bid},{ask},{chance.randint(1, 9)},5")
        if second % 60 == 0:
            close = Decimal(prices["CC"]) / 100
            bars.append(f"{now},{close},{close + 1},{close - 1},{close},100")
    for name, lines in (("prints", trades), ("quotes", quotes), ("bars", bars)):
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")


async def _bars(folder: Path) -> list[tuple[str, Bar]]:
    """Return the bars that strategies saw."""
    return [(name, bar) for name, bar in await events_of(folder) if isinstance(bar, Bar)]


@pytest.mark.long
def test_kills_leave_the_fills_of_an_uninterrupted_run(tmp_path: Path) -> None:
    """Also of bars that were half built from trades and quotes when the process ended."""
    once, often = tmp_path / "once", tmp_path / "often"
    for folder in (once, often):
        folder.mkdir()
        _write_markets(folder)
        (folder / "run.toml").write_text(SESSION)
    said = run_to_end(once)
    assert kill_when_written(often, 3, kills=KILLS, sizes=(600_000, 2_500_000))
    assert said.splitlines()[1:] == run_to_end(often).splitlines()[1:]
    fills, bars = anyio.run(fills_of, once), anyio.run(_bars, once)
    assert fills == anyio.run(fills_of, often)
    assert bars == anyio.run(_bars, often)
    for name in ("AA", "BB", "CC"):
        assert sum(strategy == name for strategy, _ in bars) >= SECONDS // 60 - 1
        assert sum(fill[1] == name for fill in fills) > 20
    trades = trades_of(often)
    assert len(trades) == len(set(trades))
    assert sorted(trades) == sorted(trades_of(once))
