"""What the cases of the venue contract work with: an open account, and how to watch a market."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from typing import Any, TypeAlias

import anyio
import anyio.abc
import pytest
from attrs import field, frozen

from algopioneer_core.domain.events import OrderFilled
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import Instrument
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.domain.money import Quantity
from algopioneer_core.domain.orders import Order, OrderIntent, OrderStatus
from algopioneer_core.ports import Execution, MarketDataEvent, NotYetKnown, OrderLookup, Venue

__all__ = ["Desk", "Move", "OpenVenue", "total_of", "watched"]

OpenVenue: TypeAlias = Callable[[], AbstractAsyncContextManager[Venue]]
"""Opens the venue, anew each time."""
Move: TypeAlias = Callable[[Venue], Awaitable[None]]
"""Lets the market move once, as far as a market order needs to be filled."""


@frozen
class Desk:
    """An open account and what it has told."""

    venue: Venue
    instrument: Instrument
    move: Move
    reports: list[Any] = field(factory=list)

    @property
    def account(self) -> Execution:
        """What is tested."""
        return self.venue.execution

    def order(self, name: str, **terms: Any) -> Order:
        """Return a purchase, at the market unless *terms* say otherwise."""
        intent: dict[str, Any] = {"instrument_id": self.instrument.id, "side": Side.BUY}
        if "quote_amount" not in terms:
            intent["quantity"] = self.quantity
        return Order(name, OrderIntent(**{**intent, **terms}), 0, OrderStatus.PENDING)

    @property
    def quantity(self) -> Quantity:
        """The smallest whole number that the instrument takes."""
        least = max(self.instrument.minimum_quantity, Decimal(1))
        return self.instrument.quantity_increment.ceil(least)

    def told(self, kind: type, name: str) -> list[Any]:
        """Return the reports of one kind about one order."""
        return [
            each
            for each in self.reports
            if isinstance(each, kind) and getattr(each, "client_order_id", "") == name
        ]

    async def listen(self, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        """Keep all reports until this is cancelled."""
        async with self.account.reports() as reports:
            task_status.started()
            async for report in reports:
                self.reports.append(report)

    async def settle(self) -> None:
        """Let everything arrive that was sent."""
        await anyio.sleep(1)

    async def bought(self, name: str) -> list[OrderFilled]:
        """Buy at the market and return the fills, once the order is complete."""
        await self.account.submit(self.order(name))
        for _ in range(5):
            await self.move(self.venue)
            await self.settle()
            fills: list[OrderFilled] = self.told(OrderFilled, name)
            if fills and fills[-1].complete is not False:
                return fills
        pytest.fail(f"market order {name} was not filled in five moves: {self.reports}")

    async def looked_up(self, name: str) -> OrderLookup:
        """Ask until it is known what became of an order."""
        answer = await self.account.order(name)
        for _ in range(5):
            if not isinstance(answer, NotYetKnown):
                return answer
            await anyio.sleep(self.venue.capabilities.absence_after_ns / NS_PER_SECOND)
            answer = await self.account.order(name)
        return answer


async def total_of(account: Execution, asset: str) -> Decimal:
    """Return what an account has of an asset; zero where it is not listed."""
    totals = [each.total for each in await account.balances() if each.asset == asset]
    return totals[0] if totals else Decimal(0)


async def watched(venue: Venue, instrument: Instrument, move: Move) -> list[MarketDataEvent]:
    """Return what comes of three moves, or by itself, within ten seconds."""
    events: list[MarketDataEvent] = []
    enough = anyio.Event()

    async def watch(*, task_status: anyio.abc.TaskStatus[None]) -> None:
        async with venue.market_data.subscribe([instrument.id]) as stream:
            task_status.started()
            async for event in stream:
                events.append(event)
                if len(events) == 3:
                    enough.set()
                    return

    async with anyio.create_task_group() as tasks:
        await tasks.start(watch)
        if not venue.capabilities.lockstep:
            for _ in range(3):
                await move(venue)
        with anyio.move_on_after(10):
            await enough.wait()
        tasks.cancel_scope.cancel()
    return events
