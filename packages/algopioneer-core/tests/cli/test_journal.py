"""`algopioneer journal`, as somebody types it."""

import json
import sqlite3
from pathlib import Path

import pytest

from algopioneer_core.cli.main import main
from algopioneer_core.testing.journal_sessions import write_session


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a journal with one trade and one refusal."""
    path = tmp_path / "journal.sqlite"
    write_session(path)
    return path


def test_show_tells_why_it_traded(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Tick, wishes, risk, order, outcome and trade."""
    assert main(["journal", "show", "buy", "--journal", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "order buy of ma"
    assert [line for line in lines if line[0] != " "][1:] == [
        "because", "order", "outcome", "trade",
    ]  # fmt: skip


def test_show_as_json_has_every_entry_whole(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Money as text, times as text, bodies as they are journalled."""
    assert main(["journal", "show", "sell", "--journal", str(path), "--json"]) == 0
    story = json.loads(capsys.readouterr().out)
    assert (story["order_id"], story["strategy"]) == ("sell", "ma")
    [order] = story["order"]
    assert order["cause"] == story["causes"][-1]["sequence"]
    assert order["body"]["$Order"]["intent"]["quantity"] == "2"
    assert [each["kind"] for each in story["outcome"]] == ["event", "cancel", "event"]
    assert story["trades"][0]["body"]["$RoundTrip"]["pnl"] == "3.8"


def test_verify_says_that_nothing_was_changed(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the chain head, to be kept elsewhere."""
    assert main(["journal", "verify", "--journal", str(path)]) == 0
    out = capsys.readouterr().out
    assert "journal journal, entries: 17, as it was written" in out
    assert main(["journal", "verify", "--journal", str(path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["entries"], found["faults"]) == (17, [])
    assert f"chain head: {found['chain_head']}" in out


def test_verify_names_the_entries_that_were_changed(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On standard error, with exit code 3."""
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE entries SET ts_ns = 1 WHERE sequence IN (4, 6)")
    connection.close()
    assert main(["journal", "verify", "--journal", str(path)]) == 3
    captured = capsys.readouterr()
    assert captured.err.splitlines() == [
        f"error: {path}: entry {number} is not what was written" for number in (4, 6)
    ]
    assert "faults: 2" in captured.out
    assert main(["journal", "verify", "--journal", str(path), "--json"]) == 3
    faults = json.loads(capsys.readouterr().out)["faults"]
    assert [fault["sequence"] for fault in faults] == [4, 6]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["show", "x"], 1, "the journal has no order 'x'"),
        (["show"], 2, "ORDER_ID"),
        (["verify", "--journal", "{folder}/none"], 1, "there is no such journal"),
        (["verify", "--journal", "{folder}/notes.txt"], 3, "is not a journal of algopioneer"),
        (["verify", "--journal", "{folder}"], 2, "directory"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    path: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, message: str
) -> None:
    """A wrong id, a missing file, a foreign one: an error, never a traceback."""
    (path.parent / "notes.txt").write_text("to do: nothing\n" * 20)
    given = [word.format(folder=path.parent) for word in words]
    if "--journal" not in given:
        given += ["--journal", str(path)]
    assert main(["journal", *given]) == code
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


_RECORDED = """
[journal]
path = "paper.journal"
record_inputs = {record}

[venue.replay]
data = ["A=a.csv"]

[venue.replay.paper]
balances = ["USD=10000"]

[[strategy]]
kind = "moving-average"
instruments = ["replay:A"]
interval = "1m"
short_window = 2
long_window = 3
"""


@pytest.mark.parametrize("record", [True, False])
def test_replay_compares_or_says_what_is_missing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    record: bool,
) -> None:
    """With recorded inputs the figures; without, a refusal with its remedy."""
    pytest.importorskip("algopioneer_strategies")
    monkeypatch.chdir(tmp_path)
    lines = (f"2024-01-01T00:{n:02}:00Z,9,99,1,{9 + n % 7},1\n" for n in range(50))
    (tmp_path / "a.csv").write_text("timestamp,open,high,low,close,volume\n" + "".join(lines))
    (tmp_path / "run.toml").write_text(_RECORDED.format(record=str(record).lower()))
    assert main(["run", "--config", "run.toml"]) == 0
    capsys.readouterr()

    code = main(["journal", "replay", "--config", "run.toml", "--json"])

    out, err = capsys.readouterr()
    if record:
        assert code == 0, err
        found = json.loads(out)
        assert found["starts"] == 1
        assert found["inputs"] > 50
        assert found["orders"] > 5
        assert main(["journal", "replay", "--config", "run.toml"]) == 0
        assert "byte for byte" in capsys.readouterr().out
    else:
        assert code == 3
        assert "record_inputs = true" in err
