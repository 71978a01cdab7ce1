"""
What can go wrong with a journal, and what the user is told about it.

    AlgopioneerError
    └── JournalError
        ├── JournalFailed     the disk refused; nothing more is written by this process
        ├── JournalLocked     another process holds the journal
        ├── JournalCorrupt    torn, tampered with, truncated, or not a journal at all
        ├── JournalDiverged   what was derived again differs from what was written
        └── CodecError        a body cannot be written, or not be read by this version
"""

from algopioneer_core.domain.errors import AlgopioneerError, ExitCode

__all__ = [
    "CodecError",
    "JournalCorrupt",
    "JournalDiverged",
    "JournalError",
    "JournalFailed",
    "JournalLocked",
]


class JournalError(AlgopioneerError):
    """Base of all failures of the journal."""


class JournalFailed(JournalError):
    """
    The disk refused a commit: what was queued is not durable, and nothing more is accepted.

    It is raised to everybody who waits for a commit, and by every later call. Starting again is
    the remedy: what is on disk then is whole.
    """


class JournalLocked(JournalError):
    """Another process holds the journal; the message names it where it is known."""


class JournalCorrupt(JournalError):
    """The file is not what was written: it cannot be traded on."""

    exit_code = ExitCode.REFUSED


class JournalDiverged(JournalError):
    """
    A row derived again differs from the row that was written at its place.

    Args:
        stored: The row in the journal, as text; None when the journal has no row left for it.
        derived: The row as it was derived now, as text.
        where: The journal and the sequence.
    """

    exit_code = ExitCode.REFUSED

    def __init__(self, *, stored: str, derived: str, where: str) -> None:
        super().__init__(
            f"the journal has {stored}, and what was derived again is {derived}",
            where=where,
            remedy="restart with the program, configuration and data that wrote the journal",
        )
        self.stored = stored
        self.derived = derived


class CodecError(JournalError):
    """A value has no canonical text, or a text is of a type or shape that is not known here."""

    exit_code = ExitCode.REFUSED
