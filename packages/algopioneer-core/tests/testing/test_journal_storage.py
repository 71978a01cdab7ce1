"""A disk that must fail as real ones do, so that a journal can be seen to survive it."""

import random
from typing import Any

import anyio
import pytest

from algopioneer_core.journal.entries import Entry, EntryKind
from algopioneer_core.journal.errors import JournalCorrupt, JournalFailed
from algopioneer_core.journal.journal import Journal
from algopioneer_core.testing.journal_storage import MemoryDisk, journal_on


@pytest.fixture
def anyio_backend(virtual_backend: tuple[str, dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    """Run on both event loops, in virtual time."""
    return virtual_backend


pytestmark = pytest.mark.anyio


async def write(journal: Journal, number: int) -> None:
    """Append one entry with a snapshot, and wait for it."""
    sequence = journal.append(Entry(EntryKind.ALERT, number, key=str(number)))
    journal.put_snapshot("engine", sequence, number)
    await journal.durable(sequence)


async def test_what_was_durable_survives_a_power_cut() -> None:
    """And what was only queued is gone, clean-up or not."""
    disk = MemoryDisk()
    with pytest.raises(JournalFailed, match="power is off"):  # noqa: PT012 - raised on leaving
        async with journal_on(disk) as journal:
            for number in (1, 2, 3):
                await write(journal, number)
            journal.append(Entry(EntryKind.ALERT, 4))
            disk.cut_power()
    async with journal_on(disk) as journal:
        assert [each.entry.key for each in journal.read(after=1)] == ["2", "3"]
        assert journal.latest_snapshot("engine") == (3, 3)


@pytest.mark.parametrize("keep_last", [False, True])
async def test_the_power_goes_in_the_middle_of_a_commit(*, keep_last: bool) -> None:
    """Nobody hears whether it was made: it is there whole, or not at all."""
    disk = MemoryDisk()
    async with journal_on(disk) as journal:
        await write(journal, 1)
        disk.cut_power_in, disk.keep_last = 1, keep_last
        await write(journal, 2)
        with pytest.raises(JournalFailed, match="power is off"):
            await write(journal, 3)
    async with journal_on(disk) as journal:
        assert journal.last_sequence == (3 if keep_last else 2)


async def test_a_full_disk_refuses_and_keeps_what_it_has() -> None:
    """After so many commits there is no room for another."""
    disk = MemoryDisk(commits_left=2)
    async with journal_on(disk) as journal:
        await write(journal, 1)
        with pytest.raises(JournalFailed, match="full"):
            await write(journal, 2)
    assert disk.heading is not None
    assert disk.heading.sequence == 1


async def test_a_lying_disk_is_found_out() -> None:
    """Lost commits leave a shorter journal, a torn one is refused; never is one half read."""
    ends = set()
    for seed in range(40):
        rng, disk = random.Random(seed), MemoryDisk(honest=False)
        with pytest.raises(JournalFailed):  # noqa: PT012 - raised on leaving
            async with journal_on(disk) as journal:
                for number in range(1, 5):
                    await write(journal, number)
                journal.append(Entry(EntryKind.ALERT, 9))
                disk.cut_power(rng.random)
        try:
            async with journal_on(disk) as journal:
                ends.add(str(journal.last_sequence))
        except JournalCorrupt as error:
            ends.add(error.message)
    assert {"0", "1", "2", "3"} & ends
    assert any("missing" in end for end in ends)


async def test_every_task_shares_the_commits() -> None:
    """In a simulation the journal behaves as on a real disk."""
    disk = MemoryDisk()
    async with journal_on(disk) as journal, anyio.create_task_group() as tasks:
        for number in range(10):
            tasks.start_soon(write, journal, number)
    assert len(list(disk.rows(0))) == 10
    assert disk.snapshots[0].sequence == 10


async def test_a_storage_that_was_closed_takes_nothing_more() -> None:
    """Whoever writes on after the end has a defect, and hears of it; what is there is read."""
    disk = MemoryDisk()
    async with journal_on(disk) as journal:
        await write(journal, 1)
    journal.append(Entry(EntryKind.ALERT, 2))
    with pytest.raises(AssertionError, match="was closed, and more is written"):
        await journal.flush()
    assert [each.entry.key for each in journal.read()] == ["1"]
