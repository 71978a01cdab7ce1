"""Sessions in processes of their own that are killed and started again, for tests of resuming."""

import contextlib
import csv
import random
import subprocess
import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from algopioneer_core.domain.events import OrderFilled
from algopioneer_core.journal.entries import EntryKind
from algopioneer_core.journal.journal import open_journal
from algopioneer_core.testing.clocks import run_inline
from algopioneer_core.testing.processes import started

Fills = list[tuple[object, ...]]


def _session(folder: Path) -> AbstractContextManager[subprocess.Popen[str]]:
    """Start the session in *folder*, as a user would."""
    words = (sys.executable, "-m", "algopioneer_core", "run", "--config", "run.toml")
    return started(*words, folder=folder, stderr=subprocess.PIPE)


def run_to_end(folder: Path) -> str:
    """Run the session in *folder* to its own end and return what it said."""
    with _session(folder) as process:
        said, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors
    return said


def signal_at_random(folder: Path, number: int, moments: random.Random, latest_s: float) -> None:
    """Start the session, and send it a signal at a random moment."""
    with _session(folder) as process:
        while not (folder / "paper.journal").exists():
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(timeout=0.1)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=moments.uniform(0.5, latest_s))
        process.send_signal(number)
        process.communicate(timeout=60)


def kill_when_written(folder: Path, seed: int, *, kills: int, sizes: tuple[int, int]) -> int:
    """Kill each start once its journal has grown by a random size; return how many were alive."""
    chance, alive = random.Random(seed), 0
    for _ in range(kills):
        wanted = _written(folder) + chance.randint(*sizes)
        with _session(folder) as process:
            while process.poll() is None and _written(folder) < wanted:
                time.sleep(0.01)
            alive += process.poll() is None
    return alive


def _written(folder: Path) -> int:
    size = 0
    for name in ("paper.journal", "paper.journal-wal"):
        with contextlib.suppress(FileNotFoundError):
            size += (folder / name).stat().st_size
    return size


async def events_of(folder: Path) -> list[tuple[str, object]]:
    """Return all journalled events in order, each with the strategy that saw it."""
    path = folder / "paper.journal"
    async with open_journal(path, make_uuid=str, run_blocking=run_inline, create=False) as journal:
        rows = journal.read(kinds=(EntryKind.EVENT,))
        return [(stored.entry.strategy, stored.entry.body) for stored in rows]


async def fills_of(folder: Path) -> Fills:
    """Return time, strategy, instrument, side, quantity, price and fee of all fills, in order."""
    found: Fills = []
    for strategy, event in await events_of(folder):
        if isinstance(event, OrderFilled):
            fill = event.fill
            what = (fill.instrument_id, fill.side, fill.quantity, fill.price, fill.fee)
            found.append((fill.ts_event, strategy, *what))
    return found


def trades_of(folder: Path) -> list[str]:
    """Return the keys of the trades that were recorded."""
    with (folder / "trades.csv").open(newline="") as file:
        return [row["key"] for row in csv.DictReader(file)]
