"""
Exit policies at work: what a decision looks like once they have had their say.

An exit of the strategy passes with their consent; a policy that leaves replaces the strategy's own
exit by one that carries the policy's name. What a strategy wants of other instruments is left
alone.
"""

from collections.abc import Iterable, Sequence

from algopioneer_core.domain.commands import StrategyCommand
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.money import Quantity
from algopioneer_core.domain.orders import OrderIntent
from algopioneer_core.engine.exit_monitor import ExitMonitor
from algopioneer_core.engine.exits import ExitVerdict
from algopioneer_core.engine.order_manager import OrderManager
from algopioneer_core.engine.portfolio import Portfolio

__all__ = ["ExitGate", "closing_order"]


def closing_order(instrument_id: InstrumentId, held: Quantity, reason: str) -> OrderIntent:
    """Return the market order that closes a signed quantity, for *reason*."""
    return OrderIntent(
        instrument_id=instrument_id,
        side=Side.SELL if held > 0 else Side.BUY,
        quantity=held.copy_abs(),
        reduce_only=True,
        reason=reason,
    )


class ExitGate:
    """Puts the exit policies of one engine between its strategy and its orders."""

    def __init__(self, monitor: ExitMonitor, portfolio: Portfolio, orders: OrderManager) -> None:
        self._monitor = monitor
        self._portfolio = portfolio
        self._orders = orders

    def review(
        self,
        wishes: Iterable[StrategyCommand],
        instrument_ids: Sequence[InstrumentId],
        now_ns: int,
        *,
        finished_bar: bool,
    ) -> Sequence[StrategyCommand]:
        """
        Return what is to be done, given what the strategy *wishes* after a new mark.

        - HOLD drops every order of the strategy against the position (an exit, or a reversal).
        - EXIT puts the policy's closing order first and drops the strategy's; an entry to the
          other side that came with it stays. While a closing order is already working, nothing is
          added.
        """
        result = list(wishes)
        for instrument_id in instrument_ids:
            held = self._portfolio.quantity(instrument_id)
            if held:
                self._review_one(result, instrument_id, held, now_ns, finished_bar=finished_bar)
        return result

    def _review_one(
        self,
        wishes: list[StrategyCommand],
        instrument_id: InstrumentId,
        held: Quantity,
        now_ns: int,
        *,
        finished_bar: bool,
    ) -> None:
        position = self._portfolio.positions[instrument_id]
        mark = self._portfolio.mark(instrument_id)
        if mark is None:
            return
        outcome = self._monitor.on_mark(position, mark, now_ns, finished_bar=finished_bar)
        if outcome is None or outcome.verdict is ExitVerdict.CONSENT:
            return
        against = [each for each in wishes if _is_against(each, instrument_id, held)]
        if outcome.verdict is ExitVerdict.HOLD:
            wishes[:] = [each for each in wishes if each not in against]
            return
        exits = [each for each in against if isinstance(each, OrderIntent) and each.reduce_only]
        wishes[:] = [each for each in wishes if each not in exits]
        if not self._is_leaving(instrument_id):
            wishes.insert(0, closing_order(instrument_id, held, outcome.reason))

    def _is_leaving(self, instrument_id: InstrumentId) -> bool:
        return any(
            order.intent.reduce_only and order.intent.instrument_id == instrument_id
            for order in self._orders.working.values()
        )


def _is_against(wish: StrategyCommand, instrument_id: InstrumentId, held: Quantity) -> bool:
    """Return whether *wish* is an order on the other side of what is held."""
    return (
        isinstance(wish, OrderIntent)
        and wish.instrument_id == instrument_id
        and (wish.side is Side.SELL) == (held > 0)
    )
