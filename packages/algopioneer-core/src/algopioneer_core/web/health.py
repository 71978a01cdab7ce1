"""
Whether a session is well: the answer to whoever looks after the process.

Pure: a status and what was counted go in, a verdict comes out, with the name of everything that is
not well.
"""

from collections.abc import Mapping

from attrs import frozen

from algopioneer_core.runtime.status import SessionStatus
from algopioneer_core.web.counts import SessionCounts

__all__ = ["Health", "health_of"]


@frozen
class Health:
    """How a session stands."""

    problems: tuple[str, ...]
    """What is not well, each in a few words that name it; empty when everything is."""
    parts: Mapping[str, object]
    """State of venues, strategies and journal, as JSON values."""

    @property
    def is_good(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    @property
    def body(self) -> dict[str, object]:
        """The answer, as JSON values."""
        verdict = "ok" if self.is_good else "unhealthy"
        return {"status": verdict, "problems": list(self.problems), **self.parts}


def health_of(status: SessionStatus | None, counts: SessionCounts) -> Health:
    """
    Return how a session stands.

    Args:
        status: Its status; None while it is being opened.
        counts: What was counted of it.
    """
    if status is None:
        return Health(("the session is being opened",), {})
    feeds = [f"market data of {venue} is down: {why}" for venue, why in counts.down.items()]
    return Health((*status.problems, *feeds), _parts(status, counts))


def _parts(status: SessionStatus, counts: SessionCounts) -> dict[str, object]:
    return {
        "session": status.name,
        "venues": {
            each.name: {
                "takes_new_exposure": not each.problem,
                "market_data": each.name not in counts.down,
                "breaker": each.breaker,
            }
            for each in status.venues
        },
        "strategies": {
            each.name: {"state": each.state.value, "note": each.note, "open_orders": each.orders}
            for each in status.strategies
        },
        "journal": {"entries": status.journal.entries, "waiting": status.journal.waiting},
    }
