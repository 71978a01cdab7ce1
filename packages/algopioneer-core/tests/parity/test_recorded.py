"""What a journal has of a session is read strategy by strategy, with what happened to it."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from algopioneer_core.domain.commands import Cancel
from algopioneer_core.domain.errors import RefusedError
from algopioneer_core.domain.events import (
    FeedGap,
    FundingPaid,
    OrderCanceled,
    RiskHalted,
    StrategyRestarted,
)
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import Bar
from algopioneer_core.domain.orders import Order, OrderIntent
from algopioneer_core.journal.entries import Entry, EntryKind
from algopioneer_core.journal.errors import JournalCorrupt
from algopioneer_core.parity.causes import Cause
from algopioneer_core.parity.decisions import words_of
from algopioneer_core.parity.recorded import Recorded, recorded_sessions
from algopioneer_core.runtime.gate import WARM_UP
from algopioneer_core.testing.journal_storage import MemoryDisk, journal_on
from algopioneer_core.testing.sessions import MINUTE_NS

pytestmark = pytest.mark.parametrize("virtual_backend", ["trio"], indirect=True)

A = InstrumentId("sim", "A")


def bar(minute: int) -> Bar:
    """Return the bar that closes at a minute."""
    return Bar(A, minute * MINUTE_NS, 10, 12, 9, 11, 5, 0, 0, minute * MINUTE_NS)


def start(minute: int, *, recorded: bool = True, resume: str = "wallclock") -> Entry:
    """Return the start of a session with two strategies."""
    body = {
        "what": "started",
        "resume": resume,
        "record_inputs": recorded,
        "strategies": {"ma": f"print-{minute}", "idle": "print"},
    }
    return Entry(EntryKind.SESSION, minute * MINUTE_NS, body=body)


def event(body: Any, minute: int, key: str = "") -> Entry:
    """Return an event of the strategy `ma`."""
    return Entry(EntryKind.EVENT, minute * MINUTE_NS, "ma", key, None, body)


async def read(entries: Sequence[Entry]) -> dict[str, Recorded]:
    """Write *entries* into a journal, and read what it has of each strategy."""
    disk = MemoryDisk()
    async with journal_on(disk) as journal:
        for entry in entries:
            journal.append(entry)
    return recorded_sessions(disk.plug_in())


async def test_bars_are_told_apart_by_what_the_strategy_could_do() -> None:
    """Shown before the first decision, decided on, and shown later because they were missed."""
    entries = [start(0), event(bar(1), 1, WARM_UP), event(bar(2), 2), start(4)]
    entries += [event(bar(3), 4, WARM_UP), event(bar(4), 5)]
    found = await read(entries)
    assert set(found) == {"ma"}  # the other one decided on nothing
    ma = found["ma"]
    assert (ma.warm_up, ma.bars, ma.shown_later) == ([bar(1)], [bar(2), bar(4)], [bar(3)])
    assert list(ma.seen) == [number * MINUTE_NS for number in (1, 2, 3, 4)]
    assert (ma.first_ns, ma.last_ns, set(ma.late)) == (MINUTE_NS, 4 * MINUTE_NS, {3 * MINUTE_NS})
    assert ma.fingerprints == {"print-0", "print-4"}
    [again] = ma.facts
    assert (again.cause, "started again" in again.text) == (Cause.INTERVENTION, True)


async def test_a_replay_that_goes_on_was_not_interrupted() -> None:
    """It derives again what it did."""
    found = await read([start(0, resume="cursor"), start(1, resume="cursor"), event(bar(2), 2)])
    assert found["ma"].facts == []


async def test_what_no_backtest_knows_is_a_fact_with_a_class() -> None:
    """Of this strategy, or of all; a gap is one of its instrument."""
    told = [
        (FeedGap(A, 1), Cause.DATA_GAP),
        (FundingPaid(A, 2, Decimal(-1), "USD"), Cause.FEE),
        (RiskHalted(3, "enough"), Cause.INTERVENTION),
        (StrategyRestarted("ma", 4, 1), Cause.INTERVENTION),
    ]
    asked = [
        Entry(EntryKind.CONTROL, 5, strategy, body={"action": "halt"})
        for strategy in ("", "ma", "stranger")
    ]
    asked.append(Entry(EntryKind.CONTROL, 6, "", body={"action": "note"}))  # changes nothing
    found = await read([start(0), event(bar(1), 1), *(event(each, 1) for each, _ in told), *asked])
    facts = found["ma"].facts
    assert [each.cause for each in facts[:4]] == [cause for _, cause in told]
    assert facts[0].instrument_ids == {A}
    assert [each.text for each in facts[4:]] == ["a person asked for: halt"] * 2


async def test_decisions_are_taken_down_without_ids() -> None:
    """An order is known by its number; who asked for its end names it so, too."""
    intent = OrderIntent(instrument_id=A, side=Side.BUY, quantity=Decimal(2))
    wishes = {"event": bar(1), "wishes": [Cancel("x-1")], "risk": []}
    denial = {"order": Order("x-2", intent, 0), "limit": "gross", "reason": "too much"}
    entries = [
        start(0),
        event(bar(1), 1),
        Entry(EntryKind.INTENT, MINUTE_NS, "ma", "x-1", None, Order("x-1", intent, 0)),
        Entry(EntryKind.DECISION, MINUTE_NS, "ma", "", None, wishes),
        Entry(EntryKind.CANCEL, MINUTE_NS, "ma", "x-1", None, Cancel("x-1")),
        event(OrderCanceled("x-1", MINUTE_NS, "gone"), 1, "x-1"),
        Entry(EntryKind.DENIED, MINUTE_NS, "ma", "x-2", None, denial),
    ]
    found = await read(entries)
    told = [words_of(each) for each in found["ma"].transcript.until(MINUTE_NS)]
    assert [line.partition("Z ")[2] for line in told] == [
        "order 1: sends buy 2 sim:A (market, GTC), reason: signal",
        "asks: cancel order #1",
        "order 1: takes it back",
        "order 1: cancelled (gone)",
        "order 2: risk denies buy 2 sim:A (market, GTC), reason: signal (gross: too much)",
    ]
    assert words_of(None) == "nothing more"


async def test_without_recorded_inputs_it_is_refused() -> None:
    """Half of what happened cannot be compared."""
    with pytest.raises(RefusedError, match="did not record its inputs"):
        await read([start(0, recorded=False)])


async def test_an_empty_journal_is_no_session() -> None:
    """Nothing has begun it."""
    with pytest.raises(JournalCorrupt, match="is empty"):
        recorded_sessions(MemoryDisk().plug_in())
