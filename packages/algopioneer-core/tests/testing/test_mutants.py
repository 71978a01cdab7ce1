"""Planted mistakes are read, put where they belong, and judged by the tests they are for."""

from pathlib import Path

import pytest

from algopioneer_core.domain.errors import ConfigError, DataError
from algopioneer_core.testing.mutants import Mutant, main, planted, read_mutants, source_of

HEAD = """
package = "small_venue"
tests = "check_small.py"
least = {least}
"""
SIGN = """
[[mutant]]
id = "{id}"
file = "prices.py"
find = "{find}"
replace = "{replace}"
stands_for = "haste"
"""


@pytest.fixture
def listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A list, a package of one module, and a test that looks at half of it."""
    package = tmp_path / "source" / "small_venue"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "prices.py").write_text("BID = 1\nASK = 2\n")
    monkeypatch.syspath_prepend(str(package.parent))
    test = "from small_venue.prices import BID\n\ndef test_c01_bid():\n    assert BID == 1\n"
    (tmp_path / "check_small.py").write_text(test)
    return tmp_path / "mutants.toml"


def a_mutant(**changes: str) -> Mutant:
    """Return a mistake, changed."""
    about = {"id": "m", "file": "f.py", "find": "a", "replace": "b", "stands_for": "haste"}
    return Mutant(**{**about, **changes})


def test_a_mistake_is_put_where_its_text_is() -> None:
    """And nowhere else."""
    assert planted(a_mutant(), "x = a") == "x = b"


@pytest.mark.parametrize("source", ["x = c", "a = a"])
def test_text_that_is_not_there_once_is_an_error(source: str) -> None:
    """The code has changed since the list was written."""
    with pytest.raises(DataError, match="mutant m is there"):
        planted(a_mutant(), source)


def test_a_mistake_that_changes_nothing_is_an_error() -> None:
    """It would never be caught."""
    with pytest.raises(DataError):
        planted(a_mutant(replace="a"), "x = a")


def test_a_list_that_lacks_something_is_refused(listed: Path) -> None:
    """With the file's name."""
    listed.write_text(HEAD.format(least=1))
    with pytest.raises(ConfigError, match=r"mutants\.toml"):
        read_mutants(listed)


def test_an_id_that_is_there_twice_is_refused(listed: Path) -> None:
    """It would not be known which was caught."""
    twice = SIGN.format(id="same", find="BID", replace="x") * 2
    listed.write_text(HEAD.format(least=1) + twice)
    with pytest.raises(ConfigError, match="mutant same is there 2 times"):
        read_mutants(listed)


def test_a_package_that_is_not_installed_is_refused() -> None:
    """And nothing is run."""
    with pytest.raises(ConfigError, match="no package no_such_package"):
        source_of("no_such_package")


def test_a_list_that_is_older_than_the_code_is_told(
    listed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before any test is run."""
    listed.write_text(HEAD.format(least=1) + SIGN.format(id="old", find="LAST = 3", replace="x"))
    assert main([str(listed)]) == 1
    assert "mutant old is there 0 times" in capsys.readouterr().out


@pytest.mark.long
def test_mistakes_are_judged_by_what_notices_them(
    listed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The one that no test looks at is told as such, and the share decides."""
    bid = SIGN.format(id="bid", find="BID = 1", replace="BID = 3")
    ask = SIGN.format(id="ask", find="ASK = 2", replace="ASK = 3")
    listed.write_text(HEAD.format(least=51) + bid + ask)
    assert main([str(listed)]) == 1
    told = capsys.readouterr().out.splitlines()
    assert "1 of 2 caught" == told[-1]
    assert {line.split()[0]: line.split(maxsplit=1)[1] for line in told[:-1]} == {
        "bid": "c01_bid",
        "ask": "NOT CAUGHT: haste",
    }
