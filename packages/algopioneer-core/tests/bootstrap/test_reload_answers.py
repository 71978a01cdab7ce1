"""Those who had a file read again are answered, all of them, once."""

from pathlib import Path

from algopioneer_core.bootstrap.reload_answers import answered_reloads
from algopioneer_core.journal.control import ControlAction, ControlBox


def test_who_asked_before_is_answered_and_nobody_else(tmp_path: Path) -> None:
    """Who asks while the file is being read may have changed it since, and waits."""
    with ControlBox(tmp_path / "x.journal") as box:
        note = box.request(ControlAction.NOTE, ts_ns=1)
        first, second = (box.request(ControlAction.RELOAD, ts_ns=1) for _ in range(2))
        with answered_reloads(box) as answer:
            late = box.request(ControlAction.RELOAD, ts_ns=2)
            answer.text = "done: nothing had changed"
        assert {box.answer_to(each) for each in (first, second)} == {answer.text}
        assert (box.answer_to(note), box.answer_to(late)) == (None, None)


def test_who_came_to_no_end_says_nothing(tmp_path: Path) -> None:
    """As a session that is stopped meanwhile: the request stays."""
    with ControlBox(tmp_path / "x.journal") as box:
        number = box.request(ControlAction.RELOAD, ts_ns=1)
        with answered_reloads(box):
            pass
        assert box.answer_to(number) is None


def test_a_box_that_cannot_be_used_stops_no_reading(tmp_path: Path) -> None:
    """Neither before nor after it."""
    box = ControlBox(tmp_path / "x.journal")
    box.request(ControlAction.RELOAD, ts_ns=1)
    read = []
    with answered_reloads(box) as answer:
        answer.text = "done: nothing had changed"
        box.close()
        read.append("once")
    with answered_reloads(box) as answer:
        answer.text = "done: nothing had changed"
        read.append("twice")
    assert read == ["once", "twice"]
