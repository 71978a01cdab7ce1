"""`algopioneer parity`, as somebody types it after a session on paper."""

import json
from pathlib import Path

import pytest

from algopioneer_core.cli.main import main
from algopioneer_core.cli.rehearsal_files import JOURNAL, SESSION_FILE, write_rehearsal

MINUTES = 500
"""Enough for some trades."""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a session on paper, of two strategies, that recorded its inputs."""
    folder = tmp_path_factory.mktemp("recorded")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_rehearsal(folder, days=1, speed="max", record=True)
        for file in folder.glob("*.csv"):
            rows = file.read_text("utf-8").splitlines()[:MINUTES]
            file.write_text("\n".join(rows) + "\n", "utf-8")
        _rewrite(folder / SESSION_FILE, SESSION_FILE, long_window=90, short_window=30, window=60)
        assert main(["run", "--config", SESSION_FILE, "--json"]) == 0
    return folder


@pytest.fixture(autouse=True)
def _inside(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(recorded)


def _rewrite(path: Path, name: str, **values: object) -> str:
    lines = path.read_text("utf-8").splitlines()
    changed = [
        f"{key} = {values[key]}" if (key := line.partition(" = ")[0]) in values else line
        for line in lines
    ]
    (path.parent / name).write_text("\n".join(changed), "utf-8")
    return name


def _answer(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, object]]:
    found = json.loads(capsys.readouterr().out)
    return {each["strategy"]: each for each in found["strategies"]}


def test_a_session_on_paper_is_its_backtest(capsys: pytest.CaptureFixture[str]) -> None:
    """Of both strategies, over the bars of the files and over those in the journal."""
    assert main(["parity", "--config", SESSION_FILE]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["trend", "spread"]
    assert main(["parity", "--config", SESSION_FILE, "--bars", "journal", "--json"]) == 0
    found = _answer(capsys)
    assert min(int(str(each["equal_fills"])) for each in found.values()) > 3


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"taker_fee_bps": 2}, "fee"),
        ({"slippage_bps": 2}, "fill price"),
        ({"long_window": 91}, "configuration"),
    ],
)
def test_another_session_file_is_a_divergence_with_its_class(
    recorded: Path, changes: dict[str, object], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """And exit code 6; the strategy that was not changed is equal."""
    other = _rewrite(recorded / SESSION_FILE, "other.toml", **changes)
    options = ["--journal", JOURNAL, "--json"]
    assert main(["parity", "--config", other, *options]) == 6
    divergence = _answer(capsys)["trend"]["divergence"]
    assert isinstance(divergence, dict)
    assert divergence["class"] == name
    assert divergence["session"] != divergence["backtest"]


def test_bars_of_another_length_are_put_together_as_the_session_did(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Five minutes out of five bars of the file."""
    five = _rewrite(recorded / SESSION_FILE, "five.toml", interval='"5m"', window=30)
    (recorded / five).write_text(
        (recorded / five).read_text("utf-8").replace("[journal]", '[journal]\npath = "five"'),
        "utf-8",
    )
    assert main(["run", "--config", five, "--json"]) == 0
    capsys.readouterr()
    assert main(["parity", "--config", five, "--json"]) == 0
    assert int(str(_answer(capsys)["spread"]["equal_fills"])) > 3


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--strategy", "trent"], 4, "did you mean 'trend'"),
        (["--journal", "TREND.csv"], 3, "is not a journal"),
        (["--journal", "nowhere"], 1, "there is no such journal"),
        (["--bars", "dreams"], 2, "--bars"),
    ],
)
def test_bad_input_is_told_in_one_line(
    options: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the usual exit codes, none of which is that of a divergence."""
    assert main(["parity", "--config", SESSION_FILE, *options]) == code
    [line] = capsys.readouterr().err.splitlines()
    assert words in line


def test_what_was_not_recorded_is_refused(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A session without its inputs, a strategy that the journal lacks, one that the file lacks."""
    text = (recorded / SESSION_FILE).read_text("utf-8")
    drift = text.replace('name = "trend"', 'name = "drift"')
    (recorded / "drift.toml").write_text(drift, "utf-8")
    alone = (
        text[: text.index('[[strategy]]\nkind = "moving')]
        + text[text.index('[[strategy]]\nkind = "pairs') :]
    )
    (recorded / "alone.toml").write_text(alone, "utf-8")
    mute = text.replace("record_inputs = true", 'record_inputs = false\npath = "mute"')
    (recorded / "mute.toml").write_text(mute, "utf-8")
    assert main(["run", "--config", "mute.toml", "--json"]) == 0
    for options, words in (
        (["mute.toml"], "did not record its inputs"),
        (["drift.toml", "--journal", JOURNAL], "no bar in it that strategy 'drift' decided on"),
        (["alone.toml", "--journal", JOURNAL], "'trend' of the journal is not in the session"),
    ):
        assert main(["parity", "--config", *options]) == 3
        assert words in capsys.readouterr().err
    named = ["--journal", JOURNAL, "--strategy", "spread"]
    assert main(["parity", "--config", "alone.toml", *named]) == 0
