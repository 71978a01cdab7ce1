"""
The whole runtime under faults: one seed is one history of a market, a venue and four strategies.

    outcome = simulate(7, load_host(), minutes=60)

Real are session, gate, engines, pumps, reconciliation, supervision, journal and strategies. Made up
are the time, the order in which tasks run, the market, the venue, the disk and the people, and the
seed decides all of them (see `simulation_history`). `simulation_books` and `simulation_end` say
what must hold through all of it.
"""

import hashlib
from collections.abc import Callable, Iterable
from typing import Final

import anyio
from attrs import field, frozen

from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.journal.verify import export
from algopioneer_core.plugins.manager import PluginHost
from algopioneer_core.testing.clocks import run_virtual
from algopioneer_core.testing.fault_plans import play
from algopioneer_core.testing.simulated_reference import SimulatedReference
from algopioneer_core.testing.simulation_books import InvariantBroken
from algopioneer_core.testing.simulation_end import check_end
from algopioneer_core.testing.simulation_history import History, draw_history
from algopioneer_core.testing.simulation_strategies import strategies_of
from algopioneer_core.testing.simulation_venue import MakeVenue
from algopioneer_core.testing.simulation_world import World

__all__ = ["Outcome", "simulate"]

_HOUR_NS: Final = 3_600 * NS_PER_SECOND


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
    processor_s: float = field(default=0.0, eq=False)
    """What it cost; not part of what happened."""


def simulate(
    seed: int,
    host: PluginHost,
    *,
    minutes: int = 60,
    history: History | None = None,
    venue: MakeVenue = SimulatedReference,
    keep: Callable[[Iterable[str]], object] = lambda _: None,
) -> Outcome:
    """
    Live through one history and check that everything held.

    Args:
        seed: Decides it; the same seed is the same history in every process.
        host: The loaded plugins; the strategies must be among them.
        minutes: How long things go wrong, simulated; the quiet end comes on top.
        history: A part of the seed's own, to find out what of it matters; None for all of it.
        venue: Makes the venue it happens at.
        keep: Takes the lines of the journal's canonical export at the end.

    Raises:
        InvariantBroken: Something happened that must never happen; inside an `ExceptionGroup`
            where it was seen while the session ran.
        PluginError: The strategies are not installed.
    """
    if history is None:
        history = draw_history(seed, minutes, strategies=strategies_of(host))
    return run_virtual(_simulate, (seed, host, venue), history, keep, seed=seed)


async def _simulate(
    made_of: tuple[int, PluginHost, MakeVenue],
    history: History,
    keep: Callable[[Iterable[str]], object],
) -> Outcome:
    tasks_before = _living()
    world = World(*made_of, is_calm=history.is_calm)
    async with world.venue.serving(), anyio.create_task_group() as tasks:
        tasks.start_soon(world.move_market)
        tasks.start_soon(play, history.plan, world.befall)
        tasks.start_soon(_resume_every_hour, world, history.duration_ns)
        await world.process.live(history.all_lives)
        world.check()
        tasks.cancel_scope.cancel()
    left = _living() - tasks_before
    if left:
        raise InvariantBroken(f"{left} tasks were left behind")
    return _outcome(world, history, keep)


async def _resume_every_hour(world: World, until_ns: int) -> None:
    """Let somebody look in who lifts all halts, the last time when nothing goes wrong any more."""
    for at_ns in (*range(_HOUR_NS, until_ns, _HOUR_NS), until_ns):
        await anyio.sleep_until(at_ns / NS_PER_SECOND)
        if at_ns == until_ns:
            world.venue.be_calm()  # else what waits for an order would befall the last one
        world.resume_everything()


def _living() -> int:
    from trio.lowlevel import current_statistics

    return current_statistics().tasks_living


def _outcome(world: World, history: History, keep: Callable[[Iterable[str]], object]) -> Outcome:
    process = world.process
    assert process.session is not None
    storage = process.disk.plug_in()
    check_end(world.books, process.session.floor, storage, process.recorder)
    venue = world.venue
    digest, lines = hashlib.sha256(), list(export(storage))
    for line in lines:
        digest.update(line.encode() + b"\n")
    keep(lines)
    return Outcome(
        seed=world.seed,
        lives=process.lives,
        orders=len(venue.accepted),
        fills=len(venue.executed),
        trades=len(process.recorder.trades),
        faults=len(history.faults),
        crashes=world.moods.failed,
        checks=world.books.checks,
        simulated_s=(world.clock.now_ns() - world.clock.start_ns) // NS_PER_SECOND,
        digest=digest.hexdigest(),
    )
