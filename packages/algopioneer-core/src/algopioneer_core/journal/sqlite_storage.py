"""
The journal's disk: one SQLite file in WAL mode, synced at every commit.

`synchronous=FULL` syncs the write-ahead log before a commit returns, so what is committed survives
a power cut, and a commit that was torn is dropped whole when the file is opened again. Readers,
in this process or another, see what was committed when they began and hold up nobody.
"""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, Self

from algopioneer_core.journal.errors import JournalCorrupt, JournalError
from algopioneer_core.journal.migration import migrate
from algopioneer_core.journal.rows import Heading, Query, Row, SnapshotRow, StorageFailed
from algopioneer_core.journal.schema import APPLICATION_ID, SCHEMA, TABLES, Schema

__all__ = ["SqliteStorage"]

_MAGIC: Final = b"SQLite format 3\0"
_RESTORE: Final = "restore it from a copy; do not trade on it"
_UNREACHABLE: Final = frozenset(
    (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
    )
)
"""Codes that say nothing about the file's contents."""
_ROW: Final = "sequence, ts_ns, kind, strategy, key, cause, body, hash"


class SqliteStorage:
    """
    Rows and snapshots in a SQLite file.

    Args:
        path: The file. Its write-ahead log lies beside it, with the ending `-wal`.
        create: Whether to make it when it is not there.
        read_only: Whether to leave everything as it is; such a storage needs no lock, and sees the
            journal as it was when it was opened.
        on_commit: Told the last sequence after each commit of rows.
        schema: What an older file is brought to.

    Raises:
        JournalError: It is not there, or cannot be opened.
        JournalCorrupt: It is not a journal, is truncated, or was written by a newer version.
    """

    def __init__(
        self,
        path: Path,
        *,
        create: bool = False,
        read_only: bool = False,
        on_commit: Callable[[int], None] = lambda _: None,
        schema: Schema = SCHEMA,
    ) -> None:
        self._path = path
        self._read_only = read_only
        self._on_commit = on_commit
        self._schema = schema
        if not create and not path.exists():
            raise JournalError("there is no such journal", where=str(path))
        self._writer = self._connect()
        try:
            self._check_file()
        except BaseException:
            self._writer.close()
            raise

    @property
    def name(self) -> str:
        """Its path."""
        return str(self._path)

    # --- opening -----------------------------------------------------------------------------

    def _connect(self) -> sqlite3.Connection:
        """Open a connection that any one thread at a time may use."""
        mode = "ro" if self._read_only else "rwc"
        try:
            return sqlite3.connect(
                f"{self._path.absolute().as_uri()}?mode={mode}",
                uri=True,
                isolation_level=None,
                check_same_thread=False,
            )
        except sqlite3.Error as error:
            raise JournalError(f"cannot be opened: {error}", where=self.name) from error

    def _check_file(self) -> None:
        _check_header(self._path)
        with self._reading():
            if self._read_only:
                self._writer.execute("BEGIN")
            begun = not self._is_empty()
            version = self._checked_version() if begun else self._schema.version
            if not self._read_only:
                self._writer.execute("PRAGMA journal_mode = WAL")
                self._writer.execute("PRAGMA synchronous = FULL")
            if version < self._schema.version:
                migrate(self._writer, self._path, version, self._schema)

    def _is_empty(self) -> bool:
        """Tell whether nothing was begun yet: a new file, or one whose beginning was cut off."""
        [[count]] = self._writer.execute("SELECT count(*) FROM sqlite_schema")
        return not count and self._pragma("application_id") in (0, APPLICATION_ID)

    def _pragma(self, name: str) -> int:
        [[value]] = self._writer.execute(f"PRAGMA {name}")
        return int(value)

    def _checked_version(self) -> int:
        """Return which schema it has, when it is a journal that can be opened so."""
        if self._pragma("application_id") != APPLICATION_ID:
            raise _foreign(self.name)
        version, known = self._pragma("user_version"), self._schema.version
        if version > known:
            raise JournalCorrupt(
                f"has schema version {version}, and this program knows {known}",
                where=self.name,
                remedy="use the version of algopioneer that wrote it",
            )
        if version < known and self._read_only:
            raise JournalError(
                f"has schema version {version}, and this program reads {known}",
                where=self.name,
                remedy="start a session with it once, which brings it up to date",
            )
        return version

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        """Say of a file that SQLite cannot read that it is corrupt."""
        try:
            yield
        except (sqlite3.Error, UnicodeDecodeError) as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in _UNREACHABLE:
                raise JournalError(f"cannot be read: {error}", where=self.name) from error
            raise JournalCorrupt(
                f"the file is damaged: {error}", where=self.name, remedy=_RESTORE
            ) from error

    # --- writing -----------------------------------------------------------------------------

    def begin(self, heading: Heading) -> None:
        """Make the tables and write the heading, in one transaction."""
        with self._transaction():
            for statement in TABLES.split(";"):
                self._writer.execute(statement)
            self._writer.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            self._writer.execute(f"PRAGMA user_version = {self._schema.version}")
            self._writer.execute(
                "INSERT INTO heading VALUES (1, ?, ?, ?)",
                (heading.uuid, heading.sequence, heading.hash),
            )

    def commit(
        self, rows: Sequence[Row], snapshots: Sequence[SnapshotRow], dropped: Sequence[str] = ()
    ) -> None:
        """Write rows, snapshots and heading in one synced transaction."""
        with self._transaction():
            if rows:
                self._writer.executemany("INSERT INTO entries VALUES (?,?,?,?,?,?,?,?)", rows)
                last = rows[-1]
                self._writer.execute(
                    "UPDATE heading SET sequence = ?, hash = ?", (last.sequence, last.hash)
                )
            for snapshot in snapshots:
                self._writer.execute("INSERT OR REPLACE INTO snapshots VALUES (?,?,?,?)", snapshot)
                self._writer.execute(
                    "DELETE FROM snapshots WHERE name = ?1 AND sequence NOT IN (SELECT sequence"
                    " FROM snapshots WHERE name = ?1 ORDER BY sequence DESC LIMIT 2)",
                    (snapshot.name,),
                )
            for name in dropped:
                self._writer.execute("DELETE FROM snapshots WHERE name = ?", (name,))
        if rows:
            self._on_commit(rows[-1].sequence)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            yield
            self._writer.execute("COMMIT")
        except sqlite3.Error as error:
            with contextlib.suppress(sqlite3.Error):  # it is torn already, or the disk is gone
                self._writer.execute("ROLLBACK")
            raise StorageFailed(str(error)) from error

    # --- reading -----------------------------------------------------------------------------

    def heading(self) -> Heading | None:
        """Return the one row of the table `heading`."""
        with self._reading():
            if self._is_empty():
                return None
            found = self._writer.execute("SELECT uuid, sequence, hash FROM heading").fetchone()
        if found is None:
            raise JournalCorrupt("the heading is missing", where=self.name, remedy=_RESTORE)
        return Heading(*found)

    def rows(self, query: Query) -> Iterator[Row]:
        """Read as the durable state is when the iteration begins."""
        where, values = _condition(query)
        with self._reader() as reader, self._reading():
            found = reader.execute(
                f"SELECT {_ROW} FROM entries WHERE {where} ORDER BY sequence",  # noqa: S608 - ours
                values,
            )
            yield from map(Row._make, found)

    def snapshots(self, name: str | None = None) -> Sequence[SnapshotRow]:
        """Read what is durable now."""
        with self._reader() as reader, self._reading():
            found = reader.execute(
                "SELECT name, sequence, body, hash FROM snapshots WHERE ?1 IS NULL OR name = ?1"
                " ORDER BY name, sequence DESC",
                (name,),
            )
            return [SnapshotRow(*values) for values in found]

    @contextlib.contextmanager
    def _reader(self) -> Iterator[sqlite3.Connection]:
        """Give the one connection of a reader, or one beside that of the writer."""
        if self._read_only:
            yield self._writer
        else:
            with contextlib.closing(self._connect()) as reader:
                yield reader

    def faults(self) -> list[str]:
        """Return what SQLite finds wrong with its own pages; empty when nothing is."""
        with self._reading():
            found = [str(row[0]) for row in self._writer.execute("PRAGMA integrity_check(10)")]
        return [] if found == ["ok"] else found

    def close(self) -> None:
        """Close the file; the write-ahead log is moved into it where nobody reads it."""
        self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _check_header(path: Path) -> None:
    """
    Refuse a file that is no SQLite file or that lacks pages its header tells of.

    While there is a log, the header may be ahead of the file: a checkpoint was cut off.
    """
    with path.open("rb") as file:
        header = file.read(100)
    if header and not header.startswith(_MAGIC[: len(header)]):
        raise _foreign(str(path))
    log = path.with_name(f"{path.name}-wal")
    if len(header) < 100 or (log.exists() and log.stat().st_size):
        return
    page = int.from_bytes(header[16:18], "big")
    told = (65536 if page == 1 else page) * int.from_bytes(header[28:32], "big")
    size = path.stat().st_size
    if size < told:
        raise JournalCorrupt(
            f"is truncated: {size} bytes of {told} are there", where=str(path), remedy=_RESTORE
        )


def _foreign(where: str) -> JournalCorrupt:
    return JournalCorrupt(
        "is not a journal of algopioneer", where=where, remedy="name another file"
    )


def _condition(query: Query) -> tuple[str, list[object]]:
    parts: list[str] = ["sequence > ?"]
    values: list[object] = [query.after]
    if query.until is not None:
        parts.append("sequence <= ?")
        values.append(query.until)
    if query.kinds:
        parts.append(f"kind IN ({', '.join('?' * len(query.kinds))})")
        values.extend(kind.value for kind in query.kinds)
    if query.key:
        parts.append("key <> ''")  # what the index on keys asks for
    for column, value in (("strategy", query.strategy), ("key", query.key)):
        if value is not None:
            parts.append(f"{column} = ?")
            values.append(value)
    return " AND ".join(parts), values
