"""
A text file that lines are appended to, each wholly or not at all, whatever happens in between.

What can happen: the process is killed between two bytes of a line; the disk is full after half of
one; `fsync` fails, after which the system may have dropped what it was given, so that a second
`fsync` proves nothing. The file therefore remembers what is durable. After any failure the next
call cuts the file back to that length and writes everything since then again; after a kill the next
opening cuts off a line without an end. Whoever appended a line and saw no successful `sync` appends
it again then.
"""

import os
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from attrs import frozen

from algopioneer_core.domain.errors import OutputError, cannot_write
from algopioneer_core.journal.lock import try_lock
from algopioneer_core.recorders.seen_keys import SeenKeys

__all__ = ["LineFile", "LineFormat"]

_REMEDY: Final = "make room and allow writing there, or choose another path"


@frozen
class LineFormat:
    """What a file of trades looks like."""

    what: str
    """What the lines are, for errors: `trades as CSV`."""
    header: str
    """The first line; empty for a file without one."""
    start: str
    """What every line after the header begins with; may be empty where there is a header."""
    cells_of: Callable[[str], Sequence[str]]
    """Returns what a line says, the key first; raises ValueError where it is not of this form."""


class LineFile:
    """
    Opens *path*, or makes it with its parents, holds it, checks it and repairs a torn end.

    All methods block. Nothing here is safe to call from two threads at a time.

    Args:
        path: The file.
        form: How its lines look. A file of another form is refused and left as it is.

    Raises:
        OutputError: It cannot be written, is held by another recorder, or holds something else.
    """

    def __init__(self, path: Path, form: LineFormat) -> None:
        self.path = path
        self.keys = SeenKeys()
        """The keys of the lines that are there, and of those appended since, with a checksum."""
        self.torn = ""
        """What was cut off the end when it was opened: the beginning of one line."""
        self._form = form
        self._pending: list[bytes] = []
        self._intact = True
        self._file = self._opened()
        try:
            self._hold()
            self._durable = self._begin()
        except BaseException:
            self._file.close()
            raise

    def append(self, key: str, line: str) -> None:
        """
        Append *line* (without its end), which has *key*, unless it is there.

        Raises:
            OutputError: It could not be written; calling again tries again, and doubles nothing.
                Or a line of that key is there and says something else.
        """
        mark = _checksum(self._form.cells_of(line))
        known = self.keys.mark_of(key)
        if known is not None:
            self._check_same(key, known == mark)
            return
        data = f"{line}\n".encode()
        self._guarded(lambda: self._write(data))
        self._pending.append(data)
        self.keys.add(key, mark)

    def sync(self) -> None:
        """
        Return once everything appended is on the disk.

        Raises:
            OutputError: It is not, or the file has gone from its place meanwhile; calling again
                tries again.
        """
        if self._pending:
            self._guarded(self._fsync)
            self._durable += sum(map(len, self._pending))
            self._pending.clear()

    def close(self) -> None:
        """Close the file and let go of it; what was not synced may be lost. Safe to repeat."""
        self._file.close()

    # --- opening -----------------------------------------------------------------------------

    def _opened(self) -> BinaryIO:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            return self.path.open("a+b", buffering=0)
        except OSError as error:
            raise cannot_write(self.path, error, remedy=_REMEDY) from None

    def _hold(self) -> None:
        try:
            free = try_lock(self._file)
        except OSError as error:
            raise cannot_write(self.path, error, remedy=_REMEDY) from None
        if not free:
            raise OutputError(
                "another recorder writes to this file",
                where=str(self.path),
                remedy="give each recorder and each session a path of its own",
            )

    def _begin(self) -> int:
        """Read what is there, repair its end, write a missing header; return the length."""
        try:
            length = self._read()
            self._file.truncate(length)
            if not length and self._form.header:
                header = f"{self._form.header}\n".encode()
                self._write(header)
                length = len(header)
            os.fsync(self._file.fileno())
            _sync_directory(self.path.parent)
        except OSError as error:
            raise cannot_write(self.path, error, remedy=_REMEDY) from None
        return length

    def _read(self) -> int:
        """Take the keys of all whole lines; return the length up to the end of the last one."""
        length = 0
        with self.path.open("rb") as lines:
            for number, data in enumerate(lines, start=1):
                if not data.endswith(b"\n"):
                    self._check_torn(data, number)
                    break
                self._take(data, number)
                length += len(data)
        return length

    def _take(self, data: bytes, number: int) -> None:
        try:
            line = data.decode().rstrip("\r\n")
            if number == 1 and self._form.header:
                if line != self._form.header:
                    raise ValueError("its first line is another one")
            else:
                cells = self._form.cells_of(line)
                self.keys.add(cells[0], _checksum(cells))
        except ValueError as error:
            raise self._foreign(number, str(error)) from None

    def _check_torn(self, data: bytes, number: int) -> None:
        """Make sure that what is cut off is the beginning of a line of ours."""
        first = number == 1 and self._form.header
        start = (f"{self._form.header}\n" if first else self._form.start).encode()
        if not (data.startswith(start) or start.startswith(data)):
            raise self._foreign(number, "it ends in something else")
        self.torn = data.decode(errors="replace")

    def _foreign(self, number: int, reason: str) -> OutputError:
        return OutputError(
            f"this file does not hold {self._form.what}: {reason}",
            where=f"{self.path}:{number}",
            remedy="choose another path; the file was left as it is",
        )

    def _check_same(self, key: str, same: bool) -> None:
        if not same:
            raise OutputError(
                f"another trade was recorded here as {key}",
                where=str(self.path),
                remedy="begin a new file with a new journal: move this one away, or choose "
                "another path",
            )

    # --- writing -----------------------------------------------------------------------------

    def _guarded(self, act: Callable[[], None]) -> None:
        """Do *act* on a file that is whole; remember when it may no longer be."""
        try:
            if not self._intact:
                self._file.truncate(self._durable)
                self._write(b"".join(self._pending))
            self._intact = False
            act()
            self._intact = True
        except OSError as error:
            raise cannot_write(self.path, error, remedy=_REMEDY) from None

    def _write(self, data: bytes) -> None:
        while data:  # a disk that is nearly full takes a part
            data = data[self._file.write(data) :]

    def _fsync(self) -> None:
        os.fsync(self._file.fileno())
        if not os.path.samestat(os.fstat(self._file.fileno()), self.path.stat()):
            raise OSError("the file was moved or replaced while it was open")


def _checksum(cells: Sequence[str]) -> int:
    return zlib.crc32("\n".join(cells).encode())


def _sync_directory(folder: Path) -> None:
    """Make the name of a new file durable, where the system can."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
