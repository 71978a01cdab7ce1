"""
The private stream of a simulated account, which knows when its readers have handled what they got.

A reader has handled a report when it asks for the next one. That is how a simulated market keeps
the order of events that a backtest has: the fills of a bar are handled before the bar is shown.
"""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import anyio.lowlevel

from algopioneer_core.domain.events import AccountEvent, ExecutionReport
from algopioneer_core.simulation.ending_stream import EndingStream

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


class ReportStream(EndingStream[Report]):
    """One reader's reports; made by `ReportHub.stream`."""

    def __init__(self, hub: ReportHub) -> None:
        self._hub = hub
        self._waiting: deque[Report] = deque()
        self._arrival = anyio.Event()
        self._is_asked = False
        self._is_busy = False
        self._is_closed = False

    @property
    def is_settled(self) -> bool:
        """Whether all reports were taken and handled; true before there is any."""
        return not self._waiting and not self._is_busy

    def put(self, report: Report) -> None:
        """Add *report* behind those that wait."""
        self._waiting.append(report)
        self._arrival.set()

    def close(self) -> None:
        """End the stream: a reader that waits gets its end."""
        self._is_closed = True
        self._waiting.clear()
        self._arrival.set()

    async def receive(self) -> Report:
        """
        Wait for the next report and return it; a cancellation leaves it for the next call.

        Raises:
            anyio.EndOfStream: The stream was closed.
            anyio.BusyResourceError: Another task waits for it already.
        """
        if self._is_asked:
            raise anyio.BusyResourceError("reading from")
        self._is_asked, self._is_busy = True, False
        try:
            return await self._next()
        finally:
            self._is_asked = False

    async def _next(self) -> Report:
        self._hub.look()
        await anyio.lowlevel.checkpoint()
        while not self._waiting and not self._is_closed:
            self._arrival = anyio.Event()
            await self._arrival.wait()
        if self._is_closed:
            raise anyio.EndOfStream
        self._is_busy = True
        return self._waiting.popleft()
