"""Planted bugs fit the core as it is, the page has the same list, and each is judged by all."""

import functools
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest

from algopioneer_core.domain.errors import DataError
from algopioneer_core.testing import planted_bugs
from algopioneer_core.testing.mutants import (
    Mutant,
    MutantList,
    check_plantable,
    mutated,
    read_mutants,
)
from algopioneer_core.testing.planted_bugs import CATCHERS, Simulation, judge, table
from algopioneer_core.testing.simulate import Failure, up_to_failure
from algopioneer_core.testing.simulation import Outcome

LIST = Path(__file__).parent.with_name("planted_bugs.toml")
PAGE = Path("docs", "explanation", "planted-bugs.md")
ROOMS = ("runtime", "engine", "journal")


def test_every_bug_can_be_planted() -> None:
    """Each in text that is there once, in a module that still compiles; and all must be caught."""
    listed = read_mutants(LIST)
    check_plantable(listed)
    for mutant in listed.mutants:
        assert mutant.file.startswith(ROOMS), mutant.id
        assert mutant.caught_by in CATCHERS, mutant.id
    assert len(listed.mutants) >= 20
    assert listed.tests.is_dir()
    assert listed.least == 100


def test_page_has_the_list() -> None:
    """Whoever changes the one changes the other."""
    pages = (folder / PAGE for folder in Path(__file__).parents)
    page = next((each for each in pages if each.is_file()), None)
    if page is None:
        pytest.skip("the pages are not part of this distribution")
    assert table(read_mutants(LIST)) in page.read_text("utf-8")


def _catchers(
    monkeypatch: pytest.MonkeyPatch, answers: Mapping[str, str], asked: list[str]
) -> None:
    """Let each catcher give its answer over a copy that has its folder first in the path."""
    made: list[str] = []

    @contextmanager
    def watched(package: str, mutant: Mutant | None) -> Iterator[Mapping[str, str]]:
        with mutated(package, mutant) as environment:
            folder = environment["PYTHONPATH"]
            assert Path(folder, package, "runtime").is_dir()
            made.append(folder)
            yield environment

    monkeypatch.setattr(planted_bugs, "mutated", watched)

    def catcher(name: str) -> planted_bugs.Catcher:
        async def look(_: MutantList, environment: Mapping[str, str]) -> str:
            assert environment["PYTHONPATH"] in made
            asked.append(name)
            return answers.get(name, "")

        return look

    monkeypatch.setattr(planted_bugs, "CATCHERS", {name: catcher(name) for name in CATCHERS})


def _one(listed: MutantList) -> MutantList:
    return MutantList(
        package=listed.package,
        tests=listed.tests,
        select=listed.select,
        least=listed.least,
        mutants=listed.mutants[:1],
    )


@pytest.mark.parametrize(
    ("answers", "caught", "asked_for"),
    [
        ({"simulation": "seed 3: lost"}, 1, ["simulation"]),
        ({"crash points": "entry: lost"}, 1, ["simulation", "contract", "crash points"]),
        ({}, 0, ["simulation", "contract", "crash points"]),
    ],
)
def test_catchers_are_asked_until_one_notices(
    answers: dict[str, str],
    caught: int,
    asked_for: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The one that is known to is first; what none of them notices is told as such."""
    asked: list[str] = []
    _catchers(monkeypatch, answers, asked)
    assert anyio.run(judge, _one(read_mutants(LIST))) == caught
    assert asked == asked_for
    told = next(iter(answers.values()), "NOT CAUGHT")
    assert told in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("over", ["c01_bid", ""])
def test_a_case_that_fails_without_a_bug_judges_nothing(
    over: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that passes without a bug is a notice; one that fails is an error of the case."""

    async def fail(_: MutantList, environment: Mapping[str, str]) -> str:
        return over if environment else "c01_bid"

    monkeypatch.setattr(planted_bugs, "failed_case", fail)
    notices = functools.partial(anyio.run, CATCHERS["contract"], read_mutants(LIST), {})
    if not over:
        assert notices() == "c01_bid"
        return
    with pytest.raises(DataError, match="there is no mistake, and still: c01_bid"):
        notices()


_BEGINNINGS = (1, 4, 10)
"""First seeds that are played with a bug; the others are played without, once."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sound", "told", "played"),
    [
        ({}, "seed 3: lost", [1, 3]),
        ({3: "seed 3: lost"}, "seed 9: lost", [1, 3, 4, 9]),
        ({3: "seed 3: lost", 9: "seed 9: lost"}, "", [1, 3, 4, 9, 10]),
    ],
)
def test_a_seed_that_fails_without_a_bug_notices_none(
    sound: dict[int, str], told: str, played: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is passed over, and the seeds after it are played."""
    first_seeds: list[int] = []

    async def play(_: object, first: int, seeds: int) -> str:
        first_seeds.append(first)
        if seeds == 1:
            return sound.get(first, "")
        return next((f"seed {seed}: lost" for seed in (3, 9) if seed >= first), "")

    monkeypatch.setattr(planted_bugs, "_play", play)
    simulation = Simulation()
    assert anyio.run(simulation, read_mutants(LIST), {}) == told
    assert first_seeds == played
    first_seeds.clear()
    assert anyio.run(simulation, read_mutants(LIST), {}) == told
    assert first_seeds == [first for first in played if first in _BEGINNINGS]


@pytest.mark.parametrize(
    ("printed", "told"),
    [
        ("seed 7 FAILED\\n  Broken: it is lost\\n", "seed 7: Broken: it is lost"),
        ("no such module\\n", "simulate: no such module"),
    ],
)
def test_first_failure_is_read_from_what_is_printed(
    printed: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its seed; where nothing is told of one, the last line says what happened."""
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\nprintf '{printed}'\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    assert anyio.run(planted_bugs._play, {}, 1, 200) == told


def test_seeds_end_with_the_first_that_fails() -> None:
    """Those after it are not played."""
    failure = Failure(1, ("lost",), "")

    def results() -> "list[Outcome | Failure]":
        return [failure, Failure(2, ("lost",), "")]

    assert list(up_to_failure(results())) == [failure]
