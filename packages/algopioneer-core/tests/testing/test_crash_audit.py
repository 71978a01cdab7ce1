"""The audit after a crash: each thing that must hold is missed when it does not."""

from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve

from algopioneer_core.domain.events import OrderFilled
from algopioneer_core.domain.fills import Fill, Liquidity, Side
from algopioneer_core.domain.instruments import Instrument
from algopioneer_core.journal.entries import Entry, EntryKind, StoredEntry
from algopioneer_core.testing.crash_audit import Remembered, Truth, audit
from algopioneer_core.testing.crash_script import ALONE, FIRST, SECOND, SPREAD
from algopioneer_core.testing.domain import BITCOIN
from algopioneer_core.testing.paper import sent


def filled(key: str, instrument: Instrument, side: Side, quantity: str) -> Fill:
    """Return a fill of an order."""
    amounts = Decimal(quantity), Decimal(100), Decimal(0)
    return Fill(f"fill-{key}", key, instrument.id, side, *amounts, "USD", Liquidity.TAKER, 1)


FILLS = (
    filled("a", ALONE, Side.BUY, "2"),
    filled("b", FIRST, Side.BUY, "10"),
    filled("c", SECOND, Side.SELL, "10"),
)
VENUE = Truth(
    accepted=("a", "b", "c"),
    fills=FILLS,
    positions={ALONE.id: Decimal(2), FIRST.id: Decimal(10), SECOND.id: Decimal(-10)},
)


def stored(kind: EntryKind, key: str = "", body: Any = None, strategy: str = "") -> StoredEntry:
    """Return an entry as a journal has it."""
    return StoredEntry(1, Entry(kind, 1, strategy, key, None, body), "")


def state(legs: str | None = None, **held: str) -> dict[str, Any]:
    """Return the snapshot of a strategy that holds so much of each."""
    positions = {
        f"reference:{name}-USD": [quantity, "0", "0", "0"] for name, quantity in held.items()
    }
    work = None if legs is None else {"work": {"state": legs}}
    return {"engine": {"portfolio": {"positions": positions}, "legs": work}}


JOURNAL = Remembered(
    entries=(
        *(stored(EntryKind.INTENT, key) for key in "abc"),
        *(stored(EntryKind.EVENT, fill.client_order_id, OrderFilled(fill)) for fill in FILLS),
        stored(EntryKind.TRADE, "spread:1"),
    ),
    states=(state(ALONE="2"), state("in_position", FIRST="10", SECOND="-10")),
)


def test_what_agrees_is_no_violation() -> None:
    """Orders, fills, positions and legs of both sides are the same."""
    assert audit(JOURNAL, VENUE) == []


@pytest.mark.parametrize(
    ("venue", "violation"),
    [
        ({"accepted": ("a", "b", "c", "c")}, "order c was accepted 2 times"),
        ({"accepted": ("a", "b", "c", "d")}, "order d is at the venue and not in the journal"),
        ({"fills": FILLS[1:]}, "0 of order a was executed, 2 is journalled"),
        ({"positions": {}}, "the ledger differs from the venue"),
        ({"open_orders": (sent("e", BITCOIN, Side.BUY),)}, "order e still works"),
    ],
)
def test_a_venue_that_knows_more_or_less_is_a_violation(
    venue: dict[str, Any], violation: str
) -> None:
    """Duplicate and unknown orders, invented fills, another ledger, an order left behind."""
    assert any(violation in each for each in audit(JOURNAL, evolve(VENUE, **venue)))


def test_a_lost_or_doubled_row_is_a_violation() -> None:
    """Of fills, intents and trades; and whatever the verification found."""
    lost = evolve(JOURNAL, entries=[each for each in JOURNAL.entries if each.entry.key != "c"])
    doubled = evolve(JOURNAL, entries=[*JOURNAL.entries, *JOURNAL.entries], faults=["torn"])

    assert "10 of order c was executed, 0 is journalled" in audit(lost, VENUE)
    found = audit(doubled, VENUE)
    assert "torn" in found
    assert "fill fill-a was journalled 2 times" in found
    assert "intent a was journalled 2 times" in found
    assert "trade spread:1 was journalled 2 times" in found


def test_more_than_one_leg_or_uneven_legs_are_violations() -> None:
    """At any moment, and at the end; a pair that is halted and told of may stay uneven."""
    twice = evolve(VENUE, fills=(*FILLS[:2], filled("d", FIRST, Side.BUY, "10"), FILLS[2]))
    uneven = evolve(VENUE, fills=FILLS[:2], positions={ALONE.id: Decimal(2), FIRST.id: Decimal(10)})
    books = evolve(
        JOURNAL,
        entries=[each for each in JOURNAL.entries if each.entry.key != "c"],
        states=(state(ALONE="2"), state("halted", FIRST="10")),
    )
    alert = stored(EntryKind.ALERT, body={"subject": "halted"}, strategy=SPREAD)

    assert any("worth more than one leg" in each for each in audit(JOURNAL, twice))
    assert any("uneven at the end" in each for each in audit(books, uneven))
    assert not any(
        "uneven" in each for each in audit(evolve(books, entries=[*books.entries, alert]), uneven)
    )
