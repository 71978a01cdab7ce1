"""
The saver: in a live session, what the journal says and what a restart knows never differ.

Each commit of the journal also writes the state of every strategy that its rows concern, taken at
that very moment, in the same transaction. So after any kill the latest snapshots are those of the
latest rows, and nothing has to be derived again. What only grows (the fills of a simulated account)
is written in pages, of which a commit writes those that have become longer.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final
from weakref import WeakKeyDictionary

import anyio.lowlevel

from algopioneer_core.domain.errors import RefusedError
from algopioneer_core.journal.entries import Entry
from algopioneer_core.journal.journal import Journal
from algopioneer_core.ports import SupportsSnapshot, Venue
from algopioneer_core.runtime.runner import StrategyRunner
from algopioneer_core.wire.wake import Wake

__all__ = ["Saver", "runner_snapshot", "venue_snapshot"]

_RISK: Final = "risk"
_PAGES: Final = "pages"
"""Where a snapshot has what only grows; see `SupportsSnapshot`."""


class Saver:
    """
    Writes rows and the snapshots that go with them.

    Args:
        journal: The journal.
        venues: Those that have a state of their own (simulated accounts) are saved too.
    """

    def __init__(self, journal: Journal, venues: Mapping[str, Venue]) -> None:
        self.bell = Wake()
        """Rung when there is something to commit."""
        self._journal = journal
        self._stateful = {
            name: venue for name, venue in venues.items() if isinstance(venue, SupportsSnapshot)
        }
        self._runners: Mapping[str, StrategyRunner] = {}
        self._risk: Any = None
        self._risk_saved: Mapping[str, object] | None = None
        self._changed: dict[str, None] = {}
        self._pages: dict[str, int] = {}
        """By snapshot, how long each page of a simulated account was when it was saved."""
        self._saved: WeakKeyDictionary[StrategyRunner, tuple[int, int]] = WeakKeyDictionary()

    def watch(self, runners: Mapping[str, StrategyRunner], risk: Any) -> None:
        """Save these from now on, with every commit that concerns them."""
        self._runners, self._risk = runners, risk
        self._journal.before_commit = self._put

    @property
    def waiting(self) -> tuple[str, ...]:
        """The strategies whose state goes with the next commit."""
        return tuple(self._changed)

    # --- rows --------------------------------------------------------------------------------

    def append(self, entry: Entry) -> int:
        """Queue an entry; its strategy's state is saved with it."""
        self.touch(entry.strategy)
        return self._journal.append(entry)

    def touch(self, strategy: str) -> None:
        """Save a strategy's state with the next commit."""
        self._changed[strategy] = None
        self.bell.ring()

    def touch_quiet(self) -> None:
        """Save with the next commit who has seen something since, though no row came of it."""
        for name, runner in self._runners.items():
            if self._saved.get(runner) != runner.mark:
                self.touch(name)

    def put_last(self, runner: StrategyRunner) -> None:
        """Keep the state of a strategy that is being taken away, with the rows that led to it."""
        self._changed.pop(runner.name, None)
        last = self._journal.last_sequence
        self._journal.put_snapshot(runner_snapshot(runner.name), last, runner.snapshot())
        self.bell.ring()

    async def durable(self, sequence: int) -> None:
        """Return once the entry, and the states that belong to it, are on the disk."""
        await self._journal.durable(sequence)

    async def flush(self) -> None:
        """Make everything durable, states that changed without a row included."""
        if not self._journal.has_queued:  # else the commit of that puts them
            await self._put()
        await self._journal.flush()

    async def _put(self) -> None:
        """Put the snapshots of what changed; at the end of it nothing has been waited for."""
        if not self._changed:
            return
        # Somebody is handing over the fills of a market event: there is nothing to be told by.
        while (states := self._states_of_venues()) is None:  # noqa: ASYNC110
            await anyio.lowlevel.checkpoint()
        last = self._journal.last_sequence
        changed, self._changed = self._changed, {}
        for name in changed:
            if name in self._runners:
                runner = self._runners[name]
                self._saved[runner] = runner.mark
                self._journal.put_snapshot(runner_snapshot(name), last, runner.snapshot())
        self._put_risk(last)
        for name, state in states.items():
            self._put_venue(venue_snapshot(name), last, state)

    def _put_risk(self, last: int) -> None:
        """Put what the gate remembers, which mostly is what it was."""
        state = self._risk.snapshot()
        if state != self._risk_saved:
            self._journal.put_snapshot(_RISK, last, state)
            self._risk_saved = state

    def _put_venue(self, place: str, last: int, state: Mapping[str, Any]) -> None:
        """Put a simulated account: what changes at any time, and the pages that have changed."""
        rest = {key: value for key, value in state.items() if key != _PAGES}
        self._journal.put_snapshot(place, last, rest)
        pages = {f"{place}/{key}": page for key, page in state.get(_PAGES, {}).items()}
        for name, page in pages.items():
            if self._pages.get(name) != len(page):
                self._journal.put_snapshot(name, last, page)
                self._pages[name] = len(page)
        for name in [each for each in self._pages if _is_page(each, place) and each not in pages]:
            self._journal.drop_snapshot(name)
            del self._pages[name]

    def _states_of_venues(self) -> dict[str, Mapping[str, object]] | None:
        try:
            return {name: venue.snapshot() for name, venue in self._stateful.items()}
        except RefusedError:
            return None

    # --- states ------------------------------------------------------------------------------

    def saved_runner(self, name: str) -> Mapping[str, Any] | None:
        """Return the latest state of a strategy, if any."""
        found = self._journal.latest_snapshot(runner_snapshot(name))
        return None if found is None else found[1]

    def saved_runners(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Return the latest state of every strategy that was ever here, by name."""
        prefix = runner_snapshot("")
        for name in self._journal.snapshot_names(prefix):
            yield name.removeprefix(prefix), self._latest(name)

    def saved_risk(self) -> Mapping[str, Any] | None:
        """Return the latest state of the risk gate, if any."""
        found = self._journal.latest_snapshot(_RISK)
        return None if found is None else found[1]

    def restore_venues(self) -> None:
        """Give simulated accounts back what they had."""
        for name, venue in self._stateful.items():
            place = venue_snapshot(name)
            found = self._journal.latest_snapshot(place)
            if found is not None:
                venue.restore({**found[1], _PAGES: self._saved_pages(place)})

    def _saved_pages(self, place: str) -> dict[str, Any]:
        names = self._journal.snapshot_names(f"{place}/")
        pages = {name: self._latest(name) for name in names}
        self._pages.update((name, len(page)) for name, page in pages.items())
        return {name.removeprefix(f"{place}/"): page for name, page in pages.items()}

    def _latest(self, name: str) -> Any:
        found = self._journal.latest_snapshot(name)
        assert found is not None, f"{name} was among the names"
        return found[1]


def runner_snapshot(strategy: str) -> str:
    """Return the name of a strategy's snapshots in a live session."""
    return f"strategy:{strategy}"


def venue_snapshot(venue: str) -> str:
    """Return the name of a simulated venue's snapshots in a live session."""
    return f"venue:{venue}"


def _is_page(name: str, place: str) -> bool:
    return name.startswith(f"{place}/")
