# /// script
# requires-python = ">=3.11"
# dependencies = ["nox>=2025.5", "uv>=0.5"]
# ///
"""
The one door to the project: `python3 -m nox` runs what has to hold, in the order it is cheapest.

The header above lets a machine with nothing but pip do it: nox finds that uv is missing, builds
itself an environment with both, and starts again inside it. Where uv cannot be installed,
`NOX_SCRIPT_MODE=none python3 -m nox` does the same work with virtualenv and pip, more slowly.
"""

import functools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import nox
from nox import virtualenv

nox.needs_version = ">=2025.5"
nox.options.default_venv_backend = os.environ.get("NOX_DEFAULT_VENV_BACKEND", "uv|virtualenv")
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["lint", "types", "tests"]

ROOT: Final = Path(__file__).resolve().parent
DISTRIBUTIONS: Final = (
    "algopioneer-core",
    "algopioneer-strategies",
    "algopioneer-coinbase",
    "algopioneer-kraken",
    "algopioneer-alpaca",
)
PURE: Final = "*/algopioneer_core/domain/*,*/algopioneer_core/engine/*"
WAITING: Final = "packages/algopioneer-coinbase/tests/test_loopback.py"
WORKSPACE: Final = Path(".nox", "workspace")
CODE: Final = tuple(
    folder
    for folder in ("packages", "tests", "benchmarks", "examples", "noxfile.py", "conftest.py")
    if (ROOT / folder).exists()
)


def _teach_uv_the_settings_of_pip() -> None:
    """
    Hand pip's index, certificates and local wheels to uv, which does not read pip's files.

    Whatever is set for uv already wins. `UV_SYSTEM_CERTS` makes uv trust what the machine trusts.
    """
    os.environ.setdefault("UV_SYSTEM_CERTS", "1")
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    known = {
        "index-url": "UV_DEFAULT_INDEX",
        "extra-index-url": "UV_INDEX",
        "find-links": "UV_FIND_LINKS",
        "timeout": "UV_HTTP_TIMEOUT",
        "cert": "SSL_CERT_FILE",
    }
    for line in listed.stdout.splitlines():
        key, _, value = line.partition("=")
        variable = known.get(key.rpartition(".")[2])
        if variable:
            os.environ.setdefault(variable, value.strip("'\"").replace("\\n", " ").strip())


def _keep_bytecode() -> None:
    """
    Let Python keep what it has compiled, out of the way, whatever the machine says.

    The tests start hundreds of processes; where none may keep its bytecode, each compiles all
    that it imports anew, which doubles its processor time.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ.setdefault("PYTHONPYCACHEPREFIX", str(ROOT / ".nox" / "bytecode"))


@functools.cache
def _uses_uv() -> bool:
    backends = (nox.options.default_venv_backend or "").split("|")
    return "uv" in backends and virtualenv.HAS_UV


def _group(name: str) -> list[str]:
    """Return the requirements of one group of the root pyproject.toml."""
    groups: dict[str, list[str]] = nox.project.load_toml(ROOT / "pyproject.toml")[
        "dependency-groups"
    ]
    return groups[name]


def _package(distribution: str) -> Path:
    return Path("packages", distribution)


def _editable(distributions: tuple[str, ...], extra: str = "") -> list[str]:
    """Return what to tell pip to install these distributions in place."""
    return [part for name in distributions for part in ("--editable", f"./packages/{name}{extra}")]


def _asynchronous_modules() -> list[Path]:
    """
    Return the modules that flake8-async has anything to say about, the largest first.

    It takes milliseconds a line. Tests are left to ruff, which has most of its rules.
    """
    shipped = [
        path for name in DISTRIBUTIONS for path in (ROOT / _package(name) / "src").rglob("*.py")
    ]
    others = [path for name in ("benchmarks", "examples") for path in (ROOT / name).rglob("*.py")]
    coroutine = re.compile(r"^\s*async def ", re.MULTILINE)
    modules = [path for path in shipped + others if coroutine.search(path.read_text("utf-8"))]
    return sorted(modules, key=lambda path: (-path.stat().st_size, path))


def _run_side_by_side(session: nox.Session, *commands: Sequence[str]) -> None:
    """Run commands that know nothing of each other at once; fail if one of them fails."""
    with ThreadPoolExecutor(len(commands)) as pool:
        for done in [pool.submit(session.run, *command) for command in commands]:
            done.result()


def _scripts(folder: Path) -> Path:
    return ROOT / folder / ("Scripts" if os.name == "nt" else "bin")


def _environment(session: nox.Session, folder: Path, *requirements: str) -> None:
    """
    Make or refresh an environment at a place of our choice.

    nox gives every session an environment of its own; this is for those that share one.
    """
    new = not _scripts(folder).exists()
    if _uses_uv():
        if new:
            session.run(virtualenv.UV, "venv", "-q", "-p", sys.executable, str(folder))
        session.run(virtualenv.UV, "pip", "install", "-q", "-p", str(folder), *requirements)
    else:
        if new:
            session.run(sys.executable, "-m", "virtualenv", "-q", str(folder))
        python = str(_scripts(folder) / "python")
        session.run(python, "-m", "pip", "install", "-q", *requirements)


def _workspace(session: nox.Session) -> None:
    """Make the environment that `types` and `tests` share: all packages in place, both's tools."""
    _environment(
        session,
        WORKSPACE,
        *_editable(DISTRIBUTIONS, "[test]"),
        *_group("types"),
        *_group("test"),
    )


def _run_in_workspace(session: nox.Session, program: str, *args: str, **env: str) -> None:
    scripts = _scripts(WORKSPACE)
    path = os.pathsep.join((str(scripts), os.environ.get("PATH", "")))
    variables = {"PATH": path, "VIRTUAL_ENV": str(ROOT / WORKSPACE), **env}
    session.run(str(scripts / program), *args, env=variables)


def _run_testing(session: nox.Session, module: str, *args: str) -> None:
    """Run a program of core's testing kit over the workspace."""
    _workspace(session)
    command = ("-m", f"algopioneer_core.testing.{module}", *args, *session.posargs)
    _run_in_workspace(session, "python", *command)


_teach_uv_the_settings_of_pip()
_keep_bytecode()


NOT_FOLLOWED = (
    "ASYNC9",  # optional rules, off by default
    "ASYNC100",  # ruff's own; with ASYNC9 and ASYNC300 it would take a third of the time
    "ASYNC114",  # asks for a list of all startable functions
    "ASYNC124",  # whoever fits a port is asynchronous, whether or not it waits
    "ASYNC127",  # prefers httpx2 to httpx: a decision of its own
    "ASYNC128",  # does not see a task_status that is handed on
    "ASYNC300",  # RUF006 of ruff
    "ASYNC401",  # RaisesGroup came with pytest 8.4, later than what is required
)
"""Rules of flake8-async that are switched off, here or because ruff has them."""


@nox.session
def lint(session: nox.Session) -> None:
    """Style, the arrows between rooms, spelling."""
    session.install(*_group("lint"))
    session.run("ruff", "check", *CODE)
    session.run("ruff", "format", "--check", *CODE)
    modules = [str(path) for path in _asynchronous_modules()]
    disabled = f"--disable={','.join(NOT_FOLLOWED)}"
    halves = modules[::2], modules[1::2]
    _run_side_by_side(session, *(("flake8-async", disabled, *half) for half in halves))
    sources = [str(_package(name) / "src") for name in DISTRIBUTIONS]
    session.run("lint-imports", "--no-cache", env={"PYTHONPATH": os.pathsep.join(sources)})
    session.run("codespell", *CODE, "docs", *map(str, Path().glob("*.md")))


@nox.session(venv_backend="none")
def types(session: nox.Session) -> None:
    """Mypy, strict, over sources and tests, one package at a time."""
    _workspace(session)
    # One run each: to mypy, files of the same name in two packages' tests are one module.
    for name in DISTRIBUTIONS:
        folder = ROOT / _package(name)
        targets = [str(part) for part in (folder / "src", folder / "tests") if part.exists()]
        bases = os.pathsep.join((str(folder / "src"), str(folder)))
        _run_in_workspace(session, "mypy", *targets, MYPYPATH=bases, MYPY_NUM_WORKERS="2")
    _run_in_workspace(session, "mypy", *(name for name in CODE if name != "packages"))


@nox.session(venv_backend="none")
def tests(session: nox.Session) -> None:
    """All tests of all packages; branch coverage 100 % in domain and engine, 90 % overall."""
    _workspace(session)
    coverage = functools.partial(_run_in_workspace, session, "coverage")
    pytest = ("-m", "pytest", "-n", "2", "--dist", "worksteal", "--timeout", "300")
    if session.posargs:  # a part of the tests covers a part of the code
        _run_in_workspace(session, "python", *pytest, *session.posargs)
        return
    # Measuring costs threefold, so rooms are measured by their packages' own tests, on one backend;
    # long loops, the other backend and the tests of the whole run unmeasured. Generated examples
    # are few here and many in `long`. Not pytest-cov: it starts after core's plugin is imported.
    few = ("--hypothesis-profile", "measured")
    coverage("erase")
    coverage("run", *pytest, *few, "-m", "not (slow or long or again)", "packages")
    coverage("combine", "-q")
    # Much of the rest waits for processes it has started: one more at once than processors.
    rest = ("-n", "3", "-m", "(slow or whole or again) and not long")
    _run_in_workspace(session, "python", *pytest, *few, *rest)
    coverage("report", "--fail-under=90")
    coverage("report", f"--include={PURE}", "--fail-under=100")


@nox.session(default=False, reuse_venv=False, tags=["isolated"])
@nox.parametrize("distribution", DISTRIBUTIONS, ids=DISTRIBUTIONS)
def isolated(session: nox.Session, distribution: str) -> None:
    """One distribution as a user has it: from its wheel, with its declared dependencies only."""
    _install_and_test(session, distribution)


@nox.session(default=False, reuse_venv=False, venv_backend="uv")
@nox.parametrize("distribution", DISTRIBUTIONS, ids=DISTRIBUTIONS)
def minimums(session: nox.Session, distribution: str) -> None:
    """The same with the oldest direct dependencies that are declared (needs uv)."""
    _install_and_test(session, distribution, "--resolution=lowest-direct")


def _install_and_test(session: nox.Session, distribution: str, *options: str) -> None:
    packages = dict.fromkeys(("algopioneer-core", distribution))
    if session.venv_backend == "uv":  # else it may take a wheel built before the last change
        options += tuple(f"--reinstall-package={name}" for name in packages)
    *others, _ = (f"./packages/{name}" for name in packages)
    session.install(*options, *others, f"./packages/{distribution}[test]")
    session.install("pytest-xdist>=3.6", "pytest-timeout>=2.3")  # not the package's: the run's own
    # Long loops and many generated examples are the business of `tests`.
    chosen = "not slow and not long"
    quick = ("-n", "2", "--timeout", "300", "-m", chosen, "--hypothesis-profile", "measured")
    tests = f"packages/{distribution}/tests"
    session.run("python", "-m", "pytest", *(session.posargs or quick), tests)


@nox.session(default=False, venv_backend="none")
def dev(session: nox.Session) -> None:
    """One editable environment in .venv for editors and for running single tests."""
    _environment(
        session,
        Path(".venv"),
        *_editable(DISTRIBUTIONS, "[test]"),
        *(requirement for group in ("lint", "types", "test") for requirement in _group(group)),
    )
    session.log("ready: .venv/bin/algopioneer, .venv/bin/pytest")


@nox.session(default=False)
def demo(session: nox.Session) -> None:
    """A backtest, and a rehearsal on paper that is killed, replayed and compared; no network."""
    session.install(*_editable(("algopioneer-core", "algopioneer-strategies")))
    session.run("algopioneer", "demo", *session.posargs)


@nox.session(default=False, venv_backend="none")
def long(session: nox.Session) -> None:
    """
    The tests that take minutes: true kills of live sessions, real sockets, hours of market.

    With them the properties, over five times as many generated examples as in `tests`.
    """
    _workspace(session)
    pytest = ("-m", "pytest", "--dist", "worksteal", "--timeout", "900")
    chosen = ("-m", "long or hypothesis", "--hypothesis-profile", "deep")
    if session.posargs:
        _run_in_workspace(session, "python", *pytest, "-n", "2", *chosen, *session.posargs)
        return
    # Five minutes of waiting for a venue that is served in real time, and seventeen seconds of
    # work: many at once. The rest computes.
    _run_in_workspace(session, "python", *pytest, "-n", "8", "-m", "long", WAITING)
    _run_in_workspace(session, "python", *pytest, "-n", "2", *chosen, f"--ignore={WAITING}")


@nox.session(default=False, venv_backend="none")
def simulate(session: nox.Session) -> None:
    """
    The real runtime through seeds of faults, crashes and power cuts, on a virtual clock.

    A stranger's strategy trades too, installed for this session only.
    """
    _workspace(session)
    strangers = Path(session.create_tmp(), "strangers").absolute()
    shutil.rmtree(strangers, ignore_errors=True)
    install = ("-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation")
    _run_in_workspace(
        session, "python", *install, "--target", str(strangers), "./examples/acme-breakout"
    )
    command = ("-m", "algopioneer_core.testing.simulate", *session.posargs)
    _run_in_workspace(session, "python", *command, PYTHONPATH=str(strangers))


@nox.session(default=False, venv_backend="none")
def crash_points(session: nox.Session) -> None:
    """A scripted session, killed at every write and every boundary of its wire, and restarted."""
    _run_testing(session, "crash_points")


@nox.session(default=False, venv_backend="none")
def mutants(session: nox.Session) -> None:
    """Plant mistakes in an adapter, and see which cases of the contract of venues catch them."""
    _run_testing(
        session, "mutants", str(_package("algopioneer-coinbase") / "tests" / "mutants.toml")
    )


@nox.session(default=False, venv_backend="none")
def planted(session: nox.Session) -> None:
    """Plant bugs in runtime, engine and journal, and see what notices each first."""
    _run_testing(
        session, "planted_bugs", str(_package("algopioneer-core") / "tests" / "planted_bugs.toml")
    )


@nox.session(default=False)
def official(session: nox.Session) -> None:
    """The official Coinbase client trades at the local exchange, and its requests equal ours."""
    session.install(*_editable(("algopioneer-core", "algopioneer-coinbase")))
    client = Path(session.create_tmp(), "client")  # it pins a websockets that is older than ours
    _environment(session, client, "coinbase-advanced-py>=1.8.3")
    script = _package("algopioneer-coinbase") / "tests" / "official_run.py"
    session.run("python", str(script), str(_scripts(client.absolute()) / "python"))


@nox.session(default=False)
def build(session: nox.Session) -> None:
    """Wheels and source distributions in dist/, their contents and metadata checked."""
    # anyio owns a setting of pytest in pyproject.toml, which an unknown one would be an error in.
    tools = ("anyio>=4.14", "build>=1.2", "packaging>=24.2", "pytest>=8.2", "trove-classifiers")
    session.install(*tools)
    shutil.rmtree(ROOT / "dist", ignore_errors=True)
    with_uv, with_pip = "uv build --out-dir=dist", "python -m build --outdir=dist"
    command = with_uv if session.venv_backend == "uv" else with_pip
    for name in DISTRIBUTIONS:
        session.run(*command.split(), str(_package(name)))
    # The root conftest is about Hypothesis, which nothing here needs.
    check = ("python", "-m", "pytest", "--noconftest", "tests/test_distributions.py")
    session.run(*check, env={"ALGOPIONEER_DIST": "dist"})
