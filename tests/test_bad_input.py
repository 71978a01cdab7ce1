"""
What a user does wrong is told in one line: where, why and what to do; end to end.

Every case runs the command as a process of its own, in an empty folder, with the strategy that is
shipped. How each room words its part is tested beside the room.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from algopioneer_core.testing.distributions import write_distribution

USAGE, DATA, CONFIGURATION = 2, 3, 4
HEADER = "time,open,high,low,close,volume"
ROWS = [f"2024-01-01T00:{minute:02}:00Z,10,11,9,10.5,1" for minute in range(40)]
FILE = ("--data", "bars.csv", "--symbols", "BTC-USD")
SYNTHETIC = ("--synthetic", "--duration", "1h")


def bars(*rows: str, header: str = HEADER) -> str:
    """Return the text of a file of bars: these rows first, then good ones from minute 5 on."""
    return "\n".join((header, *rows, *ROWS[5:])) + "\n"


class Case(NamedTuple):
    """One mistake, and everything that the line about it must say."""

    words: Sequence[str]
    """After `backtest --strategy moving-average`, unless they name a strategy themselves."""
    code: int
    place: str
    cause: str
    remedy: str
    files: dict[str, str] = {}  # noqa: RUF012 - never changed


CASES = {
    "missing file": Case(FILE, DATA, "bars.csv", "no such file", "check the path"),
    "empty file": Case(
        FILE, DATA, "bars.csv", "the file is empty", "give a file", {"bars.csv": ""}
    ),
    "wrong columns": Case(
        FILE, DATA, "bars.csv:1", "there is no column for close", "give the file a header with",
        {"bars.csv": "time,open,high,low\n2024-01-01T00:00:00Z,10,11,9\n"},
    ),
    "unsorted times": Case(
        FILE, DATA, "bars.csv:4", "times are not sorted", "--accept unsorted",
        {"bars.csv": bars(ROWS[0], ROWS[2], ROWS[1])},
    ),
    "duplicate times": Case(
        FILE, DATA, "bars.csv:4", "is there twice", "--accept duplicates",
        {"bars.csv": bars(ROWS[0], ROWS[1], ROWS[1])},
    ),
    "NaN": Case(
        FILE, DATA, "bars.csv:3", "close is blank or not a number", "--accept nan",
        {"bars.csv": bars(ROWS[0], "2024-01-01T00:01:00Z,10,11,9,NaN,1")},
    ),
    "negative price": Case(
        FILE, DATA, "bars.csv:3", "a price is not positive", "--accept non-positive",
        {"bars.csv": bars(ROWS[0], "2024-01-01T00:01:00Z,10,11,-9,10,1")},
    ),
    "unknown strategy": Case(
        ("--strategy", "moving-avrage", *SYNTHETIC), CONFIGURATION, "strategy",
        "no strategy is named 'moving-avrage'", "did you mean 'moving-average'?",
    ),
    "short window not below long window": Case(
        (*SYNTHETIC, "--short-window", "20", "--long-window", "20"), CONFIGURATION,
        "--short-window", "short_window (20) must be below long_window (20)",
        "choose a shorter short window",
    ),
    "unknown option in the configuration": Case(
        (*SYNTHETIC, "--config", "run.toml"), CONFIGURATION, "run.toml: strategy.short_windw",
        "unknown option 'short_windw'", "did you mean 'short_window'?",
        {"run.toml": '[strategy]\nkind = "moving-average"\nshort_windw = 3\n'},
    ),
    "fewer bars than the warm-up": Case(
        FILE, DATA, "BTC-USD", "needs 21 bars before it can decide, and there are 20",
        "more bars or shorter windows",
        {"bars.csv": "\n".join((HEADER, *ROWS[:20]))},
    ),
    "output directory is a file": Case(
        (*SYNTHETIC, "--output-dir", "taken"), USAGE, "taken: ", "cannot write here: file exists",
        "choose another --output-dir", {"taken": ""},
    ),
}  # fmt: skip

Refused = Callable[..., str]


@pytest.fixture
def refused(tmp_path: Path) -> Refused:
    """Return a function that runs the command and returns the one line it must end with."""

    def run(words: Sequence[str], code: int, installed: Sequence[Path] = ()) -> str:
        done = command(words, tmp_path, installed)
        assert code == done.returncode, done.stderr
        (line,) = done.stderr.splitlines()
        assert line.startswith("error: ")
        assert "Traceback" not in line
        assert "" == done.stdout
        return line

    return run


def command(
    words: Sequence[str], folder: Path, installed: Sequence[Path] = ()
) -> subprocess.CompletedProcess[str]:
    """Run `algopioneer` with these words in *folder*, with more distributions installed."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, installed))}
    environment.pop("ALGOPIONEER_PLUGINS", None)
    return subprocess.run(
        [sys.executable, "-m", "algopioneer_core", *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def backtest(words: Sequence[str]) -> list[str]:
    """Return the words of a backtest, of the moving average unless they say otherwise."""
    chosen = () if "--strategy" in words else ("--strategy", "moving-average")
    return ["backtest", *chosen, *words]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_mistake_is_one_line_with_place_cause_and_remedy(
    case: Case, refused: Refused, tmp_path: Path
) -> None:
    """Exit code 2, 3 or 4; the line names file and line, key or flag; nothing is written."""
    for name, text in case.files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")

    line = refused(backtest(case.words), case.code)

    assert case.place in line
    assert case.cause in line
    assert case.remedy in line
    assert line.endswith(")"), "a remedy is in brackets at the end"
    assert set(case.files) == {path.name for path in tmp_path.iterdir()}


def test_mistake_is_an_object_for_a_program(tmp_path: Path) -> None:
    """With `--json` the same line is on standard error, and its parts on standard output."""
    words = backtest((*SYNTHETIC, "--short-window", "0", "--json"))
    done = command(words, tmp_path)

    error = json.loads(done.stdout)["error"]
    assert (CONFIGURATION, CONFIGURATION) == (done.returncode, error["exit_code"])
    assert "--short-window" == error["where"]
    assert f"error: {error['where']}: short_window must be at least 1, not 0" in done.stderr


def test_two_plugins_with_one_name_are_both_named(refused: Refused, tmp_path: Path) -> None:
    """It would not be clear which code trades, so nothing does."""
    installed = [
        write_distribution(
            tmp_path / name, name, plugins={"twin": f"{name}_twin"}, modules={f"{name}_twin": ""}
        )
        for name in ("one", "two")
    ]

    line = refused(backtest(SYNTHETIC), CONFIGURATION, installed)

    assert "plugin name 'twin' is claimed by one 1.0 and two 1.0" in line
    assert "(uninstall one of them: pip uninstall two)" in line


RIVAL = """
from algopioneer_core.plugins import StrategySpec, hookimpl

@hookimpl
def algopioneer_strategies():
    return [StrategySpec(name="moving-average", summary="Another.", factory="a:b")]
"""


def test_two_strategies_with_one_name_are_both_named(refused: Refused, tmp_path: Path) -> None:
    """Under different names, two plugins may still claim one strategy."""
    rival = write_distribution(
        tmp_path / "x", "rival", plugins={"rival": "rival_plugin"}, modules={"rival_plugin": RIVAL}
    )

    line = refused(backtest(SYNTHETIC), CONFIGURATION, [rival])

    assert "strategy 'moving-average' is provided by" in line
    assert "plugin 'rival' (rival 1.0)" in line
    assert "plugin 'strategies' (algopioneer-strategies " in line
    assert "ALGOPIONEER_PLUGINS" in line


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """Install a plugin that raises when it is imported."""
    source = "raise RuntimeError('no licence file')"
    return write_distribution(
        tmp_path / "x", "ideas", plugins={"ideas": "ideas_plugin"}, modules={"ideas_plugin": source}
    )


def test_plugin_that_raises_on_import_is_the_answer_when_it_is_needed(
    refused: Refused, broken: Path
) -> None:
    """The strategy is not there, and the line says why."""
    line = refused(backtest(("--strategy", "zzz", *SYNTHETIC)), CONFIGURATION, [broken])

    assert "no strategy is named 'zzz'" in line
    assert "plugin 'ideas' (ideas 1.0)" in line
    assert "RuntimeError: no licence file" in line
    assert "pip uninstall ideas" in line


def test_plugin_that_raises_on_import_does_not_take_the_others_down(
    tmp_path: Path, broken: Path
) -> None:
    """A backtest that does not need it runs, with one line of warning."""
    done = command(backtest((*SYNTHETIC, "--json")), tmp_path, [broken])

    (line,) = done.stderr.splitlines()
    assert 0 == done.returncode
    assert line.startswith("warning: plugin 'ideas' (ideas 1.0): ")
    assert "RuntimeError: no licence file" in line
    assert "moving-average" == json.loads(done.stdout)["strategy"]


def test_output_directory_without_permission(refused: Refused, tmp_path: Path) -> None:
    """Refused before anything is traded."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    if os.access(closed, os.W_OK):
        pytest.skip("this user may write everywhere")

    line = refused(backtest((*SYNTHETIC, "--output-dir", "closed")), USAGE)

    assert "closed: permission denied" in line.lower()
    assert "--output-dir" in line
