"""
Fault plans: what goes wrong in a simulated session, and when, drawn from a seed.

A plan says nothing about how a fault is made: the network, the reference venue and the strategies
of a simulation each take the kinds they know. The same seed is the same plan in every process, and
`repr` of a plan is Python that builds it again.

    plan = draw_plan(random.Random(seed).random, duration_ns=3_600 * 10**9, targets=["kraken"])
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(functools.partial(play, plan, apply))
"""

import enum
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, Final

import anyio
from attrs import field, frozen, validators

from algopioneer_core.domain.market_data import NS_PER_SECOND

__all__ = ["EVEN_ODDS", "Fault", "FaultKind", "FaultPlan", "draw_plan", "play"]


class FaultKind(enum.Enum):
    """What can go wrong. Those that last end by themselves after the fault's duration."""

    DISCONNECT = "disconnect"
    """Every connection to the target breaks; new ones work."""
    OUTAGE = "outage"
    """Lasts: connections break, and new ones are refused."""
    HALF_OPEN = "half_open"
    """Lasts: what is sent vanishes, and nobody is told."""
    STALL = "stall"
    """Lasts: nothing arrives until it ends."""
    SILENCE = "silence"
    """Lasts: the venue answers pings and sends nothing else."""
    SLOW = "slow"
    """Lasts: everything takes long."""
    GAP = "gap"
    """The next message of the market data stream is lost."""
    LOST_REQUEST = "lost_request"
    """The next order request is never placed, and no answer comes."""
    LOST_ACK = "lost_ack"
    """The next order request is placed, and no answer comes."""
    REJECT = "reject"
    """The next order is refused."""
    RATE_LIMIT = "rate_limit"
    """The next request is refused as one too many."""
    SERVER_ERROR = "server_error"
    """The next request fails with a server error; whether it was placed is unknown."""
    PARTIAL_FILL = "partial_fill"
    """The next fill comes in parts."""
    DELAYED_FILL = "delayed_fill"
    """Lasts: orders are taken, and trade when it is over."""
    DUPLICATE = "duplicate"
    """The next report comes twice."""
    REORDER = "reorder"
    """The next two reports come in the wrong order."""
    LATE_FILL = "late_fill"
    """The next cancel is overtaken by a fill."""
    DELAYED_READ = "delayed_read"
    """Lasts: look-ups do not show the latest orders and fills."""
    STRATEGY_CRASH = "strategy_crash"
    """The target's strategy raises at its next event."""
    STRATEGY_BLOCK = "strategy_block"
    """The target's strategy does not return from its next event."""
    KILL = "kill"
    """The process ends without a word; a simulation starts it again from the journal."""
    GARBAGE = "garbage"
    """A price that cannot be: old, crossed, negative, from the future."""
    MARKET_CLOSED = "market_closed"
    """Lasts: the venue trades nothing and refuses orders."""
    FOREIGN_ORDER = "foreign_order"
    """Somebody else trades in the account."""
    CLOCK_STEP = "clock_step"
    """Lasts: the machine's clock is wrong, and is then put right."""
    DISK_FULL = "disk_full"
    """Lasts: nothing more can be written."""
    SYNC_ERROR = "sync_error"
    """The next commit fails, and nobody knows whether it is on the disk."""
    HALT = "halt"
    """A person halts the target, or everything."""
    FLATTEN = "flatten"
    """A person flattens the target, or everything."""
    RESUME = "resume"
    """A person resumes the target, or everything."""
    RELOAD = "reload"
    """A person adds, removes or reconfigures the target while the session runs."""

    def __repr__(self) -> str:
        """Return Python, so that a plan that failed can be pasted into a test."""
        return f"FaultKind.{self.name}"

    @property
    def lasts(self) -> bool:
        """Whether it goes on for a time."""
        return self in _LASTING


_LASTING: Final = frozenset(
    {
        FaultKind.OUTAGE,
        FaultKind.HALF_OPEN,
        FaultKind.STALL,
        FaultKind.SILENCE,
        FaultKind.SLOW,
        FaultKind.DELAYED_READ,
        FaultKind.DELAYED_FILL,
        FaultKind.MARKET_CLOSED,
        FaultKind.CLOCK_STEP,
        FaultKind.DISK_FULL,
    }
)
EVEN_ODDS: Final[Mapping[FaultKind, int]] = dict.fromkeys(FaultKind, 1)
"""Every kind as often as any other."""


@frozen(order=True)
class Fault:
    """One thing that goes wrong."""

    at_ns: int = field(validator=validators.ge(0))
    """When, nanoseconds from the start of the run."""
    kind: FaultKind = field(order=lambda kind: kind.value)
    target: str = ""
    """The venue or strategy it befalls."""
    duration_ns: int = field(default=0, validator=validators.ge(0))
    """How long it lasts, where it does."""


def _in_order(faults: Iterable[Fault]) -> tuple[Fault, ...]:
    return tuple(sorted(faults))


@frozen
class FaultPlan:
    """Faults in order of time."""

    faults: tuple[Fault, ...] = field(converter=_in_order)

    def of(self, *kinds: FaultKind) -> "FaultPlan":
        """Return the plan of those kinds only, for one part of a simulation."""
        return FaultPlan(fault for fault in self.faults if fault.kind in kinds)

    def on(self, target: str) -> "FaultPlan":
        """Return the plan for one target only."""
        return FaultPlan(fault for fault in self.faults if fault.target == target)


def draw_plan(
    draw: Callable[[], float],
    *,
    duration_ns: int,
    targets: Sequence[str],
    count: int = 10,
    odds: Mapping[FaultKind, int] = EVEN_ODDS,
    longest_ns: int = 60 * NS_PER_SECOND,
) -> FaultPlan:
    """
    Draw a plan.

    Args:
        draw: Gives numbers in [0, 1), as `random.Random(seed).random` does.
        duration_ns: Of the run; no fault begins at or after its end.
        targets: Names of what may be befallen, each as often as any other.
        count: How many faults.
        odds: How often each kind comes, in proportion; kinds left out never do. Their order in
            the mapping counts: the same seed with another order is another plan.
        longest_ns: No fault lasts longer. Half of those that last take less than a quarter of it.
    """
    kinds = [kind for kind, weight in odds.items() for _ in range(weight)]

    def below(stop: int) -> int:
        return min(stop - 1, int(draw() * stop))

    def fault() -> Fault:
        kind, target = kinds[below(len(kinds))], targets[below(len(targets))]
        duration_ns_ = int(draw() ** 2 * longest_ns) if kind.lasts else 0
        return Fault(below(duration_ns), kind, target, duration_ns_)

    return FaultPlan(fault() for _ in range(count))


async def play(plan: FaultPlan, apply: Callable[[Fault], Coroutine[Any, Any, None]]) -> None:
    """
    Apply each fault when its time has come, by anyio's clock, counted from now.

    Each application has a task of its own: one that lasts does not hold up the next. An error of
    *apply* ends the play.
    """
    start = anyio.current_time()
    async with anyio.create_task_group() as tasks:
        for fault in plan.faults:
            await anyio.sleep_until(start + fault.at_ns / NS_PER_SECOND)
            tasks.start_soon(apply, fault)
