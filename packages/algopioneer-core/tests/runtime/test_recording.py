"""Finished trades reach every recorder, each at its own pace, each once."""

import anyio

from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.journal.entries import Entry, EntryKind
from algopioneer_core.journal.journal import Journal
from algopioneer_core.runtime.recording import RecordingPump
from algopioneer_core.testing.clocks import wait_all_blocked
from algopioneer_core.testing.journal_storage import MemoryDisk, journal_on
from algopioneer_core.testing.trades import round_trip


class _Recorder:
    """Fails so often, then takes what it is given; the same key once."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.offered: list[str] = []
        self.taken: dict[str, RoundTrip] = {}
        self.flushed = 0

    async def record(self, key: str, trade: RoundTrip) -> None:
        await anyio.lowlevel.checkpoint()
        self.offered.append(key)
        if self.failures:
            self.failures -= 1
            raise OSError("no space")
        self.taken[key] = trade

    async def flush(self) -> None:
        await anyio.lowlevel.checkpoint()
        self.flushed += 1


class _Alarm:
    def __init__(self) -> None:
        self.subjects: list[str] = []

    def __call__(
        self, ts_ns: int, subject: str, text: str = "", *, strategy: str = "", urgent: bool = False
    ) -> None:
        del ts_ns, text, strategy, urgent
        self.subjects.append(subject)


async def _trade(journal: Journal, *numbers: int) -> None:
    for number in numbers:
        journal.append(Entry(EntryKind.TRADE, number, "ma", f"ma:{number}", None, round_trip()))
        journal.append(Entry(EntryKind.EVENT, number, "ma", body={"n": number}))
    await journal.flush()


def _pump(journal: Journal, recorder: _Recorder, alarm: _Alarm | None = None) -> RecordingPump:
    return RecordingPump(
        "csv", recorder, journal, alarm=alarm or _Alarm(), now_ns=lambda: 0, draw=lambda: 0.5
    )


async def test_trades_are_recorded_as_they_come() -> None:
    """A ring brings what is new, and only that."""
    recorder = _Recorder()
    async with journal_on(MemoryDisk()) as journal, anyio.create_task_group() as tasks:
        pump = _pump(journal, recorder)
        await _trade(journal, 1)
        tasks.start_soon(pump.run)
        await wait_all_blocked()
        await _trade(journal, 2, 3)
        pump.bell.ring()
        await wait_all_blocked()
        pump.bell.ring()
        await wait_all_blocked()
        tasks.cancel_scope.cancel()

    assert recorder.offered == ["ma:1", "ma:2", "ma:3"]
    assert recorder.flushed == 2
    assert pump.recorded == 3


async def test_a_recorder_catches_up_after_failures() -> None:
    """Nothing is lost by failures in a row, and a person hears of them once."""
    recorder, alarm = _Recorder(failures=9), _Alarm()
    async with journal_on(MemoryDisk()) as journal, anyio.create_task_group() as tasks:
        await _trade(journal, 1, 2)
        tasks.start_soon(_pump(journal, recorder, alarm).run)
        await anyio.sleep(900)
        tasks.cancel_scope.cancel()

    assert list(recorder.taken) == ["ma:1", "ma:2"]
    assert alarm.subjects == ["recorder csv does not take trades"]


async def test_a_recorder_goes_on_where_it_was_before_a_restart() -> None:
    """Its place is in the journal; one that is new gets everything."""
    disk, recorder, other = MemoryDisk(), _Recorder(), _Recorder()
    async with journal_on(disk) as journal:
        await _trade(journal, 1)
        assert await _pump(journal, recorder).finish()
    async with journal_on(disk) as journal:
        await _trade(journal, 2)
        assert await _pump(journal, recorder).finish()
        fresh = RecordingPump(
            "json", other, journal, alarm=_Alarm(), now_ns=lambda: 0, draw=lambda: 0.5
        )
        assert await fresh.finish()

    assert recorder.offered == ["ma:1", "ma:2"]
    assert other.offered == ["ma:1", "ma:2"]


async def test_the_end_of_a_session_is_not_held_up_by_a_recorder_that_fails() -> None:
    """The last try is one try: what it does not take comes at the next start."""
    async with journal_on(MemoryDisk()) as journal:
        await _trade(journal, 1)

        assert not await _pump(journal, _Recorder(failures=1)).finish()
