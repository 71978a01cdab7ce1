"""
Simulations of many seeds: `python -m algopioneer_core.testing.simulate --seeds 200 --first-seed 1`.

Each seed is one history (see `testing.simulation`). A seed that fails is told with what was broken
and with the command that plays it again, alone; the others go on, and the exit code is 1.
"""

import argparse
import functools
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Final

from attrs import frozen

from algopioneer_core.bootstrap.host import load_host
from algopioneer_core.bootstrap.surroundings import SystemClock
from algopioneer_core.domain.errors import AlgopioneerError
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.plugins.manager import PluginHost
from algopioneer_core.testing.simulation import Outcome, simulate

__all__ = ["Failure", "main", "replay_command", "run_seed"]

_MODULE: Final = "algopioneer_core.testing.simulate"


@frozen
class Failure:
    """A seed in which something happened that must not."""

    seed: int
    broken: tuple[str, ...]
    """What, one line each."""
    details: str
    """The traceback."""


def run_seed(seed: int, minutes: int) -> Outcome | Failure:
    """Play one seed; whatever it raises is its failure."""
    try:
        return simulate(seed, _host(), minutes=minutes)
    except Exception as error:
        broken = dict.fromkeys(f"{type(each).__name__}: {each}" for each in _leaves(error))
        return Failure(seed, tuple(broken), traceback.format_exc())


@functools.cache
def _host() -> PluginHost:
    return load_host()


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _leaves(each)
    else:
        yield error


def replay_command(seed: int, minutes: int) -> str:
    """Return what to type to play one seed again."""
    return f"python -m {_MODULE} --first-seed {seed} --seeds 1 --minutes {minutes} --jobs 1"


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Play the seeds that are asked for, and tell how it went; return the exit code.

    Args:
        arguments: Of the command line; None for the process's own.
    """
    options = _parser().parse_args(arguments)
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    began_ns = SystemClock().now_ns()
    try:
        results = list(_played(seeds, options.minutes, options.jobs))
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
    parser.add_argument("--minutes", type=_positive, default=60, help="simulated, of each (60)")
    parser.add_argument(
        "--jobs", type=_positive, default=os.cpu_count() or 1, help="processes (one for each core)"
    )
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _played(seeds: Sequence[int], minutes: int, jobs: int) -> Iterator[Outcome | Failure]:
    """Yield what each seed came to, in their order, and tell of failures as they come."""
    play = functools.partial(run_seed, minutes=minutes)
    if jobs == 1:
        yield from (_told(play(seed), minutes) for seed in seeds)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for result in pool.map(play, seeds):
            yield _told(result, minutes)


def _told(result: Outcome | Failure, minutes: int) -> Outcome | Failure:
    if isinstance(result, Failure):
        _say(f"seed {result.seed} FAILED")
        for line in result.broken:
            _say(f"  {line}")
        _say(f"  again: {replay_command(result.seed, minutes)}")
        _say(result.details)
    return result


def _summary(outcomes: Sequence[Outcome], failed: int, seconds: float) -> str:
    simulated = sum(each.simulated_s for each in outcomes)
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
        f"({simulated / 60 / max(seconds, 1e-9):.0f} minutes a second)"
    )


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
