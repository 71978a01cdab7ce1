"""
Crash points: `python -m algopioneer_core.testing.crash_points`.

A scripted session (`crash_script`) runs once undisturbed, and every commit of its journal and every
request and report on its wire is noted, before and after (`crash_life`). Then, for each of these
points, the session runs in a process that ends there (`os._exit`), is started again, and is played
to the end against the same venue, which lives in a process of its own; and then everything that
must hold is looked at (`crash_audit`).

Processes are forks of one that has imported everything, so this needs a system that can fork.
"""

import argparse
import multiprocessing
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import anyio
import anyio.lowlevel
from attrs import frozen

from algopioneer_core.bootstrap.surroundings import SystemClock
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.domain.money import ZERO
from algopioneer_core.simulation.paper_config import PaperConfig, PaperMargin
from algopioneer_core.testing.crash_audit import violations
from algopioneer_core.testing.crash_life import KILLED, CrashPoints, live
from algopioneer_core.testing.crash_script import INSTRUMENTS
from algopioneer_core.testing.reference_process import ReferenceServer, listen
from algopioneer_core.testing.reference_venue import ReferenceVenue

__all__ = ["Verdict", "examine", "find_points", "main"]

_FORK: Final = multiprocessing.get_context("fork")
_TRIES: Final = 3
"""How often a point is tried that does not come: real time may leave one out, as a second bar."""
_MISSES: Final = 20
"""One point in so many may not come again; more would be another script than the one noted."""
_LIFE_S: Final = 60
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
"""What a process has written outlives it anyway; where there is no disk, nobody waits for one."""


@frozen
class Verdict:
    """What came of a crash at one point."""

    point: str
    violations: tuple[str, ...]
    """What did not hold, in words."""
    passed: bool = True
    """Whether the point came at all: real time may leave one out."""


def find_points() -> list[str]:
    """
    Return the names of all crash points of an undisturbed run, in their order.

    Raises:
        RuntimeError: Undisturbed, it does not even end, or something does not hold.
    """
    with _folder() as folder, _venue() as port:
        receiver, sender = _FORK.Pipe(duplex=False)
        code = _lived(folder, port, None, sender)
        if code or not receiver.poll():
            raise RuntimeError(f"the undisturbed session failed with exit code {code}")
        points: list[str] = receiver.recv()
        broken = violations(folder, port)
    if broken:
        raise RuntimeError(f"the undisturbed session: {'; '.join(broken)}")
    return points


def examine(point: str) -> Verdict:
    """Kill the session at *point*, start it again, and look at what is left."""
    for _ in range(_TRIES):
        with _folder() as folder, _venue() as port:
            code = _lived(folder, port, point)
            if code == 0:
                continue
            if code != KILLED:
                return Verdict(point, (f"it ended with exit code {code} before its crash",))
            code = _lived(folder, port, None)
            broken = [f"the restart ended with exit code {code}"] if code else []
            return Verdict(point, (*broken, *violations(folder, port)))
    return Verdict(point, (), passed=False)


@contextmanager
def _folder() -> Iterator[Path]:
    with TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as folder:
        yield Path(folder)


def _lived(folder: Path, port: int, fatal: str | None, passed: Connection | None = None) -> int:
    """Live once, in a process of its own; return its exit code."""
    process = _FORK.Process(target=_life, args=(folder, port, fatal, passed))
    process.start()
    process.join(_LIFE_S)
    if process.exitcode is None:
        process.kill()
        process.join()
    assert process.exitcode is not None
    return process.exitcode


def _life(folder: Path, port: int, fatal: str | None, passed: Connection | None) -> None:
    points = CrashPoints(fatal)
    live(folder, port, points)
    if passed is not None:
        passed.send(points.passed)


@contextmanager
def _venue() -> Iterator[int]:
    """Give the port of a venue that lives in a process of its own for as long as the block."""
    receiver, sender = _FORK.Pipe(duplex=False)
    process = _FORK.Process(target=_serve, args=(sender,), daemon=True)
    process.start()
    try:
        yield receiver.recv()
    finally:
        process.kill()
        process.join()


def _serve(announce: Connection) -> None:
    config = PaperConfig(balances=("USD=1000000",), slippage_bps=ZERO)
    venue = ReferenceVenue(INSTRUMENTS, SystemClock(), config=config, margin=PaperMargin.NONE)
    anyio.run(listen, ReferenceServer(venue), announce.send, backend="trio")


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Crash at every point, or at the one that is named; return the exit code.

    Args:
        arguments: Of the command line; None for the process's own.
    """
    options = _parser().parse_args(arguments)
    began_ns = SystemClock().now_ns()
    anyio.run(anyio.lowlevel.checkpoint, backend="trio")  # imported before anything is forked
    points = options.point or find_points()
    verdicts = []
    with ProcessPoolExecutor(options.jobs, mp_context=_FORK) as pool:
        for verdict in pool.map(examine, points):
            verdicts.append(verdict)
            _tell(verdict)
            if verdict.violations and options.first_violation:
                pool.shutdown(cancel_futures=True)
                break
    missed = sum(not each.passed for each in verdicts)
    failed = sum(bool(each.violations) for each in verdicts)
    seconds = (SystemClock().now_ns() - began_ns) / NS_PER_SECOND
    _say(f"{len(points) - missed} points, {failed} violations ({seconds:.0f} s)")
    return 1 if failed or missed * _MISSES > len(points) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m algopioneer_core.testing.crash_points")
    parser.add_argument("--point", action="append", help="only this one; may be given again")
    parser.add_argument("--first-violation", action="store_true", help="end with the first one")
    waits = 2 * (os.cpu_count() or 1)  # much of a life is waiting for deadlines
    parser.add_argument("--jobs", type=int, default=waits, help="crashes at a time (2 a core)")
    return parser


def _tell(verdict: Verdict) -> None:
    if not verdict.passed:
        _say(f"did not come again: {verdict.point}")
    if verdict.violations:
        _say(f"FAILED at {verdict.point!r}")
        for line in verdict.violations:
            _say(f"  {line}")
        _say(f"  again: python -m algopioneer_core.testing.crash_points --point {verdict.point!r}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
