"""
Is a journal what was written? Everything that is wrong with it, by sequence.

A session checks the chain whenever it opens its journal and refuses to start on the first fault.
This is the long form: SQLite's own pages, the chain, every body, the snapshots, and the mark in
the lock file. It changes nothing, needs no lock, and may look at a journal that is being written.

What it cannot find: someone who changes an entry, chains everything behind it anew and changes the
heading as well. Keep the chain head elsewhere to find that: it stands for every entry.
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import msgspec
from attrs import frozen

from algopioneer_core.journal.chain import Fault, broken_links, broken_snapshots
from algopioneer_core.journal.errors import JournalCorrupt
from algopioneer_core.journal.lock import mark_of
from algopioneer_core.journal.rows import Heading, Query, Row, Storage, entry_of
from algopioneer_core.journal.sqlite_storage import SqliteStorage

__all__ = ["Verification", "export", "verify"]


@frozen
class Verification:
    """What was found."""

    uuid: str
    entries: int
    """How many there are."""
    chain_head: str
    """Hash of the last entry, as the heading has it."""
    faults: tuple[Fault, ...]
    """In the order in which they were found; empty when nothing is wrong."""


def verify(path: Path, *, limit: int = 20) -> Verification:
    """
    Return what is wrong with the journal at *path*, up to *limit* faults.

    Raises:
        JournalError: It is not there, or cannot be opened.
        JournalCorrupt: It is not a journal, lacks its end, or its heading cannot be read.
    """
    mark = mark_of(path)  # before anything is read: a session may be writing
    with SqliteStorage(path, read_only=True) as storage:
        heading = storage.heading()
        if heading is None:
            raise JournalCorrupt("is empty: no session has begun it", where=str(path))
        faults = list(islice(_faults(storage, heading), limit))
        lost = mark and mark.lost(heading.uuid, heading.sequence)
        if lost:
            faults.insert(0, Fault(heading.sequence, lost))
    return Verification(heading.uuid, heading.sequence, heading.hash, tuple(faults))


def _faults(storage: SqliteStorage, heading: Heading) -> Iterator[Fault]:
    seen = _Seen()
    try:
        yield from broken_links(heading, seen.watch(storage.rows(Query())))
        yield from broken_snapshots(heading.uuid, storage.snapshots(), heading.sequence)
        for row in storage.rows(Query()):
            yield from _unreadable(row, storage.name)
        yield from (Fault(None, f"the file is damaged: {text}") for text in storage.faults())
    except JournalCorrupt as error:
        yield Fault(seen.sequence + 1, f"entry {seen.sequence + 1} cannot be reached: {error}")


class _Seen:
    """How far a reading came."""

    sequence = 0

    def watch(self, rows: Iterator[Row]) -> Iterator[Row]:
        for row in rows:
            yield row
            self.sequence = row.sequence


def _unreadable(row: Row, where: str) -> Iterator[Fault]:
    try:
        entry_of(row, where=where)
    except JournalCorrupt as error:
        yield Fault(row.sequence, error.message)


def export(storage: Storage) -> Iterator[str]:
    """
    Yield the canonical export of a journal: its rows as JSON lines, and last its chain head.

    Two journals are the same if, and only if, their exports are.

    Raises:
        JournalCorrupt: A row cannot be read.
    """
    encode = msgspec.json.Encoder(order="sorted").encode
    heading = storage.heading()
    for row in storage.rows(Query()):
        fields = {**row._asdict(), "body": msgspec.Raw(row.body.encode())}
        yield encode(fields).decode()
    yield encode({"chain_head": heading and heading.hash}).decode()
