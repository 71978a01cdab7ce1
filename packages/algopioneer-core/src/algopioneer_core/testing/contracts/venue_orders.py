"""Cases of the venue contract: orders on good days, and what the account says of them."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any, Final

import pytest

from algopioneer_core.domain.capabilities import Capability, IdempotentSubmit
from algopioneer_core.domain.errors import OrderRejected, UnsupportedOperation
from algopioneer_core.domain.events import OrderAccepted, OrderCanceled, OrderFilled
from algopioneer_core.domain.fills import Fill, Liquidity, Side
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.money import ZERO, Increment, add, divide_half_even, mul, sub, total
from algopioneer_core.domain.orders import Order, OrderIntent, OrderStatus, OrderType, TimeInForce
from algopioneer_core.ports import Found, ProvenAbsent
from algopioneer_core.testing.contracts.venue_stage import Stage

__all__ = ["OrderCases"]

_ORDERS: Final = (Capability.MARKET_ORDERS, Capability.LIMIT_ORDERS)
_TOLERANCE: Final = Decimal("0.000001")
"""Of a fee, as a share of it: venues round theirs."""


@pytest.mark.anyio
class OrderCases:
    """Orders, fills and money."""

    async def test_e01_market_order_is_accepted_then_filled(self, stage: Stage) -> None:
        """E01: acknowledged, filled in full, and then held."""
        async with stage.desk(Capability.MARKET_ORDERS) as desk:
            fills = await desk.bought("e01")
            assert isinstance(desk.reports[0], OrderAccepted | OrderFilled)
            assert {(Side.BUY, desk.instrument.id)} == {(f.side, f.instrument_id) for f in fills}
            assert desk.quantity == desk.quantity_of("e01") == await desk.held()

    async def test_e02_limit_order_rests_until_it_is_cancelled(self, stage: Stage) -> None:
        """E02: it is listed as open with its terms, does not trade, and its end is reported."""
        async with stage.desk(Capability.LIMIT_ORDERS) as desk:
            sent = desk.limit("e02")
            await desk.account.submit(sent)
            await desk.moved()
            assert await desk.open_names() == ["e02"]
            (shown,) = await desk.account.open_orders()
            assert shown.status is OrderStatus.OPEN
            assert _terms(sent) == _terms(shown)
            await desk.cancelled("e02")
            assert (await desk.open_names(), len(desk.told(OrderCanceled, "e02"))) == ([], 1)
            assert desk.told(OrderFilled, "e02") == []

    async def test_e03_same_id_never_makes_two_open_orders(self, stage: Stage) -> None:
        """E03: as declared, the same submit changes nothing or is refused."""
        async with stage.desk(Capability.LIMIT_ORDERS) as desk:
            order = desk.limit("e03")
            await desk.account.submit(order)
            if desk.venue.capabilities.idempotent_submit is IdempotentSubmit.ALWAYS:
                await desk.account.submit(order)
            else:
                with pytest.raises(OrderRejected):
                    await desk.account.submit(order)
            assert await desk.open_names() == ["e03"]

    async def test_e04_orders_are_found_or_proven_absent(self, stage: Stage) -> None:
        """E04: what was filled is found so; what was never sent is proven absent in the end."""
        async with stage.desk() as desk:
            if desk.venue.capabilities.require([Capability.ORDER_BY_CLIENT_ID]):
                with pytest.raises(UnsupportedOperation):
                    await desk.account.order("e04")
                return
            await desk.bought("e04")
            found = await desk.looked_up("e04")
            assert isinstance(found, Found)
            assert (OrderStatus.FILLED, desk.quantity) == (
                found.order.status,
                found.order.filled_quantity,
            )
            assert ProvenAbsent() == await desk.looked_up("e04-never")

    async def test_e05_cancel_of_what_has_ended_is_no_error(self, stage: Stage) -> None:
        """E05: what became of it is known already, and is not reported as a cancel."""
        async with stage.desk() as desk:
            await desk.bought("e05")
            await desk.account.cancel("e05")
            await desk.settle()
            assert desk.told(OrderCanceled, "e05") == []

    async def test_e06_cancel_all_ends_the_named_orders_only(self, stage: Stage) -> None:
        """E06: an order that is not named may be somebody else's."""
        async with stage.desk(Capability.CANCEL_ALL, Capability.LIMIT_ORDERS) as desk:
            for name in ("e06-a", "e06-b", "e06-c"):
                await desk.account.submit(desk.limit(name))
            await desk.account.cancel_all(["e06-a", "e06-c"])
            await desk.settle()
            assert await desk.open_names() == ["e06-b"]

    async def test_e07_fills_are_listed_with_the_ids_of_the_reports(self, stage: Stage) -> None:
        """E07: asked twice, with overlap, each fill is the same one, once; oldest first."""
        async with stage.desk(Capability.FILLS_HISTORY) as desk:
            reported = [fill for name in ("e07-a", "e07-b") for fill in await desk.bought(name)]
            listed = list(await desk.account.fills(0))
            assert {fill.fill_id: fill for fill in reported} == {
                fill.fill_id: fill for fill in listed
            }
            assert len(listed) == len({fill.fill_id for fill in listed})
            times = [fill.ts_event for fill in listed]
            assert times == sorted(times)
            assert listed[-1] in await desk.account.fills(times[-1])
            assert list(await desk.account.fills(times[-1] + 1)) == []

    async def test_e08_what_is_declared_unsupported_is_refused(self, stage: Stage) -> None:
        """E08: an order that asks for it raises, and nothing is placed."""
        far = stage.far_price
        resting: dict[str, Any] = {"type": OrderType.LIMIT, "limit_price": far}
        asked: dict[Capability, dict[str, Any]] = {
            Capability.POST_ONLY: {**resting, "post_only": True},
            Capability.IOC: {**resting, "time_in_force": TimeInForce.IOC},
            Capability.FOK: {**resting, "time_in_force": TimeInForce.FOK},
            Capability.GTD: {**resting, "time_in_force": TimeInForce.GTD, "expire_ns": 2**62},
            Capability.STOP_ORDERS: {"type": OrderType.STOP, "stop_price": far},
            Capability.STOP_LIMIT_ORDERS: {
                **resting,
                "type": OrderType.STOP_LIMIT,
                "stop_price": far,
            },
            Capability.QUOTE_SIZED_ORDERS: {"quote_amount": far},
            Capability.QUOTE_SIZED_SALES: {"quote_amount": far, "side": Side.SELL},
            Capability.REDUCE_ONLY: {"reduce_only": True},
        }
        async with stage.desk() as desk:
            for capability in desk.venue.capabilities.require(asked, stage.instrument.kind):
                order = desk.order(f"e08-{capability.value}"[:18], **asked[capability])
                with pytest.raises(UnsupportedOperation):
                    await desk.account.submit(order)
            assert await desk.open_names() == []

    async def test_e09_money_is_what_was_paid_and_the_fee(self, stage: Stage) -> None:
        """E09: to the last digit, for what is delivered, both ways."""
        if not stage.instrument.delivers_base:
            pytest.skip("a contract is not paid for")
        quote = stage.instrument.quote
        async with stage.desk(Capability.BALANCES) as desk:
            before = (await desk.balance(quote)).total
            bought = await desk.bought("e09-buy")
            paid = total(*(_paid(fill, quote) for fill in bought))
            assert before == add(paid, (await desk.balance(quote)).total)
            left = sub(await desk.held(), ZERO)
            sold = await desk.bought("e09-sell", side=Side.SELL, quantity=left)
            paid = total(paid, *(_paid(fill, quote) for fill in sold))
            assert before == add(paid, (await desk.balance(quote)).total)

    async def test_e10_without_an_account_everything_of_it_is_refused(self, stage: Stage) -> None:
        """E10: nothing pretends."""
        async with stage.venue() as venue:
            if len(venue.capabilities.require(_ORDERS)) < len(_ORDERS):
                pytest.skip("declares an account")
            bought = OrderIntent(
                instrument_id=stage.instrument.id, side=Side.BUY, quantity=Decimal(1)
            )
            account = venue.execution
            asked: list[Callable[[], Awaitable[object]]] = [
                lambda: account.submit(Order("e10", bought, 0)),
                lambda: account.cancel("e10"),
                lambda: account.cancel_all(["e10"]),
                lambda: account.order("e10"),
                account.open_orders,
                account.positions,
                account.balances,
                lambda: account.fills(0),
                lambda: account.fees(stage.instrument.id),
            ]
            for ask in asked:
                with pytest.raises(UnsupportedOperation):
                    await ask()
            with pytest.raises(UnsupportedOperation):
                async with account.reports():
                    pass

    async def test_e11_a_sale_is_a_sale(self, stage: Stage) -> None:
        """E11: what was bought and sold again is not held any more, and its fills say so."""
        async with stage.desk(Capability.MARKET_ORDERS, Capability.POSITIONS) as desk:
            await desk.bought("e11-buy")
            held = await desk.held()
            sold = await desk.bought("e11-sell", side=Side.SELL, quantity=held)
            assert {Side.SELL} == {fill.side for fill in sold}
            assert (held, ZERO) == (desk.quantity_of("e11-sell"), await desk.held())

    async def test_e12_large_order_is_filled_in_parts(self, stage: Stage) -> None:
        """E12: each part is reported once, all of them add up, and only the last completes it."""
        async with stage.desk(Capability.LIMIT_ORDERS) as desk:
            price = await desk.price_beyond()
            base = await desk.held()
            order = desk.limit("e12", price, quantity=desk.large_quantity)
            fills = await desk.traded(order)
            assert len(fills) > 1, "the market shows too much for `large_quantity`"
            assert desk.large_quantity == desk.quantity_of("e12")
            assert add(base, desk.large_quantity) == await desk.held()
            complete = [each.complete for each in desk.told(OrderFilled, "e12")]
            assert len(complete) == len(fills), "a part was reported again"
            assert not any(complete[:-1])
            listed = [f for f in await desk.account.fills(0) if f.client_order_id == "e12"]
            assert {f.fill_id: f for f in fills} == {f.fill_id: f for f in listed}
            assert all(fill.price <= price for fill in fills)

    async def test_e13_cancel_of_a_part_filled_order_keeps_what_was_filled(
        self, stage: Stage
    ) -> None:
        """E13: the parts are reported before the end, which comes once."""
        async with stage.desk(Capability.LIMIT_ORDERS) as desk:
            price = await desk.price_beyond()
            base = await desk.held()
            await desk.account.submit(desk.limit("e13", price, quantity=desk.large_quantity))
            await desk.until(lambda: bool(desk.filled("e13")), "the first part is filled")
            await desk.cancelled("e13")
            filled = desk.quantity_of("e13")
            assert ZERO < filled <= desk.large_quantity
            assert add(base, filled) == await desk.held()
            ended = len(desk.told(OrderCanceled, "e13"))
            assert ended == (0 if filled == desk.large_quantity else 1)
            if ended:
                assert isinstance(desk.told_of("e13")[-1], OrderCanceled)
            assert await desk.open_names() == []

    async def test_e14_increments_are_not_rounded(self, stage: Stage) -> None:
        """E14: an order off the price or quantity grid is refused; the grids are positive."""
        instrument = stage.instrument
        async with stage.desk(Capability.LIMIT_ORDERS) as desk:
            quantity = add(desk.quantity, _half(instrument.quantity_increment))
            assert await desk.is_refused(desk.order("e14-quantity", quantity=quantity))
            if instrument.price_increment is not None:
                price = add(desk.far_price, _half(instrument.price_increment))
                assert await desk.is_refused(desk.limit("e14-price", price))
            assert await desk.open_names() == []

    async def test_e15_open_orders_hold_money_back(self, stage: Stage) -> None:
        """E15: what a purchase may cost is held while it rests, and free again after its end."""
        instrument = stage.instrument
        if not instrument.delivers_base:
            pytest.skip("a contract is not paid for")
        async with stage.desk(Capability.BALANCES, Capability.LIMIT_ORDERS) as desk:
            before = await desk.balance(instrument.quote)
            await desk.account.submit(desk.limit("e15"))
            during = await desk.balance(instrument.quote)
            await desk.cancelled("e15")
            after = await desk.balance(instrument.quote)
            assert before.total == during.total == after.total
            assert before.held == after.held
            assert sub(during.held, before.held) >= mul(desk.quantity, desk.far_price)

    async def test_e16_fees_are_those_that_are_told(self, stage: Stage) -> None:
        """E16: a fill is charged the rate of `fees`, by whether it made or took."""
        async with stage.desk(Capability.FEE_RATES) as desk:
            rates = await desk.account.fees(stage.instrument.id)
            for fill in await desk.bought("e16"):
                rate = rates.maker if fill.liquidity is Liquidity.MAKER else rates.taker
                due = mul(stage.instrument.value(fill.quantity, fill.price), rate)
                if fill.fee_asset == stage.instrument.base:
                    due = mul(fill.quantity, rate)
                assert abs(sub(fill.fee, due)) <= mul(abs(due), _TOLERANCE)

    async def test_e17_what_is_not_traded_cannot_be_ordered(self, stage: Stage) -> None:
        """E17: nor can anything under an id of another form."""
        async with stage.desk() as desk:
            stranger = InstrumentId(desk.venue.name, "NO-SUCH-THING")
            with pytest.raises((UnsupportedOperation, OrderRejected)):
                await desk.account.submit(desk.limit("e17", instrument_id=stranger))
            longest = desk.venue.capabilities.client_order_id_max_length
            with pytest.raises(OrderRejected):
                await desk.account.submit(desk.limit("e" * (longest + 1)))
            assert await desk.open_names() == []

    async def test_e18_resting_sales_hold_what_they_sell(self, stage: Stage) -> None:
        """E18: a second sale of all that there is is refused, until the first has ended."""
        instrument = stage.instrument
        if not instrument.delivers_base:
            pytest.skip("a contract is not handed over")
        needs = (Capability.BALANCES, *_ORDERS)
        async with stage.desk(*needs) as desk:
            if desk.venue.capabilities.lockstep:
                pytest.skip("declares lockstep: an order is judged when it trades")
            if desk.may_be_short:
                pytest.skip("declares short-selling: more than there is may be sold")
            price = await desk.price_beyond()
            left = await desk.held()
            await desk.account.submit(desk.limit("e18-a", price, side=Side.SELL, quantity=left))
            assert left == (await desk.balance(instrument.base)).held
            again = desk.limit("e18-b", price, side=Side.SELL, quantity=left)
            assert await desk.is_refused(again)
            assert await desk.open_names() == ["e18-a"]
            await desk.cancelled("e18-a")
            await desk.account.submit(desk.limit("e18-c", price, side=Side.SELL, quantity=left))
            assert await desk.open_names() == ["e18-c"]


def _half(grid: Increment) -> Decimal:
    return divide_half_even(grid.step, Decimal(2), places=18)


def _terms(order: Order) -> tuple[object, ...]:
    intent = order.intent
    return (
        intent.instrument_id,
        intent.side,
        intent.type,
        intent.quantity,
        intent.limit_price,
        intent.time_in_force,
    )


def _paid(fill: Fill, quote: str) -> Decimal:
    """Return what a fill took of the quote currency; a sale brings some."""
    value = mul(fill.quantity, fill.price)
    fee = fill.fee if fill.fee_asset == quote else ZERO
    return add(value if fill.side is Side.BUY else -value, fee)
