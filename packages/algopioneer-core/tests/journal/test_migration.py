"""A journal of today in the hands of programs that write one and two versions later."""

import contextlib
import sqlite3
from decimal import Decimal
from pathlib import Path

import anyio
import pytest

from algopioneer_core.domain.execution_reports import OrderCanceled
from algopioneer_core.domain.positions import Position
from algopioneer_core.journal.entries import Entry, EntryKind
from algopioneer_core.journal.errors import JournalCorrupt, JournalError
from algopioneer_core.journal.journal import Journal, open_journal, open_journal_on
from algopioneer_core.journal.schema import SCHEMA, Migration, Schema
from algopioneer_core.journal.sqlite_storage import SqliteStorage
from algopioneer_core.journal.verify import verify
from algopioneer_core.testing.domain import BITCOIN


def rename_field(connection: sqlite3.Connection) -> None:
    """Today the venue's reason is called `reason`, say."""
    connection.execute("UPDATE entries SET body = replace(body, '\"reason\":', '\"message\":')")


def add_column(connection: sqlite3.Connection) -> None:
    """The last version has one more table."""
    connection.execute("CREATE TABLE notes (text TEXT NOT NULL) STRICT")


NOW = SCHEMA.version
SECOND = Schema(NOW + 1, (Migration(NOW, rename_field),))
THIRD = Schema(NOW + 2, (*SECOND.migrations, Migration(NOW + 1, add_column)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a journal of today, as its program wrote it."""
    path = tmp_path / "journal.sqlite"

    async def write() -> None:
        async with open_journal(path, make_uuid=lambda: "journal") as journal:
            journal.append(Entry(EntryKind.SESSION, 1, body={"nonce": "a"}))
            journal.append(Entry(EntryKind.EVENT, 2, "ma", "x", 1, {"reason": "old words"}))
            journal.put_snapshot("engine", 2, {"cash": "5"})

    anyio.run(write)
    return path


def entries(path: Path, schema: Schema) -> list[Entry]:
    """Open it with a program that writes *schema*, and return what it reads."""
    found: list[Entry] = []

    async def read() -> None:
        storage = SqliteStorage(path, schema=schema)
        async with open_journal_on(storage, make_uuid=lambda: "") as journal:
            found.extend(each.entry for each in journal.read())
            assert journal.latest_snapshot("engine") == (2, {"cash": "5"})

    anyio.run(read)
    return found


@pytest.mark.parametrize("schema", [SECOND, THIRD])
def test_an_older_journal_is_brought_up_to_date(path: Path, schema: Schema) -> None:
    """Step by step, chained anew, with a copy of how it was."""
    before = verify(path)
    assert entries(path, schema)[1].body == {"message": "old words"}
    assert entries(path, schema)[1].cause == 1
    copy = verify(path.with_name(f"journal.sqlite.v{NOW}"))
    assert (copy.chain_head, copy.faults) == (before.chain_head, ())


def test_a_damaged_journal_is_not_migrated(path: Path) -> None:
    """Its damage would be sealed."""
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE entries SET ts_ns = 5 WHERE sequence = 2")
    with pytest.raises(JournalCorrupt, match="entry 2 is not what was written"):
        SqliteStorage(path, schema=SECOND)
    assert [fault.sequence for fault in verify(path).faults] == [2]
    assert not path.with_name(f"journal.sqlite.v{NOW}").exists()


def test_a_step_that_fails_changes_nothing(path: Path) -> None:
    """The file is wholly old or wholly new."""

    def fail(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM entries")
        raise sqlite3.OperationalError("database or disk is full")

    with pytest.raises(JournalError, match="disk is full"):
        SqliteStorage(path, schema=Schema(NOW + 1, (Migration(NOW, fail),)))
    assert verify(path).faults == ()
    with pytest.raises(JournalError, match="in the way"):
        SqliteStorage(path, schema=SECOND)


def test_what_cannot_be_read_here_says_what_to_do(path: Path) -> None:
    """A newer file, an older one that is only looked at, and one that nothing leads on from."""
    with pytest.raises(JournalError, match="start a session with it once"):
        SqliteStorage(path, read_only=True, schema=SECOND)
    with pytest.raises(JournalError, match=f"nothing leads from schema version {NOW} on"):
        SqliteStorage(path, schema=Schema(NOW + 2, THIRD.migrations[1:]))
    SqliteStorage(path, schema=THIRD).close()
    with pytest.raises(
        JournalCorrupt, match=f"has schema version {NOW + 2}, and this program knows {NOW}"
    ):
        verify(path)


def test_a_field_that_came_with_a_default_needs_no_migration(tmp_path: Path) -> None:
    """A class of the domain may grow."""
    path = tmp_path / "young.sqlite"

    async def write_and_read() -> None:
        async with open_journal(path, make_uuid=lambda: "") as journal:
            journal.append(Entry(EntryKind.EVENT, 1, body=OrderCanceled("a", 1)))
            await journal.flush()
            assert isinstance(journal, Journal)
            [stored] = journal.read()
            assert stored.entry.body == OrderCanceled("a", 1)

    anyio.run(write_and_read)


def test_paper_accounts_of_version_1_are_put_in_pages(tmp_path: Path) -> None:
    """In a live session and in a replayed one; what is no paper account stays as it is."""
    path = tmp_path / "old.sqlite"
    position = Position(BITCOIN, Decimal("0.5"), Decimal(50), other_fees=(("BTC", Decimal("0.1")),))
    account = {"balances": {"USD": Decimal(5)}, "positions": {str(BITCOIN.id): position}}
    exchange = {"account": account, "ended": ["an order"], "fills": ["a fill"], "now_ns": 7}
    states = {
        "venue:paper": {"exchange": exchange, "shadow": None},
        "venue:other": {"place": 3},
        "session": {"events": 2, "venue": {"exchange": exchange, "shadow": {"place": 3}}},
        "account:paper": {"foreign": {}},
    }

    async def write_and_read() -> None:
        storage = SqliteStorage(path, create=True, schema=Schema(1))
        async with open_journal_on(storage, make_uuid=lambda: "journal") as journal:
            journal.append(Entry(EntryKind.SESSION, 1))
            for name, state in states.items():
                journal.put_snapshot(name, 1, state)
        async with open_journal(path, make_uuid=lambda: "") as journal:
            found = {name: journal.latest_snapshot(name) for name in journal.snapshot_names()}
        sums = [["0.5", "50", "0", "0", [["BTC", "0.1"]]]]
        moved = {
            "account": account | {"positions": dict(zip([str(BITCOIN.id)], sums, strict=True))},
            "now_ns": 7,
        }
        pages = {"ended/0": ["an order"], "fills/0": ["a fill"]}
        shadowed = {"exchange": moved, "shadow": {"place": 3}, "pages": pages}
        assert found == {
            "venue:paper": (1, {"exchange": moved, "shadow": None}),
            "venue:paper/ended/0": (1, ["an order"]),
            "venue:paper/fills/0": (1, ["a fill"]),
            "venue:other": (1, states["venue:other"]),
            "session": (1, {"events": 2, "venue": shadowed}),
            "account:paper": (1, states["account:paper"]),
        }

    anyio.run(write_and_read)
    assert verify(path).faults == ()
