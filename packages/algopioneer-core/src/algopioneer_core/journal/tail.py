"""
The tail of a journal that is being derived again.

After a restart with a replayed feed, engines and feed are set back to a snapshot and run forward.
What they derive must be what the journal has behind the snapshot, row by row, and is not written a
second time. Milestones of the session and alerts are not derived from the feed: such a row of the
tail is passed over when the next derived one is due, and one that comes new is appended at the end.
"""

from collections import deque
from collections.abc import Collection, Iterable
from typing import Final

from algopioneer_core.journal.entries import Entry, EntryKind
from algopioneer_core.journal.errors import JournalDiverged
from algopioneer_core.journal.rows import Row

__all__ = ["FREE", "Tail"]

FREE: Final = frozenset((EntryKind.SESSION, EntryKind.ALERT))
"""Kinds of entries that are not derived from the feed."""


class Tail:
    """
    Stored rows that have not been derived again yet.

    Args:
        rows: In their order.
        free: Kinds that need not come again.
        where: The journal's name.
    """

    def __init__(self, rows: Iterable[Row], free: Collection[EntryKind], *, where: str) -> None:
        self._rows = deque(rows)
        self._free = {kind.value for kind in free}
        self._where = where
        self._drop_free_end()

    def _drop_free_end(self) -> None:
        """Nothing waits for rows at the end that need not come again."""
        while self._rows and self._rows[-1].kind in self._free:
            self._rows.pop()

    @property
    def next(self) -> Row | None:
        """The next row that has to come; None when all have."""
        return next((row for row in self._rows if row.kind not in self._free), None)

    def match(self, entry: Entry, body: str) -> Row | None:
        """
        Return the stored row that *entry* is; None when it is new and belongs at the end.

        Raises:
            JournalDiverged: Another row is due.
        """
        for passed, row in enumerate(self._rows):
            if _says(row, entry, body):
                self._drop(passed + 1)
                return row
            if row.kind not in self._free:
                break
        if not self._rows or entry.kind.value in self._free:
            return None
        raise self._divergence(entry, body)

    def _drop(self, count: int) -> None:
        for _ in range(count):
            self._rows.popleft()

    def _divergence(self, entry: Entry, body: str) -> JournalDiverged:
        row = self.next
        assert row is not None, "a tail without such a row has been used up"
        return JournalDiverged(
            stored=_shown(row.kind, row.ts_ns, row.strategy, row.key, row.cause, row.body),
            derived=_shown(
                entry.kind.value, entry.ts_ns, entry.strategy, entry.key, entry.cause, body
            ),
            where=f"{self._where}: entry {row.sequence}",
        )


def _says(row: Row, entry: Entry, body: str) -> bool:
    return (row.body, row.kind, row.ts_ns, row.strategy, row.key, row.cause) == (
        body,
        entry.kind.value,
        entry.ts_ns,
        entry.strategy,
        entry.key,
        entry.cause,
    )


def _shown(kind: str, ts_ns: int, strategy: str, key: str, cause: int | None, body: str) -> str:
    return f"[{kind} {ts_ns} {strategy or '-'} {key or '-'} {cause or '-'} {body}]"
