"""The clocks of a spread: how long its orders may work, and how long it may stand uneven."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from algopioneer_core.domain.commands import SetTimer
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.domain.money import mul
from algopioneer_core.engine.leg_rules import LegRules

__all__ = ["LEG_TIMER", "LegClock", "nanoseconds"]

LEG_TIMER = "legs"
"""Name of the timer that asks for a review; the engine gives it to the leg manager."""
_SAVED = (
    "deadline_ns",
    "uneven_until_ns",
    "patience_until_ns",
    "pause_until_ns",
    "retry_ns",
    "again_ns",
    "deadline_before_ns",
    "set_for_ns",
)
_FIRST_RETRY_NS = NS_PER_SECOND
_LAST_RETRY_NS = 30 * NS_PER_SECOND
_MOST_DOUBLINGS = 5


def nanoseconds(seconds: Decimal) -> int:
    """Return *seconds* as whole nanoseconds, rounded towards zero."""
    return int(mul(seconds, Decimal(NS_PER_SECOND)))


class LegClock:
    """
    Deadlines in event time. One timer serves them all: it is set to whichever comes next.

    Args:
        rules: How long orders may work, and how long the legs may be uneven without a correction.
    """

    def __init__(self, rules: LegRules) -> None:
        self._residual_ns = nanoseconds(rules.max_residual_s)
        self._patience_ns = nanoseconds(rules.patience_s)
        self.deadline_ns: int | None = None
        """By when a correction must be on the wire; None while the legs are even enough."""
        self.uneven_until_ns: int | None = None
        """When the deadline comes that no correction moves; None while they are even enough."""
        self.patience_until_ns: int | None = None
        """Until when the present orders may work."""
        self.pause_until_ns: int | None = None
        """Before when the second leg is not sent."""
        self.retry_ns: int | None = None
        """Before when nothing is tried again, because the risk gate refused it."""
        self.again_ns: int | None = None
        """Before when what has brought nothing is not tried again."""
        self.deadline_before_ns: int | None = None
        """What the deadline was before the correction of this moment; None without one."""
        self.set_for_ns: int | None = None
        """For when the timer was last asked for; None when it was not, or has fired."""
        self.cancel_again_ns: dict[str, int] = {}
        """By order id: before when a cancel that was refused is not tried again."""

    def reset(self) -> None:
        """Forget all deadlines: a new phase has begun."""
        self.deadline_ns = self.patience_until_ns = self.pause_until_ns = self.set_for_ns = None
        self.uneven_until_ns = self.deadline_before_ns = None
        self.at_once()

    def at_once(self) -> None:
        """Let the next attempt be made without a pause."""
        self.retry_ns = self.again_ns = None

    def watch(self, now_ns: int, *, uneven: bool, live: Sequence[str]) -> None:
        """
        Look at the facts: start the deadline when the legs become uneven, drop it when they are
        even; forget cancels of orders that are no longer *live*.
        """
        self.deadline_before_ns = None
        if not uneven:
            self.deadline_ns = self.uneven_until_ns = None
        elif self.deadline_ns is None:
            self.exposed(now_ns)
        if self.cancel_again_ns:  # rare, and this is called after every report
            for each in [each for each in self.cancel_again_ns if each not in live]:
                del self.cancel_again_ns[each]

    def ordered(self, now_ns: int) -> None:
        """Give orders that are made now their time to work."""
        self.patience_until_ns = now_ns + self._patience_ns

    def exposed(self, now_ns: int) -> None:
        """Start the deadline: the legs are uneven, or an order of two may fill alone."""
        self.deadline_ns = self.uneven_until_ns = now_ns + self._residual_ns

    def corrected(self, now_ns: int) -> None:
        """Take note that a correction goes out now: it has until the next deadline to work."""
        if self.deadline_ns is not None:
            self.deadline_before_ns = self.deadline_ns
            self.deadline_ns = now_ns + self._residual_ns

    def tried(self, now_ns: int, attempt: int) -> None:
        """
        Take note of an order to close; what comes after it waits, unless this one brings something.

        A market that has nothing may have something soon, and ten orders are sent in a second. The
        second *attempt* is made at once, the third after a second, and so on twice as long, but no
        longer than an order has to work.
        """
        pause_ns = _FIRST_RETRY_NS << min(attempt - 2, _MOST_DOUBLINGS) if attempt > 1 else 0
        self.again_ns = now_ns + min(pause_ns, self._patience_ns)

    def denied(self, now_ns: int, attempt: int, *, all_of_it: bool) -> None:
        """
        Take note that our own risk gate refused an order that was just made.

        Nothing is tried again for a second, and twice as long after each further *attempt*, up to
        half a minute. Where *all_of_it* was refused nothing is on the wire, so the deadline stays
        where it was.
        """
        pause_ns = _FIRST_RETRY_NS << min(max(attempt - 1, 0), _MOST_DOUBLINGS)
        self.retry_ns = now_ns + min(pause_ns, _LAST_RETRY_NS)
        if all_of_it and self.deadline_before_ns is not None:
            self.deadline_ns = self.deadline_before_ns

    def is_paused(self, now_ns: int) -> bool:
        """Return whether what was refused, or brought nothing, has to wait for its next attempt."""
        return any(each is not None and now_ns < each for each in (self.retry_ns, self.again_ns))

    def restart(self, now_ns: int, *, uneven: bool) -> None:
        """Begin anew, with a whole deadline when the legs are uneven."""
        self.reset()
        self.watch(now_ns, uneven=uneven, live=tuple(self.cancel_again_ns))

    def may_cancel(self, client_order_id: str, now_ns: int) -> bool:
        """Return whether a cancel may go out now; a refused one is repeated after patience."""
        return now_ns >= self.cancel_again_ns.get(client_order_id, now_ns)

    def cancelled(self, client_order_id: str, now_ns: int) -> None:
        """Take note of a cancel; only the first one of an order counts as a correction."""
        if client_order_id not in self.cancel_again_ns:
            self.corrected(now_ns)
        self.cancel_again_ns[client_order_id] = now_ns + self._patience_ns

    def out_of_patience(self, now_ns: int) -> bool:
        """Return whether the present orders have worked long enough."""
        return self.patience_until_ns is not None and now_ns >= self.patience_until_ns

    def overdue(self, now_ns: int) -> bool:
        """Return whether the deadline for a correction has come."""
        return self.deadline_ns is not None and now_ns >= self.deadline_ns

    def uneven_too_long(self, now_ns: int) -> bool:
        """Return whether the legs have been uneven for the time of one deadline, or longer."""
        return self.uneven_until_ns is not None and now_ns >= self.uneven_until_ns

    def next_timer(self, now_ns: int) -> list[SetTimer]:
        """Return a timer for the next moment at which something is due, if it is a new one."""
        due = None
        for each in (
            self.deadline_ns,
            self.patience_until_ns,
            self.pause_until_ns,
            self.retry_ns,
            self.again_ns,
        ):
            if each is not None and each > now_ns and (due is None or each < due):
                due = each
        if self.cancel_again_ns:  # rare, and this is asked after every report
            later = [each for each in self.cancel_again_ns.values() if each > now_ns]
            due = min(later if due is None else (due, *later), default=None)
        if due is None or due == self.set_for_ns:
            return []
        self.set_for_ns = due
        return [SetTimer(LEG_TIMER, due)]

    def snapshot(self) -> dict[str, Any]:
        """Return all deadlines as JSON values."""
        return {
            **{name: getattr(self, name) for name in _SAVED},
            "cancel_again_ns": dict(self.cancel_again_ns),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what `snapshot` described."""
        for name in _SAVED:
            setattr(self, name, state.get(name))  # one that was added since is not there yet
        self.cancel_again_ns = dict(state["cancel_again_ns"])
