"""Crash points: they are named alike in every run, the kill is real, and a planted bug is found."""

import os
import subprocess
import sys

import pytest

from algopioneer_core.journal.rows import Row
from algopioneer_core.testing.crash_life import KILLED, CrashPoints

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system that can fork")
HASTY = """
import sys
import anyio
from algopioneer_core.journal.journal import Journal
from algopioneer_core.runtime.live import LiveDriver
from algopioneer_core.testing.crash_points import main

async def durable(journal, sequence):
    await anyio.lowlevel.checkpoint()

async def commit_late(driver):
    while True:
        await driver._saver.bell.wait()
        await anyio.sleep(0.3)
        await driver._saver.flush()

Journal.durable, LiveDriver._commit = durable, commit_late
sys.exit(main(sys.argv[1:]))
"""
"""A session whose orders leave before their intents are on the disk."""


def commit(rows: list[Row]) -> int:
    """Stand for a disk."""
    return len(rows)


def begin() -> str:
    """Stand for a call that changes nothing."""
    return "begun"


async def test_points_are_named_by_what_happens_and_how_often() -> None:
    """Both sides of each commit; other calls of the disk have none."""
    points = CrashPoints(None)
    for kind in ("intent", "event", "intent"):
        row = Row(1, 1, kind, "", "", None, '{"$OrderFilled":{}}', "")
        assert await points.run_blocking(commit, [row]) == 1
    assert await points.run_blocking(begin) == "begun"
    points.reach("request cancel", "before")

    intents = [
        f"commit intent {number}, {side}" for number in (1, 2) for side in ("before", "after")
    ]
    events = ["commit OrderFilled 1, before", "commit OrderFilled 1, after"]
    assert points.passed == [*intents[:2], *events, *intents[2:], "request cancel 1, before"]


def test_only_the_fatal_point_kills() -> None:
    """The second time of what happens twice, not the first."""
    deaths: list[int] = []
    points = CrashPoints("request submit 2, after", deaths.append)
    for side in ("before", "after", "before"):
        points.reach("request submit", side)
    assert deaths == []
    points.reach("request submit", "after")
    assert deaths == [KILLED]


async def test_a_commit_is_known_by_any_of_its_rows() -> None:
    """What is written together in one run may be written apart in the next."""
    deaths: list[int] = []
    points = CrashPoints("commit trade 1, after", deaths.append)
    rows = [Row(1, 1, kind, "", "", None, "null", "") for kind in ("intent", "trade")]
    await points.run_blocking(commit, rows)
    assert points.passed == ["commit intent 1, before", "commit intent 1, after"]
    assert deaths == [KILLED]


def run(*words: str) -> str:
    """Run Python until it ends and return what it printed."""
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
    return done.stdout


@pytest.mark.long
def test_a_session_killed_after_its_intent_was_written_loses_nothing() -> None:
    """The order was not sent, is asked for, is absent, and nothing is doubled."""
    point = "commit intent 1, after"
    said = run("-m", "algopioneer_core.testing.crash_points", "--point", point)
    assert said.startswith("1 points, 0 violations")


@pytest.mark.long
def test_a_bug_that_sends_before_it_writes_is_named_with_its_point() -> None:
    """The venue then has an order that the journal never heard of."""
    point = "request submit buy reference:ALONE-USD 1, after"
    said = run("-c", HASTY, "--point", point)
    assert f"FAILED at {point!r}" in said
    assert "is at the venue and not in the journal" in said
    assert "1 points, 1 violations" in said
