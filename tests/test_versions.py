"""The five distributions move in lockstep (docs/adr/0006-lockstep-versions.md)."""

import importlib.metadata
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
DISTRIBUTIONS = sorted(path.parent.name for path in ROOT.glob("packages/*/pyproject.toml"))
PLUGINS = [name for name in DISTRIBUTIONS if name != "algopioneer-core"]


def project(distribution: str) -> dict[str, Any]:
    """Return the `[project]` table of one distribution."""
    text = (ROOT / "packages" / distribution / "pyproject.toml").read_text("utf-8")
    table: dict[str, Any] = tomllib.loads(text)["project"]
    return table


def core_range(version: Version) -> str:
    """Return the range of cores that a plugin of this version must ask for."""
    if version.major == 0:
        return f"<0.{version.minor + 1},>=0.{version.minor}"
    return f"<{version.major + 1},>={version.major}.{version.minor}"


def test_there_are_five_distributions() -> None:
    """A sixth would have to join the lists in noxfile.py and pyproject.toml."""
    assert len(DISTRIBUTIONS) == 5


def test_all_versions_are_equal() -> None:
    """Whoever installs two packages of one release gets two that were tested together."""
    assert len({project(name)["version"] for name in DISTRIBUTIONS}) == 1


def test_changelog_has_the_current_version() -> None:
    """The version that would be published is described to its users."""
    version = project("algopioneer-core")["version"]
    changes = (ROOT / "CHANGELOG.md").read_text("utf-8").splitlines()
    assert any(line.startswith(f"## [{version}]") for line in changes)


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_installed_metadata_is_of_this_checkout(distribution: str) -> None:
    """`algopioneer --version` reads installed metadata, so an old install would lie."""
    assert importlib.metadata.version(distribution) == project(distribution)["version"]


@pytest.mark.parametrize("distribution", PLUGINS)
def test_plugin_asks_for_cores_of_its_own_minor_version(distribution: str) -> None:
    """The range is the plugin API's version: the loader compares it with the installed core."""
    table = project(distribution)
    wanted = core_range(Version(table["version"]))
    stated = [
        Requirement(text)
        for text in (*table["dependencies"], *table["optional-dependencies"]["test"])
        if Requirement(text).name == "algopioneer-core"
    ]
    assert [str(requirement.specifier) for requirement in stated] == [wanted, wanted]


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_every_runtime_dependency_has_a_lower_bound(distribution: str) -> None:
    """`nox -s minimums` proves the bounds, so there must be one to prove."""
    requirements = [Requirement(text) for text in project(distribution)["dependencies"]]
    unbounded = [
        requirement.name
        for requirement in requirements
        if not any(part.operator == ">=" for part in requirement.specifier)
    ]
    assert unbounded == []
