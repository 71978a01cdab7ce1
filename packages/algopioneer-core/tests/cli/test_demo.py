"""Behaviour of `algopioneer demo`."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from algopioneer_core.cli.main import main
from algopioneer_core.plugins.discovery import ALLOW_VARIABLE
from algopioneer_core.testing.distributions import write_distribution

_STRATEGY = """
from attrs import frozen
from algopioneer_core.engine.strategy import Requirements
from algopioneer_core.plugins import StrategySpec, hookimpl
from algopioneer_core.settings import option

@hookimpl
def algopioneer_strategies():
    return [StrategySpec(name="moving-average", summary="Stands in for ours.",
                         factory="stand_in:Idle", config="stand_in:IdleConfig")]

@frozen(kw_only=True)
class IdleConfig:
    short_window: int = option(5, help="Short.")
    long_window: int = option(20, help="Long.")

class Idle:
    def __init__(self, config, instruments):
        pass
    def requirements(self):
        return Requirements()
    def on_event(self, event, context):
        return ()
    def snapshot(self):
        return {}
    def restore(self, state):
        pass
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Work in an empty folder, with only the stand-in strategy allowed."""
    folder = write_distribution(
        tmp_path / "installed",
        "stand-in",
        plugins={"stand-in": "stand_in"},
        modules={"stand_in": _STRATEGY},
    )
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv(ALLOW_VARIABLE, "stand-in")
    monkeypatch.chdir(tmp_path)
    yield
    sys.modules.pop("stand_in", None)


def test_demo_shows_writes_and_says_what_next(capsys: pytest.CaptureFixture[str]) -> None:
    """One command, no file, no network."""
    assert 0 == main(["demo", "--no-rehearsal"])

    text = capsys.readouterr().out
    assert "moving-average on DEMO-USD" in text
    assert "What to try next" in text
    names = {"equity.csv", "report.html", "results.json", "trades.csv"}
    assert names == {path.name for path in Path("demo-results").iterdir()}


def test_demo_as_json_is_only_json(capsys: pytest.CaptureFixture[str]) -> None:
    """The same answer as `backtest --json`, written where it was told."""
    assert 0 == main(["demo", "--json", "--output-dir", "elsewhere"])

    results = json.loads(capsys.readouterr().out)
    assert results == json.loads(Path("elsewhere/results.json").read_text())
    assert "trending" == results["data"]["market"]


def test_demo_without_the_strategies_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The demo needs a plugin, and a plugin may be absent."""
    monkeypatch.setattr("algopioneer_core.plugins.manager.candidates", lambda: ())
    monkeypatch.delenv(ALLOW_VARIABLE)

    assert 4 == main(["demo"])

    assert "pip install algopioneer-strategies" in capsys.readouterr().err


def test_demo_says_where_it_cannot_write(capsys: pytest.CaptureFixture[str]) -> None:
    """One line, and a usage error, as for any other output."""
    Path("demo-results").mkdir()
    Path("demo-results/rehearsal").write_text("in the way", "utf-8")

    assert 2 == main(["demo"])

    error = capsys.readouterr().err
    assert error.startswith("error: demo-results/rehearsal")
    assert 1 == len(error.splitlines())


@pytest.mark.slow
def test_demo_tells_why_its_session_failed(capsys: pytest.CaptureFixture[str]) -> None:
    """The stand-in brings no pairs: what the session itself said is passed on."""
    assert 1 == main(["demo"])

    assert "the session failed: error: " in capsys.readouterr().err
