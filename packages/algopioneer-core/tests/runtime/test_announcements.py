"""What is said of what is journalled."""

from typing import Any, cast

from algopioneer_core.domain.events import FeedDown, RiskHalted, StrategyCrashed, TimerFired
from algopioneer_core.domain.execution_reports import OrderRejected, OrderUnknown
from algopioneer_core.journal.entries import Entry, EntryKind
from algopioneer_core.journal.journal import Journal
from algopioneer_core.runtime.announcements import SpokenLog, line_of
from algopioneer_core.runtime.stopping import STOPPING
from algopioneer_core.telemetry.events import LogEvent


class Rows:
    """Stands for the journal, and for what writes to it."""

    def __init__(self) -> None:
        self.matching = False
        self.entries: list[Entry] = []

    def append(self, entry: Entry) -> int:
        self.entries.append(entry)
        return len(self.entries)


def _event(body: Any, strategy: str = "fast", key: str = "") -> Entry:
    return Entry(EntryKind.EVENT, 1_000_000_000, strategy, key, body=body)


def _said() -> tuple[Rows, list[tuple[LogEvent, dict[str, object]]], SpokenLog]:
    rows, lines = Rows(), list[tuple[LogEvent, dict[str, object]]]()
    log = SpokenLog(
        rows, cast("Journal", rows), lambda event, /, **fields: lines.append((event, fields))
    )
    return rows, lines, log


def test_an_event_is_a_line_with_its_own_time() -> None:
    """The time is that of what happened."""
    at = "1970-01-01T00:00:01Z"
    crash = _event(StrategyCrashed("fast", 1_000_000_000, "ValueError: no"))
    refusal = _event(OrderRejected("a1", 1_000_000_000, "no funds"), key="a1")
    lost = _event(OrderUnknown("a1", 1_000_000_000), key="a1")

    assert line_of(crash) == (
        LogEvent.STRATEGY_CRASHED,
        {"at": at, "strategy": "fast", "error": "ValueError: no"},
    )
    assert line_of(refusal) == (
        LogEvent.ORDER_REJECTED,
        {"at": at, "strategy": "fast", "order": "a1", "reason": "no funds"},
    )
    assert line_of(lost) == (
        LogEvent.ORDER_UNKNOWN,
        {"at": at, "strategy": "fast", "order": "a1"},
    )


def test_what_is_of_no_note_is_not_said() -> None:
    """Timers, decisions and the halt of a session that ends are in the journal alone."""
    assert line_of(_event(TimerFired("t", 1))) is None
    assert line_of(_event(RiskHalted(1, STOPPING))) is None
    assert line_of(Entry(EntryKind.DECISION, 1, "fast", body={"wishes": []})) is None


def test_what_concerns_all_strategies_is_said_once() -> None:
    """It comes once for each; a halt of one strategy names it."""
    rows, lines, log = _said()
    for name in ("fast", "slow"):
        log.append(_event(FeedDown("sim", 1_000_000_000, "reset"), name))
    for name in ("fast", "slow"):
        log.append(_event(RiskHalted(1_000_000_000, "lunch"), name))
    log.append(_event(RiskHalted(1_000_000_000, "lunch", "slow"), "slow"))

    assert 5 == len(rows.entries)
    assert [LogEvent.FEED_DOWN, LogEvent.TRADING_HALTED, LogEvent.TRADING_HALTED] == [
        event for event, _ in lines
    ]
    assert ["strategy" in fields for _, fields in lines] == [False, False, True]


def test_the_past_is_not_said_again() -> None:
    """What a restart derives again was said the first time."""
    rows, lines, log = _said()
    rows.matching = True

    assert 1 == log.append(_event(FeedDown("sim", 1)))
    log.say(LogEvent.SNAPSHOT_SAVED, events=1)
    assert [] == lines

    rows.matching = False
    log.say(LogEvent.SNAPSHOT_SAVED, events=2)
    assert [(LogEvent.SNAPSHOT_SAVED, {"events": 2})] == lines


def test_a_spread_that_was_not_opened_says_why() -> None:
    """A decision without a refusal is no line."""
    body: dict[str, object] = {"event": None, "wishes": [], "risk": []}
    refused = Entry(EntryKind.DECISION, 1_000_000_000, "fast", body={**body, "refused": ["a", "b"]})
    quiet = Entry(EntryKind.DECISION, 1_000_000_000, "fast", body=body)
    fields = {"at": "1970-01-01T00:00:01Z", "strategy": "fast", "reason": "a; b"}
    assert (LogEvent.SPREAD_REFUSED, fields) == line_of(refused)
    assert line_of(quiet) is None
