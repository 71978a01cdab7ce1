"""Account events: what changes the books without an order, and whose books it changes."""

from decimal import Decimal
from typing import get_args

import pytest
from attrs import evolve, field, frozen

from algopioneer_core.domain.errors import UnknownOrder
from algopioneer_core.domain.events import (
    AccountEvent,
    AccountSnapshot,
    BorrowCharged,
    DividendPaid,
    FeeCharged,
    FillBusted,
    FillCorrected,
    FundingPaid,
    Liquidated,
    Settled,
    Split,
    Transferred,
)
from algopioneer_core.domain.fills import Fill, Liquidity, Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId, InstrumentKind
from algopioneer_core.domain.ledger import Account
from algopioneer_core.domain.money import ZERO
from algopioneer_core.domain.orders import OrderIntent
from algopioneer_core.domain.positions import Position
from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.engine.account_events import ACCOUNT_EVENTS, AccountBook
from algopioneer_core.engine.order_manager import OrderManager
from algopioneer_core.engine.portfolio import Portfolio
from algopioneer_core.testing.engine import INSTRUMENT, fill

D = Decimal
FOREIGN = InstrumentId("elsewhere", "ETH-USD")
FUTURE = Instrument(
    id=InstrumentId("test", "BTC-FUT"), base="BTC", quote="USD", kind=InstrumentKind.FUTURE
)
SNAPSHOT = AccountSnapshot("test", 9, (("USD", D(1)),), ((INSTRUMENT.id, D(5)),))


@frozen
class Books:
    """One strategy's books, with what they told others."""

    portfolio: Portfolio
    orders: OrderManager
    book: AccountBook
    trips: list[RoundTrip]
    seen: list[tuple[Decimal, Decimal, Side]] = field(factory=list)
    transfers: list[tuple[int, Decimal | None]] = field(factory=list)

    def buy(self, quantity: str, price: str, *, fee: str = "0") -> Fill:
        """Order and fill a purchase of the instrument."""
        intent = OrderIntent(instrument_id=INSTRUMENT.id, side=Side.BUY, quantity=D(quantity))
        report = fill(self.orders.submit(intent, 1), price, fee=fee)
        self.orders.apply(report)
        self.portfolio.apply(report.fill, "signal")
        return report.fill

    @property
    def held(self) -> tuple[Decimal, Decimal]:
        """Cash, and the quantity of the instrument, which the ledger has to confirm."""
        ledger = self.portfolio.ledger
        for _, asset in ledger.balances():
            assert not ledger.imbalance(asset)
        quantity = self.portfolio.quantity(INSTRUMENT.id)
        assert quantity == ledger.balance(Account.HOLDINGS, "BTC")
        assert self.portfolio.cash == ledger.balance(Account.HOLDINGS, "USD")
        return self.portfolio.cash, quantity


def make_books() -> Books:
    """Return fresh books of a strategy that trades the instrument and a future."""
    trips: list[RoundTrip] = []
    portfolio = Portfolio([INSTRUMENT, FUTURE], D(1000), on_round_trip=trips.append)
    orders = OrderManager(iter(["order-1", "order-2", "order-3"]).__next__)
    seen: list[tuple[Decimal, Decimal, Side]] = []
    transfers: list[tuple[int, Decimal | None]] = []

    def on_fill(before: Position, after: Position, traded: Fill) -> None:
        seen.append((before.quantity, after.quantity, traded.side))

    def on_transfer(ts_ns: int, worth: Decimal | None) -> None:
        transfers.append((ts_ns, worth))

    book = AccountBook(portfolio, orders, on_fill, on_transfer)
    return Books(portfolio, orders, book, trips, seen, transfers)


def _forced(quantity: str, price: str, *, instrument_id: InstrumentId = INSTRUMENT.id) -> Fill:
    return Fill(
        "forced-1",
        "",
        instrument_id,
        Side.SELL,
        D(quantity),
        D(price),
        D(3),
        "USD",
        Liquidity.TAKER,
        8,
    )


def test_every_account_event_of_the_union_is_known() -> None:
    """No kind of account event passes the books by."""
    assert set(get_args(AccountEvent)) == set(ACCOUNT_EVENTS)


@pytest.mark.parametrize(
    ("event", "cash", "quantity", "account"),
    [
        (FeeCharged(INSTRUMENT.id, 9, D(7), "USD"), "893", "1", Account.FEES),
        (FeeCharged(INSTRUMENT.id, 9, D("0.25"), "BTC"), "900", "0.75", Account.FEES),
        (FundingPaid(FUTURE.id, 9, D(-7), "USD"), "893", "1", Account.FUNDING),
        (FundingPaid(FUTURE.id, 9, D(7), "USD"), "907", "1", Account.FUNDING),
        (BorrowCharged(INSTRUMENT.id, 9, D(7), "USD"), "893", "1", Account.BORROW),
        (BorrowCharged(INSTRUMENT.id, 9, D("0.25"), "BTC"), "900", "0.75", Account.BORROW),
        (DividendPaid(INSTRUMENT.id, 9, D(7), "USD"), "907", "1", Account.DIVIDENDS),
        (DividendPaid(INSTRUMENT.id, 9, D("0.25"), "BTC"), "900", "1.25", Account.DIVIDENDS),
        (Transferred("test", 9, "USD", D(7)), "907", "1", Account.CAPITAL),
        (Transferred("test", 9, "BTC", D("-0.25")), "900", "0.75", Account.CAPITAL),
        (Split(INSTRUMENT.id, 9, 3, 2), "900", "1.5", Account.ADJUSTMENTS),
        (SNAPSHOT, "900", "1", Account.ADJUSTMENTS),
    ],
)
def test_event_moves_what_it_says_and_nothing_else(
    event: AccountEvent, cash: str, quantity: str, account: Account
) -> None:
    """Cash, quantity and the account on the other side follow the event."""
    books = make_books()
    books.buy("1", "100")
    before = {asset: books.portfolio.ledger.balance(account, asset) for asset in ("USD", "BTC")}
    assert books.book.book(event)
    assert (D(cash), D(quantity)) == books.held
    moved = {
        asset: before[asset] - books.portfolio.ledger.balance(account, asset)
        for asset in ("USD", "BTC")
    }
    assert {"USD": D(cash) - 900, "BTC": D(quantity) - 1} == moved


def test_fee_in_a_coin_of_the_venue_is_in_the_ledger_only() -> None:
    """What is neither money nor the instrument is remembered, and worth nothing here."""
    books = make_books()
    books.book.book(FeeCharged(INSTRUMENT.id, 9, D(7), "POINTS"))
    assert (D(1000), D(0)) == books.held
    assert D(-7) == books.portfolio.ledger.balance(Account.HOLDINGS, "POINTS")
    assert (("POINTS", D(7)),) == books.portfolio.positions[INSTRUMENT.id].other_fees


@pytest.mark.parametrize(
    "event",
    [
        FeeCharged(FOREIGN, 9, D(7), "USD"),
        FundingPaid(FOREIGN, 9, D(7), "USD"),
        BorrowCharged(FOREIGN, 9, D(7), "USD"),
        DividendPaid(FOREIGN, 9, D(7), "USD"),
        Split(FOREIGN, 9, 2, 1),
        Settled(FOREIGN, 9, D(10)),
        Transferred("elsewhere", 9, "USD", D(7)),
        Liquidated(_forced("1", "10", instrument_id=FOREIGN)),
        FillBusted(_forced("1", "10", instrument_id=FOREIGN), 9),
        FillCorrected(
            _forced("1", "10", instrument_id=FOREIGN),
            _forced("1", "11", instrument_id=FOREIGN),
            9,
        ),
    ],
)
def test_what_belongs_to_others_is_left_alone(event: AccountEvent) -> None:
    """An event of another instrument or venue changes nothing and is no news."""
    books = make_books()
    books.buy("1", "100")
    assert not books.book.book(event)
    assert (D(900), D(1)) == books.held
    assert ([], []) == (books.seen, books.transfers)


def test_transfers_are_told_with_their_worth() -> None:
    """Money counts as it is, an asset at its mark, or as unknown where there is none yet."""
    books = make_books()
    books.book.book(Transferred("test", 1, "USD", D(7)))
    books.book.book(Transferred("test", 2, "BTC", D(2)))
    books.portfolio.mark_price(INSTRUMENT.id, D(50), 3)
    books.book.book(Transferred("test", 4, "BTC", D(-1)))
    books.book.book(Transferred("test", 5, "EUR", D(9)))
    assert [(1, D(7)), (2, None), (4, D(-50))] == books.transfers
    assert (D(1007), D(1)) == books.held


def test_transfer_at_a_venue_without_the_asset_changes_no_position() -> None:
    """A deposit is a position only where the instrument is delivered."""
    portfolio = Portfolio([FUTURE], D(1000))
    told: list[Decimal | None] = []
    book = AccountBook(
        portfolio, make_books().orders, lambda *_: None, lambda _, worth: told.append(worth)
    )
    assert book.book(Transferred("test", 1, "BTC", D(1)))
    assert (D(0), []) == (portfolio.quantity(FUTURE.id), told)


def test_settlement_closes_what_is_open() -> None:
    """A contract that expired is closed at the settlement price, once."""
    books = make_books()
    opening = _forced("2", "100", instrument_id=FUTURE.id)
    books.portfolio.apply(evolve(opening, fee=ZERO), "signal")
    assert books.book.book(Settled(FUTURE.id, 9, D(90)))
    assert books.book.book(Settled(FUTURE.id, 9, D(80)))
    assert (D(1020), D(0)) == (books.portfolio.cash, books.portfolio.quantity(FUTURE.id))
    assert [("settlement", D(20))] == [(each.exit_reason, each.pnl) for each in books.trips]
    assert [(D(-2), D(0), Side.BUY)] == books.seen


def test_settlement_of_a_long_contract_sells_it() -> None:
    """The side follows from what is held."""
    books = make_books()
    opening = _forced("2", "100", instrument_id=FUTURE.id)
    books.portfolio.apply(evolve(opening, side=Side.BUY, fee=ZERO), "signal")
    books.book.book(Settled(FUTURE.id, 9, D(90)))
    assert (D(980), [(D(2), D(0), Side.SELL)]) == (books.portfolio.cash, books.seen)


def test_liquidation_is_booked_once() -> None:
    """The same forced fill, told twice, counts once."""
    books = make_books()
    books.buy("1", "100")
    event = Liquidated(_forced("1", "80"))
    assert books.book.book(event)
    assert not books.book.book(event)
    assert (D(977), D(0)) == books.held
    assert [("liquidation", D(-23))] == [(each.exit_reason, each.pnl) for each in books.trips]
    assert [(D(1), D(0), Side.SELL)] == books.seen


def test_liquidation_can_be_corrected_and_busted() -> None:
    """A forced fill is changed after the fact like any other, each change once."""
    books = make_books()
    books.buy("1", "100")
    first, second = _forced("1", "80"), _forced("1", "90")
    books.book.book(Liquidated(first))
    assert books.book.book(FillCorrected(first, second, 9))
    assert not books.book.book(FillCorrected(first, second, 9))
    assert (D(987), D(0)) == books.held
    assert books.book.book(FillBusted(first, 10))
    assert (D(900), D(1)) == books.held
    assert not books.book.book(FillBusted(first, 10))
    assert not books.book.book(FillCorrected(first, second, 11))
    assert not books.book.book(Liquidated(first))
    assert (D(900), D(1)) == books.held


def test_busted_fill_is_undone_to_the_last_digit() -> None:
    """Cash, fee and quantity are back, the order knows, and the monitor sees the opposite."""
    books = make_books()
    bought = books.buy("3", "33.333333333333333333", fee="0.000000000000000001")
    assert books.book.book(FillBusted(bought, 9))
    assert (D(1000), D(0)) == books.held
    assert D(0) == books.portfolio.ledger.balance(Account.FEES, "USD")
    assert D(0) == books.orders.get("order-1").filled_quantity
    assert [(D(3), D(0), Side.SELL)] == books.seen
    assert not books.book.book(FillBusted(bought, 9))
    assert (D(1000), D(0)) == books.held


def test_corrected_fill_takes_the_place_of_the_first() -> None:
    """The books are as if the corrected fill had come at once."""
    books = make_books()
    bought = books.buy("1", "100", fee="1")
    right = evolve(bought, quantity=D(2), price=D(90), fee=D(2))
    assert books.book.book(FillCorrected(bought, right, 9))
    assert (D(818), D(2)) == books.held
    assert not books.book.book(FillCorrected(bought, right, 9))
    assert (D(818), D(2)) == books.held
    assert books.book.book(FillBusted(right, 10))
    assert (D(1000), D(0)) == books.held


def test_correction_before_its_fill_is_booked_alone() -> None:
    """Nothing is undone that was never booked."""
    books = make_books()
    intent = OrderIntent(instrument_id=INSTRUMENT.id, side=Side.BUY, quantity=D(1))
    first = fill(books.orders.submit(intent, 1), "100").fill
    assert books.book.book(FillCorrected(first, evolve(first, price=D(99)), 9))
    assert (D(901), D(1)) == books.held


def test_bust_of_an_unknown_order_is_not_guessed() -> None:
    """Whose fill is taken back must be known."""
    with pytest.raises(UnknownOrder):
        make_books().book.book(FillBusted(_forced("1", "80"), 9))
