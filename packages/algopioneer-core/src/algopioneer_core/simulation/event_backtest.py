"""
The event engine's backtest: every bar goes through `TradingEngine.handle`, as it would live.

At each bar, in this order: fills of waiting orders, the strategy's view of the bar, its new
orders, its timers. On the last bar nothing new is ordered, what waits is cancelled, and what is
open is closed at the last price.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import islice

from algopioneer_core.domain.commands import Cancel, Command, SetTimer, Submit
from algopioneer_core.domain.errors import DataError
from algopioneer_core.domain.events import (
    ExecutionReport,
    OrderFilled,
    OrderRejected,
    TimerFired,
)
from algopioneer_core.domain.fills import Fill
from algopioneer_core.domain.instruments import Instrument
from algopioneer_core.domain.market_data import Bar
from algopioneer_core.domain.money import ZERO, Money, add, sub
from algopioneer_core.engine.engine import TradingEngine
from algopioneer_core.history.columns import BarColumns, BarSource
from algopioneer_core.simulation.carry import NEVER_NS, CarryDesk
from algopioneer_core.simulation.carry_totals import CarryReceived
from algopioneer_core.simulation.matching import BarMatcher
from algopioneer_core.simulation.tape import EquityTape

__all__ = ["EventBacktest"]


class EventBacktest:
    """
    One run of one strategy over one instrument.

    Args:
        engine: Already holds the strategy, its portfolio and its orders.
        instrument: What is traded.
        matcher: Fills the orders.
        tape: Takes the holdings at each fill.
        carry: Says what is paid for holding, and when.
    """

    def __init__(
        self,
        engine: TradingEngine,
        instrument: Instrument,
        matcher: BarMatcher,
        tape: EquityTape,
        carry: CarryDesk,
    ) -> None:
        self._engine = engine
        self._portfolio = engine.portfolio
        self._instrument = instrument
        self._is_paid_for = instrument.delivers_base
        self._matcher = matcher
        self._tape = tape
        self._carry = carry
        self._fills: list[Fill] = []  # of the latest bar that had any
        self._index = 0  # of the bar being handled, over the whole run
        self._held = self._holding()
        self._may_be_ruined = False
        self._timers: dict[str, int] = {}
        self._is_alert = False  # whether a timer or possible ruin wants a look at every bar
        self.ruined = False
        """Whether equity fell to zero; known after `run`."""
        self.rejections: dict[str, int] = {}
        """Orders the market refused, by reason."""
        self.bars = 0
        """Bars of the chunks before this one; after `run`, the bars that were used."""
        self.last_ns = 0
        """Close time of the last bar handled, UTC nanoseconds."""

    @property
    def carried(self) -> CarryReceived:
        """What funding, borrowing and dividends brought so far."""
        return self._carry.received

    @property
    def final_capital(self) -> Money:
        """Cash now; after `run` everything is liquidated."""
        return self._portfolio.cash

    def run(self, source: BarSource) -> None:
        """
        Trade all bars of *source*, or up to the bar that ruins the account.

        Raises:
            DataError: The source streams another number of bars than it counted.
        """
        remaining = source.count
        for chunk in source.chunks():
            remaining -= len(chunk)
            if remaining < 0:
                break
            self._tape.begin(*self._held)
            used = self._chunk(chunk, is_last=not remaining)
            self._tape.end(chunk if used == len(chunk) else chunk.slice(0, used))
            if self.ruined:
                return
        if remaining:
            raise DataError(
                f"the bars changed while they were read: there were {source.count}",
                where=source.instrument_id,
                remedy="run again when nothing writes to the data",
            )

    def _chunk(self, chunk: BarColumns, *, is_last: bool) -> int:
        """Trade one chunk; return how many of its bars were used."""
        handle, resting, length = self._engine.handle, self._matcher.resting, len(chunk)
        carry, pays = self._carry, self._carry.next_ns < NEVER_NS
        decided = length - 1 if is_last else length
        bars = chunk.bars()
        for position, bar in enumerate(islice(bars, decided)):
            if resting:
                self._match(bar, position)
            if pays and bar.ts_event >= carry.next_ns:
                self._pay_carry(bar, position)
            commands = handle(bar)
            if commands:
                self._index = self.bars + position
                self._obey(commands)
            if self._is_alert and self._is_over(bar, position):
                return self._count(chunk, position + 1)
        if is_last:
            self._last(next(bars), decided)
        return self._count(chunk, length)

    def _is_over(self, bar: Bar, position: int) -> bool:
        """Fire the timers that are due and, where nothing is left of the account, end the run."""
        if self._timers:
            self._fire_timers(bar.ts_event, self.bars + position)
        self.ruined = self._may_be_ruined and self._is_ruined(bar)
        if self.ruined:
            self._finish(bar, position, "ruined")
        self._is_alert = self._may_be_ruined or bool(self._timers)
        return self.ruined

    def _last(self, bar: Bar, position: int) -> None:
        """Fill what waits for the last bar, and close what is open: it decides nothing."""
        if self._matcher.resting:
            self._match(bar, position)
        if bar.ts_event >= self._carry.next_ns:
            self._pay_carry(bar, position)
        self.ruined = self._may_be_ruined and self._is_ruined(bar)
        self._finish(bar, position, "ruined" if self.ruined else "end_of_data")

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
        self._note_holding(position)

    # --- orders and timers -------------------------------------------------------------------

    def _match(self, bar: Bar, position: int) -> None:
        self._index = self.bars + position
        self._fills.clear()
        if self._report(self._matcher.on_bar(bar, self._index)):
            self._note_holding(position)

    def _pay_carry(self, bar: Bar, position: int) -> None:
        """Book the payments that are due, on what was held at the time of each."""
        self._index = self.bars + position
        for payment in self._carry.due((bar,), bar.ts_event, self._fills):
            self._obey(self._engine.handle(payment))
        self._note_holding(position)

    def _report(self, reports: Iterable[ExecutionReport]) -> bool:
        """Tell the engine what became of its orders; return whether there was anything to tell."""
        told = False
        for report in reports:
            told = True
            if type(report) is OrderFilled:
                self._fills.append(report.fill)
            elif type(report) is OrderRejected:
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
            elif type(command) is SetTimer:
                self._timers[command.name] = command.at_ns
                self._is_alert = True

    def _fire_timers(self, now_ns: int, index: int) -> None:
        """Deliver the timers that are due at the close of a bar, the earliest first."""
        self._index = index
        due = sorted((at_ns, name) for name, at_ns in self._timers.items() if at_ns <= now_ns)
        for _, name in due:
            del self._timers[name]
        for _, name in due:
            self._obey(self._engine.handle(TimerFired(name, now_ns)))

    # --- holdings ----------------------------------------------------------------------------

    def _holding(self) -> tuple[Money, Decimal]:
        """
        Return cash and quantity such that equity = cash + quantity * multiplier * price, or for an
        inverse contract cash - quantity * multiplier / price.
        """
        position = self._portfolio.positions[self._instrument.id]
        cash = self._portfolio.cash
        if self._instrument.inverse:
            cash = add(cash, position.cost)
        elif not self._instrument.delivers_base:  # a contract was not paid for: its cost was not
            cash = sub(cash, position.cost)
        return cash, position.quantity

    def _note_holding(self, position: int) -> None:
        if self._is_paid_for:
            cash, quantity = self._portfolio.cash, self._portfolio.quantity(self._instrument.id)
        else:
            cash, quantity = self._holding()
        self._held = cash, quantity
        self._tape.hold(position, cash, quantity)
        # A long position that was paid for cannot lose more than it cost, so nobody need look.
        risky = bool(quantity) if self._instrument.inverse else quantity < ZERO
        self._may_be_ruined = risky or cash <= ZERO
        self._is_alert = self._may_be_ruined or bool(self._timers)

    def _is_ruined(self, bar: Bar) -> bool:
        """Return whether nothing is left at the bar's close, exactly."""
        cash, quantity = self._held
        value = self._instrument.value(quantity, bar.close)
        return (sub(cash, value) if self._instrument.inverse else add(cash, value)) <= 0
