"""
What goes wrong in one simulation, and when: drawn from its seed, before anything runs.

A history is a list of incidents: faults of venue, machine, strategies and people, alone and in
storms, and the ends of the process's lives. None of them decides anything about another, so that
one that does not matter can be left out and the rest still happens as it did: `only` does that for
a person who looks into a failure, and `shrink` finds out which ones matter.
"""

import enum
import random  # noqa: TID251 - every stream of numbers is seeded here, and nowhere else
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from attrs import evolve, frozen

from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.testing.fault_plans import Fault, FaultKind, FaultPlan, draw_plan
from algopioneer_core.testing.simulation_strategies import STRATEGIES

__all__ = ["End", "History", "Life", "draw_history", "numbers", "shrink"]

_MINUTE_NS: Final = 60 * NS_PER_SECOND
_QUIET_NS: Final = 6 * _MINUTE_NS
"""How long nothing goes wrong before the end: everything unknown is known by then."""
_LONGEST_FAULT_NS: Final = 45 * NS_PER_SECOND
_LONGEST_AWAY_NS: Final = 3 * _MINUTE_NS
_DAY: Final = 120
"""Minutes from which on a history may be calm; a shorter one would pass without a trade."""
_OFTEN_BUSY: Final = 0.01
_STORM_NS: Final = 10 * NS_PER_SECOND
_HALF: Final = 0.5
_AT_VENUE: Final = {
    FaultKind.DISCONNECT: 3,
    FaultKind.OUTAGE: 2,
    FaultKind.LOST_REQUEST: 3,
    FaultKind.LOST_ACK: 3,
    FaultKind.REJECT: 3,
    FaultKind.RATE_LIMIT: 2,
    FaultKind.SERVER_ERROR: 3,
    FaultKind.PARTIAL_FILL: 4,
    FaultKind.DUPLICATE: 3,
    FaultKind.DELAYED_READ: 2,
    FaultKind.REORDER: 3,
    FaultKind.LATE_FILL: 3,
    FaultKind.HALF_OPEN: 1,
    FaultKind.SILENCE: 2,
    FaultKind.STALL: 2,
    FaultKind.SLOW: 2,
    FaultKind.GARBAGE: 4,
    FaultKind.MARKET_CLOSED: 1,
    FaultKind.FOREIGN_ORDER: 2,
}
_AT_MACHINE: Final = {FaultKind.CLOCK_STEP: 3, FaultKind.DISK_FULL: 1, FaultKind.SYNC_ERROR: 1}
_AT_STRATEGIES: Final = {FaultKind.STRATEGY_CRASH: 3, FaultKind.STRATEGY_BLOCK: 1}
_BY_PEOPLE: Final = {
    FaultKind.HALT: 1,
    FaultKind.FLATTEN: 1,
    FaultKind.RESUME: 2,
    FaultKind.RELOAD: 2,
}
PEOPLE: Final = frozenset(_BY_PEOPLE)
"""What people do; it comes on top of what the machine suffers."""


class End(enum.Enum):
    """How a life of the process ends."""

    STOP = "stop"
    CUT = "cut"
    CUT_BEFORE_COMMIT = "cut before a commit"
    CUT_AFTER_COMMIT = "cut after a commit"


_ENDS: Final = (End.STOP, End.CUT, End.CUT, End.CUT_BEFORE_COMMIT, End.CUT_AFTER_COMMIT)


@frozen
class Life:
    """One life of the process."""

    until_ns: int
    """When its end comes, from the start of the simulation."""
    how: End
    away_ns: int = 0
    """How long nothing runs after it."""


@frozen
class History:
    """All incidents of one simulation."""

    faults: tuple[Fault, ...]
    """In order of time."""
    lives: tuple[Life, ...]
    """One after the other, but for the last."""
    duration_ns: int
    """How long things go wrong; a quiet time follows."""
    is_calm: bool = False
    """Whether quotes are few and strategies trade a few times an hour, as on most days."""

    @property
    def incidents(self) -> tuple[Fault | Life, ...]:
        """All of them; their places in here are their numbers."""
        return (*self.faults, *self.lives)

    @property
    def plan(self) -> FaultPlan:
        """The faults as they are played."""
        return FaultPlan(self.faults)

    @property
    def all_lives(self) -> tuple[Life, ...]:
        """The lives, and the last, which outlasts all faults and is stopped."""
        return (*self.lives, Life(self.duration_ns + _QUIET_NS, End.STOP))

    def only(self, wanted: Collection[int]) -> "History":
        """Return the history with these incidents only, by number."""
        kept = set(wanted)
        first = len(self.faults)
        return evolve(
            self,
            faults=tuple(each for n, each in enumerate(self.faults) if n in kept),
            lives=tuple(each for n, each in enumerate(self.lives, first) if n in kept),
        )


def numbers(seed: int, name: str) -> Callable[[], float]:
    """Return numbers in [0, 1) of their own for one purpose."""
    return random.Random(f"{seed}/{name}").random  # noqa: S311 - to repeat, not to hide


def draw_history(
    seed: int,
    minutes: int,
    venue: str = "reference",
    strategies: Sequence[str] = STRATEGIES,
) -> History:
    """
    Return the history of *seed*: as many simulated minutes, and a quiet time after them.

    Args:
        seed: Decides it.
        minutes: How long things go wrong.
        venue: The name of whatever venue it happens at: the same befalls each.
        strategies: The names of those that trade.
    """
    duration_ns = minutes * _MINUTE_NS
    has_foreigners = numbers(seed, "foreigners")() < _HALF
    at_venue = _without({} if has_foreigners else {FaultKind.FOREIGN_ORDER}, _AT_VENUE)
    is_calm = minutes >= _DAY and numbers(seed, "pace")() >= _OFTEN_BUSY
    busy = max(minutes // 6, 1) if is_calm else minutes
    draw = numbers(seed, "faults")
    faults = [
        *_drawn(draw, duration_ns, [venue], int(draw() * busy * 2), at_venue),
        *_drawn(draw, duration_ns, strategies, int(draw() * busy / 4), _AT_STRATEGIES),
        *_drawn(draw, duration_ns, [""], int(draw() * busy / 15), _AT_MACHINE),
        *_storms(numbers(seed, "storms"), duration_ns, (venue, strategies), at_venue),
        *_by_people(numbers(seed, "people"), duration_ns, busy, strategies),
    ]
    return History(
        FaultPlan(faults).faults,
        _lives(numbers(seed, "lives"), duration_ns),
        duration_ns,
        is_calm,
    )


def _without(
    unwanted: Collection[FaultKind], odds: Mapping[FaultKind, int]
) -> dict[FaultKind, int]:
    return {kind: weight for kind, weight in odds.items() if kind not in unwanted}


def _drawn(
    draw: Callable[[], float],
    duration_ns: int,
    targets: Sequence[str],
    count: int,
    odds: Mapping[FaultKind, int],
) -> tuple[Fault, ...]:
    return draw_plan(
        draw,
        duration_ns=duration_ns - _LONGEST_FAULT_NS,
        targets=targets,
        count=count,
        odds=odds,
        longest_ns=_LONGEST_FAULT_NS,
    ).faults


def _storms(
    draw: Callable[[], float],
    duration_ns: int,
    among: tuple[str, Sequence[str]],
    odds: Mapping[FaultKind, int],
) -> list[Fault]:
    """Return several faults at once, up to three times: each is survived alone, so they meet."""
    storms, (venue, strategies) = [], among
    for _ in range(int(draw() * 4)):
        begin_ns = int(draw() * (duration_ns - _LONGEST_FAULT_NS - _STORM_NS))
        parts = (
            *_drawn(draw, duration_ns, [venue], 2 + int(draw() * 5), odds),
            *_drawn(draw, duration_ns, strategies, int(draw() * 2), _AT_STRATEGIES),
        )
        storms += [evolve(each, at_ns=begin_ns + each.at_ns % _STORM_NS) for each in parts]
    return storms


def _by_people(
    draw: Callable[[], float], duration_ns: int, minutes: int, strategies: Sequence[str]
) -> tuple[Fault, ...]:
    """Return what somebody does who cannot leave it alone; in half of the seeds there is nobody."""
    count = int(draw() * minutes / 3) if draw() < _HALF else 0
    return _drawn(draw, duration_ns, ["", *strategies], count, _BY_PEOPLE)


def _lives(draw: Callable[[], float], duration_ns: int) -> tuple[Life, ...]:
    ends = sorted(int(draw() * duration_ns) for _ in range(int(draw() * 6)))
    return tuple(
        Life(at_ns, _ENDS[int(draw() * len(_ENDS))], int(draw() ** 2 * _LONGEST_AWAY_NS))
        for at_ns in ends
    )


def shrink(
    wanted: Sequence[int], fails: Callable[[Sequence[int]], bool], *, tries: int = 200
) -> list[int]:
    """
    Return a small part of *wanted* with which it still fails: halves are left out, then quarters, …

    After Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input" (2002): when
    it ends before *tries* are used up, no single incident can be left out.

    Args:
        wanted: The numbers of the incidents with which it fails.
        fails: Tells whether it fails in the same way with a part of them.
        tries: How often that is asked at most.
    """
    left, parts = list(wanted), 2
    while left and tries > 0:
        size = -(-len(left) // parts)
        for begin in range(0, len(left), size):
            fewer = left[:begin] + left[begin + size :]
            tries -= 1
            if fails(fewer):
                left, parts = fewer, max(2, parts - 1)
                break
            if tries <= 0:
                break
        else:
            if size == 1:
                break
            parts = min(len(left), 2 * parts)
    return left
