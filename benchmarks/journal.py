"""
How fast intents become durable, beside the shortest program that makes one row durable.

    python -m benchmarks.journal --intents 20000 --repeat 3

`bare commit` is one row of the same size in a SQLite file with the same settings: what the disk
takes for a sync. Latencies of the two are measured in turns, so that both meet the same disk.
Nothing is asserted; the targets are in README.md.
"""

import argparse
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import anyio

from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.orders import Order, OrderIntent
from algopioneer_core.journal.codec import decode, encode
from algopioneer_core.journal.entries import Entry, EntryKind
from algopioneer_core.journal.journal import Journal, open_journal
from algopioneer_core.journal.verify import verify

TASKS = (1, 8, 64, 256)
BITCOIN = InstrumentId("sim", "BTC-USD")


def intent(number: int) -> Entry:
    """Return the intent of the order *number*."""
    wish = OrderIntent(instrument_id=BITCOIN, side=Side.BUY, quantity=Decimal("0.015"))
    order = Order(f"0123456789{number:08d}", wish, number)
    return Entry(EntryKind.INTENT, number, "moving-average", order.client_order_id, number, order)


def bare_table(path: Path) -> sqlite3.Connection:
    """Return a connection with the journal's settings and a table of texts."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE rows (body TEXT)")
    return connection


def bare_commit(connection: sqlite3.Connection, body: str) -> None:
    """Make one row durable."""
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO rows VALUES (?)", (body,))
    connection.execute("COMMIT")


async def write(journal: Journal, intents: int, tasks: int) -> None:
    """Let *tasks* tasks make intents durable, one after the other each."""

    async def trade(first: int) -> None:
        for number in range(first, intents, tasks):
            await journal.durable(journal.append(intent(number)))

    async with anyio.create_task_group() as group:
        for first in range(tasks):
            group.start_soon(trade, first)


async def throughput(folder: Path, intents: int, tasks: int) -> float:
    """Return durable intents per second."""
    path = folder / f"throughput-{tasks}-{time.monotonic_ns()}"
    async with open_journal(path, make_uuid=lambda: "benchmark") as journal:
        start = time.perf_counter()
        await write(journal, intents, tasks)
        return intents / (time.perf_counter() - start)


async def latencies(folder: Path, count: int) -> tuple[list[float], list[float]]:
    """Return the times of *count* bare commits and as many durable intents, in turns."""
    bare: list[float] = []
    durable: list[float] = []
    body = encode(intent(0).body) + "x" * 100  # as long as a whole row
    connection = bare_table(folder / "bare")
    async with open_journal(folder / "latency", make_uuid=lambda: "benchmark") as journal:
        for number in range(count):
            entry = intent(number)
            start = time.perf_counter()
            bare_commit(connection, body)
            middle = time.perf_counter()
            await journal.durable(journal.append(entry))
            durable.append(time.perf_counter() - middle)
            bare.append(middle - start)
    connection.close()
    return bare, durable


def microseconds(function: Callable[[], object], count: int = 5000) -> float:
    """Return how long one call takes, the fastest of five runs."""
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(count):
            function()
        best = min(best, time.perf_counter() - start)
    return best / count * 1e6


def print_latencies(bare: list[float], durable: list[float]) -> None:
    """Print the middle and the slow end of both."""
    for name, times in (("bare commit", bare), ("durable intent", durable)):
        cuts = statistics.quantiles(times, n=100)
        print(f"{name:16} p50 {cuts[49] * 1e3:6.2f} ms   p99 {cuts[98] * 1e3:6.2f} ms")
    over = statistics.quantiles(durable, n=100)[98] - statistics.quantiles(bare, n=100)[98]
    print(f"{'p99 over bare':16} {over * 1e3:6.2f} ms")


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--intents", type=int, default=20_000)
    parser.add_argument("--latencies", type=int, default=1000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--backend", choices=("trio", "asyncio"), default="trio")
    parser.add_argument("--folder", type=Path, help="on the disk to measure")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        order = intent(0).body
        text = encode(order)
        print(f"encode an intent {microseconds(lambda: encode(order)):6.1f} us, {len(text)} bytes")
        print(f"decode it        {microseconds(lambda: decode(text)):6.1f} us")
        for tasks in TASKS:
            count = options.intents if tasks > 1 else min(options.intents, 2000)
            rates = [
                anyio.run(throughput, folder, count, tasks, backend=options.backend)
                for _ in range(options.repeat)
            ]
            print(f"{tasks:4} tasks {statistics.median(rates):10,.0f} durable intents/s")
        print_latencies(*anyio.run(latencies, folder, options.latencies, backend=options.backend))
        longest = max(folder.glob("throughput-*[0-9]"), key=lambda path: path.stat().st_size)
        start = time.perf_counter()
        entries = verify(longest).entries
        print(f"verify {entries / (time.perf_counter() - start):10,.0f} entries/s")


if __name__ == "__main__":
    main()
