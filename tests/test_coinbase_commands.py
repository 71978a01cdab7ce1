"""The commands that trade, on paper over a local Coinbase: `--exchange coinbase` and no key."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from algopioneer_core.cli.main import main
from tests.local_coinbase import go_to, local_coinbase

HOLDINGS = ("--paper-account", "balances=USD=10000,BTC=1,ETH=20")
INVENTORY = ("--set", "legs.short_mode=inventory")
SESSION = """
[session]
for = "5s"

[venue.coinbase]

[venue.coinbase.paper]
balances = ["USD=10000"]

[[strategy]]
kind = "moving-average"
instruments = ["coinbase:BTC-USD"]
interval = "250ms"
history = 5
quantity = 0.01
short_window = 1
long_window = 2
"""


@pytest.fixture(scope="module")
def coinbase(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """Serve a local Coinbase whose market moves sixteen times a second."""
    with local_coinbase(tmp_path_factory.mktemp("coinbase"), speed=240.0) as variables:
        yield variables


@pytest.fixture
def here(coinbase: Mapping[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working folder; the exchange is known, and no key is."""
    go_to(tmp_path, coinbase, monkeypatch)
    return tmp_path


def _ended(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    code = main([*words, "--json"])
    shown = capsys.readouterr()
    assert 0 == code, shown.err
    answer: dict[str, Any] = json.loads(shown.out)
    assert "the time is over" == answer["reason"], shown.err
    return answer


def test_a_session_file_trades(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Bars are built from the trades of the stream; orders fill on its quotes."""
    (here / "s.toml").write_text(SESSION, "utf-8")
    answer = _ended(capsys, "run", "--config", "s.toml")
    assert answer["trades"] > 0


def test_trade_runs_for_its_time(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It goes on from its journal when it is started again."""
    words = ("trade", "--exchange", "coinbase", "--product-id", "BTC-USD", "--duration", "1")
    answer = _ended(capsys, *words, "--for", "2s", "--journal", "t.journal")
    assert ["moving-average"] == list(answer["equity"])
    assert 0 == main(["journal", "verify", "--journal", "t.journal"])
    capsys.readouterr()
    _ended(capsys, *words, "--for", "1s", "--journal", "t.journal")


def test_dual_leg_trades_both_coins_out_of_holdings(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Coins that are there are sold; none is borrowed."""
    answer = _ended(
        capsys, "dual-leg", "--strategy", "pairs", "--symbols", "BTC-USD,ETH-USD", "--exchange",
        "coinbase", "--interval", "250ms", "--order-size", "1000", "--set", "window=4", "--set",
        "z_entry=0.5", "--set", "z_exit=0", *INVENTORY, *HOLDINGS, "--for", "5s", "--record",
        "t.csv",
    )  # fmt: skip
    assert answer["trades"] > 0
    rows = (here / "t.csv").read_text("utf-8")
    assert "coinbase:BTC-USD" in rows
    assert "coinbase:ETH-USD" in rows


def test_a_pair_that_could_never_be_opened_is_refused_at_the_start(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Coinbase lends no coins: the line names what can be chosen instead."""
    words = ("dual-leg", "--strategy", "pairs", "--symbols", "BTC-USD,ETH-USD", "--interval", "1m")
    assert 3 == main([*words, "--exchange", "coinbase", "--for", "5s"])
    line = capsys.readouterr().err
    assert "legs.short_mode: coinbase:BTC-USD cannot be sold short; choose short_mode inv" in line


def test_a_spread_that_is_not_opened_is_told(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is held that could be sold, and the log says so."""
    code = main([
        "dual-leg", "--strategy", "pairs", "--symbols", "BTC-USD,ETH-USD", "--exchange",
        "coinbase", "--interval", "250ms", "--order-size", "1000", "--set", "window=4", "--set",
        "z_entry=0.5", "--set", "z_exit=0", *INVENTORY, "--for", "4s", "--json",
    ])  # fmt: skip
    shown = capsys.readouterr()
    refused = [line for line in shown.err.splitlines() if "spread.refused" in line]
    assert (0, 0) == (code, json.loads(shown.out)["trades"])
    assert refused
    assert "needs more than 0 held" in refused[0]


def test_a_basis_needs_no_settings_of_fees(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They are the account's, and without a key those that the venue's settings state."""
    code = main([
        "dual-leg", "--strategy", "basis", "--symbols", "BTC-USD,BIT-27DEC30-CDE", "--exchange",
        "coinbase", "--interval", "250ms", "--venue", "taker_fee_bps=90", "--for", "1s",
    ])  # fmt: skip
    shown = capsys.readouterr()
    assert 0 == code
    assert "strategy.started" in shown.err
    assert "crashed" not in shown.err


def test_what_a_strategy_cannot_be_made_of_is_refused_at_the_start(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not made again and again by the supervisor."""
    words = ("dual-leg", "--strategy", "basis", "--symbols", "BTC-USD,ETH-USD", "--interval", "1m")
    assert 4 == main([*words, "--exchange", "coinbase", *INVENTORY, *HOLDINGS, "--for", "5s"])
    shown = capsys.readouterr()
    assert "strategy.started" not in shown.err
    assert shown.err.splitlines()[-1].startswith("error: ")


def test_portfolio_runs_the_pairs_of_its_file(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A coin and its future: the future is what is sold."""
    pair = {
        "spot_symbol": "BTC-USD",
        "future_symbol": "BIT-27DEC30-CDE",
        "order_size": "100000",
        "window_size": 12,
        "entry_z_score": 1.2,
        "exit_z_score": 0.2,
    }
    (here / "pairs.json").write_text(json.dumps([pair]), "utf-8")
    answer = _ended(
        capsys, "portfolio", "--config", "pairs.json", "--exchange", "coinbase", "--interval",
        "1m", "--for", "2s",
    )  # fmt: skip
    assert 1 == len(answer["equity"])
