"""An open account and what it has told: the cases of the venue contract work with these."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from typing import Any, Final

import anyio
import anyio.abc
import pytest
from attrs import field, frozen

from algopioneer_core.domain.capabilities import Capability
from algopioneer_core.domain.errors import OrderRejected as Refused
from algopioneer_core.domain.errors import VenueError
from algopioneer_core.domain.events import (
    ExecutionReport,
    OrderAccepted,
    OrderCanceled,
    OrderCompleted,
    OrderExpired,
    OrderFilled,
    OrderRejected,
)
from algopioneer_core.domain.fills import Fill, Side
from algopioneer_core.domain.instruments import Instrument
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.domain.money import ZERO, Price, Quantity, mul, total
from algopioneer_core.domain.orders import Order, OrderIntent, OrderStatus, OrderType
from algopioneer_core.ports import Balance, Execution, NotYetKnown, OrderLookup, Venue
from algopioneer_core.testing.fault_plans import Fault, FaultKind

__all__ = ["Desk", "befalls", "during"]

_MOVES: Final = 30
"""After how many moves of the market something must have happened."""
_BEYOND: Final = Decimal("1.1")
"""A limit this far beyond the market trades at once."""
_PATIENCE_S: Final = 30
"""How long an answer is waited for that does not come."""


@frozen
class Desk:
    """An open account and what it has told."""

    venue: Venue
    instrument: Instrument
    _move: Callable[[Venue], Any]
    far_price: Price
    large_quantity: Quantity
    _settle_s: float
    reports: list[Any] = field(factory=list)

    @property
    def account(self) -> Execution:
        """What is tested."""
        return self.venue.execution

    @property
    def may_be_short(self) -> bool:
        """Whether more may be sold than is held."""
        needs, kind = [Capability.SHORT_SELLING], self.instrument.kind
        return self.instrument.shortable and not self.venue.capabilities.require(needs, kind)

    # --- orders ------------------------------------------------------------------------------

    def order(self, name: str, **terms: Any) -> Order:
        """Return a purchase, at the market unless *terms* say otherwise."""
        intent: dict[str, Any] = {"instrument_id": self.instrument.id, "side": Side.BUY}
        if "quote_amount" not in terms:
            intent["quantity"] = self.quantity
        return Order(name, OrderIntent(**{**intent, **terms}), 0, OrderStatus.PENDING)

    def limit(self, name: str, price: Price | None = None, **terms: Any) -> Order:
        """Return a limit order, at the price that is far from the market unless stated."""
        return self.order(name, type=OrderType.LIMIT, limit_price=price or self.far_price, **terms)

    @property
    def quantity(self) -> Quantity:
        """The smallest whole number that the instrument takes."""
        least = max(self.instrument.minimum_quantity, Decimal(1))
        return self.instrument.quantity_increment.ceil(least)

    @property
    def farther_price(self) -> Price:
        """A price at which nothing trades even when the far one is reached."""
        half = mul(self.far_price, Decimal("0.5"))
        grid = self.instrument.price_increment
        return grid.floor(half) if grid else half

    async def traded(self, order: Order) -> list[Fill]:
        """Submit an order and return its fills, once it is complete."""
        name = order.client_order_id
        await self.account.submit(order)
        await self.until(lambda: self.is_over(name), f"{name} is filled")
        fills = self.filled(name)
        assert fills, f"{name} ended without a fill: {self.reports}"
        return fills

    async def bought(self, name: str, **terms: Any) -> list[Fill]:
        """Buy at the market and return the fills."""
        return await self.traded(self.order(name, **terms))

    async def price_beyond(self) -> Price:
        """Return a price at which a purchase trades at once; buys something to find it."""
        fills = await self.bought("probe")
        price = mul(fills[-1].price, _BEYOND)
        grid = self.instrument.price_increment
        return grid.ceil(price) if grid else price

    async def is_refused(self, order: Order) -> str:
        """Submit what must not trade; return the reason, by an error or by a report."""
        name = order.client_order_id
        try:
            await self.account.submit(order)
        except Refused as refused:
            assert refused.message
            return refused.message
        await self.until(lambda: self.is_over(name), f"{name} is refused")
        assert not self.filled(name), f"{name} was not to trade: {self.reports}"
        return "; ".join(getattr(each, "message", "") for each in self.told_of(name))

    async def attempted(self, order: Order) -> VenueError | None:
        """Submit on a bad day: return the error; None where the answer is waited for in vain."""
        with anyio.move_on_after(_PATIENCE_S):
            try:
                await self.account.submit(order)
            except VenueError as error:
                return error
            pytest.fail("the submit reports success, and its answer was lost")
        return None

    # --- reports -----------------------------------------------------------------------------

    def told_of(self, name: str) -> list[ExecutionReport]:
        """Return all reports about one order."""
        return [each for each in self.reports if getattr(each, "client_order_id", "") == name]

    def told(self, kind: type, name: str) -> list[Any]:
        """Return the reports of one kind about one order."""
        return [each for each in self.told_of(name) if isinstance(each, kind)]

    def filled(self, name: str) -> list[Fill]:
        """Return an order's fills, each once: a report may be repeated after a reconnect."""
        found: dict[str, Fill] = {}
        for report in self.told(OrderFilled, name):
            fill = report.fill
            assert found.setdefault(fill.fill_id, fill) == fill, "one id stands for two fills"
        return list(found.values())

    def quantity_of(self, name: str) -> Quantity:
        """Return how much of an order was reported as filled."""
        return total(*(fill.quantity for fill in self.filled(name)))

    def is_over(self, name: str) -> bool:
        """Return whether an order's end was reported."""
        ends = (OrderCanceled, OrderExpired, OrderRejected, OrderCompleted)
        filled = [each for each in self.told(OrderFilled, name) if each.complete]
        return bool(filled) or any(isinstance(each, ends) for each in self.told_of(name))

    async def listen(self, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        """Keep all reports until this is cancelled."""
        async with self.account.reports() as reports:
            task_status.started()
            async for report in reports:
                self.reports.append(report)

    # --- time --------------------------------------------------------------------------------

    async def settle(self) -> None:
        """Let everything arrive that was sent."""
        await anyio.sleep(self._settle_s)

    async def moved(self) -> None:
        """Let the market move, and its reports arrive."""
        await self._move(self.venue)
        await self.settle()

    async def until(self, happened: Callable[[], bool], what: str) -> None:
        """Let the market move until something has happened."""
        await self.settle()
        for _ in range(_MOVES):
            if happened():
                return
            await self.moved()
        pytest.fail(f"not in {_MOVES} moves: {what}; told were {self.reports}")

    def now_ns(self) -> int:
        """Return the venue's time, as the latest acknowledgement told it."""
        times = [each.ts_event for each in self.reports if isinstance(each, OrderAccepted)]
        return int(times[-1])

    # --- questions ---------------------------------------------------------------------------

    async def open_names(self) -> list[str]:
        """Return the client ids of all open orders, sorted."""
        return sorted(each.client_order_id for each in await self.account.open_orders())

    async def held(self) -> Quantity:
        """Return the signed quantity of the instrument that is held."""
        return (await self.account.positions()).get(self.instrument.id, ZERO)

    async def balance(self, asset: str) -> Balance:
        """Return what the account has of an asset; nothing where it is not listed."""
        found = [each for each in await self.account.balances() if each.asset == asset]
        assert len(found) < 2, f"{asset} is listed {len(found)} times"
        return found[0] if found else Balance(asset, ZERO)

    async def looked_up(self, name: str) -> OrderLookup:
        """Ask until it is known what became of an order."""
        answer = await self.account.order(name)
        for _ in range(5):
            if not isinstance(answer, NotYetKnown):
                return answer
            await anyio.sleep(self.venue.capabilities.absence_after_ns / NS_PER_SECOND)
            answer = await self.account.order(name)
        return answer

    async def cancelled(self, name: str) -> None:
        """Cancel an order and wait until its end was reported."""
        await self.account.cancel(name)
        await self.until(lambda: self.is_over(name), f"{name} is cancelled")

    async def answered(self, ask: Callable[[], Any]) -> Any:
        """Ask, and again where the venue says that it may be asked again."""
        for _ in range(5):
            with suppress(VenueError):
                return await ask()
            await anyio.sleep(self._settle_s)
        return await ask()


async def befalls(backstage: Any, kind: FaultKind) -> None:
    """Let a fault wait for its next occasion."""
    await backstage.apply(Fault(0, kind))


@asynccontextmanager
async def during(backstage: Any, kind: FaultKind, seconds: float) -> AsyncIterator[None]:
    """Run a block while a fault lasts, and wait for the fault's end."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(backstage.apply, Fault(0, kind, duration_ns=round(seconds * 10**9)))
        await anyio.sleep(0.01)
        yield
