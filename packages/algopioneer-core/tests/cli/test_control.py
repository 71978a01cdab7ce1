"""Behaviour of `halt`, `resume` and `flatten`: what is asked, what is answered, what is refused."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from algopioneer_core.cli.main import main
from algopioneer_core.journal.control import ControlAction, ControlBox
from algopioneer_core.journal.lock import hold

SESSION = """
[venue.replay]
data = ["bars.csv"]

[[strategy]]
kind = "moving-average"
name = "fast"
instruments = ["replay:A"]
"""


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a journal that nobody holds, in the working folder, beside its session's file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.toml").write_text(SESSION, "utf-8")
    path = tmp_path / "session.journal"
    path.touch()
    return path


@pytest.fixture
def held(journal: Path) -> Iterator[Path]:
    """Return the same while somebody holds it."""
    with hold(journal):
        yield journal


def _answer(journal: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Let a session answer while the command waits."""

    def answer(_: float) -> None:
        with ControlBox(journal) as box:
            for request in box.pending():
                box.answer(request.id, text)

    monkeypatch.setattr("algopioneer_core.cli.control.time.sleep", answer)


def test_a_session_answers(
    held: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it said is shown, and what that means."""
    _answer(held, monkeypatch, "done: halt fast")

    assert 0 == main(["halt", "--config", "run.toml", "--strategy", "fast", "--reason", "lunch"])

    said = capsys.readouterr().out
    assert said.startswith("done: halt fast; only orders that reduce")


def test_answer_as_json(
    held: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same for programs."""
    _answer(held, monkeypatch, "done: resume all strategies")

    assert 0 == main(["resume", "--journal", str(held), "--json"])

    answer = json.loads(capsys.readouterr().out)
    assert answer.pop("holder").startswith("process ")
    assert answer == {
        "action": "resume",
        "request": 1,
        "obeyed": True,
        "answer": "done: resume all strategies",
    }


def test_a_session_that_does_not_answer(held: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command ends at its deadline, says who holds the journal, and fails."""
    assert 1 == main(["flatten", "--journal", str(held), "--wait", "0.1"])

    assert "has not answered yet; the request stays" in capsys.readouterr().out


@pytest.mark.parametrize(("command", "code"), [("halt", 0), ("resume", 0), ("flatten", 1)])
def test_nobody_holds_the_journal(
    journal: Path, capsys: pytest.CaptureFixture[str], command: str, code: int
) -> None:
    """The request stays for the next start; only a flattening leaves something undone."""
    assert code == main([command, "--config", "run.toml", "--reason", "lunch"])

    said = capsys.readouterr().out
    assert "nobody holds session.journal: the request stays" in said
    assert ("flatten --offline --config run.toml" in said) is (command == "flatten")
    with ControlBox(journal) as box:
        (request,) = box.pending()
    assert (ControlAction(command), None, "lunch") == (
        request.action,
        request.strategy,
        request.reason,
    )


def test_flatten_by_journal_leaves_the_file_to_be_named(
    journal: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A journal does not know its session's file."""
    assert 1 == main(["flatten", "--journal", str(journal)])

    assert "--config FILE.toml" in capsys.readouterr().out


def test_a_session_refuses(
    held: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An answer that does not say that it was done is an error."""
    _answer(held, monkeypatch, "there is no strategy 'slow'; there are: fast")

    assert 3 == main(["halt", "--journal", str(held), "--strategy", "slow"])

    assert "error: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("halt", 2, "give either --config or --journal"),
        ("halt --config run.toml --journal session.journal", 2, "give either"),
        ("halt --journal gone.journal", 1, "gone.journal: there is no such journal"),
        ("halt --config gone.toml", 4, "gone.toml"),
        ("halt --config run.toml --strategy fats", 3, "did you mean 'fast'?"),
        ("halt --config run.toml --wait soon", 2, "--wait"),
        ("halt --config run.toml --wait -1", 2, "--wait"),
        ("flatten --offline --journal session.journal", 2, "--offline closes everything"),
        ("flatten --offline --config run.toml --strategy fast", 2, "--offline closes everything"),
        ("flatten --offline --config run.toml --live", 3, "--live"),
        ("flatten --config run.toml --deadline never", 2, "--deadline"),
    ],
)
def test_bad_words(
    journal: Path, capsys: pytest.CaptureFixture[str], words: str, code: int, said: str
) -> None:
    """One line, and the code that belongs to it."""
    assert code == main(words.split()), journal

    errors = capsys.readouterr().err
    assert said in errors
    assert 1 == len(errors.splitlines())


def test_a_box_that_is_something_else(journal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that cannot be written to is named."""
    journal.with_name("session.journal.control").write_text("no database at all, " * 100, "utf-8")

    assert 1 == main(["halt", "--journal", str(journal)])

    assert "requests cannot be read or written" in capsys.readouterr().err
