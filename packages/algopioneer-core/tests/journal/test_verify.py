"""What was done to the file behind the journal's back, and what is found of it."""

import random
import shutil
import sqlite3
from pathlib import Path

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from algopioneer_core.domain.execution_reports import OrderCanceled
from algopioneer_core.journal.chain import genesis, link_hash
from algopioneer_core.journal.entries import Entry, EntryKind
from algopioneer_core.journal.errors import JournalCorrupt, JournalError
from algopioneer_core.journal.journal import open_journal
from algopioneer_core.journal.lock import lock_file
from algopioneer_core.journal.rows import Query, Row
from algopioneer_core.journal.sqlite_storage import SqliteStorage
from algopioneer_core.journal.verify import export, verify

ENTRIES = 60


async def write(path: Path, entries: int = ENTRIES) -> None:
    """Write a journal with snapshots."""
    async with open_journal(path, make_uuid=lambda: "journal") as journal:
        for number in range(1, entries + 1):
            body = OrderCanceled(f"order-{number}", number, "x" * 40)
            journal.append(Entry(EntryKind.EVENT, number, "ma", f"order-{number}", None, body))
            await journal.flush()
        journal.put_snapshot("engine", entries, {"cash": "5"})


async def reopen(path: Path) -> None:
    """Open it as a session does."""
    async with open_journal(path, make_uuid=lambda: "another"):
        pass


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a whole journal, closed; not to be touched."""
    path = tmp_path_factory.mktemp("whole") / "journal.sqlite"
    anyio.run(write, path)
    return path


@pytest.fixture
def path(written: Path, tmp_path: Path) -> Path:
    """Return a copy of it that a test may spoil."""
    return Path(shutil.copy(written, tmp_path / "journal.sqlite"))


def change(path: Path, *statements: str) -> None:
    """Change a journal with SQLite, as a person might."""
    with sqlite3.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def messages(path: Path) -> list[str]:
    """Return what verifying says."""
    return [fault.message for fault in verify(path).faults]


def refused(path: Path) -> str:
    """Return why a session does not start on this journal."""
    with pytest.raises(JournalError) as raised:
        anyio.run(reopen, path)
    return str(raised.value)


def contents(path: Path) -> list[str]:
    """Return the canonical export."""
    with SqliteStorage(path, read_only=True) as storage:
        return list(export(storage))


def test_a_whole_journal_has_no_fault(path: Path) -> None:
    """And says how long it is and what stands for all of it."""
    found = verify(path)
    assert (found.uuid, found.entries, found.faults) == ("journal", ENTRIES, ())
    assert contents(path)[-1] == f'{{"chain_head":"{found.chain_head}"}}'
    assert len(contents(path)) == ENTRIES + 1


def test_a_changed_entry_is_named(path: Path) -> None:
    """Its hash does not fit any more."""
    change(path, "UPDATE entries SET body = replace(body, 'order-', 'order+') WHERE sequence = 7")
    assert messages(path) == ["entry 7 is not what was written"]
    assert "entry 7 is not what was written" in refused(path)


@pytest.mark.parametrize(
    ("condition", "sequence", "message"),
    [
        ("sequence = 7", 7, "entry 7 is missing"),
        ("sequence BETWEEN 7 AND 9", 7, "entries 7 to 9 are missing"),
        ("sequence = 1", 1, "entry 1 is missing"),
        ("sequence > 58", 59, "entries 59 to 60 are missing"),
        ("1", 1, "entries 1 to 60 are missing"),
    ],
)
def test_a_missing_entry_is_named(path: Path, condition: str, sequence: int, message: str) -> None:
    """In the middle, at the beginning or at the end."""
    change(path, f"DELETE FROM entries WHERE {condition}")
    fault = verify(path).faults[0]
    assert (fault.sequence, fault.message) == (sequence, message)
    assert message in refused(path)


def test_an_added_entry_is_found(path: Path) -> None:
    """Even one that is chained well: the heading does not know it."""
    with SqliteStorage(path, read_only=True) as storage:
        last = list(storage.rows(Query()))[-1]
    row = Row(61, 1, "alert", "", "", None, "null", "")
    values = (*row[:-1], link_hash(last.hash, row))
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO entries VALUES (?,?,?,?,?,?,?,?)", values)
    connection.close()
    assert messages(path) == ["the heading says that the last entry is 60"]
    assert "the last entry is 60" in refused(path)


def test_entries_of_another_journal_do_not_fit(path: Path) -> None:
    """The chain begins with the journal's own identity."""
    change(path, "UPDATE heading SET uuid = 'journal-2'")
    assert messages(path)[0] == "entry 1 is not what was written"
    assert genesis("a") != genesis("b")


def test_a_changed_snapshot_is_named(path: Path) -> None:
    """A state that is not what was saved is not restored."""
    change(path, "UPDATE snapshots SET body = '{}'")
    assert messages(path) == ["the snapshot 'engine' of entry 60 is not what was written"]
    change(path, "DELETE FROM snapshots", "DELETE FROM heading")
    assert "heading is missing" in refused(path)


def test_a_snapshot_of_a_missing_entry_is_named(path: Path) -> None:
    """Entries can go missing without their snapshot."""
    with SqliteStorage(path, read_only=True) as storage:
        last = list(storage.rows(Query(until=59)))[-1]
    change(
        path,
        "DELETE FROM entries WHERE sequence = 60",
        f"UPDATE heading SET sequence = 59, hash = '{last.hash}'",
    )
    assert messages(path) == ["the snapshot 'engine' of entry 60 is of an entry that is missing"]


def test_a_body_of_a_newer_version_is_named(path: Path) -> None:
    """It is chained well, and cannot be read here."""

    async def append() -> None:
        async with open_journal(path, make_uuid=lambda: "") as journal:
            journal.append(Entry(EntryKind.ALERT, 1))
            [row] = journal._filling.rows
            changed = row._replace(body='{"$OrderTeleported":{}}')
            before = list(journal.read())[-1].hash
            journal._filling.rows[:] = [changed._replace(hash=link_hash(before, changed))]

    anyio.run(append)
    [message] = messages(path)
    assert "entry 61 cannot be read" in message
    assert "OrderTeleported" in message


@pytest.mark.slow
@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=120)
def test_a_flipped_byte_is_found_wherever_it_says_anything(
    written: Path, tmp_path: Path, data: st.DataObject
) -> None:
    """Whichever byte of the file is changed: it is found, or it was of no meaning to anybody."""
    content = bytearray(written.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    path = tmp_path / "journal.sqlite"
    path.write_bytes(content)
    assert found_or_harmless(path, contents(written))


def found_or_harmless(path: Path, whole: list[str]) -> bool:
    """Tell whether verifying complains, or everything can still be read as it was."""
    try:
        return bool(verify(path).faults) or contents(path) == whole
    except JournalError as error:
        return str(path) in str(error)


def test_a_flipped_byte_in_an_entry_is_named(path: Path) -> None:
    """The sequence of the entry is said."""
    content = path.read_bytes()
    place = content.index(b'"client_order_id":"order-33"') + 22
    path.write_bytes(content[:place] + b"\xff" + content[place + 1 :])
    [fault] = verify(path).faults[:1]
    assert fault.sequence == 33
    assert "damaged" in refused(path)


@pytest.mark.parametrize("kept", [0.0, 0.01, 0.3, 0.9, 0.999])
def test_a_truncated_file_is_refused(path: Path, written: Path, kept: float) -> None:
    """Wherever it was cut off."""
    shutil.copy(lock_file(written), lock_file(path))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(JournalCorrupt, match=r"truncated|empty|damaged|not a journal"):
        verify(path)
    assert str(path) in refused(path)


def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    """Text, another program's database, a folder: each is told apart from a journal."""
    text, other = tmp_path / "notes.txt", tmp_path / "other.sqlite"
    text.write_text("to do: " * 100)
    change(other, "CREATE TABLE orders (id)")
    for path in (text, other):
        before = path.read_bytes()
        with pytest.raises(JournalCorrupt, match="not a journal of algopioneer"):
            verify(path)
        assert "not a journal of algopioneer" in refused(path)
        assert path.read_bytes() == before
    with pytest.raises(JournalError):
        verify(tmp_path)
    with pytest.raises(JournalError, match="no such journal"):
        verify(tmp_path / "nothing.sqlite")


def crashed(written: Path, folder: Path) -> Path:
    """Return a journal whose holder was killed: the entries are in its write-ahead log."""
    path = folder / "crashed.sqlite"

    async def write_and_copy() -> None:
        source = folder / "alive.sqlite"
        async with open_journal(source, make_uuid=lambda: "journal") as journal:
            for number in range(1, 31):
                journal.append(Entry(EntryKind.ALERT, number, body={"n": number}))
                await journal.flush()
            for ending in ("", "-wal", ".lock"):
                shutil.copy(f"{source}{ending}", f"{path}{ending}")

    anyio.run(write_and_copy)
    return path


def test_after_a_kill_everything_durable_is_there(written: Path, tmp_path: Path) -> None:
    """The write-ahead log has it."""
    path = crashed(written, tmp_path)
    assert verify(path).entries == 30
    anyio.run(reopen, path)


@pytest.mark.parametrize("seed", range(8))
def test_a_torn_write_leaves_whole_commits(written: Path, tmp_path: Path, seed: int) -> None:
    """A log cut anywhere gives a prefix of the journal; that durable entries went is said."""
    rng = random.Random(seed)
    path = crashed(written, tmp_path)
    log = path.with_name(f"{path.name}-wal")
    whole = log.read_bytes()
    cut = rng.randrange(int(len(whole) * 0.5), len(whole) - 1)
    log.write_bytes(whole[:cut] + rng.randbytes(rng.randrange(2000)))
    found = verify(path)
    assert found.entries < 30
    [fault] = found.faults
    assert fault.message.startswith(f"entry 30 was durable and entry {found.entries} is the last")
    assert "entry 30 was durable" in refused(path)
    lock_file(path).unlink()  # a power cut took what was not synced: no mark, nothing is missed
    assert verify(path).faults == ()
    anyio.run(reopen, path)


def test_a_removed_log_is_found(written: Path, tmp_path: Path) -> None:
    """A journal that was moved without its log has lost its end."""
    path = crashed(written, tmp_path)
    path.with_name(f"{path.name}-wal").unlink()
    with pytest.raises(JournalCorrupt, match="empty"):
        verify(path)
    assert "nothing of it is there, and something was" in refused(path)


def test_a_journal_that_is_being_written_can_be_verified(tmp_path: Path) -> None:
    """Readers need no lock and see whole commits."""
    path = tmp_path / "journal.sqlite"

    async def write_and_look() -> None:
        async with open_journal(path, make_uuid=lambda: "journal") as journal:
            for number in (1, 2):
                await journal.durable(journal.append(Entry(EntryKind.ALERT, number)))
                found = await anyio.to_thread.run_sync(verify, path)
                assert (found.entries, found.faults) == (number, ())

    anyio.run(write_and_look)


def test_an_empty_file_is_no_journal_yet(tmp_path: Path) -> None:
    """A session begins one there; until then there is nothing to verify."""
    path = tmp_path / "journal.sqlite"
    path.touch()
    with pytest.raises(JournalCorrupt, match="no session has begun it"):
        verify(path)
    anyio.run(reopen, path)
    assert verify(path).entries == 0
