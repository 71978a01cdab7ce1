"""
What must hold after a crash at any point and a restart, counted at the venue.

- No duplicate order: each intent has at most one accepted order, and each order an intent.
- No lost fill: of each order, the fills in the journal, each once, are those of the venue.
- The ledger is the venue's: what the strategies hold is what the account holds, nothing works on.
- The residual rule (SEMANTICS: safety): at most one leg was at risk at any time, and in the end the
  legs are even, unless the pair is halted and somebody was told.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import anyio
from attrs import frozen

from algopioneer_core.domain.events import OrderFilled
from algopioneer_core.domain.fills import Fill
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.money import ZERO, Quantity, add, mul
from algopioneer_core.domain.orders import Order
from algopioneer_core.engine.leg_states import LegState
from algopioneer_core.journal.codec import decode
from algopioneer_core.journal.entries import EntryKind, StoredEntry
from algopioneer_core.journal.rows import Query, entry_of
from algopioneer_core.journal.sqlite_storage import SqliteStorage
from algopioneer_core.journal.verify import verify
from algopioneer_core.runtime.saver import runner_snapshot
from algopioneer_core.testing.crash_life import JOURNAL
from algopioneer_core.testing.crash_script import FIRST, LEG_NOTIONAL, SECOND, SPREAD, VENUE
from algopioneer_core.testing.reference_client import ReferenceClient
from algopioneer_core.testing.reference_modes import VenueModes
from algopioneer_core.testing.simulation_books import difference
from algopioneer_core.testing.simulation_end import by_order

__all__ = ["Remembered", "Truth", "audit", "violations"]

_MARK: Final = Decimal("99.99")
"""The lowest price in the script, USD: quantities are made of it."""


@frozen(kw_only=True)
class Truth:
    """What the venue says."""

    accepted: Sequence[str]
    """Ids of the orders that were placed, each as often as it was."""
    fills: Sequence[Fill]
    positions: Mapping[InstrumentId, Quantity]
    open_orders: Sequence[Order] = ()


@frozen(kw_only=True)
class Remembered:
    """What the journal has."""

    entries: Sequence[StoredEntry]
    states: Sequence[Mapping[str, Any]]
    """The latest snapshot of each strategy."""
    faults: Sequence[str] = ()
    """What is wrong with the file."""

    def of_kind(self, kind: EntryKind) -> Iterator[StoredEntry]:
        """Yield the entries of one kind."""
        return (each for each in self.entries if each.entry.kind is kind)


def violations(folder: Path, port: int) -> list[str]:
    """Say what does not hold between the journal in *folder* and the venue at *port*."""
    return audit(_remembered(folder / JOURNAL), anyio.run(_truth, port, backend="trio"))


async def _truth(port: int) -> Truth:
    venue = ReferenceClient(VENUE, port, VenueModes())
    return Truth(
        accepted=await venue.accepted(),
        fills=await venue.fills(0),
        positions=await venue.positions(),
        open_orders=await venue.open_orders(),
    )


def _remembered(path: Path) -> Remembered:
    with SqliteStorage(path, read_only=True) as storage:
        latest: dict[str, Mapping[str, Any]] = {}
        for row in storage.snapshots():
            if row.name.startswith(runner_snapshot("")):
                latest.setdefault(row.name, decode(row.body))
        return Remembered(
            entries=[entry_of(row, where=storage.name) for row in storage.rows(Query())],
            states=list(latest.values()),
            faults=[each.message for each in verify(path).faults],
        )


def audit(journal: Remembered, venue: Truth) -> list[str]:
    """Return everything that must hold between a journal and its venue and does not, in words."""
    return [
        *journal.faults,
        *_orders(journal, venue),
        *_fills(journal, venue),
        *_ledger(journal, venue),
        *_trades(journal),
        *_residual(journal, venue),
    ]


def _orders(journal: Remembered, venue: Truth) -> Iterator[str]:
    intents = Counter(each.entry.key for each in journal.of_kind(EntryKind.INTENT))
    yield from (f"intent {key} was journalled {n} times" for key, n in intents.items() if n > 1)
    for key, times in Counter(venue.accepted).items():
        if times > 1:
            yield f"order {key} was accepted {times} times"
        if key not in intents:
            yield f"order {key} is at the venue and not in the journal"
    yield from (f"order {each.client_order_id} still works" for each in venue.open_orders)


def _fills(journal: Remembered, venue: Truth) -> Iterator[str]:
    bodies = (each.entry.body for each in journal.of_kind(EntryKind.EVENT))
    ours = [body.fill for body in bodies if isinstance(body, OrderFilled)]
    times = Counter(fill.fill_id for fill in ours)
    yield from (f"fill {key} was journalled {n} times" for key, n in times.items() if n > 1)
    journalled, executed = by_order(ours), by_order(venue.fills)
    for key in dict.fromkeys((*executed, *journalled)):
        here, there = journalled.get(key, ZERO), executed.get(key, ZERO)
        if here != there:
            yield f"{there} of order {key} was executed, {here} is journalled"


def _ledger(journal: Remembered, venue: Truth) -> Iterator[str]:
    held: dict[InstrumentId, Quantity] = {}
    for state in journal.states:
        for key, (quantity, *_) in state["engine"]["portfolio"]["positions"].items():
            found = InstrumentId.parse(key)
            held[found] = add(held.get(found, ZERO), Decimal(quantity))
    apart = difference(held, venue.positions)
    if apart:
        yield f"the ledger differs from the venue: {apart}"


def _trades(journal: Remembered) -> Iterator[str]:
    times = Counter(each.entry.key for each in journal.of_kind(EntryKind.TRADE))
    yield from (f"trade {key} was journalled {n} times" for key, n in times.items() if n > 1)


def _residual(journal: Remembered, venue: Truth) -> Iterator[str]:
    """Look at the legs after each fill in the venue's order; prices stand still in the script."""
    legs = {FIRST.id: ZERO, SECOND.id: ZERO}
    most = ZERO
    for fill in venue.fills:
        if fill.instrument_id in legs:
            legs[fill.instrument_id] = add(legs[fill.instrument_id], fill.signed_quantity)
            most = max(most, *(each.copy_abs() for each in legs.values()))
    if mul(most, _MARK) > LEG_NOTIONAL:
        yield f"{most} of a leg was held, worth more than one leg"
    if sum(legs.values()) and not _is_halted(journal):
        yield f"the legs are uneven at the end: {legs}"


def _is_halted(journal: Remembered) -> bool:
    works = [state["engine"]["legs"]["work"] for state in journal.states if state["engine"]["legs"]]
    told = any(SPREAD in each.entry.strategy for each in journal.of_kind(EntryKind.ALERT))
    return told and any(work["state"] == LegState.HALTED.value for work in works)
