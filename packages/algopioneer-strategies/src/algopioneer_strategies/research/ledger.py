"""
The experiment ledger: one local SQLite file to which every try is appended (`experiments`).

Entries can only be added. Several processes may write at once: each takes SQLite's write lock,
reads where the chain ends, and writes behind it, in one synced transaction. A process that dies in
the middle leaves nothing of it.

What it cannot show by itself is that its newest entries were cut off cleanly, heading and all. So
reports state the chain head they were made at, and `contains` tells whether a ledger still has it.
"""

import contextlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Final, Self

from attrs import frozen

from algopioneer_core.domain.errors import AlgopioneerError, ExitCode
from algopioneer_strategies.research.experiments import (
    GENESIS,
    Experiment,
    ExperimentKind,
    ExperimentRow,
    LedgerFault,
    broken_rows,
    link,
)

__all__ = [
    "DEFAULT_LEDGER",
    "ExperimentLedger",
    "LedgerCheck",
    "LedgerDamaged",
    "LedgerUnavailable",
    "verify_ledger",
]

DEFAULT_LEDGER: Final = Path("experiments.sqlite")
"""Where discovery keeps it unless told otherwise."""
_APPLICATION_ID: Final = 0x416C6578  # `Alex` in ASCII
_SCHEMA_VERSION: Final = 1
_PATIENCE_S: Final = 30.0  # a writer holds the lock for one commit
_DAMAGE: Final = frozenset((sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB))
_RESTORE: Final = "restore it from a copy, or begin a new one"
_TABLES: Final = (
    """CREATE TABLE heading (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        sequence INTEGER NOT NULL,
        hash TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE experiments (
        sequence INTEGER PRIMARY KEY,
        ts_ns INTEGER NOT NULL,
        kind TEXT NOT NULL,
        subject TEXT NOT NULL,
        data_hash TEXT NOT NULL,
        code_version TEXT NOT NULL,
        trials INTEGER NOT NULL,
        parameters TEXT NOT NULL,
        result TEXT NOT NULL,
        hash TEXT NOT NULL
    ) STRICT""",
    "CREATE INDEX experiments_by_data ON experiments (data_hash)",
    """CREATE TRIGGER experiments_are_not_changed BEFORE UPDATE ON experiments
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
    """CREATE TRIGGER experiments_are_not_removed BEFORE DELETE ON experiments
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
    f"PRAGMA application_id = {_APPLICATION_ID}",
    f"PRAGMA user_version = {_SCHEMA_VERSION}",
)


class LedgerUnavailable(AlgopioneerError):
    """The experiment ledger is not there, or cannot be read or written now."""


class LedgerDamaged(AlgopioneerError):
    """The experiment ledger is not what was written, or is no ledger."""

    exit_code: ClassVar[ExitCode] = ExitCode.REFUSED


class ExperimentLedger:
    """
    A ledger that is open; use it as a context manager.

    Args:
        path: The file.
        create: Whether to make it when it is not there.

    Raises:
        LedgerUnavailable: It is not there, or cannot be opened.
        LedgerDamaged: It is no ledger, is truncated, or was written by a newer version.
    """

    def __init__(self, path: Path, *, create: bool = True) -> None:
        self._path = path
        if not create and not path.exists():
            raise LedgerUnavailable(
                "there is no such ledger",
                where=str(path),
                remedy="discover-pairs writes one; name it with --ledger",
            )
        with self._said():
            self._connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode={'rwc' if create else 'rw'}",
                uri=True,
                isolation_level=None,
                timeout=_PATIENCE_S,
            )
        try:
            self._begin(create=create)
        except BaseException:
            self._connection.close()
            raise

    @property
    def name(self) -> str:
        """Its path."""
        return str(self._path)

    def _begin(self, *, create: bool) -> None:
        with self._said():
            self._connection.execute("PRAGMA synchronous = FULL")
            if self._is_empty() and create:
                self._make()
            self._check()

    def _is_empty(self) -> bool:
        [[count]] = self._connection.execute("SELECT count(*) FROM sqlite_schema")
        return not count

    def _make(self) -> None:
        with self._transaction():
            if self._is_empty():  # nobody was faster
                for statement in _TABLES:
                    self._connection.execute(statement)
                self._connection.execute("INSERT INTO heading VALUES (1, 0, ?)", (GENESIS,))

    def _check(self) -> None:
        if self._is_empty():
            raise LedgerDamaged("is empty", where=self.name, remedy=_RESTORE)
        application, version, pages, page = (
            self._connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("application_id", "user_version", "page_count", "page_size")
        )
        if application != _APPLICATION_ID:
            raise LedgerDamaged(
                "is not an experiment ledger", where=self.name, remedy="name another file"
            )
        if version > _SCHEMA_VERSION:
            raise LedgerDamaged(
                f"has schema version {version}, and this program knows {_SCHEMA_VERSION}",
                where=self.name,
                remedy="use the version of algopioneer that wrote it",
            )
        size = self._path.stat().st_size  # SQLite takes a part of a page for a whole one
        if size < pages * page:
            raise LedgerDamaged(
                f"is damaged or truncated: {size} bytes of {pages * page} are there",
                where=self.name,
                remedy=_RESTORE,
            )

    @contextlib.contextmanager
    def _said(self) -> Iterator[None]:
        """Turn what SQLite says into an error of ours."""
        try:
            yield
        except sqlite3.Error as error:
            # A module mismatch or a type error has no code: it is none of the file's faults.
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            kind = LedgerDamaged if code in _DAMAGE else LedgerUnavailable
            told = "is damaged or truncated" if code in _DAMAGE else "cannot be used"
            remedy = _RESTORE if code in _DAMAGE else None
            raise kind(f"{told}: {error}", where=self.name, remedy=remedy) from error

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):  # it is torn already, or the disk is gone
                self._connection.execute("ROLLBACK")
            raise

    # --- writing -----------------------------------------------------------------------------

    def append(self, *experiments: Experiment) -> Sequence[ExperimentRow]:
        """
        Append *experiments*, all or none, durable when this returns.

        Raises:
            RefusedError: One of them cannot be written as JSON.
            LedgerUnavailable: The disk is full, or another writer does not let go.
        """
        rows = []
        with self._said(), self._transaction():
            sequence, before = self._head()
            for experiment in experiments:
                sequence += 1
                rows.append(link(before, sequence, experiment))
                before = rows[-1].hash
            self._connection.executemany(
                "INSERT INTO experiments VALUES (?,?,?,?,?,?,?,?,?,?)", rows
            )
            self._connection.execute(
                "UPDATE heading SET sequence = ?, hash = ?", (sequence, before)
            )
        return rows

    # --- reading -----------------------------------------------------------------------------

    def head(self) -> tuple[int, str]:
        """Return sequence and hash of the last entry; 0 and `GENESIS` before the first."""
        with self._said():
            return self._head()

    def _head(self) -> tuple[int, str]:
        found = self._connection.execute("SELECT sequence, hash FROM heading").fetchone()
        if found is None:
            raise LedgerDamaged("the heading is missing", where=self.name, remedy=_RESTORE)
        return int(found[0]), str(found[1])

    def rows(
        self, *, kind: ExperimentKind | None = None, last: int | None = None
    ) -> Iterator[ExperimentRow]:
        """Return the entries in their order; only those of a *kind*, only the *last* so many."""
        with self._said():
            found = self._connection.execute(
                "SELECT * FROM (SELECT * FROM experiments WHERE ?1 IS NULL OR kind = ?1"
                " ORDER BY sequence DESC LIMIT ?2) ORDER BY sequence",
                (kind and kind.value, -1 if last is None else last),
            )
            yield from map(ExperimentRow._make, found)

    def contains(self, chain_hash: str) -> bool:
        """Tell whether an entry has this hash: whether a report was made from this ledger."""
        with self._said():
            found = self._connection.execute(
                "SELECT count(*) FROM experiments WHERE hash = ?", (chain_hash,)
            )
            return chain_hash == GENESIS or bool(found.fetchone()[0])

    def trials(self, kind: ExperimentKind, data_hashes: Iterable[str]) -> int:
        """
        Return how many different trials of a kind were made on any of these data.

        The same parameters on the same data are one trial, however often they were run.
        """
        with self._said():
            found = self._connection.execute(
                "SELECT coalesce(sum(trials), 0) FROM (SELECT max(trials) AS trials FROM"
                " experiments WHERE kind = ? AND data_hash IN (SELECT value FROM json_each(?))"
                " GROUP BY data_hash, subject, parameters)",
                (kind.value, json.dumps(list(data_hashes))),
            )
            return int(found.fetchone()[0])

    def faults(self) -> Sequence[LedgerFault]:
        """Return everything that is wrong with pages, heading and chain; empty when nothing is."""
        with self._said():
            pages = [
                LedgerFault(None, str(text))
                for (text,) in self._connection.execute("PRAGMA integrity_check(10)")
                if text != "ok"
            ]
            self._connection.execute("BEGIN")  # heading and rows of one moment
            try:
                return [*pages, *broken_rows(self._head(), self.rows())]
            finally:
                self._connection.execute("ROLLBACK")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@frozen
class LedgerCheck:
    """What a look at a whole ledger found."""

    entries: int
    chain_head: str
    faults: Sequence[LedgerFault]


def verify_ledger(path: Path, *, contains: str | None = None) -> LedgerCheck:
    """
    Check pages, heading and chain of a ledger.

    Args:
        path: The file.
        contains: A chain head that a report states; that the ledger lacks it is a fault.

    Raises:
        LedgerUnavailable: It is not there.
        LedgerDamaged: It is no ledger, or so damaged that it cannot be read.
    """
    with ExperimentLedger(path, create=False) as ledger:
        faults = list(ledger.faults())
        if contains is not None and not ledger.contains(contains):
            faults.append(LedgerFault(None, f"no entry has the hash {contains}"))
        return LedgerCheck(*ledger.head(), faults)
