"""
The life of a two-leg position: one table of what may follow what.

States follow *fills*, never the hope that an order which was sent has filled. What happened is
worked out by `leg_manager` from the positions and the open orders of both legs; this table only
says where it leads, so that every way through the life of a spread can be read on one page.
"""

import enum
from types import MappingProxyType
from typing import Final

__all__ = ["LEG_TRANSITIONS", "LegState", "LegTrigger"]


class LegState(enum.Enum):
    """Where a spread is in its life."""

    FLAT = "flat"
    ENTERING = "entering"
    """Opening orders are out, or the late leg is being completed."""
    IN_POSITION = "in_position"
    ROLLING = "rolling"
    """The second leg is being moved from one contract to the next."""
    EXITING = "exiting"
    """Closing orders are out on both legs."""
    UNWINDING = "unwinding"
    """The legs are uneven, and the larger one is being cut back to the smaller."""
    RECONCILING = "reconciling"
    """The fate of an order is not known; nothing is ordered until it is."""
    HALTED = "halted"
    """Something could not be put right, or was stopped: a person has to look."""

    # Members are single objects, so their identity is hash enough.
    __hash__ = object.__hash__


class LegTrigger(enum.Enum):
    """What can happen to a spread."""

    OPEN = "open"
    """A spread was ordered and its first order made."""
    ROLL = "roll"
    """The second leg is to be held in another contract."""
    CLOSE = "close"
    """The spread is to be closed."""
    COMPLETE = "complete"
    """Nothing is working, both legs are held, and they are even."""
    EMPTY = "empty"
    """Nothing is working and nothing is held."""
    UNEVEN = "uneven"
    """The legs are not as they should be, and the larger is to be cut back."""
    LOSE = "lose"
    """The fate of an order became unknown."""
    STUCK = "stuck"
    """No correction is possible now, or none was on the wire in time."""
    RECOVER = "recover"
    """What stood in the way of a correction is gone, or nothing is left to correct."""
    __hash__ = object.__hash__


def _table() -> dict[tuple[LegState, LegTrigger], LegState]:
    s, t = LegState, LegTrigger
    rows: dict[LegState, dict[LegTrigger, LegState]] = {
        s.FLAT: {
            t.OPEN: s.ENTERING,
            t.UNEVEN: s.UNWINDING,  # real world: a fill arrives after the cancel that emptied us
            t.LOSE: s.RECONCILING,  # real world: what was rejected is accepted after all
        },
        s.ENTERING: {
            t.COMPLETE: s.IN_POSITION,
            t.EMPTY: s.FLAT,
            t.UNEVEN: s.UNWINDING,
            t.CLOSE: s.EXITING,
            t.LOSE: s.RECONCILING,
            t.STUCK: s.HALTED,
        },
        s.IN_POSITION: {
            t.CLOSE: s.EXITING,
            t.ROLL: s.ROLLING,
            t.UNEVEN: s.UNWINDING,  # real world: one leg was liquidated, settled or busted
            t.EMPTY: s.FLAT,  # real world: both were
            t.LOSE: s.RECONCILING,
        },
        s.ROLLING: {
            t.COMPLETE: s.IN_POSITION,
            t.EMPTY: s.FLAT,
            t.UNEVEN: s.UNWINDING,
            t.CLOSE: s.EXITING,  # by wish, or because the next contract cannot be had
            t.LOSE: s.RECONCILING,
            t.STUCK: s.HALTED,
        },
        s.EXITING: {
            t.EMPTY: s.FLAT,
            t.UNEVEN: s.UNWINDING,
            t.LOSE: s.RECONCILING,
            t.STUCK: s.HALTED,
        },
        s.UNWINDING: {
            t.EMPTY: s.FLAT,
            t.COMPLETE: s.IN_POSITION,  # even again, at a smaller size
            t.CLOSE: s.EXITING,  # even again, and the rest is to go too
            t.LOSE: s.RECONCILING,
            t.STUCK: s.HALTED,
        },
        s.RECONCILING: {
            t.RECOVER: s.UNWINDING,  # known again: the facts decide what is left to do
            t.STUCK: s.HALTED,
        },
        s.HALTED: {
            t.RECOVER: s.UNWINDING,
        },
    }
    return {
        (state, trigger): after for state, row in rows.items() for trigger, after in row.items()
    }


LEG_TRANSITIONS: Final = MappingProxyType(_table())
"""(state, what happened) -> next state. A pair that is not here is illegal."""
