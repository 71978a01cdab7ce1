"""What holding costs or brings: signs, worth, and what is booked."""

from decimal import Decimal

import pytest

from algopioneer_core.domain.account_events import BorrowCharged, DividendPaid, FundingPaid
from algopioneer_core.domain.carry import (
    BorrowRate,
    Carry,
    CarryEvent,
    Dividend,
    FundingRate,
    carry_concerns,
    carry_event,
    carry_received,
)
from algopioneer_core.domain.instruments import Instrument
from algopioneer_core.testing.domain import BITCOIN, INVERSE_PERPETUAL, LINEAR_PERPETUAL

RATE, MARK = Decimal("0.001"), Decimal(50)
FUNDING = FundingRate(LINEAR_PERPETUAL.id, 7, RATE)
BORROW = BorrowRate(BITCOIN.id, 7, RATE)
DIVIDEND = Dividend(BITCOIN.id, 7, Decimal("0.25"))


@pytest.mark.parametrize(
    ("carry", "instrument", "quantity", "received"),
    [
        (FUNDING, LINEAR_PERPETUAL, 4, -4 * LINEAR_PERPETUAL.multiplier * MARK * RATE),
        (FUNDING, LINEAR_PERPETUAL, -4, 4 * LINEAR_PERPETUAL.multiplier * MARK * RATE),
        (FUNDING, INVERSE_PERPETUAL, -4, 4 * INVERSE_PERPETUAL.multiplier / MARK * RATE),
        (BORROW, BITCOIN, -4, Decimal("-0.2")),
        (BorrowRate(BITCOIN.id, 7, -RATE), BITCOIN, -4, Decimal("0.2")),
        (BorrowRate(BITCOIN.id, 7, RATE, Decimal(60)), BITCOIN, -4, Decimal("-0.24")),
        (DIVIDEND, BITCOIN, 4, Decimal(1)),
        (DIVIDEND, BITCOIN, -4, Decimal(-1)),
    ],
)
def test_what_is_received(
    carry: Carry, instrument: Instrument, quantity: int, received: Decimal
) -> None:
    """Longs pay positive funding, shorts pay for what they borrowed and the dividends on it."""
    assert received == carry_received(carry, instrument, Decimal(quantity), MARK)


@pytest.mark.parametrize(
    ("carry", "concerned"),
    [
        (FUNDING, (True, False, True)),
        (BORROW, (True, False, False)),
        (DIVIDEND, (True, False, True)),
    ],
)
def test_who_is_concerned(carry: Carry, concerned: tuple[bool, ...]) -> None:
    """Who is short, flat, long: only who is short borrows."""
    assert concerned == tuple(carry_concerns(carry, quantity) for quantity in (-1, 0, 1))


@pytest.mark.parametrize(
    ("carry", "event"),
    [
        (FUNDING, FundingPaid(LINEAR_PERPETUAL.id, 7, Decimal(-2), "USD")),
        (BORROW, BorrowCharged(BITCOIN.id, 7, Decimal(2), "USD")),
        (DIVIDEND, DividendPaid(BITCOIN.id, 7, Decimal(-2), "USD")),
    ],
)
def test_what_is_booked(carry: Carry, event: CarryEvent) -> None:
    """A charge for borrowing is positive where it is a cost; the others where they are received."""
    assert event == carry_event(carry, Decimal(-2), "USD")
