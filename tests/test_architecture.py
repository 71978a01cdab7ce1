"""The arrows between rooms (ARCHITECTURE.md), read from the source and from a running process."""

import ast
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).resolve().parent.parent
CORE = ROOT / "packages/algopioneer-core/src/algopioneer_core"
PLUGINS = sorted(
    path
    for path in ROOT.glob("packages/*/src/*")
    if path.is_dir() and path.name != "algopioneer_core"
)

PURE_ROOMS = ("domain", "engine")
PURE_IMPORTS = ("attrs", *(f"algopioneer_core.{room}" for room in (*PURE_ROOMS, "settings")))
"""What decisions may import beside the harmless part of the standard library; import-linter keeps
`domain` from importing the two that stand above it or beside it."""
# datetime is not here: calendars and zones are arithmetic. ruff bans its clock (TID251).
IMPURE_STANDARD_LIBRARY = frozenset(
    {
        "asyncio",
        "concurrent",
        "ctypes",
        "http",
        "io",
        "logging",
        "multiprocessing",
        "os",
        "pathlib",
        "queue",
        "random",
        "secrets",
        "select",
        "signal",
        "socket",
        "sqlite3",
        "subprocess",
        "sys",
        "tempfile",
        "threading",
        "time",
        "urllib",
        "uuid",
    }
)

OPEN_TO_PLUGINS = (
    "domain",
    "engine",
    "ports",
    "plugins",
    "settings",
    "history",
    "wire",
    "simulation",
    "testing",
    "cli.kit",
)
"""Rooms of the core that a plugin, ours or anybody's, may import; the rest may change any day."""


def imports(source: str) -> set[str]:
    """Return every module a source text imports, wherever the statement stands."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def within(module: str, allowed: Iterable[str]) -> bool:
    """Tell whether a module is one of those, or lies inside one."""
    return any(module == name or module.startswith(f"{name}.") for name in allowed)


def forbidden_to_decisions(module: str) -> bool:
    """Tell whether domain and engine must not import this."""
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names:
        return top in IMPURE_STANDARD_LIBRARY
    return not within(module, PURE_IMPORTS)


def forbidden_to_plugins(module: str) -> bool:
    """Tell whether a plugin must not import this part of the core."""
    if not within(module, ["algopioneer_core"]):
        return False
    return not within(module, [f"algopioneer_core.{room}" for room in OPEN_TO_PLUGINS])


def loaded_by(statement: str) -> set[str]:
    """Run a statement in a new interpreter and return the top-level packages it has loaded."""
    program = f"import sys\n{statement}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


def test_import_linter_keeps_every_contract(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The contracts of pyproject.toml hold, as in `nox -s lint`."""
    monkeypatch.chdir(ROOT)
    status = lint_imports(config_filename="pyproject.toml", no_cache=True)
    assert status == 0, capsys.readouterr().out


@pytest.mark.parametrize("room", PURE_ROOMS)
def test_decisions_import_only_attrs_and_each_other(room: str) -> None:
    """An allow-list, where import-linter can only forbid what somebody thought of."""
    found = {
        f"{path.relative_to(CORE)}: {module}"
        for path in (CORE / room).rglob("*.py")
        for module in imports(path.read_text("utf-8"))
        if forbidden_to_decisions(module)
    }
    assert found == set()


@pytest.mark.parametrize("package", PLUGINS, ids=lambda path: path.name)
def test_plugins_use_only_what_is_open_to_strangers(package: Path) -> None:
    """Our own plugins have no privilege: what they need, everybody's plugin may use."""
    found = {
        f"{path.relative_to(package)}: {module}"
        for path in package.rglob("*.py")
        for module in imports(path.read_text("utf-8"))
        if forbidden_to_plugins(module)
    }
    assert found == set()


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        ("attrs.frozen", False),
        ("decimal.Decimal", False),
        ("algopioneer_core.domain.money.add", False),
        ("time.time", True),
        ("numpy", True),
        ("algopioneer_core.history.columns", True),
    ],
)
def test_rule_for_decisions_tells_right_from_wrong(module: str, *, forbidden: bool) -> None:
    """The rule that the tree is measured with is itself measured."""
    assert forbidden_to_decisions(module) is forbidden


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        ("numpy.int64", False),
        ("algopioneer_core.domain.events.BarClosed", False),
        ("algopioneer_core.cli.kit.table", False),
        ("algopioneer_core.cli.main", True),
        ("algopioneer_core.runtime.session", True),
        ("algopioneer_core.bootstrap", True),
    ],
)
def test_rule_for_plugins_tells_right_from_wrong(module: str, *, forbidden: bool) -> None:
    """The rule that plugins are measured with is itself measured."""
    assert forbidden_to_plugins(module) is forbidden


def test_imports_are_seen_wherever_they_stand() -> None:
    """An import hidden in a function counts as well."""
    source = "import a.b\ndef f():\n    from c import d\n"
    assert imports(source) == {"a.b", "c.d"}


def test_a_process_that_decides_has_loaded_no_io() -> None:
    """Loading every module of domain and engine brings in attrs and nothing else from outside."""
    names = ", ".join(
        f"algopioneer_core.{room}.{path.stem}"
        for room in PURE_ROOMS
        for path in sorted((CORE / room).glob("*.py"))
        if path.stem != "__init__"
    )
    before, after = loaded_by("import attrs"), loaded_by(f"import {names}")
    strangers = {name for name in after - before if name not in sys.stdlib_module_names}
    assert strangers == {"algopioneer_core"}


def test_help_loads_no_heavy_package() -> None:
    """`algopioneer --help` answers before anybody has put the coffee down."""
    heavy = {"numpy", "plotly", "pyarrow", "rich", "statsmodels", "structlog"}
    heavy |= {"anyio", "asyncio", "httpx", "trio", "websockets"}
    statement = (
        "from algopioneer_core.cli.main import main\n"
        "sys.argv = ['algopioneer', '--help']\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code, stop.code"
    )
    assert loaded_by(statement) & heavy == set()
