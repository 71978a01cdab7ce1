"""A file is there whole or not at all."""

from pathlib import Path

import pytest

from algopioneer_core.domain.errors import OutputError
from algopioneer_strategies.research.drafts import draft_of


def _write_half(path: Path, fault: BaseException) -> None:
    """Begin to write, and fail."""
    with draft_of(path, remedy="make room") as draft:
        draft.write_text("half", "utf-8")
        raise fault


def test_what_fails_leaves_what_was_there(tmp_path: Path) -> None:
    """And no draft: neither of who gave up, nor of who ran out of room."""
    path = tmp_path / "kept"
    path.write_text("before", "utf-8")
    with pytest.raises(KeyboardInterrupt):
        _write_half(path, KeyboardInterrupt())
    with pytest.raises(OutputError, match=r"kept: .*make room"):
        _write_half(path, OSError(28, "No space left on device"))
    assert ["kept"] == [each.name for each in tmp_path.iterdir()]
    assert "before" == path.read_text("utf-8")


def test_what_is_written_takes_the_place(tmp_path: Path) -> None:
    """At the end of the block."""
    with draft_of(tmp_path / "kept", remedy="make room") as draft:
        draft.write_text("whole", "utf-8")
        assert not (tmp_path / "kept").exists()
    assert "whole" == (tmp_path / "kept").read_text("utf-8")
    assert ["kept"] == [each.name for each in tmp_path.iterdir()]
