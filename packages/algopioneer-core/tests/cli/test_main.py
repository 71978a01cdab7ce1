"""Behaviour of the command `algopioneer` itself."""

import importlib.metadata
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from algopioneer_core.cli.main import main
from algopioneer_core.plugins.discovery import ALLOW_VARIABLE
from algopioneer_core.testing.distributions import write_distribution

_COMMAND = """
import click
from algopioneer_core.plugins import CommandSpec, hookimpl

@hookimpl
def algopioneer_commands():
    return [CommandSpec(name="greet", summary="Say hello.", command="greeting_plugin:greet")]

@click.command()
def greet():
    click.echo("hello")
"""


@pytest.fixture
def greeting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Install a plugin with a command."""
    write_distribution(
        tmp_path,
        "greeting",
        plugins={"greeting": "greeting_plugin"},
        modules={"greeting_plugin": _COMMAND},
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("greeting_plugin", None)


def _json(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_version_is_that_of_the_distribution(capsys: pytest.CaptureFixture[str]) -> None:
    """There is one place where the version is written."""
    assert 0 == main(["--version"])
    version = importlib.metadata.version("algopioneer-core")
    assert f"algopioneer {version}\n" == capsys.readouterr().out


def test_help_lists_commands_with_summaries(capsys: pytest.CaptureFixture[str]) -> None:
    """The first page says what can be done."""
    assert 0 == main(["--help"])

    text = capsys.readouterr().out
    for word in ("backtest", "demo", "plugins", "Trade a strategy on past bars."):
        assert word in text


def test_command_of_a_plugin_is_listed_and_runs(
    greeting: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """A plugin's command is a command like ours."""
    assert 0 == main(["--help"])
    assert "Say hello." in capsys.readouterr().out
    assert 0 == main(["greet"])
    assert "hello\n" == capsys.readouterr().out


def test_unknown_command_suggests_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    """One line, exit code 2."""
    assert 2 == main(["backtset"])
    error = "error: there is no command 'backtset' (did you mean 'backtest'?)\n"
    assert error == capsys.readouterr().err


def test_unknown_command_far_from_all_points_to_the_help(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """No hint is better than a wrong one."""
    assert 2 == main(["zzzz"])
    assert "(see: algopioneer --help)" in capsys.readouterr().err


def test_help_imports_nothing_heavy() -> None:
    """Measured in a fresh interpreter."""
    program = (
        "import sys\n"
        "from algopioneer_core.cli.main import main\n"
        "assert main(['--help']) == 0\n"
        "heavy = {'numpy', 'trio', 'anyio', 'structlog', 'statsmodels', 'rich', 'pandas',\n"
        "         'pyarrow', 'plotly', 'cattrs', 'packaging', 'asyncio'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert "[]" == done.stderr.strip()


def test_module_runs_as_the_command() -> None:
    """`python -m algopioneer_core` works where scripts are not on the path."""
    done = subprocess.run(
        [sys.executable, "-m", "algopioneer_core", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.startswith("algopioneer ")


def test_plugins_list_shows_what_each_provides(capsys: pytest.CaptureFixture[str]) -> None:
    """A table for people."""
    assert 0 == main(["plugins", "list"])

    out = capsys.readouterr().out
    line = next(x for x in out.splitlines() if x.startswith("builtin"))
    assert "algopioneer-core" in line
    assert "venue: paper, replay" in line
    assert "exit policy: all-of, any-of" in out


def test_plugins_list_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    """The same for programs."""
    assert 0 == main(["plugins", "list", "--json"])

    (row,) = (r for r in _json(capsys)["plugins"] if r["name"] == "builtin")
    assert ("algopioneer-core", "ok", None) == (row["distribution"], row["status"], row["error"])
    assert "stop-loss" in [item["name"] for item in row["provides"]]


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a plugin that raises on import."""
    write_distribution(
        tmp_path,
        "acme-broken",
        version="2.1",
        plugins={"acme": "acme_broken_plugin"},
        modules={"acme_broken_plugin": "raise RuntimeError('no licence file')"},
    )
    monkeypatch.syspath_prepend(str(tmp_path))


def test_broken_plugin_is_a_row_and_a_warning(
    broken: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Listing goes on; the cause is one line on standard error."""
    assert 0 == main(["plugins", "list"])

    shown = capsys.readouterr()
    assert "acme-broken" in shown.out
    (line,) = shown.err.splitlines()
    assert "plugin 'acme' (acme-broken 2.1): cannot be loaded: RuntimeError: no licence" in line


def test_check_shows_the_traceback_and_fails(
    broken: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """`plugins check` is where an author looks."""
    assert 4 == main(["plugins", "check"])

    shown = capsys.readouterr()
    assert "Traceback (most recent call last)" in shown.out
    assert "raise RuntimeError('no licence file')" in shown.out
    assert "no licence file" in shown.err


def test_check_without_fault_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Everything core declares can be imported."""
    monkeypatch.setenv(ALLOW_VARIABLE, "")

    assert 0 == main(["plugins", "check"])
    assert "plugins without a fault: 1\n" == capsys.readouterr().out


def _install(folder: Path, name: str, source: str, requires: tuple[str, ...] = ()) -> None:
    module = f"{name}_plugin_module"
    write_distribution(
        folder, name, plugins={name: module}, modules={module: source}, requires=requires
    )


_UNRESOLVED = """
from algopioneer_core.plugins import StrategySpec, CommandSpec, hookimpl

@hookimpl
def algopioneer_strategies():
    return [StrategySpec(name="idea", summary="s", factory="nowhere_at_all:make")]

@hookimpl
def algopioneer_commands():
    return [CommandSpec(name="go", summary="s", command="math:nothing")]
"""


def test_check_resolves_every_reference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What listing does not import, checking does."""
    _install(tmp_path, "unresolved", _UNRESOLVED)
    monkeypatch.syspath_prepend(str(tmp_path))

    assert 0 == main(["plugins", "list"])
    assert 4 == main(["plugins", "check", "--json"])

    listing, _, checked = capsys.readouterr().out.partition("{")
    problems = json.loads("{" + checked)["problems"]
    assert "unresolved" in listing
    assert "plugin 'unresolved' (unresolved 1.0): cannot load 'nowhere_at_all:make'" in problems[0]
    assert "cannot load 'math:nothing'" in problems[1]
    sys.modules.pop("unresolved_plugin_module")


def test_check_compares_the_range_of_core(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A plugin that loads by luck is found too."""
    source = _UNRESOLVED.replace("nowhere_at_all:make", "math:sqrt").replace("nothing", "sqrt")
    _install(tmp_path, "elder", source, ("algopioneer-core<0.0.1", "attrs"))
    monkeypatch.syspath_prepend(str(tmp_path))

    assert 4 == main(["plugins", "check"])

    assert "it was made for algopioneer-core<0.0.1, installed is" in capsys.readouterr().err
    sys.modules.pop("elder_plugin_module")


def test_two_plugins_with_one_name_are_listed_and_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both rows are shown, both distributions are named, exit code 4."""
    for name in ("first", "second"):
        write_distribution(
            tmp_path / name, name, plugins={"twin": f"{name}_twin"}, modules={f"{name}_twin": ""}
        )
        monkeypatch.syspath_prepend(str(tmp_path / name))

    assert 4 == main(["plugins", "list", "--json"])
    assert 2 == len([row for row in _json(capsys)["plugins"] if row["status"] == "conflict"])
    assert 4 == main(["plugins", "list"])

    shown = capsys.readouterr()
    assert 2 == shown.out.count("conflict")
    assert "plugin name 'twin' is claimed by first 1.0 and second 1.0" in shown.err
