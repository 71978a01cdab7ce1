"""A journal that may be opened: held, whole, and with its chain unbroken."""

from collections.abc import Callable
from pathlib import Path

from algopioneer_core.journal.chain import broken_links, genesis
from algopioneer_core.journal.errors import JournalCorrupt, JournalFailed
from algopioneer_core.journal.lock import Hold
from algopioneer_core.journal.rows import Heading, Query, Storage, StorageFailed
from algopioneer_core.journal.sqlite_storage import SqliteStorage

__all__ = ["checked_heading", "corrupt", "open_held"]


def open_held(path: Path, held: Hold, create: bool) -> SqliteStorage:
    """
    Open the file that *held* is the lock of.

    Raises:
        JournalError: It is not there and not to be made, or cannot be opened.
        JournalCorrupt: It is not a journal, is truncated, or was written by a newer version.
    """
    marked = held.found is not None and path.exists()
    storage = SqliteStorage(path, create=create, on_commit=held.mark)
    if marked and storage.heading() is None:
        storage.close()
        raise corrupt("is truncated: nothing of it is there, and something was", str(path))
    return storage


def checked_heading(storage: Storage, make_uuid: Callable[[], str]) -> Heading:
    """
    Return the heading of a journal whose whole chain holds; a new one is begun where none is.

    Raises:
        JournalCorrupt: The chain is broken.
        JournalFailed: The disk refused the beginning.
    """
    heading = storage.heading()
    if heading is None:
        uuid = make_uuid()
        heading = Heading(uuid, 0, genesis(uuid))
        try:
            storage.begin(heading)
        except StorageFailed as error:
            raise JournalFailed(f"cannot be begun: {error}", where=storage.name) from error
    for fault in broken_links(heading, storage.rows(Query())):
        raise corrupt(fault.message, storage.name)
    return heading


def corrupt(message: str, where: str) -> JournalCorrupt:
    """Return the error that a journal is not what was written."""
    return JournalCorrupt(
        message,
        where=where,
        remedy="restore it from a copy; `algopioneer journal verify` shows all that is wrong",
    )
