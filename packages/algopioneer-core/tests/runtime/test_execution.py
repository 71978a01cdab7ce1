"""Orders reach their venue once, in the right order, and their fate becomes known."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from itertools import pairwise
from typing import Any

import anyio
import pytest
from attrs import define, evolve, field

from algopioneer_core.domain.errors import (
    AuthenticationFailed,
    OrderRejected,
    Outcome,
    RateLimited,
    UnknownOrder,
    VenueError,
    VenueUnavailable,
)
from algopioneer_core.domain.events import OrderAccepted, OrderCanceled, OrderFilled
from algopioneer_core.domain.fills import Fill, Liquidity, Side
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.domain.orders import Order, OrderIntent, OrderStatus, OrderType
from algopioneer_core.ports import Found, NotYetKnown, ProvenAbsent
from algopioneer_core.runtime.execution import ExecutionPump
from algopioneer_core.runtime.execution_rules import ExecutionRules
from algopioneer_core.telemetry.events import LogEvent
from algopioneer_core.testing.clocks import VirtualClock, wait_all_blocked
from algopioneer_core.testing.domain import BITCOIN
from algopioneer_core.testing.scripted_execution import (
    OrderBench,
    ScriptedExecution,
    after,
    never,
)

_S = OrderStatus


@define
class _Desk:
    """A pump, what it sends to, and what hears it."""

    rules: ExecutionRules = field(factory=ExecutionRules)
    venue: ScriptedExecution = field(factory=ScriptedExecution)
    bench: OrderBench = field(factory=OrderBench)
    alerts: list[str] = field(factory=list)
    lines: list[tuple[LogEvent, dict[str, object]]] = field(factory=list)
    legs: list[str] = field(factory=list)
    causes: list[int] = field(factory=list)
    pump: ExecutionPump = field(init=False)
    _sequence: int = 0

    def __attrs_post_init__(self) -> None:
        self.pump = self.make()
        self.pump.health.problem = ""
        self.bench.on_report = self.pump.changed

    def make(self, **terms: Any) -> ExecutionPump:
        terms.setdefault("owners", self)
        return ExecutionPump(
            "sim",
            self.venue,
            self.bench,
            VirtualClock(),
            report=self.bench.hear,
            current=self.bench.orders.get,
            working=lambda: self.bench.orders.working.values(),
            draw=lambda: 0.5,
            rules=self.rules,
            alert=lambda subject, _: self.alerts.append(subject),
            say=self.say,
            **terms,
        )

    def send(self, side: Side = Side.BUY, **terms: Any) -> str:
        """Hand an order to the pump; return its id."""
        order = self.bench.make(_wish(side, **terms), VirtualClock().now_ns())
        self._sequence += 1
        self.pump.submit(order, self._sequence)
        return order.client_order_id

    def cancel(self, key: str) -> None:
        """Ask the pump to cancel."""
        self._sequence += 1
        self.pump.cancel(self.bench.orders.request_cancel(key), self._sequence)

    def say(self, event: LogEvent, /, **fields: object) -> None:
        """Take a line of the log."""
        self.lines.append((event, fields))

    # --- whose orders they are -------------------------------------------------------------

    def name_of(self, client_order_id: str) -> str:
        """There is one strategy."""
        del client_order_id
        return "bench"

    def is_leg(self, client_order_id: str) -> bool:
        """Say what the test says."""
        return client_order_id in self.legs

    def take_back(self, client_order_id: str, cause: int) -> None:
        """Cancel it."""
        self.causes.append(cause)
        self.cancel(client_order_id)

    def status(self, key: str) -> OrderStatus:
        return self.bench.orders.get(key).status

    def order(self, key: str) -> Order:
        return self.bench.orders.get(key)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with anyio.create_task_group() as tasks:
            await tasks.start(self.pump.run)
            yield
            await wait_all_blocked()
            tasks.cancel_scope.cancel()


def _wish(side: Side = Side.BUY, **terms: Any) -> OrderIntent:
    return OrderIntent(instrument_id=BITCOIN.id, side=side, quantity=Decimal(2), **terms)


def _fill(order: Order, quantity: str = "2") -> OrderFilled:
    intent = order.intent
    return OrderFilled(
        Fill(
            f"f-{order.client_order_id}",
            order.client_order_id,
            intent.instrument_id,
            intent.side,
            Decimal(quantity),
            Decimal(100),
            Decimal(0),
            "USD",
            Liquidity.TAKER,
            order.ts_created,
        )
    )


def _resting(price: str) -> dict[str, Any]:
    return {"type": OrderType.LIMIT, "limit_price": Decimal(price)}


# --- sending ---------------------------------------------------------------------------------


async def test_an_order_is_sent_only_when_its_intent_is_durable() -> None:
    """Nothing reaches the venue before the disk has the intent."""
    desk = _Desk()
    desk.bench.disk_s = 3
    async with desk.running():
        key = desk.send()
        await anyio.sleep(2.9)

        assert desk.venue.log == []

        await anyio.sleep(0.2)

    assert desk.bench.written == [1]
    assert desk.venue.log == [(3, "submit", key)]
    assert desk.status(key) is _S.OPEN


async def test_the_stream_may_accept_an_order_before_the_answer_does() -> None:
    """Acceptance is told once, whoever says it first."""
    desk = _Desk()
    desk.venue.submits.append(after(1))
    async with desk.running():
        key = desk.send()
        await wait_all_blocked()
        desk.bench.hear(OrderAccepted(key, 0, "v1"))
        await anyio.sleep(2)

    assert desk.bench.told(key) == ["OrderAccepted"]


async def test_without_acknowledgement_only_the_stream_accepts() -> None:
    """In lockstep an answered submit reports nothing."""
    desk = _Desk()
    desk.pump = desk.make(acknowledge=False, owners=None)
    desk.pump.health.problem = ""
    key = desk.send()
    await desk.pump.settle()

    assert desk.venue.asked("submit") == [key]
    assert desk.bench.reports == []
    assert desk.pump.is_idle


async def test_settling_sends_the_cancel_after_its_submit() -> None:
    """In lockstep, too, an order that was cancelled before it was sent is never sent."""
    desk = _Desk()
    key = desk.send()
    desk.cancel(key)
    await desk.pump.settle()

    assert desk.venue.log == []
    assert desk.status(key) is _S.CANCELED


async def test_a_refused_order_is_rejected_with_the_venues_reason() -> None:
    """A definite refusal ends the order, and is not tried again."""
    desk = _Desk()
    desk.venue.submits.append(OrderRejected("too small"))
    async with desk.running():
        key = desk.send()

    assert desk.order(key).message == "too small"
    assert desk.status(key) is _S.REJECTED
    assert desk.venue.asked("submit") == [key]


@pytest.mark.parametrize(
    "error",
    [
        RateLimited("slow down", retry_after_ns=2 * NS_PER_SECOND),
        VenueUnavailable("refused", outcome=Outcome.NOT_PLACED, retry_after_ns=2 * NS_PER_SECOND),
    ],
)
async def test_what_was_not_placed_is_sent_again_under_the_same_id(error: VenueError) -> None:
    """A resend waits as long as the venue asks, keeps the id, and asks for the fate of nothing."""
    desk = _Desk()
    desk.venue.submits.extend([error, error, None])
    async with desk.running():
        key = desk.send()
        await anyio.sleep(60)

    times = [at for at, what, _ in desk.venue.log if what == "submit"]
    assert desk.venue.asked("submit") == [key] * 3
    assert all(later - earlier >= 2 for earlier, later in pairwise(times))
    assert desk.venue.asked("order") == []
    assert desk.status(key) is _S.OPEN


async def test_resends_have_an_end() -> None:
    """After so many resends the order is rejected."""
    desk = _Desk(ExecutionRules(max_resends=2))
    desk.venue.submits.extend([RateLimited("slow down")] * 9)
    async with desk.running():
        key = desk.send()
        await anyio.sleep(600)

    assert desk.venue.asked("submit") == [key] * 3
    assert desk.status(key) is _S.REJECTED


async def test_an_order_that_is_cancelled_between_two_tries_is_not_sent_again() -> None:
    """The wait for a resend notices that nobody wants the order any more."""
    desk = _Desk()
    desk.venue.submits.append(RateLimited("slow down", retry_after_ns=5 * NS_PER_SECOND))
    async with desk.running():
        key = desk.send()
        await anyio.sleep(1)
        desk.cancel(key)
        await anyio.sleep(60)

    assert desk.venue.asked("submit") == [key]
    assert desk.venue.asked("cancel") == []
    assert desk.status(key) is _S.CANCELED


# --- unknown fate ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer", [never, VenueUnavailable("server error"), KeyError("a bug of the adapter")]
)
async def test_a_lost_answer_makes_the_order_unknown_until_it_is_found(answer: Any) -> None:
    """Whatever does not say that nothing was placed is asked about, and never sent again."""
    desk = _Desk()
    desk.venue.submits.append(answer)
    desk.venue.lookups.append(NotYetKnown(0))
    async with desk.running():
        key = desk.send()
        found = evolve(desk.order(key), status=_S.FILLED, filled_quantity=Decimal(2))
        desk.venue.lookups.append(Found(found))
        desk.venue.executed.append(_fill(found).fill)
        await anyio.sleep(60)

    assert desk.bench.told(key) == [
        "OrderUnknown",
        "OrderAccepted",
        "OrderFilled",
        "OrderCompleted",
    ]
    assert desk.venue.asked("submit") == [key]
    assert desk.order(key).filled_quantity == 2


async def test_a_defect_of_an_adapter_is_told() -> None:
    """An error that is no venue's error ends neither the session nor the order, and is told."""
    desk = _Desk()
    desk.venue.submits.append(KeyError("price"))
    async with desk.running():
        key = desk.send()
        await anyio.sleep(60)

    assert desk.alerts == ["a request to sim failed as no request should"]
    assert desk.status(key) is _S.REJECTED


async def test_what_is_proven_absent_ends_and_is_not_sent_under_another_id() -> None:
    """Absence ends the order; whether to try again is the strategy's decision."""
    desk = _Desk()
    desk.venue.submits.append(never)
    later = VirtualClock().start_ns + 20 * NS_PER_SECOND
    desk.venue.lookups.extend([NotYetKnown(later), VenueUnavailable("down"), ProvenAbsent()])
    async with desk.running():
        key = desk.send()
        await anyio.sleep(120)

    assert desk.bench.told(key) == ["OrderUnknown", "OrderAbsent"]
    assert desk.status(key) is _S.REJECTED
    assert desk.venue.asked("submit") == [key]
    assert [at for at, what, _ in desk.venue.log if what == "order"][1] >= 20


async def test_what_was_never_acknowledged_may_be_absent_before_its_answer_is_late() -> None:
    """A restart sends a cancel of what never arrived, and no stream tells what becomes of it."""
    desk = _Desk()
    desk.pump.health.problem = "its private stream is down"
    desk.venue.lookups.append(ProvenAbsent())
    async with desk.running():
        key = desk.bench.make(_wish(), VirtualClock().now_ns()).client_order_id
        desk.cancel(key)
        await anyio.sleep(60)

    assert desk.venue.asked("submit") == []
    assert desk.bench.told(key) == ["OrderUnknown", "OrderAbsent"]
    assert desk.status(key) is _S.REJECTED


async def test_an_order_is_absent_only_once_the_account_agrees() -> None:
    """What no list shows may have traded: holdings are asked each time before it is believed."""
    desk, answers = _Desk(), [False, False, True]

    async def agrees(_: Order) -> bool:
        return answers.pop(0)

    desk.pump = desk.make(agrees=agrees)
    desk.pump.health.problem = ""
    desk.venue.submits.append(never)
    desk.venue.lookups.extend([ProvenAbsent()] * 3)
    async with desk.running():
        key = desk.send()
        await anyio.sleep(120)

    assert desk.bench.told(key) == ["OrderUnknown", "OrderAbsent"]
    assert len(desk.venue.asked("order")) == 3
    assert not answers


async def test_fills_that_lists_do_not_show_yet_keep_the_order_alive() -> None:
    """An end is believed only with all its fills: lists lag behind the order."""
    desk = _Desk()
    desk.venue.submits.append(never)
    async with desk.running():
        key = desk.send()
        ended = evolve(desk.order(key), status=_S.CANCELED, filled_quantity=Decimal(1))
        desk.venue.lookups.extend([Found(ended)] * 9)
        await anyio.sleep(12)

        assert desk.status(key) is _S.UNKNOWN

        desk.venue.executed.append(_fill(ended, "1").fill)
        await anyio.sleep(60)

    assert desk.status(key) is _S.CANCELED
    assert desk.order(key).filled_quantity == 1


async def test_an_order_that_the_stream_has_shown_does_not_become_unknown() -> None:
    """A lost answer takes nothing back that the private stream has proven."""
    desk = _Desk()
    desk.venue.submits.append(never)
    async with desk.running():
        key = desk.send()
        await anyio.sleep(1)
        desk.bench.hear(OrderAccepted(key, 0, "v1"))
        await anyio.sleep(60)

    assert desk.bench.told(key) == ["OrderAccepted"]
    assert desk.venue.asked("order") == []


async def test_a_fate_that_stays_unknown_is_told_and_asked_for_on() -> None:
    """A person hears of it once; the questions go on until there is an answer."""
    desk = _Desk()
    desk.venue.submits.append(never)
    desk.venue.lookups.extend([NotYetKnown(0)] * 12)
    async with desk.running():
        key = desk.send()
        await anyio.sleep(3_600)

    assert desk.alerts == [f"the fate of order {key} at sim is not known"]
    assert desk.status(key) is _S.REJECTED


async def test_a_look_up_that_is_refused_is_told_and_ends_nothing() -> None:
    """Where the venue does not answer the question, the order stays unknown and the pump lives."""
    desk = _Desk()
    desk.venue.submits.append(never)
    desk.venue.lookups.append(AuthenticationFailed("no permission"))
    async with desk.running():
        key = desk.send()
        await anyio.sleep(60)
        other = desk.send()
        await anyio.sleep(1)

    assert desk.status(key) is _S.UNKNOWN
    assert desk.alerts == [f"sim does not say what became of order {key}"]
    assert desk.status(other) is _S.OPEN


async def test_an_order_older_than_ours_is_an_error_not_a_success() -> None:
    """The same id on somebody else's order proves nothing about ours."""
    desk = _Desk()
    desk.venue.submits.append(never)
    async with desk.running():
        key = desk.send()
        theirs = evolve(desk.order(key), status=_S.FILLED, ts_created=1)
        desk.venue.lookups.append(Found(theirs))
        await anyio.sleep(60)

    assert desk.status(key) is _S.UNKNOWN
    assert len(desk.alerts) == 1


# --- cancels and turns -----------------------------------------------------------------------


async def test_a_cancel_follows_its_submit() -> None:
    """A cancel waits until the submit has been answered."""
    desk = _Desk()
    desk.venue.submits.append(after(5))
    async with desk.running():
        key = desk.send()
        await wait_all_blocked()
        desk.cancel(key)
        await anyio.sleep(10)

    assert desk.venue.log == [(0, "submit", key), (5, "cancel", key)]


async def test_an_order_that_is_cancelled_before_it_is_sent_never_is() -> None:
    """A cancel does not overtake a submit that waits: both end here."""
    desk = _Desk(ExecutionRules(max_in_flight=1))
    desk.venue.submits.append(after(5))
    async with desk.running():
        first, second = desk.send(), desk.send()
        await wait_all_blocked()
        desk.cancel(second)
        await anyio.sleep(10)

    assert desk.venue.log == [(0, "submit", first)]
    assert desk.bench.told(second) == ["OrderCanceled"]


async def test_a_refusal_ends_an_order_whose_cancel_was_asked_for() -> None:
    """A reject is not lost because the order was on its way out."""
    desk = _Desk()
    desk.venue.submits.append(after(5, OrderRejected("too small")))
    async with desk.running():
        key = desk.send()
        await wait_all_blocked()
        desk.cancel(key)
        await anyio.sleep(10)

    assert desk.status(key) is _S.REJECTED
    assert desk.venue.asked("cancel") == []


async def test_cancels_and_reductions_overtake_what_raises_exposure() -> None:
    """With the room for new exposure taken, ways out still go, at once."""
    desk = _Desk(ExecutionRules(max_in_flight=1))
    async with desk.running():
        resting = desk.send(**_resting("90"))
        await wait_all_blocked()
        desk.venue.submits.append(after(5))
        slow, waiting = desk.send(), desk.send()
        await wait_all_blocked()
        desk.cancel(resting)
        out = desk.send(reduce_only=True)
        await anyio.sleep(10)

    assert desk.venue.asked("submit") == [resting, slow, out, waiting]
    assert (0, "cancel", resting) in desk.venue.log
    assert (0, "submit", out) in desk.venue.log


async def test_a_cancel_that_fails_is_tried_again_and_then_asked_about() -> None:
    """A cancel without an answer leaves an order of unknown fate, not one that looks cancelled."""
    desk = _Desk(ExecutionRules(max_resends=1))
    desk.venue.cancels.extend([VenueUnavailable("down")] * 2)
    async with desk.running():
        key = desk.send(**_resting("90"))
        await wait_all_blocked()
        desk.cancel(key)
        desk.venue.lookups.append(Found(evolve(desk.order(key), status=_S.OPEN)))
        await anyio.sleep(60)

    assert desk.venue.asked("cancel") == [key] * 2
    assert desk.status(key) is _S.OPEN
    assert desk.bench.told(key) == ["OrderAccepted", "OrderUnknown", "OrderAccepted"]


async def test_a_cancel_of_what_has_ended_is_not_sent() -> None:
    """An order that ended meanwhile needs no cancel."""
    desk = _Desk()
    desk.bench.disk_s = 1
    async with desk.running():
        key = desk.send()
        await anyio.sleep(2)
        desk.cancel(key)
        desk.bench.hear(OrderCanceled(key, 0))
        await anyio.sleep(2)

    assert desk.venue.asked("cancel") == []


# --- health ----------------------------------------------------------------------------------


async def test_an_open_breaker_refuses_new_exposure_and_never_a_reduction() -> None:
    """After failures in a row nothing new goes out, but every way out does."""
    desk = _Desk()
    desk.venue.submits.extend([VenueUnavailable("down")] * 5)
    async with desk.running():
        for _ in range(5):
            desk.send()
            await wait_all_blocked()
        blocked, out = desk.send(), desk.send(reduce_only=True)
        await wait_all_blocked()

    assert desk.status(blocked) is _S.REJECTED
    assert "circuit breaker" in desk.order(blocked).message
    assert blocked not in desk.venue.asked("submit")
    assert desk.status(out) is _S.OPEN


async def test_an_unhealthy_stream_refuses_new_exposure_and_polls_reductions() -> None:
    """Without a private stream a reduction goes out, and its outcome is asked for."""
    desk = _Desk()
    desk.pump.health.problem = "its private stream is down"
    desk.venue.lookups.append(NotYetKnown(0))
    async with desk.running():
        blocked, out = desk.send(), desk.send(Side.SELL, reduce_only=True)
        await wait_all_blocked()
        alive = evolve(desk.order(out), status=_S.OPEN)
        filled = evolve(alive, status=_S.FILLED, filled_quantity=Decimal(2))
        desk.venue.lookups.extend([Found(alive), Found(alive), Found(filled)])
        desk.venue.executed.append(_fill(desk.order(out)).fill)
        await anyio.sleep(60)

    assert desk.venue.asked("submit") == [out]
    assert "takes no new exposure" in desk.order(blocked).message
    assert desk.status(out) is _S.FILLED


async def test_an_unhealthy_stream_polls_cancels() -> None:
    """The end of a cancelled order is asked for where no stream tells it."""
    desk = _Desk()
    async with desk.running():
        key = desk.send(**_resting("90"))
        await wait_all_blocked()
        desk.pump.health.problem = "its private stream is down"
        desk.venue.lookups.append(Found(evolve(desk.order(key), status=_S.CANCELED)))
        desk.cancel(key)
        await anyio.sleep(60)

    assert desk.status(key) is _S.CANCELED


# --- our own opposite orders -----------------------------------------------------------------


async def test_opposite_orders_of_ours_go_one_after_the_other() -> None:
    """The second waits until the first has ended, and goes at that moment."""
    desk = _Desk()
    async with desk.running():
        both = {desk.send(), desk.send(Side.SELL)}
        await anyio.sleep(2)
        [first] = desk.venue.asked("submit")
        desk.bench.hear(_fill(desk.order(first)))
        await wait_all_blocked()

    [second] = both - {first}
    assert desk.venue.log == [(0, "submit", first), (2, "submit", second)]


def _behind(desk: _Desk) -> list[tuple[object, object]]:
    """Return who was said to wait, and for whom."""
    said = [fields for event, fields in desk.lines if event is LogEvent.ORDER_WAITING]
    return [(fields["order"], fields["behind"]) for fields in said]


def _yielded(desk: _Desk) -> list[tuple[object, object]]:
    """Return who was said to be taken back, and for whom."""
    said = [fields for event, fields in desk.lines if event is LogEvent.ORDER_YIELDED]
    return [(fields["order"], fields["to"]) for fields in said]


async def test_an_entry_waits_for_a_resting_entry_and_then_has_it_taken_back() -> None:
    """It goes when the venue confirms the end of the other, and never while that may trade."""
    desk = _Desk()
    async with desk.running():
        resting = desk.send(**_resting("90"))
        await wait_all_blocked()
        crossing = desk.send(Side.SELL)
        apart = desk.send(Side.SELL, **_resting("91"))
        await anyio.sleep(7)

        assert desk.venue.log[1:] == [(0, "submit", apart), (5, "cancel", resting)]

        desk.bench.hear(OrderCanceled(resting, 0))
        await wait_all_blocked()

    assert desk.venue.log[3:] == [(7, "submit", crossing)]
    assert _behind(desk) == [(crossing, resting)]
    assert _yielded(desk) == [(resting, crossing)]
    assert desk.causes == [2]


async def test_an_entry_that_is_freed_in_time_takes_nothing_back() -> None:
    """The resting order fills while the entry waits; nobody is cancelled."""
    desk = _Desk()
    async with desk.running():
        resting = desk.send(**_resting("90"))
        await wait_all_blocked()
        crossing = desk.send(Side.SELL)
        await anyio.sleep(4)
        desk.bench.hear(_fill(desk.order(resting)))
        await wait_all_blocked()

    assert desk.venue.log[1:] == [(4, "submit", crossing)]
    assert _yielded(desk) == []


async def test_an_entry_is_refused_when_the_other_does_not_end_in_time() -> None:
    """The cancel stays unanswered: after its second wait the entry is given up, by name."""
    desk = _Desk()
    async with desk.running():
        resting = desk.send(**_resting("90"))
        await wait_all_blocked()
        crossing = desk.send(Side.SELL)
        await anyio.sleep(9.9)

        assert desk.status(crossing) is _S.PENDING

        await anyio.sleep(0.2)

    assert desk.status(crossing) is _S.REJECTED
    assert f"our own order {resting} of bench (sim)" in desk.order(crossing).message
    assert _behind(desk) == [(crossing, resting)]


@pytest.mark.parametrize("kind", ["way out", "leg"])
async def test_an_entry_takes_neither_a_way_out_nor_a_leg_back(kind: str) -> None:
    """Exits go before entries, and no other strategy is left with one leg for an entry."""
    desk = _Desk()
    async with desk.running():
        resting = desk.send(**_resting("90"), reduce_only=kind == "way out")
        desk.legs += [resting] * (kind == "leg")
        await wait_all_blocked()
        crossing = desk.send(Side.SELL)
        await anyio.sleep(5.1)

    assert desk.venue.asked("cancel") == []
    assert desk.status(crossing) is _S.REJECTED


@pytest.mark.parametrize(
    "terms", [_resting("90"), {"type": OrderType.STOP, "stop_price": Decimal(110)}]
)
async def test_a_way_out_takes_a_resting_entry_back_at_once(terms: dict[str, Any]) -> None:
    """It goes the moment that one has ended, leg or not."""
    desk = _Desk()
    async with desk.running():
        resting = desk.send(**terms)
        desk.legs.append(resting)
        await wait_all_blocked()
        out = desk.send(Side.SELL, reduce_only=True)
        await anyio.sleep(1)
        desk.bench.hear(OrderCanceled(resting, 0))
        await wait_all_blocked()

    assert desk.venue.log[1:] == [(0, "cancel", resting), (1, "submit", out)]


async def test_a_way_out_at_once_goes_before_one_that_rests_at_a_limit() -> None:
    """After its wait; the other strategy hears of the end of its order, and may place it again."""
    desk = _Desk()
    async with desk.running():
        resting = desk.send(**_resting("90"), reduce_only=True)
        await wait_all_blocked()
        out = desk.send(Side.SELL, reduce_only=True)
        await anyio.sleep(3)
        desk.bench.hear(OrderCanceled(resting, 0))
        await wait_all_blocked()

    assert desk.venue.log[1:] == [(2.5, "cancel", resting), (3, "submit", out)]


async def test_a_reduction_does_not_wait_for_ever_for_our_own_order() -> None:
    """To get out comes first: after half the wait a reduction goes all the same."""
    desk = _Desk()
    async with desk.running():
        protection = desk.send(type=OrderType.STOP, stop_price=Decimal(110), reduce_only=True)
        await wait_all_blocked()
        out = desk.send(Side.SELL, reduce_only=True)
        await anyio.sleep(6)

    assert (2.5, "submit", out) in desk.venue.log
    assert desk.status(protection) is _S.OPEN


async def test_a_way_out_goes_before_whoever_ordered_it_loses_patience() -> None:
    """Whatever became of an exit in its way: legs cancel what has not gone in ten seconds."""
    desk = _Desk()
    async with desk.running():
        desk.venue.submits.append(never)
        desk.venue.lookups.extend([NotYetKnown(0)] * 99)
        other = desk.send(**_resting("90"), reduce_only=True)
        await anyio.sleep(11)
        assert desk.status(other) is _S.UNKNOWN
        out = desk.send(Side.SELL, reduce_only=True)
        await anyio.sleep(9)

    assert out in desk.venue.asked("submit")


async def test_a_cancel_gets_an_order_out_of_its_wait_for_another() -> None:
    """An order that waits for one of ours and is cancelled is not sent."""
    desk = _Desk()
    async with desk.running():
        desk.send(**_resting("90"))
        await wait_all_blocked()
        waiting = desk.send(Side.SELL)
        await wait_all_blocked()
        desk.cancel(waiting)
        desk.bench.on_report()
        await anyio.sleep(1)

    assert desk.status(waiting) is _S.CANCELED
    assert waiting not in desk.venue.asked("submit")


# --- the end ---------------------------------------------------------------------------------


async def test_a_cancellation_lets_what_is_on_the_wire_finish() -> None:
    """In the middle of a submit the pump waits for its answer, and sends nothing more."""
    desk = _Desk(ExecutionRules(max_in_flight=1))
    desk.venue.submits.append(after(3))
    async with anyio.create_task_group() as tasks:
        await tasks.start(desk.pump.run)
        key, waiting = desk.send(), desk.send()
        await wait_all_blocked()
        tasks.cancel_scope.cancel()

    assert anyio.current_time() == 3
    assert desk.status(key) is _S.OPEN
    assert desk.venue.asked("submit") == [key]
    assert desk.status(waiting) is _S.PENDING
    assert desk.pump.in_flight == {waiting}


async def test_a_cancellation_before_the_disk_has_the_intent_sends_nothing() -> None:
    """An order that was never sent stays pending, to be proven absent at the next start."""
    desk = _Desk()
    desk.bench.disk_s = 5
    async with anyio.create_task_group() as tasks:
        await tasks.start(desk.pump.run)
        key = desk.send()
        await wait_all_blocked()
        tasks.cancel_scope.cancel()

    assert desk.venue.log == []
    assert desk.status(key) is _S.PENDING
    assert desk.pump.is_idle


async def test_an_answer_that_comes_after_its_strategy_is_gone_is_of_no_interest() -> None:
    """
    The stream told of the end, the strategy was removed, and only then was the answer lost.

    That ended the whole session: nobody could say whose order it was.
    """
    desk = _Desk()
    desk.venue.submits.append(after(1, VenueUnavailable("no answer")))

    def gone(key: str) -> Order:
        raise UnknownOrder("no strategy of this session made it", where=key)

    async with desk.running():
        desk.send()
        await wait_all_blocked()
        desk.pump._current = gone
        await anyio.sleep(2)
        assert desk.pump.is_idle
        desk.pump._current = desk.bench.orders.get
        key = desk.send()
        await anyio.sleep(1)
    assert desk.status(key) is _S.OPEN
