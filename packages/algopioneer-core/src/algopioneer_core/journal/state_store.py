"""The `StateStore` of a journal: states under keys, kept as its snapshots are."""

from collections.abc import Mapping
from typing import Any, Final

from algopioneer_core.journal.journal import Journal

__all__ = ["JournalStateStore"]

_PREFIX: Final = "state:"
"""What a session keeps of itself has other names, so that no key can be one of them."""


class JournalStateStore:
    """
    Keeps states in an open journal.

    What is saved is durable on return, together with every entry that was appended before. A save
    that is cancelled is written with the journal's next commit, and is the old state until then.

    Args:
        journal: Open, and held by this process.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def save(self, key: str, state: Mapping[str, object]) -> None:
        """
        Replace what is kept under *key*, wholly or not at all.

        Raises:
            CodecError: The state has no canonical text; what was kept is kept.
            JournalFailed: The disk refused; which of the two is kept is found by loading.
        """
        self._journal.put_snapshot(_PREFIX + key, self._journal.last_sequence, dict(state))
        await self._journal.flush()

    async def load(self, key: str) -> Mapping[str, Any] | None:
        """
        Return what is kept under *key*; None when there is nothing.

        Raises:
            JournalCorrupt: It is not what was written.
        """
        found = self._journal.latest_snapshot(_PREFIX + key)
        return None if found is None else found[1]

    async def delete(self, key: str) -> None:
        """
        Forget what is kept under *key*; nothing to forget is no error.

        Raises:
            JournalFailed: The disk refused; whether it is forgotten is found by loading.
        """
        self._journal.drop_snapshot(_PREFIX + key)
        await self._journal.flush()
