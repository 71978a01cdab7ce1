"""
What must hold at the end of a simulation, when faults are over and the session has stopped.

- No fill is lost: each order's fills in the journal, each id once, are what was executed of it.
- Each strategy's ledger is what its executed orders add up to, and nothing works any more.
- No pair is halted with uneven legs: whatever it was halted for is mended, and it was resumed.
- The journal is whole; each trade is in it once, and the recorder has it.
- Nobody was told of a contradiction, nor of a position that cannot be explained, but for those of
  orders that nobody could know: somebody else's, and those whose intent a dishonest disk has lost.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from algopioneer_core.domain.events import OrderFilled
from algopioneer_core.domain.fills import Fill
from algopioneer_core.domain.money import ZERO, Quantity, add
from algopioneer_core.domain.orders import Order, OrderStatus
from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.journal.chain import broken_links, broken_snapshots
from algopioneer_core.journal.entries import EntryKind, StoredEntry
from algopioneer_core.journal.rows import Query, entry_of
from algopioneer_core.recorders.memory import MemoryRecorder
from algopioneer_core.runtime.floor import Floor
from algopioneer_core.testing.journal_storage import MemoryStorage
from algopioneer_core.testing.simulation_books import BookKeeper, InvariantBroken, difference

__all__ = ["by_order", "check_end", "check_journal"]

_NEVER_SAID: Final = ("contradicts", "unexplained", "older than ours", "as no request should")


def check_end(
    books: BookKeeper, floor: Floor, storage: MemoryStorage, recorder: MemoryRecorder
) -> None:
    """
    Check everything that must hold after the end.

    Raises:
        InvariantBroken: Something does not.
    """
    entries = [entry_of(row, where=storage.name) for row in storage.rows(Query())]
    check_journal(storage)
    books.audit(None, books.venue.books.now_ns)
    _check_fills(books, entries)
    _check_ledgers(books, floor)
    books.check_pairs(floor)
    _check_orders(books, floor, entries)
    _check_trades(entries, recorder, is_whole=not books.disk.lost)
    _check_alerts(books, entries)


def check_journal(storage: MemoryStorage) -> None:
    """
    Check that the journal is what was written.

    Raises:
        InvariantBroken: It is not.
    """
    heading = storage.heading()
    assert heading is not None
    faults = [
        *broken_links(heading, storage.rows(Query())),
        *broken_snapshots(heading.uuid, storage.snapshots(), heading.sequence),
    ]
    if faults:
        raise InvariantBroken(f"the journal is not whole: {faults[0].message}")


def _check_fills(books: BookKeeper, entries: list[StoredEntry]) -> None:
    seen: dict[str, Fill] = {}
    for stored in entries:
        body = stored.entry.body
        if stored.entry.kind is EntryKind.EVENT and isinstance(body, OrderFilled):
            if body.fill.fill_id in seen:
                raise InvariantBroken(f"fill {body.fill.fill_id} is journalled twice")
            seen[body.fill.fill_id] = body.fill
    known = [f for f in books.venue.executed if f.client_order_id not in books.lost]
    if books.venue.tells_each_fill and (wrong := _not_alike(seen.values(), known)):
        raise InvariantBroken(f"a fill is not as it was executed: {wrong}")
    journalled, executed = by_order(seen.values()), by_order(known)
    for key in dict.fromkeys((*executed, *journalled)):
        ours, theirs = journalled.get(key, ZERO), executed.get(key, ZERO)
        if ours != theirs:
            raise InvariantBroken(f"{theirs} of order {key} was executed, {ours} is journalled")


def _not_alike(journalled: Iterable[Fill], executed: Iterable[Fill]) -> str:
    """Return a fill whose order, side, quantity, price or fee only one of two lists has."""
    ours, theirs = (
        Counter((f.client_order_id, f.side, f.quantity, f.price, f.fee, f.fee_asset) for f in fills)
        for fills in (journalled, executed)
    )
    apart = [*(ours - theirs), *(theirs - ours)]
    return str(apart[0]) if apart else ""


def by_order(fills: Iterable[Fill]) -> dict[str, Quantity]:
    """Return how much was filled of each order, by its id."""
    totals: dict[str, Quantity] = {}
    for fill in fills:
        totals[fill.client_order_id] = add(totals.get(fill.client_order_id, ZERO), fill.quantity)
    return totals


def _check_ledgers(books: BookKeeper, floor: Floor) -> None:
    for name, runner in floor.runners.items():
        positions = runner.engine.portfolio.positions
        ours = {key: each.quantity for key, each in positions.items()}
        apart = difference(ours, books.position_of(name))
        if apart:
            raise InvariantBroken(f"the ledger of {name} differs from the venue's books: {apart}")
    for name in dict.fromkeys(strategy for strategy, _ in books.held):
        if name not in floor.runners and (held := books.position_of(name)):
            raise InvariantBroken(f"{name} was removed and has {held}")


def _check_orders(books: BookKeeper, floor: Floor, entries: list[StoredEntry]) -> None:
    told = [each.entry.body["subject"] for each in entries if each.entry.kind is EntryKind.ALERT]
    for name, runner in floor.runners.items():
        for order in runner.engine.orders.working.values():
            if not _is_left_to_people(order, books, told):
                raise InvariantBroken(f"{name} has orders after the end")
    if any(each.client_order_id in books.intents for each in books.venue.books.working()):
        raise InvariantBroken("the venue has orders after the end")


def _is_left_to_people(order: Order, books: BookKeeper, told: Iterable[str]) -> bool:
    """
    Return whether an order's fate cannot be proven, as somebody was told.

    The account must hold for its absence (SEMANTICS, absence): where a stranger traded in it, or a
    disk forgot what was traded, it may not.
    """
    excused = bool(books.lost) or order.intent.instrument_id in books.disturbed
    named = any(order.client_order_id in subject for subject in told)
    return excused and named and order.status is OrderStatus.UNKNOWN


def _check_trades(entries: list[StoredEntry], recorder: MemoryRecorder, *, is_whole: bool) -> None:
    journalled: dict[str, RoundTrip] = {}
    for stored in entries:
        if stored.entry.kind is EntryKind.TRADE:
            if stored.entry.key in journalled:
                raise InvariantBroken(f"trade {stored.entry.key} is journalled twice")
            journalled[stored.entry.key] = stored.entry.body
    recorded = dict(recorder.trades)
    if journalled.keys() - recorded.keys():
        raise InvariantBroken("the recorder lacks trades that the journal has")
    if is_whole and recorded != journalled:  # else it knows what the disk forgot
        raise InvariantBroken("the recorder has not the trades that the journal has")


def _check_alerts(books: BookKeeper, entries: list[StoredEntry]) -> None:
    expected = tuple(f"{each}: unexplained position" for each in books.disturbed)
    for stored in entries:
        if stored.entry.kind is EntryKind.ALERT:
            said = f"{stored.entry.body['subject']}: {stored.entry.body['text']}"
            if said.startswith(expected):
                continue
            if any(words in said for words in _NEVER_SAID):
                raise InvariantBroken(f"somebody was told: {said}")
