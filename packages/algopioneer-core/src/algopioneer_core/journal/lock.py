"""
One process for each journal: a lock that the operating system lets go of when its holder dies.

The lock is on a file beside the journal, `<journal>.lock`, which stays when the lock is gone; only
the operating system's lock on it counts, and readers need none. The file says who holds the
journal, and how far the journal was durable when it was last written: the *mark*. A journal that
ends before its mark has lost entries in a way that the file itself cannot show, because its
write-ahead log was removed or cut, or an old copy was put in its place.
"""

import contextlib
import io
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from attrs import define, frozen

from algopioneer_core.journal.errors import JournalError, JournalLocked

__all__ = ["Hold", "Holder", "Mark", "hold", "holder_of", "lock_file", "mark_of", "try_lock"]

_LENGTH = 512  # one sector, written at once


@frozen
class Holder:
    """Who holds a journal."""

    pid: int
    host: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


@frozen
class Mark:
    """How far a journal was durable."""

    uuid: str
    sequence: int

    def lost(self, uuid: str, last_sequence: int) -> str | None:
        """Return what is missing from the journal *uuid* that ends so; None when nothing is."""
        if uuid != self.uuid or last_sequence >= self.sequence:
            return None
        return (
            f"entry {self.sequence} was durable and entry {last_sequence} is the last: the"
            " write-ahead log was removed or cut, or an older copy was put in its place"
        )


if sys.platform == "win32":
    import msvcrt

    _FAR = 1 << 30  # the bytes that say who holds it stay readable

    def try_lock(file: BinaryIO | io.FileIO) -> bool:
        """Lock *file* until it is closed; tell whether nobody held it, here or elsewhere."""
        file.seek(_FAR)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def try_lock(file: BinaryIO | io.FileIO) -> bool:
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


def lock_file(journal: Path) -> Path:
    """Return the file that is locked for *journal*."""
    return journal.with_name(f"{journal.name}.lock")


@define(eq=False)
class Hold:
    """A journal that this process holds."""

    _file: io.FileIO
    _holder: Holder
    found: Mark | None
    """The mark of whoever held it before."""
    uuid: str = ""
    """The journal's own identity, set when it is known."""

    def mark(self, sequence: int) -> None:
        """
        Note that the entry *sequence* is durable.

        It is not synced, and a failure is ignored: a mark that lags behind only says less.
        """
        with contextlib.suppress(OSError):
            self.write(Mark(self.uuid, sequence))

    def write(self, mark: Mark | None) -> None:
        """Write who holds it, and *mark*."""
        said = f"{self._holder.pid} {self._holder.host}\n"
        if mark is not None:
            said += f"{mark.uuid} {mark.sequence}\n"
        self._file.seek(0)
        self._file.write(said.encode().ljust(_LENGTH, b"\n"))


@contextlib.contextmanager
def hold(journal: Path) -> Iterator[Hold]:
    """
    Hold the journal inside the block.

    Raises:
        JournalLocked: Another process holds it, or this one does already.
        JournalError: The lock file cannot be written.
    """
    try:
        opened = os.open(lock_file(journal), os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise JournalError(f"cannot be locked: {error.strerror}", where=str(journal)) from error
    with io.FileIO(opened, "r+") as file:
        locked = try_lock(file)
        before, mark = _read(file)
        if not locked:
            raise JournalLocked(
                f"is held by {before or 'another process'}",
                where=str(journal),
                remedy="stop that one first, or name another journal",
            )
        held = Hold(file, Holder(os.getpid(), socket.gethostname()), mark)
        try:
            held.write(mark)
        except OSError as error:
            raise JournalError(f"cannot be locked: {error.strerror}", where=str(journal)) from error
        yield held


def holder_of(journal: Path) -> Holder | None:
    """Return who holds *journal* now; None when nobody does."""
    try:
        file = io.FileIO(lock_file(journal), "r+")
    except OSError:
        return None
    with file:
        return None if try_lock(file) else _read(file)[0] or Holder(0, "an unknown host")


def mark_of(journal: Path) -> Mark | None:
    """Return how far *journal* was durable, where its lock file says so."""
    try:
        with io.FileIO(lock_file(journal)) as file:
            return _read(file)[1]
    except OSError:
        return None


def _read(file: io.FileIO) -> tuple[Holder | None, Mark | None]:
    """Return who says that it holds the lock, and the mark; None for what is not said (yet)."""
    file.seek(0)
    first, _, rest = file.read(_LENGTH).decode(errors="replace").partition("\n")
    pid, _, host = first.partition(" ")
    uuid, _, sequence = rest.partition("\n")[0].rpartition(" ")
    return (
        Holder(int(pid), host) if pid.isdecimal() else None,
        Mark(uuid, int(sequence)) if uuid and sequence.isdecimal() else None,
    )
