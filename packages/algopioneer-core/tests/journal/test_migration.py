"""A journal of version 1 in the hands of programs that write version 2 and 3."""

import contextlib
import sqlite3
from pathlib import Path

import anyio
import pytest

from algopioneer_core.domain.execution_reports import OrderCanceled
from algopioneer_core.journal.entries import Entry, EntryKind
from algopioneer_core.journal.errors import JournalCorrupt, JournalError
from algopioneer_core.journal.journal import Journal, open_journal, open_journal_on
from algopioneer_core.journal.schema import Migration, Schema
from algopioneer_core.journal.sqlite_storage import SqliteStorage
from algopioneer_core.journal.verify import verify


def rename_field(connection: sqlite3.Connection) -> None:
    """Version 1 called the venue's reason `reason`."""
    connection.execute("UPDATE entries SET body = replace(body, '\"reason\":', '\"message\":')")


def add_column(connection: sqlite3.Connection) -> None:
    """Version 3 has one more table."""
    connection.execute("CREATE TABLE notes (text TEXT NOT NULL) STRICT")


SECOND = Schema(2, (Migration(1, rename_field),))
THIRD = Schema(3, (*SECOND.migrations, Migration(2, add_column)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a journal of version 1, as its program wrote it."""
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
    copy = verify(path.with_name("journal.sqlite.v1"))
    assert (copy.chain_head, copy.faults) == (before.chain_head, ())


def test_a_damaged_journal_is_not_migrated(path: Path) -> None:
    """Its damage would be sealed."""
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE entries SET ts_ns = 5 WHERE sequence = 2")
    with pytest.raises(JournalCorrupt, match="entry 2 is not what was written"):
        SqliteStorage(path, schema=SECOND)
    assert [fault.sequence for fault in verify(path).faults] == [2]
    assert not path.with_name("journal.sqlite.v1").exists()


def test_a_step_that_fails_changes_nothing(path: Path) -> None:
    """The file is wholly old or wholly new."""

    def fail(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM entries")
        raise sqlite3.OperationalError("database or disk is full")

    with pytest.raises(JournalError, match="disk is full"):
        SqliteStorage(path, schema=Schema(2, (Migration(1, fail),)))
    assert verify(path).faults == ()
    with pytest.raises(JournalError, match="in the way"):
        SqliteStorage(path, schema=SECOND)


def test_what_cannot_be_read_here_says_what_to_do(path: Path) -> None:
    """A newer file, an older one that is only looked at, and one that nothing leads on from."""
    with pytest.raises(JournalError, match="start a session with it once"):
        SqliteStorage(path, read_only=True, schema=SECOND)
    with pytest.raises(JournalError, match="nothing leads from schema version 1 on"):
        SqliteStorage(path, schema=Schema(3, THIRD.migrations[1:]))
    SqliteStorage(path, schema=THIRD).close()
    with pytest.raises(JournalCorrupt, match="has schema version 3, and this program knows 1"):
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
