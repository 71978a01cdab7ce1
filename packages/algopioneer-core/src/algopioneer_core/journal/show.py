"""
Why did it trade? All that the journal knows of one order, from the tick to the trade.

Causes are followed backwards from the intent, so what led to it is found whatever kind of entry it
was. What became of it lies under the order's id. Trades are those of its strategy and instrument
that one of its fills began, belonged to or ended.
"""

from collections.abc import Iterator, Mapping

from attrs import frozen

from algopioneer_core.domain.errors import UnknownOrder
from algopioneer_core.domain.execution_reports import OrderFilled
from algopioneer_core.domain.fills import Fill
from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.domain.times import iso_utc
from algopioneer_core.journal.entries import EntryKind, StoredEntry
from algopioneer_core.journal.rows import Query, Storage, entry_of
from algopioneer_core.journal.words import describe

__all__ = ["OrderStory", "story_lines", "story_of"]

_BORN: tuple[EntryKind, ...] = (EntryKind.INTENT, EntryKind.DENIED)


@frozen
class OrderStory:
    """What the journal knows of one order; every part in the order in which it was written."""

    order_id: str
    strategy: str
    causes: tuple[StoredEntry, ...]
    """What led to it, the first cause first: an event, the decision about it."""
    order: tuple[StoredEntry, ...]
    """The intent, or the risk gate's refusal."""
    outcome: tuple[StoredEntry, ...]
    """Reports of the venue, and cancels that were asked for."""
    trades: tuple[StoredEntry, ...]
    """The finished trades its fills are part of."""


def story_of(storage: Storage, order_id: str) -> OrderStory:
    """
    Return the story of an order by its client order id.

    Raises:
        UnknownOrder: The journal has no such order.
        JournalCorrupt: An entry cannot be read.
    """
    found = [entry_of(row, where=storage.name) for row in storage.rows(Query(key=order_id))]
    born = tuple(each for each in found if each.entry.kind in _BORN)
    if not born:
        raise UnknownOrder(
            f"the journal has no order {order_id!r}",
            where=storage.name,
            remedy="give a client order id, as it stands in trades, logs and at the venue",
        )
    outcome = tuple(each for each in found if each.entry.kind not in _BORN)
    fills = [each.entry.body.fill for each in outcome if isinstance(each.entry.body, OrderFilled)]
    first = born[0]
    return OrderStory(
        order_id,
        first.entry.strategy,
        tuple(_causes(storage, first))[::-1],
        born,
        outcome,
        tuple(_trades(storage, first, fills)),
    )


def _causes(storage: Storage, stored: StoredEntry) -> Iterator[StoredEntry]:
    """Yield what led to an entry, the nearest cause first; a cause is always older."""
    while (cause := stored.entry.cause) is not None and 0 < cause < stored.sequence:
        rows = storage.rows(Query(after=cause - 1, until=cause))
        stored = entry_of(next(rows), where=storage.name)
        yield stored


def _trades(storage: Storage, born: StoredEntry, fills: list[Fill]) -> Iterator[StoredEntry]:
    if not fills:
        return
    query = Query(
        after=born.sequence, kinds=(EntryKind.TRADE,), strategy=born.entry.strategy or None
    )
    for row in storage.rows(query):
        stored = entry_of(row, where=storage.name)
        if any(_is_part(fill, stored.entry.body) for fill in fills):
            yield stored


def _is_part(fill: Fill, trip: RoundTrip) -> bool:
    same = fill.instrument_id == trip.instrument_id
    return same and trip.entry_ns <= fill.ts_event <= trip.exit_ns


# --- for people ------------------------------------------------------------------------------


def story_lines(story: OrderStory) -> Iterator[str]:
    """Yield the story as text: a heading for each part, a line for each entry."""
    yield f"order {story.order_id} of {story.strategy or 'the session'}"
    yield from _part("because", story.causes)
    yield from _part("order", story.order)
    yield from _part("outcome", story.outcome)
    yield from _part("trade", story.trades)


def _part(title: str, entries: tuple[StoredEntry, ...]) -> Iterator[str]:
    yield title
    if not entries:
        yield "  nothing"
    for stored in entries:
        first, *others = _lines(stored)
        yield f"  #{stored.sequence} {iso_utc(stored.entry.ts_ns)} {first}"
        yield from (f"      {line}" for line in others)


def _lines(stored: StoredEntry) -> list[str]:
    entry = stored.entry
    if isinstance(entry.body, Mapping):
        if entry.kind is EntryKind.DECISION:
            return _decision_lines(entry.body)
        if entry.kind is EntryKind.DENIED:
            return _denial_lines(entry.body)
    prefixes = {EntryKind.INTENT: "sent: ", EntryKind.TRADE: f"{entry.key}: "}
    return [f"{prefixes.get(entry.kind, '')}{describe(entry.body)}"]


def _decision_lines(body: Mapping[str, object]) -> list[str]:
    """Return what was seen, what was wished for and what risk said, each on lines of their own."""
    lines = [f"seen: {describe(body.get('event'))}"]
    for title, key in (("wished", "wishes"), ("risk", "risk")):
        found = body.get(key)
        parts = found if isinstance(found, list) else [found]
        lines += [f"{title}: {describe(part)}" for part in parts] or [f"{title}: nothing"]
    return lines


def _denial_lines(body: Mapping[str, object]) -> list[str]:
    said = f"denied by risk ({body.get('limit')}): {body.get('reason')}"
    return [said, describe(body.get("order"))]
