"""The orders of a spread's legs, and at what price each attempt is made."""

from decimal import Decimal
from typing import Final

from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.money import BPS, ONE, ZERO, Price, Quantity, add, mul, sub
from algopioneer_core.domain.orders import OrderIntent, OrderType
from algopioneer_core.engine.leg_facts import LegFacts
from algopioneer_core.engine.leg_rules import LegOrders, LegRules
from algopioneer_core.engine.portfolio import Portfolio

__all__ = ["LegOrderMaker"]

_BUY: Final = Side.BUY
_SELL: Final = Side.SELL
_MARKET: Final = OrderType.MARKET
_LIMIT: Final = OrderType.LIMIT


class LegOrderMaker:
    """
    Makes the orders of one spread, each attempt more aggressive than the one before.

    Args:
        portfolio: Has the marks that limit prices start from.
        rules: Order style, steps, collar and number of attempts.
    """

    def __init__(self, portfolio: Portfolio, rules: LegRules) -> None:
        self._portfolio = portfolio
        self._rules = rules
        self._at_market = rules.orders is LegOrders.MARKET

    def can_try(self, attempt: int) -> bool:
        """Return whether an attempt of this number (0 is the first) is still allowed."""
        rules = self._rules
        if attempt > rules.max_attempts:
            return False
        return self._at_market or attempt == 0 or self._bps(attempt - 1) < (rules.collar_bps)

    def opening(
        self, leg: LegFacts, quantity: Quantity, attempt: int, reason: str
    ) -> OrderIntent | None:
        """Return an order that adds *quantity* to the leg; None when it has no price."""
        side = _BUY if leg.target > ZERO else _SELL
        return self._order(leg.instrument, side, quantity, attempt, reason, reduces=False)

    def closing(
        self, leg: LegFacts, quantity: Quantity, attempt: int, reason: str
    ) -> OrderIntent | None:
        """Return an order that takes *quantity* away from the leg; None when it has no price."""
        side = _against(leg.held)
        return self._order(leg.instrument, side, quantity, attempt, reason, reduces=True)

    def closing_part(
        self, instrument_id: InstrumentId, signed: Quantity, attempt: int, reason: str
    ) -> OrderIntent | None:
        """Return an order that closes *signed* quantity held of one contract of a chain."""
        instrument, side = self._portfolio.instruments[instrument_id], _against(signed)
        return self._order(instrument, side, signed.copy_abs(), attempt, reason, reduces=True)

    def _order(
        self,
        instrument: Instrument,
        side: Side,
        quantity: Quantity,
        attempt: int,
        reason: str,
        *,
        reduces: bool,
    ) -> OrderIntent | None:
        limit = None if self._at_market else self._limit(instrument, side, attempt)
        if limit is None and not self._at_market:
            return None
        return OrderIntent(
            instrument_id=instrument.id,
            side=side,
            type=_MARKET if self._at_market else _LIMIT,
            quantity=quantity,
            limit_price=limit,
            reduce_only=reduces,
            reason=reason,
        )

    def _limit(self, instrument: Instrument, side: Side, attempt: int) -> Price | None:
        """Return the limit price, rounded to the price grid on the less aggressive side."""
        mark = self._portfolio.mark(instrument.id)
        if mark is None:
            return None
        part = mul(self._bps(attempt), BPS)
        factor = add(ONE, part) if side is Side.BUY else sub(ONE, part)
        price, grid = mul(mark, factor), instrument.price_increment
        if grid is not None:
            price = grid.floor(price) if side is Side.BUY else grid.ceil(price)
        return price if price > ZERO else None

    def _bps(self, attempt: int) -> Decimal:
        rules = self._rules
        wanted = add(rules.start_bps, mul(rules.step_bps, Decimal(attempt)))
        return min(wanted, rules.collar_bps)


def _against(held: Quantity) -> Side:
    return _SELL if held > ZERO else _BUY
