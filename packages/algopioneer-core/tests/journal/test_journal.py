import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from algopioneer_core.domain.execution_reports import OrderCanceled
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.orders import Order, OrderIntent
from algopioneer_core.journal.entries import Entry, EntryKind
from algopioneer_core.journal.errors import (
    CodecError,
    JournalCorrupt,
    JournalDiverged,
    JournalError,
    JournalFailed,
    JournalLocked,
)
from algopioneer_core.journal.journal import Journal, open_journal, open_journal_on
from algopioneer_core.journal.lock import holder_of
from algopioneer_core.journal.rows import Heading, Row, SnapshotRow, StorageFailed
from algopioneer_core.journal.sqlite_storage import SqliteStorage

pytestmark = pytest.mark.anyio

MakeUuid = Callable[[], str]


@pytest.fixture(params=["trio", "asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Run every test on both event loops."""
    backend: str = request.param
    return backend


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the journal is to be."""
    return tmp_path / "journal.sqlite"


@pytest.fixture
def open_here(path: Path, make_uuid: MakeUuid) -> Callable[[], Any]:
    """Return what opens the journal of this test."""
    return lambda: open_journal(path, make_uuid=make_uuid)


Opener = Callable[[], contextlib.AbstractAsyncContextManager[Journal]]


def intent(number: int) -> Entry:
    """Return the intent of the order *number*."""
    wish = OrderIntent(
        instrument_id=InstrumentId("sim", "BTC-USD"), side=Side.BUY, quantity=Decimal("1.5")
    )
    order = Order(f"order-{number}", wish, number)
    return Entry(EntryKind.INTENT, number, "ma", order.client_order_id, None, order)


class SlowStorage(SqliteStorage):
    """A storage that counts its commits and waits inside each until it may go on."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, create=True)
        self.batches: list[int] = []

    def commit(
        self, rows: Sequence[Row], snapshots: Sequence[SnapshotRow], dropped: Sequence[str] = ()
    ) -> None:
        """Commit as usual and note how many rows there were."""
        self.batches.append(len(rows))
        super().commit(rows, snapshots, dropped)


class FullStorage(SqliteStorage):
    """A disk that is full after a number of commits."""

    room = 1

    def commit(
        self, rows: Sequence[Row], snapshots: Sequence[SnapshotRow], dropped: Sequence[str] = ()
    ) -> None:
        """Commit while there is room."""
        if self.room == 0:
            raise StorageFailed("database or disk is full")
        self.room -= 1
        super().commit(rows, snapshots, dropped)


async def test_what_is_durable_is_there_after_a_restart(open_here: Opener) -> None:
    """Entries come back as they were, in their order, with their causes."""
    async with open_here() as journal:
        first = journal.append(intent(1))
        cancelled = OrderCanceled("order-1", 2)
        second = journal.append(Entry(EntryKind.EVENT, 2, "ma", "order-1", first, cancelled))
        await journal.durable(second)
        head = journal.chain_head
    async with open_here() as journal:
        stored = list(journal.read())
        assert [each.sequence for each in stored] == [1, 2]
        assert stored[0].entry == intent(1)
        assert (stored[1].entry.body, stored[1].entry.cause) == (cancelled, 1)
        assert (journal.uuid, journal.last_sequence) == ("journal-1", 2)
        assert journal.chain_head == stored[1].hash == head


async def test_entries_are_found_by_what_they_are(open_here: Opener) -> None:
    """Kind, strategy, key and range narrow a reading down."""
    async with open_here() as journal:
        for number in range(1, 6):
            journal.append(intent(number))
        journal.append(Entry(EntryKind.ALERT, 9, "pairs", "order-2", None, {"text": "late"}))
        await journal.flush()

        def found(**wanted: Any) -> list[int]:
            return [each.sequence for each in journal.read(**wanted)]

        assert found(after=2, until=4) == [3, 4]
        assert found(key="order-2") == [2, 6]
        assert found(key="order-2", strategy="ma") == [2]
        assert found(kinds=[EntryKind.ALERT, EntryKind.TRADE]) == [6]


async def test_an_order_is_found_before_it_is_durable(open_here: Opener) -> None:
    """A late report asks for it; what is queued is known as well as what is stored."""
    async with open_here() as journal:
        await journal.durable(journal.append(intent(1)))
        journal.append(intent(2))
        journal.append(Entry(EntryKind.CANCEL, 3, "ma", "order-1", 1))
        found = journal.entries_of_order("order-1")
        assert [each.sequence for each in found] == [1, 3]
        assert [each.sequence for each in journal.entries_of_order("order-2")] == [2]
        assert journal.entries_of_order("order-3") == []


async def test_an_order_has_no_future_while_a_tail_is_derived_again(open_here: Opener) -> None:
    """What became of it later is in the file, and has not happened yet."""
    async with open_here() as journal:
        journal.append(intent(1))
        await journal.durable(journal.append(Entry(EntryKind.CANCEL, 3, "ma", "order-1", 1)))
    async with open_here() as journal:
        journal.expect_tail(0)
        assert journal.entries_of_order("order-1") == []
        journal.append(intent(1))
        assert [each.sequence for each in journal.entries_of_order("order-1")] == [1]
        journal.append(Entry(EntryKind.CANCEL, 3, "ma", "order-1", 1))
        assert [each.sequence for each in journal.entries_of_order("order-1")] == [1, 2]


async def test_snapshots_are_dropped_with_the_commit_that_needs_them_no_more(
    open_here: Opener,
) -> None:
    """Both versions of the name, and no other's; one that is put again afterwards is there."""
    async with open_here() as journal:
        for number in (1, 2):
            journal.append(intent(number))
            for name in ("page/1", "page/2", "rest"):
                journal.put_snapshot(name, number, number)
            await journal.flush()
        journal.drop_snapshot("page/1")
        assert journal.snapshot_names("page/") == ["page/1", "page/2"]
        await journal.flush()
        assert journal.snapshot_names("page/") == ["page/2"]
        assert journal.snapshot_names() == ["page/2", "rest"]
        journal.drop_snapshot("page/2")
        journal.put_snapshot("page/2", 2, "anew")
    async with open_here() as journal:
        assert journal.latest_snapshot("page/2") == (2, "anew")
        assert journal.latest_snapshot("page/1") is None


async def test_one_sync_serves_everybody_who_waits(path: Path, make_uuid: MakeUuid) -> None:
    """While one commit is on its way, everybody else's entries gather for the next."""
    storage = SlowStorage(path)
    async with open_journal_on(storage, make_uuid=make_uuid) as journal:

        async def trade(number: int) -> None:
            await journal.durable(journal.append(intent(number)))

        async with anyio.create_task_group() as tasks:
            for number in range(40):
                tasks.start_soon(trade, number)
    assert sum(storage.batches) == 40
    assert len(storage.batches) <= 3


async def test_a_cancelled_wait_loses_nothing(path: Path, open_here: Opener) -> None:
    """Who stops waiting leaves the entry where it is: it goes with the next commit."""
    async with open_here() as journal:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await journal.durable(journal.append(intent(1)))
        await journal.durable(journal.append(intent(2)))
        assert [each.sequence for each in journal.read()] == [1, 2]


async def test_leaving_writes_what_is_queued(open_here: Opener) -> None:
    """Even a cancelled session leaves a whole journal behind."""
    with anyio.CancelScope() as scope:
        async with open_here() as journal:
            journal.append(intent(1))
            scope.cancel()
            await anyio.sleep_forever()
    async with open_here() as journal:
        assert journal.last_sequence == 1


async def test_flush_waits_for_a_commit_on_its_way(open_here: Opener) -> None:
    """It is not content with an empty queue."""
    async with open_here() as journal:
        await journal.flush()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(journal.durable, journal.append(intent(1)))
            await anyio.lowlevel.checkpoint()
            await journal.flush()
            assert len(list(journal.read())) == 1


async def test_snapshots_commit_with_the_entries_before_them(open_here: Opener) -> None:
    """The latest one is found after a restart, and of each name two are kept."""
    async with open_here() as journal:
        assert journal.latest_snapshot("engine") is None
        for number in range(1, 5):
            journal.put_snapshot(
                "engine", journal.append(intent(number)), {"cash": Decimal(number)}
            )
            journal.put_snapshot("feed", number, [number])
            await journal.flush()
    async with open_here() as journal:
        assert journal.latest_snapshot("engine") == (4, {"cash": Decimal(4)})
        assert journal.latest_snapshot("feed") == (4, [4])
        kept = [(row.name, row.sequence) for row in journal._storage.snapshots()]
        assert kept == [("engine", 4), ("engine", 3), ("feed", 4), ("feed", 3)]
        with pytest.raises(JournalError, match="no entry 9"):
            journal.put_snapshot("engine", 9, {})


async def test_a_full_disk_is_told_to_everybody_and_ends_all_writing(
    path: Path, make_uuid: MakeUuid
) -> None:
    """Who waits hears of it, whoever comes later is refused, and what was durable stays."""
    heard: list[str] = []
    async with open_journal_on(FullStorage(path, create=True), make_uuid=make_uuid) as journal:
        await journal.durable(journal.append(intent(1)))

        async def trade(number: int) -> None:
            try:
                await journal.durable(journal.append(intent(number)))
            except JournalFailed as error:
                heard.append(str(error))

        async with anyio.create_task_group() as tasks:
            for number in (2, 3, 4):
                tasks.start_soon(trade, number)
        with pytest.raises(JournalFailed, match="start again"):
            journal.append(intent(5))
        with pytest.raises(JournalFailed, match="start again"):
            journal.put_snapshot("engine", 1, {})
    assert len(heard) == 3
    async with open_journal(path, make_uuid=make_uuid) as journal:
        assert [each.entry.key for each in journal.read()] == ["order-1"]


async def test_sqlite_itself_running_out_of_room_is_told(path: Path, make_uuid: MakeUuid) -> None:
    """The half of a commit that found room is taken back: what is there is whole."""
    storage = SqliteStorage(path, create=True)
    async with open_journal_on(storage, make_uuid=make_uuid) as journal:
        await journal.durable(journal.append(intent(1)))
        storage._writer.execute("PRAGMA max_page_count = 12")
        with pytest.raises(JournalFailed, match="full"):
            await journal.durable([journal.append(intent(number)) for number in range(2, 200)][-1])
    async with open_journal(path, make_uuid=make_uuid) as journal:
        assert [each.entry.key for each in journal.read()] == ["order-1"]


async def test_what_was_said_to_be_durable_survives_a_kill(path: Path, make_uuid: MakeUuid) -> None:
    """A process that is killed leaves nothing to clean up, and every promise kept."""
    program = (
        "import anyio, sys\n"
        "from algopioneer_core.journal.entries import Entry, EntryKind\n"
        "from algopioneer_core.journal.journal import open_journal\n"
        "async def main():\n"
        "    async with open_journal(sys.argv[1], make_uuid=lambda: 'journal') as journal:\n"
        "        while True:\n"
        "            sequence = journal.append(Entry(EntryKind.ALERT, 1))\n"
        "            await journal.durable(sequence)\n"
        "            print(sequence, flush=True)\n"
        "anyio.run(main)\n"
    )
    promised = b""
    async with await anyio.open_process([sys.executable, "-c", program, str(path)]) as process:
        assert process.stdout is not None
        while promised.count(b"\n") < 20:
            promised += await process.stdout.receive()
        process.kill()
    last = int(promised.rpartition(b"\n")[0].split()[-1])
    async with open_journal(path, make_uuid=make_uuid) as journal:
        assert journal.last_sequence >= last
        assert [each.sequence for each in journal.read()] == [*range(1, journal.last_sequence + 1)]


async def test_a_disk_that_refuses_the_last_commit_is_told_on_leaving(
    path: Path, make_uuid: MakeUuid
) -> None:
    """A session does not end well when what it queued could not be written."""
    opened = open_journal_on(FullStorage(path, create=True), make_uuid=make_uuid)
    journal = await opened.__aenter__()
    await journal.durable(journal.append(intent(1)))
    journal.append(intent(2))
    with pytest.raises(JournalFailed, match="disk is full"):
        await opened.__aexit__(None, None, None)


async def test_a_bug_in_a_commit_ends_all_writing_too(path: Path, make_uuid: MakeUuid) -> None:
    """Whatever a commit raised, nobody goes on as if it had been made."""

    class Broken(SqliteStorage):
        def commit(self, *_: object) -> None:
            raise ZeroDivisionError("a bug")

    async with open_journal_on(Broken(path, create=True), make_uuid=make_uuid) as journal:
        with pytest.raises(ZeroDivisionError):
            await journal.durable(journal.append(intent(1)))
        with pytest.raises(JournalFailed, match="a bug"):
            journal.append(intent(2))


async def test_a_disk_that_is_full_at_the_start_is_told(path: Path, make_uuid: MakeUuid) -> None:
    """A journal that cannot be begun is not opened."""

    class Full(SqliteStorage):
        def begin(self, heading: Heading) -> None:
            raise StorageFailed("database or disk is full")

    with pytest.raises(JournalFailed, match="cannot be begun"):
        async with open_journal_on(Full(path, create=True), make_uuid=make_uuid):
            pass


async def test_what_cannot_be_written_is_refused_where_it_is_appended(open_here: Opener) -> None:
    """A body without a text takes no place in the chain, nor does a key of two lines."""
    async with open_here() as journal:
        with pytest.raises(CodecError, match="object"):
            journal.append(Entry(EntryKind.ALERT, 1, body=object()))
        with pytest.raises(JournalError, match="line feed"):
            journal.append(Entry(EntryKind.ALERT, 1, key="a\nb"))
        with pytest.raises(JournalError, match="no Unicode text"):
            journal.append(Entry(EntryKind.ALERT, 1, key="\ud800"))
        with pytest.raises(JournalError, match="no entry 1 to wait for"):
            await journal.durable(1)
        assert journal.append(intent(1)) == 1


async def test_a_second_opener_is_told_who_holds_it(path: Path, open_here: Opener) -> None:
    """One process for each journal: the other one names the first."""
    program = (
        "import sys\nfrom pathlib import Path\n"
        "from algopioneer_core.journal.errors import JournalLocked\n"
        "from algopioneer_core.journal.lock import hold\n"
        "try:\n    hold(Path(sys.argv[1])).__enter__()\n"
        "except JournalLocked as error:\n    print(error)\n"
    )
    async with open_here() as journal:
        journal.append(intent(1))
        holder = holder_of(path)
        with pytest.raises(JournalLocked, match="is held by process"):
            await open_here().__aenter__()
        arguments = [sys.executable, "-c", program, str(path)]
        done = await anyio.run_process(arguments, stderr=subprocess.STDOUT)
        assert f"is held by {holder}" in done.stdout.decode()
    assert holder_of(path) is None
    async with open_here() as journal:
        assert journal.last_sequence == 1


async def test_a_journal_that_is_not_there_is_named(path: Path, make_uuid: MakeUuid) -> None:
    """Where nothing may be created, nothing is."""
    with pytest.raises(JournalError, match="no such journal"):
        async with open_journal(path, make_uuid=make_uuid, create=False):
            pass
    assert list(path.parent.glob("*.sqlite")) == []


# --- deriving again ---------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def with_tail(open_here: Opener, *entries: Entry) -> AsyncIterator[Journal]:
    """Open a journal that holds *entries* and expects all of them again."""
    async with open_here() as journal:
        for entry in entries:
            journal.append(entry)
    async with open_here() as journal:
        journal.expect_tail(0)
        yield journal


SESSION = Entry(EntryKind.SESSION, 0, body={"nonce": "a"})
RESTARTED = Entry(EntryKind.SESSION, 0, body={"nonce": "b"})
ALERT = Entry(EntryKind.ALERT, 2, body={"text": "look"})


async def test_entries_derived_again_are_not_written_again(open_here: Opener) -> None:
    """They have the places they had; what comes after the tail is appended behind it."""
    async with with_tail(open_here, intent(1), intent(2)) as journal:
        head = journal.chain_head
        assert (journal.matching, journal.last_sequence) == (True, 0)
        assert journal.append(intent(1)) == 1
        assert journal.last_sequence == 1
        assert journal.expected is not None
        assert journal.expected.entry == intent(2)
        assert journal.append(intent(2)) == 2
        assert (journal.matching, journal.chain_head) == (False, head)
        assert journal.append(intent(3)) == 3
        await journal.durable(3)
        assert [each.entry for each in journal.read()] == [intent(1), intent(2), intent(3)]


async def test_a_difference_shows_both_rows(open_here: Opener) -> None:
    """What was derived otherwise than before is never written."""
    async with with_tail(open_here, intent(1), intent(2)) as journal:
        journal.append(intent(1))
        with pytest.raises(JournalDiverged, match="entry 2") as raised:
            journal.append(intent(3))
        assert "order-2" in raised.value.stored
        assert "order-3" in raised.value.derived
        assert journal.append(intent(2)) == 2


async def test_milestones_and_alerts_are_not_derived_from_the_feed(open_here: Opener) -> None:
    """Old ones are passed over, repeated ones are matched, new ones go to the end."""
    async with with_tail(open_here, SESSION, intent(1), ALERT, intent(2), SESSION) as journal:
        assert journal.append(RESTARTED) == 6
        assert journal.append(intent(1)) == 2
        assert journal.append(ALERT) == 3
        assert journal.append(intent(2)) == 4
        assert not journal.matching
        assert journal.append(intent(3)) == 7
    async with open_here() as journal:
        keys = [each.entry.key for each in journal.read()]
        assert keys == ["", "order-1", "", "order-2", "", "", "order-3"]


async def test_a_tail_is_expected_before_anything_is_queued(open_here: Opener) -> None:
    """A journal with entries on their way has no stored tail yet."""
    async with open_here() as journal:
        journal.append(intent(1))
        with pytest.raises(JournalError, match="before anything is appended"):
            journal.expect_tail(0)


async def test_a_spoilt_snapshot_is_refused(open_here: Opener) -> None:
    """A state that is not what was saved is never restored."""
    async with open_here() as journal:
        journal.put_snapshot("engine", 0, {"cash": 5})
        await journal.flush()
        storage = journal._storage
        assert isinstance(storage, SqliteStorage)
        storage._writer.execute("UPDATE snapshots SET body = '{}'")
        with pytest.raises(JournalCorrupt, match="snapshot 'engine' of entry 0"):
            journal.latest_snapshot("engine")
