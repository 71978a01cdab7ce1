"""A journal keeps states, on a disk and in memory, and beside what a session keeps of itself."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from algopioneer_core.journal.entries import Entry, EntryKind
from algopioneer_core.journal.journal import open_journal
from algopioneer_core.journal.state_store import JournalStateStore
from algopioneer_core.ports import StateStore
from algopioneer_core.testing.clocks import run_inline
from algopioneer_core.testing.contracts import OpenStore, StateStoreContract
from algopioneer_core.testing.journal_storage import MemoryDisk, journal_on


class TestOnDisk(StateStoreContract):
    """In one SQLite file."""

    @pytest.fixture
    def open_store(self, tmp_path: Path) -> OpenStore:
        """Return what opens the file."""

        @asynccontextmanager
        async def opened() -> AsyncIterator[StateStore]:
            path = tmp_path / "states.journal"
            async with open_journal(
                path, make_uuid=lambda: "journal", run_blocking=run_inline
            ) as journal:
                yield JournalStateStore(journal)

        return opened


class TestInMemory(StateStoreContract):
    """On a disk whose power can be cut."""

    @pytest.fixture
    def open_store(self) -> OpenStore:
        """Return what plugs the disk in."""
        disk = MemoryDisk()
        return lambda: _opened(disk)


@asynccontextmanager
async def _opened(disk: MemoryDisk) -> AsyncIterator[JournalStateStore]:
    async with journal_on(disk) as journal:
        yield JournalStateStore(journal)


async def test_what_was_saved_survives_a_power_cut() -> None:
    """A save that has returned is on the disk itself."""
    disk = MemoryDisk()
    async with _opened(disk) as store:
        await store.save("alpha", {"number": 1})
        disk.cut_power()
        async with _opened(disk) as again:
            assert await again.load("alpha") == {"number": 1}


async def test_states_do_not_meet_what_a_session_keeps() -> None:
    """Nor its entries: a state is kept as of the last of them."""
    disk = MemoryDisk()
    async with journal_on(disk) as journal:
        journal.put_snapshot("risk", 0, {"own": True})
        store = JournalStateStore(journal)
        await store.save("risk", {"own": False})
        journal.append(Entry(EntryKind.SESSION, 0, body={"what": "started"}))
        await store.save("risk", {"own": None})
        assert journal.latest_snapshot("risk") == (0, {"own": True})
        assert await store.load("risk") == {"own": None}
        assert journal.committed == 1
