"""
The whole runtime under faults: one seed is one history of a market, a venue and three strategies.

    outcome = simulate(7, load_host(), minutes=60)

Real are session, gate, engines, pumps, reconciliation, supervision, journal and strategies. Made up
are the time, the order in which tasks run, the market, the venue and the disk, and the seed decides
all of them: what breaks and when, which strategy fails, when the power goes, in the middle of which
commit, and how long it stays away. `simulation_books` and `simulation_end` say what must hold
through all of it.
"""

import functools
import hashlib
from collections.abc import Callable
from typing import Final

import anyio
from attrs import frozen

from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.journal.verify import export
from algopioneer_core.plugins.manager import PluginHost
from algopioneer_core.testing.clocks import run_virtual
from algopioneer_core.testing.fault_plans import FaultKind, FaultPlan, draw_plan, play
from algopioneer_core.testing.simulation_books import InvariantBroken
from algopioneer_core.testing.simulation_end import check_end
from algopioneer_core.testing.simulation_strategies import STRATEGIES
from algopioneer_core.testing.simulation_world import End, Life, World

__all__ = ["Outcome", "simulate"]

_MINUTE_NS: Final = 60 * NS_PER_SECOND
_QUIET_NS: Final = 6 * _MINUTE_NS
"""How long nothing goes wrong before the end: everything unknown is known by then."""
_LONGEST_FAULT_NS: Final = 45 * NS_PER_SECOND
_LONGEST_AWAY_NS: Final = 3 * _MINUTE_NS
_VENUE_FAULTS: Final = {
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
}
_ENDS: Final = (End.STOP, End.CUT, End.CUT, End.CUT_BEFORE_COMMIT, End.CUT_AFTER_COMMIT)


@frozen(kw_only=True)
class Outcome:
    """What a seed came to."""

    seed: int
    lives: int
    """How often the session was started."""
    orders: int
    """Accepted by the venue."""
    fills: int
    trades: int
    faults: int
    crashes: int
    """Of strategies."""
    checks: int
    """How often all invariants were looked at."""
    simulated_s: int
    digest: str
    """SHA-256 of the canonical export of the journal."""


def simulate(seed: int, host: PluginHost, *, minutes: int = 60) -> Outcome:
    """
    Live through one history and check that everything held.

    Args:
        seed: Decides it; the same seed is the same history in every process.
        host: The loaded plugins; the strategies must be among them.
        minutes: How long things go wrong, simulated; the quiet end comes on top.

    Raises:
        InvariantBroken: Something happened that must never happen; inside an `ExceptionGroup`
            where it was seen while the session ran.
        PluginError: The strategies are not installed.
    """
    return run_virtual(_simulate, World(seed, host), minutes * _MINUTE_NS, seed=seed)


async def _simulate(world: World, duration_ns: int) -> Outcome:
    plan = _faults(world, duration_ns)
    lives = _lives(world.stream("lives"), duration_ns)
    tasks_before = _living()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(world.move_market)
        tasks.start_soon(functools.partial(play, plan, world.befall))
        if world.has_people:
            tasks.start_soon(world.interfere, duration_ns)
        await world.live(lives)
        world.check()
        tasks.cancel_scope.cancel()
    left = _living() - tasks_before
    if left:
        raise InvariantBroken(f"{left} tasks were left behind")
    return _outcome(world, plan)


def _living() -> int:
    from trio.lowlevel import current_statistics

    return current_statistics().tasks_living


def _faults(world: World, duration_ns: int) -> FaultPlan:
    draw, minutes = world.stream("faults"), duration_ns // _MINUTE_NS
    within_ns = duration_ns - _LONGEST_FAULT_NS
    of_venue = draw_plan(
        draw,
        duration_ns=within_ns,
        targets=[world.venue.name],
        count=int(draw() * minutes * 2),
        odds=_VENUE_FAULTS,
        longest_ns=_LONGEST_FAULT_NS,
    )
    of_strategies = draw_plan(
        draw,
        duration_ns=within_ns,
        targets=STRATEGIES,
        count=int(draw() * minutes / 4),
        odds={FaultKind.STRATEGY_CRASH: 1},
    )
    return FaultPlan((*of_venue.faults, *of_strategies.faults))


def _lives(draw: Callable[[], float], duration_ns: int) -> list[Life]:
    """Return lives one after the other; the last outlasts all faults and is stopped."""
    ends = sorted(int(draw() * duration_ns) for _ in range(int(draw() * 6)))
    lives = [
        Life(at_ns, _ENDS[int(draw() * len(_ENDS))], int(draw() ** 2 * _LONGEST_AWAY_NS))
        for at_ns in ends
    ]
    return [*lives, Life(duration_ns + _QUIET_NS, End.STOP)]


def _outcome(world: World, plan: FaultPlan) -> Outcome:
    session = world.session
    assert session is not None
    storage = world.disk.plug_in()
    check_end(world.books, session.floor, storage, world.recorder)
    account = world.venue.execution
    digest = hashlib.sha256()
    for line in export(storage):
        digest.update(line.encode() + b"\n")
    return Outcome(
        seed=world.seed,
        lives=world.lives,
        orders=len(account.accepted),
        fills=len(account.executed),
        trades=len(world.recorder.trades),
        faults=len(plan.faults),
        crashes=world.moods.failed,
        checks=world.books.checks,
        simulated_s=(world.clock.now_ns() - world.clock.start_ns) // NS_PER_SECOND,
        digest=digest.hexdigest(),
    )
