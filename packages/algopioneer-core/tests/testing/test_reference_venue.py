"""Behaviour of the reference venue: each mode and each fault does what it says."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import anyio
import pytest

from algopioneer_core.domain.capabilities import Capability, FillReporting, IdempotentSubmit
from algopioneer_core.domain.errors import (
    ConfigError,
    OrderRejected,
    Outcome,
    RateLimited,
    UnsupportedOperation,
    VenueUnavailable,
)
from algopioneer_core.domain.events import (
    FeedDown,
    FeedUp,
    OrderCanceled,
    OrderFilled,
)
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.market_data import NS_PER_SECOND, Bar, Quote
from algopioneer_core.domain.orders import OrderStatus, OrderType
from algopioneer_core.ports import Found, NotYetKnown, ProvenAbsent, ReceiveStream, Venue
from algopioneer_core.testing.clocks import VirtualClock
from algopioneer_core.testing.domain import BITCOIN
from algopioneer_core.testing.fault_plans import Fault, FaultKind
from algopioneer_core.testing.paper import sent
from algopioneer_core.testing.reference_modes import VenueModes
from algopioneer_core.testing.reference_venue import ReferenceVenue

BUY, SELL = Side.BUY, Side.SELL
MINUTE_NS = 60 * NS_PER_SECOND


class Bench:
    """A reference venue whose market a test moves."""

    def __init__(self, **modes: Any) -> None:
        self.clock = VirtualClock()
        self.venue = ReferenceVenue([BITCOIN], self.clock, modes=VenueModes(**modes))
        self.account = self.venue.execution

    def quote(self, price: int = 100, size: int = 100) -> None:
        now_ns = self.clock.now_ns()
        sizes = Decimal(size), Decimal(size)
        self.venue.push(Quote(BITCOIN.id, now_ns, Decimal(price), Decimal(price), *sizes, now_ns))

    async def order(self, name: str = "a", quantity: str = "1", **terms: Any) -> None:
        order = sent(name, BITCOIN, BUY, quantity, ts_ns=self.clock.now_ns(), **terms)
        await self.account.submit(order)

    async def have(self, kind: FaultKind, duration_s: int = 0) -> None:
        await self.venue.apply(Fault(0, kind, "", duration_s * NS_PER_SECOND))


LIMIT: dict[str, Any] = {"type": OrderType.LIMIT, "limit_price": Decimal(50)}


async def heard(reports: ReceiveStream[Any]) -> list[Any]:
    """Return the reports that are there."""
    found: list[Any] = []
    with anyio.move_on_after(1):
        while True:
            found.append(await reports.receive())
    return found


def names(reports: Sequence[object]) -> list[str]:
    """Return the class of each report."""
    return [type(report).__name__ for report in reports]


async def test_order_is_accepted_filled_and_found() -> None:
    """On a good day."""
    bench = Bench()
    async with bench.account.reports() as reports:
        bench.quote(100)
        await bench.order()
        bench.quote(101)
        told = await heard(reports)
    assert ["OrderAccepted", "OrderFilled"] == names(told)
    found = await bench.account.order("a")
    assert isinstance(found, Found)
    assert OrderStatus.FILLED is found.order.status
    assert [told[1].fill] == list(await bench.account.fills(0))
    assert {BITCOIN.id: Decimal(1)} == await bench.account.positions()
    assert Decimal(9_899) == (await bench.account.balances())[1].total


async def test_what_is_pushed_is_shown_and_bars_are_kept() -> None:
    """To those who subscribed to it."""
    bench = Bench()
    market = bench.venue.market_data
    async with market.subscribe([BITCOIN.id]) as events:
        bar = Bar(BITCOIN.id, MINUTE_NS, 1, 1, 1, 1, 0, 0, 0, MINUTE_NS)
        bench.venue.push(bar)
        assert bar == await events.receive()
    assert [bar] == await market.bars(BITCOIN.id, MINUTE_NS, 0, MINUTE_NS + 1)
    assert [] == await market.bars(BITCOIN.id, MINUTE_NS, 0, MINUTE_NS)
    assert [BITCOIN] == list(await market.instruments())
    assert 1 == len(await market.market_hours(0, 1))


async def test_rules_of_the_market_refuse_at_once() -> None:
    """As real venues do: it cannot be paid for."""
    bench = Bench()
    bench.quote(100)
    with pytest.raises(OrderRejected, match="buying power"):
        await bench.order(quantity="101")
    assert [] == bench.account.accepted


# --- modes -----------------------------------------------------------------------------------


async def test_cumulative_fills_are_merged_while_nobody_is_reached() -> None:
    """One report tells two executions, under an id made of the total."""
    bench = Bench(cumulative_fills=True)
    assert FillReporting.CUMULATIVE is bench.venue.capabilities.fill_reporting
    async with bench.account.reports() as reports, anyio.create_task_group() as tasks:
        await bench.order(quantity="3")
        bench.quote(100, size=1)
        tasks.start_soon(bench.have, FaultKind.OUTAGE, 5)
        await anyio.sleep(1)
        bench.quote(100, size=1)
        bench.quote(103, size=1)
        await anyio.sleep(5)
        fills = [each.fill for each in await heard(reports) if isinstance(each, OrderFilled)]
    assert [("a#1", Decimal(1), Decimal(100)), ("a#3", Decimal(2), Decimal("101.5"))] == [
        (fill.fill_id, fill.quantity, fill.price) for fill in fills[-2:]
    ]
    listed = await bench.account.fills(0)
    assert fills[-2:] == list(listed)


async def test_late_reads_show_yesterdays_orders_and_fills() -> None:
    """Until the lag is over an order is not yet known, and never said to be absent."""
    bench = Bench(read_lag_ns=MINUTE_NS)
    await bench.order()
    bench.quote()
    assert isinstance(await bench.account.order("a"), NotYetKnown)
    assert ([], []) == (await bench.account.open_orders(), await bench.account.fills(0))
    await anyio.sleep(59)
    assert isinstance(await bench.account.order("a"), NotYetKnown)
    await anyio.sleep(1)
    assert isinstance(await bench.account.order("a"), Found)
    assert 1 == len(await bench.account.fills(0))


async def test_order_is_proven_absent_only_after_the_declared_time() -> None:
    """Counted from the first question."""
    bench = Bench(read_lag_ns=MINUTE_NS)
    answer = await bench.account.order("never")
    assert isinstance(answer, NotYetKnown)
    await anyio.sleep((answer.ask_again_ns - bench.clock.now_ns()) / NS_PER_SECOND)
    assert ProvenAbsent() == await bench.account.order("never")


async def test_id_can_be_used_again_where_it_is_good_only_while_open() -> None:
    """Then the same submit trades twice, under different fill ids."""
    bench = Bench(ids_reusable=True)
    assert IdempotentSubmit.WHILE_OPEN is bench.venue.capabilities.idempotent_submit
    await bench.order()
    with pytest.raises(OrderRejected, match="used before"):
        await bench.order()
    bench.quote()
    await bench.order()
    bench.quote()
    assert ["a", "a"] == bench.account.accepted
    assert 2 == len({fill.fill_id for fill in await bench.account.fills(0)})


async def test_same_submit_places_nothing_where_ids_are_good_always() -> None:
    """Whatever became of the first."""
    bench = Bench()
    await bench.order()
    bench.quote()
    await bench.order()
    assert ["a"] == bench.account.accepted


async def test_no_lookup_by_client_id_is_declared_and_refused() -> None:
    """Lists still show it."""
    bench = Bench(lookup=False)
    assert (Capability.ORDER_BY_CLIENT_ID,) == bench.venue.capabilities.require(
        [Capability.ORDER_BY_CLIENT_ID]
    )
    await bench.order(**LIMIT)
    with pytest.raises(UnsupportedOperation):
        await bench.account.order("a")
    assert ["a"] == [order.client_order_id for order in await bench.account.open_orders()]


# --- faults ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "placed"), [(FaultKind.LOST_ACK, ["a"]), (FaultKind.LOST_REQUEST, [])]
)
async def test_lost_answer_leaves_the_caller_to_his_deadline(
    kind: FaultKind, placed: list[str]
) -> None:
    """The order was placed, or not: he cannot know."""
    bench = Bench()
    await bench.have(kind)
    with anyio.move_on_after(10) as scope:
        await bench.order()
    assert scope.cancelled_caught
    assert placed == bench.account.accepted


async def test_server_error_leaves_the_outcome_unknown() -> None:
    """It was placed, and the error does not say so."""
    bench = Bench()
    await bench.have(FaultKind.SERVER_ERROR)
    with pytest.raises(VenueUnavailable) as caught:
        await bench.order()
    assert Outcome.UNKNOWN is caught.value.outcome
    assert ["a"] == bench.account.accepted


@pytest.mark.parametrize(
    ("kind", "error"), [(FaultKind.REJECT, OrderRejected), (FaultKind.RATE_LIMIT, RateLimited)]
)
async def test_refusal_places_nothing_and_happens_once(
    kind: FaultKind, error: type[Exception]
) -> None:
    """The next one is taken."""
    bench = Bench()
    await bench.have(kind)
    with pytest.raises(error):
        await bench.order()
    await bench.order()
    assert ["a"] == bench.account.accepted


async def test_partial_fill_halves_the_next_quote() -> None:
    """The rest trades with the one after."""
    bench = Bench()
    await bench.have(FaultKind.PARTIAL_FILL)
    await bench.order(quantity="3")
    bench.quote()
    bench.quote()
    fills = await bench.account.fills(0)
    assert [Decimal("1.5"), Decimal("1.5")] == [fill.quantity for fill in fills]


async def test_duplicate_tells_a_report_twice() -> None:
    """The very same one."""
    bench = Bench()
    await bench.have(FaultKind.DUPLICATE)
    async with bench.account.reports() as reports:
        await bench.order()
        first, second = await heard(reports)
    assert first == second


@pytest.mark.parametrize(
    ("quantity", "told", "filled"),
    [("3", ["OrderCanceled", "OrderFilled"], "1.5"), ("0.00000001", ["OrderFilled"], "1e-8")],
)
async def test_end_of_an_order_is_told_before_its_fill(
    quantity: str, told: list[str], filled: str
) -> None:
    """Half of it traded before the cancel came; what cannot be halved trades whole."""
    bench = Bench()
    async with bench.account.reports() as reports:
        await bench.order(quantity=quantity, **LIMIT)
        await heard(reports)
        await bench.have(FaultKind.REORDER)
        await bench.account.cancel("a")
        assert names(await heard(reports)) == told
    assert [Decimal(filled)] == [fill.quantity for fill in await bench.account.fills(0)]
    assert not await bench.account.open_orders()


async def test_outage_refuses_requests_holds_reports_and_is_told_by_the_feed() -> None:
    """Afterwards the last report comes again, then what was missed."""
    bench = Bench()
    async with (
        bench.venue.market_data.subscribe([BITCOIN.id]) as events,
        bench.account.reports() as reports,
        anyio.create_task_group() as tasks,
    ):
        await bench.order()
        tasks.start_soon(bench.have, FaultKind.OUTAGE, 10)
        await anyio.sleep(1)
        with pytest.raises(VenueUnavailable) as caught:
            await bench.order("b")
        bench.quote()
        assert Outcome.NOT_PLACED is caught.value.outcome
        assert ["OrderAccepted"] == names(await heard(reports))
        assert isinstance(await events.receive(), FeedDown)
        assert isinstance(await events.receive(), FeedUp)
        assert ["OrderAccepted", "OrderFilled"] == names(await heard(reports))
    assert ["a"] == bench.account.accepted


async def test_disconnect_is_over_at_once() -> None:
    """Down and up, and one report repeated."""
    bench = Bench()
    async with bench.venue.market_data.subscribe([BITCOIN.id]) as events:
        await bench.have(FaultKind.DISCONNECT)
        assert [FeedDown, FeedUp] == [type(await events.receive()) for _ in range(2)]


async def test_delayed_reads_end() -> None:
    """While they last, the latest orders are not shown."""
    bench = Bench()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bench.have, FaultKind.DELAYED_READ, 30)
        await anyio.sleep(1)
        await bench.order(**LIMIT)
        assert [] == await bench.account.open_orders()
        await anyio.sleep(30)
        assert 1 == len(await bench.account.open_orders())


async def test_cancel_all_ends_ours_alone() -> None:
    """Each end is reported."""
    bench = Bench()
    for name in "abc":
        await bench.order(name, **LIMIT)
    async with bench.account.reports() as reports:
        await bench.account.cancel_all(["a", "c"])
        told = await heard(reports)
    assert ["a", "c"] == [each.client_order_id for each in told if isinstance(each, OrderCanceled)]
    assert ["b"] == [order.client_order_id for order in await bench.account.open_orders()]


async def test_fault_of_another_kind_is_refused() -> None:
    """A plan is drawn of the kinds it knows."""
    with pytest.raises(ConfigError, match="no strategy_crash"):
        await Bench().have(FaultKind.STRATEGY_CRASH)


def test_fits_the_port() -> None:
    """By its types."""
    venue: Venue = Bench().venue
    assert "sim" == venue.name
