"""What a journal has of one strategy's session: its bars, its decisions, what happened to it."""

from collections.abc import Callable, Collection, Iterable
from typing import Any, Final

from attrs import field, frozen

from algopioneer_core.domain.errors import RefusedError
from algopioneer_core.domain.events import (
    AccountSnapshot,
    BorrowCharged,
    DividendPaid,
    Event,
    FeeCharged,
    FeedDown,
    FeedGap,
    FillBusted,
    FillCorrected,
    FundingPaid,
    Liquidated,
    RiskHalted,
    RiskResumed,
    Settled,
    Split,
    StrategyCrashed,
    StrategyRestarted,
    Transferred,
)
from algopioneer_core.domain.market_data import Bar, JointBar
from algopioneer_core.domain.times import iso_utc
from algopioneer_core.journal.control import ControlAction
from algopioneer_core.journal.entries import Entry, EntryKind
from algopioneer_core.journal.errors import JournalCorrupt
from algopioneer_core.journal.rows import Query, Storage, entry_of
from algopioneer_core.journal.words import describe
from algopioneer_core.parity.causes import Cause, Fact
from algopioneer_core.parity.decisions import Transcript
from algopioneer_core.parity.seen_bars import series_of
from algopioneer_core.runtime.gate import WARM_UP
from algopioneer_core.runtime.resume import Resume

__all__ = ["Recorded", "recorded_sessions"]

_CAUSES: Final[dict[type, Cause]] = {
    FeedDown: Cause.DATA_GAP,
    FeedGap: Cause.DATA_GAP,
    FeeCharged: Cause.FEE,
    FundingPaid: Cause.FEE,
    BorrowCharged: Cause.FEE,
    DividendPaid: Cause.INTERVENTION,
    Split: Cause.INTERVENTION,
    Settled: Cause.INTERVENTION,
    Transferred: Cause.INTERVENTION,
    Liquidated: Cause.INTERVENTION,
    FillBusted: Cause.INTERVENTION,
    FillCorrected: Cause.INTERVENTION,
    RiskHalted: Cause.INTERVENTION,
    RiskResumed: Cause.INTERVENTION,
    StrategyCrashed: Cause.INTERVENTION,
    StrategyRestarted: Cause.INTERVENTION,
}
"""Of a divergence that comes after such an event."""

_TELL_EVERY: Final = 1024


@frozen
class Recorded:
    """One strategy of a recorded session, over all its starts."""

    name: str
    transcript: Transcript = field(factory=Transcript)
    """What it did."""
    warm_up: list[Bar | JointBar] = field(factory=list)
    """What it was shown before its first decision, without orders."""
    bars: list[Bar | JointBar] = field(factory=list)
    """What it decided on."""
    shown_later: list[Bar | JointBar] = field(factory=list)
    """What it was shown without orders since then: bars that were missed."""
    facts: list[Fact] = field(factory=list)
    """What happened to it, by time, of which a backtest knows nothing."""
    fingerprints: set[str] = field(factory=set)
    """Of its configuration, at each start."""

    @property
    def first_ns(self) -> int:
        """Close of the first bar it was shown, UTC nanoseconds."""
        return (self.warm_up or self.bars)[0].ts_event

    @property
    def last_ns(self) -> int:
        """Close of the last bar it decided on, UTC nanoseconds."""
        return self.bars[-1].ts_event

    @property
    def seen(self) -> dict[int, tuple[Bar, ...]]:
        """All bars it was shown, by their close."""
        found = series_of([*self.warm_up, *self.bars, *self.shown_later])
        return {ts_ns: found[ts_ns] for ts_ns in sorted(found) if ts_ns <= self.last_ns}

    @property
    def late(self) -> Collection[int]:
        """The closes of bars that it was shown when it could not act on them any more."""
        return {each.ts_event for each in self.shown_later}


def recorded_sessions(
    storage: Storage, *, watch: Callable[[int, int], None] = lambda *_: None
) -> dict[str, Recorded]:
    """
    Return what a journal has of each of its strategies that decided on a bar, by name.

    Args:
        storage: The journal; it is only read.
        watch: Told now and then how many of how many entries were read.

    Raises:
        RefusedError: A session in it did not record its inputs.
        JournalCorrupt: It is empty, or an entry cannot be read.
    """
    heading = storage.heading()
    if heading is None:
        raise JournalCorrupt("is empty: no session has begun it", where=storage.name)
    reader = _Reader(storage.name)
    for row in storage.rows(Query()):
        reader.read(entry_of(row, where=storage.name).entry)
        if not row.sequence % _TELL_EVERY:
            watch(row.sequence, heading.sequence)
    return {name: each for name, each in reader.found.items() if each.bars}


class _Reader:
    """Reads entries in their order."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._starts = 0
        self.found: dict[str, Recorded] = {}

    def read(self, entry: Entry) -> None:
        if entry.kind is EntryKind.SESSION and entry.body.get("what") == "started":
            self._start(entry)
        elif entry.kind is EntryKind.CONTROL:
            if entry.body["action"] == ControlAction.NOTE.value:
                return
            text = f"a person asked for: {entry.body['action']}"
            self._happened(self._meant(entry.strategy), entry.ts_ns, Cause.INTERVENTION, text)
        elif entry.strategy in self.found:
            _take(self.found[entry.strategy], entry)

    def _start(self, entry: Entry) -> None:
        body = entry.body
        if not body.get("record_inputs"):
            raise RefusedError(
                "the session did not record its inputs, so it cannot be compared",
                where=self._where,
                remedy="set record_inputs = true in [journal] before the session",
            )
        for name, fingerprint in body["strategies"].items():
            self.found.setdefault(name, Recorded(name)).fingerprints.add(fingerprint)
        self._starts += 1
        if self._starts > 1 and body["resume"] == Resume.WALLCLOCK.value:
            text = f"the session was started again at {iso_utc(entry.ts_ns)}"
            self._happened(self.found.values(), entry.ts_ns, Cause.INTERVENTION, text)

    def _meant(self, strategy: str) -> Iterable[Recorded]:
        if not strategy:
            return self.found.values()
        return [self.found[strategy]] if strategy in self.found else []

    def _happened(
        self, strategies: Iterable[Recorded], ts_ns: int, cause: Cause, text: str
    ) -> None:
        for each in strategies:
            each.facts.append(Fact(ts_ns, cause, text))


def _take(strategy: Recorded, entry: Entry) -> None:
    transcript, ts_ns, body = strategy.transcript, entry.ts_ns, entry.body
    match entry.kind:
        case EntryKind.EVENT:
            _take_event(strategy, body, entry.key)
        case EntryKind.DECISION:
            transcript.signal(ts_ns, body["wishes"])
        case EntryKind.INTENT:
            transcript.order(body, ts_ns)
        case EntryKind.CANCEL:
            transcript.cancel(body.client_order_id, ts_ns)
        case EntryKind.DENIED:
            transcript.denied(body["order"], ts_ns, _refusal(body))
        case _:  # what follows from these, or was told to people
            pass


def _refusal(body: Any) -> str:
    return f"{body['limit']}: {body['reason']}"


def _take_event(strategy: Recorded, event: Event, key: str) -> None:
    if isinstance(event, Bar | JointBar):
        if key == WARM_UP:
            (strategy.shown_later if strategy.bars else strategy.warm_up).append(event)
            return
        strategy.bars.append(event)
        strategy.transcript.bar(event)
        return
    strategy.transcript.report(event)
    cause = _CAUSES.get(type(event))
    if cause is not None and not isinstance(event, AccountSnapshot):
        ids = frozenset((event.instrument_id,)) if isinstance(event, FeedGap) else frozenset()
        text = f"the session was told at {iso_utc(event.ts_event)}: {describe(event)}"
        strategy.facts.append(Fact(event.ts_event, cause, text, ids))
