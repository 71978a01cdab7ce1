"""
The event engine's backtest of two legs: every joint bar goes through `TradingEngine.handle`.

At each joint bar, in this order: fills of waiting orders (of both legs, in the configured order),
the strategy's view of the bar, its new orders, the timers that are due. What a fill makes the
engine order is carried out once all fills of the bar are known, because they happen at once. On
the last bar nothing new is ordered, what waits is cancelled, and what is open is closed.
"""

from collections.abc import Iterable, Sequence
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
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import JointBar
from algopioneer_core.domain.money import Money
from algopioneer_core.engine.engine import TradingEngine
from algopioneer_core.history.joined import JoinedSource, JointColumns
from algopioneer_core.simulation.carry import NEVER_NS, CarryDesk
from algopioneer_core.simulation.carry_totals import CarryReceived
from algopioneer_core.simulation.matching import BarMatcher
from algopioneer_core.simulation.spread_readings import ReadingLog
from algopioneer_core.simulation.spread_ruin import RuinWatch
from algopioneer_core.simulation.spread_tape import SpreadTape
from algopioneer_core.simulation.valuation import Valuation

__all__ = ["SpreadEventBacktest"]


class SpreadEventBacktest:
    """
    One run of one strategy of two legs.

    Args:
        engine: Already holds the strategy, its legs, its portfolio and its orders.
        valuation: How the legs make equity.
        matchers: Fills the orders of each instrument, in the configured order.
        tape: Takes the holdings at each fill.
        carry: Says what is paid for holding, and when.
        readings: Notes what the strategy saw at each bar; None when nobody wants to know.
    """

    def __init__(
        self,
        engine: TradingEngine,
        valuation: Valuation,
        matchers: dict[InstrumentId, BarMatcher],
        tape: SpreadTape,
        carry: CarryDesk,
        readings: ReadingLog | None = None,
    ) -> None:
        self._engine = engine
        self._portfolio = engine.portfolio
        self._valuation = valuation
        self._matchers = matchers
        self._venues = tuple(matchers.values())
        self._tape = tape
        self._carry = carry
        self._fills: list[Fill] = []  # of the latest bar that had any
        self._readings = readings
        self._index = 0  # of the bar being handled, over the whole run
        self._held = valuation.holding(self._portfolio)
        self._ruin = RuinWatch(valuation, engine.portfolio.mark)
        self._is_waiting = False  # whether some order is
        self._call_ns = 0  # from when on an order or a payment comes before a bar
        self._timers: dict[str, int] = {}
        self._due_ns = NEVER_NS  # when the next timer is due
        self._look_ns = NEVER_NS  # from when on a timer or possible ruin wants a look
        self.ruined = False
        """Whether equity fell to zero; known after `run`."""
        self.rejections: dict[str, int] = {}
        """Orders the market refused, by reason."""
        self.bars = 0
        """Joint bars of the chunks before this one; after `run`, those that were used."""
        self.last_ns = 0
        """Close time of the last joint bar handled, UTC nanoseconds."""

    @property
    def carried(self) -> CarryReceived:
        """What funding, borrowing and dividends brought so far."""
        return self._carry.received

    @property
    def final_capital(self) -> Money:
        """Equity now; after `run` everything is liquidated, and coins count at their mark."""
        return self._portfolio.equity

    def run(self, source: JoinedSource) -> None:
        """
        Trade all joint bars of *source*, or up to the one that ruins the account.

        Raises:
            DataError: The source streams another number of bars than it counted.
        """
        remaining = source.count
        for chunk in source.chunks():
            remaining -= len(chunk)
            if remaining < 0:
                break
            self._tape.begin(self._held)
            used = self._chunk(chunk, is_last=not remaining)
            self._tape.end(chunk if used == len(chunk) else chunk.slice(0, used))
            if self._readings is not None:
                self._readings.flush(chunk.ts_ns)
            if self.ruined:
                return
        if remaining:
            raise DataError(
                f"the bars changed while they were read: there were {source.count}",
                where=" / ".join(source.instrument_ids),
                remedy="run again when nothing writes to the data",
            )

    def _chunk(self, chunk: JointColumns, *, is_last: bool) -> int:
        """Trade one chunk; return how many of its bars were used."""
        handle, readings, length = self._engine.handle, self._readings, len(chunk)
        decided = length - 1 if is_last else length
        joints = chunk.joints()
        self._ruin.begin(chunk, self._held)
        self._set_look()
        self._set_call()
        for position, joint in enumerate(islice(joints, decided)):
            now_ns = joint.ts_event
            if now_ns >= self._call_ns:
                self._before(joint, position)
            commands = handle(joint)
            if commands:
                self._index = self.bars + position
                self._obey(commands)
            if readings is not None:
                readings.take()
            if now_ns >= self._look_ns and self._is_over(joint, position):
                return self._count(chunk, position + 1)
        if is_last:
            self._last(next(joints), decided)
        return self._count(chunk, length)

    def _before(self, joint: JointBar, position: int) -> None:
        """Do what precedes the strategy's view of a bar: fill what waits, pay what is due."""
        if self._is_waiting:
            self._match(joint, position)
        if joint.ts_event >= self._carry.next_ns:
            self._pay_carry(joint, position)
        self._set_call()

    def _is_over(self, joint: JointBar, position: int) -> bool:
        """Fire the timers that are due and, where nothing is left of the account, end the run."""
        if joint.ts_event >= self._due_ns:
            self._fire_timers(joint.ts_event, self.bars + position)
        self.ruined = self._ruin.has_come(joint)
        if self.ruined:
            self._finish(joint, position, "ruined")
        return self.ruined

    def _last(self, joint: JointBar, position: int) -> None:
        """Fill what waits for the last bar, and close what is open: it decides nothing."""
        self._before(joint, position)
        self.ruined = self._ruin.has_come(joint)
        self._finish(joint, position, "ruined" if self.ruined else "end_of_data")

    def _count(self, chunk: JointColumns, used: int) -> int:
        self.bars += used
        self.last_ns = int(chunk.ts_ns[used - 1])
        return used

    def _finish(self, joint: JointBar, position: int, reason: str) -> None:
        """Cancel what waits, as often as that brings new orders, and close what is open."""
        for bar in joint.bars:
            self._portfolio.mark_bar(bar)
        self._withdraw(joint.ts_event)
        for command in self._engine.close_positions(reason):
            if isinstance(command, Submit):
                instrument_id = command.order.intent.instrument_id
                fill_now = self._matchers[instrument_id].fill_now
                mark = self._portfolio.mark(instrument_id)
                assert mark is not None  # it is held, so it had a bar
                fill = fill_now(command.order, mark, joint.ts_event)
                self._obey(self._reports([fill]))
        self._withdraw(joint.ts_event)
        self._note_holding(position)

    def _withdraw(self, now_ns: int) -> None:
        while any(venue.resting for venue in self._venues):
            for venue in self._venues:
                self._obey(self._reports(venue.cancel_all(now_ns, "no later bar")))

    # --- orders and timers -------------------------------------------------------------------

    def _match(self, joint: JointBar, position: int) -> None:
        self._index = self.bars + position
        self._fills.clear()
        commands: list[Command] = []
        for bar in joint.bars:
            venue = self._matchers[bar.instrument_id]
            if venue.resting:
                commands += self._reports(venue.on_bar(bar, self._index))
        if commands:
            self._obey(commands)
        self._is_waiting = any(venue.resting for venue in self._venues)
        self._note_holding(position)

    def _pay_carry(self, joint: JointBar, position: int) -> None:
        """Book the payments that are due, on what was held at the time of each."""
        self._index = self.bars + position
        for payment in self._carry.due(joint.bars, joint.ts_event, self._fills):
            self._obey(self._engine.handle(payment))
        self._note_holding(position)

    def _reports(self, reports: Iterable[ExecutionReport]) -> list[Command]:
        """Tell the engine what became of its orders; return what it wants done."""
        commands: list[Command] = []
        for report in reports:
            if type(report) is OrderFilled:
                self._fills.append(report.fill)
            elif type(report) is OrderRejected:
                self.rejections[report.message] = self.rejections.get(report.message, 0) + 1
            commands += self._engine.handle(report)
        return commands

    def _obey(self, commands: Sequence[Command]) -> None:
        for command in commands:
            if type(command) is Submit:
                order = command.order
                self._matchers[order.intent.instrument_id].submit(order, self._index)
                self._is_waiting, self._call_ns = True, 0
            elif type(command) is Cancel:
                self._cancel(command.client_order_id)
            elif type(command) is SetTimer:
                self._timers[command.name] = command.at_ns
                self._set_due()

    def _cancel(self, client_order_id: str) -> None:
        for venue in self._venues:
            reports = venue.cancel(client_order_id, self._engine.now_ns)
            if reports:
                self._obey(self._reports(reports))

    def _fire_timers(self, now_ns: int, index: int) -> None:
        """Deliver the timers that are due at the close of a bar, the earliest first."""
        self._index = index
        due = sorted((at_ns, name) for name, at_ns in self._timers.items() if at_ns <= now_ns)
        for _, name in due:
            del self._timers[name]
        for _, name in due:
            self._obey(self._engine.handle(TimerFired(name, now_ns)))
        self._set_due()

    def _set_due(self) -> None:
        self._due_ns = min(self._timers.values(), default=NEVER_NS)
        self._set_look()

    def _set_look(self) -> None:
        self._look_ns = 0 if self._ruin.is_possible else self._due_ns

    def _set_call(self) -> None:
        self._call_ns = 0 if self._is_waiting else self._carry.next_ns

    # --- holdings ----------------------------------------------------------------------------

    def _note_holding(self, position: int) -> None:
        self._held = held = self._valuation.holding(self._portfolio)
        self._tape.hold(position, held)
        self._ruin.hold(held)
        self._set_look()
