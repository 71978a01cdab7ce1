"""The local Coinbase's line: answers that wait, requests that vanish, and how many may come."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import pytest
from attrs import evolve

from algopioneer_coinbase.sandbox_faults import apply_fault, read_plan
from algopioneer_coinbase.sandbox_http import Request
from algopioneer_core.domain.errors import VenueError
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.domain.orders import Order, OrderIntent, OrderStatus
from algopioneer_core.testing.fault_plans import Fault, FaultKind

BITCOIN = InstrumentId("coinbase", "BTC-USD")
TIME = Request("GET", "/api/v3/brokerage/time")
LASTS_NS = 20 * NS_PER_SECOND


def purchase() -> Order:
    """Return an order of one coin."""
    intent = OrderIntent(instrument_id=BITCOIN, side=Side.BUY, quantity=Decimal(1))
    return Order("a", intent, 0, OrderStatus.PENDING)


@pytest.mark.parametrize(
    ("kind", "placed"), [(FaultKind.STALL, True), (FaultKind.HALF_OPEN, False)]
)
async def test_a_timeout_may_have_placed_the_order_or_not(
    local: Any, kind: FaultKind, placed: bool
) -> None:
    """A stalled line delivers and does not answer; a half open one delivers nothing."""
    local.quote()
    async with local.opened() as venue, anyio.create_task_group() as tasks:
        tasks.start_soon(apply_fault, local.sandbox, Fault(0, kind, duration_ns=LASTS_NS))
        await anyio.sleep(0.1)
        with anyio.move_on_after(10) as patience:
            await venue.execution.submit(purchase())

        assert patience.cancelled_caught
        assert placed is ("a" in local.sandbox.exchange.placed)
    assert 200 == (await local.sandbox.answer(TIME)).status


async def test_nothing_is_answered_during_an_outage(local: Any) -> None:
    """Requests are refused, and afterwards all is as before."""
    async with local.opened() as venue, anyio.create_task_group() as tasks:
        fault = Fault(0, FaultKind.OUTAGE, duration_ns=LASTS_NS)
        tasks.start_soon(apply_fault, local.sandbox, fault)
        await anyio.sleep(0.1)
        with pytest.raises(VenueError, match="connection refused"):
            await venue.execution.submit(purchase())
    assert not local.sandbox.exchange.placed
    assert 200 == (await local.sandbox.answer(TIME)).status


async def test_as_many_requests_as_are_allowed_may_come_each_second(local: Any) -> None:
    """Thirty with the key in any second, second after second, and not one more."""
    for _ in range(3):
        answers = [local.ask("GET", "/accounts").status for _ in range(31)]
        assert [200] * 30 + [429] == answers
        await anyio.sleep(1)


async def test_how_long_lists_may_lag_is_a_setting(local: Any) -> None:
    """It is what the venue declares."""
    local.config = evolve(local.config, absence_after_s=90)
    async with local.opened() as venue:
        assert 90 * NS_PER_SECOND == venue.capabilities.absence_after_ns


def test_a_plan_may_have_every_fault_of_a_line(tmp_path: Path) -> None:
    """Those that last have their length."""
    path = tmp_path / "faults.json"
    path.write_text(json.dumps([{"at_s": 1, "kind": "stall", "duration_s": 2}]), "utf-8")

    (fault,) = read_plan(path).faults
    assert (FaultKind.STALL, 2 * NS_PER_SECOND) == (fault.kind, fault.duration_ns)
