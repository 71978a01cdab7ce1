"""
The gate: the one way into the engines, and the one way out.

Every event that is handled passes here, one after the other, and what it leads to is written down
before it leaves: the event, what the strategy wished and risk said, the orders that will be sent,
the trades that ended. Nothing here waits; the journal queues, and whoever sends an order waits
until its intent is durable.

Market data that led to nothing is not written, unless the session records its inputs.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Protocol

from algopioneer_core.domain.commands import Cancel, Command, Halt, SetTimer, Submit
from algopioneer_core.domain.events import Event, StrategyCrashed
from algopioneer_core.domain.market_data import Bar, JointBar, Quote, Trade
from algopioneer_core.domain.orders import Order
from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.journal.entries import Entry, EntryKind
from algopioneer_core.runtime.journalled_orders import order_of
from algopioneer_core.runtime.runner import StrategyRunner

__all__ = ["WARM_UP", "Gate", "Log", "Pump", "Sender"]

WARM_UP: Final = "warm-up"
"""The key of recorded events that a strategy was shown without orders."""

_MARKET_DATA: Final = frozenset((Bar, JointBar, Quote, Trade))


class Log(Protocol):
    """What the gate writes to: the journal."""

    def append(self, entry: Entry) -> int:
        """Queue an entry and return its sequence."""


class Sender(Protocol):
    """Where commands go: the execution pumps."""

    def submit(self, order: Order, sequence: int) -> None:
        """Send *order* once the entry *sequence* is durable."""

    def cancel(self, order: Order, sequence: int) -> None:
        """Ask for the end of *order* once the entry *sequence* is durable."""


class Pump(Sender, Protocol):
    """The execution pump of one venue."""

    def changed(self) -> None:
        """Look again at what waits: an order of ours has changed."""


class Gate:
    """
    Lets events in and commands out.

    Args:
        log: Takes down what happens.
        sender: Gets what is to be done.
        record_inputs: Whether market data is written even where it leads to nothing.
        on_trade: Called with each finished trade: its key, its strategy, the trade.
        on_alert: Called when a strategy, or a rule of its engine, halts: strategy and reason.
        on_crash: Called with a runner whose strategy has just crashed.
    """

    def __init__(
        self,
        log: Log,
        sender: Sender,
        *,
        record_inputs: bool = False,
        on_trade: Callable[[str, str, RoundTrip], None] = lambda *_: None,
        on_alert: Callable[[str, str], None] = lambda *_: None,
        on_crash: Callable[[StrategyRunner], None] = lambda _: None,
    ) -> None:
        self._log = log
        self._sender = sender
        self._record_inputs = record_inputs
        self._on_trade = on_trade
        self._on_alert = on_alert
        self._on_crash = on_crash
        self.handled = 0
        """Number of events handled, over all strategies."""

    def deliver(self, runner: StrategyRunner, event: Event) -> None:
        """
        Let *runner*'s engine handle *event* and pass on what it commands.

        Raises:
            UnknownOrder, IllegalTransition: A report contradicts what is known of our orders.
            JournalFailed: The journal takes no more.
        """
        self.handled += 1
        sequence = None
        is_market_data = type(event) in _MARKET_DATA
        if not is_market_data or self._record_inputs:
            sequence = self._write(
                EntryKind.EVENT, runner, event.ts_event, order_of(event), body=event
            )
        runner.guard.forget()
        commands = runner.engine.handle(event)
        runner.seen(event)
        if commands or runner.guard.wishes or runner.denied or runner.finished:
            self._pass_on(runner, event, commands, sequence)
        if runner.guard.crash is not None:
            self._note_crash(runner, event.ts_event, sequence)

    def warm_up(self, runner: StrategyRunner, events: Iterable[Event]) -> bool:
        """Show *runner* what it missed, without orders; return whether it runs on."""
        shown = list(events)
        if self._record_inputs:
            for event in shown:
                self._write(EntryKind.EVENT, runner, event.ts_event, WARM_UP, body=event)
        return runner.warm_up(shown)

    def command(
        self, runner: StrategyRunner, commands: Sequence[Command], ts_ns: int, cause: int | None
    ) -> None:
        """Pass on *commands* that did not come from an event: a flattening, asked for by hand."""
        for command in commands:
            self._send(runner, command, ts_ns, cause)
        self._note_results(runner, ts_ns, cause)

    # --- writing down ------------------------------------------------------------------------

    def _pass_on(
        self, runner: StrategyRunner, event: Event, commands: Sequence[Command], cause: int | None
    ) -> None:
        ts_ns = event.ts_event
        approved = [_approval(each) for each in commands if isinstance(each, Submit)]
        denied = [_denial(order, verdict) for order, verdict in runner.denied]
        body: dict[str, object] = {
            "event": event,
            "wishes": list(runner.guard.wishes),
            "risk": [*approved, *denied],
        }
        if runner.refused:
            body["refused"] = list(runner.refused)
            runner.refused.clear()
        decision = self._write(EntryKind.DECISION, runner, ts_ns, cause=cause, body=body)
        for command in commands:
            self._send(runner, command, ts_ns, decision)
        self._note_results(runner, ts_ns, decision)

    def _send(
        self, runner: StrategyRunner, command: Command, ts_ns: int, cause: int | None
    ) -> None:
        if isinstance(command, Submit):
            order = command.order
            key = order.client_order_id
            intent = self._write(EntryKind.INTENT, runner, ts_ns, key, cause, order)
            self._sender.submit(order, intent)
        elif isinstance(command, Cancel):
            key = command.client_order_id
            sequence = self._write(EntryKind.CANCEL, runner, ts_ns, key, cause, command)
            self._sender.cancel(runner.engine.orders.get(key), sequence)
        elif isinstance(command, SetTimer):
            runner.timers[command.name] = command.at_ns
        else:
            assert isinstance(command, Halt)
            self._on_alert(runner.name, command.reason)

    def _note_results(self, runner: StrategyRunner, ts_ns: int, cause: int | None) -> None:
        denied, runner.denied = runner.denied, []
        for order, verdict in denied:
            body = _denial(order, verdict) | {"order": order}
            key = order.client_order_id
            self._write(EntryKind.DENIED, runner, ts_ns, key, cause, body)
        finished, runner.finished = runner.finished, []
        for key, trip in finished:
            self._write(EntryKind.TRADE, runner, ts_ns, key, cause, trip)
            self._on_trade(key, runner.name, trip)

    def _note_crash(self, runner: StrategyRunner, ts_ns: int, cause: int | None) -> None:
        crash = runner.guard.crash
        assert crash is not None
        event = StrategyCrashed(runner.name, ts_ns, f"{crash.error} (during {crash.during})")
        self._write(EntryKind.EVENT, runner, ts_ns, cause=cause, body=event)
        self._on_crash(runner)

    def _write(
        self,
        kind: EntryKind,
        runner: StrategyRunner,
        ts_ns: int,
        key: str = "",
        cause: int | None = None,
        body: Any = None,
    ) -> int:
        return self._log.append(Entry(kind, ts_ns, runner.name, key, cause, body))


def _approval(command: Submit) -> dict[str, object]:
    return {"order": command.order.client_order_id, "verdict": "approved"}


def _denial(order: Order, denied: Any) -> dict[str, object]:
    return {
        "order": order.client_order_id,
        "verdict": "denied",
        "limit": denied.limit.value,
        "reason": denied.reason,
    }
