"""Finished trades, for tests of what records and reports them."""

from decimal import Decimal

from hypothesis import strategies as st

from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.testing.domain import BITCOIN, amounts, prices, quantities, sides

__all__ = ["round_trip", "round_trips"]

_MINUTE_NS = 60_000_000_000


def round_trip(number: int = 1, *, exit_reason: str = "signal") -> RoundTrip:
    """Return a long trade of a bitcoin spot instrument that brought *number* dollars."""
    return RoundTrip(
        instrument_id=BITCOIN.id,
        side=Side.BUY,
        quantity=Decimal("0.50"),
        entry_ns=number * _MINUTE_NS,
        exit_ns=(number + 1) * _MINUTE_NS,
        entry_price=Decimal("100.10"),
        exit_price=Decimal("102.50"),
        pnl=Decimal(number),
        fees=Decimal("0.20"),
        cost=Decimal("50.05"),
        exit_reason=exit_reason,
    )


def round_trips() -> st.SearchStrategy[RoundTrip]:
    """Return trades of both sides with amounts of any size and any text as the reason."""
    return st.builds(
        RoundTrip,
        instrument_id=st.just(BITCOIN.id),
        side=sides,
        quantity=quantities(),
        entry_ns=st.integers(0, 4 * 10**18),
        exit_ns=st.integers(0, 4 * 10**18),
        entry_price=prices(),
        exit_price=prices(),
        pnl=amounts(),
        fees=amounts(),
        cost=quantities(),
        exit_reason=st.text(st.characters(codec="utf-8"), max_size=20),
    )
