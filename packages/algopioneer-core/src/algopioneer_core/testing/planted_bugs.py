"""
Planted bugs: what notices that runtime, engine or journal is wrong in one place.

    python -m algopioneer_core.testing.planted_bugs tests/planted_bugs.toml

Each mistake of the list is put into a copy of the core (`testing.mutants`), and then seeds of the
simulation are played over it, the session is killed at its crash points, and the contracts run,
until one of them notices. The one that is known to (`caught_by`) comes first; the others follow, so
that a mistake which is not noticed was looked at by all three.

What fails without a mistake notices none: each seed, case and point that fails is tried again over
a copy without one. A seed that fails there too is told of and passed over; with a case or a point
that does, nothing is judged.
"""

import functools
import re
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import anyio
from attrs import define, field

from algopioneer_core.domain.errors import DataError
from algopioneer_core.testing.mutants import (
    Mutant,
    MutantList,
    count_caught,
    failed_case,
    main,
    mutated,
)

__all__ = ["CATCHERS", "Simulation", "judge", "table"]

_SEEDS: Final = 200
_MINUTES: Final = 25
_PATIENCE_S: Final = 600
"""The longest that a catcher takes which notices nothing; one that takes longer has."""
_SEED: Final = re.compile(r"^(seed \d+) FAILED\n  (.*)$", re.MULTILINE)
_NUMBER: Final = re.compile(r"seed (\d+): ")
_POINT: Final = re.compile(r"^FAILED at '?(.*?)'?\n  (.*)$", re.MULTILINE)

Catcher = Callable[[MutantList, Mapping[str, str]], Awaitable[str]]
"""Looks at the copy that an environment imports; returns what it noticed, or nothing."""


@define
class Simulation:
    """Plays seeds until one notices; one that fails without a mistake is no notice."""

    _sound: dict[int, str] = field(factory=dict)
    """What fails without a mistake in the seeds that were played so; each is played once."""

    async def __call__(self, listed: MutantList, environment: Mapping[str, str]) -> str:
        """Return the first seed that notices, and what was broken in it."""
        first = 1
        while first <= _SEEDS:
            seen = await _play(environment, first, _SEEDS - first + 1)
            number = _NUMBER.match(seen)
            if number is None:  # none of them, or it is not a seed that fails
                return seen
            seed = int(number[1])
            broken = await self._without_a_mistake(listed.package, seed)
            if not broken:
                return seen
            sys.stdout.write(f"passed over, it fails without a mistake: {broken}\n")
            first = seed + 1
        return ""

    async def _without_a_mistake(self, package: str, seed: int) -> str:
        if seed not in self._sound:
            with mutated(package, None) as sound:
                self._sound[seed] = await _play(sound, seed, 1)
        return self._sound[seed]


async def _play(environment: Mapping[str, str], first: int, seeds: int) -> str:
    what = ("--venue", "reference", "--minutes", str(_MINUTES))  # without a wire it is quickest
    size = ("--first-seed", str(first), "--seeds", str(seeds), *what)
    return await _first("simulate", _SEED, environment, *size, "--jobs", "1", "--first-failure")


async def _contract(listed: MutantList, environment: Mapping[str, str]) -> str:
    """Run the contracts until a case notices; one that fails without a mistake judges nothing."""
    seen = await failed_case(listed, environment)
    if seen:
        with mutated(listed.package, None) as sound:
            broken = await failed_case(listed, sound)
        if broken:
            raise DataError(f"there is no mistake, and still: {broken}", where=str(listed.tests))
    return seen


async def _crash_points(listed: MutantList, environment: Mapping[str, str]) -> str:
    """Crash at each point until one notices; one that fails without a mistake judges nothing."""
    seen = await _first("crash_points", _POINT, environment, "--jobs", "2", "--first-violation")
    point = seen.partition(": ")[0]
    if seen and not seen.startswith("crash_points"):
        with mutated(listed.package, None) as sound:
            broken = await _first("crash_points", _POINT, sound, "--point", point)
        if broken:
            raise DataError(f"there is no mistake, and still: {broken}", where="crash points")
    return seen


CATCHERS: Final[Mapping[str, Catcher]] = {
    "simulation": Simulation(),
    "contract": _contract,
    "crash points": _crash_points,
}
"""By name, the quickest first where nothing is known."""


async def _first(
    module: str, pattern: re.Pattern[str], environment: Mapping[str, str], *arguments: str
) -> str:
    """Run a module of this package; return the first failure it tells of, or nothing."""
    command = [sys.executable, "-m", f"algopioneer_core.testing.{module}", *arguments]
    with anyio.move_on_after(_PATIENCE_S):
        done = await anyio.run_process(command, check=False, env=environment)
        if done.returncode == 0:
            return ""
        output = (done.stdout + done.stderr).decode(errors="replace")
        found = pattern.search(output)
        if found is not None:
            return f"{found[1]}: {found[2]}"
        return f"{module}: {(output.strip() or 'it says nothing').splitlines()[-1]}"
    return f"{module} does not end in {_PATIENCE_S} s"


async def _noticed(listed: MutantList, mutant: Mutant) -> str:
    """Return what notices a mistake first; the one that is known to is asked first."""
    with mutated(listed.package, mutant) as environment:
        for name in sorted(CATCHERS, key=lambda each: each != mutant.caught_by):
            seen = await CATCHERS[name](listed, environment)
            if seen:
                return seen
    return ""


async def judge(listed: MutantList) -> int:
    """
    Tell what notices each mistake; return how many are noticed.

    Raises:
        DataError: A contract, or a crash point, fails without a mistake.
    """
    return await count_caught(listed.mutants, functools.partial(_noticed, listed))


def table(listed: MutantList) -> str:
    """Return the list as a Markdown table."""
    rows = (f"| `{m.id}` | `{m.file}` | {m.stands_for} | {m.caught_by} |" for m in listed.mutants)
    return "\n".join(("| Bug | In | What is wrong | Noticed by |", "|---|---|---|---|", *rows))


if __name__ == "__main__":
    sys.exit(main(judge=judge))
