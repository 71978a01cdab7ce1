"""
The event engine's backtest: every bar goes through `TradingEngine.handle`, as it would live.

At each bar, in this order: fills of waiting orders, the strategy's view of the bar, its new
orders. On the last bar nothing new is ordered, what waits is cancelled, and what is open is
closed at the last price.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final

from algopioneer_core.domain.commands import Cancel, Command, Submit
from algopioneer_core.domain.events import ExecutionReport, OrderRejected
from algopioneer_core.domain.instruments import Instrument
from algopioneer_core.domain.market_data import Bar
from algopioneer_core.domain.money import Money, floor_units, from_scaled, mul, neg, sub
from algopioneer_core.engine.engine import TradingEngine
from algopioneer_core.history.columns import BarColumns, BarSource
from algopioneer_core.simulation.matching import BarMatcher
from algopioneer_core.simulation.tape import EquityTape

__all__ = ["EventBacktest"]

_NEVER: Final = 1 << 80


class EventBacktest:
    """
    One run of one strategy over one instrument.

    Args:
        engine: Already holds the strategy, its portfolio and its orders.
        instrument: What is traded.
        matcher: Fills the orders.
        tape: Takes the holdings at each fill.
    """

    def __init__(
        self,
        engine: TradingEngine,
        instrument: Instrument,
        matcher: BarMatcher,
        tape: EquityTape,
    ) -> None:
        self._engine = engine
        self._portfolio = engine.portfolio
        self._instrument = instrument
        self._matcher = matcher
        self._tape = tape
        self._index = 0  # of the bar being handled, over the whole run
        self._ruin_above = _NEVER
        self._ruin_below = -1
        self.ruined = False
        """Whether equity fell to zero; known after `run`."""
        self.rejections: dict[str, int] = {}
        """Orders the market refused, by reason."""
        self.bars = 0
        """Bars handled; known after `run`."""
        self.last_ns = 0
        """Close time of the last bar handled, UTC nanoseconds."""

    @property
    def final_capital(self) -> Money:
        """Cash now; after `run` everything is liquidated."""
        return self._portfolio.cash

    def run(self, source: BarSource) -> None:
        """Trade all bars of *source*, or up to the bar that ruins the account."""
        remaining = source.count
        for chunk in source.chunks():
            remaining -= len(chunk)
            self._tape.begin(*self._holding())
            used = self._chunk(chunk, is_last=not remaining)
            self._tape.end(chunk if used == len(chunk) else chunk.slice(0, used))
            if self.ruined:
                break

    def _chunk(self, chunk: BarColumns, *, is_last: bool) -> int:
        """Trade one chunk; return how many of its bars were used."""
        handle, matcher = self._engine.handle, self._matcher
        first, last = self._index, len(chunk) - 1 if is_last else -1
        for position, bar in enumerate(chunk.bars()):
            if matcher.resting:
                self._index = first + position
                if self._report(matcher.on_bar(bar, self._index)):
                    self._holdings_changed(position, bar)
            if position != last:
                commands = handle(bar)
                if commands:
                    self._index = first + position
                    self._obey(commands)
            if bar.close_ticks >= self._ruin_above or bar.close_ticks <= self._ruin_below:
                self.ruined = True
                break
            if position == last:
                break
        else:
            self._index = first + len(chunk)
            return self._count(chunk, len(chunk))
        self._finish(bar, position, "ruined" if self.ruined else "end_of_data")
        return self._count(chunk, position + 1)

    def _count(self, chunk: BarColumns, used: int) -> int:
        self.bars += used
        self.last_ns = int(chunk.ts_ns[used - 1])
        return used

    def _finish(self, bar: Bar, position: int, reason: str) -> None:
        self._portfolio.mark_bar(bar)
        self._report(self._matcher.cancel_all(bar.ts_event, "no later bar"))
        for command in self._engine.close_positions(reason):
            if isinstance(command, Submit):
                fill = self._matcher.fill_now(command.order, bar.close, bar.ts_event)
                self._report([fill])
        self._tape.hold(position, *self._holding())

    def _report(self, reports: Iterable[ExecutionReport]) -> bool:
        """Tell the engine what became of its orders; return whether there was anything to tell."""
        told = False
        for report in reports:
            told = True
            if type(report) is OrderRejected:
                self.rejections[report.message] = self.rejections.get(report.message, 0) + 1
            commands = self._engine.handle(report)
            if commands:
                self._obey(commands)
        return told

    def _obey(self, commands: Sequence[Command]) -> None:
        for command in commands:
            if type(command) is Submit:
                self._matcher.submit(command.order, self._index)
            elif type(command) is Cancel:
                now_ns = self._engine.now_ns
                self._report(self._matcher.cancel(command.client_order_id, now_ns))

    # --- holdings ----------------------------------------------------------------------------

    def _holding(self) -> tuple[Money, Decimal]:
        """Return cash and quantity such that equity = cash + quantity * multiplier * price."""
        position = self._portfolio.positions[self._instrument.id]
        cash = self._portfolio.cash
        if not self._instrument.delivers_base:  # a contract was not paid for: its cost was not
            cash = sub(cash, position.cost)
        return cash, position.quantity

    def _holdings_changed(self, position: int, bar: Bar) -> None:
        cash, quantity = self._holding()
        self._tape.hold(position, cash, quantity)
        self._ruin_above, self._ruin_below = _NEVER, -1
        if quantity < 0:
            self._ruin_above = -floor_units(neg(cash), self._tick_value(quantity, bar))
        elif cash < 0:
            self._ruin_below = floor_units(neg(cash), self._tick_value(quantity, bar))

    def _tick_value(self, quantity: Decimal, bar: Bar) -> Money:
        """Return what one tick of the bar's grid is worth for *quantity*, unsigned."""
        size = mul(quantity.copy_abs(), self._instrument.multiplier)
        return mul(size, from_scaled(1, bar.price_decimals))
