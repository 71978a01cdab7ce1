"""How a session ended, and what its strategies are worth."""

from collections.abc import Mapping

from attrs import field, frozen

from algopioneer_core.domain.errors import RefusedError
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.money import ZERO, Money, Quantity, add
from algopioneer_core.engine.portfolio import Portfolio

__all__ = ["SessionResult", "equity_of", "held_in"]


@frozen(kw_only=True)
class SessionResult:
    """How a session ended."""

    reason: str
    """Why it ended."""
    trades: int
    """Trades that were finished in it."""
    equity: Mapping[str, Money | None] = field(factory=dict)
    """What each strategy is worth, in its numeraire; None where a price is missing."""
    open_orders: int = 0
    """Orders of ours that may still trade."""
    held: Mapping[str, Mapping[InstrumentId, Quantity]] = field(factory=dict)
    """What each strategy still holds, signed, in base units or contracts; those that hold nothing
    are left out."""

    @property
    def total(self) -> Money | None:
        """What all strategies are worth together; None where one is not known."""
        total = ZERO
        for equity in self.equity.values():
            if equity is None:
                return None
            total = add(total, equity)
        return total


def held_in(portfolio: Portfolio) -> dict[InstrumentId, Quantity]:
    """Return what is held, signed; what is flat is left out."""
    books = portfolio.positions.items()
    return {key: position.quantity for key, position in books if position.quantity}


def equity_of(portfolio: Portfolio) -> Money | None:
    """Return what a portfolio is worth; None where a price is missing."""
    try:
        return portfolio.equity
    except RefusedError:
        return None
