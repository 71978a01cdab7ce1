"""How a session that was killed takes up its work."""

import enum

__all__ = ["Resume"]


class Resume(enum.Enum):
    """How a session that was killed takes up its work."""

    CURSOR = "cursor"
    """The replayed feed goes on where it was; the fills are those of an uninterrupted run."""
    WALLCLOCK = "wallclock"
    """The market has gone on: reconcile with the venue first, then trade from now."""
