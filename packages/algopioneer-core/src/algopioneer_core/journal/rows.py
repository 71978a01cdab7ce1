"""
Rows of a journal and the seam behind which they are kept.

A row is an entry with its body as text and its link in the chain. `Storage` is what the journal
needs of a disk: commit rows and snapshots together, all or nothing, and read them back. SQLite is
the one that trades; `algopioneer_core.testing.journal_storage` has one in memory whose power can
be cut.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple, Protocol

from attrs import frozen

from algopioneer_core.journal.codec import decode
from algopioneer_core.journal.entries import Entry, EntryKind, StoredEntry
from algopioneer_core.journal.errors import CodecError, JournalCorrupt

__all__ = ["Heading", "Query", "Row", "SnapshotRow", "Storage", "StorageFailed", "entry_of"]


class Row(NamedTuple):
    """One row of the table `entries`."""

    sequence: int
    ts_ns: int
    kind: str
    strategy: str
    key: str
    cause: int | None
    body: str
    hash: str


class SnapshotRow(NamedTuple):
    """One row of the table `snapshots`."""

    name: str
    sequence: int
    """The last entry whose effects the state has."""
    body: str
    hash: str


@frozen
class Heading:
    """Which journal this is, and where it says that it ends."""

    uuid: str
    sequence: int
    """Of the last entry; 0 when there is none."""
    hash: str
    """The link of the last entry."""


@frozen(kw_only=True)
class Query:
    """Which rows are wanted; whatever is left out is not asked for."""

    after: int = 0
    """Rows with a sequence above this one."""
    until: int | None = None
    """Rows with a sequence up to this one."""
    kinds: Collection[EntryKind] = ()
    strategy: str | None = None
    key: str | None = None

    def matches(self, row: Row) -> bool:
        """Tell whether *row* is one of them."""
        return (
            row.sequence > self.after
            and (self.until is None or row.sequence <= self.until)
            and (not self.kinds or row.kind in {kind.value for kind in self.kinds})
            and self.strategy in (None, row.strategy)
            and self.key in (None, row.key)
        )


class StorageFailed(Exception):
    """The disk refused: full, gone, or broken. The message is its own."""


class Storage(Protocol):
    """A disk, as a journal sees it. Its calls block; one thread at a time commits."""

    @property
    def name(self) -> str:
        """How it is called in messages: its path."""

    def heading(self) -> Heading | None:
        """Return what it says of itself; None when nothing was begun yet."""

    def begin(self, heading: Heading) -> None:
        """
        Make it the journal that *heading* says, with no rows.

        Raises:
            StorageFailed: The disk refused.
        """

    def commit(
        self, rows: Sequence[Row], snapshots: Sequence[SnapshotRow], dropped: Sequence[str] = ()
    ) -> None:
        """
        Make all of these durable, or none, and move the heading to the last row.

        Of each name, the two snapshots with the highest sequences are kept, and none of the names
        in *dropped*. On return everything is on the disk itself, behind its caches.

        Raises:
            StorageFailed: The disk refused; whether the rows are there is found by reading.
        """

    def rows(self, query: Query) -> Iterator[Row]:
        """
        Iterate over durable rows in the order of their sequence, as they are when it begins.

        Raises:
            JournalCorrupt: The file cannot be read.
        """

    def snapshots(self, name: str | None = None) -> Sequence[SnapshotRow]:
        """
        Return the durable snapshots (of one name), by name, the latest first.

        Raises:
            JournalCorrupt: The file cannot be read.
        """

    def close(self) -> None:
        """Let go of the disk; closing twice does nothing."""


def entry_of(row: Row, *, where: str) -> StoredEntry:
    """
    Return the entry that *row* holds.

    Raises:
        JournalCorrupt: It has a kind or a body that this version cannot read.
    """
    try:
        kind, body = EntryKind(row.kind), decode(row.body)
    except (CodecError, ValueError) as error:
        raise JournalCorrupt(
            f"entry {row.sequence} cannot be read: {getattr(error, 'message', error)}",
            where=where,
            remedy="was it written by a newer version of algopioneer? then use that version",
        ) from error
    entry = Entry(kind, row.ts_ns, row.strategy, row.key, row.cause, body)
    return StoredEntry(row.sequence, entry, row.hash)
