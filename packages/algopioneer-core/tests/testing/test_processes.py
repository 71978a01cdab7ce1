"""No program outlives the block that a test started it for."""

import subprocess
import sys
from pathlib import Path

import pytest

from algopioneer_core.testing.processes import started

FOR_EVER = "import time; print('on', flush=True); time.sleep(600)"


def test_a_program_that_still_runs_when_its_test_fails_is_killed() -> None:
    """The failure is the test's own, and nothing is left behind."""
    programs: list[subprocess.Popen[str]] = []

    def fail() -> None:
        with started(sys.executable, "-c", FOR_EVER) as process:
            programs.append(process)
            assert process.stdout is not None
            assert process.stdout.readline() == "on\n"
            raise AssertionError("as it happens")

    with pytest.raises(AssertionError, match="as it happens"):
        fail()
    [process] = programs
    assert process.returncode not in (None, 0)
    assert process.stdout is not None
    assert process.stdout.closed


def test_a_program_that_has_ended_keeps_its_code_and_its_words(tmp_path: Path) -> None:
    """In its folder, with its variables, and errors where they were wanted."""
    text = "import os, sys; print(os.getcwd(), os.environ['WORD']); print('no', file=sys.stderr)"
    with started(
        *(sys.executable, "-c", f"{text}; sys.exit(3)"),
        folder=tmp_path,
        environment={"WORD": "yes"},
        stderr=subprocess.STDOUT,
    ) as process:
        said, _ = process.communicate(timeout=120)
    assert sorted(said.splitlines()) == sorted([f"{tmp_path.resolve()} yes", "no"])
    assert process.returncode == 3
