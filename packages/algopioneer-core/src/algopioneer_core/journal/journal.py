"""
The journal: append at once, wait for the disk once for all.

`append` gives an entry its place in the chain and queues it; it never waits. `durable` waits until
it is on the disk. Whoever asks first writes everything that is queued, in one transaction with one
sync; whatever is appended meanwhile goes into the next. So the more strategies write at a time,
the less each of them waits, and no task of the journal's own has to be looked after.
"""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import anyio
import anyio.lowlevel
import anyio.to_thread
from attrs import define, field

from algopioneer_core.journal.chain import link, snapshot_hash
from algopioneer_core.journal.codec import decode, encode
from algopioneer_core.journal.entries import Entry, EntryKind, StoredEntry
from algopioneer_core.journal.errors import JournalError, JournalFailed
from algopioneer_core.journal.lock import hold
from algopioneer_core.journal.opening import checked_heading, corrupt, open_held
from algopioneer_core.journal.rows import (
    Heading,
    Query,
    Row,
    SnapshotRow,
    Storage,
    StorageFailed,
    entry_of,
)
from algopioneer_core.journal.tail import FREE, Tail
from algopioneer_core.ports import RunBlocking

__all__ = ["Journal", "open_journal", "open_journal_on"]

_T = TypeVar("_T")


@define(eq=False)
class _Batch:
    """What one commit writes."""

    rows: list[Row] = field(factory=list)
    snapshots: dict[str, SnapshotRow | None] = field(factory=dict)
    """By name; None for those that are dropped."""
    written: bool = False

    def parts(self) -> tuple[list[Row], list[SnapshotRow], list[str]]:
        """Return rows, snapshots, and the names of those to drop."""
        kept = [row for row in self.snapshots.values() if row is not None]
        return self.rows, kept, [name for name, row in self.snapshots.items() if row is None]


class Journal:
    """
    An open journal, held by this process; made by `open_journal`.

    Its methods belong to one thread, that of the event loop.
    """

    def __init__(self, storage: Storage, heading: Heading, run_blocking: RunBlocking) -> None:
        self.uuid: Final = heading.uuid
        """What this journal is called in all its order ids."""
        self._storage = storage
        self._run_blocking = run_blocking
        self._end = heading.sequence
        self._committed = heading.sequence
        self._chain_head = heading.hash
        self._tail: Tail | None = None
        self._position = 0
        self._filling = _Batch()
        self._writing: tuple[_Batch, anyio.Event] | None = None
        self._failure: BaseException | None = None
        self.before_commit: Callable[[], Awaitable[None]] | None = None
        """Awaited before each commit: what it puts last is in one transaction with all rows."""

    # --- writing -----------------------------------------------------------------------------

    @property
    def last_sequence(self) -> int:
        """Sequence of the entry that was appended last; while a tail is matched: matched last."""
        return self._position if self.matching else self._end

    @property
    def committed(self) -> int:
        """Sequence of the last entry that is on the disk: what `read` can give."""
        return self._committed

    @property
    def has_queued(self) -> bool:
        """Whether something waits for the next commit."""
        return bool(self._filling.rows or self._filling.snapshots)

    @property
    def problem(self) -> str:
        """Why it takes no more entries; empty while it does."""
        return "" if self._failure is None else f"cannot be written: {self._failure}"

    @property
    def chain_head(self) -> str:
        """Hash of the last entry, which stands for all of them."""
        return self._chain_head

    def append(self, entry: Entry) -> int:
        """
        Give *entry* the next place and queue it; return its sequence.

        It is durable only after `durable`. While a tail is matched, the place is that of the stored
        row.

        Raises:
            JournalFailed: The disk refused an earlier commit.
            CodecError: The body has no canonical text; nothing was appended.
            JournalDiverged: The stored tail has another row here; nothing was appended.
        """
        self._refuse_after_failure()
        body = encode(entry.body)
        stored = self._tail.match(entry, body) if self._tail is not None else None
        if stored is not None:
            self._position = stored.sequence
            return stored.sequence
        row = link(self._chain_head, self._end + 1, entry, body)
        self._end, self._chain_head = row.sequence, row.hash
        self._filling.rows.append(row)
        return row.sequence

    def put_snapshot(self, name: str, sequence: int, state: object) -> None:
        """
        Queue the state of *name* with the effects of all entries up to *sequence*.

        It is committed in one transaction with everything else that is queued at that time. The
        latest two of each name are kept.

        Raises:
            JournalFailed: The disk refused an earlier commit.
            CodecError: The state has no canonical text.
            JournalError: There is no such entry yet.
        """
        self._refuse_after_failure()
        if not 0 <= sequence <= self._end:
            raise JournalError(f"there is no entry {sequence} to take a snapshot of")
        body = encode(state)
        row = SnapshotRow(name, sequence, body, snapshot_hash(self.uuid, name, sequence, body))
        self._filling.snapshots[name] = row

    def drop_snapshot(self, name: str) -> None:
        """
        Let go of all snapshots of *name*, in one transaction with everything else that is queued.

        Raises:
            JournalFailed: The disk refused an earlier commit.
        """
        self._refuse_after_failure()
        self._filling.snapshots[name] = None

    async def durable(self, sequence: int) -> None:
        """
        Wait until the entry *sequence*, and all before it, are on the disk.

        A cancellation waits for a commit that this call has begun, and leaves the queue as it is:
        what is not written yet goes with the next commit.

        Raises:
            JournalFailed: The disk refused; whether the entry is there is found by reading.
            JournalError: There is no such entry.
        """
        if sequence > self._end:
            raise JournalError(f"there is no entry {sequence} to wait for")
        while self._committed < sequence:
            await self._commit_or_wait()

    async def flush(self) -> None:
        """
        Wait until everything that was appended or put before this call is on the disk.

        Raises:
            JournalFailed: The disk refused.
        """
        batch = self._filling
        if not self.has_queued:
            if self._writing is None:
                return
            batch = self._writing[0]
        while not batch.written:
            await self._commit_or_wait()

    async def _commit_or_wait(self) -> None:
        self._refuse_after_failure()
        if self._writing is None:
            # Whoever can run appends first: else one entry goes alone, and the others wait for it.
            await anyio.lowlevel.checkpoint()
        if self._writing is not None:
            await self._writing[1].wait()
        elif self.has_queued:
            await self._commit()

    async def _commit(self) -> None:
        batch, done = self._filling, anyio.Event()
        self._writing = batch, done
        try:
            with anyio.CancelScope(shield=True):
                if self.before_commit is not None:
                    await self.before_commit()
                self._filling = _Batch()
                await self._run_blocking(self._storage.commit, *batch.parts())
            batch.written = True
            if batch.rows:
                self._committed = batch.rows[-1].sequence
        except StorageFailed as error:
            self._failure = error
        except BaseException as error:
            self._failure = error
            raise
        finally:
            self._writing = None
            done.set()
        self._refuse_after_failure()

    def _refuse_after_failure(self) -> None:
        if self._failure is not None:
            raise JournalFailed(
                f"cannot be written: {self._failure}",
                where=self._storage.name,
                remedy="make room on the disk or mend it, then start again",
            ) from self._failure

    async def close(self) -> None:
        """
        Write what is queued and let go of the disk; shielded from cancellation.

        Raises:
            JournalFailed: The disk refused what was queued.
        """
        with anyio.CancelScope(shield=True):
            try:
                if self._failure is None:
                    await self.flush()
            finally:  # a disk that does not answer is waited for: half a commit is none
                await self._run_blocking(self._storage.close)  # noqa: ASYNC102

    # --- deriving again ----------------------------------------------------------------------

    @property
    def matching(self) -> bool:
        """Whether rows of a tail are still to be derived again."""
        return self._tail is not None and self._tail.next is not None

    @property
    def expected(self) -> StoredEntry | None:
        """The stored entry that has to be derived next; None when no tail is being matched."""
        row = None if self._tail is None else self._tail.next
        return None if row is None else entry_of(row, where=self._storage.name)

    def expect_tail(self, after_sequence: int, *, free: Collection[EntryKind] = FREE) -> None:
        """
        From now on, compare what is appended with the stored entries after *after_sequence*.

        What is equal is not written again. When the tail is used up, entries are appended as
        usual.

        Args:
            after_sequence: Of the snapshot from which everything is derived again.
            free: Kinds that are not derived from the feed: they are matched where they come
                again, passed over where they do not, and appended at the end where they are new.

        Raises:
            JournalError: Something was appended that is not durable yet.
            JournalCorrupt: The file cannot be read.
        """
        if self._committed != self._end:
            raise JournalError("a tail is expected before anything is appended")
        rows = self._storage.rows(Query(after=after_sequence))
        self._tail = Tail(rows, free, where=self._storage.name)
        self._position = after_sequence

    # --- reading -----------------------------------------------------------------------------

    def read(
        self,
        *,
        after: int = 0,
        until: int | None = None,
        kinds: Collection[EntryKind] = (),
        strategy: str | None = None,
        key: str | None = None,
    ) -> Iterator[StoredEntry]:
        """
        Iterate over the durable entries that match everything given, in their order.

        It reads from the disk as it goes: long stretches belong in `run_blocking`.

        Raises:
            JournalCorrupt: An entry cannot be read.
        """
        query = Query(after=after, until=until, kinds=kinds, strategy=strategy, key=key)
        for row in self._storage.rows(query):
            yield entry_of(row, where=self._storage.name)

    def entries_of_order(self, client_order_id: str) -> Sequence[StoredEntry]:
        """
        Return everything under the key of an order, durable or still queued, in order.

        While a tail is matched, what was not derived again yet has not happened.

        Raises:
            JournalCorrupt: An entry cannot be read.
        """
        found = list(self.read(key=client_order_id, until=self.last_sequence))
        last = found[-1].sequence if found else 0
        batches = (self._writing[0], self._filling) if self._writing else (self._filling,)
        queued = (row for batch in batches for row in batch.rows)
        mine = [row for row in queued if row.key == client_order_id and row.sequence > last]
        return [*found, *(entry_of(row, where=self._storage.name) for row in mine)]

    def snapshot_names(self, prefix: str = "") -> list[str]:
        """Return the names of all durable snapshots that begin with *prefix*, sorted."""
        names = {row.name for row in self._storage.snapshots()}
        return sorted(name for name in names if name.startswith(prefix))

    def latest_snapshot(self, name: str) -> tuple[int, Any] | None:
        """
        Return the sequence and the state of the latest durable snapshot of *name*, if any.

        Raises:
            JournalCorrupt: It is not what was written.
        """
        for row in self._storage.snapshots(name):
            if row.hash != snapshot_hash(self.uuid, name, row.sequence, row.body):
                raise corrupt(
                    f"the snapshot {name!r} of entry {row.sequence} is not what was written",
                    self._storage.name,
                )
            return row.sequence, decode(row.body)
        return None


@contextlib.asynccontextmanager
async def open_journal(
    path: Path | str,
    *,
    make_uuid: Callable[[], str],
    run_blocking: RunBlocking = anyio.to_thread.run_sync,
    create: bool = True,
) -> AsyncIterator[Journal]:
    """
    Hold the journal at *path* and open it; its whole chain is checked first.

    Leaving the block writes what is queued, even when it is cancelled, and lets go of the lock.

    Args:
        path: The SQLite file.
        make_uuid: Gives a new journal its identity; not called for one that is there.
        run_blocking: Runs the calls that wait for the disk.
        create: Whether to begin a new journal where there is none.

    Raises:
        JournalLocked: Another process holds it.
        JournalCorrupt: It is torn, tampered with, truncated, foreign, or of a newer version.
        JournalError: It cannot be opened, or is not there.
        JournalFailed: On leaving, when the disk refused what was queued.
    """
    path = Path(path)
    with hold(path) as held:
        storage = await run_blocking(open_held, path, held, create)
        async with open_journal_on(
            storage, make_uuid=make_uuid, run_blocking=run_blocking
        ) as journal:
            lost = held.found and held.found.lost(journal.uuid, journal.last_sequence)
            if lost:
                raise corrupt(lost, storage.name)
            held.uuid = journal.uuid
            yield journal


@contextlib.asynccontextmanager
async def open_journal_on(
    storage: Storage,
    *,
    make_uuid: Callable[[], str],
    run_blocking: RunBlocking = anyio.to_thread.run_sync,
) -> AsyncIterator[Journal]:
    """Open the journal on *storage*, which is closed with it; otherwise as `open_journal`."""
    try:
        heading = await run_blocking(checked_heading, storage, make_uuid)
    except BaseException:
        storage.close()
        raise
    journal = Journal(storage, heading, run_blocking)
    try:
        yield journal
    finally:
        await journal.close()  # noqa: ASYNC102 - shields itself
