"""Behaviour of `trade`, `dual-leg` and `portfolio`: flags become a session that is run."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from algopioneer_core.cli import run
from algopioneer_core.cli.main import main
from algopioneer_core.config.session import SessionConfig


class Ran:
    """Stands for running: keeps what would have been run."""

    def __init__(self) -> None:
        self.sessions: list[SessionConfig] = []
        self.said: list[tuple[bool, bool]] = []

    def __call__(self, session: SessionConfig, *, live: bool, as_json: bool) -> None:
        self.sessions.append(session)
        self.said.append((live, as_json))


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Ran:
    """Run nothing, in an empty folder."""
    found = Ran()
    monkeypatch.setattr(run, "run_and_tell", found)
    monkeypatch.chdir(tmp_path)
    return found


def test_trade_of_the_rust_system(ran: Ran) -> None:
    """Its flags mean what they meant; paper is the default and may be said."""
    words = "trade --product-id BTC-USD --duration 30 --order-size 0.01 --short-window 3 --paper"

    assert 0 == main([*words.split(), "--json"])

    (session,) = ran.sessions
    (strategy,) = session.strategies
    assert 30_000_000_000 == strategy.interval_ns
    assert Decimal("0.01") == strategy.settings.filed["quantity"]
    assert [(False, True)] == ran.said
    assert not session.live


def test_dual_leg_of_the_rust_system(ran: Ran) -> None:
    """A pair in one flag; a negative number is a value."""
    words = (
        "dual-leg --strategy pairs --symbols AAPL,MSFT --exchange alpaca --interval 1m "
        "--order-size 200 --max-tick-age-ms 1500 --execution-timeout-ms 9000 "
        "--min-profit-threshold 2 --stop-loss-threshold -5 --throttle-interval-secs 3 "
        "--set window=40 --live"
    )

    assert 0 == main(words.split())

    (session,) = ran.sessions
    (strategy,) = session.strategies
    assert ("alpaca:AAPL", "alpaca:MSFT") == strategy.instruments
    assert Decimal("1.5") == strategy.legs.max_price_age_s
    assert (Decimal(9), Decimal(3)) == (strategy.legs.max_residual_s, strategy.legs.patience_s)
    assert {"take_profit": Decimal(2), "stop_loss": Decimal(5)} == strategy.exits[0].settings.filed
    assert session.live
    assert [(True, False)] == ran.said


def test_portfolio_of_the_rust_system(ran: Ran) -> None:
    """Pairs come from the file, variables from `.env`."""
    pair = {"spot_symbol": "A", "future_symbol": "B", "order_size": "10"}
    Path("pairs_config.json").write_text(json.dumps([pair]), "utf-8")
    Path(".env").write_text("ACME_KEY=k\n", "utf-8")

    assert 0 == main(["portfolio", "--config", "pairs_config.json", "--interval", "1h"])

    (session,) = ran.sessions
    assert ["A-B"] == [each.name for each in session.strategies]
    assert "k" == session.environment["ACME_KEY"]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ("trade", 2, "Missing option '--product-id'"),
        ("trade --product-id A --order-size 0", 4, "--order-size: order_size must be positive"),
        ("trade --product-id A --duration 0", 4, "--duration: duration must be at least 1"),
        ("trade --product-id A --long-window 500", 4, "max_history (200) is shorter"),
        ("dual-leg --strategy pairs --symbols A", 4, "--symbols: two symbols are needed, not A"),
        ("portfolio --config none.json", 4, "none.json: cannot be read"),
    ],
)
def test_wrong_flag_is_one_line(
    ran: Ran, capsys: pytest.CaptureFixture[str], words: str, code: int, message: str
) -> None:
    """Nothing is run, and the flag is named."""
    assert code == main(words.split())

    assert message in capsys.readouterr().err
    assert [] == ran.sessions


def test_live_needs_a_venue_that_can_be_used(capsys: pytest.CaptureFixture[str]) -> None:
    """The bundled adapters say that they cannot trade yet."""
    code = main(["trade", "--product-id", "BTC-USD", "--live", "--exchange", "no-such"])

    assert 4 == code
    assert "no venue is named 'no-such'" in capsys.readouterr().err


def test_help_has_headings(capsys: pytest.CaptureFixture[str]) -> None:
    """What is about the venue stands together."""
    assert 0 == main(["trade", "--help"])

    out = capsys.readouterr().out
    assert "Venue:\n" in out
    assert "--live / --paper" in out
