"""
The states of an order, and the one table of what may follow what.

Rows marked *real world* look wrong on paper and happen at venues: a fill that overtakes its
acknowledgement, a fill that arrives after the cancel, an acknowledgement that comes last of all,
any report that comes twice. A fill is money, so every state of an order that was sent has a row
for it. Where two reports contradict each other about whether the order lives, neither is believed:
the order becomes `UNKNOWN`, and the venue is asked.
"""

import enum
from types import MappingProxyType
from typing import Final

__all__ = ["TRANSITIONS", "OrderStatus", "Step"]


class OrderStatus(enum.Enum):
    """Where an order is in its life."""

    INITIALIZED = "initialized"
    """Made here, not yet sent."""
    DENIED = "denied"
    """Refused by our own risk gate; never sent."""
    PENDING = "pending"
    """Sent, not yet acknowledged."""
    OPEN = "open"
    PARTIALLY_FILLED = "partially_filled"
    PENDING_CANCEL = "pending_cancel"
    """A cancel was asked for and not yet answered."""
    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"
    """Refused by the venue, or proven never to have reached it."""
    EXPIRED = "expired"
    UNKNOWN = "unknown"
    """Sent, and what became of it is not known: it may or may not be alive at the venue."""

    @property
    def is_final(self) -> bool:
        """Whether nothing more is expected (a late fill may come all the same)."""
        return self in _FINAL

    @property
    def is_working(self) -> bool:
        """Whether the order may still trade."""
        return self not in _FINAL

    # Members are single objects, so their identity is hash enough, and found six times as fast.
    __hash__ = object.__hash__


_FINAL: Final = frozenset(
    (
        OrderStatus.DENIED,
        OrderStatus.FILLED,
        OrderStatus.CANCELED,
        OrderStatus.REJECTED,
        OrderStatus.EXPIRED,
    )
)


class Step(enum.Enum):
    """What can happen to an order."""

    DENY = "deny"
    SUBMIT = "submit"
    ACCEPT = "accept"
    """The venue acknowledges it, or shows it among its open orders."""
    REJECT = "reject"
    PARTIAL_FILL = "partial_fill"
    FILL = "fill"
    """A fill after which nothing remains."""
    COMPLETE = "complete"
    """The venue says that nothing remains, in a message without a fill."""
    REQUEST_CANCEL = "request_cancel"
    REFUSE_CANCEL = "refuse_cancel"
    CANCEL = "cancel"
    EXPIRE = "expire"
    LOSE = "lose"
    """The answer to a submit or cancel was lost."""
    PROVE_ABSENT = "prove_absent"
    """The venue has been shown not to have the order (SEMANTICS: absence)."""

    __hash__ = object.__hash__


_Row = dict[Step, OrderStatus]
_s, _e = OrderStatus, Step

_ALIVE: Final[_Row] = {
    _e.ACCEPT: _s.OPEN,
    _e.REJECT: _s.REJECTED,
    _e.PARTIAL_FILL: _s.PARTIALLY_FILLED,
    _e.FILL: _s.FILLED,
    _e.COMPLETE: _s.FILLED,
    _e.REQUEST_CANCEL: _s.PENDING_CANCEL,
    _e.CANCEL: _s.CANCELED,
    _e.EXPIRE: _s.EXPIRED,
    _e.LOSE: _s.UNKNOWN,
}
"""What may happen to any order that was sent and has not ended."""

_LATE: Final = (
    _e.ACCEPT,
    _e.REJECT,
    _e.PARTIAL_FILL,
    _e.REFUSE_CANCEL,
    _e.CANCEL,
    _e.EXPIRE,
    _e.LOSE,
)
"""What may be heard late, or twice, of an order that has ended, and does not change its state."""

_ROWS: Final[dict[OrderStatus, _Row]] = {
    _s.INITIALIZED: {_e.DENY: _s.DENIED, _e.SUBMIT: _s.PENDING},
    _s.DENIED: {},
    # Real world: a fill, a cancel or an expiry may overtake the acknowledgement.
    _s.PENDING: _ALIVE,
    # Real world: acknowledged twice; accepted first and refused by a later check; the refusal of
    # a cancel comes after a look-up has already shown the order alive.
    _s.OPEN: _ALIVE | {_e.REFUSE_CANCEL: _s.OPEN},
    # Real world: the acknowledgement comes last; what remains is killed as a "reject".
    _s.PARTIALLY_FILLED: _ALIVE
    | {
        _e.ACCEPT: _s.PARTIALLY_FILLED,
        _e.REFUSE_CANCEL: _s.PARTIALLY_FILLED,
        _e.REJECT: _s.CANCELED,
    },
    _s.PENDING_CANCEL: _ALIVE
    | {
        _e.ACCEPT: _s.PENDING_CANCEL,  # real world: the acknowledgement comes last
        _e.PARTIAL_FILL: _s.PENDING_CANCEL,  # it trades while the cancel travels
        _e.REFUSE_CANCEL: _s.OPEN,
    },
    # Found again in any state of a live order, or proven absent. A partial fill proves that it was
    # alive, not that it still is, so the venue is asked all the same. Asking for a cancel, or
    # sending it again under the same id (idempotent venues only), does not make it known.
    _s.UNKNOWN: _ALIVE
    | {
        _e.SUBMIT: _s.UNKNOWN,
        _e.PARTIAL_FILL: _s.UNKNOWN,
        _e.REQUEST_CANCEL: _s.UNKNOWN,
        _e.REFUSE_CANCEL: _s.UNKNOWN,
        _e.PROVE_ABSENT: _s.REJECTED,
    },
    # Real world: late answers of all kinds; more than was asked for (it is ours all the same).
    _s.FILLED: dict.fromkeys((*_LATE, _e.FILL, _e.COMPLETE), _s.FILLED),
    # Real world: the fill crossed the cancel on the wire and arrives after it.
    _s.CANCELED: dict.fromkeys((*_LATE, _e.PROVE_ABSENT), _s.CANCELED)
    | {_e.FILL: _s.FILLED, _e.COMPLETE: _s.FILLED},
    _s.EXPIRED: dict.fromkeys((*_LATE, _e.PROVE_ABSENT), _s.EXPIRED)
    | {_e.FILL: _s.FILLED, _e.COMPLETE: _s.FILLED},
    # Real world: a venue contradicts itself. A fill counts; whether the order lives is asked.
    _s.REJECTED: dict.fromkeys((_e.REJECT, _e.REFUSE_CANCEL, _e.LOSE, _e.PROVE_ABSENT), _s.REJECTED)
    | {
        _e.ACCEPT: _s.UNKNOWN,
        _e.PARTIAL_FILL: _s.UNKNOWN,
        _e.FILL: _s.FILLED,
        _e.COMPLETE: _s.FILLED,
        _e.CANCEL: _s.CANCELED,
        _e.EXPIRE: _s.EXPIRED,
    },
}

TRANSITIONS: Final = MappingProxyType(
    {(status, step): after for status, row in _ROWS.items() for step, after in row.items()}
)
"""
(state, what happened) -> next state. A pair that is not here is illegal.

`orders` knows what was filled before, and refines two results by it: an order that has traded is
`PARTIALLY_FILLED` rather than `OPEN`, and `CANCELED` rather than `REJECTED`. Nor can it be absent.
"""
