"""What funding, borrowing and dividends came to in a backtest, and what it says of them."""

from collections.abc import Collection, Iterable, Mapping
from typing import Self

from attrs import frozen

from algopioneer_core.domain.carry import BorrowRate, Carry, Dividend, FundingRate
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.money import ZERO, Money, add, neg, plain

__all__ = ["CarryReceived", "CarryTotals", "borrow_notes"]


class CarryReceived:
    """Sums of what was received, by kind of payment and asset; negative is paid."""

    def __init__(self) -> None:
        self._sums: dict[type[Carry], dict[str, Money]] = {}

    def add(self, carry: Carry, received: Money, asset: str) -> None:
        """Count what *carry* brought."""
        sums = self._sums.setdefault(type(carry), {})
        sums[asset] = add(sums.get(asset, ZERO), received)

    def of(self, kind: type[Carry]) -> Mapping[str, Money]:
        """Return what payments of *kind* brought, by asset."""
        return self._sums.get(kind, {})


@frozen(kw_only=True)
class CarryTotals:
    """What holding brought or cost, by asset; None where it was not given as an input."""

    funding: Mapping[str, Money] | None = None
    """Received; negative is paid."""
    borrow: Mapping[str, Money] | None = None
    """Paid; negative is received."""
    dividends: Mapping[str, Money] | None = None
    """Received; negative is paid."""

    @classmethod
    def of(cls, given: Iterable[Carry], received: CarryReceived) -> Self:
        """Return the totals of a run for which the payments *given* were stated."""
        kinds = {type(each) for each in given}
        paid = {asset: neg(amount) for asset, amount in received.of(BorrowRate).items()}
        return cls(
            funding=received.of(FundingRate) if FundingRate in kinds else None,
            borrow=paid if BorrowRate in kinds else None,
            dividends=received.of(Dividend) if Dividend in kinds else None,
        )

    def as_dict(self) -> dict[str, object]:
        """Return the keys of `results.json`; money is exact text."""
        return {
            "funding_received": _texts(self.funding),
            "borrow_paid": _texts(self.borrow),
            "dividends_received": _texts(self.dividends),
        }


def _texts(amounts: Mapping[str, Money] | None) -> dict[str, str] | None:
    return None if amounts is None else {key: plain(value) for key, value in amounts.items()}


def borrow_notes(
    given: Iterable[Carry], instruments: Iterable[Instrument], shorted: Collection[InstrumentId]
) -> list[str]:
    """
    Return what a reader must know of borrowing that was not given.

    Args:
        given: The payments that were stated.
        instruments: What was traded.
        shorted: Of which a short position was held; contracts among them borrow nothing.
    """
    stated = {each.instrument_id for each in given if isinstance(each, BorrowRate)}
    return [
        f"Borrowing of {each.id.symbol} was not given and counts as zero."
        for each in instruments
        if each.delivers_base and each.id in shorted and each.id not in stated
    ]
