"""
Strategies that have blocked the process for good, remembered beside the journal.

The watchdog writes a name there right before it ends the process; the next start leaves that
strategy out and forgets the file: from then on the journal has it.
"""

import os
from pathlib import Path

__all__ = ["quarantine", "take_quarantined"]


def _file(journal: Path) -> Path:
    return journal.with_name(f"{journal.name}.quarantine")


def quarantine(journal: Path, strategy: str) -> None:
    """Write *strategy* down, on the disk itself; called while the process is about to end."""
    with _file(journal).open("a", encoding="utf-8") as file:
        file.write(f"{strategy}\n")
        file.flush()
        os.fsync(file.fileno())


def take_quarantined(journal: Path) -> tuple[str, ...]:
    """Return the strategies that were written down, each once, and forget them."""
    path = _file(journal)
    if not path.exists():
        return ()
    names = path.read_text(encoding="utf-8").split("\n")
    path.unlink()
    return tuple(dict.fromkeys(name for name in names if name))
