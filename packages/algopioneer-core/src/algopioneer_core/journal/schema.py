"""
The tables of a journal, and how an older file becomes one of today.

The file names itself in SQLite's own header: `application_id` says that it is a journal,
`user_version` which schema it has. A change to the tables, or to the text of a body that the codec
cannot read any more, is a new version: raise `VERSION` and append the step to `MIGRATIONS`.
"""

from typing import Final

__all__ = ["APPLICATION_ID", "TABLES", "VERSION"]

APPLICATION_ID: Final = 0x416C676F
"""`Algo` in ASCII."""
VERSION: Final = 1
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
CREATE TABLE snapshots (
    name TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    body TEXT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (name, sequence)
) STRICT, WITHOUT ROWID;
"""
"""Entries have no index but their sequence: they are written far more often than searched."""
