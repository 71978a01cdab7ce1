"""
Exit policies at work: what a decision looks like once they have had their say.

An exit of the strategy passes with their consent; a policy that leaves replaces the strategy's own
exit by one that carries the policy's name. What a strategy wants of other instruments is left
alone.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeGuard

from attrs import evolve

from algopioneer_core.domain.commands import StrategyCommand
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import Bar
from algopioneer_core.domain.money import ZERO, Quantity, sub
from algopioneer_core.domain.orders import OrderIntent
from algopioneer_core.domain.positions import Position
from algopioneer_core.engine.closing import WayOut, is_against
from algopioneer_core.engine.exit_monitor import ExitMonitor
from algopioneer_core.engine.exits import ExitVerdict
from algopioneer_core.engine.portfolio import Portfolio

__all__ = ["ExitGate"]


class ExitGate:
    """
    Puts the exit policies of one engine between its strategy and its orders.

    Args:
        monitor: The policies, and what they have to remember.
        portfolio: The strategy's books.
        way_out: Closes positions.
    """

    def __init__(self, monitor: ExitMonitor, portfolio: Portfolio, way_out: WayOut) -> None:
        self._monitor = monitor
        self._portfolio = portfolio
        self._way_out = way_out
        self._waiting: dict[InstrumentId, str] = {}
        """Exits, by reason, that wait until the orders in their way have ended."""

    def review(
        self,
        wishes: Iterable[StrategyCommand],
        instrument_ids: Iterable[InstrumentId],
        now_ns: int,
        *,
        finished_bar: bool,
    ) -> Iterable[StrategyCommand]:
        """
        Return what is to be done, given what the strategy *wishes* after a new mark.

        - HOLD drops every order of the strategy against the position (an exit, or a reversal).
        - EXIT cancels what works in the instrument and closes the position, and drops what the
          strategy wished for it; of a reversal, what goes beyond the close stays.
        """
        for instrument_id in instrument_ids:
            position = self._portfolio.positions[instrument_id]
            if position.quantity:
                wishes = self._review_one(wishes, position, now_ns, finished_bar=finished_bar)
            elif self._waiting:
                self._waiting.pop(instrument_id, None)
        return wishes

    def take_note(self, bars: Iterable[Bar]) -> None:
        """Let the monitor remember bars of the past, at which nothing can be done any more."""
        for bar in bars:
            position = self._portfolio.positions[bar.instrument_id]
            self._monitor.on_mark(position, bar.close, bar.ts_event)

    def consent(self, wishes: Iterable[StrategyCommand], now_ns: int) -> Iterable[StrategyCommand]:
        """Return what the policies leave of *wishes* that came without a new mark."""
        wishes = tuple(wishes)
        leaving = dict.fromkeys(  # each once, in the order of the wishes
            wish.instrument_id
            for wish in wishes
            if isinstance(wish, OrderIntent)
            and is_against(wish, self._portfolio.quantity(wish.instrument_id))
        )
        return self.review(wishes, leaving, now_ns, finished_bar=False)

    def after_report(self, wishes: Iterable[StrategyCommand]) -> Iterable[StrategyCommand]:
        """Return *wishes*, and the exits for which an order that has ended has made way."""
        if not self._waiting:
            return wishes
        ready: list[StrategyCommand] = []
        for instrument_id, reason in tuple(self._waiting.items()):
            if not self._way_out.in_the_way(instrument_id):
                del self._waiting[instrument_id]
                ready += self._way_out.closing(instrument_id, reason)
        return [*wishes, *ready]

    def _review_one(
        self,
        wishes: Iterable[StrategyCommand],
        position: Position,
        now_ns: int,
        *,
        finished_bar: bool,
    ) -> Iterable[StrategyCommand]:
        instrument_id, held = position.instrument.id, position.quantity
        mark = self._portfolio.mark(instrument_id)
        if mark is None:
            return wishes
        outcome = self._monitor.on_mark(position, mark, now_ns, finished_bar=finished_bar)
        if outcome is None or outcome.verdict is ExitVerdict.CONSENT:
            return wishes
        if outcome.verdict is ExitVerdict.HOLD:
            return [
                wish
                for wish in wishes
                if not (_is_order(wish, instrument_id) and is_against(wish, held))
            ]
        return self._leave(tuple(wishes), instrument_id, held, outcome.reason)

    def _leave(
        self,
        wishes: Sequence[StrategyCommand],
        instrument_id: InstrumentId,
        held: Quantity,
        reason: str,
    ) -> list[StrategyCommand]:
        self._waiting.pop(instrument_id, None)
        if self._way_out.in_the_way(instrument_id):
            self._waiting[instrument_id] = reason
        orders = [wish for wish in wishes if _is_order(wish, instrument_id)]
        # The strategy's own cancels come first: they must not take back the order that closes.
        others = [wish for wish in wishes if not _is_order(wish, instrument_id)]
        return [*others, *self._way_out.of(instrument_id, reason), *_beyond(orders, held)]


def _is_order(wish: StrategyCommand, instrument_id: InstrumentId) -> TypeGuard[OrderIntent]:
    return isinstance(wish, OrderIntent) and wish.instrument_id == instrument_id


def _beyond(orders: Iterable[OrderIntent], held: Quantity) -> Iterator[OrderIntent]:
    """Yield what of a strategy's orders goes beyond a close: the new side of a reversal."""
    left = held.copy_abs()
    for order in orders:
        quantity = order.quantity
        if not is_against(order, held):
            continue  # more of what is being left
        if left > 0 and quantity is not None and quantity > left and not order.reduce_only:
            yield evolve(order, quantity=sub(quantity, left))
            left = ZERO
        elif left > 0:  # an order in money is taken for the exit where none came before it
            left = ZERO if quantity is None else sub(left, quantity)
        elif not order.reduce_only:
            yield order
