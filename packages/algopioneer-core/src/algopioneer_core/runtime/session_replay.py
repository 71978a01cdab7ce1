"""
A recorded session once more, without a venue: the same inputs through the same code.

The journal of a session that records its inputs has every event as its engines were handed it, and
behind each one what came of it. A replay hands the events to fresh engines, in that order, and
compares what they derive with what is written, byte for byte: decisions, orders, cancels, refusals,
trades. What was begun from outside (a start, a halt, a flattening, the cancels of a stop) is begun
again where the journal has it. Time, ids and chance are those of the journal.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NoReturn

from attrs import define, field, frozen

from algopioneer_core.domain.commands import Command
from algopioneer_core.domain.errors import OrderError, RefusedError
from algopioneer_core.domain.events import StrategyRestarted, StrategyStarted
from algopioneer_core.domain.orders import Order
from algopioneer_core.engine.order_ids import order_ids
from algopioneer_core.engine.order_manager import PastOrder
from algopioneer_core.journal.codec import encode
from algopioneer_core.journal.entries import Entry, EntryKind, StoredEntry
from algopioneer_core.journal.errors import JournalDiverged
from algopioneer_core.journal.rows import Query, Row, Storage, entry_of
from algopioneer_core.journal.tail import Tail
from algopioneer_core.runtime.floor import Floor
from algopioneer_core.runtime.gate import WARM_UP
from algopioneer_core.runtime.journalled_orders import order_as_journalled
from algopioneer_core.runtime.plan import SessionPlan
from algopioneer_core.runtime.resume import Resume
from algopioneer_core.runtime.runner import StrategyRunner
from algopioneer_core.runtime.stopping import resume_after_stop

__all__ = ["Replayed", "SessionReplay"]

_SKIPPED: Final = frozenset((EntryKind.ALERT,))
_FLATTEN: Final = "flatten"


@frozen(kw_only=True)
class Replayed:
    """What a replay that found no difference came to."""

    inputs: int
    """Events that were handed to engines again."""
    derived: int
    """Rows that came of them and were compared."""
    orders: int
    """Of these, orders that were sent."""
    starts: int
    """How often the session was started."""


class SessionReplay:
    """
    Replays one journal.

    Args:
        plan: The session, as it was configured.
        storage: The journal; it is only read.
        jitter: Numbers in [0, 1) by strategy and attempt: those of the journal's identity.
    """

    def __init__(
        self, plan: SessionPlan, storage: Storage, *, jitter: Callable[[str, int], float]
    ) -> None:
        self._plan = plan
        self._storage = storage
        self._jitter = jitter
        self._floor: Floor | None = None
        self._nonce = ""
        heading = storage.heading()
        self._uuid = "" if heading is None else heading.uuid
        self._log = _Comparison(Tail(storage.rows(Query()), _SKIPPED, where=storage.name))
        self._inputs = self._starts = 0
        self._asked = ""

    def run(self) -> Replayed:
        """
        Replay everything.

        Raises:
            JournalDiverged: Something else was derived; says which entry is the first.
            RefusedError: The session did not record its inputs, or had other strategies.
            JournalCorrupt: An entry cannot be read.
        """
        while (row := self._log.next) is not None:
            self._log.begin(row)
            self._begin(entry_of(row, where=self._storage.name))
            if self._log.next is row:
                self._not_derived(row)
        return Replayed(
            inputs=self._inputs,
            derived=self._log.derived,
            orders=self._log.orders,
            starts=self._starts,
        )

    def _begin(self, stored: StoredEntry) -> None:
        """Let happen what the journal has next: it did not come of anything before it."""
        entry = stored.entry
        if entry.kind is EntryKind.SESSION:
            self._log.append(entry)
            if entry.body.get("what") == "started":
                self._start(entry.body)
        elif entry.kind is EntryKind.CONTROL:
            self._log.append(entry)
            self._asked = entry.body["action"]
        elif entry.kind is EntryKind.EVENT:
            self._inputs += 1
            self._input(self._runner(entry), entry)
        elif entry.kind is EntryKind.CANCEL and entry.cause is not None:
            self._take_back(self._runner(entry), entry)
        elif entry.cause is None:
            self._from_outside(self._runner(entry), entry)

    # --- starts ------------------------------------------------------------------------------

    def _start(self, body: Mapping[str, Any]) -> None:
        if not body.get("record_inputs"):
            raise RefusedError(
                "the session did not record its inputs, so it cannot be replayed",
                where=self._storage.name,
                remedy="set record_inputs = true in [journal] before the session",
            )
        self._starts += 1
        if body["strategies"] != self._plan.fingerprints:
            raise RefusedError(
                "the strategies are not those that the journal was written with",
                where=self._plan.name,
                remedy="replay with the session file as it was",
            )
        if self._floor is None or body["resume"] == Resume.WALLCLOCK.value:
            self._nonce = body["nonce"]
            self._floor = self._made_floor(self._floor)

    def _made_floor(self, before: Floor | None) -> Floor:
        """Return a floor as at a start: from the books of the one before, in a live session."""
        plan = self._plan
        floor = Floor(
            self._log,
            plan.risk_gate(),
            find_order=self._find_order,
            make_ids=lambda name, first: order_ids(self._uuid, self._nonce, name, start=first),
            jitter=self._jitter,
            alarm=_nobody,
            grace_ns=plan.grace_ns,
            record_inputs=True,
        )
        for each in plan.strategies:
            saved = None if before is None else before.runners[each.name].snapshot()
            floor.add(each, saved)
            for instrument_id in each.instrument_ids:
                floor.pumps[instrument_id.venue] = _NoPump()
        if before is not None:
            limits: Any = before.risk.snapshot()
            floor.risk.restore(limits)
            resume_after_stop(floor.risk)
        return floor

    def _find_order(self, client_order_id: str) -> tuple[str, PastOrder] | None:
        known = Query(key=client_order_id, until=self._log.position)
        rows = self._storage.rows(known)
        return order_as_journalled(entry_of(row, where=self._storage.name) for row in rows)

    # --- inputs ------------------------------------------------------------------------------

    def _runner(self, entry: Entry) -> StrategyRunner:
        runner = None if self._floor is None else self._floor.runners.get(entry.strategy)
        if runner is None:
            raise RefusedError(
                f"strategy {entry.strategy!r} of the journal is not in the session",
                where=self._plan.name,
                remedy="replay with the session file as it was",
            )
        return runner

    def _input(self, runner: StrategyRunner, entry: Entry) -> None:
        floor, event = self._floor, entry.body
        assert floor is not None
        floor.now_ns = max(floor.now_ns, entry.ts_ns)
        if entry.key == WARM_UP:
            floor.gate.warm_up(runner, [event])
        elif isinstance(event, StrategyStarted):
            start = floor.supervision.revive if runner.given_up else floor.supervision.start
            start(runner, entry.ts_ns)
        elif isinstance(event, StrategyRestarted):
            floor.supervision.look(runner, entry.ts_ns)
        else:
            try:
                floor.deliver(runner, event)
            except OrderError:
                return  # as it did then: the halt that follows is in the journal

    def _from_outside(self, runner: StrategyRunner, entry: Entry) -> None:
        """Let begin again what no event led to: a flattening, or the cancels of a stop."""
        assert self._floor is not None
        if self._asked == _FLATTEN or isinstance(entry.body, Order):
            reason = entry.body.intent.reason if isinstance(entry.body, Order) else _FLATTEN
            self._floor.flatten(runner, entry.ts_ns, reason)
            return
        commands: Iterable[Command] = runner.engine.cancel_orders()
        self._floor.gate.command(runner, list(commands), entry.ts_ns, None)

    def _take_back(self, runner: StrategyRunner, entry: Entry) -> None:
        """Cancel again what was taken back for an opposite order of ours."""
        assert self._floor is not None
        commands = runner.engine.cancel_order(entry.key)
        self._floor.gate.command(runner, list(commands), entry.ts_ns, entry.cause)

    def _not_derived(self, row: Row) -> NoReturn:
        stored = f"[{row.kind} {row.ts_ns} {row.strategy or '-'} {row.key or '-'} {row.body}]"
        raise JournalDiverged(
            stored=stored, derived="nothing", where=f"{self._storage.name}: entry {row.sequence}"
        )


@define
class _Comparison:
    """The log of a replay: what is appended must be what the journal has next."""

    _tail: Tail
    position: int = 0
    """Sequence of the row that was compared last."""
    derived: int = 0
    orders: int = 0
    _input: int = field(default=0)

    @property
    def next(self) -> Row | None:
        """The row that is due; None at the end."""
        return self._tail.next

    def begin(self, row: Row) -> None:
        """Take note that *row* is an input: it is compared, and not counted as derived."""
        self._input = row.sequence

    def append(self, entry: Entry) -> int:
        """Compare; raise `JournalDiverged` at the first difference."""
        body = encode(entry.body)
        stored = self._tail.match(entry, body)
        if stored is None:
            raise JournalDiverged(
                stored="nothing more", derived=f"[{entry.kind.value} {body}]", where="its end"
            )
        self.position = stored.sequence
        self.derived += stored.sequence != self._input
        self.orders += entry.kind is EntryKind.INTENT
        return stored.sequence


class _NoPump:
    """Where orders end in a replay."""

    def submit(self, order: Order, sequence: int) -> None:
        pass

    def cancel(self, order: Order, sequence: int) -> None:
        pass

    def changed(self) -> None:
        pass


def _nobody(*_: object, **__: object) -> None:
    """Tell nobody: people were told then."""
