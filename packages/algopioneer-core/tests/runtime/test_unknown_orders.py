"""What a venue's view of an order means, as reports that the order table allows."""

from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve

from algopioneer_core.domain.errors import UnsupportedOperation, VenueError, VenueUnavailable
from algopioneer_core.domain.execution_reports import ExecutionReport
from algopioneer_core.domain.fills import Fill, Liquidity, Side
from algopioneer_core.domain.orders import Order, OrderIntent, OrderStatus
from algopioneer_core.ports import Found, ProvenAbsent
from algopioneer_core.runtime.unknown_orders import OVERLAP_NS, learn_fate, reports_of
from algopioneer_core.testing.clocks import VIRTUAL_START_NS, VirtualClock
from algopioneer_core.testing.domain import BITCOIN
from algopioneer_core.testing.scripted_execution import ScriptedExecution

S = OrderStatus
ORDER = Order(
    "o",
    OrderIntent(instrument_id=BITCOIN.id, side=Side.BUY, quantity=Decimal(2)),
    VIRTUAL_START_NS,
    S.UNKNOWN,
)


def _fill(key: str = "o", quantity: str = "1") -> Fill:
    return Fill(
        f"f-{key}-{quantity}",
        key,
        BITCOIN.id,
        Side.BUY,
        Decimal(quantity),
        Decimal(100),
        Decimal(0),
        "USD",
        Liquidity.TAKER,
        VIRTUAL_START_NS,
    )


def _kinds(reports: Any) -> list[str]:
    return [type(each).__name__ for each in reports]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (S.OPEN, ["OrderAccepted", "OrderFilled"]),
        (S.FILLED, ["OrderAccepted", "OrderFilled", "OrderCompleted"]),
        (S.CANCELED, ["OrderAccepted", "OrderFilled", "OrderCanceled"]),
        (S.EXPIRED, ["OrderAccepted", "OrderFilled", "OrderExpired"]),
        (S.REJECTED, ["OrderRejected"]),
    ],
)
def test_each_status_is_told_as_what_led_to_it(status: OrderStatus, expected: list[str]) -> None:
    """Accepted, its own fills and nobody else's, and its end."""
    found = evolve(ORDER, status=status, message="why")
    reports = list(reports_of(found, [_fill(), _fill("other")], 7))
    assert _kinds(reports) == expected
    assert all(each.client_order_id == "o" for each in reports)


async def _learn(execution: ScriptedExecution, **terms: Any) -> list[ExecutionReport]:
    told: list[ExecutionReport] = []
    usual: dict[str, Any] = {
        "report": told.append,
        "wants_more": lambda: False,
        "draw": lambda: 0.5,
    }
    await learn_fate(execution, ORDER, VirtualClock(), **usual | terms)
    return told


async def test_an_end_is_believed_when_all_its_fills_are_listed() -> None:
    """Lists lag: what is listed is told at once, and the end when the rest has come."""
    execution = ScriptedExecution()
    found = evolve(ORDER, status=S.FILLED, filled_quantity=Decimal(2), ts_created=0)
    execution.lookups.extend([Found(found), Found(found)])
    execution.executed.append(_fill())
    told: list[ExecutionReport] = []

    def hear(report: ExecutionReport) -> None:
        told.append(report)
        if len(execution.executed) == 1:
            execution.executed.append(_fill(quantity="1.0"))

    await _learn(execution, report=hear)
    assert _kinds(told) == [
        "OrderFilled",
        *("OrderAccepted", "OrderFilled", "OrderFilled", "OrderCompleted"),
    ]


async def test_absence_is_believed_when_the_account_agrees() -> None:
    """It may hold what the order would have brought: then it is asked again."""
    answers = [False, True]

    async def agrees(_: Order) -> bool:
        return answers.pop(0)

    execution = ScriptedExecution()
    execution.lookups.extend([ProvenAbsent(), ProvenAbsent()])
    assert _kinds(await _learn(execution, agrees=agrees)) == ["OrderAbsent"]
    assert answers == []


async def test_a_venue_that_does_not_answer_is_asked_again() -> None:
    """After as long as it asks for."""
    execution = ScriptedExecution()
    execution.lookups.extend([VenueUnavailable("gone", retry_after_ns=5 * 10**9), ProvenAbsent()])
    assert _kinds(await _learn(execution)) == ["OrderAbsent"]
    (first, *_), (second, *_) = execution.log
    assert second - first >= 5


@pytest.mark.parametrize(
    "error", [UnsupportedOperation("no look-up here"), VenueError("never", retryable=False)]
)
async def test_what_will_never_be_answered_is_raised(error: VenueError) -> None:
    """Nothing is reported: nothing is known."""
    execution = ScriptedExecution()
    execution.lookups.append(error)
    with pytest.raises(type(error)):
        await _learn(execution)


async def test_an_order_of_our_id_that_is_older_than_ours_is_an_error() -> None:
    """Somebody else's: two journals in one account. A minute's difference of clocks is none."""
    execution = ScriptedExecution()
    execution.lookups.append(Found(evolve(ORDER, ts_created=VIRTUAL_START_NS - OVERLAP_NS - 1)))
    with pytest.raises(VenueError, match="older than ours"):
        await _learn(execution)
    execution.lookups.append(
        Found(evolve(ORDER, status=S.CANCELED, ts_created=VIRTUAL_START_NS - OVERLAP_NS))
    )
    assert _kinds(await _learn(execution)) == ["OrderAccepted", "OrderCanceled"]
