from pathlib import Path

import pytest

from algopioneer_core.journal.control import (
    ControlAction,
    ControlBox,
    ControlRequest,
    control_file,
)
from algopioneer_core.journal.errors import JournalError


def test_a_request_is_seen_by_another_process_until_it_is_answered(tmp_path: Path) -> None:
    """Whoever asks can see what became of it."""
    journal = tmp_path / "journal.sqlite"
    with ControlBox(journal) as mine, ControlBox(journal) as theirs:
        first = mine.request(ControlAction.HALT, ts_ns=5, reason="going out")
        second = mine.request(ControlAction.FLATTEN, ts_ns=6, strategy="ma")
        assert list(theirs.pending()) == [
            ControlRequest(first, 5, ControlAction.HALT, None, "going out"),
            ControlRequest(second, 6, ControlAction.FLATTEN, "ma", ""),
        ]
        assert mine.answer_to(first) is None
        theirs.answer(first, "halted")
        assert mine.answer_to(first) == "halted"
        assert [request.id for request in theirs.pending()] == [second]
        assert mine.answer_to(99) is None


def test_requests_outlive_everybody(tmp_path: Path) -> None:
    """A halt that nobody heard is obeyed by whoever comes next."""
    journal = tmp_path / "journal.sqlite"
    with ControlBox(journal) as box:
        box.request(ControlAction.HALT, ts_ns=5)
    with ControlBox(journal) as box:
        assert [request.action for request in box.pending()] == [ControlAction.HALT]


def test_a_request_that_is_not_known_here_is_named(tmp_path: Path) -> None:
    """A newer version may ask for more."""
    with ControlBox(tmp_path / "journal.sqlite") as box:
        box._connection.execute(
            "INSERT INTO requests (ts_ns, action, reason) VALUES (1, 'dance', '')"
        )
        with pytest.raises(JournalError, match="request 1 asks for 'dance'"):
            box.pending()


def test_a_file_that_is_something_else_is_named(tmp_path: Path) -> None:
    """It is not overwritten."""
    journal = tmp_path / "journal.sqlite"
    control_file(journal).write_text("to do: " * 100)
    with pytest.raises(JournalError, match=r"journal.sqlite.control.*not a database"):
        ControlBox(journal)
