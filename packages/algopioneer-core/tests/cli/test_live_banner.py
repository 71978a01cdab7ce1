"""Nothing trades with money unless it was said, and then what and within which limits is shown."""

from pathlib import Path

import pytest

from algopioneer_core.bootstrap import session as bootstrap
from algopioneer_core.cli.main import main
from algopioneer_core.config.session import SessionConfig
from algopioneer_core.domain.errors import RefusedError

FILE = """
[venue.coinbase]
paper = {paper}

[[strategy]]
kind = "pairs"
name = "majors"
instruments = ["BTC-USD", "ETH-USD"]
interval = "1h"
capital = 20000
[strategy.risk]
max_order_notional = 3000

[[strategy]]
kind = "basis"
name = "carry"
instruments = ["SOL-USD", "SLP-27DEC30-CDE"]
interval = "1h"
capital_share = 0.25

[risk]
max_gross_notional = 50000
"""


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[SessionConfig]:
    """Return the sessions that would have been run, in an empty folder."""
    found: list[SessionConfig] = []

    def refuse(session: SessionConfig, *_: object, **__: object) -> None:
        found.append(session)
        raise RefusedError("that is far enough")

    monkeypatch.setattr(bootstrap, "run_session", refuse)
    monkeypatch.chdir(tmp_path)
    return found


def run(*words: str, paper: str = "false") -> int:
    """Run the session of the file."""
    Path("run.toml").write_text(FILE.format(paper=paper), "utf-8")
    return main(["run", "--config", "run.toml", *words])


def test_money_has_to_be_said(
    started: list[SessionConfig], capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that says it is not enough; nothing is started."""
    assert 3 == run()
    assert "coinbase would trade with money" in (said := capsys.readouterr().err)
    assert "say --live" in said
    assert not started


def test_money_that_is_nowhere_is_not_said(
    started: list[SessionConfig], capsys: pytest.CaptureFixture[str]
) -> None:
    """Who says --live and trades on paper believes something wrong."""
    assert 3 == run("--live", paper="true")
    assert "every venue of this session is on paper" in capsys.readouterr().err
    assert not started


def test_it_is_shown_what_will_be_traded_and_within_which_limits(
    started: list[SessionConfig], capsys: pytest.CaptureFixture[str]
) -> None:
    """Venue, strategies with instruments and money, and every limit, before it begins."""
    assert 3 == run("--live")

    said = capsys.readouterr().err.split("error:")[0].splitlines()
    assert "LIVE: this session trades with money at coinbase." == said[0]
    assert "  majors: pairs on coinbase:BTC-USD, coinbase:ETH-USD, with 20000" == said[1]
    assert "    max_order_notional = 3000" in said
    carry = "  carry: basis on coinbase:SOL-USD, coinbase:SLP-27DEC30-CDE"
    assert f"{carry}, with 25.00% of the capital" in said
    assert "Limits of the session:" in said
    assert "  max_gross_notional = 50000" in said
    assert len(started) == 1


def test_a_session_from_flags_has_and_shows_safe_limits(
    started: list[SessionConfig], capsys: pytest.CaptureFixture[str]
) -> None:
    """Those that nobody stated are shown too."""
    words = "dual-leg --strategy pairs --symbols BTC-USD,ETH-USD --interval 1h --live"

    assert 3 == main(words.split())
    assert "pairs on coinbase:BTC-USD, coinbase:ETH-USD" in (said := capsys.readouterr().err)
    assert "daily_loss_fraction" in said
    assert len(started) == 1
