import json
import os
import sqlite3
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from attrs import evolve
from click.testing import CliRunner, Result

from algopioneer_core.cli.errors import run
from algopioneer_core.domain.errors import RefusedError
from algopioneer_core.testing.processes import started
from algopioneer_strategies.research.experiments import GENESIS, Experiment, ExperimentKind
from algopioneer_strategies.research.fingerprints import code_version, data_hash
from algopioneer_strategies.research.ledger import (
    ExperimentLedger,
    LedgerDamaged,
    LedgerUnavailable,
    verify_ledger,
)
from algopioneer_strategies.research.ledger_command import ledger

GRID = Experiment(
    kind=ExperimentKind.GRID,
    ts_ns=1_700_000_000_000_000_000,
    subject="AAA / BBB",
    data_hash="d1",
    code_version="0.1.0+abc",
    trials=96,
    parameters={"windows": [20, 40], "z_entry": [Decimal("1.5")]},
    result={"sharpe": [0.1, None], "best": 0},
)


def written(path: Path, count: int = 5) -> Path:
    """Return a ledger with so many entries, each with a text that no page shares with another."""
    with ExperimentLedger(path) as opened:
        opened.append(
            *(
                evolve(GRID, subject=f"pair {number}", result={"x": "#" * 3000})
                for number in range(1, count + 1)
            )
        )
    return path


def tampered(path: Path, *statements: str) -> Path:
    """Change a ledger as somebody would who knows SQLite."""
    connection = sqlite3.connect(path)
    connection.execute("DROP TRIGGER experiments_are_not_changed")
    connection.execute("DROP TRIGGER experiments_are_not_removed")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()
    return path


def faults(path: Path) -> list[str]:
    """Return what a look at a ledger finds."""
    return [fault.message for fault in verify_ledger(path).faults]


WRITER = """
import sys
from pathlib import Path
from algopioneer_strategies.research.experiments import Experiment, ExperimentKind
from algopioneer_strategies.research.ledger import ExperimentLedger
for number in range(int(sys.argv[3])):
    with ExperimentLedger(Path(sys.argv[1])) as opened:
        opened.append(Experiment(
            kind=ExperimentKind.GRID, ts_ns=number, subject=f"{sys.argv[2]} {number}",
            data_hash="d", code_version="c", trials=1, parameters={}, result={},
        ))
"""


def test_entries_come_back_as_they_were_appended(tmp_path: Path) -> None:
    """Sequences have no gaps, decimals are text, and the chain begins where it must."""
    with ExperimentLedger(tmp_path / "x.sqlite") as opened:
        assert opened.head() == (0, GENESIS)
        opened.append(GRID)
        opened.append(evolve(GRID, kind=ExperimentKind.SCREEN), evolve(GRID, subject="C / D"))
        rows = list(opened.rows())
        assert opened.head() == (3, rows[-1].hash)
        assert [row.sequence for row in opened.rows(kind=ExperimentKind.GRID)] == [1, 3]
        assert [row.sequence for row in opened.rows(last=2)] == [2, 3]
        assert opened.contains(rows[0].hash)
        assert not opened.contains("f" * 64)
    assert json.loads(rows[0].parameters) == {"windows": [20, 40], "z_entry": ["1.5"]}
    assert verify_ledger(tmp_path / "x.sqlite").faults == []


def test_a_batch_is_appended_whole_or_not_at_all(tmp_path: Path) -> None:
    """An experiment that cannot be written takes those before it along."""
    with ExperimentLedger(tmp_path / "x.sqlite") as opened:
        with pytest.raises(RefusedError, match="cannot be written down"):
            opened.append(GRID, evolve(GRID, result={"sharpe": float("nan")}))
        with pytest.raises(RefusedError, match="object is no JSON value"):
            opened.append(evolve(GRID, parameters={"x": object()}))
        assert opened.head() == (0, GENESIS)


def test_an_impossible_experiment_is_refused() -> None:
    """Neither no trial at all, nor a text that could be taken for two fields of the chain."""
    with pytest.raises(RefusedError, match="0 trials"):
        evolve(GRID, trials=0)
    with pytest.raises(RefusedError, match="line feed"):
        evolve(GRID, subject="a\nb")


def test_the_same_trial_counts_once(tmp_path: Path) -> None:
    """Trials are counted by data, subject and parameters, not by how often they were run."""
    with ExperimentLedger(tmp_path / "x.sqlite") as opened:
        opened.append(GRID, evolve(GRID, ts_ns=9), evolve(GRID, subject="C / D"))
        opened.append(evolve(GRID, data_hash="d2"), evolve(GRID, kind=ExperimentKind.SCREEN))
        opened.append(evolve(GRID, parameters={"windows": [9]}, trials=4))
        assert opened.trials(ExperimentKind.GRID, ["d1"]) == 96 + 96 + 4
        assert opened.trials(ExperimentKind.GRID, ["d1", "d2", "d2"]) == 96 + 96 + 4 + 96
        assert opened.trials(ExperimentKind.BACKTEST, ["d1"]) == 0


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE experiments SET result = '{}' WHERE sequence = 3", "entry 3 is not what was"),
        ("UPDATE experiments SET trials = 1 WHERE sequence = 3", "entry 3 is not what was"),
        ("DELETE FROM experiments WHERE sequence = 3", "entry 3 is missing"),
        ("DELETE FROM experiments WHERE sequence IN (2, 3)", "entries 2 to 3 are missing"),
        ("DELETE FROM experiments WHERE sequence > 3", "entries 4 to 5 are missing"),
        ("UPDATE heading SET sequence = 4", "the heading says that the last entry is 4"),
    ],
)
def test_what_was_changed_is_found_and_named(tmp_path: Path, statement: str, said: str) -> None:
    """A row that was changed or is missing shows, wherever it stands."""
    path = tampered(written(tmp_path / "x.sqlite"), statement)
    assert any(said in message for message in faults(path))


def test_entries_slipped_in_are_found(tmp_path: Path) -> None:
    """A copy of a good row does not fit in another place."""
    path = tampered(
        written(tmp_path / "x.sqlite"),
        "DELETE FROM experiments WHERE sequence = 4",
        "INSERT INTO experiments SELECT 4, ts_ns, kind, subject, data_hash, code_version, trials,"
        " parameters, result, hash FROM experiments WHERE sequence = 3",
    )
    assert "entry 4 is not what was written" in faults(path)


def test_a_clean_cut_is_found_by_the_head_of_a_report(tmp_path: Path) -> None:
    """An older copy is whole by itself; a chain head that was stated later is not in it."""
    path = written(tmp_path / "x.sqlite")
    older = path.read_bytes()
    with ExperimentLedger(path) as opened:
        [row] = opened.append(GRID)
    assert verify_ledger(path, contains=row.hash).faults == []
    path.write_bytes(older)
    [fault] = verify_ledger(path, contains=row.hash).faults
    assert fault.message == f"no entry has the hash {row.hash}"


def test_nothing_can_be_changed_by_accident(tmp_path: Path) -> None:
    """The file itself refuses updates and deletions."""
    connection = sqlite3.connect(written(tmp_path / "x.sqlite"))
    for statement in ("UPDATE experiments SET trials = 1", "DELETE FROM experiments"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(statement)
    connection.close()


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.77, 0.999])
def test_a_truncated_file_is_found(tmp_path: Path, share: float) -> None:
    """Wherever it was cut, on a page's edge or not, even to nothing."""
    path = written(tmp_path / "x.sqlite")
    os.truncate(path, int(path.stat().st_size * share))
    with pytest.raises(LedgerDamaged, match=r"damaged or truncated|is empty"):
        verify_ledger(path)


def test_flipped_bytes_are_found(tmp_path: Path) -> None:
    """A byte of an entry that changed on the disk breaks the chain."""
    path = written(tmp_path / "x.sqlite")
    content = path.read_bytes().replace(b"##########", b"#########!", 1)
    path.write_bytes(content)
    assert len(faults(path)) == 1


def test_other_files_are_refused(tmp_path: Path) -> None:
    """Another database, a text, a newer ledger, and none."""
    text, other, newer = tmp_path / "text", tmp_path / "other", written(tmp_path / "newer")
    text.write_text("no ledger\n" * 200)
    for path, statement in ((other, "CREATE TABLE t (x)"), (newer, "PRAGMA user_version = 2")):
        connection = sqlite3.connect(path)
        connection.execute(statement)
        connection.close()
    for path, said in ((text, "damaged"), (other, "is not an experiment"), (newer, "version 2")):
        with pytest.raises(LedgerDamaged, match=said):
            ExperimentLedger(path)
    with pytest.raises(LedgerUnavailable, match="there is no such ledger"):
        ExperimentLedger(tmp_path / "none", create=False)
    with pytest.raises(LedgerUnavailable, match="cannot be used"):
        ExperimentLedger(tmp_path / "no-folder" / "x.sqlite")


def test_a_ledger_without_heading_is_damaged(tmp_path: Path) -> None:
    """It cannot be continued, for nobody knows where."""
    path = tampered(written(tmp_path / "x.sqlite"), "DELETE FROM heading")
    with pytest.raises(LedgerDamaged, match="the heading is missing"):
        verify_ledger(path)


def test_two_processes_write_one_chain(tmp_path: Path) -> None:
    """Both make the file, both append at once: every entry is there, and the chain is whole."""
    path, count = tmp_path / "x.sqlite", 12
    command = [sys.executable, "-c", WRITER, str(path)]
    with started(*command, "a", str(count)) as one, started(*command, "b", str(count)) as other:
        assert [writer.wait(60) for writer in (one, other)] == [0, 0]
    assert verify_ledger(path).faults == []
    with ExperimentLedger(path) as opened:
        subjects = [row.subject for row in opened.rows()]
    assert sorted(subjects) == sorted(f"{name} {n}" for name in "ab" for n in range(count))


def test_a_writer_that_died_leaves_nothing(tmp_path: Path) -> None:
    """A transaction cut off in the middle is rolled back by whoever opens the file next."""
    path = written(tmp_path / "x.sqlite", 2)
    dead = sqlite3.connect(path, isolation_level=None)
    dead.execute("PRAGMA cache_size = 1")  # so that it writes pages before it commits
    dead.execute("BEGIN IMMEDIATE")
    dead.execute("UPDATE heading SET sequence = 99")
    row = "INSERT INTO experiments VALUES (?, 0, 'grid', '', '', '', 1, '', ?, '')"
    dead.executemany(row, [(number, "z" * 4000) for number in range(3, 40)])
    half_written = {each: each.read_bytes() for each in tmp_path.iterdir()}
    dead.execute("ROLLBACK")
    dead.close()
    assert len(half_written) == 2  # the file, and what rolls it back
    for each, content in half_written.items():
        each.write_bytes(content)
    assert verify_ledger(path).entries == 2
    assert faults(path) == []


def test_data_hash_sees_every_bit_and_the_shape() -> None:
    """Symbols, times, values and types count; the layout in memory does not."""
    times = np.arange(3)
    prices = np.arange(6.0).reshape(3, 2)
    first = data_hash(["A", "B"], times, [prices])
    assert first == data_hash(["A", "B"], times, [np.asfortranarray(prices)])
    assert first == data_hash(["A", "B"], times, [prices.astype(">f8")])
    others = [
        data_hash(["A", "C"], times, [prices]),
        data_hash(["A", "B"], times + 1, [prices]),
        data_hash(["A", "B"], times, [np.nextafter(prices, 9)]),
        data_hash(["A", "B"], times, [prices.astype(np.int64)]),
        data_hash(["A", "B"], times, [prices.reshape(2, 3)]),
    ]
    assert len({first, *others}) == 6


def test_code_version_follows_the_sources(tmp_path: Path) -> None:
    """A changed line is another version."""
    (tmp_path / "a.py").write_text("x = 1\n")
    before = code_version(tmp_path)
    (tmp_path / "a.py").write_text("x = 2\n")
    assert before != code_version(tmp_path)
    assert code_version().startswith("0.")
    assert before.partition("+")[0] == code_version().partition("+")[0]


@pytest.fixture
def asked(tmp_path: Path) -> Callable[..., Result]:
    """Ask `ledger` about a file of this test's folder."""
    return lambda *words: CliRunner().invoke(
        ledger, [*words, "--ledger", str(tmp_path / "x.sqlite")]
    )


def test_show_lists_what_was_tried(tmp_path: Path, asked: Callable[..., Result]) -> None:
    """One line for each entry, or all of it as JSON."""
    written(tmp_path / "x.sqlite", 3)
    lines = asked("show", "--last", "2").output.splitlines()
    assert lines[0].split()[:3] == ["2", "2023-11-14T22:13:20", "grid"]
    assert lines[-1] == "entries: 2, trials: 192"
    rows = json.loads(asked("show", "--json").output)
    assert [row["sequence"] for row in rows] == [1, 2, 3]
    assert rows[0]["parameters"]["windows"] == [20, 40]
    assert json.loads(asked("show", "--json", "--kind", "screen").output) == []


def test_verify_tells_the_head_and_exits_with_3_on_a_fault(
    tmp_path: Path, asked: Callable[..., Result]
) -> None:
    """Whole: 0 and the head for a report. Changed: 3 and the entry."""
    path = written(tmp_path / "x.sqlite")
    good = asked("verify")
    assert (good.exit_code, "entries: 5, as it was written") == (0, good.output.splitlines()[0])
    assert json.loads(asked("verify", "--json").output)["faults"] == []
    assert asked("verify", "--contains", "0" * 64).exit_code == 3
    tampered(path, "DELETE FROM experiments WHERE sequence = 2")
    bad = asked("verify")
    assert bad.exit_code == 3
    assert f"error: {path}: entry 2 is missing" in bad.output


def test_the_command_says_what_is_wrong_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No ledger, no traceback."""
    assert run(ledger, ["show", "--ledger", str(tmp_path / "none")]) == 1
    assert "there is no such ledger" in capsys.readouterr().err
