"""
Cases of the venue contract: bad days on the line to the exchange.

They are about the one promise that matters most: an order intent is placed at most once, and what
became of it is known in the end. None of them is asked of an account in this process.
"""

import logging
import traceback
from typing import Final

import anyio
import pytest

from algopioneer_core.domain.capabilities import Capability, IdempotentSubmit, Support
from algopioneer_core.domain.errors import OrderRejected, Outcome, RateLimited, VenueError
from algopioneer_core.domain.events import OrderCanceled, OrderFilled
from algopioneer_core.domain.events import OrderRejected as RejectedEvent
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.domain.money import add
from algopioneer_core.domain.orders import Order, OrderStatus
from algopioneer_core.ports import Found, NotYetKnown, ProvenAbsent
from algopioneer_core.testing.contracts.venue_desk import Desk, befalls, during
from algopioneer_core.testing.contracts.venue_stage import Backstage, Stage
from algopioneer_core.testing.fault_plans import FaultKind

__all__ = ["TroubleCases"]

_LASTS_S: Final = 3.0
"""How long what lasts is let last."""
_CANCELLED_AFTER_S: Final = (0.0, 0.2, 0.6)
"""When a submit is cancelled: before it is sent, and while its answer is on its way."""


@pytest.mark.anyio
class TroubleCases:
    """Lost, late, doubled, refused and cut off."""

    async def test_f01_lost_acknowledgement_is_unknown_and_placed_once(self, stage: Stage) -> None:
        """F01: it is found by its client order id, filled once, and never sent again by itself."""
        async with stage.troubled() as (desk, backstage):
            await befalls(backstage, FaultKind.LOST_ACK)
            _check_unknown(await desk.attempted(desk.order("f01")))
            await desk.until(lambda: desk.is_over("f01"), "the order is filled")
            assert list(await backstage.placed()) == ["f01"]
            assert desk.quantity == desk.quantity_of("f01") == await desk.held()
            await _check_found(desk, "f01", OrderStatus.FILLED)
            await _check_sent_again(desk, backstage, desk.order("f01"))
            assert desk.quantity == await desk.held()

    async def test_f02_lost_request_is_unknown_and_proven_absent(self, stage: Stage) -> None:
        """F02: but not before the declared lag has passed: until then nothing is proven."""
        async with stage.troubled() as (desk, backstage):
            await befalls(backstage, FaultKind.LOST_REQUEST)
            _check_unknown(await desk.attempted(desk.limit("f02")))
            assert (list(await backstage.placed()), await desk.open_names()) == ([], [])
            if _looks_up(desk):
                first = await desk.account.order("f02")
                assert isinstance(first, NotYetKnown)
                assert first.ask_again_ns > 0
                assert ProvenAbsent() == await desk.looked_up("f02")

    async def test_f03_server_error_leaves_a_submit_unknown(self, stage: Stage) -> None:
        """F03: the order may exist; what became of it is asked for, and it can be cancelled."""
        async with stage.troubled() as (desk, backstage):
            await befalls(backstage, FaultKind.SERVER_ERROR)
            _check_unknown(await desk.attempted(desk.limit("f03")))
            await desk.settle()
            placed = list(await backstage.placed())
            assert placed in ([], ["f03"])
            assert placed == await desk.open_names()
            if placed:
                await _check_found(desk, "f03", OrderStatus.OPEN)
                await desk.cancelled("f03")
            assert await desk.open_names() == []

    async def test_f04_venue_that_is_down_fails_and_comes_back(self, stage: Stage) -> None:
        """F04: a submit meanwhile fails; where it says "not placed" that is so."""
        async with stage.troubled() as (desk, backstage):
            async with during(backstage, FaultKind.OUTAGE, _LASTS_S):
                error = await desk.attempted(desk.limit("f04"))
            await desk.settle()
            assert isinstance(error, VenueError)
            assert error.retryable
            assert list(await backstage.placed()) == []
            await desk.answered(lambda: desk.account.submit(desk.limit("f04-later")))
            assert await desk.answered(desk.open_names) == ["f04-later"]

    async def test_f05_one_request_too_many_is_waited_for(self, stage: Stage) -> None:
        """F05: by the adapter, or by an error that says how long; then it is placed, once."""
        async with stage.troubled() as (desk, backstage):
            await befalls(backstage, FaultKind.RATE_LIMIT)
            before = anyio.current_time()
            try:
                await desk.account.submit(desk.limit("f05"))
            except RateLimited as error:
                assert (error.outcome, error.retryable) == (Outcome.NOT_PLACED, True)
                wait_ns = error.retry_after_ns or NS_PER_SECOND
                await anyio.sleep(wait_ns / NS_PER_SECOND)
                await desk.account.submit(desk.limit("f05"))
            assert anyio.current_time() > before, "sent again at once"
            assert ["f05"] == list(await backstage.placed()) == await desk.open_names()

    async def test_f06_reject_has_the_venues_reason(self, stage: Stage) -> None:
        """F06: as an error with its code, or as a report; nothing was placed."""
        async with stage.troubled() as (desk, backstage):
            await befalls(backstage, FaultKind.REJECT)
            try:
                await desk.account.submit(desk.order("f06"))
            except OrderRejected as error:
                assert error.outcome is Outcome.NOT_PLACED
                assert error.code
            else:
                await desk.until(lambda: desk.is_over("f06"), "the reject is reported")
                (report,) = desk.told(RejectedEvent, "f06")
                assert report.message
            await desk.moved()
            assert (desk.filled("f06"), await desk.open_names()) == ([], [])
            assert list(await backstage.placed()) == []

    async def test_f07_fill_may_come_before_the_acknowledgement(self, stage: Stage) -> None:
        """F07: the acknowledgement is late; the order is filled once and found so."""
        async with stage.troubled() as (desk, backstage):
            async with during(backstage, FaultKind.SLOW, _LASTS_S):
                await desk.account.submit(desk.order("f07"))
                await desk.moved()
            await desk.until(lambda: desk.is_over("f07"), "the order is filled")
            assert desk.quantity == desk.quantity_of("f07") == await desk.held()
            assert len([each for each in desk.told(OrderFilled, "f07") if each.complete]) == 1
            assert list(await backstage.placed()) == ["f07"]
            await _check_found(desk, "f07", OrderStatus.FILLED)

    async def test_f08_cancelled_submit_leaves_no_ghost(self, stage: Stage) -> None:
        """F08: whenever it is cut off: an order that exists is known by its id and can be ended."""
        async with stage.troubled() as (desk, backstage):
            async with during(backstage, FaultKind.SLOW, 2 * _LASTS_S):
                for number, seconds in enumerate(_CANCELLED_AFTER_S):
                    with anyio.move_on_after(seconds):
                        await desk.account.submit(desk.limit(f"f08-{number}"))
            await desk.settle()
            placed = sorted(await backstage.placed())
            assert placed == await desk.open_names()
            for name in placed:
                await _check_found(desk, name, OrderStatus.OPEN)
            await desk.account.cancel_all(placed)
            await desk.settle()
            assert await desk.open_names() == []
            assert placed == sorted(await backstage.placed())

    async def test_f09_fill_may_overtake_the_cancel(self, stage: Stage) -> None:
        """F09: a cancel that was taken is a request: the order is filled, and not cancelled."""
        async with stage.troubled() as (desk, backstage):
            await desk.account.submit(desk.limit("f09"))
            await desk.settle()
            await befalls(backstage, FaultKind.LATE_FILL)
            await desk.account.cancel("f09")
            assert desk.told(OrderCanceled, "f09") == []
            await desk.until(lambda: desk.is_over("f09"), "the fill is reported")
            assert desk.told(OrderCanceled, "f09") == []
            assert desk.quantity == desk.quantity_of("f09") == await desk.held()
            await desk.account.cancel("f09")
            await _check_found(desk, "f09", OrderStatus.FILLED)

    async def test_f10_repeated_report_changes_nothing(self, stage: Stage) -> None:
        """F10: what comes twice has the same id, and there is one of it in the list."""
        async with stage.troubled() as (desk, backstage):
            for _ in range(4):
                await befalls(backstage, FaultKind.DUPLICATE)
            await desk.bought("f10")
            await desk.moved()
            assert desk.quantity == desk.quantity_of("f10") == await desk.held()
            assert len(desk.filled("f10")) == len(await desk.account.fills(0))

    async def test_f11_reads_that_lag_prove_nothing(self, stage: Stage) -> None:
        """F11: an order that lists do not show yet is not absent, and no fill is made up."""
        async with stage.troubled() as (desk, backstage):
            async with during(backstage, FaultKind.DELAYED_READ, _LASTS_S):
                await desk.account.submit(desk.order("f11"))
                await desk.moved()
                if _looks_up(desk):
                    assert not isinstance(await desk.account.order("f11"), ProvenAbsent)
            await desk.until(lambda: desk.is_over("f11"), "the fill is reported")
            reported = {fill.fill_id: fill for fill in desk.filled("f11")}
            assert reported == {fill.fill_id: fill for fill in await desk.account.fills(0)}
            assert desk.quantity == desk.quantity_of("f11") == await desk.held()

    async def test_f12_reconnect_makes_up_for_what_was_missed(self, stage: Stage) -> None:
        """F12: fills of the meantime are reported, open orders and positions are true."""
        async with stage.troubled() as (desk, backstage):
            base = (await desk.held(), desk.quantity)
            await desk.account.submit(desk.limit("f12-a"))
            await desk.account.submit(desk.limit("f12-b", desk.farther_price))
            await desk.settle()
            async with during(backstage, FaultKind.OUTAGE, _LASTS_S):
                await backstage.reach("f12-a")
            await desk.until(lambda: desk.is_over("f12-a"), "the fill is reported")
            await befalls(backstage, FaultKind.DISCONNECT)
            await desk.settle()
            assert await desk.answered(desk.open_names) == ["f12-b"]
            assert add(*base) == await desk.answered(desk.held)
            assert desk.quantity == desk.quantity_of("f12-a")
            await desk.cancelled("f12-b")
            await desk.bought("f12-c")

    async def test_f13_next_process_finds_the_orders_of_the_last(self, stage: Stage) -> None:
        """F13: opened anew, it shows, finds and ends them, and does not place them again."""
        async with stage.troubled() as (desk, backstage):
            await desk.bought("f13-a")
            await desk.account.submit(desk.limit("f13-b"))
            await desk.account.submit(desk.limit("f13-c"))
            await desk.cancelled("f13-c")
            held = await desk.held()
        async with stage.troubled() as (desk, backstage):
            assert await desk.open_names() == ["f13-b"]
            assert held == await desk.held()
            await _check_found(desk, "f13-a", OrderStatus.FILLED)
            await _check_found(desk, "f13-b", OrderStatus.OPEN)
            await _check_found(desk, "f13-c", OrderStatus.CANCELED)
            assert {"f13-a"} == {fill.client_order_id for fill in await desk.account.fills(0)}
            await _check_sent_again(desk, backstage, desk.limit("f13-b"))
            await desk.account.cancel("f13-b")
            await desk.settle()
            assert await desk.open_names() == []

    async def test_f14_reads_get_over_a_bad_moment(self, stage: Stage) -> None:
        """F14: repeated by the adapter, or failing with an error that says it may be."""
        async with stage.troubled() as (desk, backstage):
            await desk.account.submit(desk.limit("f14"))
            for kind in (FaultKind.RATE_LIMIT, FaultKind.SERVER_ERROR):
                await befalls(backstage, kind)
                try:
                    names = await desk.open_names()
                except VenueError as error:
                    assert error.retryable
                    await anyio.sleep((error.retry_after_ns or NS_PER_SECOND) / NS_PER_SECOND)
                    names = await desk.open_names()
                assert names == ["f14"]

    async def test_f15_secrets_are_never_shown(
        self, stage: Stage, caplog: pytest.LogCaptureFixture
    ) -> None:
        """F15: not in an error with its causes, not in the log at its most talkative, no repr."""
        caplog.set_level(logging.DEBUG)
        async with stage.troubled() as (desk, backstage):
            shown = [repr(each) for each in (desk.venue, desk.account, desk.venue.market_data)]
            faults = (FaultKind.REJECT, FaultKind.LOST_ACK, FaultKind.SERVER_ERROR)
            for number, kind in enumerate(faults):
                await befalls(backstage, kind)
                try:
                    with anyio.move_on_after(1):
                        await desk.account.submit(desk.limit(f"f15-{number}"))
                except VenueError as error:
                    shown.append("".join(traceback.format_exception(error)) + repr(error))
            async with during(backstage, FaultKind.OUTAGE, _LASTS_S):
                down = await desk.attempted(desk.limit("f15-down"))
                shown.append(f"{down!r} {down}")
            shown += [str(each) for each in desk.reports]
            text = "\n".join((*shown, caplog.text))
            for secret in backstage.secrets:
                assert secret not in text, "a secret was shown"

    async def test_f16_acknowledgement_is_all_that_a_cancel_needs(self, stage: Stage) -> None:
        """F16: a taken order is ended while neither lists nor streams show it."""
        async with stage.troubled() as (desk, backstage):
            async with (
                during(backstage, FaultKind.SILENCE, _LASTS_S),
                during(backstage, FaultKind.DELAYED_READ, _LASTS_S),
            ):
                await desk.account.submit(desk.limit("f16"))
                await desk.account.cancel("f16")
            await desk.settle()
            assert await desk.open_names() == []
            await _check_found(desk, "f16", OrderStatus.CANCELED)


def _check_unknown(error: VenueError | None) -> None:
    """Check that nobody claims to know what became of an order."""
    if error is not None:
        assert not isinstance(error, OrderRejected)
        assert error.outcome is Outcome.UNKNOWN


def _looks_up(desk: Desk) -> bool:
    able = desk.venue.capabilities
    return able.supports(Capability.ORDER_BY_CLIENT_ID) is not Support.UNSUPPORTED


async def _check_found(desk: Desk, name: str, status: OrderStatus) -> None:
    """Check what is found of an order, where it can be looked up."""
    if not _looks_up(desk):
        return
    found = await desk.looked_up(name)
    assert isinstance(found, Found)
    assert (name, status) == (found.order.client_order_id, found.order.status)


async def _check_sent_again(desk: Desk, backstage: Backstage, order: Order) -> None:
    """Check that an order which is sent again is not placed again, where that is declared."""
    if desk.venue.capabilities.idempotent_submit is not IdempotentSubmit.ALWAYS:
        return
    before = list(await backstage.placed())
    await desk.account.submit(order)
    await desk.settle()
    assert before == list(await backstage.placed())
