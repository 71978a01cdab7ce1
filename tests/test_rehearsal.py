"""The demo's rehearsal: a session that is killed and started again does what one without does."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from algopioneer_core.cli import rehearsal
from algopioneer_core.cli.main import main
from algopioneer_core.cli.rehearsal import print_trades, rehearse
from algopioneer_core.domain.errors import AlgopioneerError


@pytest.mark.long
def test_a_kill_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Killed in the middle, it still makes the fills of a run without a break, each once."""
    lines: list[str] = []

    done = rehearse(tmp_path, days=2, speed="12000", tell=lines.append)

    assert 0 < done.fills // 2 <= done.fills_before < done.fills
    assert "each once" in lines[-5]
    assert "byte for byte" in lines[-3]
    assert "every signal, order and fill" in lines[-1]
    console = Console(file=io.StringIO(), record=True, width=80)
    print_trades(done.folder, console)
    assert "trend" in console.export_text()
    monkeypatch.chdir(done.folder)
    assert 0 == main(["journal", "verify", "--journal", "rehearsal.journal"])
    assert 0 == main(["journal", "show", done.order_id, "--journal", "rehearsal.journal"])
    assert "because" in capsys.readouterr().out


@pytest.mark.slow
def test_other_fills_are_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A difference is not passed over."""
    monkeypatch.setattr(rehearsal, "fills_in", lambda path: [(path.parent.name,)] * 4)

    with pytest.raises(AlgopioneerError, match="fills after the kill"):
        rehearse(tmp_path, days=1, speed="60000", tell=lambda _: None)
