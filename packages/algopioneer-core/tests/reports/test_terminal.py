import io
from typing import Any

import pytest
from rich.console import Console

from algopioneer_core.reports.terminal import print_result


def shown(run: Any, *, terminal: bool, width: int = 140) -> str:
    """Return what is printed."""
    file = io.StringIO()
    print_result(run.result, Console(file=file, force_terminal=terminal, width=width))
    return file.getvalue()


def test_a_pipe_gets_plain_lines(run: Any) -> None:
    """One label and value a line, no colours, no boxes, nothing cut at the width."""
    text = shown(run, terminal=False, width=20)
    assert "\x1b" not in text
    assert "  Net profit: 50.50 USD\n" in text
    assert "moving-average on <A&B>\n" in text
    assert "  Bars were stamped by their <open>.\n" in text


def test_a_terminal_gets_tables(run: Any) -> None:
    """With the same figures."""
    text = shown(run, terminal=True)
    assert "\x1b[" in text
    assert "50.50 USD" in text
    assert "moving-average on <A&B>" in text


def test_losses_and_gains_differ_in_colour(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Green for the gain of this run, where the environment has nothing against colour."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[32m" in shown(run, terminal=True)


def test_standard_output_is_the_default(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """A command need not make a console."""
    print_result(run.result)
    assert "Net profit: 50.50 USD" in capsys.readouterr().out
