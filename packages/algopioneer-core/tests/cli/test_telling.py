"""Sessions of other processes are told to read their file again."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from algopioneer_core.cli.kit import tell_session
from algopioneer_core.domain.errors import RefusedError
from algopioneer_core.journal import lock
from algopioneer_core.journal.control import ControlAction, ControlBox

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")


def _answer(journal: Path, text: str) -> None:
    """Let a session answer whoever has asked it to read its file."""
    with ControlBox(journal) as box:
        for each in box.pending():
            if each.action is ControlAction.RELOAD:
                box.answer(each.id, text)


@pytest.fixture
def heard() -> Iterator[list[int]]:
    """Return the signals that came."""
    signals: list[int] = []
    before = signal.signal(signal.SIGHUP, lambda number, _: signals.append(number))
    yield signals
    signal.signal(signal.SIGHUP, before)


def test_who_holds_the_journal_is_told_and_why(
    tmp_path: Path, heard: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a signal; the reason waits in the box beside the journal. What came of it is said."""
    journal = tmp_path / "desk.journal"
    slept = lambda _: _answer(journal, "done: AAA-BBB was added")  # noqa: E731
    monkeypatch.setattr("algopioneer_core.cli.telling.time.sleep", slept)
    with lock.hold(journal):
        told = tell_session(journal, note="a better pair", reload=True, ts_ns=7)
    assert told is not None
    assert told.startswith(f"process {os.getpid()} on ")
    assert told.endswith(" has read it again: AAA-BBB was added")
    assert heard == [signal.SIGHUP]
    with ControlBox(journal) as box:
        (request,) = box.pending()
    assert (ControlAction.NOTE, "a better pair", 7) == (
        request.action,
        request.reason,
        request.ts_ns,
    )


def test_a_session_that_refuses_the_file_is_a_refusal(
    tmp_path: Path, heard: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its own words: the file was changed, and nobody trades by it."""
    journal = tmp_path / "desk.journal"
    slept = lambda _: _answer(journal, "run.toml: no such strategy")  # noqa: E731
    monkeypatch.setattr("algopioneer_core.cli.telling.time.sleep", slept)
    with lock.hold(journal), pytest.raises(RefusedError, match=r"refuses .*: run.toml: no such"):
        tell_session(journal, note="x", reload=True, ts_ns=7)
    assert heard == [signal.SIGHUP]


def test_a_session_that_does_not_answer_is_not_waited_for_for_ever(
    tmp_path: Path, heard: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is known is said, and where to look; so it is where it ends meanwhile."""
    journal, slept = tmp_path / "desk.journal", list[float]()
    monkeypatch.setattr("algopioneer_core.cli.telling.time.sleep", slept.append)
    with lock.hold(journal):
        told = tell_session(journal, note="x", reload=True, ts_ns=7)
    assert told is not None
    assert "has not said what came of it: its log has config.reloaded or config.refused" in told
    assert sum(slept) == pytest.approx(20)
    with contextlib.ExitStack() as held:
        held.enter_context(lock.hold(journal))
        monkeypatch.setattr("algopioneer_core.cli.telling.time.sleep", lambda _: held.close())
        assert tell_session(journal, note="x", reload=True, ts_ns=7) is not None
    assert len(heard) == 2


def test_where_nobody_holds_it_nobody_is_told(tmp_path: Path, heard: list[int]) -> None:
    """And nothing is left behind."""
    assert tell_session(tmp_path / "desk.journal", note="x", reload=True, ts_ns=7) is None
    assert (heard, list(tmp_path.iterdir())) == ([], [])


def test_a_session_on_another_host_is_refused(
    tmp_path: Path, heard: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process of the same number here is somebody else's."""
    journal = tmp_path / "desk.journal"
    with lock.hold(journal):
        monkeypatch.setattr("socket.gethostname", lambda: "elsewhere")
        with pytest.raises(RefusedError, match=r"not told .*cannot be reached from here"):
            tell_session(journal, note="x", reload=True, ts_ns=7)
    assert heard == []
    with ControlBox(journal) as box:
        assert list(box.pending()) == []


def test_a_process_that_cannot_be_signalled_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It runs as another user, for instance."""

    def denied(_pid: int, _number: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    journal = tmp_path / "desk.journal"
    with lock.hold(journal):
        monkeypatch.setattr("os.kill", denied)
        with pytest.raises(RefusedError, match=r"operation not permitted .*SIGHUP"):
            tell_session(journal, note="x", reload=True, ts_ns=7)


def test_a_note_alone_needs_no_signal(tmp_path: Path, heard: list[int]) -> None:
    """What was decided is kept, and nothing is read again."""
    journal = tmp_path / "desk.journal"
    with lock.hold(journal):
        assert tell_session(journal, note="kept", reload=False, ts_ns=7) is not None
    with ControlBox(journal) as box:
        assert [each.reason for each in box.pending()] == ["kept"]
    assert heard == []
