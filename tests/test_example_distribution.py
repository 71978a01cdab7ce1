"""A stranger's strategy: built, installed from its wheel, found by name and traded."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.example_distributions import ROOT, copied, install, run

EXAMPLE = ROOT / "examples" / "acme-breakout"
GUIDE = ROOT / "docs" / "howto" / "write-a-strategy.md"
BARS = ROOT / "examples" / "data" / "made-up-1h.csv"
WINDOWS = ("--entry-window", "6", "--exit-window", "3", "--fee-bps", "5")
CONFIGURATIONS = sorted((ROOT / "examples").glob("*.toml"))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the example outside the checkout, as its author would have it."""
    return copied(EXAMPLE.name, tmp_path_factory.mktemp("author"))


@pytest.fixture(scope="module")
def installed(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder into which its wheel was installed."""
    return install(source, tmp_path_factory.mktemp("user"))


def algopioneer(installed: Path, *words: str) -> str:
    """Run the command where the example is installed and return what it prints."""
    done = run("algopioneer_core", *words, folder=installed.parent, path=installed)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def backtest(installed: Path, *words: str) -> dict[str, Any]:
    """Backtest the example on the bars of `examples/data` and return its results."""
    bars = ("--data", str(BARS), "--symbols", "DEMO-USD", "--json")
    results: dict[str, Any] = json.loads(
        algopioneer(installed, "backtest", "--strategy", "breakout", *bars, *words)
    )
    return results


def test_it_is_listed_with_its_distribution(installed: Path) -> None:
    """Installing is all there is to do: no setting, no registration."""
    plugins = {item["name"]: item for item in listed(installed)}

    assert "acme-breakout" == plugins["breakout"]["distribution"]
    assert "1.0.0" == plugins["breakout"]["version"]
    assert "breakout" in json.dumps(plugins["breakout"])


def listed(installed: Path) -> list[dict[str, Any]]:
    """Return the plugins that `plugins list --json` shows."""
    answer = json.loads(algopioneer(installed, "plugins", "list", "--json"))
    found: list[dict[str, Any]] = answer["plugins"] if isinstance(answer, dict) else answer
    return found


def test_it_passes_the_check_of_plugins(installed: Path) -> None:
    """Every reference resolves, and this core is in the range it was written for."""
    assert "without a fault" in algopioneer(installed, "plugins", "check")


def test_its_parameters_are_flags_with_help(installed: Path) -> None:
    """The core has never heard of an entry window."""
    text = algopioneer(installed, "backtest", "--strategy", "breakout", "--help")

    assert "Strategy breakout" in text
    for flag in ("--entry-window", "--exit-window", "--position-size"):
        assert flag in text
    assert "Bars whose high must be passed to buy." in " ".join(text.split())


@pytest.fixture(scope="module")
def by_event(installed: Path) -> dict[str, Any]:
    """Return the results of short windows, bar by bar."""
    return backtest(installed, *WINDOWS, "--engine", "event")


def test_it_trades_by_name_on_both_engines_alike(installed: Path, by_event: dict[str, Any]) -> None:
    """Figures and money are the same to the last digit."""
    by_array = backtest(installed, *WINDOWS, "--engine", "vector")

    different = {key for key in {*by_event, *by_array} if by_event.get(key) != by_array.get(key)}
    assert by_event["total_trades"] > 3
    assert {"engine"} == different


def test_its_parameters_reach_it(installed: Path, by_event: dict[str, Any]) -> None:
    """A shorter window is passed more often than the one it has by default."""
    by_default = backtest(installed)

    assert (6, 3) == tuple(by_event["parameters"][key] for key in ("entry_window", "exit_window"))
    assert (20, 10) == tuple(
        by_default["parameters"][key] for key in ("entry_window", "exit_window")
    )
    assert by_event["total_trades"] > by_default["total_trades"] > 0


def test_its_own_rule_is_told_like_the_cores(installed: Path) -> None:
    """One line with the flag, the cause and the remedy; exit code 4."""
    words = ("backtest", "--strategy", "breakout", "--synthetic", "--exit-window", "21")
    done = run("algopioneer_core", *words, folder=installed, path=installed)

    expected = (
        "error: --exit-window: exit_window (21) must not exceed entry_window (20) "
        "(choose a shorter exit window)\n"
    )
    assert (4, expected, "") == (done.returncode, done.stderr, done.stdout)


def test_its_configuration_runs(installed: Path) -> None:
    """The strategy and an exit policy of the core, both from a file."""
    words = ("backtest", "--config", str(EXAMPLE / "run.toml"), "--duration", "10d", "--json")

    results = json.loads(algopioneer(installed, *words))

    assert ("breakout", 50) == (results["strategy"], results["parameters"]["entry_window"])


def test_its_own_tests_pass_on_the_wheel(installed: Path, source: Path) -> None:
    """What its author tests holds for what its users get."""
    words = ("pytest", "-q", "-p", "no:cacheprovider", "-W", "error", "tests")
    done = run(*words, folder=source, path=installed)

    assert done.returncode == 0, done.stdout + done.stderr


def test_it_imports_only_what_is_open_to_strangers() -> None:
    """No privilege, no import behind the ports."""
    text = "\n".join(path.read_text("utf-8") for path in (EXAMPLE / "src").rglob("*.py"))
    rooms = set(re.findall(r"^(?:from|import) algopioneer_core\.(\w+)", text, re.MULTILINE))

    assert {"domain", "engine", "history", "plugins", "settings"} == rooms


def test_the_guide_is_this_example() -> None:
    """The blocks of the guide, in their order, are the files, letter for letter."""
    fences = re.findall(r"(?ms)^```(python|toml)\n(.*?)^```$", GUIDE.read_text("utf-8"))
    package = EXAMPLE / "src" / "acme_breakout"
    files = {
        "python": [package / f"{name}.py" for name in ("config", "strategy", "plugin")],
        "toml": [EXAMPLE / "pyproject.toml", EXAMPLE / "run.toml"],
    }

    for language, paths in files.items():
        blocks = [text for kind, text in fences if kind == language]
        assert [path.read_text("utf-8") for path in paths] == blocks


def _is_backtest(path: Path) -> bool:
    return "[backtest]" in path.read_text("utf-8")


@pytest.mark.parametrize(
    "path",
    [path for path in CONFIGURATIONS if _is_backtest(path)],
    ids=lambda path: path.name,
)
def test_backtests_run_from_the_root_of_the_checkout(path: Path) -> None:
    """Each `examples/*.toml` with a table of that name is a whole backtest that trades."""
    words = ("backtest", "--config", path.relative_to(ROOT).as_posix(), "--json")
    done = run("algopioneer_core", *words, folder=ROOT)

    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["total_trades"] > 0


@pytest.mark.parametrize(
    "path",
    [path for path in CONFIGURATIONS if not _is_backtest(path)],
    ids=lambda path: path.name,
)
def test_sessions_run_in_a_copy_of_the_examples(path: Path, tmp_path: Path) -> None:
    """Each of the others is a session on paper that trades to the end of its feed."""
    shutil.copytree(ROOT / "examples" / "data", tmp_path / "examples" / "data")
    done = run("algopioneer_core", "run", "--config", str(path), "--json", folder=tmp_path)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["trades"] > 0


def test_every_example_is_in_the_list_of_examples() -> None:
    """A reader finds them all in one place."""
    text = (ROOT / "examples" / "README.md").read_text("utf-8")
    links = re.findall(r"\]\(([^)#\s]+)\)", text)

    assert CONFIGURATIONS
    assert {f"{path.name}" for path in CONFIGURATIONS} <= set(links)
    assert [link for link in links if not (ROOT / "examples" / link).exists()] == []


def test_it_trades_in_simulations_where_it_is_installed(installed: Path, tmp_path: Path) -> None:
    """Beside the bundled strategies, under the same faults; elsewhere those trade alone."""
    command = ("--first-seed", "2", "--seeds", "1", "--minutes", "10", "--jobs", "1", "--journals")
    for folder, path in (("with", installed), ("without", None)):
        journals = tmp_path / folder
        done = run(
            "algopioneer_core.testing.simulate", *command, str(journals), folder=tmp_path, path=path
        )
        assert done.returncode == 0, done.stdout
        rows = (journals / "seed-2.txt").read_text("utf-8").splitlines()
        traders = {json.loads(row).get("strategy") for row in rows if '"kind":"intent"' in row}
        assert {"pairs", "basis"} <= traders
        assert ("breakout" in traders) is (path is not None)
