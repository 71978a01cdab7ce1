"""Strategies that raise, block and answer nonsense are isolated, while the others trade on."""

import csv
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import pytest

from algopioneer_core.domain.events import StrategyCrashed, StrategyRestarted
from algopioneer_core.journal.entries import EntryKind
from algopioneer_core.journal.journal import open_journal
from algopioneer_core.testing.clocks import run_inline
from algopioneer_core.testing.distributions import write_distribution

PLUGIN = """
from algopioneer_core.plugins import StrategySpec, hookimpl

@hookimpl
def algopioneer_strategies():
    return [
        StrategySpec(name=name, summary="Misbehaves.", factory=f"misbehaving.strategies:{made}")
        for name, made in (("raises", "Raises"), ("loops", "Loops"), ("babbles", "Babbles"))
    ]
"""
STRATEGIES = """
from decimal import Decimal

from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.market_data import Bar
from algopioneer_core.domain.orders import OrderIntent
from algopioneer_core.engine.strategy import Requirements


class Misbehaves:
    def __init__(self, config, instruments):
        self._id = instruments[0].id
        self._bars = 0

    def requirements(self):
        return Requirements()

    def on_event(self, event, context):
        if not isinstance(event, Bar):
            return ()
        self._bars += 1
        if self._bars == 10:
            return [OrderIntent(instrument_id=self._id, side=Side.BUY, quantity=Decimal(1))]
        if self._bars in (20, 21, 22):
            return self.misbehave()
        return ()

    def snapshot(self):
        return {"bars": self._bars}

    def restore(self, state):
        self._bars = state["bars"]


class Raises(Misbehaves):
    def misbehave(self):
        raise ZeroDivisionError("a bug")


class Loops(Misbehaves):
    def misbehave(self):
        while True:
            try:
                sum(range(100))
            except Exception:
                pass


class Babbles(Misbehaves):
    def misbehave(self):
        return ["buy everything"]
"""
SESSION = """
[journal]
path = "{name}.journal"

[venue.replay]
data = ["X=bars.csv"]

[venue.replay.paper]
balances = ["USD=40000"]

[risk]
daily_loss_fraction = "off"

[[recorder]]
kind = "csv"
path = "{name}.csv"

[[strategy]]
kind = "moving-average"
instruments = ["replay:X"]
capital = 10000
short_window = 3
long_window = 8
"""
MISBEHAVING = """
[[strategy]]
kind = "{kind}"
instruments = ["replay:X"]
capital = 10000
on_exhausted = "{policy}"

[strategy.restart]
budget = 2
backoff_s = 0.000001
backoff_max_s = 0.000001
deadline_s = 0.2

[[strategy.exit]]
kind = "stop-loss"
loss_fraction = 0.1
"""
POLICIES = {"raises": "halt", "loops": "halt", "babbles": "flatten"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with bars that swing and fall by a third at the end, and the plugin."""
    rows: list[tuple[str, ...]] = [("time", "open", "high", "low", "close", "volume")]
    for minute in range(200):
        swing = 5 if minute // 6 % 2 else 0
        price = 100 + swing if minute < 150 else 65 + swing
        rows.append((f"{1_700_000_040 + 60 * minute}", *([str(price)] * 4), "1"))
    with (tmp_path / "bars.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    write_distribution(
        tmp_path,
        "misbehaving",
        plugins={"misbehaving": "misbehaving.plugin"},
        modules={"misbehaving.plugin": PLUGIN, "misbehaving.strategies": STRATEGIES},
    )
    return tmp_path


def _run(folder: Path, name: str, session: str) -> str:
    (folder / f"{name}.toml").write_text(session)
    words = (sys.executable, "-m", "algopioneer_core", "run", "--config", f"{name}.toml")
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _trades(folder: Path, name: str, strategy: str) -> list[dict[str, str]]:
    with (folder / f"{name}.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["strategy"] == strategy]


async def _entries(folder: Path, kind: EntryKind) -> list[tuple[str, Any]]:
    path = folder / "all.journal"
    async with open_journal(path, make_uuid=str, run_blocking=run_inline, create=False) as journal:
        return [(each.entry.strategy, each.entry.body) for each in journal.read(kinds=(kind,))]


def test_three_that_misbehave_do_not_disturb_the_fourth(folder: Path) -> None:
    """
    Each is named, restarted and given up by its policy; exits go on managing what it holds, and
    the fourth makes the trades that it makes alone.
    """
    alone = SESSION.format(name="alone")
    together = SESSION.format(name="all") + "".join(
        MISBEHAVING.format(kind=kind, policy=policy) for kind, policy in POLICIES.items()
    )
    _run(folder, "alone", alone)
    _run(folder, "all", together)
    trades = _trades(folder, "all", "moving-average")
    assert trades == _trades(folder, "alone", "moving-average")
    assert trades

    events = anyio.run(_entries, folder, EntryKind.EVENT)
    alerts = anyio.run(_entries, folder, EntryKind.ALERT)
    for name, words in (
        ("raises", "ZeroDivisionError: a bug"),
        ("loops", "did not come back"),
        ("babbles", "buy everything"),
    ):
        crashes = [each for who, each in events if isinstance(each, StrategyCrashed) if who == name]
        assert len(crashes) == 3
        assert words in crashes[0].error
        restarts = [each for who, each in events if isinstance(each, StrategyRestarted)]
        assert [1, 2] == [each.attempt for each in restarts if each.strategy == name]
        assert any(who == name and "given up" in each["subject"] for who, each in alerts)

    reasons = {
        name: [row["exit_reason"] for row in _trades(folder, "all", name)] for name in POLICIES
    }
    assert reasons == {"raises": ["stop-loss"], "loops": ["stop-loss"], "babbles": ["given_up"]}
    assert all(Decimal(row["quantity"]) == 1 for row in _trades(folder, "all", "loops"))
