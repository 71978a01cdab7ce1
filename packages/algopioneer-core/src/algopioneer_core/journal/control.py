"""
What is asked of a session that is running: halt, resume, flatten, to keep a note, to read its file.

The session holds the journal, so requests lie in a small file beside it, `<journal>.control`, which
any process may write and none has to hold. The session looks there every now and then, obeys,
journals that it did, and answers. A request that nobody answers is still there after a restart:
a halt that was asked for while nothing ran is obeyed by whatever is started next.
"""

import contextlib
import enum
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Self

from attrs import frozen

from algopioneer_core.journal.errors import JournalError

__all__ = ["DONE", "ControlAction", "ControlBox", "ControlRequest", "control_file"]

DONE: Final = "done: "
"""How the answer to a request begins that was obeyed; any other says why it was not."""

_TABLE: Final = """
CREATE TABLE IF NOT EXISTS requests (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    ts_ns INTEGER NOT NULL,
    action TEXT NOT NULL,
    strategy TEXT,
    reason TEXT NOT NULL,
    answer TEXT
) STRICT
"""


class ControlAction(enum.Enum):
    """What is asked for."""

    HALT = "halt"
    """No new exposure."""
    RESUME = "resume"
    """New exposure again."""
    FLATTEN = "flatten"
    """Close what is held, then halt."""
    NOTE = "note"
    """Keep the reason in the journal; nothing else changes."""
    RELOAD = "reload"
    """Say what becomes of reading the file again, to which a signal calls."""


@frozen
class ControlRequest:
    """One request that is waiting to be obeyed."""

    id: int
    ts_ns: int
    """When it was made, UTC nanoseconds, by the clock of whoever made it."""
    action: ControlAction
    strategy: str | None
    """Which strategy is meant; None for the whole session."""
    reason: str


def control_file(journal: Path) -> Path:
    """Return where requests to whoever holds *journal* lie."""
    return journal.with_name(f"{journal.name}.control")


class ControlBox:
    """
    The requests to one session; its calls block, for a moment.

    Args:
        journal: The journal that the session holds.

    Raises:
        JournalError: The file beside it cannot be opened or is something else.
    """

    def __init__(self, journal: Path) -> None:
        self._path = control_file(journal)
        with self._asking():
            self._connection = sqlite3.connect(
                self._path, isolation_level=None, check_same_thread=False
            )
            self._connection.execute(_TABLE)

    @contextlib.contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise JournalError(
                f"requests cannot be read or written: {error}", where=str(self._path)
            ) from error

    def request(
        self, action: ControlAction, *, ts_ns: int, strategy: str | None = None, reason: str = ""
    ) -> int:
        """
        Leave a request and return its number.

        Raises:
            JournalError: It cannot be written.
        """
        with self._asking():
            cursor = self._connection.execute(
                "INSERT INTO requests (ts_ns, action, strategy, reason) VALUES (?, ?, ?, ?)",
                (ts_ns, action.value, strategy, reason),
            )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def pending(self) -> Sequence[ControlRequest]:
        """
        Return what nobody has answered yet, the oldest first.

        Raises:
            JournalError: It cannot be read, or asks for something that is not known here.
        """
        with self._asking():
            found = self._connection.execute(
                "SELECT id, ts_ns, action, strategy, reason FROM requests"
                " WHERE answer IS NULL ORDER BY id"
            ).fetchall()
        return [self._request(*values) for values in found]

    def _request(
        self, number: int, ts_ns: int, action: str, strategy: str | None, reason: str
    ) -> ControlRequest:
        try:
            return ControlRequest(number, ts_ns, ControlAction(action), strategy, reason)
        except ValueError as error:
            raise JournalError(
                f"request {number} asks for {action!r}, which is not known here",
                where=str(self._path),
            ) from error

    def answer(self, number: int, text: str) -> None:
        """
        Say what became of a request; it is pending no longer.

        Raises:
            JournalError: It cannot be written.
        """
        with self._asking():
            self._connection.execute("UPDATE requests SET answer = ? WHERE id = ?", (text, number))

    def answer_to(self, number: int) -> str | None:
        """
        Return the answer to a request; None while there is none.

        Raises:
            JournalError: It cannot be read.
        """
        with self._asking():
            found = self._connection.execute(
                "SELECT answer FROM requests WHERE id = ?", (number,)
            ).fetchone()
        answer: str | None = found and found[0]
        return answer

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
