"""
The second half of `algopioneer demo`: a paper portfolio that is killed, started again, and loses
nothing.

Two sessions trade the same market: one without a break, as fast as it can, and one at a speed that
leaves time to kill it. What the second one did, over both its starts, must be what the first did.
"""

import csv
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Final

from attrs import frozen
from rich.console import Console
from rich.table import Table

from algopioneer_core.cli.rehearsal_files import JOURNAL, SESSION_FILE, TRADES, write_rehearsal
from algopioneer_core.domain.errors import AlgopioneerError, ExitCode
from algopioneer_core.domain.events import OrderFilled
from algopioneer_core.domain.money import ZERO, add
from algopioneer_core.journal.entries import EntryKind, StoredEntry
from algopioneer_core.journal.errors import JournalError
from algopioneer_core.journal.rows import Query, entry_of
from algopioneer_core.journal.sqlite_storage import SqliteStorage

__all__ = ["Rehearsal", "fills_in", "print_trades", "rehearse"]

SPEED: Final = "120000"
"""Two minutes of the market in a millisecond."""
_LOOK_S: Final = 0.2
_CENTS: Final = 2
Fill = tuple[object, ...]
"""Time, strategy, instrument, side, quantity, price and fee."""


@frozen(kw_only=True)
class Rehearsal:
    """How it went."""

    folder: Path
    """Where the session that was killed is, to be looked at."""
    fills: int
    """Of the session without a break."""
    fills_before: int
    """That were in the journal when the other one was killed."""
    order_id: str
    """The order that was filled last, for a look into the journal."""


def rehearse(
    directory: Path, *, days: int = 10, speed: str = SPEED, tell: Callable[[str], None] = print
) -> Rehearsal:
    """
    Trade, kill, start again and compare.

    Args:
        directory: A folder of its own: two sessions are left in it.
        days: Length of the market.
        speed: Of the session that is killed.
        tell: Takes what is happening, a line at a time.

    Raises:
        AlgopioneerError: A session failed, or the fills differ.
        OSError: The folder cannot be written.
    """
    whole, killed = directory / "uninterrupted", directory / "killed"
    tell(f"Making up {days} days of three markets, a bar a minute, into {directory}.")
    write_rehearsal(whole, days=days, speed="max")
    write_rehearsal(killed, days=days, speed=speed, record=True)

    tell("Trading them on paper without a break, as fast as it goes: algopioneer run")
    _finish(_start(whole), whole)
    expected = fills_in(whole / JOURNAL)

    minutes = days * 1440 / float(speed) * 60
    tell(f"The same again, at {speed} times the market's speed ({minutes:.0f} s in all) ...")
    before = _kill_in_the_middle(_start(killed), killed, len(expected) // 2)
    tell(f"... and kill -9 in the middle: {before} of {len(expected)} fills are in its journal.")

    tell("Starting it again with the same command: it goes on from its journal ...")
    _finish(_start(killed), killed)
    found = fills_in(killed / JOURNAL)
    if found != expected:
        raise AlgopioneerError(
            f"{len(found)} fills after the kill are not the {len(expected)} of a run without it",
            where=str(killed / JOURNAL),
            remedy="this is a defect: please report it, with the folder",
        )
    tell(f"... and its {len(found)} fills are those of the run without a break, each once.")

    tell("What its strategies saw is in the journal too: algopioneer journal replay")
    _finish(_start(killed, "journal", "replay"), killed)
    tell("... and they decide the same again, byte for byte.")

    tell("Is that what a backtest of the same bars would have done? algopioneer parity")
    _finish(_start(killed, "parity"), killed)
    tell("... yes: every signal, order and fill.")
    *_, last = _reports_in(killed / JOURNAL)
    return Rehearsal(
        folder=killed,
        fills=len(expected),
        fills_before=before,
        order_id=last.entry.body.fill.client_order_id,
    )


def fills_in(journal: Path) -> list[Fill]:
    """
    Return all fills in *journal*, in order; it may be in use.

    Raises:
        JournalError: It cannot be read.
    """
    found: list[Fill] = []
    for stored in _reports_in(journal):
        fill = stored.entry.body.fill
        what = (fill.instrument_id, fill.side, fill.quantity, fill.price, fill.fee)
        found.append((fill.ts_event, stored.entry.strategy, *what))
    return found


def _reports_in(journal: Path) -> list[StoredEntry]:
    with SqliteStorage(journal, read_only=True) as storage:
        events = storage.rows(Query(kinds=(EntryKind.EVENT,)))
        entries = [entry_of(row, where=storage.name) for row in events]
    return [each for each in entries if isinstance(each.entry.body, OrderFilled)]


# --- sessions as a user starts them ----------------------------------------------------------


def _start(folder: Path, *command: str) -> subprocess.Popen[str]:
    words = command or ("run",)
    with (folder / "log.jsonl").open("a") as log:
        return subprocess.Popen(  # noqa: S603 - this very program
            (sys.executable, "-m", "algopioneer_core", *words, "--config", SESSION_FILE),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )


def _finish(process: subprocess.Popen[str], folder: Path) -> None:
    told, _ = process.communicate()
    if process.returncode == ExitCode.DIVERGED:
        raise AlgopioneerError(
            f"the session is not its backtest: {' '.join(told.split())}",
            where=str(folder / JOURNAL),
            remedy="this is a defect: please report it, with the folder",
        )
    if process.returncode:
        raise _failed(folder)


def _failed(folder: Path) -> AlgopioneerError:
    *_, last = (folder / "log.jsonl").read_text("utf-8").splitlines() or ["it said nothing"]
    return AlgopioneerError(f"the session failed: {last}", where=str(folder / SESSION_FILE))


def _kill_in_the_middle(process: subprocess.Popen[str], folder: Path, fills: int) -> int:
    """Kill a session once its journal has so many fills; return how many it has."""
    with process:
        while process.poll() is None:
            if _fills_so_far(folder) >= fills:
                process.kill()
                break
            try:
                process.wait(_LOOK_S)
            except subprocess.TimeoutExpired:
                continue
    if process.returncode == 0:
        raise AlgopioneerError(
            "the session ended before it could be killed",
            where=str(folder),
            remedy="try again when the machine has less to do",
        )
    if process.returncode > 0:
        raise _failed(folder)
    return len(fills_in(folder / JOURNAL))


def _fills_so_far(folder: Path) -> int:
    try:
        return len(fills_in(folder / JOURNAL))
    except JournalError:  # it is not there yet, or only half made
        return 0


# --- the report ------------------------------------------------------------------------------


def print_trades(folder: Path, console: Console | None = None) -> None:
    """Print what each strategy of the session in *folder* made."""
    table = Table("strategy", caption="Each leg of a spread counts as a trade.")
    for name in ("trades", "won", "fees", "gain"):
        table.add_column(name, justify="right")
    trades, won = Counter[str](), Counter[str]()
    fees, gains = dict[str, Decimal](), dict[str, Decimal]()
    with (folder / TRADES).open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            name, gain = row["strategy"], Decimal(row["pnl"])
            trades[name] += 1
            won[name] += gain > 0
            fees[name] = add(fees.get(name, ZERO), Decimal(row["fees"]))
            gains[name] = add(gains.get(name, ZERO), gain)
    for name, count in sorted(trades.items()):
        money = (f"{each[name]:,.{_CENTS}f}" for each in (fees, gains))
        table.add_row(name, str(count), str(won[name]), *money)
    (console or Console()).print(table)
