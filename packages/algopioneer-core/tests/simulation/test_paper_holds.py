"""What working orders hold back: promised once, kept until it is used, given back at the end."""

from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.domain.errors import OrderRejected
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND, Quote
from algopioneer_core.domain.money import ONE, Increment
from algopioneer_core.domain.orders import Order, OrderIntent, OrderStatus, OrderType, TimeInForce
from algopioneer_core.simulation.order_rules import NO_BUYING_POWER, NOT_FREE
from algopioneer_core.simulation.paper_config import PaperConfig, PaperMargin
from algopioneer_core.simulation.sandbox import LocalExchange, PlacedOrder
from algopioneer_core.testing.domain import BITCOIN, LINEAR_PERPETUAL

BUY, SELL = Side.BUY, Side.SELL
COIN = evolve(BITCOIN, shortable=False)
ETHER = Instrument(id=InstrumentId("sim", "ETH-USD"), base="ETH", quote="USD", shortable=False)
COARSE = evolve(COIN, id=InstrumentId("sim", "COARSE-USD"), quantity_increment=Increment(ONE))
CROSS = Instrument(id=InstrumentId("sim", "ETH-BTC"), base="ETH", quote="BTC", shortable=False)
END_NS = 100 * NS_PER_SECOND
DEARER = Decimal("1.01")
"""Price with the fee of who takes, which is the dearer here."""


class Hand:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.time_ns = NS_PER_SECOND

    def now_ns(self) -> int:
        return self.time_ns


class Desk:
    """An exchange with some dollars, two bitcoins and three ether, and who trades there."""

    def __init__(
        self, *others: Instrument, dollars: int = 1000, margin: PaperMargin = PaperMargin.CASH
    ) -> None:
        self.clock = Hand()
        config = PaperConfig(
            balances=(f"USD={dollars}", "BTC=2", "ETH=3"),
            slippage_bps=Decimal(0),
            maker_fee_bps=Decimal(50),
            taker_fee_bps=Decimal(100),
        )
        traded = [COIN, ETHER, CROSS, *others]
        self.local = LocalExchange(traded, self.clock, config, margin=margin)
        self.start = dict(self.local.books.account.balances)
        self._names = map(str, count(1))
        self.quote()

    def quote(self, bid: int = 100, ask: int = 102, size: int = 50, of: Instrument = COIN) -> None:
        """Let the market move, a second later."""
        self.clock.time_ns += NS_PER_SECOND
        now_ns, shown = self.clock.time_ns, Decimal(size)
        self.local.push(Quote(of.id, now_ns, Decimal(bid), Decimal(ask), shown, shown, now_ns))

    def place(self, side: Side, size: str = "", price: int = 0, **terms: Any) -> PlacedOrder:
        """Place an order; at a limit where it has a price."""
        wanted: dict[str, Any] = {"instrument_id": COIN.id, "side": side}
        wanted |= {"quantity": Decimal(size)} if size else {}
        wanted |= {"type": OrderType.LIMIT, "limit_price": Decimal(price)} if price else {}
        intent = OrderIntent(**(wanted | terms))
        return self.local.place(Order(next(self._names), intent, 0, OrderStatus.PENDING))

    def held(self, asset: str) -> Decimal:
        """Return what orders hold back of an asset."""
        return {each.asset: each.held for each in self.local.books.balances()}[asset]


@pytest.mark.parametrize(
    ("side", "size", "price"), [(SELL, "2", 120), (SELL, "1.1", 120), (BUY, "8", 90)]
)
def test_what_one_order_holds_no_other_gets(side: Side, size: str, price: int) -> None:
    """Each could rest alone; the second is refused whether it would rest or trade at once."""
    desk = Desk()
    first = desk.place(side, size, price)
    for limit in (price, 0):
        with pytest.raises(OrderRejected, match=NOT_FREE):
            desk.place(side, size, limit)
    desk.local.cancel(first.order.client_order_id)
    assert OrderStatus.FILLED is desk.place(side, size).order.status


def test_an_order_that_only_reduces_cannot_sell_what_is_promised() -> None:
    """It is a sale like another where nothing is lent."""
    desk = Desk()
    desk.place(SELL, "2", 120, reduce_only=True)
    with pytest.raises(OrderRejected, match=NOT_FREE):
        desk.place(SELL, "2", 130, reduce_only=True)


def test_coins_are_promised_once_whatever_market_they_are_for() -> None:
    """Those that pay for ether are not sold for dollars, nor the other way round."""
    desk = Desk()
    desk.quote(9, 11, of=CROSS)
    desk.place(BUY, "0.5", 3, instrument_id=CROSS.id)
    assert Decimal("1.515") == desk.held("BTC")
    with pytest.raises(OrderRejected, match=NOT_FREE):
        desk.place(SELL, "1", 120)
    desk.place(SELL, "0.485", 120)
    with pytest.raises(OrderRejected, match=NOT_FREE):
        desk.place(BUY, "0.01", 3, instrument_id=CROSS.id)


def test_more_than_there_is_has_another_reason_than_what_is_promised() -> None:
    """So that one knows whether a cancel would help."""
    with pytest.raises(OrderRejected, match=NO_BUYING_POWER):
        Desk().place(BUY, "10", 100)


def fill_both(desk: Desk) -> None:
    """Let the market come to the purchase, then to the sale."""
    desk.quote(79, 80)
    desk.quote(120, 121)


def cancel_both(desk: Desk) -> None:
    """Take both orders out."""
    for name in ("1", "2"):
        desk.local.cancel(name)


def amend_both(desk: Desk) -> None:
    """Let one sell less and the other pay less."""
    sale, purchase = (desk.local.placed[name].order.intent for name in ("1", "2"))
    desk.local.amend("1", evolve(sale, quantity=Decimal("0.5")))
    desk.local.amend("2", evolve(purchase, limit_price=Decimal(50)))


def expire_both(desk: Desk) -> None:
    """Let the market move once their time is over."""
    desk.clock.time_ns = END_NS
    desk.quote()


@pytest.mark.parametrize(
    ("happens", "coins", "dollars"),
    [
        (lambda _: None, "2", "404"),
        (lambda desk: desk.quote(120, 121, size=1), "1", "404"),
        (lambda desk: desk.quote(79, 80, size=2), "2", "202"),
        (fill_both, "0", "0"),
        (cancel_both, "0", "0"),
        (amend_both, "0.5", "202"),
        (expire_both, "0", "0"),
    ],
    ids=["rests", "sold-in-part", "bought-in-part", "filled", "cancelled", "amended", "expired"],
)
def test_a_hold_ends_with_what_it_was_for(
    happens: Callable[[Desk], object], coins: str, dollars: str
) -> None:
    """At a fill by as much as was filled, at an end wholly; a change holds what is then needed."""
    desk = Desk()
    until: dict[str, Any] = {"time_in_force": TimeInForce.GTD, "expire_ns": END_NS}
    desk.place(SELL, "2", 120, **until)
    desk.place(BUY, "4", 100, **until)
    happens(desk)
    assert (Decimal(coins), Decimal(dollars)) == (desk.held("BTC"), desk.held("USD"))


@pytest.mark.parametrize(
    ("name", "changes"),
    [("1", {"quantity": Decimal("1.6")}), ("2", {"limit_price": Decimal(110)})],
    ids=["sells-more", "pays-more"],
)
def test_what_cannot_be_promised_is_not_amended(name: str, changes: dict[str, Any]) -> None:
    """The order rests as it did, with what it held."""
    desk = Desk()
    desk.place(SELL, "1.5", 120)
    desk.place(BUY, "6", 90)
    desk.place(SELL, "0.5", 120)
    desk.place(BUY, "4", 90)
    before = desk.held("BTC"), desk.held("USD")
    with pytest.raises(OrderRejected, match=NOT_FREE):
        desk.local.amend(name, evolve(desk.local.placed[name].order.intent, **changes))
    assert (Decimal(2), Decimal(909)) == before == (desk.held("BTC"), desk.held("USD"))


def test_an_amount_is_held_less_what_was_paid_of_it() -> None:
    """Fees included, so that what is held never exceeds what is left."""
    desk = Desk()
    desk.place(BUY, price=100, quote_amount=Decimal(1000))
    assert Decimal(1000) == desk.held("USD")
    desk.quote(79, 80, size=4)
    left = Decimal(1000) - 400 * Decimal("1.005")
    assert left == desk.held("USD") == desk.local.books.account.balances["USD"]


def test_an_amount_is_held_whole_though_less_may_be_spent() -> None:
    """What a coarse grid leaves of it is free when the order ends."""
    desk = Desk(COARSE)
    with pytest.raises(OrderRejected, match=NOT_FREE):
        desk.place(BUY, price=100, quote_amount=Decimal(1005), instrument_id=COARSE.id)
    desk.place(BUY, price=100, quote_amount=Decimal(1000), instrument_id=COARSE.id)
    assert Decimal(1000) == desk.held("USD")
    desk.quote(99, 100, of=COARSE)
    assert Decimal(0) == desk.held("USD")
    assert Decimal(91) == desk.local.books.account.balances["USD"]


def test_a_sale_by_its_amount_holds_what_it_may_take_to_reach_it() -> None:
    """At its limit, rounded down as its fills are; one at the market is judged when it trades."""
    desk = Desk()
    desk.place(SELL, price=200, quote_amount=Decimal(101))
    assert Decimal("0.5") == desk.held("BTC")
    desk.local.arm("delayed_fill")
    desk.place(SELL, quote_amount=Decimal(101))
    assert Decimal("0.5") == desk.held("BTC")


@pytest.mark.parametrize(("size", "status"), [("1.76", "FILLED"), ("1.77", "REJECTED")])
def test_an_order_at_the_market_leaves_what_others_hold(size: str, status: str) -> None:
    """It is judged again at the price it would pay, which is worse than the middle."""
    desk = Desk()
    desk.place(BUY, "9", 90)  # leaves 181.9 dollars, of which 1.77 with the fee cost 182.3 at 102
    assert status == desk.place(BUY, size).order.status.name


def test_contracts_hold_nothing() -> None:
    """What they need is judged as margin."""
    desk = Desk(LINEAR_PERPETUAL)
    desk.quote(of=LINEAR_PERPETUAL)
    before = desk.local.books.balances()
    placed = desk.place(BUY, "100", 90, instrument_id=LINEAR_PERPETUAL.id)
    assert before == desk.local.books.balances()
    assert 0 == desk.local.hold_of(placed.order)


@pytest.mark.parametrize("margin", [PaperMargin.NONE, PaperMargin.REGT])
def test_where_money_is_lent_only_coins_are_promised(margin: PaperMargin) -> None:
    """A purchase may be paid for with credit; what is not lent can be sold once."""
    desk = Desk(margin=margin)
    for _ in range(2):
        desk.place(BUY, "9", 90)
    desk.place(SELL, "2", 120)
    with pytest.raises(OrderRejected, match=NOT_FREE):
        desk.place(SELL, "2", 120)


def test_what_is_lent_can_be_sold_beyond_what_is_there() -> None:
    """So nothing is promised of it; and who buys it back needs nothing that is free."""
    lent = evolve(BITCOIN, id=InstrumentId("sim", "LENT-USD"), base="LENT")
    desk = Desk(lent)
    desk.quote(of=lent)
    for _ in range(2):
        desk.place(SELL, "1", instrument_id=lent.id)
    desk.place(BUY, "11", 100)
    placed = desk.place(BUY, "2", instrument_id=lent.id)
    assert OrderStatus.FILLED is placed.order.status


# --- any sequence --------------------------------------------------------------------------------

INSTRUMENTS = (COIN, COARSE, CROSS)
sizes = st.integers(1, 40).map(lambda tenths: Decimal(tenths) / 10)
whole_prices = st.integers(20, 40)


@st.composite
def intents(draw: st.DrawFn) -> OrderIntent:
    """Return orders of all kinds that spot venues take."""
    kind = draw(st.sampled_from((OrderType.LIMIT, OrderType.MARKET, OrderType.STOP_LIMIT)))
    side, by_amount = draw(st.sampled_from(Side)), draw(st.booleans())
    size = draw(sizes)
    terms: dict[str, Any] = {"quote_amount": size * 40} if by_amount else {"quantity": size}
    if kind is not OrderType.MARKET:
        terms["limit_price"] = Decimal(draw(whole_prices))
    if kind is OrderType.STOP_LIMIT:
        terms["stop_price"] = Decimal(draw(whole_prices))
    if kind is OrderType.LIMIT and draw(st.booleans()):
        terms |= {"time_in_force": TimeInForce.GTD, "expire_ns": 15 * NS_PER_SECOND}
    traded = draw(st.sampled_from(INSTRUMENTS))
    return OrderIntent(instrument_id=traded.id, side=side, type=kind, **terms)


class Sequence:
    """What a test does to an exchange, in any order."""

    def __init__(self) -> None:
        self.desk = Desk(COARSE, dollars=200)
        for each in INSTRUMENTS:
            self.desk.quote(29, 31, of=each)

    def place(self, intent: OrderIntent) -> None:
        """Place an order; nothing changes where it is refused."""
        local = self.desk.local
        name = str(len(local.placed) + 1)
        local.place(Order(name, intent, 0, OrderStatus.PENDING))

    def working(self, number: int) -> Order:
        """Return one of the orders that may still trade."""
        working = self.desk.local.books.working()
        if not working:
            raise OrderRejected("there is none")
        return working[number % len(working)]

    def cancel(self, number: int) -> None:
        """Cancel an order."""
        self.desk.local.cancel(self.working(number).client_order_id)

    def amend(self, change: tuple[int, Decimal, int]) -> None:
        """Let an order want something else."""
        order = self.working(change[0])
        terms: dict[str, Any] = {}
        if order.intent.quantity is not None:
            terms["quantity"] = order.filled_quantity + change[1]
        if order.intent.limit_price is not None:
            terms["limit_price"] = Decimal(change[2])
        self.desk.local.amend(order.client_order_id, evolve(order.intent, **terms))

    def quote(self, move: tuple[Instrument, int, int]) -> None:
        """Let a market move."""
        traded, middle, size = move
        self.desk.quote(middle - 1, middle + 1, size, traded)

    def delay(self, _: None) -> None:
        """Let orders wait, also those at the market; or no longer."""
        faults = self.desk.local.faults
        faults["delayed_fill"] = 1 - faults["delayed_fill"]


places = st.tuples(st.just(Sequence.place), intents())
quotes = st.tuples(
    st.just(Sequence.quote),
    st.tuples(st.sampled_from(INSTRUMENTS), whole_prices, st.integers(1, 3)),
)
steps = st.one_of(
    places,
    quotes,
    places,
    quotes,
    st.tuples(st.just(Sequence.cancel), st.integers(0, 9)),
    st.tuples(st.just(Sequence.amend), st.tuples(st.integers(0, 9), sizes, whole_prices)),
    st.tuples(st.just(Sequence.delay), st.none()),
)


@given(st.lists(steps, min_size=15, max_size=40))
def test_no_sequence_promises_more_than_there_is(
    steps: list[tuple[Callable[[Sequence, Any], None], Any]],
) -> None:
    """Totals are those of the fills, holds the sum over working orders, and the rest is free."""
    sequence = Sequence()
    for do, what in steps:
        with suppress(OrderRejected):
            do(sequence, what)
        check(sequence.desk)


def check(desk: Desk) -> None:
    """Reckon totals and holds anew, from the orders and their fills alone."""
    totals, held = dict(desk.start), dict.fromkeys(desk.start, Decimal(0))
    for placed in desk.local.placed.values():
        traded = desk.local.books.instruments[placed.order.intent.instrument_id]
        for fill in placed.fills:
            totals[traded.base] += fill.signed_quantity
            totals[traded.quote] -= fill.signed_quantity * fill.price + fill.fee
        if not placed.order.status.is_final:
            is_sale = placed.order.intent.side is SELL
            held[traded.base if is_sale else traded.quote] += promised(placed, traded)
    found = {each.asset: (each.total, each.held) for each in desk.local.books.balances()}
    assert {asset: (totals[asset], held[asset]) for asset in totals} == found
    assert all(0 <= held[asset] <= totals[asset] for asset in totals)


def promised(placed: PlacedOrder, traded: Instrument) -> Decimal:
    """Return what a working order may still need, at most."""
    intent = placed.order.intent
    bought = sum((fill.quantity for fill in placed.fills), Decimal(0))
    paid = sum((fill.quantity * fill.price + fill.fee for fill in placed.fills), Decimal(0))
    if intent.side is SELL and intent.quote_amount is not None:
        limit = intent.limit_price
        left, step = intent.quote_amount - paid, traded.quantity_increment.step
        return Decimal(0) if limit is None else left / (limit * DEARER) // step * step
    if intent.quote_amount is not None:
        return intent.quote_amount - paid
    assert intent.quantity is not None
    rest = intent.quantity - bought
    if intent.side is SELL:
        return rest
    return Decimal(0) if intent.limit_price is None else rest * intent.limit_price * DEARER
