"""The books of one strategy: cash, positions, ledger and round trips always agree."""

import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.domain.errors import ConfigError, RefusedError
from algopioneer_core.domain.fills import Fill, Liquidity, Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.ledger import Account
from algopioneer_core.domain.money import ZERO, Money, add, mul, neg, sub, total
from algopioneer_core.domain.positions import Position
from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.engine.portfolio import Portfolio
from algopioneer_core.testing.domain import (
    BITCOIN,
    INVERSE_PERPETUAL,
    LINEAR_PERPETUAL,
    fills,
    instruments,
    prices,
)
from algopioneer_core.testing.engine import make_bar

D = Decimal
CAPITAL = D("10000.01")
ETHER = Instrument(id=InstrumentId("sim", "ETH-USD"), base="ETH", quote="USD")


class Books:
    """A portfolio that keeps its round trips."""

    def __init__(self, *traded: Instrument) -> None:
        self.trips: list[RoundTrip] = []
        self.portfolio = Portfolio(traded or (BITCOIN,), CAPITAL, on_round_trip=self.trips.append)
        self.count = 0

    def trade(self, signed: str, price: str, *, fee: str = "0", asset: str = "USD") -> Fill:
        """Book a trade of a signed quantity of the first instrument."""
        self.count += 1
        instrument = next(iter(self.portfolio.instruments.values()))
        fill = _fill(instrument, D(signed), D(price), self.count, fee=D(fee), asset=asset)
        self.portfolio.apply(fill, f"reason {self.count}")
        return fill

    def close(self, instrument: Instrument, price: Money) -> None:
        """Close a position without a fee."""
        held = self.portfolio.quantity(instrument.id)
        if held:
            self.portfolio.apply(_fill(instrument, neg(held), price, 1000), "close")


def _fill(
    instrument: Instrument,
    signed: Decimal,
    price: Decimal,
    number: int,
    *,
    fee: Decimal = ZERO,
    asset: str = "USD",
) -> Fill:
    return Fill(
        str(number),
        "order",
        instrument.id,
        Side.BUY if signed > 0 else Side.SELL,
        signed.copy_abs(),
        price,
        fee,
        asset,
        Liquidity.TAKER,
        number,
    )


def _apply(portfolio: Portfolio, traded: Sequence[Fill]) -> None:
    for each in traded:
        portfolio.apply(each, "signal")


def _flow(instrument: Instrument, fill: Fill) -> Money:
    """What a fill's trade takes from the account, if the position is worth its value."""
    value = instrument.value(fill.signed_quantity, fill.price)
    return neg(value) if instrument.inverse else value


def _fees(traded: Sequence[Fill], asset: str) -> Money:
    return total(*(each.fee for each in traded if each.fee_asset == asset))


def _check_balance(portfolio: Portfolio) -> None:
    for _, asset in portfolio.ledger.balances():
        assert not portfolio.ledger.imbalance(asset)
    assert portfolio.cash == portfolio.ledger.balance(Account.HOLDINGS, portfolio.numeraire)


@given(st.data(), instruments(), prices())
def test_equity_is_capital_and_all_flows_at_the_mark(
    data: st.DataObject, instrument: Instrument, mark: Decimal
) -> None:
    """Whatever was traded, cash and position are worth capital less what was paid, exactly."""
    traded = data.draw(fills(instrument))
    portfolio = Portfolio([instrument], CAPITAL)
    _apply(portfolio, traded)
    portfolio.mark_price(instrument.id, mark, 1)
    held = total(*(each.signed_quantity for each in traded))
    if instrument.delivers_base:
        held = sub(held, _fees(traded, instrument.base))
    worth = instrument.value(held, mark)
    paid = total(*(_flow(instrument, each) for each in traded))
    gain = sub(neg(worth) if instrument.inverse else worth, paid)
    expected = sub(add(CAPITAL, gain), _fees(traded, instrument.settlement_asset))
    assert (held, expected) == (portfolio.quantity(instrument.id), portfolio.equity)
    _check_balance(portfolio)


@given(st.data(), prices())
def test_equity_is_the_ledgers_holdings_at_the_marks(data: st.DataObject, mark: Decimal) -> None:
    """What the ledger says is held of each delivered asset is what equity is made of."""
    portfolio = Portfolio([BITCOIN, ETHER], CAPITAL)
    for instrument in (BITCOIN, ETHER):
        _apply(portfolio, data.draw(fills(instrument, max_size=6)))
        portfolio.mark_price(instrument.id, mark, 1)
    holdings = [
        mul(portfolio.ledger.balance(Account.HOLDINGS, each.base), mark)
        for each in (BITCOIN, ETHER)
    ]
    cash = portfolio.ledger.balance(Account.HOLDINGS, "USD")
    assert total(cash, *holdings) == portfolio.equity


@given(st.data(), instruments(), prices())
def test_round_trips_add_up_to_the_change_of_cash(
    data: st.DataObject, instrument: Instrument, price: Decimal
) -> None:
    """Once everything is closed, the gains of all round trips are what the cash gained."""
    books = Books(instrument)
    _apply(books.portfolio, data.draw(fills(instrument)))
    books.close(instrument, price)
    assert sub(books.portfolio.cash, CAPITAL) == total(*(trip.pnl for trip in books.trips))


@given(st.data(), instruments(), prices())
def test_busted_fills_leave_no_trace(
    data: st.DataObject, instrument: Instrument, mark: Decimal
) -> None:
    """After any fills are taken back, equity is as if only the others had ever been."""
    traded = data.draw(fills(instrument, max_size=8))
    gone = data.draw(st.permutations(traded).map(lambda each: each[: len(each) // 2]))
    books, never = Books(instrument), Portfolio([instrument], CAPITAL)
    _apply(books.portfolio, traded)
    for each in gone:
        books.portfolio.undo(each, 99, "busted")
    _apply(never, [each for each in traded if each not in gone])
    for portfolio in (books.portfolio, never):
        portfolio.mark_price(instrument.id, mark, 1)
    assert never.quantity(instrument.id) == books.portfolio.quantity(instrument.id)
    assert never.equity == books.portfolio.equity
    if instrument.delivers_base:
        assert never.cash == books.portfolio.cash
    _check_balance(books.portfolio)
    if any(each.fee_asset == instrument.base for each in traded):
        return  # taken back, a fee in base can end a round trip that the fill's own had ended
    books.close(instrument, mark)
    assert sub(books.portfolio.cash, CAPITAL) == total(*(trip.pnl for trip in books.trips))


_BOOKINGS: Mapping[str, Callable[[Portfolio, Fill], object]] = {
    "apply": lambda portfolio, fill: portfolio.apply(fill, "signal"),
    "undo": lambda portfolio, fill: portfolio.undo(fill, 99, "busted"),
    "pay": lambda portfolio, fill: portfolio.pay(Account.FUNDING, "USD", fill.price),
    "split": lambda portfolio, fill: portfolio.split(fill.instrument_id, 2, 1),
    "replace": lambda portfolio, fill: portfolio.replace(
        Position(portfolio.instruments[fill.instrument_id], D(1)), 99, "corrected"
    ),
    "restore": lambda portfolio, fill: portfolio.restore(
        Portfolio(tuple(portfolio.instruments.values()), fill.price).snapshot()
    ),
}


@pytest.mark.parametrize("how", _BOOKINGS)
@given(data=st.data())
def test_snapshot_is_of_the_books_as_they_are(data: st.DataObject, how: str) -> None:
    """Parts that are kept are let go whatever is booked: what is restored says the same anew."""
    portfolio = Portfolio([BITCOIN], CAPITAL)
    fill, *others = data.draw(fills(BITCOIN).filter(bool))
    _apply(portfolio, [fill, *others])
    before = portfolio.snapshot()
    assert before["ledger"] is portfolio.snapshot()["ledger"]
    _BOOKINGS[how](portfolio, fill)
    twin = Portfolio([BITCOIN], CAPITAL)
    twin.restore(json.loads(json.dumps(portfolio.snapshot())))
    assert twin.snapshot() == portfolio.snapshot() == twin.snapshot()
    assert before["ledger"] is not portfolio.snapshot()["ledger"]


@pytest.mark.parametrize("instrument", [BITCOIN, LINEAR_PERPETUAL], ids=["spot", "contract"])
def test_split_changes_units_and_not_what_things_are_worth(instrument: Instrument) -> None:
    """Quantity, mark and average prices are in new units; cash and equity stay."""
    books = Books(instrument)
    books.trade("6", "90")
    books.trade("-2", "99")
    books.portfolio.mark_price(instrument.id, D(96), 3)
    before = books.portfolio.equity
    books.portfolio.split(instrument.id, 3, 2)
    assert (D(6), D(64), 3) == (
        books.portfolio.quantity(instrument.id),
        books.portfolio.mark(instrument.id),
        books.portfolio.mark_ns(instrument.id),
    )
    assert before == books.portfolio.equity
    books.trade("-6", "66")
    (trip,) = books.trips
    assert (D(9), D(60), D(66)) == (trip.quantity, trip.entry_price, trip.exit_price)
    _check_balance(books.portfolio)


def test_split_before_the_first_price_needs_no_mark() -> None:
    """Nothing is marked that was not."""
    books = Books()
    books.portfolio.split(BITCOIN.id, 2, 1)
    assert books.portfolio.mark(BITCOIN.id) is None


def test_position_without_a_price_has_no_equity() -> None:
    """What cannot be valued is not guessed."""
    books = Books()
    books.trade("1", "100")
    with pytest.raises(RefusedError, match="cannot be valued before its first price"):
        _ = books.portfolio.equity


def test_bar_and_price_mark_with_their_time() -> None:
    """The latest of a bar's close and a price counts."""
    portfolio = Portfolio([BITCOIN], CAPITAL)
    assert portfolio.mark(BITCOIN.id) is None
    assert portfolio.mark_ns(BITCOIN.id) is None
    portfolio.mark_bar(make_bar("12.5", 3, instrument_id=BITCOIN.id))
    assert (D("12.5"), 3) == (portfolio.mark(BITCOIN.id), portfolio.mark_ns(BITCOIN.id))
    portfolio.mark_price(BITCOIN.id, D(13), 4)
    assert (D(13), 4) == (portfolio.mark(BITCOIN.id), portfolio.mark_ns(BITCOIN.id))


def test_what_is_bought_with_coins_takes_no_cash() -> None:
    """A pair priced in coins is paid in coins; cash is the numeraire's alone."""
    in_coins = Instrument(id=InstrumentId("sim", "ETH-BTC"), base="ETH", quote="BTC")
    portfolio = Portfolio([in_coins, BITCOIN], CAPITAL)
    bought = _fill(in_coins, D(2), D("0.05"), 1, fee=D("0.001"), asset="BTC")
    portfolio.apply(bought, "signal")
    portfolio.mark_price(in_coins.id, D("0.05"), 1)
    portfolio.mark_price(BITCOIN.id, D(30_000), 1)
    assert (D("-0.101"), CAPITAL) == (portfolio.coins("BTC"), portfolio.cash)
    assert sub(CAPITAL, D(30)) == portfolio.equity
    _check_balance(portfolio)


def test_gains_in_coins_count_at_the_price_of_the_coin() -> None:
    """Spot against an inverse contract: every asset is kept apart, equity is in quote currency."""
    portfolio = Portfolio([INVERSE_PERPETUAL, BITCOIN], CAPITAL)
    assert "USD" == portfolio.numeraire
    contracts = D(200)
    portfolio.mark_price(INVERSE_PERPETUAL.id, D(10_000), 1)
    portfolio.apply(
        _fill(INVERSE_PERPETUAL, -contracts, D(10_000), 1, fee=D("0.01"), asset="BTC"), "in"
    )
    with pytest.raises(RefusedError, match="BTC cannot be valued in USD"):
        _ = portfolio.equity
    portfolio.mark_price(BITCOIN.id, D(10_000), 1)
    assert sub(CAPITAL, D(100)) == portfolio.equity
    portfolio.apply(_fill(BITCOIN, D(2), D(10_000), 2), "in")
    portfolio.mark_price(INVERSE_PERPETUAL.id, D(8_000), 2)
    portfolio.mark_price(BITCOIN.id, D(8_000), 2)
    # The contract gains half a coin, which is what the two coins lost in money: less the fee.
    assert sub(CAPITAL, D(80)) == portfolio.equity
    portfolio.apply(
        _fill(INVERSE_PERPETUAL, contracts, D(8_000), 3, fee=D("0.01"), asset="BTC"), "out"
    )
    assert D("0.48") == portfolio.coins("BTC")
    assert D("2.48") == portfolio.ledger.balance(Account.HOLDINGS, "BTC")
    money = portfolio.ledger.balance(Account.HOLDINGS, "USD")
    assert sub(CAPITAL, D(20_000)) == portfolio.cash == money
    assert ZERO == portfolio.ledger.imbalance("BTC") == portfolio.ledger.imbalance("USD")
    with pytest.raises(RefusedError, match="EUR cannot be valued"):
        portfolio.worth(D(1), "EUR")


@pytest.mark.parametrize(
    ("traded", "message"),
    [
        ((), "settle in nothing"),
        ((evolve(ETHER, quote="EUR"), INVERSE_PERPETUAL), "settle in BTC and EUR"),
        ((BITCOIN, evolve(BITCOIN, base="XBT")), "there twice"),
    ],
)
def test_instruments_must_share_the_money_and_be_different(
    traded: tuple[Instrument, ...], message: str
) -> None:
    """One portfolio counts in one asset, and knows each instrument once."""
    with pytest.raises(ConfigError, match=message):
        Portfolio(traded, CAPITAL)
