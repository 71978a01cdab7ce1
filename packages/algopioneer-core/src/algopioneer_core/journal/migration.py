"""
An older journal becomes one of today: checked, copied, changed, chained anew.

The chain of the old file is checked first, so that damage is not sealed into the new one. A copy
as it was is left beside it. The change itself is one transaction: whatever happens, the file is
either wholly old or wholly new.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from algopioneer_core.journal.chain import broken_links, genesis, link_hash, snapshot_hash
from algopioneer_core.journal.errors import JournalCorrupt, JournalError
from algopioneer_core.journal.rows import Heading, Row
from algopioneer_core.journal.schema import Schema

__all__ = ["migrate"]

_ENTRIES = "SELECT sequence, ts_ns, kind, strategy, key, cause, body, hash FROM entries"


def migrate(connection: sqlite3.Connection, path: Path, version: int, schema: Schema) -> None:
    """
    Bring the journal behind *connection*, of an older *version*, to *schema*.

    The copy is `<path>.v<version>`; one that is there is not overwritten.

    Raises:
        JournalCorrupt: Its chain is broken; nothing was changed.
        JournalError: There is no way from its version, or a copy is there already.
    """
    steps = schema.steps_from(version)
    if [step.version for step in steps] != list(range(version, schema.version)):
        raise JournalError(f"nothing leads from schema version {version} on", where=str(path))
    heading = _heading(connection)
    for fault in broken_links(heading, map(Row._make, connection.execute(_ENTRIES))):
        raise JournalCorrupt(fault.message, where=str(path), remedy="restore it from a copy")
    _copy(connection, path.with_name(f"{path.name}.v{version}"))
    with _transaction(connection):
        for step in steps:
            step.apply(connection)
        _chain_anew(connection, heading.uuid)
        connection.execute(f"PRAGMA user_version = {schema.version}")


def _heading(connection: sqlite3.Connection) -> Heading:
    found = connection.execute("SELECT uuid, sequence, hash FROM heading").fetchone()
    return Heading(*found)


def _copy(connection: sqlite3.Connection, target: Path) -> None:
    if target.exists():
        raise JournalError(
            "a copy from before an earlier migration is in the way",
            where=str(target),
            remedy="move it elsewhere",
        )
    with contextlib.closing(sqlite3.connect(target)) as copy:
        connection.backup(copy)


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _chain_anew(connection: sqlite3.Connection, uuid: str) -> None:
    before, last = genesis(uuid), 0
    for values in connection.execute(f"{_ENTRIES} ORDER BY sequence").fetchall():
        row = Row._make(values)
        before, last = link_hash(before, row), row.sequence
        connection.execute("UPDATE entries SET hash = ? WHERE sequence = ?", (before, row.sequence))
    connection.execute("UPDATE heading SET sequence = ?, hash = ?", (last, before))
    found = connection.execute("SELECT name, sequence, body FROM snapshots").fetchall()
    for name, sequence, body in found:
        connection.execute(
            "UPDATE snapshots SET hash = ? WHERE name = ? AND sequence = ?",
            (snapshot_hash(uuid, name, sequence, body), name, sequence),
        )
