"""The names of log events and their reference agree."""

import re
from pathlib import Path

import pytest

import algopioneer_core
from algopioneer_core.telemetry.events import IDENTITY, LEVELS, REPEATING, LogEvent

REFERENCE = Path(__file__).resolve().parents[4] / "docs" / "reference" / "log-events.md"
_ROW = re.compile(r"^\| `(?P<name>[\w.]+)`(?P<mark> ↻)? \|", re.MULTILINE)


@pytest.fixture
def reference() -> str:
    """Return the text of the reference; it is not in a wheel's tests."""
    if not REFERENCE.exists():
        pytest.skip("the documents are not here")
    return REFERENCE.read_text("utf-8")


def test_reference_lists_every_event_in_the_order_of_the_code(reference: str) -> None:
    """Whoever adds an event explains it; nobody waits for one that does not exist."""
    assert [event.value for event in LogEvent] == [row["name"] for row in _ROW.finditer(reference)]


def test_reference_marks_what_is_held_back(reference: str) -> None:
    """A reader must know which lines stand for several."""
    marked = [row["name"] for row in _ROW.finditer(reference) if row["mark"]]
    assert [event.value for event in LogEvent if event in REPEATING] == marked


def test_reference_names_the_fields_that_tell_lines_apart(reference: str) -> None:
    """What makes two lines the same is documented."""
    assert [] == [name for name in IDENTITY if f"`{name}`" not in reference]


def test_names_are_subject_and_verb() -> None:
    """One form, so that a prefix finds all of a subject."""
    assert [] == [e.value for e in LogEvent if not re.fullmatch(r"[a-z]+(\.[a-z_]+)?", e.value)]


def test_every_name_is_used() -> None:
    """No alert waits for a line that is never written."""
    root = Path(algopioneer_core.__file__).parent
    code = "".join(
        path.read_text("utf-8") for path in root.rglob("*.py") if path.name != "events.py"
    )
    assert [] == [event.name for event in LogEvent if f"LogEvent.{event.name}" not in code]


def test_levels_are_those_of_the_reference(reference: str) -> None:
    """How important a line is, is documented."""
    rows = re.findall(r"^\| `([\w.]+)`(?: ↻)? \| (\w+) \|", reference, re.MULTILINE)
    known = dict(rows)
    assert {event.value: level for event, level in LEVELS.items()} == {
        event.value: known[event.value] for event in LEVELS
    }
