"""
Simulations of many seeds: `python -m algopioneer_core.testing.simulate --seeds 200 --first-seed 1`.

Each seed is one history (see `testing.simulation`). A seed that fails is told with what was broken
and with the command that plays it again, alone; the others go on, and the exit code is 1. With
`--shrink` the incidents that do not matter are left out first.
"""

import argparse
import functools
import gc
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from attrs import evolve, frozen

from algopioneer_core.bootstrap.host import load_host
from algopioneer_core.bootstrap.surroundings import SystemClock
from algopioneer_core.domain.errors import AlgopioneerError
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.plugins.manager import PluginHost
from algopioneer_core.testing.simulated_reference import SimulatedReference
from algopioneer_core.testing.simulation import Outcome, simulate
from algopioneer_core.testing.simulation_books import InvariantBroken
from algopioneer_core.testing.simulation_history import History, draw_history, shrink
from algopioneer_core.testing.simulation_strategies import strategies_of
from algopioneer_core.testing.simulation_venue import MakeVenue, simulated_venues
from algopioneer_core.testing.time_limit import within

__all__ = [
    "REFERENCE_VENUE",
    "Failure",
    "main",
    "replay_command",
    "run_seed",
    "shrunk",
    "up_to_failure",
    "usual_minutes",
    "usual_venue",
]

_MODULE: Final = "algopioneer_core.testing.simulate"
REFERENCE_VENUE: Final = "reference"
"""The venue in memory, without a wire."""
_OVER_WIRES: Final = 40
_DAY: Final = 360
_OVER_A_WIRE: Final = 60
_CHUNK: Final = 16
"""Seeds that a process is given at a time, at most."""
_MILESTONE: Final = 500
"""After how many seeds a line stands in a log."""
_RARELY: Final = (20_000, 20, 20)
_LONGEST_S: Final = 120
"""How long a seed may take, and a second for each simulated minute: it takes a thousandth."""


@frozen
class Failure:
    """A seed in which something happened that must not."""

    seed: int
    broken: tuple[str, ...]
    """What, one line each."""
    details: str
    """The traceback."""


def run_seed(
    seed: int,
    minutes: int | None = None,
    only: Sequence[int] | None = None,
    journals: Path | None = None,
    venue: str | None = REFERENCE_VENUE,
) -> Outcome | Failure:
    """
    Play one seed; whatever it raises is its failure, and so is time that stands still.

    Args:
        seed: Decides everything.
        minutes: How long things go wrong, simulated; None for as long as is usual at the venue.
        only: The numbers of the incidents that happen; None for all of them.
        journals: A folder for the canonical export of the journal, `seed-N.txt`.
        venue: Where it happens; None for where the seed says.
    """
    venue = venue or usual_venue(seed)
    minutes = minutes or usual_minutes(venue)
    history = _history(seed, minutes, venue)
    if only is not None:
        history = history.only(only)

    def keep(lines: Iterable[str]) -> None:
        if journals is not None:
            text = "".join(f"{line}\n" for line in lines)
            (journals / f"seed-{seed}.txt").write_text(text, encoding="utf-8")

    try:
        make, began_s = _venues()[venue], _processor_s()
        with within(_LONGEST_S + minutes):
            outcome = simulate(seed, _host(), history=history, venue=make, keep=keep)
        return evolve(outcome, processor_s=_processor_s() - began_s)
    except Exception as error:
        # What was raised while everything ended for that is told after it.
        leaves = sorted(_leaves(error), key=lambda each: not isinstance(each, InvariantBroken))
        broken = dict.fromkeys(f"{type(each).__name__}: {each}" for each in leaves)
        return Failure(seed, tuple(broken), traceback.format_exc())


def _processor_s() -> float:
    """Return the processor time that this process has used, of itself and for it."""
    times = os.times()
    return times.user + times.system


def usual_venue(seed: int) -> str:
    """
    Return the venue at which *seed* happens when nobody says where.

    Each fortieth is at an installed venue, over its wire: a minute there costs many times as much.
    """
    others = [name for name in _venues() if name != REFERENCE_VENUE]
    turn, rest = divmod(seed, _OVER_WIRES)
    return REFERENCE_VENUE if rest or not others else others[turn % len(others)]


def usual_minutes(venue: str) -> int:
    """Return how long a history is where nobody says it: six hours, or one over a wire."""
    return _DAY if venue == REFERENCE_VENUE else _OVER_A_WIRE


def shrunk(
    failure: Failure,
    minutes: int,
    only: Sequence[int] | None = None,
    venue: str = REFERENCE_VENUE,
) -> list[int]:
    """Return the numbers of few incidents with which the seed of *failure* breaks the same way."""
    everything = range(len(_history(failure.seed, minutes, venue).incidents))

    def fails(wanted: Sequence[int]) -> bool:
        again = run_seed(failure.seed, minutes, wanted, venue=venue)
        return isinstance(again, Failure) and _kind(again) == _kind(failure)

    return shrink(list(everything if only is None else only), fails)


def _kind(failure: Failure) -> str:
    """Return what was broken, whatever the order, amount and time."""
    return re.sub(r"\S*\d\S*", "#", failure.broken[0])


@functools.cache
def _host() -> PluginHost:
    return load_host()


@functools.cache
def _venues() -> dict[str, MakeVenue]:
    return {REFERENCE_VENUE: SimulatedReference, **simulated_venues(_host())}


def _history(seed: int, minutes: int, venue: str) -> History:
    return draw_history(seed, minutes, venue, strategies_of(_host()))


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _leaves(each)
    else:
        yield error


def replay_command(
    seed: int,
    minutes: int,
    only: Sequence[int] | None = None,
    venue: str = REFERENCE_VENUE,
) -> str:
    """Return what to type to play one seed again, or a part of its incidents."""
    part = "" if only is None else f" --only {','.join(map(str, only))}"
    return (
        f"python -m {_MODULE} --venue {venue} --first-seed {seed} --seeds 1 "
        f"--minutes {minutes} --jobs 1{part}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Play the seeds that are asked for, and tell how it went; return the exit code.

    Args:
        arguments: Of the command line; None for the process's own.
    """
    options = _parser().parse_args(arguments)
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    if options.journals is not None:
        options.journals.mkdir(parents=True, exist_ok=True)
    began_ns = SystemClock().now_ns()
    try:
        played = _played(seeds, options)
        results = list(up_to_failure(played) if options.first_failure else played)
    except AlgopioneerError as error:
        _say(f"error: {error}")
        return 1
    failures = [each for each in results if isinstance(each, Failure)]
    outcomes = [each for each in results if isinstance(each, Outcome)]
    _say(_summary(outcomes, len(failures), (SystemClock().now_ns() - began_ns) / NS_PER_SECOND))
    return 1 if failures else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m {_MODULE}", description=__doc__)
    parser.add_argument("--seeds", type=_positive, default=200, help="how many (200)")
    parser.add_argument("--first-seed", type=int, default=1, help="the first of them (1)")
    parser.add_argument(
        "--minutes", type=_positive, help="simulated, of each (360; over a wire 60)"
    )
    parser.add_argument(
        "--jobs", type=_positive, default=os.cpu_count() or 1, help="processes (one for each core)"
    )
    parser.add_argument(
        "--only", type=_numbers, help="numbers of the incidents that happen, 3,17 (all)"
    )
    parser.add_argument(
        "--venue", type=_known_venue, default=None, help="where they happen (each seed decides)"
    )
    parser.add_argument("--first-failure", action="store_true", help="end with the first of them")
    parser.add_argument("--shrink", action="store_true", help="leave out what does not matter")
    parser.add_argument("--journals", type=Path, help="folder for the journals' exports (none)")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _known_venue(name: str) -> str:
    if name not in _venues():
        raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(_venues())}")
    return name


def _numbers(text: str) -> list[int]:
    return [int(each) for each in text.split(",") if each]


def _played(seeds: Sequence[int], options: argparse.Namespace) -> Iterator[Outcome | Failure]:
    """Yield what each seed came to, in their order, and tell of failures as they come."""
    play = functools.partial(
        run_seed,
        minutes=options.minutes,
        only=options.only,
        journals=options.journals,
        venue=options.venue,
    )
    for number, result in enumerate(_in_order(play, seeds, options.jobs), 1):
        yield _told(result, options)
        _progress(f"{number:,} of {len(seeds):,} seeds", is_milestone=number % _MILESTONE == 0)
    _progress("")


def _in_order(
    play: Callable[[int], Outcome | Failure], seeds: Sequence[int], jobs: int
) -> Iterator[Outcome | Failure]:
    """Yield what *play* makes of each seed, in their order; processes load plugins once."""
    _venues()  # what is not installed is told here, and not by a process that breaks
    if jobs == 1:
        with _collecting_rarely():
            yield from map(play, seeds)
        return
    chunk = max(1, min(_CHUNK, len(seeds) // (4 * jobs)))
    with ProcessPoolExecutor(jobs, get_context("spawn"), _collect_rarely) as pool:
        try:
            yield from pool.map(play, seeds, chunksize=chunk)
        finally:  # whoever wants no more waits for no more than what is being played
            pool.shutdown(wait=False, cancel_futures=True)


def _collect_rarely() -> None:
    """
    Load the plugins, and let the collector of cycles leave them alone and come seldom.

    It would look through them a hundred times in each seed: a sixth of all processor time.
    """
    _venues()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_RARELY)


@contextmanager
def _collecting_rarely() -> Iterator[None]:
    before = gc.get_threshold()
    _collect_rarely()
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def up_to_failure(results: Iterable[Outcome | Failure]) -> Iterator[Outcome | Failure]:
    """Yield results until one is a failure, that one included; no further seed is played."""
    for result in results:
        yield result
        if isinstance(result, Failure):
            return


def _told(result: Outcome | Failure, options: argparse.Namespace) -> Outcome | Failure:
    if isinstance(result, Failure):
        _say(f"seed {result.seed} FAILED")
        for line in result.broken:
            _say(f"  {line}")
        only, venue = options.only, options.venue or usual_venue(result.seed)
        minutes = options.minutes or usual_minutes(venue)
        if options.shrink:
            only = shrunk(result, minutes, only, venue)
            incidents = _history(result.seed, minutes, venue).incidents
            for number in only:
                _say(f"  incident {number}: {incidents[number]}")
        _say(f"  again: {replay_command(result.seed, minutes, only, venue)}")
        _say(result.details)
    return result


def _summary(outcomes: Sequence[Outcome], failed: int, seconds: float) -> str:
    simulated = sum(each.simulated_s for each in outcomes)
    busy = sum(each.processor_s for each in outcomes)
    seconds = max(seconds, 1e-9)
    return (
        f"{len(outcomes)} seeds held, {failed} failed: "
        f"{sum(each.orders for each in outcomes):,} orders, "
        f"{sum(each.fills for each in outcomes):,} fills, "
        f"{sum(each.trades for each in outcomes):,} trades through "
        f"{sum(each.faults for each in outcomes):,} faults, "
        f"{sum(each.crashes for each in outcomes):,} strategy crashes and "
        f"{sum(each.lives - 1 for each in outcomes):,} restarts; "
        f"{sum(each.checks for each in outcomes):,} checks; "
        f"{simulated / 3600:.1f} simulated hours in {seconds:.0f} s "
        f"({simulated / 60 / seconds:.0f} minutes a second, "
        f"{60 * (len(outcomes) + failed) / seconds:.0f} seeds a minute), "
        f"{busy / max(len(outcomes), 1):.2f} s of processor time a seed"
    )


def _say(text: str) -> None:
    _progress("")
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _progress(text: str, *, is_milestone: bool = False) -> None:
    """
    Show one line of progress in place of the last, where somebody sits before a terminal.

    In a log, only a milestone has a line.
    """
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()
    elif is_milestone:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
