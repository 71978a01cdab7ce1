"""A paper session over real bars, killed at random moments and started again: nothing changes."""

import random
import signal
from decimal import Decimal
from pathlib import Path

import anyio
import pytest

from algopioneer_core.domain.events import OrderFilled
from algopioneer_core.journal.entries import EntryKind
from algopioneer_core.journal.journal import open_journal
from algopioneer_core.testing.clocks import run_inline
from tests.killed_sessions import Fills, fills_of, run_to_end, signal_at_random, trades_of

KILLS = 10
DATA = Path(__file__).parents[2] / "shared/data"
MINUTES = DATA / "btc-perp-2022-01-1m.csv"
DAYS = DATA / "us-equities-20-daily-1990-2022.csv.gz"
SESSION = """
[journal]
path = "paper.journal"
snapshot_every = 3000

[venue.replay]
data = ["BTC-PERP={minutes}", "KO={days}", "PEP={days}", "XOM={days}", "CVX={days}"]

[venue.replay.paper]
balances = ["USD=30000"]
taker_fee_bps = 5

[[strategy]]
kind = "moving-average"
instruments = ["replay:BTC-PERP"]
interval = "1m"
capital = 10000

[[strategy]]
kind = "pairs"
name = "cola"
instruments = ["replay:KO", "replay:PEP"]
interval = "1d"
capital = 10000

[[strategy]]
kind = "pairs"
name = "oil"
instruments = ["replay:XOM", "replay:CVX"]
interval = "1d"
capital = 10000

[risk]
daily_loss_fraction = "off"

[[recorder]]
kind = "csv"
path = "trades.csv"
"""
WALLCLOCK = """
[session]
resume = "wallclock"

[journal]
path = "paper.journal"

[venue.replay]
data = ["BTC-PERP={minutes}"]
speed = 300000

[venue.replay.paper]
balances = ["USD=10000"]
taker_fee_bps = 5

[[strategy]]
kind = "moving-average"
instruments = ["replay:BTC-PERP"]

[risk]
daily_loss_fraction = "off"
"""


def _kill_at_random(folder: Path, seed: int) -> None:
    """Start the session again and again, and kill each start at a random moment."""
    moments = random.Random(seed)
    for _ in range(KILLS):
        signal_at_random(folder, signal.SIGKILL, moments, 2.5)


@pytest.mark.long
@pytest.mark.skipif(not MINUTES.exists(), reason=f"real bars are not here: {DATA}")
def test_ten_kills_leave_the_fills_of_an_uninterrupted_run(tmp_path: Path) -> None:
    """Time, leg, side, quantity, price and fee of every fill are the same, each once."""
    once, often = tmp_path / "once", tmp_path / "often"
    for folder in (once, often):
        folder.mkdir()
        session = SESSION.format(minutes=MINUTES, days=DAYS)
        (folder / "run.toml").write_text(session)
    said = run_to_end(once)
    _kill_at_random(often, seed=11)
    assert said.splitlines()[1:] == run_to_end(often).splitlines()[1:]
    fills = anyio.run(fills_of, once)
    assert fills == anyio.run(fills_of, often)
    assert len(fills) > 3000
    trades = trades_of(often)
    assert len(trades) == len(set(trades))
    assert sorted(trades) == sorted(trades_of(once))


async def _books(folder: Path) -> tuple[dict[str, Decimal], dict[str, Decimal], list[str], Fills]:
    """Return the strategy's assets, the venue's, the ids of all intents, and all fills' ids."""
    path = folder / "paper.journal"
    async with open_journal(path, make_uuid=str, run_blocking=run_inline, create=False) as journal:
        ours = journal.latest_snapshot("strategy:moving-average")
        theirs = journal.latest_snapshot("venue:replay")
        assert ours is not None
        assert theirs is not None
        ledger = ours[1]["engine"]["portfolio"]["ledger"]
        held = {
            asset: Decimal(amount) for account, asset, amount in ledger if account == "holdings"
        }
        balances = theirs[1]["exchange"]["account"]["balances"]
        intents = [each.entry.key for each in journal.read(kinds=(EntryKind.INTENT,))]
        events = (each.entry.body for each in journal.read(kinds=(EntryKind.EVENT,)))
        fills = [(each.fill.fill_id,) for each in events if isinstance(each, OrderFilled)]
        return held, balances, intents, list(fills)


@pytest.mark.long
@pytest.mark.skipif(not MINUTES.exists(), reason=f"real bars are not here: {DATA}")
def test_kills_of_a_session_that_follows_the_clock_lose_and_double_nothing(tmp_path: Path) -> None:
    """At most one order per intent, every fill once, and the ledger is the venue's book."""
    (tmp_path / "run.toml").write_text(WALLCLOCK.format(minutes=MINUTES))
    moments = random.Random(7)
    fills: Fills = []
    while len(fills) <= 20:
        for _ in range(3):
            signal_at_random(tmp_path, signal.SIGKILL, moments, 4)
        signal_at_random(tmp_path, signal.SIGINT, moments, 4)
        held, balances, intents, fills = anyio.run(_books, tmp_path)
        assert held == balances
        assert len(set(intents)) == len(intents)
        assert len(set(fills)) == len(fills)
