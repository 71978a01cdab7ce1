"""
One process for each journal: a lock that the operating system lets go of when its holder dies.

The lock is on a file beside the journal, `<journal>.lock`, which says who holds it. The file stays
when the lock is gone; only the operating system's lock on it counts. Readers need none.
"""

import contextlib
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from attrs import frozen

from algopioneer_core.journal.errors import JournalError, JournalLocked

__all__ = ["Holder", "hold", "holder_of", "try_lock"]


@frozen
class Holder:
    """Who holds a journal."""

    pid: int
    host: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


if sys.platform == "win32":
    import msvcrt

    _FAR = 1 << 30  # the bytes that say who holds it stay readable

    def try_lock(file: BinaryIO) -> bool:
        """Lock *file* until it is closed; tell whether nobody held it, here or elsewhere."""
        file.seek(_FAR)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def try_lock(file: BinaryIO) -> bool:
        """
        Lock *file* until it is closed; tell whether nobody held it, in any process or this one.

        Raises:
            OSError: Its file system has no locks.
        """
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def _lock_file(journal: Path) -> Path:
    return journal.with_name(f"{journal.name}.lock")


@contextlib.contextmanager
def hold(journal: Path) -> Iterator[None]:
    """
    Hold the journal inside the block.

    Raises:
        JournalLocked: Another process holds it, or this one does already.
        JournalError: The lock file cannot be written.
    """
    try:
        file = _lock_file(journal).open("a+b")
    except OSError as error:
        raise JournalError(f"cannot be locked: {error.strerror}", where=str(journal)) from error
    with file:
        if not try_lock(file):
            raise _locked(journal, _read_holder(file))
        file.truncate(0)
        file.write(f"{os.getpid()} {socket.gethostname()}\n".encode())
        file.flush()
        yield


def _locked(journal: Path, holder: Holder | None) -> JournalLocked:
    return JournalLocked(
        f"is held by {holder or 'another process'}",
        where=str(journal),
        remedy="stop that one first, or name another journal",
    )


def holder_of(journal: Path) -> Holder | None:
    """Return who holds *journal* now; None when nobody does."""
    try:
        file = _lock_file(journal).open("r+b")
    except OSError:
        return None
    with file:
        return None if try_lock(file) else _read_holder(file) or Holder(0, "an unknown host")


def _read_holder(file: BinaryIO) -> Holder | None:
    """Return who says that it holds the lock; None when it has not said so yet."""
    file.seek(0)
    pid, _, host = file.read(300).decode(errors="replace").strip().partition(" ")
    return Holder(int(pid), host) if pid.isdecimal() else None
