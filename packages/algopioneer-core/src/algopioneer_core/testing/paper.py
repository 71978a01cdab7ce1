"""Paper accounts for tests: over a replay of bars written by hand, and played by a script."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias

import anyio
from attrs import field, frozen

from algopioneer_core.domain.events import AccountEvent, ExecutionReport
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import Instrument
from algopioneer_core.domain.market_data import Bar
from algopioneer_core.domain.money import decimal_of
from algopioneer_core.domain.orders import Order, OrderIntent, OrderStatus
from algopioneer_core.history.columns import ColumnsSource
from algopioneer_core.ports import Execution, MarketDataEvent, Venue
from algopioneer_core.simulation.paper import PaperVenue
from algopioneer_core.simulation.paper_config import PaperConfig
from algopioneer_core.simulation.replay import ReplayVenue
from algopioneer_core.testing.backtests import bars_of

__all__ = ["Action", "Heard", "paper_over", "play", "replay_of", "sent"]

Action: TypeAlias = Callable[[Execution], Awaitable[None]]
"""Something done with the account between two market events."""
_Quad: TypeAlias = tuple[int, int, int, int]


def paper_over(
    prices: Mapping[Instrument, Sequence[_Quad | int]], *, slippage_bps: str = "0", **config: Any
) -> PaperVenue:
    """
    Return a paper account over a replay of one-minute bars.

    Args:
        prices: Open, high, low and close of each bar, in whole units; or one price for all four.
        slippage_bps: None unless stated.
        config: Other fields of `PaperConfig`.
    """
    replay = replay_of(prices)
    settings = PaperConfig(slippage_bps=decimal_of(slippage_bps), **config)
    return PaperVenue(settings, replay, list(prices))


def replay_of(prices: Mapping[Instrument, Sequence[_Quad | int]]) -> ReplayVenue:
    """Return a replay of one-minute bars: see `paper_over`."""
    instruments = list(prices)
    quads = [[_quad(each) for each in prices[one]] for one in instruments]
    sources = [
        ColumnsSource(bars_of(one.id, rows, decimals=0))
        for one, rows in zip(instruments, quads, strict=True)
    ]
    return ReplayVenue(instruments[0].id.venue, instruments, sources)


def _quad(price: _Quad | int) -> _Quad:
    return (price, price, price, price) if isinstance(price, int) else price


def sent(
    client_order_id: str,
    instrument: Instrument,
    side: Side,
    quantity: str | None = "1",
    *,
    ts_ns: int = 0,
    **terms: Any,
) -> Order:
    """Return an order as it is handed to a venue."""
    size = None if quantity is None else decimal_of(quantity)
    intent = OrderIntent(instrument_id=instrument.id, side=side, quantity=size, **terms)
    return Order(client_order_id, intent, ts_ns, OrderStatus.PENDING)


@frozen
class Heard:
    """What was heard while a script was played, in order."""

    events: list[MarketDataEvent] = field(factory=list)
    reports: list[ExecutionReport | AccountEvent] = field(factory=list)
    order: list[object] = field(factory=list)
    """Both, as they came."""

    def told(self, kind: type) -> list[Any]:
        """Return the reports of one kind."""
        return [report for report in self.reports if isinstance(report, kind)]


async def play(
    venue: Venue,
    instruments: Sequence[Instrument],
    script: Mapping[int, Sequence[Action]],
    *,
    start: int = 0,
    most: int = 1_000,
) -> Heard:
    """
    Watch a venue's feed to its end and act in between; return what was heard.

    Args:
        venue: In lockstep.
        instruments: Whose events are watched.
        script: What to do after each event, by its number, the first being 1; 0 is before all.
        start: How many events went by before.
        most: How many events to watch.
    """
    heard = Heard()
    async with anyio.create_task_group() as tasks:
        await tasks.start(_listen, venue, heard)
        await _watch(venue, instruments, script, range(start, start + most), heard)
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    return heard


async def _listen(venue: Venue, heard: Heard, *, task_status: anyio.abc.TaskStatus[None]) -> None:
    async with venue.execution.reports() as reports:
        task_status.started()
        async for report in reports:
            heard.reports.append(report)
            heard.order.append(report)


async def _watch(
    venue: Venue,
    instruments: Sequence[Instrument],
    script: Mapping[int, Sequence[Action]],
    numbers: range,
    heard: Heard,
) -> None:
    async with venue.market_data.subscribe([each.id for each in instruments]) as events:
        if numbers.start == 0:
            await _act(venue, script.get(0, ()))
        for number in numbers:
            try:
                event = await events.receive()
            except anyio.EndOfStream:
                return
            assert isinstance(event, Bar)
            heard.events.append(event)
            heard.order.append(event)
            await _act(venue, script.get(number + 1, ()))


async def _act(venue: Venue, actions: Sequence[Action]) -> None:
    for action in actions:
        await action(venue.execution)
