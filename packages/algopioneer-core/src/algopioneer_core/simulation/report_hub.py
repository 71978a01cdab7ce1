"""
The private stream of a simulated account, which knows when its readers have handled what they got.

A reader has handled a report when it asks for the next one. That is how a simulated market keeps
the order of events that a backtest has: the fills of a bar are handled before the bar is shown.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import anyio

from algopioneer_core.domain.events import AccountEvent, ExecutionReport
from algopioneer_core.simulation.buffered_stream import BufferedStream

__all__ = ["ReportHub", "ReportStream"]

Report = ExecutionReport | AccountEvent


class ReportHub:
    """Gives every report to every stream that is open; without one, reports are not kept."""

    def __init__(self) -> None:
        self._streams: list[ReportStream] = []
        self._quiet = anyio.Event()

    @contextmanager
    def stream(self) -> Iterator["ReportStream"]:
        """Open a stream of the reports from now on; leaving the block closes it."""
        stream = ReportStream(self)
        self._streams.append(stream)
        try:
            yield stream
        finally:
            if stream in self._streams:  # else it was hung up on
                self._streams.remove(stream)
            stream.close()
            self.look()

    def publish(self, report: Report) -> None:
        """Hand *report* to all readers."""
        for stream in self._streams:
            stream.put(report)

    def hang_up(self) -> None:
        """End all streams that are open; reports are not kept until one is opened again."""
        streams, self._streams = self._streams, []
        for stream in streams:
            stream.close()

    async def settled(self) -> None:
        """
        Wait until all readers have handled all reports; not at all when they have.

        A reader that never asks for its next report holds this up until its stream is closed, so
        read in a task of its own.
        """
        while not self.is_settled:
            self._quiet = anyio.Event()
            await self._quiet.wait()

    @property
    def is_settled(self) -> bool:
        """Whether all readers have handled all reports."""
        return all(stream.is_settled for stream in self._streams)

    def look(self) -> None:
        """Let whoever waits in `settled` look again."""
        self._quiet.set()


class ReportStream(BufferedStream[Report]):
    """One reader's reports; made by `ReportHub.stream`."""

    def __init__(self, hub: ReportHub) -> None:
        super().__init__()
        self._hub = hub
        self._is_busy = False

    @property
    def is_settled(self) -> bool:
        """Whether all reports were taken and handled; true before there is any."""
        return not self._waiting and not self._is_busy

    def ask(self) -> None:
        """Take note that the reader has handled the report it got last."""
        self._is_busy = False
        self._hub.look()

    def take(self) -> Report:
        """Return the next report, which is handled when the reader asks again."""
        report = super().take()
        self._is_busy = True
        return report
