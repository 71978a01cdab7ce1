"""
An engine driven over a venue in lockstep: the least that a session over a replay does.

Every market event is handled, then what it caused (orders, their reports, timers that are due),
before the next event is asked for. For tests of simulated venues; a session does all this and
journals it.
"""

from collections.abc import Sequence
from typing import Final

import anyio

from algopioneer_core.domain.commands import Cancel, Command, SetTimer, Submit
from algopioneer_core.domain.errors import OrderRejected as Refused
from algopioneer_core.domain.errors import UnsupportedOperation
from algopioneer_core.domain.events import OrderRejected, TimerFired
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import Bar, JointBar
from algopioneer_core.engine.engine import TradingEngine
from algopioneer_core.ports import MarketDataEvent, Venue

__all__ = ["LockstepDriver"]

_EVERYTHING: Final = 2**62


class LockstepDriver:
    """
    Runs one engine over one venue.

    Args:
        venue: Where it trades; must be in lockstep.
        engine: Decides.
        joint: Whether it decides on joint bars of all its instruments, or on each bar.
    """

    def __init__(self, venue: Venue, engine: TradingEngine, *, joint: bool = False) -> None:
        assert venue.capabilities.lockstep
        self._venue = venue
        self._engine = engine
        self._joint: list[Bar] | None = [] if joint else None
        self._timers: dict[str, int] = {}
        self.events = 0
        """Market events handled so far."""

    async def run(self, most: int = _EVERYTHING) -> None:
        """Handle all market events to come, or so many of them."""
        ids = list(self._engine.portfolio.instruments)
        async with anyio.create_task_group() as tasks:
            ready = anyio.Event()
            tasks.start_soon(self._hear, ready)
            await ready.wait()
            await self._watch(ids, most)
            tasks.cancel_scope.cancel()

    async def _watch(self, ids: Sequence[InstrumentId], most: int) -> None:
        async with self._venue.market_data.subscribe(ids) as events:
            while most > 0:
                try:
                    event = await events.receive()
                except anyio.EndOfStream:
                    return
                await self._show(event)
                self.events += 1
                most -= 1

    async def _hear(self, ready: anyio.Event) -> None:
        async with self._venue.execution.reports() as reports:
            ready.set()
            async for report in reports:
                await self._obey(self._engine.handle(report))

    async def _show(self, event: MarketDataEvent) -> None:
        shown: MarketDataEvent | JointBar | None = event
        if self._joint is not None and isinstance(event, Bar):
            shown = self._joined(self._joint, event)
        if shown is not None:
            await self._obey(self._engine.handle(shown))
            await self._fire(event.ts_event)

    def _joined(self, waiting: list[Bar], bar: Bar) -> JointBar | None:
        if waiting and waiting[0].ts_event != bar.ts_event:
            waiting.clear()
        waiting.append(bar)
        if len(waiting) < len(self._engine.portfolio.instruments):
            return None
        return JointBar(bar.ts_event, tuple(waiting))

    async def _fire(self, now_ns: int) -> None:
        due = sorted((at_ns, name) for name, at_ns in self._timers.items() if at_ns <= now_ns)
        for _, name in due:
            del self._timers[name]
        for _, name in due:
            await self._obey(self._engine.handle(TimerFired(name, now_ns)))

    async def _obey(self, commands: Sequence[Command]) -> None:
        for command in commands:
            if isinstance(command, Submit):
                await self._submit(command)
            elif isinstance(command, Cancel):
                await self._venue.execution.cancel(command.client_order_id)
            elif isinstance(command, SetTimer):
                self._timers[command.name] = command.at_ns

    async def _submit(self, command: Submit) -> None:
        try:
            await self._venue.execution.submit(command.order)
        except (Refused, UnsupportedOperation) as error:
            order_id, now_ns = command.order.client_order_id, self._engine.now_ns
            refusal = OrderRejected(order_id, now_ns, error.message)
            await self._obey(self._engine.handle(refusal))
