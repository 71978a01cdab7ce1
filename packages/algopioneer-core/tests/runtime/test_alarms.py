"""Alerts are written down at once and delivered by whoever can."""

import anyio
import pytest

from algopioneer_core.domain.errors import VenueUnavailable
from algopioneer_core.journal.entries import Entry, EntryKind
from algopioneer_core.journal.errors import JournalFailed
from algopioneer_core.ports import Alert
from algopioneer_core.runtime.alarms import AlarmBell
from algopioneer_core.testing.clocks import wait_all_blocked


class _Log:
    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.broken = False

    def append(self, entry: Entry) -> int:
        if self.broken:
            raise JournalFailed("the disk is full")
        self.entries.append(entry)
        return len(self.entries)


class _Notifier:
    """Takes so long for each alert, after so many failures."""

    def __init__(self, *, seconds: float = 0, failures: int = 0) -> None:
        self.taken: list[tuple[float, str]] = []
        self._seconds = seconds
        self._failures = failures

    async def notify(self, alert: Alert) -> None:
        await anyio.sleep(self._seconds)
        if self._failures:
            self._failures -= 1
            raise VenueUnavailable("no line")
        self.taken.append((anyio.current_time(), alert.subject))


async def test_an_alert_is_written_down_and_delivered_to_all() -> None:
    """The journal has it at once, and every notifier gets it."""
    log, first, second = _Log(), _Notifier(), _Notifier()
    bell = AlarmBell(log, {"first": first, "second": second})
    bell(7, "it burns", "leave", strategy="ma", urgent=True)
    body = {"subject": "it burns", "text": "leave", "urgent": True}

    assert log.entries == [Entry(EntryKind.ALERT, 7, "ma", body=body)]

    await bell.finish()

    assert first.taken == second.taken == [(0, "it burns")]


async def test_a_notifier_that_fails_or_hangs_holds_nobody_up() -> None:
    """Each notifier has its own pace; what it does not take is given up and counted."""
    good, bad, slow = _Notifier(), _Notifier(failures=99), _Notifier(seconds=99)
    bell = AlarmBell(_Log(), {"slow": slow, "bad": bad, "good": good})
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bell.run)
        for number in range(3):
            await anyio.sleep(1)
            bell(number, f"alert {number}")
        await anyio.sleep(200)
        tasks.cancel_scope.cancel()

    assert good.taken == [(1, "alert 0"), (2, "alert 1"), (3, "alert 2")]
    assert bad.taken == slow.taken == []
    assert bell.undelivered == 6


async def test_a_failed_delivery_is_tried_again() -> None:
    """Two failures are waited out."""
    notifier = _Notifier(failures=2)
    await _finished(notifier)

    assert notifier.taken == [(6, "alert")]


async def _finished(notifier: _Notifier) -> AlarmBell:
    bell = AlarmBell(_Log(), {"one": notifier})
    bell(1, "alert")
    await bell.finish()
    return bell


async def test_what_was_under_way_when_the_session_ended_is_delivered() -> None:
    """A cancelled delivery is made again by the last one."""
    notifier = _Notifier(seconds=5)
    bell = AlarmBell(_Log(), {"one": notifier})
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bell.run)
        bell(1, "alert")
        await wait_all_blocked()
        tasks.cancel_scope.cancel()
    await bell.finish()

    assert [subject for _, subject in notifier.taken] == ["alert"]


async def test_memory_is_bounded_where_nobody_delivers() -> None:
    """Of far too many alerts the latest are kept, and the lost ones are counted."""
    notifier = _Notifier()
    bell = AlarmBell(_Log(), {"one": notifier})
    for number in range(1_005):
        bell(number, str(number))
    await bell.finish()

    assert bell.undelivered == 5
    assert [subject for _, subject in notifier.taken] == [str(n) for n in range(5, 1_005)]


async def test_people_hear_of_it_even_when_the_journal_has_failed() -> None:
    """A full disk does not keep the alert about it from going out."""
    log, notifier = _Log(), _Notifier()
    log.broken = True
    bell = AlarmBell(log, {"one": notifier})
    with pytest.raises(JournalFailed):
        bell(1, "the disk is full")
    await bell.finish()

    assert [subject for _, subject in notifier.taken] == ["the disk is full"]
