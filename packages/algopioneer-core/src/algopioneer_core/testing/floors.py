"""A floor on the bench: strategies and their gate, with a log, a pump and ears, and no session."""

from collections.abc import Callable
from typing import Any

from algopioneer_core.domain.orders import Order
from algopioneer_core.engine.order_ids import order_ids
from algopioneer_core.engine.order_manager import PastOrder
from algopioneer_core.engine.risk import RiskGate
from algopioneer_core.engine.risk_limits import RiskLimits
from algopioneer_core.journal.entries import Entry, EntryKind, StoredEntry
from algopioneer_core.runtime.floor import Floor
from algopioneer_core.runtime.journalled_orders import order_as_journalled
from algopioneer_core.runtime.runner import StrategyRunner
from algopioneer_core.telemetry.events import LogEvent
from algopioneer_core.testing.domain import BITCOIN
from algopioneer_core.testing.engine import make_bar
from algopioneer_core.testing.sessions import strategy_plan

__all__ = ["FloorStage", "KeptOrders"]


class KeptOrders:
    """The pump of a venue that keeps what it is given."""

    def __init__(self) -> None:
        self.submitted: list[Order] = []
        self.cancelled: list[str] = []
        self.changes = 0

    def submit(self, order: Order, sequence: int) -> None:
        """Keep an order, whose intent was written."""
        assert sequence
        self.submitted.append(order)

    def cancel(self, order: Order, sequence: int) -> None:
        """Keep a cancel, which was written."""
        assert sequence
        self.cancelled.append(order.client_order_id)

    def changed(self) -> None:
        """Count it."""
        self.changes += 1


class FloorStage:
    """A floor of strategies that trade bitcoin at the venue `sim`."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        """What was written to the journal."""
        self.told: list[str] = []
        """What people were told."""
        self.lines: list[tuple[LogEvent, dict[str, object]]] = []
        """What was said in the log without being journalled."""
        self.pump = KeptOrders()
        self.floor = Floor(
            self,
            RiskGate(RiskLimits(), numeraire="USD"),
            find_order=self._find,
            make_ids=lambda name, first: order_ids("test", "test", name, start=first),
            jitter=lambda *_: 0.5,
            alarm=self._tell,
            say=self._say,
        )
        self.floor.pumps["sim"] = self.pump

    def _tell(
        self, ts_ns: int, subject: str, text: str = "", *, strategy: str = "", urgent: bool = False
    ) -> None:
        del ts_ns, text, strategy, urgent
        self.told.append(subject)

    def _say(self, event: LogEvent, /, **fields: object) -> None:
        self.lines.append((event, fields))

    def append(self, entry: Entry) -> int:
        """Write an entry; return its sequence."""
        self.entries.append(entry)
        return len(self.entries)

    def _find(self, key: str) -> tuple[str, PastOrder] | None:
        stored = [
            StoredEntry(number, each, "")
            for number, each in enumerate(self.entries, 1)
            if each.key == key
        ]
        return order_as_journalled(stored)

    def add(self, name: str, make: Callable[[], Any], **terms: Any) -> StrategyRunner:
        """Give a strategy its place; it is not started."""
        return self.floor.add(strategy_plan(name, make, BITCOIN, **terms))

    def start(self, name: str, make: Callable[[], Any], **terms: Any) -> StrategyRunner:
        """Give a strategy its place and start it."""
        runner = self.add(name, make, **terms)
        self.floor.supervision.start(runner, 0)
        return runner

    def bar(self, ts_ns: int, price: str = "100") -> None:
        """Let everybody handle a bar."""
        self.floor.router.publish(make_bar(price, ts_ns, instrument_id=BITCOIN.id))
        for runner in tuple(self.floor.runners.values()):
            self.floor.process(runner)

    def order(self, name: str) -> Order:
        """Return the strategy's only order, as it is known now."""
        [key] = [
            each.key
            for each in self.entries
            if each.kind is EntryKind.INTENT and each.strategy == name
        ]
        return self.floor.current(key)

    def events(self, kind: type[Any]) -> list[Any]:
        """Return the events of a kind that were journalled."""
        return [each.body for each in self.entries if isinstance(each.body, kind)]
