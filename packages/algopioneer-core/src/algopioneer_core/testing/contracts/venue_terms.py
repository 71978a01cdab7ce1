"""Cases of the venue contract: every kind of order that a venue may declare."""

from decimal import Decimal
from typing import Any, Final

import pytest

from algopioneer_core.domain.capabilities import Capability
from algopioneer_core.domain.events import OrderExpired, OrderFilled
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.domain.money import ZERO, add, mul, total
from algopioneer_core.domain.orders import OrderType, TimeInForce
from algopioneer_core.testing.contracts.venue_desk import Desk
from algopioneer_core.testing.contracts.venue_stage import Stage

__all__ = ["TermsCases"]

_LIFETIME_NS: Final = 3 * NS_PER_SECOND
_NEARLY: Final = Decimal("0.95")
"""How much of an amount an order that is sized by it must use: increments and fees take some."""


@pytest.mark.anyio
class TermsCases:
    """Each kind of order, where it is declared; E08 asks for the others."""

    async def test_t01_limit_order_pays_no_more_than_its_limit(self, stage: Stage) -> None:
        """T01: one beyond the market trades at once, at its limit or better; a sale mirrors it."""
        async with stage.desk(Capability.LIMIT_ORDERS) as desk:
            price = await desk.price_beyond()
            bought = await desk.traded(desk.limit("t01-buy", price))
            assert all(fill.price <= price for fill in bought)
            sale = desk.limit("t01-sell", desk.far_price, side=Side.SELL)
            sold = await desk.traded(sale)
            assert all(fill.price >= desk.far_price for fill in sold)
            assert desk.quantity == desk.quantity_of("t01-sell")

    async def test_t02_post_only_never_takes(self, stage: Stage) -> None:
        """T02: it rests away from the market; where it would take it is refused or cancelled."""
        async with stage.desk(Capability.POST_ONLY) as desk:
            price = await desk.price_beyond()
            await desk.account.submit(desk.limit("t02-rests", post_only=True))
            await desk.is_refused(desk.limit("t02-takes", price, post_only=True))
            assert await desk.open_names() == ["t02-rests"]

    async def test_t03_immediate_or_cancel_does_not_rest(self, stage: Stage) -> None:
        """T03: what can trade at once does, and the rest is cancelled."""
        now: dict[str, Any] = {"time_in_force": TimeInForce.IOC}
        async with stage.desk(Capability.IOC) as desk:
            price = await desk.price_beyond()
            await desk.is_refused(desk.limit("t03-far", None, **now))
            await desk.traded(desk.limit("t03-near", price, **now))
            assert desk.quantity == desk.quantity_of("t03-near")
            await _ended(desk, "t03-large", price, TimeInForce.IOC)
            assert ZERO < desk.quantity_of("t03-large") < desk.large_quantity
            assert await desk.open_names() == []

    async def test_t04_fill_or_kill_fills_whole_or_not_at_all(self, stage: Stage) -> None:
        """T04: a part is never traded."""
        now: dict[str, Any] = {"time_in_force": TimeInForce.FOK}
        async with stage.desk(Capability.FOK) as desk:
            price = await desk.price_beyond()
            await desk.is_refused(desk.limit("t04-far", None, **now))
            await desk.traded(desk.limit("t04-near", price, **now))
            assert desk.quantity == desk.quantity_of("t04-near")
            await _ended(desk, "t04-large", price, TimeInForce.FOK)
            assert desk.quantity_of("t04-large") in (ZERO, desk.large_quantity)
            assert await desk.open_names() == []

    async def test_t05_good_till_date_expires(self, stage: Stage) -> None:
        """T05: it rests until its time and is then reported as expired, once."""
        async with stage.desk(Capability.GTD) as desk:
            await desk.account.submit(desk.limit("t05-now"))
            await desk.cancelled("t05-now")
            expire_ns = desk.now_ns() + _LIFETIME_NS
            order = desk.limit("t05", time_in_force=TimeInForce.GTD, expire_ns=expire_ns)
            await desk.account.submit(order)
            (shown,) = await desk.account.open_orders()
            assert (TimeInForce.GTD, expire_ns) == (
                shown.intent.time_in_force,
                shown.intent.expire_ns,
            )
            await desk.until(lambda: desk.is_over("t05"), "the order expires")
            assert (await desk.open_names(), len(desk.told(OrderExpired, "t05"))) == ([], 1)
            assert desk.told(OrderFilled, "t05") == []

    async def test_t06_stop_order_waits_for_its_price(self, stage: Stage) -> None:
        """T06: it rests until the market is there, and then trades."""
        async with stage.desk(Capability.STOP_ORDERS) as desk:
            price = await desk.price_beyond()
            await _waits_for_its_price(stage, desk, "t06", type=OrderType.STOP, stop_price=price)

    async def test_t07_stop_limit_order_waits_for_its_price(self, stage: Stage) -> None:
        """T07: likewise, and trades at its limit or better."""
        async with stage.desk(Capability.STOP_LIMIT_ORDERS) as desk:
            price = await desk.price_beyond()
            terms = {"type": OrderType.STOP_LIMIT, "stop_price": price, "limit_price": price}
            await _waits_for_its_price(stage, desk, "t07", **terms)
            assert all(fill.price <= price for fill in desk.filled("t07"))

    async def test_t08_quote_sized_purchase_spends_its_amount(self, stage: Stage) -> None:
        """T08: fee included, no more than the amount and nearly all of it."""
        async with stage.desk(Capability.QUOTE_SIZED_ORDERS) as desk:
            price = await desk.price_beyond()
            amount = mul(price, desk.quantity)
            fills = await desk.bought("t08", quote_amount=amount)
            spent = total(
                *(mul(f.quantity, f.price) for f in fills),
                *(f.fee for f in fills if f.fee_asset == stage.instrument.quote),
            )
            assert mul(amount, _NEARLY) < spent <= amount

    async def test_t09_quote_sized_sale_brings_its_amount(self, stage: Stage) -> None:
        """T09: no more is sold than brings the amount, and nearly that."""
        async with stage.desk(Capability.QUOTE_SIZED_SALES) as desk:
            price = await desk.price_beyond()
            await desk.bought("t09-buy", quantity=add(desk.quantity, desk.quantity))
            amount = mul(price, desk.quantity)
            fills = await desk.bought("t09", quote_amount=amount, side=Side.SELL)
            brought = total(*(mul(fill.quantity, fill.price) for fill in fills))
            assert {Side.SELL} == {fill.side for fill in fills}
            assert mul(amount, _NEARLY) < brought <= amount

    async def test_t10_reduce_only_reduces(self, stage: Stage) -> None:
        """T10: it never opens a position nor turns one, and closes one."""
        async with stage.desk(Capability.REDUCE_ONLY) as desk:
            for side in Side:
                order = desk.order(f"t10-flat-{side.value}", side=side, reduce_only=True)
                await desk.is_refused(order)
            await desk.bought("t10-buy")
            held = await desk.held()
            await desk.is_refused(desk.order("t10-more", reduce_only=True))
            await desk.bought("t10-close", side=Side.SELL, quantity=held, reduce_only=True)
            assert await desk.held() == ZERO


async def _ended(desk: Desk, name: str, price: Decimal, time_in_force: TimeInForce) -> None:
    """Order more than the market shows, and wait for the order's end."""
    large = desk.limit(name, price, quantity=desk.large_quantity, time_in_force=time_in_force)
    await desk.account.submit(large)
    await desk.until(lambda: desk.is_over(name), f"{name} ends")


async def _waits_for_its_price(stage: Stage, desk: Desk, name: str, **terms: object) -> None:
    """Let an order rest, and reach it where somebody can; else cancel it."""
    await desk.account.submit(desk.order(name, **terms))
    await desk.moved()
    (shown,) = await desk.account.open_orders()
    assert (name, terms["type"], terms["stop_price"]) == (
        shown.client_order_id,
        shown.intent.type,
        shown.intent.stop_price,
    )
    assert not desk.filled(name)
    if stage.backstage is None:
        await desk.cancelled(name)
        return
    await stage.backstage.reach(name)
    await desk.until(lambda: desk.is_over(name), f"{name} is triggered and filled")
    assert desk.quantity == desk.quantity_of(name)
