"""
The tables of a journal, and how an older file becomes one of today.

The file names itself in SQLite's own header: `application_id` says that it is a journal,
`user_version` which schema it has. A change to the tables, or to a text that its reader cannot
understand any more, is a new version: raise the version of `SCHEMA` and append the step. A field
with a default that a class of the domain gets is none: texts without it stay readable.
"""

import sqlite3
from collections.abc import Callable
from typing import Final

from attrs import frozen

from algopioneer_core.journal.older_texts import put_paper_accounts_in_pages

__all__ = ["APPLICATION_ID", "SCHEMA", "TABLES", "Migration", "Schema"]

APPLICATION_ID: Final = 0x416C676F
"""`Algo` in ASCII."""
TABLES: Final = """
CREATE TABLE heading (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    uuid TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    hash TEXT NOT NULL
) STRICT;
CREATE TABLE entries (
    sequence INTEGER PRIMARY KEY,
    ts_ns INTEGER NOT NULL,
    kind TEXT NOT NULL,
    strategy TEXT NOT NULL,
    key TEXT NOT NULL,
    cause INTEGER,
    body TEXT NOT NULL,
    hash TEXT NOT NULL
) STRICT;
CREATE INDEX entries_by_key ON entries (key) WHERE key <> '';
CREATE TABLE snapshots (
    name TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    body TEXT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (name, sequence)
) STRICT, WITHOUT ROWID;
"""
"""Entries are found by sequence and by key (an order that is reported late), and else searched
through: they are written far more often than read."""


@frozen
class Migration:
    """One step from a version to the next."""

    version: int
    """The version it starts from."""
    apply: Callable[[sqlite3.Connection], None]
    """Changes tables and texts; the chain is made anew afterwards."""


@frozen
class Schema:
    """A version, and the steps that lead to it."""

    version: int
    migrations: tuple[Migration, ...] = ()
    """One for each older version, the oldest first."""

    def steps_from(self, version: int) -> tuple[Migration, ...]:
        """Return the steps that a file of *version* needs."""
        return tuple(step for step in self.migrations if step.version >= version)


SCHEMA: Final = Schema(2, (Migration(1, put_paper_accounts_in_pages),))
"""What this program writes."""
