"""What a journal is made of: entries, each of one kind, each with what led to it."""

import enum
from typing import Any

from attrs import frozen

__all__ = ["Entry", "EntryKind", "StoredEntry"]


class EntryKind(enum.Enum):
    """What an entry says, and so what its body holds."""

    SESSION = "session"
    """A milestone of the session: start, stop, the nonce of its order ids; JSON values."""
    EVENT = "event"
    """What happened, as it was handled: an event of the domain."""
    DECISION = "decision"
    """`{"event": …, "wishes": […], "risk": […]}`: what a strategy saw and asked for, and what the
    risk gate said."""
    INTENT = "intent"
    """An `Order` that is about to be sent: durable before it is on the wire."""
    CANCEL = "cancel"
    """A cancel that is about to be sent."""
    DENIED = "denied"
    """`{"order": …, "limit": …, "reason": …}`: an order that risk refused."""
    TRADE = "trade"
    """A finished `RoundTrip`, under its trade key."""
    ALERT = "alert"
    """What a human was told; JSON values."""
    CONTROL = "control"
    """A request of a human that was obeyed: halt, resume, flatten; JSON values."""

    __hash__ = object.__hash__  # members are single objects


@frozen
class Entry:
    """One thing to be remembered."""

    kind: EntryKind
    ts_ns: int
    """When, UTC nanoseconds: the time of the event, or the clock's where there is none."""
    strategy: str = ""
    """Whose it is; empty for what concerns the whole session."""
    key: str = ""
    """What it is found by: the client order id, the trade key, …"""
    cause: int | None = None
    """Sequence of the entry that led to this one."""
    body: Any = None
    """A domain object, or JSON values that may contain some (see `codec`)."""


@frozen
class StoredEntry:
    """An entry as the journal has it."""

    sequence: int
    """Its place: 1 for the first, without gaps."""
    entry: Entry
    hash: str
    """Its link in the chain."""
