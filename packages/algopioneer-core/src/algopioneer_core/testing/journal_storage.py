"""
A disk for journals whose power can be cut, and which can be full, broken or dishonest.

    disk = MemoryDisk()
    async with journal_on(disk) as journal:
        ...
    disk.cut_power()                  # whatever was plugged in is dead from now on
    async with journal_on(disk) as journal:
        ...                           # what was synced is there, and nothing else

A commit is all or nothing and synced when it returns, as SQLite's is. A disk that is not `honest`
says that it has synced and has not: a power cut then takes the latest commits, and may leave half
of one behind. A journal must find that out; `restore_copy` is the remedy that it names.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from operator import attrgetter
from typing import Final, TypeAlias

from attrs import define, field, frozen

from algopioneer_core.journal.journal import Journal, open_journal_on
from algopioneer_core.journal.rows import Heading, Query, Row, SnapshotRow, StorageFailed
from algopioneer_core.testing.clocks import run_inline

__all__ = ["MemoryDisk", "MemoryStorage", "journal_on"]

_KEPT: Final = 2
_HALF: Final = 0.5
_sequence: Final = attrgetter("sequence")


_Snapshots: TypeAlias = Mapping[str, tuple[SnapshotRow, ...]]
"""By name, the latest first; never changed in place."""


@frozen
class _State:
    """What is on the disk, after one commit or another."""

    heading: Heading | None = None
    count: int = 0
    """How many of the disk's rows it has."""
    snapshots: "_Snapshots" = field(factory=dict)


@define(eq=False)
class MemoryDisk:
    """
    What stays when everything else is gone.

    `commits_left` counts down; at zero every further commit is refused, as on a full disk. When
    `cut_power_in` reaches zero, the power goes in the middle of that commit: *keep_last* says
    whether it reached the disk first.
    """

    honest: bool = True
    """Whether a sync is one."""
    commits_left: int | None = None
    """Until it is full; None for a disk that never is."""
    cut_power_in: int | None = None
    """Commits until the power goes by itself; None for never."""
    keep_last: bool = False
    """Whether the commit during which the power goes, or the sync fails, is there afterwards."""
    sync_fails: bool = False
    """Whether the next commit ends with an error of its sync; the power stays."""
    unsynced: int | None = None
    """Commits that a dishonest disk keeps back at most; None for no limit."""
    _rows: list[Row] = field(factory=list)
    _by_key: defaultdict[str, list[Row]] = field(factory=lambda: defaultdict(list))
    """The same, as a database has them: an order is asked for by its key."""
    _states: list[_State] = field(factory=lambda: [_State()])
    """After each commit that is not known to be synced; the first is synced."""
    lost: list[Row] = field(factory=list)
    """Rows that it had, as far as anybody could see, and has no more."""
    _copy: _State | None = None
    life: int = 0
    """How often the power went; a storage of an earlier life is dead."""

    def plug_in(self) -> "MemoryStorage":
        """Return a storage on this disk, alive until the power is cut."""
        return MemoryStorage(self, self.life)

    def cut_power(self, draw: Callable[[], float] = lambda: 0.0) -> None:
        """
        Kill whatever is plugged in; on a dishonest disk, lose or tear what was not synced.

        Args:
            draw: Gives numbers in [0, 1): how much of what was not synced is kept, and whether the
                last commit of it is torn.
        """
        self.life += 1
        kept = int(draw() * len(self._states))
        state = self._states[kept]
        written = state.count - self._states[kept - 1].count if kept else 0
        if written and draw() < _HALF:  # half of one commit: the heading without all of its rows
            missing = 1 + int(draw() * written)
            state = _State(state.heading, state.count - missing, state.snapshots)
            self._copy = self._states[kept - 1]
        self._states = [state]
        self._lose(state.count)

    def _lose(self, count: int) -> None:
        self.lost += self._rows[count:]
        for row in self._rows[count:]:
            self._by_key[row.key].remove(row)
        del self._rows[count:]

    def restore_copy(self) -> None:
        """Put back what was there before the commit that a power cut has torn."""
        assert self._copy is not None, "nothing was torn"
        self._states, self._copy = [self._copy], None
        self._lose(self._states[0].count)

    @property
    def heading(self) -> Heading | None:
        """What the journal says of itself."""
        return self._states[-1].heading

    @property
    def snapshots(self) -> tuple[SnapshotRow, ...]:
        """The snapshots that were kept, by name, the latest first."""
        kept = self._states[-1].snapshots
        return tuple(row for _, rows in sorted(kept.items()) for row in rows)

    def rows(self, after: int) -> Iterator[Row]:
        """Iterate over the rows there are now, from the one with the sequence *after* + 1."""
        return iter(self._rows[after : self._states[-1].count])

    def rows_of(self, key: str) -> Iterator[Row]:
        """Iterate over the rows there are now that have this key."""
        last = self._states[-1].count
        return (row for row in self._by_key.get(key, ()) if row.sequence <= last)

    def check_power(self, life: int) -> None:
        """Raise StorageFailed when the power was cut after *life* began."""
        if life != self.life:
            raise StorageFailed("the power is off")

    def write(
        self,
        heading: Heading | None,
        rows: Sequence[Row],
        snapshots: Sequence[SnapshotRow],
        dropped: Sequence[str] = (),
        *,
        life: int,
    ) -> None:
        """
        Take one commit, made by a storage of *life*; see `Storage.commit`.

        Raises:
            StorageFailed: The disk is full, or the power is off.
        """
        self.check_power(life)
        if self.commits_left == 0:
            raise StorageFailed("database or disk is full")
        if self.commits_left is not None:
            self.commits_left -= 1
        going = self.cut_power_in == 0
        if self.cut_power_in is not None:
            self.cut_power_in = None if going else self.cut_power_in - 1
        failing, self.sync_fails = self.sync_fails, False
        if not (going or failing) or self.keep_last:
            self._keep(heading, rows, snapshots, dropped)
        if going:
            self.cut_power()
            raise StorageFailed("the power is off")
        if failing:
            raise StorageFailed("disk I/O error")

    def _keep(
        self,
        heading: Heading | None,
        rows: Sequence[Row],
        snapshots: Sequence[SnapshotRow],
        dropped: Sequence[str],
    ) -> None:
        self._rows.extend(rows)
        for row in rows:
            self._by_key[row.key].append(row)
        kept = _with_snapshots(self._states[-1].snapshots, snapshots, dropped)
        state = _State(heading, len(self._rows), kept)
        self._states = [state] if self.honest else [*self._states, state]
        if self.unsynced is not None:
            del self._states[: -1 - self.unsynced]


class MemoryStorage:
    """A journal's storage on a `MemoryDisk`; fits the Protocol `Storage`."""

    def __init__(self, disk: MemoryDisk, life: int) -> None:
        self._disk = disk
        self._life = life
        self._is_closed = False

    @property
    def name(self) -> str:
        """How it is called in messages."""
        return "a disk in memory"

    def heading(self) -> Heading | None:
        """Return what the journal says of itself."""
        return self._disk.heading

    def begin(self, heading: Heading) -> None:
        """Begin a journal."""
        self._disk.write(heading, (), (), life=self._life)

    def commit(
        self, rows: Sequence[Row], snapshots: Sequence[SnapshotRow], dropped: Sequence[str] = ()
    ) -> None:
        """Write rows, snapshots and heading at once; after `close`, that is the caller's defect."""
        assert not self._is_closed, "the journal was closed, and more is written"
        self._disk.check_power(self._life)
        heading = self._disk.heading
        assert heading is not None, "a journal is begun before anything is committed"
        if rows:
            heading = Heading(heading.uuid, rows[-1].sequence, rows[-1].hash)
        self._disk.write(heading, rows, snapshots, dropped, life=self._life)

    def rows(self, query: Query) -> Iterator[Row]:
        """Iterate over what was committed."""
        if query.key is not None:
            return filter(query.matches, self._disk.rows_of(query.key))
        rows = self._disk.rows(query.after)
        return rows if query == Query(after=query.after) else filter(query.matches, rows)

    def snapshots(self, name: str | None = None) -> Sequence[SnapshotRow]:
        """Return what was kept, by name, the latest first."""
        return [row for row in self._disk.snapshots if name in (None, row.name)]

    def close(self) -> None:
        """Take nothing more; what is there can still be read."""
        self._is_closed = True


def _with_snapshots(
    kept: _Snapshots, new: Sequence[SnapshotRow], dropped: Sequence[str]
) -> _Snapshots:
    """Return what is kept after a commit: of each name the two with the highest sequences."""
    if not (new or dropped):
        return kept
    rows = dict(kept)
    for each in new:
        before = rows.get(each.name, ())
        if before and before[0].sequence >= each.sequence:
            before = tuple(row for row in before if row.sequence != each.sequence)
            rows[each.name] = tuple(sorted((each, *before), key=_sequence, reverse=True)[:_KEPT])
        else:  # nearly always
            rows[each.name] = (each, *before[: _KEPT - 1])
    for name in dropped:
        rows.pop(name, None)
    return rows


def journal_on(disk: MemoryDisk) -> AbstractAsyncContextManager[Journal]:
    """Open the journal on *disk*, or begin it; its identity is `journal`, and nothing waits."""
    return open_journal_on(disk.plug_in(), make_uuid=lambda: "journal", run_blocking=run_inline)
