"""US futures at the local Coinbase, read and traded by the adapter beside their spot market."""

import json
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve

from algopioneer_coinbase.balances import margin_of
from algopioneer_coinbase.messages import Amount, FutureBalances
from algopioneer_core.domain.errors import VenueError
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import InstrumentId, InstrumentKind
from algopioneer_core.domain.market_data import Quote
from algopioneer_core.domain.orders import Order, OrderIntent, OrderStatus
from algopioneer_core.engine.margin import SupportsMargin

SPOT = InstrumentId("coinbase", "BTC-USD")
FUTURE = InstrumentId("coinbase", "BIT-27DEC30-CDE")
HUNDREDTH = Decimal("0.01")


def quote_both(local: Any, bid: int) -> None:
    """Quote spot and future alike, five dollars wide."""
    now_ns = local.clock.now_ns()
    for each in (SPOT, FUTURE):
        numbers = (Decimal(bid), Decimal(bid + 5), Decimal(50), Decimal(50))
        local.sandbox.exchange.push(Quote(each, now_ns, *numbers, now_ns))


def market_order(name: str, instrument_id: InstrumentId, side: Side, quantity: str) -> Order:
    """Return a market order."""
    intent = OrderIntent(instrument_id=instrument_id, side=side, quantity=Decimal(quantity))
    return Order(name, intent, 0, OrderStatus.PENDING)


async def test_spot_and_future_of_a_coin_are_legs_of_one_account(local: Any) -> None:
    """Each has its position; coins are in the balances, contracts are not."""
    quote_both(local, 60_000)
    async with local.opened() as venue:
        listed = {each.id: each for each in await venue.market_data.instruments()}
        assert InstrumentKind.FUTURE is listed[FUTURE].kind
        assert (HUNDREDTH, "BTC") == (listed[FUTURE].multiplier, listed[FUTURE].base)
        assert listed[FUTURE].expiry_ns

        await venue.execution.submit(market_order("a", SPOT, Side.BUY, "0.03"))
        await venue.execution.submit(market_order("b", FUTURE, Side.SELL, "3"))

        positions = await venue.execution.positions()
        assert {SPOT: Decimal("0.03"), FUTURE: Decimal(-3)} == {
            each: positions[each] for each in (SPOT, FUTURE)
        }
        fills = await venue.execution.fills(0)
        assert {SPOT: Decimal(60_005), FUTURE: Decimal(60_000)} == {
            each.instrument_id: each.price for each in fills
        }


async def test_gains_of_contracts_are_dollars_like_others(local: Any) -> None:
    """They lie in another pocket, and the adapter adds both up to the last digit."""
    quote_both(local, 60_000)
    async with local.opened() as venue:
        await venue.execution.submit(market_order("a", FUTURE, Side.SELL, "3"))
        quote_both(local, 59_000)
        await venue.execution.submit(market_order("b", FUTURE, Side.BUY, "2"))

        (summary,) = json.loads(local.ask("GET", "/cfm/balance_summary").body).values()
        (dollars,) = [each for each in await venue.execution.balances() if each.asset == "USD"]

    gain = (60_000 - 59_005) * 2 * HUNDREDTH
    fees = Decimal("0.006") * HUNDREDTH * (60_000 * 3 + 59_005 * 2)
    assert gain - fees == Decimal(summary["cfm_usd_balance"]["value"])
    assert Decimal(100_000) + gain - fees == dollars.total
    assert dollars.total == local.sandbox.exchange.books.account.balances["USD"]
    assert Decimal(summary["cbi_usd_balance"]["value"]) == 100_000
    assert Decimal("59.0025") == Decimal(summary["initial_margin"]["value"])  # a tenth of the rest


async def test_margin_is_how_contracts_are_covered(local: Any) -> None:
    """Equity is everything with unrealised gains; half of the initial margin must be kept."""
    quote_both(local, 60_000)
    async with local.opened() as venue:
        account: object = venue.execution
        assert isinstance(account, SupportsMargin)
        nothing = await venue.execution.margin()
        assert nothing is not None
        assert nothing.distance is None
        await venue.execution.submit(market_order("a", FUTURE, Side.SELL, "3"))
        quote_both(local, 61_000)
        covered = await venue.execution.margin()

    mark = Decimal("61002.5")  # between bid and ask
    loss = (mark - 60_000) * 3 * HUNDREDTH
    fee = Decimal("0.006") * HUNDREDTH * 60_000 * 3
    kept = Decimal("0.05") * HUNDREDTH * mark * 3
    assert covered is not None
    assert (100_000 - loss - fee, kept) == (covered.equity, covered.maintenance)
    assert covered.free == covered.equity - 2 * kept


async def test_a_venue_that_trades_no_futures_has_no_margin(local: Any) -> None:
    """Nobody asks for it."""
    local.config = evolve(local.config, futures=False)
    async with local.opened() as venue:
        assert await venue.execution.margin() is None


def test_a_margin_that_is_not_told_is_not_made_up() -> None:
    """Each amount is needed."""
    dollars = Amount(value="1", currency="USD")
    told = FutureBalances(
        cfm_usd_balance=dollars,
        total_open_orders_hold_amount=dollars,
        available_margin=dollars,
        liquidation_threshold=dollars,
    )
    with pytest.raises(VenueError, match="covered"):
        margin_of(told)


async def test_a_position_is_told_with_its_entry_and_margin(local: Any) -> None:
    """By itself too; of a contract that is not held there is none."""
    quote_both(local, 60_000)
    async with local.opened() as venue:
        await venue.execution.submit(market_order("a", FUTURE, Side.BUY, "2"))

    answer = local.ask("GET", f"/cfm/positions/{FUTURE.symbol}")
    position = json.loads(answer.body)["position"]
    assert ("LONG", "2") == (position["side"], position["number_of_contracts"])
    assert "60005" == position["avg_entry_price"]["value"]
    assert "120.005" == position["im_contribution"]["value"]
    assert 404 == local.ask("GET", f"/cfm/positions/{SPOT.symbol}").status
