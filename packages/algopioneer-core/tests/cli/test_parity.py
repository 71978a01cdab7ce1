"""What `algopioneer parity` prints: a table on a terminal, plain lines anywhere else."""

import io

import pytest
from rich.console import Console

from algopioneer_core.cli.main import main
from algopioneer_core.cli.parity import print_verdicts
from algopioneer_core.parity.causes import Cause
from algopioneer_core.parity.compare import Divergence, Verdict
from algopioneer_core.parity.decisions import Decision, DecisionKind

EQUAL = Verdict(strategy="calm", equal=7, fills=2, divergence=None, notes=("data gap: no bar",))
PARTED = Verdict(
    strategy="trend",
    equal=4,
    fills=1,
    divergence=Divergence(
        place=4,
        session=Decision(DecisionKind.ENDED, 60_000_000_000, 2, "rejected", "no money"),
        backtest=None,
        cause=Cause.INTERVENTION,
        why="the session's order was rejected",
    ),
)


def _printed(*, terminal: bool) -> str:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=100, record=True)
    print_verdicts((EQUAL, PARTED), console)
    return console.export_text()


def test_plain_lines_say_how_far_both_are_equal_and_what_differs() -> None:
    """A line for each strategy, then what each did at the first difference."""
    assert _printed(terminal=False).splitlines() == [
        "calm: 7 decisions equal, of these 2 fills",
        "trend: 4 decisions equal, of these 1 fills, then: intervention",
        "  calm decided the same all the same: data gap: no bar",
        "  trend, decision 5: intervention: the session's order was rejected",
        "    session:  1970-01-01T00:01:00Z order 2: rejected (no money)",
        "    backtest: nothing more",
    ]


def test_a_terminal_gets_a_table() -> None:
    """With the class of the first difference, or that there is none."""
    text = _printed(terminal=True)
    assert "first difference" in text
    assert ["calm", "7", "2", "none"] in [line.strip("│ ").replace("│", " ").split()
                                          for line in text.splitlines()]  # fmt: skip


def test_a_session_file_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """With the usual exit code, before anything is opened."""
    assert main(["parity", "--config", "nowhere.toml"]) == 4
    assert "nowhere.toml" in capsys.readouterr().err
