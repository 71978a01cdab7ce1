"""What is built is what is meant: contents and metadata of wheels and source distributions."""

import ast
import email
import email.message
import os
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.metadata import Metadata
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from trove_classifiers import classifiers as known_classifiers

ROOT = Path(__file__).resolve().parent.parent
DISTRIBUTIONS = sorted(path.parent.name for path in ROOT.glob("packages/*/pyproject.toml"))
OWNERS = {"dotenv": "python-dotenv"}
"""Distributions whose import has another name, for where they are not installed."""


def import_name(distribution: str) -> str:
    """Return the package a distribution imports as."""
    return distribution.replace("-", "_")


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the built distributions: `$ALGOPIONEER_DIST`, else fresh ones."""
    if given := os.environ.get("ALGOPIONEER_DIST"):
        return ROOT / given
    folder = tmp_path_factory.mktemp("dist")
    for name in DISTRIBUTIONS:
        subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "-d", str(folder)],
            cwd=ROOT / "packages" / name,
            check=True,
            capture_output=True,
        )
    return folder


@pytest.fixture(params=DISTRIBUTIONS)
def distribution(request: pytest.FixtureRequest) -> str:
    """Return the name of each distribution in turn."""
    name: str = request.param
    return name


@pytest.fixture
def wheel(dist: Path, distribution: str) -> Iterator[zipfile.ZipFile]:
    """Open the wheel of the distribution."""
    [path] = dist.glob(f"{import_name(distribution)}-*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


def dist_info(wheel: zipfile.ZipFile, name: str) -> str:
    """Return the text of one file of the wheel's metadata folder."""
    [member] = [member for member in wheel.namelist() if member.endswith(f".dist-info/{name}")]
    return wheel.read(member).decode()


def headers(wheel: zipfile.ZipFile) -> email.message.Message:
    """Return the wheel's METADATA, parsed."""
    return email.message_from_string(dist_info(wheel, "METADATA"))


def test_wheel_holds_exactly_the_package(wheel: zipfile.ZipFile, distribution: str) -> None:
    """Every file of src is there, templates and `py.typed` included, and no test or tool is."""
    src = ROOT / "packages" / distribution / "src"
    expected = {
        path.relative_to(src).as_posix()
        for path in src.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    members = {member for member in wheel.namelist() if ".dist-info/" not in member}
    assert members == expected
    assert f"{import_name(distribution)}/py.typed" in members


def test_wheel_carries_the_licence(wheel: zipfile.ZipFile) -> None:
    """The licence text travels with the code, and is the one of the repository."""
    assert dist_info(wheel, "licenses/LICENSE") == (ROOT / "LICENSE").read_text("utf-8")


def test_wheel_declares_its_entry_point(wheel: zipfile.ZipFile, distribution: str) -> None:
    """Each distribution is a plugin: one entry in the group `algopioneer`."""
    text = dist_info(wheel, "entry_points.txt")
    module = "builtin" if distribution == "algopioneer-core" else "plugin"
    assert "[algopioneer]" in text
    assert f" = {import_name(distribution)}.{module}\n" in f"{text}\n"


def test_metadata_is_what_the_index_accepts(wheel: zipfile.ZipFile) -> None:
    """The index validates with the same two libraries: fields, and the list of classifiers."""
    metadata = Metadata.from_email(dist_info(wheel, "METADATA"), validate=True)
    assert set(metadata.classifiers or ()) <= known_classifiers
    assert metadata.license_expression == "MIT"
    assert metadata.description_content_type == "text/markdown"
    assert len(metadata.description or "") > 500, "the README is the page people see"


def test_source_distribution_can_be_built_from(dist: Path, distribution: str) -> None:
    """It holds the sources, the tests and what hatchling needs, and nothing of the checkout."""
    [path] = dist.glob(f"{import_name(distribution)}-*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE", "PKG-INFO"} <= names
    assert {name.partition("/")[0] for name in names} <= {
        ".gitignore",
        "LICENSE",
        "PKG-INFO",
        "README.md",
        "pyproject.toml",
        "src",
        "tests",
    }


def imported_by(source: str) -> set[str]:
    """Return the top-level packages a module imports, at its head or inside functions."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def test_imports_are_seen_at_the_head_and_inside_functions() -> None:
    """The reader below would otherwise pass whatever is written."""
    source = "import a.b\nfrom c.d import e\ndef f():\n    import g\n"
    assert imported_by(source) == {"a", "c", "g"}


def test_every_import_is_declared(distribution: str) -> None:
    """What a package imports outside the standard library is a dependency or in an extra."""
    folder = ROOT / "packages" / distribution
    project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project.get("optional-dependencies", {}).values()
    declared = {
        canonicalize_name(Requirement(text).name)
        for text in (*project["dependencies"], *(text for extra in extras for text in extra))
    }
    sources = [path.read_text("utf-8") for path in (folder / "src").rglob("*.py")]
    imported = set().union(*map(imported_by, sources)) - sys.stdlib_module_names
    installed = packages_distributions()
    undeclared = {
        name
        for name in imported - {import_name(distribution)}
        if not declared & set(map(canonicalize_name, installed.get(name, [OWNERS.get(name, name)])))
    }
    assert undeclared == set()
