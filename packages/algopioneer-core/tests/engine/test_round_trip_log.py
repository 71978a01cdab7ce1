"""Round trips: what a position was, from its first fill to the one that closed it."""

from decimal import Decimal

import pytest

from algopioneer_core.domain.fills import Fill, Liquidity, Side
from algopioneer_core.domain.instruments import Instrument
from algopioneer_core.domain.ledger import Account
from algopioneer_core.domain.money import ZERO, Money, neg, sub, total
from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.engine.portfolio import Portfolio
from algopioneer_core.testing.domain import (
    BITCOIN,
    INVERSE_PERPETUAL,
)

D = Decimal
CAPITAL = D("10000.01")


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


def test_long_round_trip_tells_what_it_was() -> None:
    """Averages, fees, cost and reason of a trade in two entries and one exit."""
    books = Books()
    books.trade("1", "100", fee="1")
    books.trade("3", "104", fee="2")
    books.trade("-4", "110", fee="3")
    (trip,) = books.trips
    assert trip == RoundTrip(
        BITCOIN.id,
        Side.BUY,
        D(4),
        1,
        3,
        D(103),
        D(110),
        D(22),
        D(6),
        D(412),
        "reason 3",
    )


def test_reversal_is_two_round_trips_that_share_the_fee() -> None:
    """A fill that turns the position around pays for closing and opening by quantity."""
    books = Books()
    books.trade("1", "100")
    books.trade("-4", "110", fee="8")
    books.trade("3", "100")
    long, short = books.trips
    assert (Side.BUY, D(1), D(8), D(2)) == (long.side, long.quantity, long.pnl, long.fees)
    assert (Side.SELL, D(3), D(24), D(6)) == (short.side, short.quantity, short.pnl, short.fees)
    assert (2, 3) == (short.entry_ns, short.exit_ns)


def test_price_with_more_digits_than_are_shown_is_rounded() -> None:
    """Prices of round trips have twelve decimals, rounded half to even."""
    books = Books()
    books.trade("2", "1.0000000000005")
    books.trade("-2", "1.0000000000015")
    (trip,) = books.trips
    assert (D("1.000000000000"), D("1.000000000002")) == (trip.entry_price, trip.exit_price)


def test_inverse_round_trip_shows_the_price_of_its_fill() -> None:
    """Where there was one price, it is shown, not found back from a rounded value."""
    books = Books(INVERSE_PERPETUAL)
    books.trade("7", "30000.1")
    books.trade("-7", "30001.3")
    (trip,) = books.trips
    assert (D("30000.1"), D("30001.3")) == (trip.entry_price, trip.exit_price)


def test_fee_in_base_that_eats_the_purchase_ends_the_round_trip() -> None:
    """A position that a fee brings back to zero was a trade with a loss of all it cost."""
    books = Books()
    books.trade("1", "100", fee="1", asset="BTC")
    (trip,) = books.trips
    assert (Side.BUY, D(1), D(0), D(-100)) == (
        trip.side,
        trip.quantity,
        trip.exit_price,
        trip.pnl,
    )
    assert 0 == books.portfolio.entry_ns(BITCOIN.id)


def test_fee_in_base_after_a_full_sale_opens_a_short_round_trip() -> None:
    """What is owed in base after everything was sold is a position of its own."""
    books = Books()
    books.trade("1", "100")
    books.trade("-1", "110", fee="0.5", asset="BTC")
    assert 2 == books.portfolio.entry_ns(BITCOIN.id)
    books.trade("0.5", "120")
    long, short = books.trips
    assert (D(10), D(-60)) == (long.pnl, short.pnl)
    assert (Side.SELL, D(0), D(120)) == (short.side, short.entry_price, short.exit_price)


def test_fee_that_outweighs_a_raise_turns_the_position() -> None:
    """Even a fee in base larger than everything held leaves round trips that add up."""
    books = Books()
    books.trade("1", "100")
    books.trade("1", "100", fee="3", asset="BTC")
    books.trade("1", "100")
    assert [D(-200), D(-100)] == [trip.pnl for trip in books.trips]


def test_bust_of_the_only_fill_is_no_round_trip() -> None:
    """What never happened is not reported as a trade."""
    books = Books()
    fill = books.trade("1", "100", fee="1")
    books.portfolio.undo(fill, 5, "busted")
    assert [] == books.trips
    assert (CAPITAL, 0) == (books.portfolio.cash, books.portfolio.entry_ns(BITCOIN.id))


def test_bust_of_one_entry_leaves_the_other_in_the_averages() -> None:
    """A round trip shows only the fills that stood."""
    books = Books()
    books.trade("1", "100", fee="1")
    wrong = books.trade("3", "200", fee="3")
    books.portfolio.undo(wrong, 5, "busted")
    books.trade("-1", "110")
    (trip,) = books.trips
    assert (D(100), D(110), D(1), D(9)) == (
        trip.entry_price,
        trip.exit_price,
        trip.quantity,
        trip.pnl,
    )


def test_bust_that_leaves_nothing_open_ends_the_round_trip() -> None:
    """When the rest was sold already, the trade ends at the bust."""
    books = Books()
    books.trade("1", "100")
    wrong = books.trade("1", "110")
    books.trade("-1", "120")
    books.portfolio.undo(wrong, 5, "busted")
    (trip,) = books.trips
    assert (D(20), D(100), D(120), 5, "busted") == (
        trip.pnl,
        trip.entry_price,
        trip.exit_price,
        trip.exit_ns,
        trip.exit_reason,
    )


def test_bust_of_a_partial_exit_reopens_it() -> None:
    """A sale that is taken back does not count among the exits."""
    books = Books()
    books.trade("2", "100")
    wrong = books.trade("-1", "50")
    books.portfolio.undo(wrong, 5, "busted")
    books.trade("-2", "110")
    (trip,) = books.trips
    assert (D(2), D(110), D(20)) == (trip.quantity, trip.exit_price, trip.pnl)


def test_bust_after_the_round_trip_was_reported_is_the_opposite_trade() -> None:
    """A reported round trip stays; what the bust changes shows in the next one."""
    books = Books()
    books.trade("1", "100")
    sale = books.trade("-1", "120")
    books.portfolio.undo(sale, 5, "busted")
    assert (D(1), 5) == (books.portfolio.quantity(BITCOIN.id), books.portfolio.entry_ns(BITCOIN.id))
    books.trade("-1", "130")
    assert [D(20), D(10)] == [trip.pnl for trip in books.trips]


def test_bust_of_an_older_trade_does_not_spoil_the_open_one() -> None:
    """A fill from before the open round trip is not taken out of its averages."""
    books = Books()
    old = books.trade("1", "100")
    books.trade("-1", "120")
    books.trade("2", "130")
    books.portfolio.undo(old, 5, "busted")
    books.trade("-1", "140")
    _, second = books.trips
    assert (D(130), D(120)) == (second.entry_price, second.exit_price)
    assert sub(books.portfolio.cash, CAPITAL) == total(*(trip.pnl for trip in books.trips))


def test_late_fee_belongs_to_the_open_round_trip() -> None:
    """A fee that is charged while the position is open is one of the trade's fees."""
    books = Books()
    books.trade("1", "100", fee="1")
    position = books.portfolio.positions[BITCOIN.id]
    books.portfolio.pay(Account.FEES, "USD", D(2))
    books.portfolio.replace(position.charge(D(2), "USD"), 2, "fee")
    books.trade("-1", "110", fee="1")
    (trip,) = books.trips
    assert (D(4), D(6)) == (trip.fees, trip.pnl)
    assert sub(books.portfolio.cash, CAPITAL) == trip.pnl


@pytest.mark.parametrize(("moved", "sides"), [("-1", [Side.BUY]), ("-3", [Side.BUY, Side.SELL])])
def test_adjustment_can_end_and_begin_round_trips(moved: str, sides: list[Side]) -> None:
    """What is taken away without a trade ends it at no price; what is owed begins another."""
    books = Books()
    books.trade("1", "100")
    position = books.portfolio.positions[BITCOIN.id]
    books.portfolio.replace(position.adjust(D(moved)), 7, "transfer")
    assert [("transfer", 7, D(-100))] == [
        (trip.exit_reason, trip.exit_ns, trip.pnl) for trip in books.trips
    ]
    books.close(BITCOIN, D(50))
    assert sides == [trip.side for trip in books.trips]
    assert sub(books.portfolio.cash, CAPITAL) == total(*(trip.pnl for trip in books.trips))


def test_what_was_received_without_a_trade_is_all_gain() -> None:
    """A position that came by transfer has no entry price, and a round trip all the same."""
    books = Books()
    flat = books.portfolio.positions[BITCOIN.id]
    books.portfolio.replace(flat, 1, "transfer")
    books.portfolio.replace(flat.adjust(D(2)), 2, "transfer")
    books.portfolio.replace(flat.adjust(D(3)), 3, "transfer")
    assert 2 == books.portfolio.entry_ns(BITCOIN.id)
    books.trade("-3", "50")
    (trip,) = books.trips
    assert (D(0), D(50), D(150), D(0)) == (trip.entry_price, trip.exit_price, trip.pnl, trip.cost)
