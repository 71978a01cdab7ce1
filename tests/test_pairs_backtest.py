"""`algopioneer backtest` with a strategy of two legs, end to end."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from algopioneer_core.cli.main import main


class Answer(NamedTuple):
    """How a command ended and what it said."""

    code: int
    out: str
    err: str


Run = Callable[..., Answer]


def closes(symbol: str, rows: list[tuple[int, float]]) -> str:
    """Return a file of daily closes, by day of the year 2001."""
    lines = [f"2001-{1 + day // 28:02}-{1 + day % 28:02},{close:.2f}" for day, close in rows]
    return "\n".join((f"Date,{symbol}", *lines)) + "\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder with two legs that stray and come back; each lacks some days."""
    monkeypatch.chdir(tmp_path)
    days = range(300)
    a = [(day, 50 + (day * 7 % 11) / 10 + (4 if day % 40 == 30 else 0)) for day in days]
    b = [(day, 100 + (day * 5 % 13) / 10) for day in days]
    (tmp_path / "a.csv").write_text(closes("AA", [row for row in a if row[0] % 50 != 3]))
    (tmp_path / "b.csv").write_text(closes("BB", [row for row in b if row[0] % 60 != 3]))
    (tmp_path / "late.csv").write_text(closes("BB", b).replace("2001-", "2021-"))
    return tmp_path


@pytest.fixture
def backtest(folder: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return what runs the command in that folder."""
    assert folder.is_dir()

    def run(*words: str) -> Answer:
        code = main(["backtest", "--strategy", "pairs", *words])
        return Answer(code, *capsys.readouterr())

    return run


FILES = ("--data", "a.csv,b.csv", "--symbols", "AA,BB", "--interval", "1d", "--window", "20")


@pytest.fixture
def results(backtest: Run) -> Callable[..., dict[str, Any]]:
    """Return what gives the command's JSON."""

    def run(*words: str) -> dict[str, Any]:
        answer = backtest(*words, "--json")
        assert 0 == answer.code, answer.err
        found: dict[str, Any] = json.loads(answer.out)
        return found

    return run


def test_both_engines_give_the_same_results(results: Callable[..., dict[str, Any]]) -> None:
    """By the command too, with fees, a stop and calendars that differ."""
    words = (*FILES, "--fee-bps", "10", "--z-stop", "6")
    event, vector = (results(*words, "--engine", engine) for engine in ("event", "vector"))
    assert ("event", "vector") == (event.pop("engine"), vector.pop("engine"))
    assert event == vector
    assert event["total_trades"] > 3
    assert {"AA": 4, "BB": 5} == event["data"]["bars_without_a_partner"]
    assert sum("have no partner and were left out" in note for note in event["notes"]) == 2


def test_everything_is_written(folder: Path, results: Callable[..., dict[str, Any]]) -> None:
    """Rows of each leg, equity with a column of each leg, and the report."""
    found = results(*FILES, "--output-dir", "out")
    out = folder / "out"
    assert json.loads((out / "results.json").read_text()) == found
    with (out / "trades.csv").open(newline="") as file:
        trades = list(csv.DictReader(file))
    assert len(trades) == 2 * found["total_trades"]
    assert [trade["symbol"] for trade in trades[:4]] == ["AA", "BB", "AA", "BB"]
    with (out / "equity.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == found["bars"]
    assert rows[-1]["equity"] == found["final_capital"]
    assert {"quantity_1", "close_1", "quantity_2", "close_2"} < set(rows[0])
    assert "Hedge ratio" in (out / "report.html").read_text()


@pytest.mark.parametrize(
    "words",
    [
        ("--data", "a.csv", "--data", "b.csv", "--symbols", "AA", "--symbols", "BB"),
        ("--data", "BB=b.csv", "--data", "AA=a.csv", "--symbols", "AA,BB"),
        ("--data", "AA=a.csv,BB=b.csv"),
    ],
)
def test_files_and_symbols_can_be_said_in_several_ways(
    results: Callable[..., dict[str, Any]], words: tuple[str, ...]
) -> None:
    """In order, by name, in one word or in several."""
    usual = results(*FILES)
    other = results(*words, "--interval", "1d", "--window", "20")
    assert usual["final_capital"] == other["final_capital"]
    assert ["AA", "BB"] == other["symbols"]


@pytest.mark.parametrize("hedge", ["fitted", "ols", "kalman"])
def test_every_hedge_runs(results: Callable[..., dict[str, Any]], hedge: str) -> None:
    """The engine that can do it is found."""
    words = ("--hedge", hedge, "--engine", "auto")
    assert results(*FILES, *words)["engine"] == ("vector" if hedge == "fitted" else "event")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--data", "a.csv", "--symbols", "AA,AA"), "--symbols: 'AA' is named twice"),
        (("--data", "a.csv", "--symbols", "AA"), "trades 2 instruments, not 1"),
        (("--data", "a.csv,b.csv,late.csv", "--symbols", "AA,BB"), "3 files for 2 symbols"),
        (
            ("--data", "a.csv,late.csv", "--symbols", "AA,BB", "--interval", "1d"),
            "the legs have no time in common",
        ),
        ((*FILES, "--z-exit", "2"), "--z-exit: z_exit (2) must be below z_entry (2)"),
        ((*FILES, "--window", "400"), "needs 400 joint bars before it can decide"),
        ((*FILES, "--notional", "-5"), "--notional: notional must be positive, not -5"),
        ((*FILES, "--short-mode", "none"), "choose short_mode margin or derivative"),
        ((*FILES, "--engine", "vector", "--margin", "regt"), "the vector engine cannot run this"),
    ],
)
def test_a_mistake_is_told_in_one_line(backtest: Run, words: tuple[str, ...], message: str) -> None:
    """What, where, and what to do."""
    answer = backtest(*words)
    assert answer.code in (3, 4, 5)
    assert [line for line in answer.err.splitlines() if message in line]
    assert "Traceback" not in answer.err
