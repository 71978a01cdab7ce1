"""
What a session says in the log: one line for each thing of note that is journalled.

The gate writes everything that happens to the journal, so this is the one place to listen; market
data that led to nothing never comes by here. What a replay derives again was said the first time.
Where lines go, and in which form, is not known here: `Say` is injected.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from algopioneer_core.domain.events import (
    FeedDown,
    FeedGap,
    FeedUp,
    RiskHalted,
    RiskResumed,
    StrategyCrashed,
    StrategyRestarted,
    StrategyStarted,
)
from algopioneer_core.domain.execution_reports import (
    OrderAbsent,
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
)
from algopioneer_core.domain.orders import Order
from algopioneer_core.domain.times import iso_utc
from algopioneer_core.journal.entries import Entry, EntryKind
from algopioneer_core.journal.journal import Journal
from algopioneer_core.runtime.gate import Log
from algopioneer_core.runtime.stopping import STOPPING
from algopioneer_core.telemetry.events import LogEvent

__all__ = ["Say", "SpokenLog", "line_of", "silent"]

_Line = tuple[LogEvent, dict[str, object]]


class Say(Protocol):
    """Takes a line of the log."""

    def __call__(self, event: LogEvent, /, **fields: object) -> None:
        """Say that *event* happened."""


def silent(_: LogEvent, /, **__: object) -> None:
    """Say nothing."""


class SpokenLog:
    """
    A log that also says what is appended to it.

    Args:
        log: Takes the entries.
        journal: Knows whether an entry is one that is derived again.
        say: Takes the lines.
    """

    def __init__(self, log: Log, journal: Journal, say: Say) -> None:
        self._log = log
        self._journal = journal
        self._say = say
        self._last: _Line | None = None

    def append(self, entry: Entry) -> int:
        """Queue an entry, say it unless it is old, and return its sequence."""
        is_heard = self._say is not silent and not self._journal.matching
        sequence = self._log.append(entry)
        line = line_of(entry) if is_heard else None
        # What concerns the whole session comes once for each strategy, one after the other.
        if line is not None and line != self._last:
            self._last = line
            self._say(line[0], **line[1])
        return sequence

    def say(self, event: LogEvent, /, **fields: object) -> None:
        """Say what has no entry, unless the journal's past is being derived again."""
        if not self._journal.matching:
            self._say(event, **fields)


def line_of(entry: Entry) -> _Line | None:
    """Return what is said of *entry*; None for what is not worth a line."""
    if entry.kind is EntryKind.INTENT:
        return LogEvent.ORDER_SUBMITTED, _about(entry, entry.body)
    if entry.kind is EntryKind.DENIED:
        why = {"limit": entry.body["limit"], "reason": entry.body["reason"]}
        return LogEvent.ORDER_DENIED, _about(entry, entry.body["order"]) | why
    if entry.kind is EntryKind.DECISION and "refused" in entry.body:
        reason = "; ".join(entry.body["refused"])
        return LogEvent.SPREAD_REFUSED, {
            "at": iso_utc(entry.ts_ns),
            "strategy": entry.strategy,
            "reason": reason,
        }
    if entry.kind is not EntryKind.EVENT or type(entry.body) not in _EVENTS:
        return None
    if isinstance(entry.body, RiskHalted) and entry.body.reason == STOPPING:
        return None  # that the session stops is said where it stops; nobody need look at that
    event, fields = _EVENTS[type(entry.body)]
    return event, {"at": iso_utc(entry.ts_ns)} | fields(entry)


def _about(entry: Entry, order: Order) -> dict[str, object]:
    intent = order.intent
    size: dict[str, object] = (
        {"quote_amount": str(intent.quote_amount)}
        if intent.quantity is None
        else {"quantity": str(intent.quantity)}
    )
    return {
        "at": iso_utc(entry.ts_ns),
        "strategy": entry.strategy,
        "instrument": str(intent.instrument_id),
        "order": order.client_order_id,
        "side": intent.side.value,
        **size,
    }


def _order(entry: Entry) -> dict[str, object]:
    fields: dict[str, object] = {"strategy": entry.strategy, "order": entry.key}
    reason = getattr(entry.body, "message", "")
    return fields | ({"reason": reason} if reason else {})


def _fill(entry: Entry) -> dict[str, object]:
    fill = entry.body.fill
    return _order(entry) | {
        "instrument": str(fill.instrument_id),
        "side": fill.side.value,
        "quantity": str(fill.quantity),
        "price": str(fill.price),
    }


def _risk(entry: Entry) -> dict[str, object]:
    """Name the strategy only where the halt is its own."""
    event = entry.body
    fields: dict[str, object] = {} if event.strategy is None else {"strategy": event.strategy}
    return fields | ({"reason": event.reason} if isinstance(event, RiskHalted) else {})


def _crash(entry: Entry) -> dict[str, object]:
    return {"strategy": entry.strategy, "error": entry.body.error}


_EVENTS: Final[Mapping[type[Any], tuple[LogEvent, Callable[[Entry], dict[str, object]]]]] = {
    StrategyStarted: (LogEvent.STRATEGY_STARTED, lambda entry: {"strategy": entry.strategy}),
    StrategyCrashed: (LogEvent.STRATEGY_CRASHED, _crash),
    StrategyRestarted: (
        LogEvent.STRATEGY_RESTARTED,
        lambda entry: {"strategy": entry.strategy, "attempt": entry.body.attempt},
    ),
    FeedUp: (LogEvent.FEED_UP, lambda entry: {"venue": entry.body.venue}),
    FeedDown: (
        LogEvent.FEED_DOWN,
        lambda entry: {"venue": entry.body.venue, "reason": entry.body.reason},
    ),
    FeedGap: (
        LogEvent.FEED_GAP,
        lambda entry: {
            "venue": entry.body.instrument_id.venue,
            "instrument": str(entry.body.instrument_id),
        },
    ),
    OrderAccepted: (LogEvent.ORDER_ACCEPTED, _order),
    OrderRejected: (LogEvent.ORDER_REJECTED, _order),
    OrderFilled: (LogEvent.ORDER_FILLED, _fill),
    OrderCanceled: (LogEvent.ORDER_CANCELED, _order),
    OrderExpired: (LogEvent.ORDER_EXPIRED, _order),
    OrderUnknown: (LogEvent.ORDER_UNKNOWN, _order),
    OrderAbsent: (LogEvent.ORDER_ABSENT, _order),
    RiskHalted: (LogEvent.TRADING_HALTED, _risk),
    RiskResumed: (LogEvent.TRADING_RESUMED, _risk),
}
"""What is said of an event, and its fields; nothing is said of events that are not here."""
