"""What one engine shows to the risk gate."""

from decimal import Decimal

import pytest

from algopioneer_core.domain.events import OrderUnknown
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.orders import Order, OrderIntent
from algopioneer_core.engine.exposure import Exposure, Mark
from algopioneer_core.engine.order_ids import order_ids
from algopioneer_core.engine.order_manager import OrderManager
from algopioneer_core.engine.own_exposure import OwnExposure
from algopioneer_core.engine.portfolio import Portfolio
from algopioneer_core.testing.domain import INVERSE_PERPETUAL, LINEAR_PERPETUAL
from algopioneer_core.testing.engine import INSTRUMENT, fill

D = Decimal
ETHER = Instrument.undescribed(InstrumentId("test", "ETH-USD"))


class Books:
    """Books and orders of one strategy, and what it shows of them."""

    def __init__(self, *instruments: Instrument, capital: str = "1000") -> None:
        self.portfolio = Portfolio(instruments or (INSTRUMENT,), D(capital))
        self.orders = OrderManager(order_ids("test", "test", "test"))
        self.view = OwnExposure("test", self.portfolio, self.orders)
        self.id = next(iter(self.portfolio.instruments))

    def order(self, side: Side, quantity: str | None = None, amount: str | None = None) -> Order:
        intent = OrderIntent(
            instrument_id=self.id,
            side=side,
            quantity=None if quantity is None else D(quantity),
            quote_amount=None if amount is None else D(amount),
        )
        return self.orders.submit(intent, 1)

    def fill(self, order: Order, quantity: str, price: str) -> None:
        report = fill(order, price, quantity=quantity, fill_id=f"{quantity}@{price}")
        self.orders.apply(report)
        self.portfolio.apply(report.fill, "signal")

    def mark(self, price: str, *instrument_ids: InstrumentId) -> None:
        for each in instrument_ids or (self.id,):
            self.portfolio.mark_price(each, D(price), 7)


def test_open_orders_are_counted_by_what_remains_of_them() -> None:
    """Each side by itself; an order of unknown fate counts in full."""
    books = Books()
    books.fill(books.order(Side.BUY, "5"), "2", "10")
    lost = books.order(Side.BUY, "4")
    books.orders.apply(OrderUnknown(lost.client_order_id, 2))
    books.order(Side.SELL, "1")
    assert Exposure(INSTRUMENT, D(2), D(7), D(1), D(0), D(0)) == books.view.exposure(INSTRUMENT.id)


def test_open_amounts_are_counted_by_what_is_left_of_them() -> None:
    """An order in money has its amount open, less what it has bought."""
    books = Books()
    books.fill(books.order(Side.BUY, amount="100"), "3", "20")
    books.order(Side.SELL, amount="30")
    shown = books.view.exposure(INSTRUMENT.id)
    assert (D(40), D(30)) == (shown.working_buy_amount, shown.working_sell_amount)
    assert (D(0), D(0)) == (shown.working_buys, shown.working_sells)


def test_amount_that_is_overspent_leaves_nothing_open() -> None:
    """More than was asked for is no room for the other side."""
    books = Books()
    books.fill(books.order(Side.BUY, amount="50"), "3", "20")
    assert D(0) == books.view.exposure(INSTRUMENT.id).working_buy_amount


def test_open_amount_of_a_contract_counts_its_multiplier() -> None:
    """What a contract stands for is its value, not its price."""
    books = Books(LINEAR_PERPETUAL)
    books.fill(books.order(Side.BUY, amount="100"), "3", "2000")
    assert D(40) == books.view.exposure(books.id).working_buy_amount


@pytest.mark.parametrize(("mark", "left"), [(None, "0"), ("50000", "24700")])
def test_open_amount_of_an_inverse_contract_is_in_quote_currency(
    mark: str | None, left: str
) -> None:
    """Its amount is in base, so it is valued at the mark."""
    books = Books(INVERSE_PERPETUAL, capital="1")
    books.fill(books.order(Side.BUY, amount="0.5"), "3", "50000")
    if mark is not None:
        books.mark(mark)
    assert D(left) == books.view.exposure(books.id).working_buy_amount


def test_orders_of_other_instruments_do_not_count() -> None:
    """Exposure is by instrument, and all instruments are shown."""
    books = Books(INSTRUMENT, ETHER)
    books.order(Side.BUY, "5")
    shown = list(books.view.exposures())
    assert [(INSTRUMENT, D(5)), (ETHER, D(0))] == [
        (each.instrument, each.working_buys) for each in shown
    ]


def test_equity_is_unknown_without_a_price() -> None:
    """A position that cannot be valued leaves equity unknown, and is no error."""
    books = Books()
    books.fill(books.order(Side.BUY, "5"), "5", "10")
    assert (None, None) == (books.view.equity, books.view.mark(INSTRUMENT.id))
    books.mark("11")
    assert (D(1005), Mark(D(11), 7)) == (books.view.equity, books.view.mark(INSTRUMENT.id))


@pytest.mark.parametrize(
    ("held", "open_orders", "power"),
    [
        ("0", [], "1000"),
        ("20", [], "800"),
        ("-20", [], "800"),
        ("20", [(Side.BUY, "10", None)], "700"),
        ("20", [(Side.SELL, "10", None)], "800"),
        ("20", [(Side.SELL, "50", None)], "700"),
        ("0", [(Side.BUY, None, "150")], "850"),
        ("0", [(Side.SELL, None, "150")], "850"),
    ],
)
def test_buying_power_is_what_equity_leaves_uncovered(
    held: str, open_orders: list[tuple[Side, str | None, str | None]], power: str
) -> None:
    """Long, short and open orders at their worst all have to be covered by equity."""
    books = Books()
    if D(held):
        order = books.order(Side.BUY if D(held) > 0 else Side.SELL, str(abs(D(held))))
        books.fill(order, str(abs(D(held))), "10")
    for side, quantity, amount in open_orders:
        books.order(side, quantity, amount)
    books.mark("10")
    assert D(power) == books.view.buying_power(INSTRUMENT.id)


def test_contracts_use_buying_power_though_they_cost_nothing() -> None:
    """Without leverage, a contract stands for its full value."""
    books = Books(LINEAR_PERPETUAL)
    books.fill(books.order(Side.BUY, "10"), "10", "2000")
    books.mark("2100")
    assert D(1010 - 210) == books.view.buying_power(books.id)


def test_buying_power_of_an_inverse_contract_is_in_quote_currency() -> None:
    """Equity in base is valued at the mark."""
    books = Books(INVERSE_PERPETUAL, capital="1")
    books.order(Side.SELL, "30")
    books.mark("50000")
    assert D(47000) == books.view.buying_power(books.id)


def test_buying_power_is_unknown_where_something_is() -> None:
    """A missing price of the instrument, or of another that is held, leaves it unknown."""
    books = Books(INSTRUMENT, ETHER)
    assert books.view.buying_power(INSTRUMENT.id) is None
    books.mark("10", ETHER.id)
    books.order(Side.BUY, "1")
    assert books.view.buying_power(ETHER.id) is None
    books.mark("10", INSTRUMENT.id)
    assert D(990) == books.view.buying_power(ETHER.id)


def test_buying_power_is_not_added_up_over_currencies() -> None:
    """Two inverse contracts of one base, quoted in two currencies, are not mixed."""
    euro = Instrument(
        id=InstrumentId("sim", "XBTEUR"),
        base="BTC",
        quote="EUR",
        kind=INVERSE_PERPETUAL.kind,
        multiplier=D(100),
        inverse=True,
    )
    books = Books(INVERSE_PERPETUAL, euro, capital="1")
    books.mark("50000", INVERSE_PERPETUAL.id, euro.id)
    assert books.view.buying_power(books.id) is None
