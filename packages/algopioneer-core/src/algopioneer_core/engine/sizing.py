"""How much to trade: a fraction of equity, or a fixed quantity (SEMANTICS, sizing)."""

from decimal import Decimal

from attrs import frozen

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.money import Quantity, mul
from algopioneer_core.domain.orders import OrderIntent
from algopioneer_core.engine.strategy import StrategyContext

__all__ = ["Sizing"]


@frozen(kw_only=True)
class Sizing:
    """
    The size of an entry: exactly one of a fraction of equity and a fixed quantity.

    Raises:
        ConfigError: Both or neither are given, or the one given is out of range.
    """

    fraction: Decimal | None = None
    """Share of the strategy's equity at the signal, in (0, 1]; the fee is paid out of it."""
    quantity: Quantity | None = None
    """Base units or contracts, positive."""

    def __attrs_post_init__(self) -> None:
        if (self.fraction is None) == (self.quantity is None):
            raise ConfigError("an entry needs either a fraction of equity or a fixed quantity")
        if self.fraction is not None and not 0 < self.fraction <= 1:
            raise ConfigError(f"the fraction must be above 0 and at most 1, not {self.fraction}")
        if self.quantity is not None and self.quantity <= 0:
            raise ConfigError(f"the quantity must be positive, not {self.quantity}")

    def entry(
        self, instrument_id: InstrumentId, side: Side, context: StrategyContext
    ) -> OrderIntent | None:
        """
        Return a market order of this size; None when there is no equity left to size it by.

        A fraction of equity becomes a quote amount that is fixed now, at the signal.
        """
        if self.fraction is None:
            return OrderIntent(instrument_id=instrument_id, side=side, quantity=self.quantity)
        amount = mul(context.equity, self.fraction)
        if amount <= 0:
            return None
        return OrderIntent(instrument_id=instrument_id, side=side, quote_amount=amount)
