"""
Planted mistakes: what a contract's tests notice of an adapter that is wrong in one place.

    python -m algopioneer_core.testing.mutants packages/algopioneer-coinbase/tests/mutants.toml

The file names the package, the tests beside it, and the mistakes, each as text that is replaced:

    package = "algopioneer_acme"
    tests = "test_venue_contract.py"
    select = "trio"                  # what of them is run (`pytest -k`)
    least = 95                       # percent that must be caught

    [[mutant]]
    id = "wrong-side"
    file = "orders.py"
    find = '"side": intent.side.name'
    replace = '"side": "BUY"'
    stands_for = "sales are sent as purchases"

Each mistake is put into a copy of the package, and the tests run over it until the first failure.
First they run over a copy without any, so that a failure means something.
"""

import argparse
import importlib.util
import os
import re
import shutil
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import anyio
from attrs import evolve, frozen

from algopioneer_core.domain.errors import AlgopioneerError, ConfigError, DataError

__all__ = [
    "Mutant",
    "MutantList",
    "Noticed",
    "check_plantable",
    "count_caught",
    "failed_case",
    "main",
    "mutated",
    "planted",
    "read_mutants",
    "source_of",
]

_AT_ONCE: Final = 2
_PATIENCE_S: Final = 120
"""A mistake that makes the tests run for longer has been noticed, too."""
_CASE: Final = re.compile(r"^(?:FAILED|ERROR) .*::(?:test_)?(\w+)", re.MULTILINE)
_SURVIVED: Final = ""
_UNMUTATED: Final = "the tests fail without any mistake"


@frozen(kw_only=True)
class Mutant:
    """One planted mistake."""

    id: str
    file: str
    """Within the package."""
    find: str
    """Text that is there once."""
    replace: str
    stands_for: str
    """What a person would have done wrong."""
    caught_by: str = ""
    """What is known to notice it, where the list says so."""


Noticed = Callable[[Mutant], Awaitable[str]]
"""Says what noticed a mistake first; empty when nothing did."""


@frozen(kw_only=True)
class MutantList:
    """A file of mistakes."""

    package: str
    tests: Path
    select: str
    least: int
    """Percent that must be caught."""
    mutants: tuple[Mutant, ...]


def read_mutants(path: Path) -> MutantList:
    """
    Read a list of mistakes.

    Raises:
        ConfigError: It cannot be read, lacks something, or has an id twice.
    """
    try:
        content = tomllib.loads(path.read_text("utf-8"))
        mutants = tuple(Mutant(**each) for each in content["mutant"])
        found = MutantList(
            package=content["package"],
            tests=path.parent / content["tests"],
            select=content.get("select", ""),
            least=content["least"],
            mutants=mutants,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"it is no list of mutants: {error}", where=str(path)) from error
    for name, count in Counter(each.id for each in mutants).items():
        if count > 1:
            raise ConfigError(f"mutant {name} is there {count} times", where=str(path))
    return found


def source_of(package: str) -> Path:
    """
    Return the folder of a package, which is not imported.

    Raises:
        ConfigError: It is not installed.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(f"there is no package {package}", remedy="install it")
    return Path(spec.submodule_search_locations[0])


def planted(mutant: Mutant, source: str) -> str:
    """
    Return the text of a module with a mistake in it.

    Raises:
        DataError: Its text is not there, or there more than once: the list is older than the code.
    """
    count = source.count(mutant.find)
    if count != 1 or mutant.find == mutant.replace:
        raise DataError(
            f"the text of mutant {mutant.id} is there {count} times and not once",
            where=mutant.file,
            remedy="change its `find` to what the code is now",
        )
    return source.replace(mutant.find, mutant.replace)


def check_plantable(listed: MutantList) -> None:
    """
    Look whether the list fits the sources, and each module still compiles.

    Raises:
        DataError: A text is not there once.
        SyntaxError: What is put in its place is no Python.
    """
    source = source_of(listed.package)
    for each in listed.mutants:
        module = planted(each, (source / each.file).read_text("utf-8"))
        compile(module, each.file, "exec")


@contextmanager
def mutated(package: str, mutant: Mutant | None) -> Iterator[Mapping[str, str]]:
    """
    Give the environment in which Python imports a copy of *package* with a mistake in it.

    The copy is gone after the block; the sources stay as they are.

    Args:
        package: Its name.
        mutant: The mistake; None for a copy without any.

    Raises:
        DataError: Its text is not there once.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, package)
        # With what is compiled: only what is changed is not valid.
        shutil.copytree(source_of(package), copy)
        if mutant is not None:
            module = copy / mutant.file
            module.write_text(planted(mutant, module.read_text("utf-8")), "utf-8")
        yield {**os.environ, "PYTHONPATH": folder}


async def _caught_by(listed: MutantList, mutant: Mutant | None) -> str:
    with mutated(listed.package, mutant) as environment:
        return await failed_case(listed, environment)


async def failed_case(listed: MutantList, environment: Mapping[str, str]) -> str:
    """Run the tests of a list in *environment*; return what failed first, or nothing."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-rfE", "-p", "no:cacheprovider"]
    selected = ["-k", listed.select] if listed.select else []
    with anyio.move_on_after(_PATIENCE_S):
        done = await anyio.run_process(
            [*command, *selected, str(listed.tests)], check=False, env=environment
        )
        if done.returncode == 0:
            return _SURVIVED
        output = done.stdout.decode(errors="replace")
        case = _CASE.search(output)
        return case[1] if case else "the tests cannot be collected"
    return f"the tests do not end in {_PATIENCE_S} s"


async def count_caught(mutants: Sequence[Mutant], noticed: Noticed) -> int:
    """Judge all mistakes, two at a time, and tell of each; return how many were caught."""
    caught: list[str] = []
    limit = anyio.CapacityLimiter(_AT_ONCE)

    async def judge(mutant: Mutant) -> None:
        async with limit:
            case = await noticed(mutant)
        if case:
            caught.append(mutant.id)
        _say(f"{mutant.id:<34} {case or 'NOT CAUGHT: ' + mutant.stands_for}")

    async with anyio.create_task_group() as tasks:
        for mutant in mutants:
            tasks.start_soon(judge, mutant)
    return len(caught)


async def _run_all(listed: MutantList) -> int:
    """Run the tests over all mistakes; return how many were caught."""
    broken = await _caught_by(listed, None)
    if broken:
        raise DataError(f"{_UNMUTATED}: {broken}", where=str(listed.tests))

    async def noticed(mutant: Mutant) -> str:
        return await _caught_by(listed, mutant)

    return await count_caught(listed.mutants, noticed)


def main(
    arguments: Sequence[str] | None = None,
    *,
    judge: Callable[[MutantList], Awaitable[int]] = _run_all,
) -> int:
    """
    Run a list; return 0 when as many were caught as must be, else 1.

    Args:
        arguments: Of the command line; None for the process's own.
        judge: Tells of each mistake and returns how many were caught.
    """
    parser = argparse.ArgumentParser(description="Plant mistakes, and see what notices.")
    parser.add_argument("list", type=Path, help="TOML file of mistakes")
    parser.add_argument("--only", default="", help="those whose id this expression finds")
    options: Any = parser.parse_args(arguments)
    try:
        listed = read_mutants(options.list)
        chosen = tuple(each for each in listed.mutants if re.search(options.only, each.id))
        listed = evolve(listed, mutants=chosen)
        check_plantable(listed)  # all of them, before any is run
        caught = anyio.run(judge, listed)
    except (AlgopioneerError, OSError, SyntaxError) as error:
        _say(str(error))
        return 1
    _say(f"{caught} of {len(chosen)} caught")
    return 0 if caught * 100 >= listed.least * len(chosen) else 1


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
