"""Sessions from flags and files, end to end: bars are replayed, orders fill on paper."""

import csv
import datetime
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from algopioneer_core.cli.main import main

ROOT = Path(__file__).resolve().parent.parent
HOURS = 240


def _closes() -> Iterator[tuple[float, float]]:
    """Yield two prices whose ratio swings, every ten hours or so."""
    for hour in range(HOURS):
        common = 100 + 5 * math.sin(hour / 40)
        yield common * math.exp(0.02 * math.sin(hour / 1.7)), common


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working folder, with bars of A and B."""
    monkeypatch.chdir(tmp_path)
    begin = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
    for column, name in enumerate(("a.csv", "b.csv")):
        with (tmp_path / name).open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(("time", "open", "high", "low", "close", "volume"))
            for hour, prices in enumerate(_closes()):
                price = f"{prices[column]:.4f}"
                time = (begin + datetime.timedelta(hours=hour)).isoformat()
                rows.writerow((time, price, price, price, price, 100))
    return tmp_path


def _answer(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert 0 == main([*words, "--json"]), capsys.readouterr().err
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def _keys(path: Path) -> list[str]:
    with path.open(newline="") as file:
        return [row["key"] for row in csv.DictReader(file)]


REPLAY = ("--exchange", "replay", "--venue", "data=A=a.csv,B=b.csv")


def test_trade_runs_to_the_end_of_the_feed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A moving average on one instrument; each trade is recorded once."""
    answer = _answer(
        capsys, "trade", "--exchange", "replay", "--venue", "data=a.csv", "--venue", "symbols=A",
        "--product-id", "A", "--duration", "3600", "--order-size", "2", "--record", "t.csv",
    )  # fmt: skip

    keys = _keys(folder / "t.csv")
    assert "the feed has ended" == answer["reason"]
    assert len(keys) == answer["trades"] > 0
    assert len(set(keys)) == len(keys)


def test_portfolio_of_pairs_trades_both_legs(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file of the Rust system is enough, with the length of a bar."""
    pair = {
        "spot_symbol": "A",
        "future_symbol": "B",
        "order_size": "1000",
        "window_size": 12,
        "entry_z_score": 1.2,
        "exit_z_score": 0.2,
        "fee_tier": {"taker_fee_bps": "1"},
        "entry_cooldown_ms": 0,
    }
    (folder / "pairs_config.json").write_text(json.dumps([pair]), "utf-8")

    _answer(
        capsys, "portfolio", *REPLAY, "--config", "pairs_config.json", "--interval", "1h",
        "--record", "t.csv",
    )  # fmt: skip

    with (folder / "t.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {"replay:A", "replay:B"} == {row["instrument"] for row in rows}
    assert {"A-B"} == {row["strategy"] for row in rows}


def test_dual_leg_is_the_same_pair_from_flags(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The name of the Rust system is taken for pairs; a replay has an interval of its own."""
    answer = _answer(
        capsys, "dual-leg", "--strategy", "dual_leg", "--symbols", "A,B", *REPLAY, "--order-size",
        "1000", "--set", "window=12", "--set", "z_entry=1.2", "--record", "t.csv",
    )  # fmt: skip

    assert len(_keys(folder / "t.csv")) == answer["trades"] > 0


def test_exits_cannot_be_asked_on_quotes_that_are_not_in_the_files(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Files of bars have none; files of quotes need the length of the bars built from them."""
    (folder / "quotes.csv").write_text("time,bid,ask\n1,9,10\n", "utf-8")
    session = """
[session]
exit_on = "quote"
[venue.replay]
data = ["A={file}"]
[[strategy]]
kind = "moving-average"
instruments = ["replay:A"]
capital = 100
"""
    (folder / "s.toml").write_text(session.format(file="a.csv"), "utf-8")
    assert 0 != main(["run", "--config", "s.toml"])
    assert "there are no quotes of replay:A" in capsys.readouterr().err
    (folder / "s.toml").write_text(session.format(file="quotes.csv"), "utf-8")
    assert 0 != main(["run", "--config", "s.toml"])
    assert "it is not said how long its bars are" in capsys.readouterr().err
    (folder / "s.toml").write_text(f'{session.format(file="quotes.csv")}interval = "1m"', "utf-8")
    assert 0 == main(["run", "--config", "s.toml"])


def test_example_session_is_valid(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is shipped as an example passes its own check."""
    monkeypatch.chdir(ROOT)

    answer = _answer(capsys, "config", "validate", "--config", "examples/paper-portfolio.toml")

    assert {"valid": True, "problems": []} == answer
