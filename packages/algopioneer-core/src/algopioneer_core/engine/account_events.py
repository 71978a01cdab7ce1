"""What changes a strategy's books without an order of its own: funding, dividends, splits, …"""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

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
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.ledger import Account
from algopioneer_core.domain.money import ZERO, Money, neg
from algopioneer_core.domain.positions import Position
from algopioneer_core.engine.order_manager import OrderManager
from algopioneer_core.engine.portfolio import Portfolio

__all__ = ["ACCOUNT_EVENTS", "AccountBook"]

OnFill: TypeAlias = Callable[[Position, Position, Fill], None]
OnTransfer: TypeAlias = Callable[[int, Money | None], None]


class AccountBook:
    """
    Books account events on one strategy's position, cash, ledger and orders.

    What belongs to instruments or venues that are not the strategy's is left alone.

    Args:
        portfolio: The strategy's books.
        orders: The strategy's orders, of which fills may be busted or corrected.
        on_fill: Called with the position before and after each fill that is booked or undone here;
            one that is undone is shown as the opposite trade.
        on_transfer: Called with the time and the worth in the numeraire (None: not known) of each
            transfer that equity will contain, before it is booked.
    """

    def __init__(
        self, portfolio: Portfolio, orders: OrderManager, on_fill: OnFill, on_transfer: OnTransfer
    ) -> None:
        self._portfolio = portfolio
        self._orders = orders
        self._on_fill = on_fill
        self._on_transfer = on_transfer
        self._liquidations: dict[str, Fill | None] = {}  # by fill id; None once it was busted
        self._bookings: dict[type, Callable[..., bool]] = {
            AccountSnapshot: lambda _: True,
            FeeCharged: self._fee,
            FundingPaid: self._funding,
            BorrowCharged: self._borrow,
            DividendPaid: self._dividend,
            Split: self._split,
            Settled: self._settled,
            Transferred: self._transferred,
            Liquidated: self._liquidated,
            FillBusted: self._busted,
            FillCorrected: self._corrected,
        }

    def book(self, event: AccountEvent) -> bool:
        """
        Book *event* and return whether it concerns the strategy and is news to it.

        A snapshot changes nothing: comparing it with the books is the runtime's reconciliation.

        Raises:
            UnknownOrder: A fill was busted or corrected whose order is not known here.
        """
        return self._bookings[type(event)](event)

    def snapshot(self) -> dict[str, object]:
        """Return the liquidations that were booked, by fill id; a busted one is None."""
        return dict(self._liquidations)

    def restore(self, state: Mapping[str, Fill | None]) -> None:
        """Become what `snapshot` described."""
        self._liquidations = dict(state)

    def _is_ours(self, instrument_id: InstrumentId) -> bool:
        return instrument_id in self._portfolio.instruments

    # --- charges and payments ----------------------------------------------------------------

    def _fee(self, event: FeeCharged) -> bool:
        if not self._is_ours(event.instrument_id):
            return False
        position = self._portfolio.positions[event.instrument_id]
        self._portfolio.pay(Account.FEES, event.asset, event.amount)
        charged = position.charge(event.amount, event.asset)
        self._portfolio.replace(charged, event.ts_event, "fee")
        return True

    def _funding(self, event: FundingPaid) -> bool:
        return self._receive(event, Account.FUNDING, event.amount, "funding")

    def _borrow(self, event: BorrowCharged) -> bool:
        return self._receive(event, Account.BORROW, neg(event.amount), "borrow")

    def _dividend(self, event: DividendPaid) -> bool:
        return self._receive(event, Account.DIVIDENDS, event.amount, "dividend")

    def _receive(
        self,
        event: FundingPaid | BorrowCharged | DividendPaid,
        source: Account,
        amount: Money,
        reason: str,
    ) -> bool:
        if not self._is_ours(event.instrument_id):
            return False
        self._portfolio.pay(source, event.asset, neg(amount))
        position = self._portfolio.positions[event.instrument_id]
        if position.instrument.delivers_base and event.asset == position.instrument.base:
            self._portfolio.replace(position.adjust(amount), event.ts_event, reason)
        return True

    def _transferred(self, event: Transferred) -> bool:
        portfolio = self._portfolio
        if all(each.venue != event.venue for each in portfolio.instruments):
            return False
        position = self._holding(event)
        if event.asset == portfolio.numeraire:
            self._on_transfer(event.ts_event, event.amount)
        elif position is not None:
            instrument, mark = position.instrument, portfolio.mark(position.instrument.id)
            worth = None if mark is None else instrument.value(event.amount, mark)
            self._on_transfer(event.ts_event, worth)
        portfolio.pay(Account.CAPITAL, event.asset, neg(event.amount))
        if position is not None:
            portfolio.replace(position.adjust(event.amount), event.ts_event, "transfer")
        return True

    def _holding(self, event: Transferred) -> Position | None:
        """Return the position that a transfer in kind changes; None when it is money."""
        for position in self._portfolio.positions.values():
            instrument = position.instrument
            delivered = instrument.delivers_base and instrument.base == event.asset
            if delivered and instrument.id.venue == event.venue:
                return position
        return None

    # --- what happens to a position ------------------------------------------------------------

    def _split(self, event: Split) -> bool:
        if not self._is_ours(event.instrument_id):
            return False
        self._portfolio.split(event.instrument_id, event.numerator, event.denominator)
        return True

    def _settled(self, event: Settled) -> bool:
        if not self._is_ours(event.instrument_id):
            return False
        position = self._portfolio.positions[event.instrument_id]
        if position.quantity:
            self._apply(_closing_fill(event, position), "settlement")
        return True

    def _liquidated(self, event: Liquidated) -> bool:
        fill = event.fill
        if not self._is_ours(fill.instrument_id) or fill.fill_id in self._liquidations:
            return False
        self._liquidations[fill.fill_id] = fill
        self._apply(fill, "liquidation")
        return True

    # --- fills after the fact ------------------------------------------------------------------

    def _busted(self, event: FillBusted) -> bool:
        if not self._is_ours(event.fill.instrument_id):
            return False
        counted = self._bust(event.fill)
        if counted is not None:
            self._undo(counted, event.ts_event, "fill_busted")
        return counted is not None

    def _bust(self, fill: Fill) -> Fill | None:
        if fill.fill_id not in self._liquidations:
            return self._orders.bust(fill)
        counted, self._liquidations[fill.fill_id] = self._liquidations[fill.fill_id], None
        return counted

    def _corrected(self, event: FillCorrected) -> bool:
        if not self._is_ours(event.original.instrument_id):
            return False
        gone, new = self._correct(event.original, event.corrected)
        if gone is not None:
            self._undo(gone, event.ts_event, "fill_corrected")
        if new is not None:
            self._apply(new, "fill_corrected")
        return new is not None

    def _correct(self, original: Fill, corrected: Fill) -> tuple[Fill | None, Fill | None]:
        if original.fill_id not in self._liquidations:
            return self._orders.correct(original, corrected)
        counted = self._liquidations[original.fill_id]
        if counted is None or counted == corrected:
            return None, None
        self._liquidations[original.fill_id] = corrected
        return counted, corrected

    def _apply(self, fill: Fill, reason: str) -> None:
        self._on_fill(*self._portfolio.apply(fill, reason), fill)

    def _undo(self, fill: Fill, ts_ns: int, reason: str) -> None:
        mirrored = evolve(fill, side=fill.side.opposite, fee=neg(fill.fee), ts_event=ts_ns)
        self._on_fill(*self._portfolio.undo(fill, ts_ns, reason), mirrored)


def _closing_fill(event: Settled, position: Position) -> Fill:
    held, instrument = position.quantity, position.instrument
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


ACCOUNT_EVENTS: Final[tuple[type, ...]] = (
    AccountSnapshot,
    FeeCharged,
    FundingPaid,
    BorrowCharged,
    DividendPaid,
    Split,
    Settled,
    Transferred,
    Liquidated,
    FillBusted,
    FillCorrected,
)
"""The classes of all account events."""
