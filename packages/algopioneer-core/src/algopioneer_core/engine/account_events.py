"""What changes a strategy's books without an order of its own: funding, dividends, splits, …"""

from collections.abc import Callable
from typing import Final

from attrs import evolve

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
from algopioneer_core.domain.instruments import Instrument
from algopioneer_core.domain.ledger import Account
from algopioneer_core.domain.money import ZERO, mul, neg, sub
from algopioneer_core.engine.portfolio import Portfolio

__all__ = ["ACCOUNT_EVENTS", "book"]


def book(event: AccountEvent, portfolio: Portfolio) -> None:
    """
    Book *event* on the strategy's own position, cash and ledger.

    A snapshot changes nothing: comparing it with the books is the runtime's reconciliation.
    """
    _BOOKINGS[type(event)](event, portfolio)


def _snapshot(event: AccountSnapshot, portfolio: Portfolio) -> None:
    del event, portfolio


def _fee(event: FeeCharged, portfolio: Portfolio) -> None:
    position = portfolio.positions[event.instrument_id]
    portfolio.replace(position.charge(event.amount, event.asset))
    portfolio.pay(Account.FEES, event.asset, event.amount)


def _funding(event: FundingPaid, portfolio: Portfolio) -> None:
    portfolio.pay(Account.FUNDING, event.asset, neg(event.amount))


def _borrow(event: BorrowCharged, portfolio: Portfolio) -> None:
    portfolio.pay(Account.BORROW, event.asset, event.amount)


def _dividend(event: DividendPaid, portfolio: Portfolio) -> None:
    portfolio.pay(Account.DIVIDENDS, event.asset, neg(event.amount))


def _split(event: Split, portfolio: Portfolio) -> None:
    before = portfolio.positions[event.instrument_id]
    after = before.split(event.numerator, event.denominator)
    portfolio.replace(after)
    if before.instrument.delivers_base:
        change = sub(after.quantity, before.quantity)
        size = mul(change, before.instrument.multiplier)
        portfolio.pay(Account.ADJUSTMENTS, before.instrument.base, neg(size))


def _settled(event: Settled, portfolio: Portfolio) -> None:
    position = portfolio.positions[event.instrument_id]
    if position.quantity:
        portfolio.apply(_closing_fill(event, position.instrument, portfolio), "settlement")


def _closing_fill(event: Settled, instrument: Instrument, portfolio: Portfolio) -> Fill:
    held = portfolio.quantity(instrument.id)
    return Fill(
        f"settlement-{event.ts_event}",
        "",
        instrument.id,
        Side.SELL if held > 0 else Side.BUY,
        held.copy_abs(),
        event.price,
        ZERO,
        instrument.settlement_asset,
        Liquidity.TAKER,
        event.ts_event,
    )


def _transferred(event: Transferred, portfolio: Portfolio) -> None:
    portfolio.pay(Account.CAPITAL, event.asset, neg(event.amount))


def _liquidated(event: Liquidated, portfolio: Portfolio) -> None:
    portfolio.apply(event.fill, "liquidation")


def _busted(event: FillBusted, portfolio: Portfolio) -> None:
    portfolio.apply(_reversed(event.fill, event.ts_event), "fill_busted")


def _corrected(event: FillCorrected, portfolio: Portfolio) -> None:
    portfolio.apply(_reversed(event.original, event.ts_event), "fill_corrected")
    portfolio.apply(event.corrected, "fill_corrected")


def _reversed(fill: Fill, ts_ns: int) -> Fill:
    """Return the fill that undoes *fill*: the same exchange, the other way round."""
    return evolve(fill, side=fill.side.opposite, fee=neg(fill.fee), ts_event=ts_ns)


_BOOKINGS: Final[dict[type, Callable[..., None]]] = {
    AccountSnapshot: _snapshot,
    FeeCharged: _fee,
    FundingPaid: _funding,
    BorrowCharged: _borrow,
    DividendPaid: _dividend,
    Split: _split,
    Settled: _settled,
    Transferred: _transferred,
    Liquidated: _liquidated,
    FillBusted: _busted,
    FillCorrected: _corrected,
}
ACCOUNT_EVENTS: Final[tuple[type, ...]] = tuple(_BOOKINGS)
"""The classes of all account events."""
