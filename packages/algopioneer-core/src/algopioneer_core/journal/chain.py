"""
The chain: every row carries a hash of itself and of the row before it.

So a byte that changes anywhere, a row that goes missing or one that is slipped in breaks it at a
place that can be named. The hash is SHA-256, in hexadecimal, of these lines joined by line feeds:
the hash before, sequence, time, kind, strategy, key, cause (empty for none), body. The first
"hash before" is that of the journal's own identity, so rows of another journal do not fit.
"""

import functools
import hashlib
from collections.abc import Iterable, Iterator

from attrs import frozen

from algopioneer_core.journal.entries import Entry
from algopioneer_core.journal.errors import JournalError
from algopioneer_core.journal.rows import Heading, Row, SnapshotRow

__all__ = [
    "Fault",
    "broken_links",
    "broken_snapshots",
    "genesis",
    "link",
    "link_hash",
    "snapshot_hash",
]


@frozen
class Fault:
    """One thing that is wrong with a journal."""

    sequence: int | None
    """Of the entry where it shows; None for what concerns the whole file."""
    message: str


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@functools.lru_cache(maxsize=8)  # every snapshot asks for it
def genesis(uuid: str) -> str:
    """Return the hash that stands before the first row of a journal."""
    return _hash(f"algopioneer journal\n{uuid}")


def link(before: str, sequence: int, entry: Entry, body: str) -> Row:
    """
    Return the row of *entry* behind the row with the hash *before*.

    Raises:
        JournalError: Strategy or key contain a line feed, or what is no Unicode text.
    """
    kind, strategy, key = entry.kind.value, entry.strategy, entry.key
    if "\n" in strategy or "\n" in key:
        raise JournalError(f"{strategy!r} or {key!r} has a line feed in it")
    place = (sequence, entry.ts_ns, kind, strategy, key, entry.cause, body)
    try:
        return Row(*place, _row_hash(before, *place))
    except UnicodeEncodeError as error:
        raise JournalError(f"{strategy!r} or {key!r} is no Unicode text") from error


def link_hash(before: str, row: Row) -> str:
    """Return the hash that *row* must have behind a row with the hash *before*."""
    return _row_hash(before, *row[:-1])


def _row_hash(
    before: str,
    sequence: int,
    ts_ns: int,
    kind: str,
    strategy: str,
    key: str,
    cause: int | None,
    body: str,
) -> str:
    # A damaged file may give bytes or numbers for text; they have a hash as well, another one.
    after = "" if cause is None else cause
    return _hash(f"{before}\n{sequence}\n{ts_ns}\n{kind}\n{strategy}\n{key}\n{after}\n{body}")


def snapshot_hash(uuid: str, name: str, sequence: int, body: str) -> str:
    """Return the hash of a snapshot of the journal *uuid*."""
    return _hash(f"{genesis(uuid)}\n{name}\n{sequence}\n{body}")


def broken_links(heading: Heading, rows: Iterable[Row]) -> Iterator[Fault]:
    """Yield what is wrong with the whole of a journal's rows, in their order."""
    sequence, before = 0, genesis(heading.uuid)
    for row in rows:
        if row.sequence != sequence + 1:
            yield _missing(sequence + 1, row.sequence - 1)
        elif row.hash != link_hash(before, row):
            yield Fault(row.sequence, f"entry {row.sequence} is not what was written")
        sequence, before = row.sequence, row.hash
    if sequence < heading.sequence:
        yield _missing(sequence + 1, heading.sequence)
    elif (sequence, before) != (heading.sequence, heading.hash):
        yield Fault(sequence, f"the heading says that the last entry is {heading.sequence}")


def _missing(first: int, last: int) -> Fault:
    text = f"entry {first} is" if first == last else f"entries {first} to {last} are"
    return Fault(first, f"{text} missing")


def broken_snapshots(uuid: str, snapshots: Iterable[SnapshotRow], last: int) -> Iterator[Fault]:
    """Yield what is wrong with a journal's snapshots, *last* being its last entry."""
    for row in snapshots:
        title = f"the snapshot {row.name!r} of entry {row.sequence}"
        if row.hash != snapshot_hash(uuid, row.name, row.sequence, row.body):
            yield Fault(row.sequence, f"{title} is not what was written")
        elif row.sequence > last:
            yield Fault(row.sequence, f"{title} is of an entry that is missing")
