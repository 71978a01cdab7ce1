"""
Recording: finished trades go from the journal to every recorder, each at its own pace.

A recorder is given what the journal has, from where it stopped: so one that failed, was slow, or
was not there yesterday catches up by itself, and nothing is kept in memory for it. What it is given
twice it writes once, because the trade's key is the same.
"""

from collections.abc import Callable
from typing import Final

import anyio

from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.journal.entries import EntryKind
from algopioneer_core.journal.journal import Journal
from algopioneer_core.ports import Recorder
from algopioneer_core.runtime.floor import Alarm
from algopioneer_core.wire.backoff import Backoff, BackoffPolicy
from algopioneer_core.wire.wake import Wake

__all__ = ["RecordingPump"]

_RETRY: Final = BackoffPolicy(base_ns=NS_PER_SECOND, cap_ns=60 * NS_PER_SECOND)
_TELL_AFTER: Final = 5
"""Failures in a row after which a person is told."""


class RecordingPump:
    """
    Feeds one recorder.

    Args:
        name: Its name in the configuration; what the journal remembers its place by.
        recorder: Takes the trades.
        journal: Has them.
        alarm: Told when it fails for long.
        now_ns: The time, for alarms.
        draw: Numbers in [0, 1) for the jitter of retries.
    """

    def __init__(
        self,
        name: str,
        recorder: Recorder,
        journal: Journal,
        *,
        alarm: Alarm,
        now_ns: Callable[[], int],
        draw: Callable[[], float],
    ) -> None:
        self.name: Final = name
        self.bell = Wake()
        self.recorded = 0
        """Trades it took since the start."""
        self._recorder = recorder
        self._journal = journal
        self._alarm = alarm
        self._now_ns = now_ns
        self._waits = Backoff(_RETRY, draw)
        saved = journal.latest_snapshot(self._place)
        self._position = 0 if saved is None else int(saved[1]["sequence"])
        self._looked = 0

    @property
    def _place(self) -> str:
        return f"recorder:{self.name}"

    async def run(self) -> None:
        """
        Record what there is, and whatever comes after each ring of the bell, until cancelled.

        A failure is waited out and tried again; it disturbs nobody else.
        """
        self.bell.ring()
        while True:
            await self.bell.wait()
            if not await self._try():
                await anyio.sleep(self._waits.next_ns() / NS_PER_SECOND)
                self.bell.ring()

    async def finish(self) -> bool:
        """Record the rest once, at the end of a session; return whether that worked."""
        return await self._try()

    async def _try(self) -> bool:
        try:
            await self._catch_up()
        except Exception as error:  # whatever a recorder raises is its own affair
            if self._waits.attempts == _TELL_AFTER:
                self._alarm(
                    self._now_ns(),
                    f"recorder {self.name} does not take trades",
                    f"{error}; it is tried again, and nothing is lost: the journal has them",
                )
            return False
        self._waits.reset()
        return True

    async def _catch_up(self) -> None:
        position, end = self._position, self._journal.committed
        for stored in self._journal.read(
            after=max(position, self._looked), until=end, kinds=(EntryKind.TRADE,)
        ):
            await self._recorder.record(stored.entry.key, stored.entry.body)
            position = stored.sequence
            self.recorded += 1
        if position != self._position:
            await self._recorder.flush()
            self._position = position
            self._journal.put_snapshot(self._place, position, {"sequence": position})
        self._looked = end  # no trade up to there is left: not read again
