"""Behaviour of a paper account over a venue that is not replayed."""

from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve

from algopioneer_core.domain.capabilities import Capabilities, Capability
from algopioneer_core.domain.errors import ConfigError, OrderRejected, UnsupportedOperation
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND, Bar, Quote, Trade
from algopioneer_core.domain.money import Increment
from algopioneer_core.domain.orders import OrderType
from algopioneer_core.journal.codec import decode, encode
from algopioneer_core.simulation.no_account import NoAccount
from algopioneer_core.simulation.order_rules import (
    NO_BUYING_POWER,
    NOT_FREE,
    NOT_SHORTABLE,
    OFF_GRID,
    OFF_TICK,
)
from algopioneer_core.simulation.paper import PaperVenue
from algopioneer_core.simulation.paper_config import MatchOn, PaperConfig
from algopioneer_core.testing.clocks import VirtualClock
from algopioneer_core.testing.domain import BITCOIN
from algopioneer_core.testing.paper import sent
from algopioneer_core.testing.reference_venue import ReferenceVenue

BUY, SELL = Side.BUY, Side.SELL
STRICT = evolve(
    BITCOIN,
    price_increment=Increment(Decimal("0.5")),
    quantity_increment=Increment(Decimal("0.1")),
    minimum_quantity=Decimal("0.2"),
    minimum_notional=Decimal(30),
)
MINUTE_NS = 60 * NS_PER_SECOND


class Shadow(ReferenceVenue):
    """A venue whose declaration a test changes."""

    without: tuple[Capability, ...] = ()
    changes: dict[str, Any]

    def __init__(self, instrument: Instrument, *without: Capability, **changes: Any) -> None:
        super().__init__([instrument], VirtualClock())
        self.without, self.changes = without, changes
        self.now_ns = 0

    @property
    def capabilities(self) -> Capabilities:
        whole = super().capabilities
        support = {k: v for k, v in whole.support.items() if k not in self.without}
        return evolve(whole, support=support, **self.changes)

    def quote(self, price: int) -> Quote:
        """Return the next quote, a second later; bid and ask are one apart."""
        self.now_ns += NS_PER_SECOND
        prices, size = (Decimal(price), Decimal(price + 1)), Decimal(1)
        return Quote(BITCOIN.id, self.now_ns, *prices, size, size, self.now_ns)


async def show(venue: PaperVenue, shadow: Shadow, *events: Bar | Quote | Trade) -> None:
    """Let the market move."""
    async with venue.market_data.subscribe([BITCOIN.id]) as stream:
        for event in events:
            shadow.push(event)
            assert event == await stream.receive()


def paper(shadow: Shadow, instrument: Instrument = BITCOIN, **config: Any) -> PaperVenue:
    """Return a paper account over *shadow*."""
    return PaperVenue(PaperConfig(**config), shadow, [instrument])


LIMIT: dict[str, Any] = {"type": OrderType.LIMIT, "limit_price": Decimal(50)}


async def test_orders_are_filled_on_quotes_where_the_venue_pushes_them() -> None:
    """With the latency and slippage of the account; trades only mark."""
    shadow = Shadow(BITCOIN)
    venue = paper(shadow, latency_ms=1_500)
    await show(venue, shadow, shadow.quote(100))
    await venue.execution.submit(sent("a", BITCOIN, BUY, ts_ns=shadow.now_ns))
    trade = Trade(BITCOIN.id, shadow.now_ns, Decimal(500), Decimal(1), "t", shadow.now_ns)
    await show(venue, shadow, trade, shadow.quote(200), shadow.quote(300), shadow.quote(400))
    (fill,) = await venue.execution.fills(0)
    assert Decimal("301.1505") == fill.price


@pytest.mark.parametrize(
    ("order", "message"),
    [
        (sent("a", STRICT, BUY, "1.05"), OFF_GRID),
        (sent("a", STRICT, BUY, "0.1"), "below the minimum of 0.2"),
        (sent("a", STRICT, BUY, "0.2"), "below the minimum of 30"),
        (sent("a", STRICT, BUY, **{**LIMIT, "limit_price": Decimal("50.3")}), OFF_TICK),
        (sent("a", STRICT, BUY, "100"), NO_BUYING_POWER),
        (sent("a", STRICT, BUY, None, quote_amount=Decimal(25)), "below the minimum of 30"),
        (sent("a", STRICT, SELL, "1"), NOT_SHORTABLE),
    ],
)
async def test_rules_of_the_venue_refuse_at_once(order: Any, message: str) -> None:
    """A spot venue without credit; nothing is placed."""
    shadow = Shadow(STRICT, Capability.SHORT_SELLING, Capability.MARGIN)
    venue = paper(shadow, STRICT)
    await show(venue, shadow, shadow.quote(100))
    with pytest.raises(OrderRejected, match=message):
        await venue.execution.submit(order)
    assert [] == await venue.execution.open_orders()


async def test_what_waiting_orders_hold_back_is_not_free() -> None:
    """Two that could each be paid for cannot both be placed."""
    shadow = Shadow(BITCOIN, Capability.MARGIN)
    venue = paper(shadow)
    await show(venue, shadow, shadow.quote(100))
    await venue.execution.submit(sent("a", BITCOIN, BUY, "150", **LIMIT))
    with pytest.raises(OrderRejected, match=NOT_FREE):
        await venue.execution.submit(sent("b", BITCOIN, BUY, "60", **LIMIT))
    await venue.execution.cancel("a")
    await venue.execution.submit(sent("c", BITCOIN, BUY, "60", **LIMIT))


async def test_venue_that_lends_is_held_to_half() -> None:
    """Twice the equity can be bought and no more."""
    shadow = Shadow(BITCOIN)
    venue = paper(shadow)
    await show(venue, shadow, shadow.quote(100))
    with pytest.raises(OrderRejected, match=NO_BUYING_POWER):
        await venue.execution.submit(sent("a", BITCOIN, BUY, "201"))
    await venue.execution.submit(sent("b", BITCOIN, SELL, "150"))


async def test_same_submit_changes_nothing_where_ids_are_good_always() -> None:
    """As the venue declares; another order under the id is refused."""
    venue = paper(Shadow(BITCOIN))
    for _ in range(2):
        await venue.execution.submit(sent("a", BITCOIN, BUY, **LIMIT))
    assert 1 == len(await venue.execution.open_orders())
    with pytest.raises(OrderRejected, match="used before"):
        await venue.execution.submit(sent("a", BITCOIN, SELL, **LIMIT))


async def test_kinds_of_order_the_venue_does_not_take_are_unsupported() -> None:
    """Rehearsed as it will be played."""
    venue = paper(Shadow(BITCOIN, Capability.STOP_ORDERS))
    with pytest.raises(UnsupportedOperation, match="cannot ask for stop-orders"):
        await venue.execution.submit(
            sent("a", BITCOIN, BUY, type=OrderType.STOP, stop_price=Decimal(1))
        )


async def test_bars_fill_orders_where_they_are_asked_for() -> None:
    """The length of a bar must be known: stated, or the only one there is."""
    shadow = Shadow(BITCOIN)
    venue = paper(shadow, match_on=MatchOn.BARS, interval="1m", slippage_bps=Decimal(0))

    def bar(number: int, price: int) -> Bar:
        prices, close_ns = (price, price, price, price), number * MINUTE_NS
        return Bar(BITCOIN.id, close_ns, *prices, 0, 0, 0, close_ns)

    await show(venue, shadow, bar(1, 100))
    await venue.execution.submit(sent("a", BITCOIN, BUY, ts_ns=MINUTE_NS))
    # Made while the second bar runs: it opened before, so the third is the first to come after.
    await venue.execution.submit(sent("b", BITCOIN, BUY, ts_ns=MINUTE_NS + 5))
    await show(venue, shadow, bar(2, 200), bar(3, 300))
    fills = await venue.execution.fills(0)
    assert [("a.1", 200), ("b.1", 300)] == [(fill.fill_id, int(fill.price)) for fill in fills]


def test_length_of_bars_that_is_not_known_must_be_stated() -> None:
    """Before anything is traded; a guess would give fills a wrong time."""
    with pytest.raises(ConfigError, match="how long the bars"):
        paper(Shadow(BITCOIN), match_on=MatchOn.BARS)


def test_what_the_venue_does_not_push_cannot_fill_orders() -> None:
    """It would wait for ever."""
    with pytest.raises(ConfigError, match="pushes no quotes"):
        paper(Shadow(BITCOIN, Capability.QUOTES), match_on=MatchOn.QUOTES)


async def test_account_is_restored_without_its_venue() -> None:
    """A live venue has no state to go back to; waiting orders and money have."""
    shadow = Shadow(BITCOIN)
    venue = paper(shadow)
    await show(venue, shadow, shadow.quote(100))
    await venue.execution.submit(sent("a", BITCOIN, BUY, **LIMIT))
    other = paper(shadow)
    other.restore(decode(encode(venue.snapshot())))
    await show(other, shadow, shadow.quote(40))
    assert ["a.1"] == [fill.fill_id for fill in await other.execution.fills(0)]


async def test_coins_that_two_instruments_share_are_sold_once() -> None:
    """What was sold by one is not there for the other; what was bought by one is."""
    tether = evolve(BITCOIN, id=InstrumentId("sim", "BTC-USDC"), quote="USDC", shortable=False)
    bitcoin = evolve(BITCOIN, shortable=False)
    shadow = Shadow(bitcoin)
    free: dict[str, Any] = dict.fromkeys(
        ("slippage_bps", "maker_fee_bps", "taker_fee_bps"), Decimal(0)
    )
    config = PaperConfig(balances=("USD=1000", "BTC=2", "USDC=1000"), **free)
    venue = PaperVenue(config, shadow, [bitcoin, tether])
    await show(venue, shadow, shadow.quote(100))
    await venue.execution.submit(sent("a", bitcoin, SELL, "2", ts_ns=shadow.now_ns))
    await show(venue, shadow, shadow.quote(100))
    assert {} == await venue.execution.positions()
    with pytest.raises(OrderRejected, match=NOT_SHORTABLE):
        await venue.execution.submit(
            sent("b", tether, SELL, "1", type=LIMIT["type"], limit_price=Decimal(90))
        )
    await venue.execution.submit(sent("c", bitcoin, BUY, "1", ts_ns=shadow.now_ns))
    await show(venue, shadow, shadow.quote(100))
    assert {bitcoin.id: Decimal(1), tether.id: Decimal(1)} == await venue.execution.positions()


CHARGED = evolve(BITCOIN, maker_fee=Decimal("0.004"), taker_fee=Decimal("0.006"))


@pytest.mark.parametrize(
    ("listed", "config", "maker", "taker"),
    [
        (BITCOIN, {}, "0.004", "0.006"),
        (evolve(BITCOIN, taker_fee=Decimal("0.001")), {}, "0.004", "0.001"),
        (BITCOIN, {"taker_fee_bps": Decimal(20)}, "0.004", "0.002"),
        (BITCOIN, {"taker_fee_bps": Decimal(20), "maker_fee_bps": Decimal(0)}, "0", "0.002"),
    ],
)
async def test_fees_are_stated_or_the_instruments_or_those_of_the_account(
    listed: Instrument, config: dict[str, Any], maker: str, taker: str
) -> None:
    """In this order, each by itself; a fill is charged what is told."""
    shadow = Shadow(CHARGED)
    venue = paper(shadow, listed, slippage_bps=Decimal(0), **config)
    await show(venue, shadow, shadow.quote(100))
    told = await venue.execution.fees(BITCOIN.id)
    assert (Decimal(maker), Decimal(taker)) == (told.maker, told.taker)
    await venue.execution.submit(sent("a", BITCOIN, BUY, ts_ns=shadow.now_ns))
    await show(venue, shadow, shadow.quote(100))
    (fill,) = await venue.execution.fills(0)
    assert Decimal(taker) * 101 == fill.fee


class WithoutKey(Shadow):
    """A venue that was opened without a key."""

    @property
    def execution(self) -> Any:
        """Nothing can be asked of it."""
        return NoAccount(self.name)


async def test_a_venue_that_tells_no_rates_charges_nothing() -> None:
    """It does not declare them, or has no account to tell them of."""
    for shadow in (Shadow(CHARGED, Capability.FEE_RATES), WithoutKey(CHARGED)):
        told = await paper(shadow).execution.fees(BITCOIN.id)
        assert told.maker == told.taker == 0
